//! What pieces have become before: a text has few words and says them often.
//!
//! The cache is built like a processor's. A piece has one place, by its hash; whoever comes later takes the place. So it never grows
//! and has nothing to tidy up, and a look-up is one line of 64 bytes: the piece's bytes and its tokens lie in it.

/// The longest piece that is kept, in bytes.
pub(super) const LONGEST: usize = 24;
/// The most tokens of a piece that are kept.
const TOKENS: usize = 8;
/// 32,768 places of 64 bytes are 2 MiB, about what a core has for itself. Twice as many are 5% faster on a text that says its words
/// often, and 13% slower on one of rare words.
const BITS: u32 = 15;

/// A piece: its bytes, with zeros after them, and how many they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Key {
    words: [u64; LONGEST / 8],
    length: u8,
}

impl Key {
    /// Bytes `start..end` of a text, at most [`LONGEST`].
    #[inline]
    pub(super) fn new(text: &[u8], start: usize, end: usize) -> Key {
        let length = end - start;
        let mut bytes = [0; LONGEST];
        match text.get(start..start + LONGEST) {
            // The same number of bytes for any piece is a few instructions, while a copy of `length` bytes would be a call.
            Some(more) => bytes.copy_from_slice(more),
            None => bytes[..length].copy_from_slice(&text[start..end]),
        }
        let mut words = [0; LONGEST / 8];
        for (i, (word, eight)) in words.iter_mut().zip(bytes.as_chunks::<8>().0).enumerate() {
            let wanted = length.saturating_sub(8 * i).min(8);
            let mask = if wanted == 8 { u64::MAX } else { (1 << (8 * wanted)) - 1 };
            *word = u64::from_le_bytes(*eight) & mask;
        }
        Key { words, length: length as u8 }
    }

    /// A place for it. The upper bits of a product depend on all bits of its factors.
    #[inline]
    fn place(&self) -> usize {
        let [a, b, c] = self.words;
        let mixed = (a ^ u64::from(self.length))
            .wrapping_add(b.wrapping_mul(0x9e37_79b9_7f4a_7c15))
            .wrapping_add(c.wrapping_mul(0xc2b2_ae3d_27d4_eb4f));
        let mixed = (mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed >> (64 - BITS)) as usize
    }
}

#[derive(Clone, Copy, Default)]
#[repr(align(64))]
struct Line {
    words: [u64; LONGEST / 8],
    tokens: [u32; TOKENS],
    length: u8, // of the piece, in bytes
    count: u8,  // of the tokens
}

/// The pieces that came by last.
pub(super) struct Cache {
    lines: Vec<Line>,
}

impl Cache {
    pub(super) fn new() -> Cache {
        Cache { lines: vec![Line::default(); 1 << BITS] }
    }

    /// The tokens of a piece, if it is there. No piece is empty, so that the empty key is that of an empty place.
    #[inline]
    pub(super) fn get(&self, key: &Key) -> Option<&[u32]> {
        let line = &self.lines[key.place()];
        (line.words == key.words && line.length == key.length).then(|| &line.tokens[..usize::from(line.count)])
    }

    /// Keeps the tokens of a piece, if they are few enough.
    pub(super) fn put(&mut self, key: Key, tokens: &[u32]) {
        if tokens.len() <= TOKENS {
            let line = &mut self.lines[key.place()];
            (line.words, line.length) = (key.words, key.length);
            line.count = tokens.len() as u8;
            line.tokens[..tokens.len()].copy_from_slice(tokens);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_cache_is_one_of_the_processors() {
        assert_eq!(size_of::<Line>(), 64);
    }

    #[test]
    fn zeros_at_the_end_of_a_piece_are_part_of_it() {
        let text = [b'!', 0, 0, b'x'];
        let mut cache = Cache::new();
        cache.put(Key::new(&text, 0, 2), &[7]);
        assert_eq!(cache.get(&Key::new(&text, 0, 2)), Some(&[7][..]));
        assert_eq!(cache.get(&Key::new(&text, 0, 3)), None);
        assert_eq!(cache.get(&Key::new(&text, 0, 1)), None);
    }

    #[test]
    fn a_key_is_the_same_in_the_middle_of_a_text_and_at_its_end() {
        let text: Vec<u8> = (1..=60).collect();
        for length in 1..=LONGEST {
            assert_eq!(Key::new(&text, 9, 9 + length), Key::new(&text[..9 + length], 9, 9 + length));
        }
    }
}
