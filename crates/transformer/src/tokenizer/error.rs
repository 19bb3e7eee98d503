//! What can be wrong with a tokenizer's file, or with what it is asked to do, in sentences with the place and the remedy.

use glassbox_data::DataError;
use thiserror::Error;

/// Anything that keeps a tokenizer from being read, trained or used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TokenizerError {
    /// The operating system refused.
    #[error(transparent)]
    Data(#[from] DataError),

    /// A character which a vocabulary of characters does not have.
    #[error("the text: character {character:?} is not one of the {known} of the vocabulary")]
    Character {
        /// The character.
        character: char,
        /// How many there are.
        known: usize,
    },

    /// A file that is no JSON, or JSON of another form.
    #[error("{file}: not a {wanted}: {problem}; copy it or download it again")]
    Json {
        /// The file, or whatever name was given to the bytes.
        file: String,
        /// What was expected, such as "tokenizer.json".
        wanted: &'static str,
        /// What is wrong, with line and column.
        problem: String,
    },

    /// An entry that contradicts another, or that no tokenizer can have.
    #[error("{file}: {place}: {problem}")]
    Entry {
        /// The file, or whatever name was given to the bytes.
        file: String,
        /// Where: a path in the JSON such as `model.merges[3]`, or a line.
        place: String,
        /// What is wrong, and the remedy.
        problem: String,
    },

    /// A tokenizer of a kind that this library does not have.
    #[error("{file}: {place} is {found}, and only {supported} can be read; save the tokenizer without it")]
    Unsupported {
        /// The file, or whatever name was given to the bytes.
        file: String,
        /// Where: a path in the JSON.
        place: &'static str,
        /// What stands there.
        found: String,
        /// What can be read.
        supported: &'static str,
    },

    /// A folder with no tokenizer in it.
    #[error("{folder}: no tokenizer.json in this folder, and not both of vocab.json and merges.txt")]
    NoTokenizer {
        /// The folder that was given.
        folder: String,
    },

    /// A byte of the text for which the vocabulary has no token.
    #[error(
        "byte {at} of the text (0x{byte:02x}) has no token in the vocabulary; train it with every byte in its alphabet, \
         or give it an unk_token"
    )]
    Byte {
        /// The byte.
        byte: u8,
        /// Its place in the text.
        at: usize,
    },

    /// A token which the vocabulary does not have.
    #[error("token {id} is not one of the vocabulary, whose largest is {largest}")]
    UnknownId {
        /// The token.
        id: u32,
        /// The largest token that there is.
        largest: u32,
    },

    /// Settings that no vocabulary can be trained with, or saved as.
    #[error("{0}")]
    Settings(String),
}
