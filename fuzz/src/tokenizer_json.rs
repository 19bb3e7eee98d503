//! `tokenizer.json` from anyone: a tokenizer that encodes and decodes and can be written again, or a sentence.

use super::sentence;
use glassbox_transformer::tokenizer::Tokenizer;

const TEXTS: [&str; 4] =
    ["", "The cat's 12 mats.\n\n  <mask>x", "é漢🙂\u{0}\u{a0}", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"];

pub fn check(bytes: &[u8]) {
    let tokenizer = match Tokenizer::parse_json("fuzz", bytes) {
        Ok(tokenizer) => tokenizer,
        Err(error) => return sentence(error),
    };
    let again = Tokenizer::parse_json("again", tokenizer.to_json().as_bytes()).expect("what is written can be read");
    for text in TEXTS {
        match (tokenizer.encode(text), again.encode(text)) {
            (Ok(ids), Ok(same)) => {
                assert_eq!(ids, same);
                assert!(ids.iter().all(|&id| (id as usize) < tokenizer.vocab_size()));
                tokenizer.decode(&ids).expect("a token that was encoded is one of the vocabulary");
            }
            (Err(error), Err(same)) => assert_eq!(error.to_string(), same.to_string()),
            (one, other) => panic!("{text:?}: {one:?} and, written and read again, {other:?}"),
        }
    }
    tokenizer.decode(&[0, u32::MAX]).map(drop).unwrap_or_else(sentence);
}
