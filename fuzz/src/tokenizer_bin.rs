//! Tokens of llama2.c from anyone, the number of words in the first byte: a tokenizer that encodes, or a sentence.

use super::sentence;
use glassbox_transformer::Pieces;

pub fn check(bytes: &[u8]) {
    let Some((&words, bytes)) = bytes.split_first() else { return };
    let pieces = match Pieces::parse("fuzz", bytes, words.into()) {
        Ok(pieces) => pieces,
        Err(error) => return sentence(error),
    };
    for text in ["", "the cat's <s>", "é漢🙂", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"] {
        match pieces.encode(text) {
            Ok(ids) => {
                let bytes: Vec<u8> = ids.iter().flat_map(|&id| pieces.bytes(id)).collect();
                assert!(text.is_empty() || bytes.ends_with(text.as_bytes()));
            }
            Err(error) => sentence(error),
        }
    }
}
