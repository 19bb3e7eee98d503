//! GPT-2's splitting rule: where a text is cut into pieces, inside of which pairs are merged and beyond which they are not.
//!
//! The rule was published as a regular expression,
//!
//! ```text
//! 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
//! ```
//!
//! and at every place of a text the first alternative that matches is taken, as long as it can be. In words:
//!
//! 1. An apostrophe begins a contraction if s, t, re, ve, m, ll or d follows, whatever comes after.
//! 2. Letters stick together, so do numbers, and so do all characters that are neither these nor white space. Each of them takes
//!    *one* space (U+0020, no other) which stands before it.
//! 3. White space sticks together, but its last character is left to what follows. If that is a space and a word comes, rule 2
//!    takes it; else it is a piece of its own. At the end of the text nothing follows, and all of it is one piece.
//!
//! Here it is one pass without going back. A piece never ends inside a run of characters of one class, except for rules 1 and 3,
//! so the class of one character says which run to follow.

use super::classes::{Class, Classes};

/// The class of an ASCII character, or that the byte is part of a longer one.
const ASCII: [Kind; 256] = {
    let mut kinds = [Kind::Long; 256];
    let mut b = 0;
    while b < 128 {
        kinds[b] = match b as u8 {
            b'a'..=b'z' | b'A'..=b'Z' => Kind::Letter,
            b'0'..=b'9' => Kind::Number,
            b'\t'..=b'\r' | b' ' => Kind::Space,
            _ => Kind::Other,
        };
        b += 1;
    }
    kinds
};

#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Kind {
    Other,
    Letter,
    Number,
    Space,
    Long,
}

/// The pieces of a text, by where they end.
pub(super) struct Splitter<'t> {
    text: &'t [u8],
    classes: &'static Classes,
}

