//! The two vocabularies that nothing has to be learned for: characters and bytes.

use super::error::TokenizerError;
use std::collections::BTreeSet;

/// Which tokens there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Vocabulary {
    /// These characters, in the order of their code points; a token is a place in this list.
    Characters(Vec<char>),
    /// All 256 bytes; a token is a byte.
    Bytes,
}

impl Vocabulary {
    /// The characters that occur in a text.
    pub fn of(text: &str) -> Vocabulary {
        Vocabulary::Characters(text.chars().collect::<BTreeSet<char>>().into_iter().collect())
    }

    /// How many tokens there are.
    #[expect(clippy::len_without_is_empty, reason = "nobody asks; a model of no token is refused where its text is")]
    pub fn len(&self) -> usize {
        match self {
            Vocabulary::Characters(characters) => characters.len(),
            Vocabulary::Bytes => 256,
        }
    }

    /// The tokens of a text.
    ///
    /// ```
    /// use glassbox_transformer::tokenizer::Vocabulary;
    /// let vocabulary = Vocabulary::of("hello"); // e h l o
    /// assert_eq!(vocabulary.encode("hole")?, [1, 3, 2, 0]);
    /// assert_eq!(vocabulary.decode(&[1, 3, 2, 0]), "hole");
    /// assert_eq!(Vocabulary::Bytes.encode("é")?, [0xc3, 0xa9]);
    ///
    /// let error = vocabulary.encode("hallo").unwrap_err().to_string();
    /// assert_eq!(error, "the text: character 'a' is not one of the 4 of the vocabulary");
    /// # Ok::<(), glassbox_transformer::tokenizer::TokenizerError>(())
    /// ```
    ///
    /// # Errors
    /// If a character is not in the vocabulary.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, TokenizerError> {
        let Vocabulary::Characters(characters) = self else { return Ok(text.bytes().map(u32::from).collect()) };
        let token = |character: char| match characters.binary_search(&character) {
            Ok(place) => Ok(place as u32),
            Err(_) => Err(TokenizerError::Character { character, known: characters.len() }),
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
