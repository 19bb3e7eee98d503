//! A power with a constant exponent: y = xᵖ.
//!
//! ∂y/∂x = p·xᵖ⁻¹. The input is kept: y / x would be undefined at 0. For p = 2, ½ and −1 the value is a product, a root and a
//! quotient, which are exact and fast; for p = 1 and 2 the gradient needs no power either.

use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance};
use crate::op::{Grads, Keep, Kept, Op, TensorGrads};
use crate::var::{Var, apply};
use glassbox_tensor::simd::{Lanes, Simd, math};
use glassbox_tensor::{Tensor, map_n};

/// y = xᵖ.
#[derive(Clone, Debug)]
pub struct Powf {
    /// The exponent.
    pub p: f32,
}

impl Op for Powf {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    fn keep(&self, _: &[bool]) -> Keep {
        Keep::input(0)
    }

    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        (x[0].powf(self.p), ())
    }

    fn backward(&self, kept: &Kept<'_, ()>, dy: &Var, _: &[bool]) -> Grads {
        let slope = match self.p {
            0.0 => Var::constant(Tensor::zeros(kept.shape(0))), // and not 0 · x⁻¹, which is NaN at 0
            p => p * &kept.x(0).powf(p - 1.0),
        };
        [Some(dy * &slope)].into()
    }

    fn backward_fused(&self, kept: &Kept<'_, ()>, dy: &Tensor, _: &[bool]) -> Option<TensorGrads> {
        let special = [0.0, 1.0, 2.0].contains(&self.p);
        (!special).then(|| [Some(map_n(self, [kept.x(0).value(), dy]))].into())
    }
}

/// dy·p·xᵖ⁻¹
impl Lanes<2> for Powf {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [x, dy]: [S::F; 2]) -> S::F {
        dy * s.splat(self.p) * math::pow(s, x, s.splat(self.p - 1.0))
    }
}

impl Var {
    /// xᵖ for a constant p, elementwise; 0⁰ = 1, NaN for a negative x unless p is a whole number.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::{assert_close, tensor};
    /// let x = Var::input(tensor![1., 4.]);
    /// let y = x.powf(1.5);
    /// assert_close!(*y.value(), tensor![1., 8.]);
    /// assert_close!(*y.sum_all().backward().of(&x), tensor![1.5, 3.]);
    /// ```
    #[track_caller]
    pub fn powf(&self, p: f32) -> Var {
        apply(Powf { p }, [self])
    }
}

/// What the registry knows of powers with a constant exponent.
pub static INFO: OpInfo<Powf> = OpInfo {
    name: "powf",
    formula: "y = x^p, for a constant p",
    gradient: "dx = dy · p · x^(p − 1), 0 for p = 0",
    source: "definition; special cases: ISO C23, F.10.4.4; kernel: crates/tensor/src/simd/math",
    reference: |op, x| {
        x[0].mapv(|x| match op.p {
            0.5 => x.sqrt(), // NaN at −∞, where the power is ∞: as PyTorch has it
            p => x.powf(f64::from(p)),
        })
    },
    sample: |d| {
        let x = Input::within(d.shape2(), 0.3..4.0);
        Sample::new(Powf { p: [2.0, -0.7, -1.0, 3.0, 1.0, 1.5, 0.5][d.choice(7)] }, [x])
    },
    standard: |_| Sample::new(Powf { p: 1.5 }, [Input::within([2048, 2048], 0.3..4.0)]),
    wrong: &[],
    tolerance: Tolerance::Units(2.0),
    cost: |_, shapes| Cost::elementwise(1, shapes),
    derivatives: Derivatives::Any,
};
