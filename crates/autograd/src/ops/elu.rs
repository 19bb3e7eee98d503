//! The exponential linear unit: y = x for x > 0, and y = α·(eˣ − 1) elsewhere.
//!
//! dy/dx = 1 for x > 0, and α·eˣ elsewhere. The input is kept and not the output: for α < 0 the sign of y would not tell the two
//! apart. e^min(x, 0) is what backward computes, since eˣ would overflow where it isn't used.

use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance};
use crate::op::{Grads, Keep, Kept, Op, TensorGrads};
use crate::var::{Var, apply};
use glassbox_tensor::simd::{Lanes, Simd, math};
use glassbox_tensor::{Tensor, map_n};

/// y = x for x > 0, α·(eˣ − 1) elsewhere.
#[derive(Clone, Debug)]
pub struct Elu {
    /// −α is the limit to the left.
    pub alpha: f32,
}

impl Op for Elu {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    fn keep(&self, _: &[bool]) -> Keep {
        Keep::input(0)
    }

    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        (map_n(&Forward(self.alpha), [x[0]]), ())
    }

    fn backward(&self, kept: &Kept<'_, ()>, dy: &Var, _: &[bool]) -> Grads {
        let x = kept.x(0);
        let right = x.value().sign().relu(); // 1 where x > 0: constant, like alpha where it isn't
        let left = Var::constant(right.affine(-self.alpha, self.alpha));
        let slope = &(&left * &x.clamp(f32::NEG_INFINITY, 0.0).exp()) + &Var::constant(right);
        [Some(dy * &slope)].into()
    }

    fn backward_fused(&self, kept: &Kept<'_, ()>, dy: &Tensor, _: &[bool]) -> Option<TensorGrads> {
        Some([Some(map_n(&Backward(self.alpha), [kept.x(0).value(), dy]))].into())
    }
}

/// x or α·(eˣ − 1)
struct Forward(f32);

impl Lanes<1> for Forward {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [x]: [S::F; 1]) -> S::F {
        s.select(s.gt(x, s.splat(0.0)), x, s.splat(self.0) * math::expm1(s, x))
    }
}

/// dy or dy·α·eˣ
struct Backward(f32);

impl Lanes<2> for Backward {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [x, dy]: [S::F; 2]) -> S::F {
        s.select(s.gt(x, s.splat(0.0)), dy, dy * s.splat(self.0) * math::exp(s, x))
    }
}

impl Var {
    /// x for x > 0 and alpha·(eˣ − 1) elsewhere, elementwise.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::{assert_close, tensor};
    /// let x = Var::input(tensor![-1., 2.]);
    /// let y = x.elu(1.0);
    /// assert_close!(*y.value(), tensor![-0.63212056, 2.]);
    /// assert_close!(*y.sum_all().backward().of(&x), tensor![0.36787944, 1.]);
    /// ```
    #[track_caller]
    pub fn elu(&self, alpha: f32) -> Var {
        apply(Elu { alpha }, [self])
    }
}

/// What the registry knows of the exponential linear unit.
pub static INFO: OpInfo<Elu> = OpInfo {
    name: "elu",
    formula: "y = x for x > 0, alpha · (exp(x) − 1) elsewhere",
    gradient: "dx = dy for x > 0, dy · alpha · exp(x) elsewhere",
    source: "Clevert, Unterthiner & Hochreiter 2016, Fast and Accurate Deep Network Learning by Exponential Linear Units",
    reference: |op, x| x[0].mapv(|x| if x > 0.0 { x } else { f64::from(op.alpha) * x.exp_m1() }),
    sample: |d| {
        let x = Input::within(d.shape2(), -4.0..4.0).avoiding(&[0.0]);
        Sample::new(Elu { alpha: [1.0, 1.5, 0.3][d.choice(3)] }, [x])
    },
    standard: |_| Sample::new(Elu { alpha: 1.0 }, [Input::new([2048, 2048])]),
    wrong: &[],
    tolerance: Tolerance::Units(4.0),
    cost: |_, shapes| Cost::elementwise(2, shapes),
    derivatives: Derivatives::Any,
};
