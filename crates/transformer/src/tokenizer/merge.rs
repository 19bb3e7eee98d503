//! How the bytes of a piece become tokens: the pair that was learned first is merged first, the leftmost of equal ones, until no
//! pair of neighbours is in the list.
//!
//! Pieces are words, so nearly all are short, and for those the plain way is the fastest: keep the rank of every pair of
//! neighbours in an array, look for the smallest, merge, repeat. That is quadratic in the length, and nobody promises that a text
//! has spaces; from [`LONG`] symbols on, a heap keeps the pairs sorted and a linked list the neighbours, in O(n log n).

use foldhash::fast::RandomState;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

/// The length from which on the heap pays: with GPT-2's merges, both ways take 95 ns a letter at 256 letters of English; at 32 the
/// heap takes twice as long, and at 1,024 a third.
const LONG: usize = 256;

/// What two tokens become, and how early that was learned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Merge {
    rank: u32,
    id: u32,
}

/// No pair of neighbours.
const NONE: Merge = Merge { rank: u32::MAX, id: 0 };

/// The pairs that are merged, each with its rank and the token that it becomes.
#[derive(Debug, Clone, Default)]
pub(super) struct Merges {
    pairs: HashMap<u64, Merge, RandomState>,
}

/// Two tokens as one key.
pub(super) fn key(left: u32, right: u32) -> u64 {
    u64::from(left) << 32 | u64::from(right)
}

impl Merges {
    /// The merges in their order: the two tokens and what they become. Where a pair stands twice, the later place counts, as in
    /// the library `tokenizers`.
    pub(super) fn new(merges: impl ExactSizeIterator<Item = (u32, u32, u32)>) -> Merges {
        let mut pairs = HashMap::with_capacity_and_hasher(merges.len(), RandomState::default());
        for (rank, (left, right, id)) in (0..).zip(merges) {
            pairs.insert(key(left, right), Merge { rank, id });
        }
        Merges { pairs }
    }

    /// The merges in their order.
    pub(super) fn in_order(&self) -> Vec<(u32, u32)> {
        let mut all: Vec<_> = self.pairs.iter().collect();
        all.sort_unstable_by_key(|(_, merge)| merge.rank);
        all.into_iter().map(|(&pair, _)| ((pair >> 32) as u32, pair as u32)).collect()
    }

    #[inline]
    fn of(&self, left: u32, right: u32) -> Merge {
        self.pairs.get(&key(left, right)).copied().unwrap_or(NONE)
    }

    /// Merges the symbols of a piece. `ranks` is room that is used again.
    pub(super) fn apply(&self, symbols: &mut Vec<u32>, ranks: &mut Vec<u64>) {
        if symbols.len() < LONG { self.apply_to_few(symbols, ranks) } else { self.apply_to_many(symbols) }
    }

    /// The definition.
    fn apply_to_few(&self, symbols: &mut Vec<u32>, merges: &mut Vec<u64>) {
        // Rank and token as one number, so that the smallest number is the smallest rank.
        let of = |left, right| {
            let merge = self.of(left, right);
            u64::from(merge.rank) << 32 | u64::from(merge.id)
        };
        merges.clear();
        merges.extend(symbols.windows(2).map(|pair| of(pair[0], pair[1])));
        while let Some((at, &first)) = merges.iter().enumerate().min_by_key(|&(_, merge)| merge) {
            if first >> 32 == u64::from(NONE.rank) {
                break;
            }
            symbols[at] = first as u32;
            symbols.remove(at + 1);
            merges.remove(at);
            if at > 0 {
                merges[at - 1] = of(symbols[at - 1], symbols[at]);
            }
            if at + 1 < symbols.len() {
                merges[at] = of(symbols[at], symbols[at + 1]);
            }
        }
    }

    /// The same with a heap. What comes out of it may be out of date, since a neighbour was merged meanwhile: then the pair that
    /// stands there now is another one.
    fn apply_to_many(&self, symbols: &mut Vec<u32>) {
        const GONE: u32 = u32::MAX;
        let n = u32::try_from(symbols.len()).expect("a piece has less than 4 GiB");
        let mut next: Vec<u32> = (1..=n).collect(); // places are u32: 20 bytes a symbol in all, where usize would take 40
        let mut previous: Vec<u32> = (0..n).map(|i| i.saturating_sub(1)).collect();
        let candidate = |symbols: &[u32], left: u32, right: u32| {
            let merge = self.of(symbols[left as usize], symbols[right as usize]);
            (merge != NONE).then_some(Reverse((merge.rank, left, merge.id)))
        };
        let mut heap: BinaryHeap<_> = (1..n).filter_map(|right| candidate(symbols, right - 1, right)).collect();
        while let Some(Reverse((rank, left, id))) = heap.pop() {
            let (at, right) = (left as usize, next[left as usize]);
            if symbols[at] == GONE || right == n || self.of(symbols[at], symbols[right as usize]).rank != rank {
                continue;
            }
            symbols[at] = id;
            symbols[right as usize] = GONE;
            let after = next[right as usize];
            next[at] = after;
            if after < n {
                previous[after as usize] = left;
                heap.extend(candidate(symbols, left, after));
            }
            if left > 0 {
                heap.extend(candidate(symbols, previous[at], left));
            }
        }
        symbols.retain(|&symbol| symbol != GONE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_heap_merges_what_the_definition_merges(
            pairs in prop::collection::vec((0..12u32, 0..12u32), 1..40),
            symbols in prop::collection::vec(0..4u32, 0..300),
        ) {
            let merges = Merges::new((0..).zip(&pairs).map(|(i, &(a, b))| (a, b, 4 + i)).collect::<Vec<_>>().into_iter());
            let (mut few, mut many) = (symbols.clone(), symbols);
            merges.apply_to_few(&mut few, &mut Vec::new());
            merges.apply_to_many(&mut many);
            prop_assert_eq!(few, many);
        }
    }
}
