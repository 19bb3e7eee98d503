//! Completions and manual pages, read by those that they are for, where these are installed.

use crate::place::{Place, stdout};
use std::io::Write;
use std::process::{Command, Stdio};

/// Runs another program with a text on its standard input; `None`, with a message, if it isn't installed.
fn other(program: &str, arguments: &[&str], input: &str) -> Option<String> {
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else {
        eprintln!("left out: there is no {program}");
        return None;
    };
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{program} {arguments:?}: {said}");
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn printed(place: &Place, line: &str) -> String {
    let output = place.glassbox(line.split(' '));
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    stdout(&output)
}

/// What bash offers for the last of the words.
fn offered(script: &str, words: &str) -> Option<Vec<String>> {
    let all: Vec<&str> = words.split(' ').collect();
    let list: Vec<String> = all.iter().map(|word| format!("'{word}'")).collect();
    let last = all.len() - 1;
    let ask = format!(
        "{script}\ncomplete -p glassbox >/dev/null || exit 1\nCOMP_WORDS=({}) COMP_CWORD={last}\n\
         _glassbox glassbox '{}' '{}'\nprintf '%s\\n' \"${{COMPREPLY[@]}}\"",
        list.join(" "),
        all[last],
        all[last - 1],
    );
    Some(other("bash", &["--norc"], &ask)?.lines().map(str::to_string).collect())
}

#[test]
fn bash_completes_commands_flags_and_names() {
    let script = printed(&Place::new(), "completions bash");
    for (words, expected) in [
        ("glassbox tr", "train"),
        ("glassbox train vae-m", "vae-mlp"),
        ("glassbox train vae-mlp --see", "--seed"),
        ("glassbox train vae-mlp --data dig", "digits"),
        ("glassbox explain softm", "softmax"),
        ("glassbox explain ae --graph sv", "svg"),
        ("glassbox completions fi", "fish"),
        ("glassbox data ver", "verify"),
    ] {
        let Some(offered) = offered(&script, words) else { return };
        assert!(offered.iter().any(|word| word == expected), "{words}: {offered:?}");
    }
}

#[test]
fn every_shell_can_read_its_completions() {
    let place = Place::new();
    for (shell, check) in [("bash", "-n"), ("zsh", "-n"), ("fish", "-n")] {
        let script = printed(&place, &format!("completions {shell}"));
        // clap's script for fish knows no words that come without a flag.
        assert!(script.contains("fashion-mnist") && (shell == "fish" || script.contains("vae-conv")), "{shell}");
        place.write(shell, &script);
        other(shell, &[check, place.path(shell).to_str().unwrap()], "");
    }
    for shell in ["powershell", "elvish"] {
        assert!(printed(&place, &format!("completions {shell}")).contains("glassbox"));
    }
}

#[test]
fn there_is_a_manual_page_for_every_command() {
    let place = Place::new();
    let pages = printed(&place, "man --out pages");
    let names: Vec<&str> = pages.lines().collect();
    for command in ["", "-train", "-list", "-data", "-data-verify", "-completions", "-man"] {
        assert!(names.contains(&format!("pages/glassbox{command}.1").as_str()), "{names:?}");
    }
    let main = printed(&place, "man");
    assert_eq!(main.as_bytes(), place.read("pages/glassbox.1"), "the page that is printed is the first of them");
    for name in names {
        let text = String::from_utf8(place.read(name)).unwrap();
        assert!(text.contains(".TH glassbox") && text.contains(".SH SYNOPSIS"), "{name}");
        // Warnings count: what groff doesn't know it says on standard error.
        if let Some(page) = other("groff", &["-k", "-man", "-Tutf8", "-ww", "-z"], &text) {
            assert!(page.is_empty(), "{name}: {page}");
        }
        other("mandoc", &["-Tlint", "-Wwarning"], &text);
    }
}
