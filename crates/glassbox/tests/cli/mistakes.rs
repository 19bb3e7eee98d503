//! Whatever is wrong with what the user gave: one sentence on standard error that says the way out, exit code 2 (1 for a
//! failure that no other command would have avoided), nothing on standard output, no panic, and every file that existed is as
//! it was.
//!
//! `mistakes.txt` is the table of them. A block has the set-up (`given`, a line for each; [`set_up`] knows them) and one command
//! or more as a shell has them, each with the exit code and the sentence:
//!
//! ```text
//! given a run
//! $ glassbox sample run -n 0
//! 2 -n can't be "0": give a whole number from 1 to 4096
//! ```
//!
//! After a change of sentences, `GLASSBOX_BLESS=1 cargo test -p glassbox mistake` writes them anew, to be read aloud.

use crate::place::{Place, copy};
use glassbox_tensor::simd::Isa;
use std::ffi::OsString;
use std::fmt::Write;
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::Command;

const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/mistakes.txt");

/// A block of the table: the set-up, and commands with the exit code and the sentence that each gets.
struct Block<'a> {
    given: Vec<&'a str>,
    mistakes: Vec<(&'a str, &'a str)>,
}

/// A block that has no command is a heading or a remark.
fn read(block: &str) -> Block<'_> {
    let (mut given, mut mistakes) = (Vec::new(), Vec::new());
    for line in block.lines() {
        if let Some(set_up) = line.strip_prefix("given ") {
            given.push(set_up);
        } else if let Some(command) = line.strip_prefix("$ ") {
            mistakes.push((command, ""));
        } else if let Some((_, expected)) = mistakes.last_mut() {
            *expected = line;
        }
    }
    Block { given, mistakes }
}

// The sentences of the operating system are Linux's.
#[cfg(target_os = "linux")]
#[test]
fn every_mistake_gets_its_sentence_and_its_exit_code_and_costs_nothing() {
    let table = fs::read_to_string(TABLE).unwrap();
    let bless = std::env::var_os("GLASSBOX_BLESS").is_some();
    let (mut blessed, mut wrong, mut count) = (Vec::new(), String::new(), 0);
    for text in table.trim_end().split("\n\n") {
        let block = read(text);
        if block.mistakes.is_empty() || block.given.contains(&A_SLOW_BUILD) && !cfg!(debug_assertions) {
            blessed.push(text.to_string());
            continue;
        }
        let mut lines: Vec<String> = block.given.iter().map(|set_up| format!("given {set_up}")).collect();
        for (line, expected) in block.mistakes {
            count += 1;
            let answer = answer(&block.given, line);
            if answer.is_err() || !bless && answer != Ok(expected.to_string()) {
                writeln!(wrong, "$ {line}\n  said      {answer:?}\n  should be {expected:?}").unwrap();
            }
            lines.extend([format!("$ {line}"), answer.unwrap_or_else(|_| expected.to_string())]);
        }
        blessed.push(lines.join("\n"));
    }
    if bless {
        fs::write(TABLE, blessed.join("\n\n") + "\n").unwrap();
    }
    assert!(wrong.is_empty(), "GLASSBOX_BLESS=1 writes the sentences anew\n{wrong}");
    assert!(count >= 200, "only {count} mistakes are in the table");
}

/// Some commands refuse to work in a build with debug assertions, and only in one.
const A_SLOW_BUILD: &str = "a slow build";

/// The exit code and the sentence that a mistake gets, if all that holds for every mistake holds.
fn answer(given: &[&str], line: &str) -> Result<String, String> {
    let place = Place::new();
    given.iter().for_each(|given| set_up(&place, given));
    let before = place.everything();
    let output = command(&place, line).output().expect("the binary starts");
    let said = String::from_utf8(output.stderr).map_err(|e| e.to_string())?;
    let Some(sentence) = said.strip_prefix("glassbox: ") else { return Err(format!("no sentence but {said:?}")) };
    let Some(code @ 1..=2) = output.status.code() else { return Err(format!("{}: {said}", output.status)) };
    if said.contains("panicked") || said.contains("bug in glassbox") {
        return Err(said);
    }
    if !output.stdout.is_empty() || said.lines().count() != 1 {
        return Err(format!("more than one sentence: {said}{}", String::from_utf8_lossy(&output.stdout)));
    }
    if place.everything() != before {
        return Err(format!("something was changed, made or lost: {said}"));
    }
    let sets: Vec<&str> = Isa::available().iter().map(|isa| isa.name()).collect();
    Ok(format!("{code} {}", sentence.trim_end().replace(&sets.join(", "), "{instruction sets}")))
}

