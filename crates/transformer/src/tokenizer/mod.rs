//! # Tokenizers
//!
//! A model of language reads numbers. A tokenizer gives them: it cuts a text into tokens, and puts tokens together to a text
//! again. Which tokens there are decides how long a text is for the model and how much it has to know of each of them.
//!
//! | tokens | how many | how long a text is | what is new |
//! | --- | --- | --- | --- |
//! | [characters](Tokenizer::characters) | those that occur | its characters | an error |
//! | [bytes](Tokenizer::bytes) | 256 | its bytes | no text, and nothing else either |
//! | [byte pairs](Bpe) | as many as one likes | a quarter of its bytes or so | no text |
//!
//! The third way begins with bytes and makes the pair of neighbours that stands there most often a token of its own, again and
//! again (Sennrich, Haddow and Birch 2016; on bytes: Radford et al. 2019). [`split`] says beyond what nothing is merged,
//! [`BpeTrainer`] learns, and [`Bpe::encode`] repeats what was learned.
//!
//! | question | file |
//! | --- | --- |
//! | Where may pairs be merged at all? | `split.rs`; `classes.rs` says what a letter is |
//! | Which pair is merged next? | `merge.rs` |
//! | Why is that fast? | `cache.rs`: most words have been seen before |
//! | How are merges learned? | `train.rs`; `count.rs` counts words, `learn.rs` has the loop |
//! | Which letters stand for bytes in the files? | `alphabet.rs` |
//! | What is in the files? | `json.rs`, `files.rs` |
//! | What of `<\|endoftext\|>`? | `added.rs` |
//! | And characters and bytes? | `vocabulary.rs` |

mod added;
mod alphabet;
mod bpe;
mod cache;
mod class_table;
mod classes;
mod count;
mod error;
mod files;
mod json;
mod learn;
mod merge;
mod split;
mod train;
mod vocabulary;

pub use added::AddedToken;
pub use alphabet::{byte_of, character_of};
pub use bpe::{Bpe, MAX_TOKENS, Options};
pub use error::TokenizerError;
pub use files::MAX_FILE_BYTES;
pub use split::split;
pub use train::BpeTrainer;
pub use vocabulary::Vocabulary;

use std::sync::Arc;

/// What ends a document: GPT-2's name for it.
pub const END_OF_TEXT: &str = "<|endoftext|>";

/// What ends a document where tokens are characters or bytes.
pub(crate) const FORM_FEED: &str = "\x0c";

/// A tokenizer of any kind. A clone is the same tokenizer, and so is one whose files are the same.
#[derive(Debug, Clone)]
pub enum Tokenizer {
    /// A token is a character or a byte.
    Plain(Vocabulary),
    /// A token is a string of bytes.
    Bpe(Arc<Bpe>),
}

impl From<Bpe> for Tokenizer {
    fn from(bpe: Bpe) -> Tokenizer {
        Tokenizer::Bpe(Arc::new(bpe))
    }
}

impl From<Vocabulary> for Tokenizer {
    fn from(vocabulary: Vocabulary) -> Tokenizer {
        Tokenizer::Plain(vocabulary)
    }
}

impl Tokenizer {
    /// The characters of a text, numbered in the order of their code points.
    ///
    /// ```
    /// use glassbox_transformer::tokenizer::Tokenizer;
    /// let tokenizer = Tokenizer::characters("hello"); // e h l o
    /// assert_eq!(tokenizer.encode("hole")?, [1, 3, 2, 0]);
    /// assert_eq!(tokenizer.decode(&[1, 3, 2, 0])?, "hole");
    /// # Ok::<(), glassbox_transformer::tokenizer::TokenizerError>(())
    /// ```
    pub fn characters(text: &str) -> Tokenizer {
        Tokenizer::Plain(Vocabulary::of(text))
    }

    /// The 256 bytes.
    ///
    /// ```
    /// use glassbox_transformer::tokenizer::Tokenizer;
    /// assert_eq!(Tokenizer::bytes().encode("né")?, [110, 0xc3, 0xa9]);
    /// assert_eq!(Tokenizer::bytes().encode_bytes(&[110, 0xc3])?, [110, 0xc3]); // no text, and encoded all the same
    /// # Ok::<(), glassbox_transformer::tokenizer::TokenizerError>(())
    /// ```
    pub fn bytes() -> Tokenizer {
        Tokenizer::Plain(Vocabulary::Bytes)
    }

