//! Pieces with scores: SentencePiece's byte pairs, as llama2.c keeps them in a `tokenizer.bin`.
//!
//! ```text
//! the longest piece as i32, then for each token its score as f32, its length as i32, and its bytes
//! ```
//!
//! A text is cut into characters, and the two neighbours whose union has the highest score become that piece, the leftmost of equals
//! first, until no union is a piece. A character that is no piece is its bytes, for which there are the pieces `<0x00>` to `<0xFF>`.
//! A space stands before a text that is not empty, and is taken away again where a text begins.
//!
//! Source: Kudo and Richardson 2018, SentencePiece; Karpathy 2023, llama2.c, `tokenizer.py` and `run.c`.

use super::error::PretrainedError;
use foldhash::fast::RandomState;
use glassbox_data::DataError;
use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap};

/// The first tokens say something about the text: unknown, its beginning, its end.
const CONTROLS: usize = 3;
/// No neighbour, and no token.
const NONE: usize = usize::MAX;

/// A tokenizer of pieces with scores.
///
/// ```
/// use glassbox_transformer::Pieces;
/// let mut file = 3i32.to_le_bytes().to_vec(); // <unk> <s> </s>, then the characters, then what they become
/// for (score, piece) in [(0., "<unk>"), (0., "<s>"), (0., "</s>"), (-3., " "), (-4., "a"), (-5., "b"), (-1., "ab"), (-2., " a")] {
///     file.extend(f32::to_le_bytes(score));
///     file.extend((piece.len() as i32).to_le_bytes());
///     file.extend(piece.as_bytes());
/// }
/// let pieces = Pieces::parse("tiny.bin", &file, 8)?;
/// assert_eq!(pieces.encode("aab")?, [7, 6]); // " a" and "ab", which comes first
/// assert_eq!(pieces.bytes(7), b" a");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Pieces {
    pieces: Vec<Piece>,
    /// Pieces that text can become, without controls and bytes.
    ids: HashMap<Box<[u8]>, usize, RandomState>,
    /// The token of each byte, or [`NONE`].
    bytes: [usize; 256],
}

#[derive(Debug, Clone)]
struct Piece {
    bytes: Box<[u8]>,
    score: f32,
}

impl Pieces {
    /// Reads the content of a `tokenizer.bin` for a model of so many words; `file` is what errors call it.
    ///
    /// # Errors
    /// If it ends too soon or too late, or says something that can't be.
    pub fn parse(file: &str, bytes: &[u8], words: usize) -> Result<Pieces, PretrainedError> {
        let wrong = |problem: String| PretrainedError::Wrong { file: file.to_string(), problem };
        let cut = |i: usize| {
            wrong(format!(
                "it ends in the middle of token {i}, and the model has {words}; give the tokenizer that belongs to the model"
            ))
        };
        let mut rest = bytes.get(4..).ok_or_else(|| cut(0))?;
        let mut take = |n: usize| {
            let (these, others) = rest.split_at_checked(n)?;
            rest = others;
            Some(these)
        };
        let mut pieces = Vec::new();
        for i in 0..words {
            let head = take(8).ok_or_else(|| cut(i))?;
            let [score, length] = [&head[..4], &head[4..]].map(|four| four.try_into().expect("four bytes"));
            let (score, length) = (f32::from_le_bytes(score), i32::from_le_bytes(length));
            let length = usize::try_from(length).map_err(|_| {
                wrong(format!("token {i} has {length} bytes, which can't be; copy the file or download it again"))
            })?;
            if !score.is_finite() {
                return Err(wrong(format!("token {i} has no score but {score}; copy the file or download it again")));
            }
            pieces.push(Piece { bytes: take(length).ok_or_else(|| cut(i))?.into(), score });
        }
        if !rest.is_empty() {
            return Err(wrong(format!(
                "it has more than the {words} tokens of the model; give the tokenizer that belongs to the model"
            )));
        }
        Ok(Pieces::new(pieces))
    }

