//! Normalisation: x̂ = (x − mean)·rstd with rstd = 1 / √(var + eps), then y = x̂·w + b.
//!
//! What is normalised together tells the kinds apart. Layer, RMS, group and instance normalisation take *rows* that lie in one
//! piece ([`RowNorm`]): statistics, normalisation and backward run while the row is in the cache. Batch normalisation takes
//! *channels*, scattered over the batch ([`ChannelNorm`]): statistics first, then all of it elementwise.

mod channels;
mod rows;

pub use channels::ChannelNorm;
pub(crate) use rows::NormalizedRow;
pub use rows::RowNorm;

use crate::simd::{Lanes, Simd, SumLanes, UpdateLanes};
use crate::tensor::Tensor;

/// A channel's elements are taken one by one, each with its own w and b, when they are fewer than this; or else as a stretch
/// with one w and b.
const STRETCH: usize = 32;

/// The numbers of `channels` channels, repeated `inner` times each.
fn repeated(x: &Tensor, inner: usize) -> Tensor {
    let channels = x.numel();
    x.reshape([channels, 1]).expand([channels, inner]).contiguous().reshape([channels * inner])
}

/// x + r
struct Sum;

impl Lanes<2> for Sum {
    #[inline(always)]
    fn lanes<S: Simd>(&self, _: S, [x, r]: [S::F; 2]) -> S::F {
        x + r
    }
}

/// ((x − mean)·rstd)·w + b, of x; of x and w; of x, w and b
struct Normalized {
    mean: f32,
    rstd: f32,
}

impl Lanes<1> for Normalized {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [x]: [S::F; 1]) -> S::F {
        (x - s.splat(self.mean)) * s.splat(self.rstd)
    }
}

impl Lanes<2> for Normalized {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [x, w]: [S::F; 2]) -> S::F {
        (x - s.splat(self.mean)) * s.splat(self.rstd) * w
    }
}

impl Lanes<3> for Normalized {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [x, w, b]: [S::F; 3]) -> S::F {
        s.mul_add((x - s.splat(self.mean)) * s.splat(self.rstd), w, b)
    }
}

/// (x − mean)·scale + shift
struct Affine {
    mean: f32,
    scale: f32,
    shift: f32,
}

impl Lanes<1> for Affine {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [x]: [S::F; 1]) -> S::F {
        s.mul_add(x - s.splat(self.mean), s.splat(self.scale), s.splat(self.shift))
    }
}

/// Σ g and Σ g·(x − mean), g = dy or dy·w
struct GradientSums {
    mean: f32,
}

impl SumLanes<2, 2> for GradientSums {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [x, g]: [S::F; 2]) -> [S::F; 2] {
        [g, g * (x - s.splat(self.mean))]
    }
}

impl SumLanes<3, 2> for GradientSums {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [x, dy, w]: [S::F; 3]) -> [S::F; 2] {
        let g = dy * w;
        [g, g * (x - s.splat(self.mean))]
    }
}

/// scale·dy(·w) − flat − tilt·(x − mean)
struct Dx {
    mean: f32,
    scale: f32,
    flat: f32,
    tilt: f32,
}

impl Lanes<2> for Dx {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [x, g]: [S::F; 2]) -> S::F {
        let plane = s.mul_add(x - s.splat(self.mean), s.splat(self.tilt), s.splat(self.flat));
        s.mul_add(g, s.splat(self.scale), -plane)
    }
}

impl Lanes<3> for Dx {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [x, dy, w]: [S::F; 3]) -> S::F {
        let plane = s.mul_add(x - s.splat(self.mean), s.splat(self.tilt), s.splat(self.flat));
        s.mul_add(dy * w, s.splat(self.scale), -plane)
    }
}

/// dw += dy·(x − mean)·rstd, db += dy: a row's contribution, where mean and rstd are the row's…
struct Accumulate {
    mean: f32,
    rstd: f32,
}

impl UpdateLanes<2, 2> for Accumulate {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [dw, db]: [S::F; 2], [x, dy]: [S::F; 2]) -> [S::F; 2] {
        [s.mul_add(dy, (x - s.splat(self.mean)) * s.splat(self.rstd), dw), db + dy]
    }
}

/// …and where each column has its own mean, and rstd waits until the end.
struct AccumulateColumns;

impl UpdateLanes<2, 3> for AccumulateColumns {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [dw, db]: [S::F; 2], [x, dy, mean]: [S::F; 3]) -> [S::F; 2] {
        [s.mul_add(dy, x - mean, dw), db + dy]
    }
}

/// 1 / √(var + eps)
fn rstd(var: f64, eps: f32) -> f32 {
    (1.0 / (var + f64::from(eps)).sqrt()) as f32
}