    /// The tokens of a text, with added tokens such as `<|endoftext|>` found in it.
    ///
    /// # Errors
    /// If a character, or a byte, is not in the vocabulary.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, TokenizerError> {
        match self {
            Tokenizer::Plain(vocabulary) => vocabulary.encode(text),
            Tokenizer::Bpe(bpe) => bpe.encode(text),
        }
    }

    /// The tokens of bytes. Bytes are tokens as they are; the others are about text, so where the bytes are no UTF-8 the
    /// replacement character U+FFFD stands, as [`String::from_utf8_lossy`] places it.
    ///
    /// # Errors
    /// As [`encode`](Self::encode).
    pub fn encode_bytes(&self, bytes: &[u8]) -> Result<Vec<u32>, TokenizerError> {
        match self {
            Tokenizer::Plain(Vocabulary::Bytes) => Ok(bytes.iter().map(|&byte| u32::from(byte)).collect()),
            _ => self.encode(&String::from_utf8_lossy(bytes)),
        }
    }

    /// The bytes of tokens.
    ///
    /// ```
    /// use glassbox_transformer::tokenizer::Tokenizer;
    /// let bytes = Tokenizer::bytes();
    /// assert_eq!(bytes.decode_bytes(&[0xf0, 0x9f])?, [0xf0, 0x9f]); // half of a character, as it may come while one samples
    /// assert_eq!(bytes.decode_bytes(&[256]).unwrap_err().to_string(), "token 256 is not one of the vocabulary, whose largest is 255");
    /// # Ok::<(), glassbox_transformer::tokenizer::TokenizerError>(())
    /// ```
    ///
    /// # Errors
    /// If there is no such token.
    pub fn decode_bytes(&self, ids: &[u32]) -> Result<Vec<u8>, TokenizerError> {
        let largest = self.vocab_size().saturating_sub(1) as u32;
        match self {
            Tokenizer::Bpe(bpe) => bpe.decode_bytes(ids),
            Tokenizer::Plain(vocabulary) => {
                if let Some(&id) = ids.iter().find(|&&id| id as usize >= vocabulary.len()) {
                    return Err(TokenizerError::UnknownId { id, largest });
                }
                Ok(match vocabulary {
                    Vocabulary::Bytes => ids.iter().map(|&id| id as u8).collect(), // less than 256, as was just seen
                    Vocabulary::Characters(_) => vocabulary.decode(ids).into_bytes(),
                })
            }
        }
    }

    /// The text of tokens; the replacement character stands where their bytes are no UTF-8.
    ///
    /// # Errors
    /// If there is no such token.
    pub fn decode(&self, ids: &[u32]) -> Result<String, TokenizerError> {
        let text = String::from_utf8(self.decode_bytes(ids)?);
        Ok(text.unwrap_or_else(|broken| String::from_utf8_lossy(broken.as_bytes()).into_owned()))
    }

    /// What ends a document, if the tokenizer has a token for that: `<|endoftext|>`, or the form feed among characters and bytes.
    ///
    /// ```
    /// use glassbox_transformer::tokenizer::{BpeTrainer, Tokenizer};
    /// let bpe = BpeTrainer { special_tokens: vec!["<|endoftext|>".to_string()], ..BpeTrainer::new(257) };
    /// assert_eq!(Tokenizer::from(bpe.train(&[""])?).end_of_text(), Some(0));
    /// assert_eq!((Tokenizer::bytes().end_of_text(), Tokenizer::characters("abc").end_of_text()), (Some(12), None));
    /// # Ok::<(), glassbox_transformer::tokenizer::TokenizerError>(())
    /// ```
    pub fn end_of_text(&self) -> Option<u32> {
        match self {
            Tokenizer::Bpe(_) => self.special(END_OF_TEXT),
            Tokenizer::Plain(vocabulary) => vocabulary.encode(FORM_FEED).ok().map(|tokens| tokens[0]),
        }
    }

    /// The special token that is written so.
    pub fn special(&self, content: &str) -> Option<u32> {
        self.special_tokens().find(|(_, written)| *written == content).map(|(id, _)| id)
    }

    /// The number of tokens, which is one more than the largest: rows of an embedding.
    pub fn vocab_size(&self) -> usize {
        match self {
            Tokenizer::Plain(vocabulary) => vocabulary.len(),
            Tokenizer::Bpe(bpe) => bpe.vocab_size(),
        }
    }

    /// The tokens that say something about the text and are no part of it, each with what it is written as.
    pub fn special_tokens(&self) -> impl Iterator<Item = (u32, &str)> {
        let added = match self {
            Tokenizer::Plain(_) => &[],
            Tokenizer::Bpe(bpe) => bpe.added_tokens(),
        };
        added.iter().filter(|token| token.special).map(|token| (token.id, token.content.as_str()))
    }
}
