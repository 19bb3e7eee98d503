//! A power: y = aᵇ, broadcast as NumPy does.
//!
//! ```text
//! ∂y/∂a = b·aᵇ⁻¹        0 at a = b = 0, where the product is 0·∞
//! ∂y/∂b = y·ln a        0 at a = 0 ≤ b, where the product is 0·∞ or −∞: as PyTorch has it
//! ```
//!
//! At those two points a factor of the product is computed at a = 1 instead, which makes the product 0.

use super::maximum::pairwise;
use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance, Wrong};
use crate::op::{Grads, Keep, Kept, Op, TensorGrads};
use crate::var::{Var, apply};
use glassbox_tensor::simd::{Lanes, Simd, math};
use glassbox_tensor::{Tensor, map_n};

/// y = aᵇ.
#[derive(Clone, Debug)]
pub struct Pow;

impl Op for Pow {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    // a and b in any case; y for db alone
    fn keep(&self, needs: &[bool]) -> Keep {
        let keep = if needs[1] { Keep::OUTPUT } else { Keep::NOTHING };
        keep.input_if(0, true).input_if(1, true)
    }

    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        (x[0].pow(x[1]), ())
    }

    fn backward(&self, kept: &Kept<'_, ()>, dy: &Var, needs: &[bool]) -> Grads {
        let (a, b) = (kept.x(0), kept.x(1));
        let one_at = |points: Points| Var::constant(map_n(&points, [a.value(), b.value()]));
        let da = needs[0].then(|| {
            let slope = b * &(a + &one_at(Points::BothZero)).pow(&(b - 1.0));
            (dy * &slope).sum_to(kept.shape(0))
        });
        let db = needs[1].then(|| {
            let slope = kept.y() * &(a + &one_at(Points::ZeroToNotNegative)).ln();
            (dy * &slope).sum_to(kept.shape(1))
        });
        [da, db].into()
    }

    fn backward_fused(&self, kept: &Kept<'_, ()>, dy: &Tensor, needs: &[bool]) -> Option<TensorGrads> {
        let (a, b) = (kept.x(0).value(), kept.x(1).value());
        let da = needs[0].then(|| map_n(&BackwardBase, [a, b, dy]).sum_to(kept.shape(0)));
        let db = needs[1].then(|| map_n(&BackwardExponent, [a, b, kept.y().value(), dy]).sum_to(kept.shape(1)));
        Some([da, db].into())
    }
}

/// Where a is taken for 1.
enum Points {
    BothZero,
    ZeroToNotNegative,
}

/// 1 at the points, 0 elsewhere
impl Lanes<2> for Points {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [a, b]: [S::F; 2]) -> S::F {
        let (zero, one) = (s.splat(0.0), s.splat(1.0));
        let exponent = match self {
            Points::BothZero => s.eq(b, zero),
            Points::ZeroToNotNegative => s.ge(b, zero),
        };
        s.select(s.eq(a, zero), s.select(exponent, one, zero), zero)
    }
}

/// dy·b·aᵇ⁻¹
struct BackwardBase;

impl Lanes<3> for BackwardBase {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [a, b, dy]: [S::F; 3]) -> S::F {
        let a = a + Points::BothZero.lanes(s, [a, b]);
        dy * (b * math::pow(s, a, b - s.splat(1.0)))
    }
}

/// dy·y·ln a
struct BackwardExponent;

impl Lanes<4> for BackwardExponent {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [a, b, y, dy]: [S::F; 4]) -> S::F {
        let a = a + Points::ZeroToNotNegative.lanes(s, [a, b]);
        dy * (y * math::ln(s, a))
    }
}

impl Var {
    /// aᵇ, element by element with broadcasting, where this is a. Special cases as in C: a⁰ = 1ᵇ = 1, NaN for a negative a unless
    /// b is a whole number. For a constant exponent use [`powf`](Self::powf).
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::{assert_close, tensor};
    /// let (a, b) = (Var::input(tensor![2., 9., 0.]), Var::input(tensor![3., 0.5, 2.]));
    /// let y = a.pow(&b);
    /// assert_close!(*y.value(), tensor![8., 3., 0.]);
    /// let grads = y.sum_all().backward();
    /// assert_close!(*grads.of(&a), tensor![12., 0.16666667, 0.]);
    /// assert_close!(*grads.of(&b), tensor![5.5451774, 6.5916737, 0.]); // 8 ln 2, 3 ln 9
    /// ```
    ///
    /// # Panics
    /// When the shapes don't broadcast.
    #[track_caller]
    pub fn pow(&self, b: &Var) -> Var {
        apply(Pow, [self, b])
    }
}

/// What the registry knows of powers.
pub static INFO: OpInfo<Pow> = OpInfo {
    name: "pow",
    formula: "y = a^b, element by element",
    gradient: "da = dy · b · a^(b − 1), db = dy · y · ln(a), summed over repeated axes; 0 where a = 0 makes them 0 · ∞",
    source: "definition; special cases: ISO C23, F.10.4.4; kernel: crates/tensor/src/simd/math",
    reference: |_, x| pairwise(x, f64::powf),
    sample: |d| {
        let [a, b] = d.broadcast_pair();
        Sample::new(Pow, [Input::within(a, 0.3..3.0), Input::new(b)])
    },
    standard: |_| Sample::new(Pow, [Input::within([2048, 2048], 0.3..3.0), Input::new([2048, 2048])]),
    wrong: &[Wrong {
        call: || drop(Var::constant(Tensor::ones([2, 3])).pow(&Var::constant(Tensor::ones([2])))),
        says: "pow: shapes [2, 3] and [2] don't broadcast: axis -1 has 3 and 2, and neither is 1; reshape one of them, or insert an axis with unsqueeze",
    }],
    tolerance: Tolerance::Units(2.0),
    cost: |_, shapes| Cost::elementwise(1, shapes),
    derivatives: Derivatives::Any,
};
