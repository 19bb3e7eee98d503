//! The moving average: x + rate·(y − x), in place or not.

use glassbox_tensor::simd::{Lanes, Simd, UpdateLanes};

/// x + rate·(y − x), and y exactly where the rate is 1.
///
/// Not (1 − rate)·x + rate·y: those factors, rounded, add up to 1 only within 2⁻²⁴, which a thousand steps make a drift
/// that is seen.
pub(super) struct Towards {
    rate: f32,
}

impl Towards {
    pub(super) fn new(rate: f64) -> Self {
        Self { rate: rate as f32 }
    }
}

impl Lanes<2> for Towards {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [x, y]: [S::F; 2]) -> S::F {
        if self.rate == 1.0 { y } else { s.mul_add(s.splat(self.rate), y - x, x) }
    }
}

impl UpdateLanes<1, 1> for Towards {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [x]: [S::F; 1], [y]: [S::F; 1]) -> [S::F; 1] {
        [Lanes::lanes(self, s, [x, y])]
    }
}
