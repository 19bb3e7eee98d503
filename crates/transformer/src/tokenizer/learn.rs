//! The loop of training: the pair of neighbours that stands there most often becomes a token, until there are enough.
//!
//! Counting all pairs again after each merge would be the plain way, and a test has it. What a merge changes is only beside it:
//!
//! ```text
//! … x [a b] y …   becomes   … x [ab] y …:   (x, a) and (b, y) are one less, (x, ab) and (ab, y) one more
//! ```
//!
//! so counts are kept, and with each pair the words in which it came up. A heap has the pairs by their counts as they were when
//! they were put there; counts of old pairs only fall, so whatever comes out with a count that is out of date goes back with the
//! new one, and the first that is up to date has the largest. Of equal counts the pair with the smaller tokens is first.
//!
//! The library `tokenizers` goes about it in the same way, and is followed into two corners, since the merges have to be its merges.
//! A string can come about by two ways, as abc by a + bc and ab + c: then both merges lead to the one token, and a pair with it
//! may get new places after it was put into the heap. It then is in the heap twice, each time with its own words, and each
//! becomes a merge. And what a pair has been counted is kept when it has been merged.

use super::merge::key;
use foldhash::fast::RandomState;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

/// The words, each as the tokens that it consists of by now.
pub(super) struct Words {
    symbols: Vec<u32>,
    words: Vec<Word>,
}

struct Word {
    start: usize,
    length: usize,
    count: i64,
}

impl Words {
    /// Words of bytes with their counts; `ids` has the token of each byte.
    pub(super) fn new(counted: &[(&[u8], u64)], ids: &[u32; 256]) -> Words {
        let mut symbols = Vec::with_capacity(counted.iter().map(|(word, _)| word.len()).sum());
        let words = counted.iter().map(|(word, count)| {
            let start = symbols.len();
            symbols.extend(word.iter().map(|&byte| ids[usize::from(byte)]));
            Word { start, length: word.len(), count: i64::try_from(*count).expect("it counts bytes of memory") }
        });
        let words = words.collect();
        Words { symbols, words }
    }

    /// Merges a pair wherever it stands in a word, and says of each pair whether it is one more or less.
    fn merge(&mut self, word: u32, (a, b): (u32, u32), merged: u32, mut change: impl FnMut(u64, i64)) {
        let Word { start, length, count } = &mut self.words[word as usize];
        let symbols = &mut self.symbols[*start..*start + *length];
        let (mut from, mut to) = (0, 0);
        while from < symbols.len() {
            if symbols[from] == a && symbols.get(from + 1) == Some(&b) {
                if to > 0 {
                    change(key(symbols[to - 1], a), -*count);
                    change(key(symbols[to - 1], merged), *count);
                }
                if let Some(&y) = symbols.get(from + 2) {
                    change(key(b, y), -*count);
                    change(key(merged, y), *count);
                }
                symbols[to] = merged;
                from += 2;
            } else {
                symbols[to] = symbols[from];
                from += 1;
            }
            to += 1;
        }
        *length = to;
    }
}

/// How often each pair stands in the words.
#[derive(Default)]
struct Pairs {
    places: HashMap<u64, u32, RandomState>,
    pairs: Vec<Pair>,
    /// The pairs that have become more since the last [`settle`](Self::settle).
    grown: Vec<u32>,
    heap: BinaryHeap<Candidate>,
    /// The words of each candidate, which stay where they are when it moves in the heap.
    words: Vec<Vec<u32>>,
}

struct Pair {
    key: u64,
    count: i64,
    /// Where it has come up since the last `settle`.
    words: Vec<u32>,
}

/// The count of a pair, the pair, and its words in `Pairs::words`.
type Candidate = (i64, Reverse<u64>, Reverse<usize>, u32);

impl Pairs {
    fn change(&mut self, key: u64, by: i64, word: u32) {
        let place = *self.places.entry(key).or_insert_with(|| {
            self.pairs.push(Pair { key, count: 0, words: Vec::new() });
            self.pairs.len() as u32 - 1
        });
        let pair = &mut self.pairs[place as usize];
        pair.count += by;
        if by > 0 && pair.words.last() != Some(&word) {
            if pair.words.is_empty() {
                self.grown.push(place);
            }
            pair.words.push(word);
        }
    }

    /// Puts the pairs that have become more into the heap, now that all changes of a merge are known.
    fn settle(&mut self) {
        for place in self.grown.drain(..) {
            let pair = &mut self.pairs[place as usize];
            let words = std::mem::take(&mut pair.words);
            if pair.count > 0 {
                self.heap.push((pair.count, Reverse(pair.key), Reverse(self.words.len()), place));
                self.words.push(words);
            }
        }
    }

    /// The pair that stands there most often, its count, and the words to merge it in.
    fn pop(&mut self) -> Option<((u32, u32), i64, Vec<u32>)> {
        while let Some((count, Reverse(key), Reverse(words), place)) = self.heap.pop() {
            let now = self.pairs[place as usize].count;
            if now == count {
                return Some((((key >> 32) as u32, key as u32), count, std::mem::take(&mut self.words[words])));
            }
            if now > 0 {
                self.heap.push((now, Reverse(key), Reverse(words), place));
            }
        }
        None
    }
}

/// Learns merges until `enough` says so or no pair stands there `min_frequency` times. `token` is told of each pair and gives the
/// token that it becomes.
pub(super) fn learn(mut words: Words, min_frequency: u64, mut token: impl FnMut(u32, u32) -> Option<u32>) {
    let mut pairs = Pairs::default();
    for (i, word) in words.words.iter().enumerate() {
        for pair in words.symbols[word.start..word.start + word.length].windows(2) {
            pairs.change(key(pair[0], pair[1]), word.count, i as u32);
        }
    }
    pairs.settle();
    let least = i64::try_from(min_frequency).unwrap_or(i64::MAX);
    while let Some((pair, count, places)) = pairs.pop() {
        if count < least {
            break;
        }
        let Some(merged) = token(pair.0, pair.1) else { break };
        for word in places {
            words.merge(word, pair, merged, |key, by| pairs.change(key, by, word));
        }
        pairs.settle();
    }
}
