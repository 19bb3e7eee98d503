//! Standard output and standard error that end early, and colours.

use crate::place::Place;
use std::process::{Command, Stdio};

/// A pipe whose reader has gone: every write to it fails.
fn nobody_reads() -> Stdio {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    writer.into()
}

/// Commands that print, and read or write nothing but a run of two steps.
const PRINTERS: &[&str] = &[
    "--help",
    "train --help",
    "--version",
    "list",
    "list --json",
    "list vae-mlp",
    "list vae-mlp --toml",
    "explain softmax",
    "explain softmax --numbers",
    "explain ae",
    "explain ae --graph svg",
    "data list",
    "data list --json",
    "data fetch fashion-mnist",
    "data verify digits",
    "completions bash",
    "man",
    "man --out pages",
    "eval run",
    "eval run --json",
    "sample run -n 1 --out x.png",
    "train vae-mlp --out new --steps 1 --set hidden=4",
];

#[test]
fn a_reader_that_leaves_early_is_no_failure() {
    let place = Place::with_run();
    for line in PRINTERS {
        let output = place.command(line.split(' ')).stdout(nobody_reads()).stderr(Stdio::piped()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && !said.contains("glassbox: "), "{line}: {said}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn output_that_cannot_be_written_is_a_failure() {
    let place = Place::with_run();
    for line in PRINTERS {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let _ = std::fs::remove_dir_all(place.path("new"));
        let _ = std::fs::remove_dir_all(place.path("pages"));
        let _ = std::fs::remove_file(place.path("x.png"));
        let output = place.command(line.split(' ')).stdout(full).stderr(Stdio::piped()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        let sentence = "glassbox: can't write to standard output: No space left on device";
        assert!(output.status.code() == Some(1), "{line}: {:?}, {said}", output.status);
        assert!(said.lines().last().is_some_and(|line| line.starts_with(sentence)), "{line}: {said}");
    }
    // What was computed is there all the same.
    assert!(place.path("new/report.html").is_file());
}

/// `glassbox train vae-mlp 2>&1 | head -1`: the run is what was asked for, and it goes on.
#[test]
fn a_run_goes_on_when_nobody_reads_its_progress() {
    let place = Place::new();
    let line = "train vae-mlp --out run --steps 3 --set hidden=4";
    let output = place.command(line.split(' ')).stdout(nobody_reads()).stderr(nobody_reads()).output().unwrap();
    assert!(output.status.success() && place.path("run/report.html").is_file(), "{:?}", output.status);
    // And mistakes have their exit code.
    let output = place.command(["trian"]).stderr(nobody_reads()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

fn has_colours(command: &mut Command) -> bool {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout.contains(&0x1b) || output.stderr.contains(&0x1b)
}

#[test]
fn there_are_no_colours_in_a_file_unless_they_are_forced_and_never_with_no_color() {
    let place = Place::with_run();
    let lines = ["--help", "list", "explain softmax", "train vae-mlp --out new --steps 1 --set hidden=4", "eval run"];
    for line in lines {
        assert!(!has_colours(&mut place.command(line.split(' '))), "{line}");
    }
    let help = || place.command(["--help"]);
    assert!(has_colours(help().env("CLICOLOR_FORCE", "1")));
    assert!(!has_colours(help().env("CLICOLOR_FORCE", "1").env("NO_COLOR", "1")));
    assert!(!has_colours(help().env("CLICOLOR_FORCE", "0")));
}

/// On a terminal: `script` makes one, where it is installed.
#[cfg(target_os = "linux")]
#[test]
fn a_terminal_gets_colours_unless_it_or_its_user_wants_none() {
    let script = |variable: &str| {
        let line = format!("env {variable} {} --help", env!("CARGO_BIN_EXE_glassbox"));
        let mut command = Command::new("script");
        command.args(["-qec", &line, "/dev/null"]).env("TERM", "xterm").stdin(Stdio::null());
        command.env_remove("NO_COLOR").env_remove("CLICOLOR").env_remove("CLICOLOR_FORCE");
        command
    };
    if Command::new("script").arg("--version").output().is_err() {
        eprintln!("left out: there is no `script` (util-linux) to make a terminal");
        return;
    }
    assert!(has_colours(&mut script("A=1")));
    for variable in ["NO_COLOR=1", "CLICOLOR=0", "TERM=dumb"] {
        assert!(!has_colours(&mut script(variable)), "{variable}");
    }
    assert!(has_colours(&mut script("NO_COLOR=")), "an empty one is none: no-color.org");
}

/// A library of ours has a variable of its own; junk in it is no reason to fail.
#[test]
fn junk_in_the_variables_of_libraries_is_let_be() {
    let place = Place::with_run();
    for junk in ["junk", "-1", "", "99999999999999999999"] {
        let output = place.command(["eval", "run"]).env("RAYON_NUM_THREADS", junk).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{junk:?}");
    }
}
