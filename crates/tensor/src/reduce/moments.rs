//! Mean and variance in one reading, however far the mean is from 0.
//!
//! Of a piece that stays in the first-level cache, Σ (x − c) and Σ (x − c)² around the mean c of its first few numbers. Where c is as
//! near to the piece's mean as most of its numbers are, M₂ = Σ (x − c)² − (Σ (x − c))² / n loses no more than a bit; or else
//! the squares are added up once more, around the mean. Two pieces are joined in f64 as Chan, Golub and LeVeque do (1983, *Algorithms
//! for Computing the Sample Variance*). So the variance of 10⁴ + N(0, 1) has all its digits, and that of equal numbers is exactly 0,
//! with the mean exactly their value.

use super::{COLUMNS, Columns, Fold, reduce_into, reduced_count, reduced_shape};
use crate::list::List;
use crate::shape::axis_mask;
use crate::simd::{Simd, SumLanes, UpdateLanes, sum_lanes, update_lanes};
use crate::tensor::Tensor;

/// Elements of a piece: 8 KiB.
const PIECE: usize = 2048;
/// Rows of a piece of columns: 128 KiB at most, so that its second reading comes from the second-level cache.
const FLIGHT: usize = 32;

/// What is known of some numbers.
#[derive(Clone, Copy)]
pub(crate) struct Moments {
    pub(crate) count: f64,
    pub(crate) mean: f64,
    /// Σ (x − mean)²
    pub(crate) m2: f64,
}

impl Moments {
    pub(crate) const NONE: Moments = Moments { count: 0.0, mean: 0.0, m2: 0.0 };

    /// M₂ / n; NaN of nothing.
    pub(crate) fn variance(self) -> f64 {
        self.m2 / self.count
    }

    fn join(self, b: Moments) -> Moments {
        if self.count == 0.0 {
            return b; // whose mean may be infinite
        }
        let count = self.count + b.count;
        let (apart, share) = (b.mean - self.mean, b.count / count);
        Moments { count, mean: self.mean + apart * share, m2: self.m2 + b.m2 + apart * apart * self.count * share }
    }

    /// Of a row of any length, on this thread.
    #[inline(always)]
    pub(crate) fn of_row<S: Simd>(s: S, x: &[f32]) -> Moments {
        let mut all = Moments::NONE;
        for x in x.chunks(PIECE) {
            // The mean of a vector: the sum of 2ᵏ equal numbers is exact.
            let c = if x.len() < S::LANES { x[0] } else { s.sum(s.load(x)) / S::LANES as f32 };
            let n = x.len() as f64;
            let [sum, squares] = sum_lanes(s, &Distances { from: c }, [x]);
            let mean = f64::from(c) + sum / n;
            let off = sum * sum / n;
            all = all.join(if 2.0 * off <= squares && squares.is_finite() {
                Moments { count: n, mean, m2: squares - off }
            } else {
                let m = mean as f32;
                let [_, squares] = sum_lanes(s, &Distances { from: m }, [x]);
                around(n, mean, m, squares, x.iter().copied())
            });
        }
        all
    }
}

/// From Σ (x − m)², where m is the mean as an f32, whose own error is taken out. What was too large for f32 is computed once more in
/// f64.
fn around(n: f64, mean: f64, m: f32, squares: f64, x: impl Iterator<Item = f32> + Clone) -> Moments {
    let off = mean - f64::from(m);
    if squares.is_finite() && off.is_finite() {
        return Moments { count: n, mean, m2: (squares - n * off * off).max(0.0) };
    }
    let mean = x.clone().map(f64::from).sum::<f64>() / n;
    Moments { count: n, mean, m2: x.map(|x| (f64::from(x) - mean).powi(2)).sum() }
}

/// x − from and its square
struct Distances {
    from: f32,
}

impl SumLanes<1, 2> for Distances {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [x]: [S::F; 1]) -> [S::F; 2] {
        let apart = x - s.splat(self.from);
        [apart, apart * apart]
    }
}

/// x − from of columns, added to what the rows above gave: `[acc, from, x₀, x₁, …]`.
struct AddDistances;

