//! Text: a UTF-8 file as tokens, and the vocabulary that numbers them.
//!
//! The first nine tenths are learned from and the last tenth is held out, as char-rnn and nanoGPT have it, so that losses
//! compare: of n tokens the first `⌊0.9·n⌋`.

use crate::error::DataError;
use crate::files;
pub use crate::spec::Unit;
use glassbox_tensor::counted;
use std::collections::BTreeSet;
use std::path::Path;

/// The largest text: 256 MiB. Its tokens take at most four times as much.
pub const MAX_TEXT_BYTES: u64 = 1 << 28;

/// A text as tokens.
#[derive(Debug, Clone, PartialEq)]
pub struct Text {
    name: String,
    vocabulary: Vocabulary,
    tokens: Vec<u32>,
}

/// Which tokens there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Vocabulary {
    /// These characters, in the order of their code points; a token is a place in this list.
    Characters(Vec<char>),
    /// All 256 bytes; a token is a byte.
    Bytes,
}

impl Vocabulary {
    /// The characters that occur in a text, or the bytes.
    pub fn of(text: &str, unit: Unit) -> Vocabulary {
        match unit {
            Unit::Character => Vocabulary::Characters(text.chars().collect::<BTreeSet<char>>().into_iter().collect()),
            Unit::Byte => Vocabulary::Bytes,
        }
    }

    /// How many tokens there are.
    #[expect(
        clippy::len_without_is_empty,
        reason = "the vocabulary of no text is no use, and `Text::parse` refuses it"
    )]
    pub fn len(&self) -> usize {
        match self {
            Vocabulary::Characters(characters) => characters.len(),
            Vocabulary::Bytes => 256,
        }
    }

    /// The tokens of a text.
    ///
    /// ```
    /// use glassbox_data::text::{Unit, Vocabulary};
    /// let vocabulary = Vocabulary::of("hello", Unit::Character); // e h l o
    /// assert_eq!(vocabulary.encode("hole")?, [1, 3, 2, 0]);
    /// assert_eq!(vocabulary.decode(&[1, 3, 2, 0]), "hole");
    /// assert_eq!(Vocabulary::Bytes.encode("é")?, [0xc3, 0xa9]);
    ///
    /// let error = vocabulary.encode("hallo").unwrap_err().to_string();
    /// assert_eq!(error, "the text: character 'a' is not one of the 4 of the vocabulary");
    /// # Ok::<(), glassbox_data::DataError>(())
    /// ```
    ///
    /// # Errors
    /// If a character is not in the vocabulary.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, DataError> {
        let Vocabulary::Characters(characters) = self else { return Ok(text.bytes().map(u32::from).collect()) };
        let token = |c: char| match characters.binary_search(&c) {
            Ok(place) => Ok(place as u32),
            Err(_) => Err(DataError::Inconsistent {
                name: "the text".to_string(),
                problem: format!("character {c:?} is not one of the {} of the vocabulary", characters.len()),
            }),
        };
        text.chars().map(token).collect()
    }

    /// The text of tokens. Bytes that are no UTF-8 become the replacement character, as do tokens that there are none of.
    pub fn decode(&self, tokens: &[u32]) -> String {
        let place = |&token: &u32| usize::try_from(token).unwrap_or(usize::MAX);
        match self {
            Vocabulary::Characters(characters) => {
                let character = |token| characters.get(place(token)).copied().unwrap_or(char::REPLACEMENT_CHARACTER);
                tokens.iter().map(character).collect()
            }
            Vocabulary::Bytes => {
                let bytes: Vec<u8> = tokens.iter().map(|&token| u8::try_from(token).unwrap_or(0xff)).collect();
                String::from_utf8_lossy(&bytes).into_owned()
            }
        }
    }
}

impl Text {
    /// Reads a text from memory. `name` is what the errors call it.
    ///
    /// # Errors
    /// If it is not UTF-8, or has fewer than two tokens.
    pub fn parse(name: &str, bytes: &[u8], unit: Unit) -> Result<Text, DataError> {
        let wrong = |problem| DataError::Inconsistent { name: name.to_string(), problem };
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes); // a byte order mark is no part of the text
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let (at, line) =
                (error.valid_up_to(), bytes[..error.valid_up_to()].iter().filter(|&&b| b == b'\n').count() + 1);
            let byte = bytes[at];
            wrong(format!("byte {at} (0x{byte:02x}, in line {line}) is not UTF-8; save the text as UTF-8"))
        })?;
        let vocabulary = Vocabulary::of(text, unit);
        let tokens = vocabulary.encode(text)?;
        if tokens.len() < 2 {
            return Err(wrong(format!("{}; a text of at least 2 is wanted", counted(tokens.len(), "token"))));
        }
        Ok(Text { name: name.to_string(), vocabulary, tokens })
    }

    /// What the text is called: the file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Which tokens there are.
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// All tokens.
    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// The tokens to learn from, the first `⌊0.9·n⌋`, and at least one.
    pub fn train(&self) -> &[u32] {
        &self.tokens[..self.cut()]
    }

    /// The tokens held out, the rest.
    pub fn test(&self) -> &[u32] {
        &self.tokens[self.cut()..]
    }

    fn cut(&self) -> usize {
        (self.tokens.len() * 9 / 10).max(1)
    }
}

/// Reads a text file.
///
/// # Errors
/// If it cannot be read, is larger than [`MAX_TEXT_BYTES`], or is not UTF-8.
pub(crate) fn read(path: &Path, unit: Unit) -> Result<Text, DataError> {
    let bytes = files::read_at_most(path, MAX_TEXT_BYTES)?;
    Text::parse(&path.display().to_string(), &bytes, unit)
}
