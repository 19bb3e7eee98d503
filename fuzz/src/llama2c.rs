//! A model of llama2.c from anyone: a model that reads a token, or a sentence.

use super::sentence;
use glassbox_transformer::{LanguageModel, parse_llama2c};

pub fn check(bytes: &[u8]) {
    match parse_llama2c("fuzz", bytes) {
        Ok(llama) => {
            let llama = llama.frozen();
            assert_eq!(llama.read(&mut llama.begin(), &[0]).numel(), llama.sizes().words);
        }
        Err(error) => sentence(error),
    }
}
