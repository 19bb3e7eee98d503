//! Which element of an image each tap of a window reads, and which taps each output of a transpose has.

use crate::list::List;
use std::ops::Range;

/// One axis: tap t of output q reads element q·stride + t·dilation − before of the image, or zero outside of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    /// Length of the image.
    pub image: usize,
    pub taps: usize,
    pub stride: usize,
    pub dilation: usize,
    /// Padding in front; negative where a transposed convolution crops.
    pub before: isize,
    /// Outputs.
    pub out: usize,
}

impl Axis {
    /// The element that a tap reads, if it lies in the image.
    pub fn element(&self, q: usize, tap: usize) -> Option<usize> {
        let at = (q * self.stride + tap * self.dilation) as isize - self.before;
        (0..self.image as isize).contains(&at).then_some(at as usize)
    }
}

/// The outputs `first`, `first + step`, … of an axis, which all see the same taps of the kernel. A convolution has one phase
/// with all outputs; a transposed one of stride s has s of them, so that nobody multiplies by the zeros which would be
/// put between its inputs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Phase {
    pub axis: Axis,
    pub first: usize,
    pub step: usize,
    /// The kernel's index of tap 0, and from a tap to the next.
    tap_first: usize,
    tap_step: isize,
}

impl Phase {
    /// A convolution: all outputs, all taps.
    pub fn all(axis: Axis) -> List<Phase> {
        List::repeat(Phase { axis, first: 0, step: 1, tap_first: 0, tap_step: 1 }, 1)
    }

    /// The transpose of `axis`: from its outputs to the elements of its image.
    ///
    /// Element h is read as tap t of output q where h + before = q·s + t·d. With r = (h + before) mod s, those are the taps with
    /// t·d ≡ r (mod s): t = t₀ + m·s/g with g = gcd(s, d). The next such tap reads d/g outputs earlier, the next element
    /// of the same r one output later: a convolution of stride 1 and dilation d/g, whose taps run backwards.
    pub fn transposed(axis: &Axis) -> List<Phase> {
        let (s, d) = (axis.stride, axis.dilation);
        let (tap_step, dilation) = (s / gcd(s, d), d / gcd(s, d));
        let before = axis.before as usize;
        let phase = |first: usize| {
            let residue = (first + before) % s;
            let lowest = (0..axis.taps.min(tap_step)).find(|t| t * d % s == residue);
            let taps = lowest.map_or(0, |t| (axis.taps - t).div_ceil(tap_step));
            let highest = lowest.map_or(0, |t| t + taps.saturating_sub(1) * tap_step);
            // The output that the highest tap of the first element belongs to; negative before the beginning.
            let from = ((first + before) as isize - (highest * d) as isize).div_euclid(s as isize);
            let out = axis.image.saturating_sub(first).div_ceil(s);
            let axis = Axis { image: axis.out, taps, stride: 1, dilation, before: -from, out };
            Phase { axis, first, step: s, tap_first: highest, tap_step: -(tap_step as isize) }
        };
        (0..s.min(axis.image)).map(phase).collect()
    }

    /// The kernel's index of tap `t`.
    pub fn tap(&self, t: usize) -> usize {
        (self.tap_first as isize + t as isize * self.tap_step) as usize
    }

    /// Which taps of this phase of the rows and one of the columns, counted row by row, are among the first `most` of a kernel of `width` columns. The
    /// kernel's order rises along a convolution's taps and falls along a transposed one's, so those are the first or the last of them.
    pub fn seen(&self, cols: &Phase, width: usize, most: usize) -> Range<usize> {
        let across = cols.axis.taps;
        let all = self.axis.taps * across;
        let is_seen = |&t: &usize| self.tap(t / across) * width + cols.tap(t % across) < most;
        let first = (0..all).find(is_seen).unwrap_or(all);
        first..(first..all).rfind(is_seen).map_or(first, |last| last + 1)
    }

    /// Whether tap t is the kernel's t.
    pub fn is_whole(&self) -> bool {
        self.tap_first == 0 && self.tap_step == 1
    }
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_phases_of_a_transpose_hold_every_pair_of_element_and_tap_once() {
        for stride in 1..5 {
            for dilation in 1..5 {
                for taps in 1..5 {
                    for (before, image) in [(0, 7), (1, 6), (3, 9), (5, 3)] {
                        let span = dilation * (taps - 1) + 1;
                        if image + 2 * before < span {
                            continue;
                        }
                        let out = (image + 2 * before - span) / stride + 1;
                        let axis = Axis { image, taps, stride, dilation, before: before as isize, out };
                        let mut pairs = Vec::new();
                        for q in 0..out {
                            pairs.extend((0..taps).filter_map(|t| Some((axis.element(q, t)?, t, q))));
                        }
                        let mut found = Vec::new();
                        for phase in &Phase::transposed(&axis) {
                            for m in 0..phase.axis.out {
                                let of = |t: usize| {
                                    Some((phase.first + m * phase.step, phase.tap(t), phase.axis.element(m, t)?))
                                };
                                found.extend((0..phase.axis.taps).filter_map(of));
                            }
                        }
                        pairs.sort();
                        found.sort();
                        assert_eq!(
                            found, pairs,
                            "stride {stride}, dilation {dilation}, {taps} taps, {before}, {image}"
                        );
                    }
                }
            }
        }
    }
}
