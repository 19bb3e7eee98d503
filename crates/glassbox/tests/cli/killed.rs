//! `kill -9` at any moment: nothing is lost.

use crate::damage::splitmix;
use crate::place::Place;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

const STEPS: u64 = 30;

/// What is trained: the loop matters here and not the network. Most of its time goes into checkpoints.
const SETTINGS: &str =
    "--seed 3 --set hidden=8 --set latents=2 --set batch=4 --set checkpoint_every=2 --set sample_every=7";

/// The next sitting of a run: the command that starts it as long as it isn't one, and resume afterwards.
fn sit(place: &Place, run: &str) -> Child {
    let is_run = place.path(run).join("config.toml").exists();
    let line = match is_run {
        true => format!("train --resume {run} --steps {STEPS} --threads 1"),
        false => format!("train vae-mlp --out {run} --steps {STEPS} --threads 1 {SETTINGS}"),
    };
    place.command(line.split(' ')).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the binary starts")
}

/// Everything about a run that doesn't depend on the clock, by the file's name.
fn outcome(place: &Place, run: &str) -> BTreeMap<String, Vec<u8>> {
    let root = place.path(run);
    let mut all = BTreeMap::new();
    for (path, content) in place.everything() {
        let (Ok(path), Some(content)) = (path.strip_prefix(&root), content) else { continue };
        let (name, file) = (path.to_str().unwrap(), path.file_name().unwrap().to_str().unwrap());
        let content = match file {
            // The report shows the seconds; the manifest has a sum over them; the lock is empty or names a process.
            "report.html" | "manifest.json" | "lock" => continue,
            // What was half written and never got its name; the next sitting removes it, or the last kill left it.
            _ if file.starts_with('.') => continue,
            "metrics.jsonl" | "state.json" => timeless(&content),
            _ => content,
        };
        all.insert(name.to_string(), content);
    }
    all
}

/// JSON texts, one after the other, without the wall clock.
fn timeless(text: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    for value in serde_json::Deserializer::from_slice(text).into_iter::<Value>() {
        let mut value = value.expect("whole JSON");
        value.as_object_mut().expect("an object").remove("seconds").expect("the wall clock");
        all.extend(value.to_string().into_bytes());
    }
    all
}

/// A hundred kills of sittings, of as many runs as that takes: each is resumed until it is done and compared with the one that
/// was left alone.
#[test]
fn a_run_that_is_killed_at_any_moment_ends_with_the_bits_of_the_run_that_was_not() {
    const KILLS: usize = 100;
    let place = Place::new();
    assert!(sit(&place, "whole").wait().unwrap().success());
    let expected = outcome(&place, "whole");
    assert!(expected.contains_key(&format!("checkpoints/step-{STEPS}/model.safetensors")), "{:?}", expected.keys());

    let (mut killed, mut runs, mut in_a_checkpoint, mut at_the_end, mut random) = (0, 0, 0, 0, 1);
    while killed < KILLS {
        runs += 1;
        let run = format!("run-{runs}");
        for sitting in 0.. {
            let metrics = place.path(&run).join("metrics.jsonl");
            let length = || fs::metadata(&metrics).map_or(0, |m| m.len());
            let before = length();
            let left = checkpoints(&place, &run);
            let mut child = sit(&place, &run);
            let mut ended = None;
            if killed < KILLS {
                // One in four, and the first two of a run, while they start; the others between two steps or in one.
                let starting = sitting < 2 || splitmix(&mut random).is_multiple_of(4);
                let begun = Instant::now();
                while !starting && length() == before && ended.is_none() {
                    assert!(begun.elapsed() < Duration::from_secs(60), "nothing happens");
                    sleep(Duration::from_micros(300));
                    ended = child.try_wait().unwrap();
                }
                // Short waits end in the first steps; with long ones the run gets on.
                let longest = [4_000, 40_000, 300_000][splitmix(&mut random) as usize % 3];
                sleep(Duration::from_micros(splitmix(&mut random) % longest));
                ended = child.try_wait().unwrap();
                if ended.is_none() {
                    child.kill().unwrap(); // SIGKILL
                    killed += 1;
                }
            }
            let output = child.wait_with_output().unwrap();
            if output.status.success() {
                break;
            }
            let said = String::from_utf8_lossy(&output.stderr);
            if said.contains(&format!("has taken {STEPS} steps already")) {
                break; // the kill before came when all was done and the process was about to end
            }
            assert!(ended.is_none() && !said.contains("glassbox: "), "sitting {sitting} of {run}: {said}");
            let names = checkpoints(&place, &run);
            in_a_checkpoint += usize::from(names.iter().any(|name| name.ends_with(".tmp") && !left.contains(name)));
            at_the_end += usize::from(names.contains(&format!("step-{STEPS}")));
        }
        let outcome = outcome(&place, &run);
        assert!(outcome.keys().eq(expected.keys()), "{:?} instead of {:?}", outcome.keys(), expected.keys());
        for (name, content) in &outcome {
            assert!(*content == expected[name], "{name} of {run} differs");
        }
    }
    println!(
        "{killed} kills of {runs} runs, {in_a_checkpoint} while a checkpoint was written or removed, {at_the_end} after the \
         last step"
    );
    assert!(in_a_checkpoint > 0, "no kill came while a checkpoint was written");
}

/// What lies in the folder of a run's checkpoints, if there is one yet.
fn checkpoints(place: &Place, run: &str) -> Vec<String> {
    let entries = fs::read_dir(place.path(run).join("checkpoints")).into_iter().flatten();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}