impl UpdateLanes<1, 2> for AddDistances {
    #[inline(always)]
    fn lanes<S: Simd>(&self, _: S, [acc]: [S::F; 1], [from, x]: [S::F; 2]) -> [S::F; 1] {
        [acc + (x - from)]
    }
}

impl UpdateLanes<1, 5> for AddDistances {
    #[inline(always)]
    fn lanes<S: Simd>(&self, _: S, [acc]: [S::F; 1], [from, a, b, c, d]: [S::F; 5]) -> [S::F; 1] {
        [acc + (((a - from) + (b - from)) + ((c - from) + (d - from)))]
    }
}

/// (x − from)² of columns, likewise.
struct AddSquares;

impl UpdateLanes<1, 2> for AddSquares {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [acc]: [S::F; 1], [from, x]: [S::F; 2]) -> [S::F; 1] {
        let apart = x - from;
        [s.mul_add(apart, apart, acc)]
    }
}

impl UpdateLanes<1, 5> for AddSquares {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [acc]: [S::F; 1], [from, a, b, c, d]: [S::F; 5]) -> [S::F; 1] {
        let (a, b, c, d) = (a - from, b - from, c - from, d - from);
        [acc + (s.mul_add(a, a, b * b) + s.mul_add(c, c, d * d))]
    }
}

/// Adds `rows` to the accumulators, four at a time.
#[inline(always)]
fn add<S: Simd>(
    s: S,
    f: &(impl UpdateLanes<1, 2> + UpdateLanes<1, 5>),
    x: Columns<'_>,
    rows: std::ops::Range<usize>,
    from: &[f32],
    acc: &mut [f32],
) {
    let mut i = rows.start;
    while i + 4 <= rows.end {
        update_lanes(s, f, [&mut *acc], [from, x.row(i), x.row(i + 1), x.row(i + 2), x.row(i + 3)]);
        i += 4;
    }
    (i..rows.end).for_each(|i| update_lanes(s, f, [&mut *acc], [from, x.row(i)]));
}

/// Count, mean and M₂.
#[derive(Clone, Copy)]
pub(crate) struct MeanAndSpread;

impl Fold for MeanAndSpread {
    type Part = Moments;
    type Out = Moments;
    const ANY_ORDER: bool = true;

    fn nothing(self) -> Moments {
        Moments::NONE
    }
    #[inline(always)]
    fn row<S: Simd>(self, s: S, x: &[f32], _: usize) -> Moments {
        Moments::of_row(s, x)
    }
    fn join(self, a: Moments, b: Moments) -> Moments {
        a.join(b)
    }
    fn finish(self, all: Moments) -> Moments {
        match all.count {
            0.0 => Moments { mean: f64::NAN, ..all },
            _ => all,
        }
    }
    #[inline(always)]
    fn columns<S: Simd, T>(self, s: S, x: Columns<'_>, _: usize, out: &mut [T], emit: impl Fn(Moments) -> T) {
        let (mut sums, mut means) = ([0.0f32; COLUMNS], [0.0f32; COLUMNS]);
        let (sums, means) = (&mut sums[..x.width], &mut means[..x.width]);
        let (mut exact, mut all) = ([0.0f64; COLUMNS], [Moments::NONE; COLUMNS]);
        for top in (0..x.rows).step_by(FLIGHT) {
            let rows = top..x.rows.min(top + FLIGHT);
            let n = rows.len() as f64;
            let first = x.row(top);
            sums.fill(0.0);
            add(s, &AddDistances, x, rows.clone(), first, sums);
            for (c, mean) in means.iter_mut().enumerate() {
                exact[c] = f64::from(first[c]) + f64::from(sums[c]) / n;
                *mean = exact[c] as f32;
            }
            sums.fill(0.0);
            add(s, &AddSquares, x, rows.clone(), means, sums);
            for (c, all) in all[..x.width].iter_mut().enumerate() {
                let column = rows.clone().map(|i| x.row(i)[c]);
                *all = all.join(around(n, exact[c], means[c], f64::from(sums[c]), column));
            }
        }
        out.iter_mut().zip(all).for_each(|(out, all)| *out = emit(all));
    }
}

