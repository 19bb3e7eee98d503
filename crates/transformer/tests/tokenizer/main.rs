//! Tokenizers: the tokens and merges of other libraries, what holds for any text, and what is said about files that are wrong.

mod book;
mod files;
mod peers;
mod properties;

use glassbox_transformer::tokenizer::Tokenizer;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tokenizer").join(name)
}

fn read(name: &str) -> Vec<u8> {
    fs::read(data(name)).unwrap()
}

fn json(name: &str) -> Value {
    serde_json::from_slice(&read(name)).unwrap()
}

/// 60 kB of what `tools/data/hard_text.py` writes.
fn hard_text() -> String {
    String::from_utf8_lossy(&read("hard.bin")).into_owned()
}

/// `base.json` with entries changed: a path and its new value, or the names that are removed from an object.
fn changed(changes: &Value) -> String {
    let mut file = json("base.json");
    for (path, value) in changes.as_object().unwrap() {
        let (object, last) = path.rsplit_once('/').unwrap();
        let place = file.pointer_mut(object).unwrap();
        match (last, place) {
            ("$drop", Value::Object(map)) => {
                value.as_array().unwrap().iter().for_each(|name| drop(map.remove(name.as_str().unwrap())));
            }
            (_, Value::Object(map)) => drop(map.insert(last.to_string(), value.clone())),
            (_, Value::Array(list)) => list[last.parse::<usize>().unwrap()] = value.clone(),
            (_, place) => panic!("{path}: {place} has no entries"),
        }
    }
    file.to_string()
}

fn parse(json: &str) -> Tokenizer {
    Tokenizer::parse_json("tokenizer.json", json.as_bytes()).unwrap()
}

/// What `f` gives in a pool of so many threads.
fn on_threads<T: Send>(threads: usize, f: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(f)
}
