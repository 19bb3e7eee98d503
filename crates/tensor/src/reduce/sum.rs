//! Sums and means: blocks in f32, everything above them in f64.

use super::{COLUMNS, Columns, Fold, reduce, reduced_count};
use crate::shape::axis_mask;
use crate::simd::{Simd, SumLanes, UpdateLanes, sum_lanes};
use crate::tensor::Tensor;

/// Rows whose columns are added up in f32 before f64 takes over: 12 + 3 + 7 roundings, which [`SUM_DEPTH`](crate::simd::SUM_DEPTH)
/// allows.
const FLIGHT: usize = 96;

/// scale · Σ x.
#[derive(Clone, Copy)]
pub(super) struct Sum {
    pub(super) scale: f64,
}

/// x
struct Itself;

impl SumLanes<1, 1> for Itself {
    #[inline(always)]
    fn lanes<S: Simd>(&self, _: S, x: [S::F; 1]) -> [S::F; 1] {
        x
    }
}

impl UpdateLanes<1, 1> for Itself {
    #[inline(always)]
    fn lanes<S: Simd>(&self, _: S, [acc]: [S::F; 1], [x]: [S::F; 1]) -> [S::F; 1] {
        [acc + x]
    }
}

impl UpdateLanes<1, 8> for Itself {
    #[inline(always)]
    fn lanes<S: Simd>(&self, _: S, [acc]: [S::F; 1], x: [S::F; 8]) -> [S::F; 1] {
        [acc + (((x[0] + x[1]) + (x[2] + x[3])) + ((x[4] + x[5]) + (x[6] + x[7])))]
    }
}

/// Of a row of any length, on this thread.
#[inline(always)]
pub(super) fn of_row<S: Simd>(s: S, x: &[f32]) -> f64 {
    if x.len() < S::LANES { f64::from(x.iter().sum::<f32>()) } else { sum_lanes(s, &Itself, [x])[0] }
}

impl Fold for Sum {
    type Part = f64;
    type Out = f32;
    const ANY_ORDER: bool = true;

    fn nothing(self) -> f64 {
        0.0
    }
    #[inline(always)]
    fn row<S: Simd>(self, s: S, x: &[f32], _: usize) -> f64 {
        of_row(s, x)
    }
    fn join(self, a: f64, b: f64) -> f64 {
        a + b
    }
    fn finish(self, total: f64) -> f32 {
        (total * self.scale) as f32
    }
    #[inline(always)]
    fn columns<S: Simd, T>(self, s: S, x: Columns<'_>, _: usize, out: &mut [T], emit: impl Fn(f64) -> T) {
        let mut acc = [0.0f32; COLUMNS];
        let acc = &mut acc[..x.width];
        if x.rows <= FLIGHT {
            x.gather(s, &Itself, 0..x.rows, acc);
            return out.iter_mut().zip(acc).for_each(|(out, &mut sum)| *out = emit(f64::from(sum)));
        }
        let mut total = [0.0f64; COLUMNS];
        for top in (0..x.rows).step_by(FLIGHT) {
            x.gather(s, &Itself, top..x.rows.min(top + FLIGHT), acc);
            total.iter_mut().zip(&*acc).for_each(|(total, &sum)| *total += f64::from(sum));
        }
        out.iter_mut().zip(total).for_each(|(out, total)| *out = emit(total));
    }
}

impl Tensor {
    /// The sum over `axes` (negative ones count from the end; none named: all of them stay). Reduced axes keep length 1
    /// with `keepdim`, or vanish. The sum of nothing is 0.
    ///
    /// |error| ≤ γ·Σ|x| with γ = 24·2⁻²⁴: see [`SUM_DEPTH`](crate::simd::SUM_DEPTH).
    ///
    /// ```
    /// use glassbox_tensor::{Tensor, tensor};
    /// assert_eq!(tensor![[1., 2.], [3., 4.]].sum(&[0], false), tensor![4., 6.]);
    /// let ones = Tensor::ones([20_000_000]);
    /// assert_eq!(ones.sum(&[0], false).item(), 2e7); // a running sum in f32 stops at 2²⁴
    /// ```
    ///
    /// # Panics
    /// For an axis that doesn't exist or is named twice.
    #[track_caller]
    pub fn sum(&self, axes: &[isize], keepdim: bool) -> Tensor {
        reduce(self, "sum", Sum { scale: 1.0 }, axes, keepdim)
    }

    /// The sum of all elements, as a tensor without axes.
    ///
    /// ```
    /// use glassbox_tensor::{Tensor, tensor};
    /// assert_eq!(tensor![[1., 2.], [3., 4.]].sum_all(), Tensor::scalar(10.));
    /// ```
    pub fn sum_all(&self) -> Tensor {
        self.reshape([self.numel()]).sum(&[0], false)
    }

    /// The mean over `axes`, as [`sum`](Self::sum); the mean of nothing is NaN. It is divided in f64, and then rounded.
    ///
    /// ```
    /// use glassbox_tensor::tensor;
    /// assert_eq!(tensor![[1., 2.], [3., 6.]].mean(&[-1], false), tensor![1.5, 4.5]);
    /// ```
    ///
    /// # Panics
    /// For an axis that doesn't exist or is named twice.
    #[track_caller]
    pub fn mean(&self, axes: &[isize], keepdim: bool) -> Tensor {
        let count = reduced_count(self.shape(), &axis_mask("mean", axes, self.rank()));
        reduce(self, "mean", Sum { scale: 1.0 / count as f64 }, axes, keepdim)
    }

    /// The sum that undoes a broadcast: from this shape back to `shape`.
    ///
    /// ```
    /// use glassbox_tensor::tensor;
    /// let y = &tensor![[1., 2.], [3., 4.]] + &tensor![[10.], [20.]]; // (2, 2) + (2, 1): the column is repeated
    /// assert_eq!(y.sum_to(&[2, 1]), tensor![[23.], [47.]]); // the way back, which a gradient takes
    /// ```
    ///
    /// # Panics
    /// When `shape` doesn't broadcast to this tensor's shape.
    #[track_caller]
    pub fn sum_to(&self, shape: &[usize]) -> Tensor {
        if self.shape() == shape {
            return self.clone();
        }
        let fits = crate::shape::broadcast(shape, self.shape()).is_some_and(|both| *both == *self.shape());
        assert!(fits, "sum_to: shape {:?} can't have been broadcast from {shape:?}", self.shape());
        let new = self.rank() - shape.len();
        let repeated = |axis: usize| axis < new || (shape[axis - new] == 1 && self.shape()[axis] != 1);
        let axes: Vec<isize> = (0..self.rank()).filter(|&a| repeated(a)).map(|a| a as isize).collect();
        self.sum(&axes, true).reshape(shape)
    }
}
