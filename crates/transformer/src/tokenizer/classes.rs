//! Which class a character has: letter, number, white space or anything else.
//!
//! Three properties of Unicode 16, which is the version that the libraries `tokenizers` 0.23 and `tiktoken` 0.14 have. The
//! ranges stand in `class_table.rs`; here they are laid out so that a character is found by two look-ups.

use super::class_table::{LETTERS, NUMBERS, SPACES};
use std::sync::LazyLock;

/// What the splitting rule asks of a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Class {
    /// None of the others: punctuation, symbols, marks, control characters, what is not assigned.
    Other,
    /// `\p{L}`
    Letter,
    /// `\p{N}`
    Number,
    /// `\s`
    Space,
}

const BLOCK: usize = 256;

/// The classes of all characters: blocks of 256, of which equal ones are kept once.
pub(super) struct Classes {
    /// The block of a code point, by its upper bits. 218 blocks are different, so a byte is enough.
    index: Vec<u8>,
    blocks: Vec<[Class; BLOCK]>,
}

static CLASSES: LazyLock<Classes> = LazyLock::new(Classes::new);

impl Classes {
    /// The table, laid out when it is first asked for.
    pub(super) fn get() -> &'static Classes {
        &CLASSES
    }

    fn new() -> Classes {
        let mut all = vec![Class::Other; 0x110000];
        for (ranges, class) in [(LETTERS, Class::Letter), (NUMBERS, Class::Number), (SPACES, Class::Space)] {
            for &(first, last) in ranges {
                all[first as usize..=last as usize].fill(class);
            }
        }
        let mut blocks: Vec<[Class; BLOCK]> = Vec::new();
        let (whole, _) = all.as_chunks::<BLOCK>();
        let index = whole.iter().map(|block| {
            let known = blocks.iter().rposition(|known| known == block); // mostly the one just before
            known.unwrap_or_else(|| {
                blocks.push(*block);
                blocks.len() - 1
            })
        });
        let index =
            index.map(|block| u8::try_from(block).expect("there are fewer than 256 different blocks")).collect();
        Classes { index, blocks }
    }

    /// The class of a code point; `code` is a `char`'s.
    #[inline]
    pub(super) fn of(&self, code: u32) -> Class {
        let code = code as usize;
        self.blocks[usize::from(self.index[code / BLOCK])][code % BLOCK]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_look_ups_find_what_the_ranges_say() {
        let inside = |ranges: &[(u32, u32)], code| ranges.iter().any(|&(first, last)| first <= code && code <= last);
        for code in (0..0x110000).step_by(7).chain(0..0x3000) {
            let expected = match code {
                _ if inside(LETTERS, code) => Class::Letter,
                _ if inside(NUMBERS, code) => Class::Number,
                _ if inside(SPACES, code) => Class::Space,
                _ => Class::Other,
            };
            assert_eq!(Classes::get().of(code), expected, "U+{code:04X}");
        }
    }

    #[test]
    fn where_the_standard_library_knows_better_it_is_a_newer_version() {
        // The compiler's tables are those of its own version of Unicode: what they add is not yet assigned in ours, and what
        // is white space or a number in ours is so for ever (the stability policy of Unicode).
        for c in (0..0x110000).filter_map(char::from_u32) {
            let class = Classes::get().of(c as u32);
            assert_eq!(class == Class::Space, c.is_whitespace(), "{c:?}");
            assert!(class != Class::Number || c.is_numeric(), "{c:?}");
            assert!(class != Class::Letter || c.is_alphabetic(), "{c:?}");
        }
    }
}
