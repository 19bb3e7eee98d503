//! `glassbox report`: pages that need nothing beside themselves, and tables that other programs read.

use crate::place::{Place, stdout};
use serde_json::Value;
use std::process::Output;

#[track_caller]
fn printed(place: &Place, line: &str) -> String {
    let output = place.glassbox(line.split(' '));
    assert!(output.status.success(), "{line}: {}", said(&output));
    stdout(&output)
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Two runs that differ in their seed and in one setting.
fn two_runs() -> Place {
    let place = Place::new();
    let flags = "--steps 6 --set hidden=8 --set latents=2 --set batch=16 --set sample_every=3";
    printed(&place, &format!("train vae-mlp --out a {flags}"));
    printed(&place, &format!("train ae --out b --seed 7 --set lr=0.003 {flags}"));
    place
}

#[test]
fn runs_are_compared_on_one_page_that_refers_to_nothing_outside() {
    let place = two_runs();
    assert_eq!(printed(&place, "report a b"), "comparison.html\n");
    let html = String::from_utf8(place.read("comparison.html")).unwrap();
    // The settings that differ are there with both values, the others aren't.
    for cells in ["seed</th><td>0</td><td>7", "lr</th><td>0.001</td><td>0.003", "preset</th><td>vae-mlp</td><td>ae"] {
        assert!(html.contains(cells), "{cells} is not in the page");
    }
    for text in ["hidden</th>", "src=\"http", "href=\"http", "@import", "url(", "<script", "<link"] {
        assert!(!html.contains(text), "{text} is in the page");
    }
    // Loss, its parts and the norm of each step, and what is known of held-out data; only one of the two has a divergence.
    assert!(html.matches("<svg").count() >= 6 && html.contains("test_kl") && html.matches("base64,").count() == 2);
    for run in ["a", "b"] {
        let evaluation: Value = serde_json::from_slice(&place.read(&format!("{run}/evaluation.json"))).unwrap();
        let loss = format!("<td>{:.2}</td>", evaluation["loss"].as_f64().unwrap());
        assert!(html.contains(&loss), "{loss} is not in the page");
    }
    // Again, over that page, and beside it.
    printed(&place, "report b a --out comparison.html --force");
    assert_eq!(printed(&place, "report a b"), "comparison-2.html\n");
}

#[test]
fn one_run_gives_its_report_anew() {
    let place = Place::with_run();
    let (first, before) = (place.read("run/report.html"), place.everything());
    std::fs::remove_file(place.path("run/report.html")).unwrap();
    assert_eq!(printed(&place, "report run").trim(), "run/report.html");
    assert!(place.read("run/report.html") == first && place.everything() == before);
    // Without the evaluation it is made again, with the same numbers.
    std::fs::remove_file(place.path("run/evaluation.json")).unwrap();
    printed(&place, "report run --out copy.html");
    assert!(place.read("copy.html") == first);
}

#[test]
fn the_table_has_every_number_of_the_metrics_and_no_other() {
    let place = two_runs();
    let csv = printed(&place, "report a b --csv -");
    printed(&place, "report a b --csv both.csv");
    assert_eq!(place.read("both.csv"), csv.as_bytes());
    let rows: Vec<Vec<&str>> = csv.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(rows[0][..3], ["run", "step", "loss"]);
    assert_eq!(rows[0][rows[0].len() - 2..], ["seconds", "examples"]);
    let mut expected = Vec::new();
    for run in ["a", "b"] {
        let text = String::from_utf8(place.read(&format!("{run}/metrics.jsonl"))).unwrap();
        expected.extend(text.lines().map(|line| (run, serde_json::from_str::<Value>(line).unwrap())));
    }
    assert_eq!(rows.len() - 1, expected.len());
    for (row, (run, record)) in rows[1..].iter().zip(&expected) {
        assert_eq!((row[0], row.len()), (*run, rows[0].len()));
        let mut numbers = record.as_object().unwrap().clone();
        for (name, cell) in rows[0].iter().zip(row).skip(1) {
            match numbers.remove(*name) {
                Some(number) => assert_eq!(cell.parse::<f64>().unwrap(), number.as_f64().unwrap(), "{name}"),
                None => assert_eq!(*cell, "", "{name}"),
            }
        }
        assert!(numbers.is_empty(), "{numbers:?} are in no column");
    }
    // One run needs no column that says which.
    assert!(printed(&place, "report a --csv -").starts_with("step,loss,reconstruction,kl,"));
}
