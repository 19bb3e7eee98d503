//! How often each piece stands in the texts: all that training has to know of them.

use super::split::{Splitter, parts};
use foldhash::fast::RandomState;
use rayon::prelude::*;
use std::collections::HashMap;

type Counts<'t> = HashMap<&'t [u8], u64, RandomState>;

/// A text is cut into parts of about this many bytes, which threads share.
const PART: usize = 1 << 18;

/// The pieces of all texts in the order of their bytes, each with how often it stands there. The same on any number of threads,
/// since each counts for itself and sums don't ask who counted what.
pub(super) fn count_pieces<'t>(texts: &[&'t str]) -> Vec<(&'t [u8], u64)> {
    let parts: Vec<&str> = texts.iter().flat_map(|text| parts(text, PART)).collect();
    let each = parts.len().div_ceil(rayon::current_num_threads()).max(1);
    let counted = parts.par_chunks(each).map(count).reduce(Counts::default, |a, b| {
        let (mut sum, other) = if a.len() < b.len() { (b, a) } else { (a, b) };
        for (piece, n) in other {
            *sum.entry(piece).or_default() += n;
        }
        sum
    });
    let mut counted: Vec<_> = counted.into_iter().collect();
    counted.par_sort_unstable();
    counted
}

fn count<'t>(parts: &[&'t str]) -> Counts<'t> {
    let mut counts = Counts::default();
    for text in parts {
        let splitter = Splitter::new(text);
        let mut start = 0;
        while start < text.len() {
            let end = splitter.end_of(start);
            *counts.entry(&text.as_bytes()[start..end]).or_default() += 1;
            start = end;
        }
    }
    counts
}
