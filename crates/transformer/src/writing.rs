//! Writing: a token is drawn, read, and the next one drawn; and tokens become text as soon as it stands.

use crate::model::LanguageModel;
use crate::sampling::{choose, probabilities};
use crate::tokenizer::{Tokenizer, Vocabulary};
use glassbox_nn::Context;
use glassbox_tensor::random::Key;
use glassbox_tensor::{Ids, Tensor};
use glassbox_train::Sampling;

/// Whether the model goes on from its state, or looks at its whole window again for each token. Both say the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Memory {
    /// Each token is computed once and kept: the KV cache of a transformer, the hidden state of a recurrent model.
    Kept,
    /// Nothing is kept: what the other is held to.
    Recomputed,
}

/// A model that reads a text of any length through a window of its context.
///
/// The window grows with each token. When it is full, the older half goes, and the model reads the younger half as if the text began
/// there: positions are learned for a window, so that its tokens can't move one by one and stay what they were.
struct Reader<'a, M: LanguageModel> {
    model: &'a M,
    memory: Memory,
    window: Vec<u32>,
    state: M::State,
}

impl<'a, M: LanguageModel> Reader<'a, M> {
    /// Begins with a text, of which it sees the end; returns the logits of what follows.
    fn new(model: &'a M, memory: Memory, text: &[u32]) -> (Self, Tensor) {
        let seen = &text[text.len().saturating_sub(model.context())..];
        let mut reader = Reader { model, memory, window: seen.to_vec(), state: model.begin() };
        let logits = reader.look(seen.len());
        (reader, logits)
    }

    /// Reads one more token.
    fn read(&mut self, token: u32) -> Tensor {
        let full = self.window.len() >= self.model.context();
        if full {
            let kept = self.model.context() / 2;
            self.window.drain(..self.window.len() - kept);
            self.state = self.model.begin();
        }
        self.window.push(token);
        self.look(if full { self.window.len() } else { 1 })
    }

    /// The logits after the window, whose last `new` tokens the state doesn't have yet.
    fn look(&mut self, new: usize) -> Tensor {
        let n = self.window.len();
        match self.memory {
            Memory::Kept => self.model.read(&mut self.state, &self.window[n - new..]),
            Memory::Recomputed => {
                let logits = self.model.forward(&Ids::from_slice(&self.window, [1, n]), &Context::eval());
                logits.value().select(0, 0).select(0, n - 1) // (1, T, V) -> (V)
            }
        }
    }
}

/// Goes on where `text` ends, by `sampling`, and hands each token to `each` until that returns false. Token i is drawn by
/// (seed, i).
///
/// # Panics
/// If `text` has no token, or one that is no word.
#[track_caller]
pub fn write_tokens<M: LanguageModel>(
    model: &M,
    memory: Memory,
    text: &[u32],
    sampling: &Sampling,
    each: &mut dyn FnMut(u32) -> bool,
) {
    assert!(!text.is_empty(), "write_tokens: there is no text to go on from; give one token at least");
    let key = Key::new(sampling.seed);
    let (mut reader, mut logits) = Reader::new(model, memory, text);
    let mut seen = vec![false; logits.numel()];
    text.iter().for_each(|&token| seen[token as usize] = true);
    for i in 0..sampling.tokens {
        let p = probabilities(&logits.to_vec(), &seen, sampling);
        let token = choose(&p, key.uniform(i as u64).into());
        if !each(token) {
            return;
        }
        seen[token as usize] = true;
        if i + 1 < sampling.tokens {
            logits = reader.read(token);
        }
    }
}

/// From tokens to text: whole characters only, and nothing of what may be the beginning of a stop string.
pub(crate) struct Voice<'a> {
    tokenizer: &'a Tokenizer,
    stop: &'a [String],
    /// The bytes of a character that isn't whole yet.
    bytes: Vec<u8>,
    /// What can't be said before it is clear whether a stop string begins there.
    held: String,
}

impl<'a> Voice<'a> {
    pub(crate) fn new(tokenizer: &'a Tokenizer, stop: &'a [String]) -> Self {
        Voice { tokenizer, stop, bytes: Vec::new(), held: String::new() }
    }

