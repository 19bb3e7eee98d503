//! The largest and the smallest element.

use super::{COLUMNS, Columns, Fold, reduce};
use crate::simd::{Simd, UpdateLanes};
use crate::tensor::Tensor;

/// The maximum, or the minimum if `MIN`; NaN wins, as in NumPy and PyTorch.
#[derive(Clone, Copy)]
pub(crate) struct Extreme<const MIN: bool>;

impl<const MIN: bool> Extreme<MIN> {
    const NEUTRAL: f32 = if MIN { f32::INFINITY } else { f32::NEG_INFINITY };

    #[inline(always)]
    fn of<S: Simd>(self, s: S, a: S::F, b: S::F) -> S::F {
        // `min` and `max` return b when either is NaN; so only a NaN in a needs help.
        s.select(s.is_nan(a), a, if MIN { s.min(a, b) } else { s.max(a, b) })
    }

    pub(super) fn of_scalars(self, a: f32, b: f32) -> f32 {
        if a.is_nan() || (if MIN { a < b } else { a > b }) { a } else { b }
    }

    /// The extreme of a row, with four accumulators to hide the latency.
    ///
    /// `min` and `max` drop a NaN that stands first, in one instruction. Whether one was dropped is seen in the sum, which other
    /// units of the processor add at the same time: it is NaN where an element is (and where ∞ met −∞, so then we look).
    #[inline(always)]
    pub(crate) fn of_row<S: Simd>(self, s: S, x: &[f32]) -> f32 {
        if x.len() < S::LANES {
            return x.iter().fold(Self::NEUTRAL, |a, &b| self.of_scalars(a, b));
        }
        let (mut best, mut sums) = ([s.splat(Self::NEUTRAL); 4], [s.splat(0.0); 4]);
        let mut chunks = x.chunks_exact(4 * S::LANES);
        for chunk in &mut chunks {
            for j in 0..4 {
                let v = s.load(&chunk[j * S::LANES..]);
                best[j] = self.dropping(s, v, best[j]);
                sums[j] = sums[j] + v;
            }
        }
        let mut vectors = chunks.remainder().chunks_exact(S::LANES);
        for v in &mut vectors {
            let v = s.load(v);
            best[0] = self.dropping(s, v, best[0]);
            sums[0] = sums[0] + v;
        }
        let sum = (sums[0] + sums[1]) + (sums[2] + sums[3]);
        if s.any(s.is_nan(sum)) && x.iter().any(|x| x.is_nan()) {
            return f32::NAN;
        }
        let all = self.dropping(s, self.dropping(s, best[0], best[1]), self.dropping(s, best[2], best[3]));
        let of_vectors = if MIN { -s.max_lane(-all) } else { s.max_lane(all) };
        vectors.remainder().iter().fold(of_vectors, |a, &b| self.of_scalars(a, b))
    }

    /// The extreme of both; b where a is NaN.
    #[inline(always)]
    fn dropping<S: Simd>(self, s: S, a: S::F, b: S::F) -> S::F {
        if MIN { s.min(a, b) } else { s.max(a, b) }
    }
}

impl<const MIN: bool> UpdateLanes<1, 1> for Extreme<MIN> {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [acc]: [S::F; 1], [x]: [S::F; 1]) -> [S::F; 1] {
        [self.of(s, acc, x)]
    }
}

impl<const MIN: bool> UpdateLanes<1, 8> for Extreme<MIN> {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [acc]: [S::F; 1], x: [S::F; 8]) -> [S::F; 1] {
        let left = self.of(s, self.of(s, x[0], x[1]), self.of(s, x[2], x[3]));
        let right = self.of(s, self.of(s, x[4], x[5]), self.of(s, x[6], x[7]));
        [self.of(s, acc, self.of(s, left, right))]
    }
}

impl<const MIN: bool> Fold for Extreme<MIN> {
    type Part = f32;
    type Out = f32;
    const ANY_ORDER: bool = true;

    fn nothing(self) -> f32 {
        Self::NEUTRAL
    }
    #[inline(always)]
    fn row<S: Simd>(self, s: S, x: &[f32], _: usize) -> f32 {
        self.of_row(s, x)
    }
    fn join(self, a: f32, b: f32) -> f32 {
        self.of_scalars(a, b)
    }
    fn finish(self, extreme: f32) -> f32 {
        extreme
    }
    #[inline(always)]
    fn columns<S: Simd, T>(self, s: S, x: Columns<'_>, _: usize, out: &mut [T], emit: impl Fn(f32) -> T) {
        let mut acc = [0.0f32; COLUMNS];
        let acc = &mut acc[..x.width];
        x.gather(s, &self, 0..x.rows, acc);
        out.iter_mut().zip(acc).for_each(|(out, &mut extreme)| *out = emit(extreme));
    }
}

impl Tensor {
    /// The largest element over `axes`, as [`sum`](Self::sum); NaN if one is NaN. The maximum of nothing is −∞.
    ///
    /// ```
    /// use glassbox_tensor::tensor;
    /// assert_eq!(tensor![[1., 5.], [3., 4.]].max(&[1], false), tensor![5., 4.]);
    /// ```
    ///
    /// # Panics
    /// For an axis that doesn't exist or is named twice.
    #[track_caller]
    pub fn max(&self, axes: &[isize], keepdim: bool) -> Tensor {
        reduce(self, "max", Extreme::<false>, axes, keepdim)
    }

    /// The smallest element over `axes`, as [`sum`](Self::sum); NaN if one is NaN. The minimum of nothing is ∞.
    ///
    /// ```
    /// use glassbox_tensor::tensor;
    /// assert_eq!(tensor![[1., 5.], [3., 4.]].min(&[1], false), tensor![1., 3.]);
    /// ```
    ///
    /// # Panics
    /// For an axis that doesn't exist or is named twice.
    #[track_caller]
    pub fn min(&self, axes: &[isize], keepdim: bool) -> Tensor {
        reduce(self, "min", Extreme::<true>, axes, keepdim)
    }
}
