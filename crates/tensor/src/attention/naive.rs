//! The definition, a query at a time: what the tiles of `forward.rs` are held to, and what computes where they would
//! let a NaN through.

use super::problem::Problem;
use crate::simd::{Scalar, math};
use std::ops::Range;

/// y (rows, Dv) and the logsumexp of the queries `i` of one head. A key that a query doesn't see is not read for it.
pub(super) fn forward(p: &Problem<'_>, [b, h]: [usize; 2], i: Range<usize>, y: &mut [f32], logsumexp: &mut [f32]) {
    let (q, k, v) = (p.q.head(b, h), p.k.head(b, h / p.group()), p.v.head(b, h / p.group()));
    y.fill(0.0);
    for (at, i) in i.enumerate() {
        let y = &mut y[at * v.cols()..][..v.cols()];
        let mask = p.mask.as_ref().map(|mask| mask.row([b, h, i], &(0..p.keys())));
        let hidden = |j: usize| mask.is_some_and(|mask| mask.at(j) == f32::NEG_INFINITY);
        let seen = p.seen_by(&(i..i + 1)).filter(|&j| !hidden(j));
        let score = |j: usize| {
            let product: f32 = (0..q.cols()).map(|d| q.at(i, d) * k.at(j, d)).sum();
            product * p.scale + mask.map_or(0.0, |mask| mask.at(j))
        };
        let x: Vec<(usize, f32)> = seen.map(|j| (j, score(j))).collect();
        let top = x.iter().fold(f32::NEG_INFINITY, |top, &(_, x)| if x > top { x } else { top });
        let shift = if top == f32::NEG_INFINITY { 0.0 } else { top };
        let mut sum = 0.0;
        for (j, x) in x {
            let e = math::exp(Scalar, x - shift);
            sum += e;
            (0..v.cols()).for_each(|d| y[d] += e * v.at(j, d));
        }
        if sum == 0.0 {
            logsumexp[at] = f32::INFINITY; // y stays 0
        } else {
            y.iter_mut().for_each(|y| *y /= sum);
            logsumexp[at] = shift + math::ln(Scalar, sum);
        }
    }
}