    /// One more token: what can be said now, and whether the text ends there.
    pub(crate) fn push(&mut self, token: u32) -> (String, bool) {
        match self.tokenizer {
            Tokenizer::Plain(vocabulary @ Vocabulary::Characters(_)) => {
                self.held.push_str(&vocabulary.decode(&[token]))
            }
            // A piece of a word may end in the middle of a character, as a byte does. A token that there is none of is no UTF-8.
            tokenizer => {
                let bytes = tokenizer.decode_bytes(&[token]).unwrap_or_else(|_| vec![0xff]);
                bytes.into_iter().for_each(|byte| self.push_byte(byte));
            }
        }
        if let Some(end) = self.stop.iter().filter_map(|stop| self.held.find(stop.as_str())).min() {
            self.held.truncate(end);
            return (std::mem::take(&mut self.held), true);
        }
        let may_begin_at = |at: &usize| self.stop.iter().any(|stop| stop.starts_with(&self.held[*at..]));
        let places = self.held.char_indices().map(|(at, _)| at);
        let clear = places.clone().find(may_begin_at).unwrap_or(self.held.len());
        let later = self.held.split_off(clear);
        (std::mem::replace(&mut self.held, later), false)
    }

    /// A byte of UTF-8. What can't become a character is the replacement character.
    fn push_byte(&mut self, byte: u8) {
        self.bytes.push(byte);
        loop {
            match std::str::from_utf8(&self.bytes) {
                Ok(whole) => {
                    self.held.push_str(whole);
                    return self.bytes.clear();
                }
                Err(error) => {
                    let whole = error.valid_up_to();
                    self.held.push_str(&String::from_utf8_lossy(&self.bytes[..whole]));
                    let Some(wrong) = error.error_len() else {
                        self.bytes.drain(..whole);
                        return;
                    };
                    self.held.push(char::REPLACEMENT_CHARACTER);
                    self.bytes.drain(..whole + wrong);
                }
            }
        }
    }

    /// What was held, now that nothing follows.
    pub(crate) fn finish(mut self) -> String {
        self.held.push_str(&String::from_utf8_lossy(&self.bytes));
        self.held
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokenizer::BpeTrainer;

    /// What is said after each byte of the text, and at the end.
    fn said(text: &[u8], stop: &[&str]) -> Vec<String> {
        let stop: Vec<String> = stop.iter().map(|stop| stop.to_string()).collect();
        let bytes = Tokenizer::bytes();
        let mut voice = Voice::new(&bytes, &stop);
        let mut all = Vec::new();
        for &byte in text {
            let (piece, ended) = voice.push(byte.into());
            all.push(piece);
            if ended {
                return all;
            }
        }
        all.push(voice.finish());
        all
    }

    #[test]
    fn characters_are_said_when_they_are_whole_and_broken_ones_as_from_utf8_lossy() {
        assert_eq!(said("aé😀".as_bytes(), &[]), ["a", "", "é", "", "", "", "😀", ""]);
        for broken in [&b"a\xffb"[..], b"\xc3(", b"\xe2\x82", b"\xf0\x9f\x98a", b"\xed\xa0\x80", b"\xc3\xc3\xa9"] {
            assert_eq!(said(broken, &[]).concat(), String::from_utf8_lossy(broken), "{broken:?}");
        }
    }

    #[test]
    fn pieces_of_words_that_end_within_a_character_are_said_when_it_is_whole() {
        // The first merge is of the two bytes that all of these characters begin with.
        let bpe = BpeTrainer::new(257).train(&["ああいいううええおお"]).unwrap();
        let tokens = bpe.encode("あい!").unwrap();
        let bytes: Vec<&[u8]> = tokens.iter().filter_map(|&token| bpe.bytes_of(token)).collect();
        assert_eq!(bytes, [&b"\xe3\x81"[..], b"\x82", b"\xe3\x81", b"\x84", b"!"]);
        let tokenizer = Tokenizer::from(bpe);
        let mut voice = Voice::new(&tokenizer, &[]);
        let said: Vec<String> = tokens.iter().map(|&token| voice.push(token).0).collect();
        assert_eq!(said, ["", "あ", "", "い", "!"]);
        voice.push(tokens[0]);
        assert_eq!(voice.finish(), "\u{fffd}");
    }

    #[test]
    fn a_stop_string_and_what_follows_it_is_never_said() {
        assert_eq!(said(b"one. two", &[". "]), ["o", "n", "e", "", ""]);
        assert_eq!(said(b"aab", &["ab"]), ["", "a", ""], "a may begin it, twice");
        assert_eq!(said(b"aac", &["ab"]).concat(), "aac");
        assert_eq!(said(b"xyz", &["z", "yz"]).concat(), "x", "the one that begins first");
        assert_eq!(said(b"half", &["fin"]).concat(), "half", "what was held is said at the end");
    }
}
