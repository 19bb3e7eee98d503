//! `--profile`: what it writes can be read by programs, fits together, and changes no bit of the run.

use crate::place::Place;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;

const FLAGS: &str = "--set hidden=8 --set latents=2 --set batch=16 --threads 2";

fn json(place: &Place, file: &str) -> Value {
    serde_json::from_slice(&fs::read(place.path(file)).unwrap()).unwrap_or_else(|e| panic!("{file}: {e}"))
}

/// The files of the run's checkpoint after these steps, but for its wall-clock time.
fn checkpoint(place: &Place, run: &str, step: u64) -> BTreeMap<String, Vec<u8>> {
    let folder = place.path(&format!("{run}/checkpoints/step-{step}"));
    let entries = fs::read_dir(&folder).unwrap().map(Result::unwrap);
    let tensors = entries.filter(|entry| entry.path().extension().is_some_and(|e| e == "safetensors"));
    tensors.map(|e| (e.file_name().to_string_lossy().into_owned(), fs::read(e.path()).unwrap())).collect()
}

#[test]
fn a_profiled_run_has_the_same_bits_and_a_table_and_a_trace_that_nest() {
    let place = Place::new();
    let train = |line: &str| {
        let output = place.glassbox(line.split(' '));
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    train(&format!("train vae-mlp --out plain --steps 6 {FLAGS}"));
    let said = train(&format!("train vae-mlp --out run --steps 4 --profile {FLAGS}"));
    assert!(said.contains("Profile of vae-mlp, steps 1 to 4: ") && said.contains("run/trace.json"), "{said}");
    assert!(said.contains(&fs::read_to_string(place.path("run/profile.md")).unwrap()), "{said}");
    let said = train("train --resume run --steps 6 --profile --threads 2");
    assert!(said.contains("Profile of vae-mlp, steps 5 to 6: "), "{said}");
    let (plain, run) = (checkpoint(&place, "plain", 6), checkpoint(&place, "run", 6));
    assert!(
        plain.len() >= 2 && plain == run,
        "profiled or not, resumed or not: the same parameters and the same state"
    );

    let profile = json(&place, "run/profile.json");
    assert_eq!((profile["steps"].as_u64(), profile["threads"].as_u64()), (Some(2), Some(2)));
    let rows = profile["operations"].as_array().unwrap();
    let row = |phase: &str, operation: &str| {
        let found = rows.iter().find(|row| row["phase"] == phase && row["operation"] == operation);
        found.unwrap_or_else(|| panic!("no {operation} in {phase}: {rows:?}"))
    };
    for (phase, operation) in [("forward", "linear"), ("backward", "linear"), ("optimiser", "Adam")] {
        let row = row(phase, operation);
        assert!(row["flops"].as_u64() > Some(0) && row["seconds"].as_f64() > Some(0.0), "{row}");
        assert!(row["allocations"].as_u64().is_some(), "this program's allocator counts: {row}");
    }
    assert_eq!(row("optimiser", "Adam")["calls"], 2);
    let in_steps = rows.iter().filter(|row| row["phase"] != "evaluation" && row["phase"] != "other");
    let sum: f64 = in_steps.map(|row| row["seconds"].as_f64().unwrap()).sum();
    assert!(sum <= profile["seconds"].as_f64().unwrap(), "rows don't overlap");

    let trace = json(&place, "run/trace.json");
    assert_eq!(trace["otherData"]["steps"], 2);
    nests(trace["traceEvents"].as_array().unwrap());
}

/// Complete events, two of which are one inside the other, or apart.
fn nests(events: &[Value]) {
    let nanoseconds = |x: &Value| (x.as_f64().unwrap() * 1e3).round() as u64;
    let complete = events.iter().filter(|event| event["ph"] == "X");
    let mut spans: Vec<(u64, u64, &str)> = complete
        .map(|e| (nanoseconds(&e["ts"]), nanoseconds(&e["ts"]) + nanoseconds(&e["dur"]), e["name"].as_str().unwrap()))
        .collect();
    assert_eq!(spans.iter().filter(|(.., name)| *name == "step").count(), 2);
    assert!(spans.len() > 50, "{}", spans.len());
    spans.sort_by_key(|&(start, end, _)| (start, std::cmp::Reverse(end)));
    let mut around: Vec<(u64, &str)> = Vec::new();
    for (start, end, name) in spans {
        while around.last().is_some_and(|&(end, _)| end <= start) {
            around.pop();
        }
        let outer = around.last().copied();
        assert!(outer.is_none_or(|(outer, _)| end <= outer), "{name} reaches out of {outer:?}");
        around.push((end, name));
    }
}

#[test]
fn nothing_is_written_unless_it_is_asked_for() {
    let place = Place::new();
    let output = place.glassbox(format!("train vae-mlp --out run --steps 2 {FLAGS}").split(' '));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!String::from_utf8_lossy(&output.stdout).contains("Profile of"));
    for file in ["profile.md", "profile.json", "trace.json"] {
        assert!(!place.path(&format!("run/{file}")).exists(), "{file}");
    }
}
