//! `glassbox eval --judge`: the protocol's numbers of a run, and whose samples have none.

use crate::place::{Place, stdout};
use serde_json::Value;

#[track_caller]
fn ran(place: &Place, line: &str) -> String {
    let output = place.glassbox(line.split(' '));
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    stdout(&output)
}

#[test]
fn a_run_is_judged_with_the_floor_the_judges_hash_and_the_nearest_training_pictures() {
    let place = Place::with_run();
    let document: Value = serde_json::from_str(&ran(&place, "eval run --judge --json --threads 3")).unwrap();
    let judge = &document["judge"];
    assert_eq!((&judge["protocol"], &judge["n"], &judge["set"]), (&1.into(), &2000.into(), &"fashion-mnist".into()));
    assert_eq!(judge["sha256"].as_str().map(str::len), Some(64));
    assert_eq!(judge["nearest"].as_array().map(Vec::len), Some(16));
    let of = |who: &str, name: &str| judge[who][name].as_f64().unwrap();
    // After two steps a network draws grey: far from clothes, and all alike. The floor depends on no model.
    assert!(of("samples", "frechet") > 100.0 * of("floor", "frechet"), "{judge}");
    assert_eq!(of("samples", "recall"), 0.0);
    assert!((of("floor", "frechet") - 1.452).abs() < 0.01, "{judge}");
    assert!(place.read(judge["picture"].as_str().unwrap()).starts_with(b"\x89PNG"));

    // The same as text, on another number of threads.
    let text = ran(&place, "eval run --judge");
    assert!(text.starts_with("vae-mlp in run, step 2"), "{text}");
    let hash = judge["sha256"].as_str().unwrap();
    for part in [hash, &format!("| samples | `{}` | {:.3} | ", &hash[..12], of("samples", "frechet")), "picture  run/"]
    {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
    // Nobody asked: nothing is judged.
    assert!(!ran(&place, "eval run --json").contains("judge"));
}

#[test]
fn a_model_that_makes_no_pictures_is_not_judged() {
    let place = Place::new();
    ran(&place, "train judge --out run --steps 1");
    let output = place.glassbox(["eval", "run", "--judge"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.starts_with("glassbox: run: judge makes no pictures") && said.contains("such as vae-mlp"), "{said}");
}
