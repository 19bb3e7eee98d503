//! Who looks on as a run trains: the dashboard and the files for TensorBoard.

use crate::place::Place;
use std::fs;
#[cfg(unix)]
use std::{
    io::Write,
    process::{Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

#[test]
fn a_dashboard_without_a_terminal_is_a_mistake_and_leaves_nothing() {
    let place = Place::new();
    let output = place.glassbox("train ae --out run --tui".split(' '));
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.starts_with("glassbox: --tui draws on a terminal") && said.lines().count() == 1, "{said}");
    assert!(said.contains("leave --tui out") && !place.path("run").exists(), "{said}");
}

#[test]
fn tensorboard_gets_its_file_only_if_it_is_asked_for() {
    let place = Place::new();
    let is_full = |path: std::path::PathBuf| fs::metadata(path).is_ok_and(|m| m.len() > 0);
    let files = || {
        let entries = fs::read_dir(place.path("run/tensorboard")).into_iter().flatten();
        entries.filter(|entry| entry.as_ref().is_ok_and(|entry| is_full(entry.path()))).count()
    };
    for (line, expected) in [
        ("train ae --out run --steps 2 --set hidden=8", 0),
        ("train --resume run --steps 4 --tensorboard", 1),
        ("train --resume run --steps 6 --tensorboard", 1),
    ] {
        let output = place.glassbox(line.split(' '));
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(files(), expected, "{line}");
    }
}

/// On a terminal of its own, which `script` makes.
#[cfg(unix)]
#[test]
fn q_saves_and_quits_the_dashboard_and_the_run_goes_on_bit_for_bit() {
    if Command::new("script").arg("--version").output().is_err() {
        eprintln!("left out: there is no `script` here, which makes a terminal");
        return;
    }
    let place = Place::new();
    let flags = "--threads 1 --set hidden=8 --set latents=2 --set batch=4";
    let line = format!("'{}' train vae-mlp --out run --steps 100000 --tui {flags}", env!("CARGO_BIN_EXE_glassbox"));
    let mut script = Command::new("script");
    script.args(["-qec", &line, "/dev/null"]).current_dir(place.path("")).env("TERM", "xterm-256color");
    let mut script = script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let begun = Instant::now();
    while fs::metadata(place.path("run/metrics.jsonl")).map_or(0, |m| m.len()) == 0 {
        assert!(begun.elapsed() < Duration::from_secs(60), "no step was taken in a minute");
        sleep(Duration::from_millis(10));
    }
    let mut keys = script.stdin.take().unwrap();
    keys.write_all(b"q").unwrap();
    keys.flush().unwrap();
    let output = script.wait_with_output().unwrap(); // the keys stay open until then: their end would be a key, too
    drop(keys);
    let screen = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{screen}");
    // The other screen is left, the cursor is back, and what a run says at its end stands on the terminal.
    let after = screen.rsplit("\x1b[?1049l").next().unwrap();
    assert!(screen.contains("\x1b[?1049h") && after.contains("go on with  glassbox train --resume run"), "{screen}");
    assert!(screen.rfind("\x1b[?25h") > screen.rfind("\x1b[?25l"), "the cursor is hidden");

    let steps = fs::read_to_string(place.path("run/metrics.jsonl")).unwrap().lines().count();
    let end = steps + 5;
    let lines = [
        format!("train --resume run --steps {end} --threads 1"),
        format!("train vae-mlp --out whole --steps {end} {flags}"),
    ];
    for line in lines {
        let output = place.glassbox(line.split(' '));
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    }
    for name in ["model.safetensors", "optimizer.safetensors"] {
        let [whole, run] = ["whole", "run"].map(|run| place.read(&format!("{run}/checkpoints/step-{end}/{name}")));
        assert!(whole == run, "{name} differs");
    }
}