/// A line as a shell has it: variables before the program's name, and words in quotes.
fn command(place: &Place, line: &str) -> Command {
    let words = words(line);
    let program = words.iter().position(|word| word == "glassbox").expect("the line calls glassbox");
    let mut command = place.command(words[program + 1..].iter().map(|word| bytes(word)));
    let variables = words[..program].iter().map(|word| word.split_once('=').expect("NAME=VALUE"));
    command.envs(variables);
    command
}

/// Words at spaces, but for those in single quotes.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), None::<String>, false);
    for c in line.chars() {
        match c {
            '\'' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            ' ' if !quoted => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// A word as the system takes it, with a byte which is no UTF-8 for `\xff`.
#[cfg(unix)]
fn bytes(word: &str) -> OsString {
    use std::os::unix::ffi::OsStringExt;
    let parts: Vec<&[u8]> = word.split(r"\xff").map(str::as_bytes).collect();
    OsString::from_vec(parts.join(&0xff))
}

#[cfg(not(unix))]
fn bytes(word: &str) -> OsString {
    word.into()
}

/// Makes what a block of the table says is given.
fn set_up(place: &Place, given: &str) {
    let mut words = given.splitn(3, ' ');
    let (what, name, rest) = (words.next().unwrap(), words.next().unwrap_or(""), words.next().unwrap_or(""));
    match (what, name) {
        _ if given == A_SLOW_BUILD => {}
        ("a", "run") => place.copy_run("run"),
        ("a", "writer") => place.copy_text_run("run"),
        ("theirs", name) => {
            fs::create_dir_all(place.path(name)).unwrap();
            copy(&theirs(rest), &place.path(name));
        }
        ("a", "comparison") => ["ae", "vae-mlp"].iter().for_each(|part| place.copy_run(&format!("both/{part}"))),
        ("data", "") => {
            idx(place, "data/train-images-idx3-ubyte", "3 28 28");
            idx(place, "data/train-labels-idx1-ubyte", "3");
            idx(place, "data/t10k-images-idx3-ubyte", "2 28 28");
            idx(place, "data/t10k-labels-idx1-ubyte", "2");
        }
        ("idx", name) => idx(place, name, rest),
        ("pictures", name) => place.pictures(name),
        ("file", name) => drop(place.write(name, rest.replace("\\n", "\n"))),
        ("bytes", name) => drop(place.write(name, hexadecimal(rest))),
        ("folder", name) => fs::create_dir_all(place.path(name)).unwrap(),
        ("no", name) if place.path(name).is_dir() => fs::remove_dir_all(place.path(name)).unwrap(),
        ("no", name) => fs::remove_file(place.path(name)).unwrap(),
        ("cut", name) => {
            let length = rest.strip_prefix("at ").unwrap().parse().unwrap();
            OpenOptions::new().write(true).open(place.path(name)).unwrap().set_len(length).unwrap();
        }
        ("edit", name) => {
            let (from, to) = rest.split_once(" -> ").expect("edit FILE FROM -> TO");
            let text = String::from_utf8(place.read(name)).unwrap();
            assert!(text.contains(from), "{from:?} is not in {text}");
            place.write(name, text.replacen(from, to, 1));
        }
        _ => panic!("{given:?} is nothing that the tests can set up"),
    }
}

/// A tiny random model as Hugging Face's library saved it.
fn theirs(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../transformer/tests/data/hugging_face").join(name)
}

/// An IDX file of bytes with these dimensions: all 0, as many as that is, or as `with` says.
fn idx(place: &Place, name: &str, dims: &str) {
    let (dims, with) = dims.split_once(" with ").map_or((dims, None), |(dims, with)| (dims, Some(with)));
    let dims: Vec<u32> = dims.split(' ').map(|dim| dim.parse().unwrap()).collect();
    let values = with.map_or_else(|| dims.iter().product::<u32>() as usize, |with| with.parse().unwrap());
    let mut bytes = vec![0, 0, 8, dims.len() as u8];
    dims.iter().for_each(|dim| bytes.extend(dim.to_be_bytes()));
    bytes.resize(bytes.len() + values, 0);
    place.write(name, bytes);
}

/// Bytes that are written as pairs of digits.
fn hexadecimal(text: &str) -> Vec<u8> {
    text.split(' ').map(|byte| u8::from_str_radix(byte, 16).expect("two digits")).collect()
}
