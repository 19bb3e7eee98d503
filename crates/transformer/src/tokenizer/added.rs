//! Tokens beside the vocabulary: `<|endoftext|>` and its like, which stand for themselves wherever they stand in a text.

use super::error::TokenizerError;
use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// The most bytes that all added tokens have together: 1 MiB. What finds them takes some fifty times as much.
const MAX_BYTES: usize = 1 << 20;

/// A token that is found in a text as it is, before anything is split or merged.
///
/// The fields are those of a `tokenizer.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddedToken {
    /// The token.
    pub id: u32,
    /// The text that it stands for.
    pub content: String,
    /// Whether it is only found where no letter stands beside it. That it is so is refused by the reader.
    #[serde(default)]
    pub single_word: bool,
    /// Whether it takes the white space before it.
    #[serde(default)]
    pub lstrip: bool,
    /// Whether it takes the white space after it.
    #[serde(default)]
    pub rstrip: bool,
    /// Whether it is looked for in the normalised text. There is no normaliser here; such a token is looked for after the others.
    #[serde(default)]
    pub normalized: bool,
    /// Whether it says something about the text instead of being part of it.
    #[serde(default)]
    pub special: bool,
}

impl AddedToken {
    /// A special token, found wherever its content stands.
    ///
    /// ```
    /// use glassbox_transformer::tokenizer::{AddedToken, BpeTrainer};
    /// let bpe = BpeTrainer::new(256).train(&[""])?.with_added_tokens(&[AddedToken::special(256, "<|end|>")])?;
    /// assert_eq!(bpe.encode("<|end|>")?, [256]);
    /// # Ok::<(), glassbox_transformer::tokenizer::TokenizerError>(())
    /// ```
    pub fn special(id: u32, content: &str) -> AddedToken {
        AddedToken {
            id,
            content: content.to_string(),
            single_word: false,
            lstrip: false,
            rstrip: false,
            normalized: false,
            special: true,
        }
    }
}

/// A part of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// Bytes of the text that are none of the tokens.
    Text(Range<usize>),
    Token(u32),
}

/// All added tokens, ready to be found: of several that begin at one place the longest, all of them in one pass (Aho and Corasick
/// 1975).
#[derive(Debug, Clone, Default)]
pub(super) struct Added {
    tokens: Vec<AddedToken>,
    /// Those that are found first, and those that are looked for in what is left, each with the tokens by pattern.
    passes: Vec<(AhoCorasick, Vec<AddedToken>)>,
}

impl Added {
    pub(super) fn new(tokens: Vec<AddedToken>) -> Result<Added, TokenizerError> {
        let bytes: usize = tokens.iter().map(|token| token.content.len()).sum();
        if bytes > MAX_BYTES {
            let problem = format!(
                "the added tokens have {bytes} bytes in all, and at most {MAX_BYTES} are possible; remove some"
            );
            return Err(TokenizerError::Settings(problem));
        }
        let mut passes = Vec::new();
        for normalized in [false, true] {
            let found: Vec<AddedToken> = tokens.iter().filter(|t| t.normalized == normalized).cloned().collect();
            if !found.is_empty() {
                let automaton = AhoCorasick::builder()
                    .match_kind(MatchKind::LeftmostLongest)
                    .kind(Some(AhoCorasickKind::ContiguousNFA)) // a DFA of one token of 1 MiB would have 1 GiB
                    .build(found.iter().map(|token| &token.content))
                    .map_err(|error| TokenizerError::Settings(format!("too many added tokens: {error}")))?;
                passes.push((automaton, found));
            }
        }
        Ok(Added { tokens, passes })
    }

    pub(super) fn tokens(&self) -> &[AddedToken] {
        &self.tokens
    }

    /// The text with its added tokens found. No part is empty.
    pub(super) fn parts(&self, text: &str) -> Vec<Part> {
        let mut parts = if text.is_empty() { vec![] } else { vec![Part::Text(0..text.len())] };
        for (automaton, tokens) in &self.passes {
            let mut found = Vec::with_capacity(parts.len());
            for part in parts {
                match part {
                    Part::Text(range) => find(text, range, automaton, tokens, &mut found),
                    Part::Token(_) => found.push(part),
                }
            }
            parts = found;
        }
        parts
    }
}

fn find(text: &str, range: Range<usize>, automaton: &AhoCorasick, tokens: &[AddedToken], parts: &mut Vec<Part>) {
    let (offset, text) = (range.start, &text[range]);
    let mut done = 0;
    for found in automaton.find_iter(text) {
        let token = &tokens[found.pattern().as_usize()];
        let (mut start, mut end) = (found.start(), found.end());
        if token.lstrip {
            start = text[..start].trim_end().len().max(done); // an earlier token may have taken the white space
        }
        if token.rstrip {
            end = text.len() - text[end..].trim_start().len();
        }
        if done < start {
            parts.push(Part::Text(offset + done..offset + start));
        }
        parts.push(Part::Token(token.id));
        done = end;
    }
    if done < text.len() {
        parts.push(Part::Text(offset + done..offset + text.len()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_token_is_found_and_takes_the_white_space_that_it_may() {
        let token = |id, content, lstrip, rstrip| AddedToken { lstrip, rstrip, ..AddedToken::special(id, content) };
        let later = AddedToken { normalized: true, ..AddedToken::special(3, "b<") };
        let added = Added::new(vec![token(0, "<a", false, false), token(1, "<a>", true, true), later]).unwrap();
        use Part::{Text, Token};
        assert_eq!(
            added.parts("x <a> \n<a> b<a<a"),
            [Text(0..1), Token(1), Token(1), Text(11..12), Token(0), Token(0)]
        );
        assert_eq!(added.parts("b<b"), [Token(3), Text(2..3)]);
        assert_eq!(added.parts(""), []);
    }
}