impl<'t> Splitter<'t> {
    pub(super) fn new(text: &'t str) -> Splitter<'t> {
        Splitter { text: text.as_bytes(), classes: Classes::get() }
    }

    /// Where the piece ends that begins at byte `start`, which must be where a piece begins, before the end of the text.
    #[inline]
    pub(super) fn end_of(&self, start: usize) -> usize {
        let text = self.text;
        let first = text[start];
        if first == b'\'' {
            let after = &text[start + 1..];
            match after {
                [b's' | b't' | b'm' | b'd', ..] => return start + 2,
                [b'r' | b'v', b'e', ..] | [b'l', b'l', ..] => return start + 3,
                _ => {}
            }
        }
        let (class, next) = self.at(start);
        if class != Class::Space {
            return self.run(next, class);
        }
        if first == b' ' && next < text.len() {
            let (class, next) = self.at(next);
            if class != Class::Space {
                return self.run(next, class);
            }
        }
        // White space: up to before its last character, unless that is all, or the text ends here.
        let (mut last, mut end) = (start, next);
        while end < text.len() {
            let (class, next) = self.at(end);
            if class != Class::Space {
                return if last == start { end } else { last };
            }
            (last, end) = (end, next);
        }
        end
    }

    /// The class of the character at byte `i`, and where the next one begins.
    #[inline(always)]
    fn at(&self, i: usize) -> (Class, usize) {
        match ASCII[usize::from(self.text[i])] {
            Kind::Other => (Class::Other, i + 1),
            Kind::Letter => (Class::Letter, i + 1),
            Kind::Number => (Class::Number, i + 1),
            Kind::Space => (Class::Space, i + 1),
            Kind::Long => {
                let (code, length) = decode(&self.text[i..]);
                (self.classes.of(code), i + length)
            }
        }
    }

    /// Where the run of one class ends which has come as far as byte `i`.
    #[inline]
    fn run(&self, mut i: usize, class: Class) -> usize {
        while i < self.text.len() {
            let (found, next) = self.at(i);
            if found != class {
                break;
            }
            i = next;
        }
        i
    }
}

/// The code point of two to four bytes of valid UTF-8, and how many they are.
#[inline]
fn decode(bytes: &[u8]) -> (u32, usize) {
    let low = |b: u8| u32::from(b & 0x3f);
    match *bytes {
        [a @ 0xc0..0xe0, b, ..] => (u32::from(a & 0x1f) << 6 | low(b), 2),
        [a @ 0xe0..0xf0, b, c, ..] => (u32::from(a & 0x0f) << 12 | low(b) << 6 | low(c), 3),
        [a, b, c, d, ..] => (u32::from(a & 0x07) << 18 | low(b) << 12 | low(c) << 6 | low(d), 4),
        _ => unreachable!("a `str` ends with a whole character"),
    }
}

/// The pieces of a text under GPT-2's splitting rule. Together they are the text.
///
/// ```
/// use glassbox_transformer::tokenizer::split;
/// let pieces: Vec<&str> = split("They'll pay  £12,50 for two\n\n").collect();
/// assert_eq!(pieces, ["They", "'ll", " pay", " ", " £", "12", ",", "50", " for", " two", "\n\n"]);
/// ```
pub fn split(text: &str) -> impl Iterator<Item = &str> {
    let splitter = Splitter::new(text);
    let mut start = 0;
    std::iter::from_fn(move || {
        (start < text.len()).then(|| {
            let piece = start..splitter.end_of(start);
            start = piece.end;
            &text[piece]
        })
    })
}

/// Cuts a text into parts of about `size` bytes, so that the pieces of the parts are those of the text.
///
/// Between a character that is not white space and one that is, there is always a cut: no piece but those of white space has any
/// but before its first character. And the rule at the end of a text is about white space, with which no part but the last ends.
/// The white space that is looked for is ASCII's; a text without such a place stays whole.
pub(super) fn parts(text: &str, size: usize) -> Vec<&str> {
    let is_space = |c: char| Classes::get().of(u32::from(c)) == Class::Space;
    let cut = |&i: &usize| ASCII[usize::from(text.as_bytes()[i])] == Kind::Space && !text[..i].ends_with(is_space);
    let (mut parts, mut start) = (Vec::new(), 0);
    while start < text.len() {
        let end = (start + size..text.len()).find(cut).unwrap_or(text.len());
        parts.push(&text[start..end]);
        start = end;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The regular expression, alternative by alternative, with going back where it says so.
    fn by_the_expression(text: &str) -> Vec<String> {
        let text: Vec<char> = text.chars().collect();
        let class = |i: usize| text.get(i).map(|&c| Classes::get().of(c as u32));
        let run = |from: usize, wanted: Class| (from..).take_while(|&i| class(i) == Some(wanted)).count();
        let mut pieces = Vec::new();
        let mut start = 0;
        while start < text.len() {
            let contraction = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"]
                .into_iter()
                .find(|c| text[start..].starts_with(&c.chars().collect::<Vec<_>>()))
                .map(|c| c.chars().count());
            let optional_space = |wanted| {
                let space = usize::from(text[start] == ' ');
                (0..=space)
                    .rev()
                    .map(|space| (space, run(start + space, wanted)))
                    .find(|(_, n)| *n > 0)
                    .map(|(s, n)| s + n)
            };
            let not_before_text = || {
                let n = run(start, Class::Space);
                (1..=n).rev().find(|n| matches!(class(start + n), None | Some(Class::Space)))
            };
            let white = || Some(run(start, Class::Space)).filter(|n| *n > 0);
            let length = contraction
                .or_else(|| optional_space(Class::Letter))
                .or_else(|| optional_space(Class::Number))
                .or_else(|| optional_space(Class::Other))
                .or_else(not_before_text)
                .or_else(white)
                .expect("one alternative matches any character");
            pieces.push(text[start..start + length].iter().collect());
            start += length;
        }
        pieces
    }

    /// Texts in which the rule has something to decide.
    pub(in super::super) fn tricky() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            "[ \t\n'stremvld1-9a-f!\u{a0}\u{3000}é٣漢🙂\u{301}\u{85}\u{0}]{0,12}",
            any::<char>().prop_map(String::from),
            "\\PC{0,5}",
        ];
        prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn one_pass_finds_what_the_expression_says(text in tricky()) {
            prop_assert_eq!(split(&text).collect::<Vec<_>>(), by_the_expression(&text));
        }

        #[test]
        fn parts_have_the_pieces_of_the_whole(text in tricky(), size in 1..20usize) {
            let parts = parts(&text, size);
            prop_assert_eq!(parts.concat(), text.as_str());
            let pieces: Vec<&str> = parts.into_iter().flat_map(split).collect();
            prop_assert_eq!(pieces, split(&text).collect::<Vec<_>>());
        }
    }
}