    fn new(pieces: Vec<Piece>) -> Pieces {
        let (mut ids, mut bytes) = (HashMap::default(), [NONE; 256]);
        for (id, piece) in pieces.iter().enumerate().skip(CONTROLS) {
            match byte_of(&piece.bytes) {
                Some(byte) => bytes[usize::from(byte)] = id,
                None if !piece.bytes.is_empty() => _ = ids.entry(piece.bytes.clone()).or_insert(id),
                None => {}
            }
        }
        Pieces { pieces, ids, bytes }
    }

    /// The tokens of a text, with the space before it, and without the token that begins a text.
    ///
    /// # Errors
    /// If neither a character nor its bytes are pieces.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, DataError> {
        if text.is_empty() {
            return Ok(Vec::new());
        }
        let mut ids = Vec::with_capacity(text.len() + 1);
        for c in std::iter::once(' ').chain(text.chars()) {
            let mut buffer = [0; 4];
            let character = c.encode_utf8(&mut buffer).as_bytes();
            if let Some(&id) = self.ids.get(character) {
                ids.push(id);
                continue;
            }
            for &byte in character {
                match self.bytes[usize::from(byte)] {
                    NONE => {
                        let problem = format!("the model has no token for the character {c:?}; leave it out");
                        return Err(DataError::Inconsistent { name: "the prompt".to_string(), problem });
                    }
                    id => ids.push(id),
                }
            }
        }
        self.merge(&mut ids);
        Ok(ids.into_iter().map(|id| id as u32).collect())
    }

    /// The bytes of a token.
    ///
    /// # Panics
    /// If there is none of this number.
    pub fn bytes(&self, id: u32) -> Vec<u8> {
        let bytes = &self.pieces[id as usize].bytes;
        byte_of(bytes).map_or_else(|| bytes.to_vec(), |byte| vec![byte])
    }

    /// Makes two neighbours one until none can be. Each merge looks at its neighbours only: a long text takes n·log n.
    fn merge(&self, ids: &mut Vec<usize>) {
        let n = ids.len();
        let mut links: Vec<(usize, usize)> =
            (0..n).map(|i| (i.wrapping_sub(1), if i + 1 < n { i + 1 } else { NONE })).collect();
        let mut waiting = BinaryHeap::new();
        let union = |ids: &[usize], left: usize, right: usize| -> Option<Union> {
            let bytes = [&*self.pieces[ids[left]].bytes, &*self.pieces[ids[right]].bytes].concat();
            let &to = self.ids.get(&bytes[..])?;
            Some(Union { score: self.pieces[to].score, left, right, from: (ids[left], ids[right]), to })
        };
        waiting.extend((1..n).filter_map(|right| union(ids, right - 1, right)));
        while let Some(Union { left, right, from, to, .. }) = waiting.pop() {
            // What has changed since it was found is no neighbour any more.
            if (ids[left], ids[right]) != from || links[left].1 != right {
                continue;
            }
            (ids[left], ids[right]) = (to, NONE);
            let (before, after) = (links[left].0, links[right].1);
            links[left].1 = after;
            if after != NONE {
                links[after].0 = left;
                waiting.extend(union(ids, left, after));
            }
            if before != NONE {
                waiting.extend(union(ids, before, left));
            }
        }
        ids.retain(|&id| id != NONE);
    }
}

/// Two neighbours that could become one piece.
struct Union {
    score: f32,
    left: usize,
    right: usize,
    from: (usize, usize),
    to: usize,
}

/// The highest score first, and of equals the leftmost.
impl Ord for Union {
    fn cmp(&self, other: &Self) -> Ordering {
        self.score.total_cmp(&other.score).then(other.left.cmp(&self.left))
    }
}

