//! Two processes on one run: one trains, the other is told so and may read.

use crate::place::{Place, stdout};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// A process that trains `run` until it is killed.
fn training(place: &Place) -> Child {
    let line = "train vae-mlp --out run --steps 1000000 --set hidden=8 --set latents=2 --set checkpoint_every=5";
    let child = place.command(line.split(' ')).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let begun = Instant::now();
    while std::fs::metadata(place.path("run/metrics.jsonl")).map_or(0, |m| m.len()) == 0 {
        assert!(begun.elapsed() < Duration::from_secs(60), "no step was taken in a minute");
        std::thread::sleep(Duration::from_millis(10));
    }
    child
}

#[test]
fn the_second_is_told_who_trains_the_run_and_what_to_do_and_may_read_it() {
    let place = Place::new();
    let mut first = training(&place);
    let refused = place.glassbox(["train", "--resume", "run"]);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(2), "{said}");
    assert!(refused.stdout.is_empty() && said.lines().count() == 1, "{said}");
    for part in [&format!("run: is being trained by process {}, for ", first.id()), "wait until it ends", "--out"] {
        assert!(said.contains(part), "{part:?} is not in {said}");
    }
    // While the first goes on to replace its checkpoints.
    for line in ["eval run --json", "sample run -n 1 --out x.png", "eval run"] {
        let output = place.glassbox(line.split(' '));
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    }
    assert!(first.try_wait().unwrap().is_none(), "the first still trains");

    // What a kill leaves behind is no obstacle.
    first.kill().unwrap();
    first.wait().unwrap();
    assert!(place.read("run/lock").starts_with(b"{\"pid\":"));
    let step: serde_json::Value = serde_json::from_slice(&place.glassbox(["eval", "run", "--json"]).stdout).unwrap();
    let next = step["step"].as_u64().unwrap() + 1;
    let output = place.glassbox(["train", "--resume", "run", "--steps", &next.to_string()]);
    assert!(stdout(&output).starts_with(&format!("step {next}  ")), "{}", String::from_utf8_lossy(&output.stderr));
}
