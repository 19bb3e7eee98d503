//! Clamping: y = max(low, min(x, high)).
//!
//! dy/dx is 1 from `low` to `high`, the bounds included, and 0 outside and at NaN, as PyTorch has it. As a factor it is a
//! constant.

use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance, Wrong};
use crate::op::{Grads, Keep, Kept, Op, TensorGrads};
use crate::var::{Var, apply};
use glassbox_tensor::simd::{Lanes, Simd};
use glassbox_tensor::{Tensor, map_n};

/// y = max(low, min(x, high)).
#[derive(Clone, Debug)]
pub struct Clamp {
    /// The least value of y.
    pub low: f32,
    /// The greatest value of y.
    pub high: f32,
}

impl Op for Clamp {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    // y at a bound doesn't say whether x lay beyond it
    fn keep(&self, _: &[bool]) -> Keep {
        Keep::input(0)
    }

    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        (x[0].clamp(self.low, self.high), ())
    }

    fn backward(&self, kept: &Kept<'_, ()>, dy: &Var, _: &[bool]) -> Grads {
        let inside = map_n(self, [kept.x(0).value(), &Tensor::scalar(1.0)]);
        [Some(dy * &Var::constant(inside))].into()
    }

    fn backward_fused(&self, kept: &Kept<'_, ()>, dy: &Tensor, _: &[bool]) -> Option<TensorGrads> {
        Some([Some(map_n(self, [kept.x(0).value(), dy]))].into())
    }
}

/// v where low ≤ x ≤ high, 0 elsewhere
impl Lanes<2> for Clamp {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [x, v]: [S::F; 2]) -> S::F {
        let zero = s.splat(0.0);
        s.select(s.ge(x, s.splat(self.low)), s.select(s.le(x, s.splat(self.high)), v, zero), zero)
    }
}

impl Var {
    /// max(low, min(x, high)), elementwise; NaN stays NaN. A bound may be infinite.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::tensor;
    /// let x = Var::input(tensor![-3., -1., 0.5, 4.]);
    /// let y = x.clamp(-1.0, 1.0);
    /// assert_eq!(y.value(), &tensor![-1., -1., 0.5, 1.]);
    /// assert_eq!(y.sum_all().backward().of(&x), &tensor![0., 1., 1., 0.]);
    /// ```
    ///
    /// # Panics
    /// When `low` is greater than `high`, or one of them is NaN.
    #[track_caller]
    pub fn clamp(&self, low: f32, high: f32) -> Var {
        apply(Clamp { low, high }, [self])
    }
}

/// What the registry knows of clamping.
pub static INFO: OpInfo<Clamp> = OpInfo {
    name: "clamp",
    formula: "y = max(low, min(x, high))",
    gradient: "dx = dy where low ≤ x ≤ high, 0 elsewhere",
    source: "definition; borders and NaN as in PyTorch",
    reference: |op, x| x[0].mapv(|x| if x.is_nan() { x } else { x.clamp(op.low.into(), op.high.into()) }),
    sample: |d| {
        let x = Input::new(d.shape2());
        match d.choice(3) {
            0 => Sample::new(Clamp { low: -0.5, high: 1.25 }, [x.avoiding(&[-0.5, 1.25])]),
            1 => Sample::new(Clamp { low: -1.0, high: f32::INFINITY }, [x.avoiding(&[-1.0])]),
            _ => Sample::new(Clamp { low: f32::NEG_INFINITY, high: 1.0 }, [x.avoiding(&[1.0])]),
        }
    },
    standard: |_| Sample::new(Clamp { low: -1.0, high: 1.0 }, [Input::new([2048, 2048])]),
    wrong: &[
        Wrong {
            call: || drop(Var::constant(Tensor::ones([2])).clamp(1.0, -1.0)),
            says: "clamp: the bounds 1 and -1 hold no number between them; the smaller one comes first",
        },
        Wrong {
            call: || drop(Var::constant(Tensor::ones([2])).clamp(f32::NAN, 1.0)),
            says: "clamp: the bounds NaN and 1 hold no number between them; the smaller one comes first",
        },
    ],
    tolerance: Tolerance::Exact,
    cost: |_, shapes| Cost::elementwise(2, shapes),
    derivatives: Derivatives::Any,
};