impl PartialOrd for Union {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Union {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Union {}

/// The byte that a piece `<0x4F>` stands for.
fn byte_of(piece: &[u8]) -> Option<u8> {
    let hex = piece.strip_prefix(b"<0x")?.strip_suffix(b">")?;
    let hex = std::str::from_utf8(hex).ok().filter(|hex| hex.len() == 2 && !hex.starts_with('+'))?;
    u8::from_str_radix(hex, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Controls, the bytes if they are wanted, then these pieces, each with a lower score than the one before.
    fn pieces(bytes: bool, names: &[&str]) -> Pieces {
        let mut all: Vec<Piece> = ["<unk>", "<s>", "</s>"].map(|name| piece(name, 0.0)).to_vec();
        if bytes {
            all.extend((0..=255u8).map(|byte| piece(&format!("<0x{byte:02X}>"), 0.0)));
        }
        all.extend(names.iter().enumerate().map(|(i, name)| piece(name, -(i as f32))));
        Pieces::new(all)
    }

    fn piece(name: &str, score: f32) -> Piece {
        Piece { bytes: name.as_bytes().into(), score }
    }

    /// llama2.c's way: look at all neighbours for each merge.
    fn slowly(pieces: &Pieces, ids: &mut Vec<usize>) {
        loop {
            let mut best: Option<(f32, usize, usize)> = None;
            for i in 1..ids.len() {
                let union = [&*pieces.pieces[ids[i - 1]].bytes, &*pieces.pieces[ids[i]].bytes].concat();
                if let Some(&id) = pieces.ids.get(&union[..])
                    && best.is_none_or(|(score, ..)| pieces.pieces[id].score > score)
                {
                    best = Some((pieces.pieces[id].score, i, id));
                }
            }
            let Some((_, i, id)) = best else { return };
            ids[i - 1] = id;
            ids.remove(i);
        }
    }

    const NAMES: [&str; 12] = ["ab", "ba", "aa", "abab", "aab", "bb", "baab", "a", "b", " ", " a", "bab"];

    proptest! {
        #[test]
        fn merges_are_those_of_looking_at_all_neighbours_each_time(text in "[ab ]{1,60}", equal in any::<bool>()) {
            let mut pieces = pieces(false, &NAMES);
            if equal {
                pieces.pieces.iter_mut().for_each(|piece| piece.score = 0.0);
            }
            let mut expected: Vec<usize> = format!(" {text}").bytes().map(|b| pieces.ids[&[b][..]]).collect();
            slowly(&pieces, &mut expected);
            let ids: Vec<usize> = pieces.encode(&text).unwrap().into_iter().map(|id| id as usize).collect();
            prop_assert_eq!(ids, expected);
        }

        #[test]
        fn what_is_decoded_is_the_text_with_a_space_before_it(text in "\\PC{1,20}") {
            let pieces = pieces(true, &NAMES);
            let bytes: Vec<u8> = pieces.encode(&text).unwrap().into_iter().flat_map(|id| pieces.bytes(id)).collect();
            prop_assert_eq!(String::from_utf8(bytes).unwrap(), format!(" {text}"));
        }

        #[test]
        fn any_file_is_a_tokenizer_or_a_sentence(bytes in prop::collection::vec(any::<u8>(), 0..80), words in 0usize..5) {
            if let Err(error) = Pieces::parse("file", &bytes, words) {
                prop_assert!(error.to_string().starts_with("file: "));
            }
        }
    }

    #[test]
    fn a_character_that_is_no_piece_is_its_bytes() {
        let with = pieces(true, &NAMES);
        assert_eq!(with.encode("é").unwrap(), [268, 3 + 0xc3, 3 + 0xa9]);
        let error = pieces(false, &NAMES).encode("é").unwrap_err().to_string();
        assert_eq!(error, "the prompt: the model has no token for the character 'é'; leave it out");
        assert_eq!(with.encode("").unwrap(), [0u32; 0]);
    }

    #[test]
    fn commands_in_a_text_are_text() {
        let pieces = pieces(true, &["<", "s", ">", "/", "<s", " "]);
        assert_eq!(pieces.encode("<s>").unwrap(), [264, 263, 261]);
    }
}