impl Tensor {
    /// The variance over `axes`, as [`sum`](Self::sum): Σ (x − mean)² / (n − correction), never below 0. With correction 1
    /// it is the unbiased estimate from a sample, with 0 the spread of the n numbers themselves.
    ///
    /// All digits are right however large the mean is. Equal numbers give exactly 0; n ≤ correction gives NaN where all n
    /// numbers are equal (one number among them) and ∞ elsewhere, as in PyTorch; ∞ or NaN among them gives NaN.
    ///
    /// ```
    /// use glassbox_tensor::tensor;
    /// let x = tensor![10001., 10002., 10003., 10004.];
    /// assert_eq!(x.var(&[0], 0, false).item(), 1.25);
    /// assert_eq!(x.var(&[0], 1, false).item(), 5.0 / 3.0);
    /// ```
    ///
    /// # Panics
    /// For an axis that doesn't exist or is named twice.
    #[track_caller]
    pub fn var(&self, axes: &[isize], correction: usize, keepdim: bool) -> Tensor {
        self.spread("var", axes, correction, keepdim, |var| var).0
    }

    /// The standard deviation over `axes`: √ of [`var`](Self::var).
    ///
    /// ```
    /// use glassbox_tensor::tensor;
    /// assert_eq!(tensor![-2., 2.].std(&[0], 0, false).item(), 2.0);
    /// ```
    ///
    /// # Panics
    /// For an axis that doesn't exist or is named twice.
    #[track_caller]
    pub fn std(&self, axes: &[isize], correction: usize, keepdim: bool) -> Tensor {
        self.spread("std", axes, correction, keepdim, f64::sqrt).0
    }

    /// [`var`](Self::var) and the mean, from one reading.
    ///
    /// ```
    /// use glassbox_tensor::tensor;
    /// let (var, mean) = tensor![[1., 3.], [2., 8.]].var_mean(&[1], 0, false);
    /// assert_eq!((var, mean), (tensor![1., 9.], tensor![2., 5.]));
    /// ```
    ///
    /// # Panics
    /// For an axis that doesn't exist or is named twice.
    #[track_caller]
    pub fn var_mean(&self, axes: &[isize], correction: usize, keepdim: bool) -> (Tensor, Tensor) {
        self.spread("var", axes, correction, keepdim, |var| var)
    }

    /// [`std`](Self::std) and the mean, from one reading.
    ///
    /// ```
    /// use glassbox_tensor::tensor;
    /// let (std, mean) = tensor![[1., 3.], [2., 8.]].std_mean(&[1], 0, false);
    /// assert_eq!((std, mean), (tensor![1., 3.], tensor![2., 5.]));
    /// ```
    ///
    /// # Panics
    /// For an axis that doesn't exist or is named twice.
    #[track_caller]
    pub fn std_mean(&self, axes: &[isize], correction: usize, keepdim: bool) -> (Tensor, Tensor) {
        self.spread("std", axes, correction, keepdim, f64::sqrt)
    }

    #[track_caller]
    fn spread(
        &self,
        op: &str,
        axes: &[isize],
        correction: usize,
        keepdim: bool,
        f: fn(f64) -> f64,
    ) -> (Tensor, Tensor) {
        let mask = axis_mask(op, axes, self.rank());
        let shape = reduced_shape(self.shape(), &mask, keepdim);
        let divisor = reduced_count(self.shape(), &mask).saturating_sub(correction) as f64;
        let all = self.moments(&mask);
        let spread = Tensor::of_each(&all, shape, |all| f(all.m2 / divisor) as f32);
        (spread, Tensor::of_each(&all, shape, |all| all.mean as f32))
    }

    /// Count, mean and M₂ over the axes of `mask`, for each place that stays.
    pub(crate) fn moments(&self, mask: &[bool]) -> List<Moments> {
        let count = self.shape().iter().zip(mask).filter(|(_, reduced)| !**reduced).map(|(dim, _)| dim).product();
        let mut all = List::repeat(Moments::NONE, count);
        reduce_into(self, mask, MeanAndSpread, &mut all);
        all
    }
}
