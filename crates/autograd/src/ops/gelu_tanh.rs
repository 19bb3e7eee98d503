//! The Gaussian error linear unit with Φ approximated: y = ½x·(1 + tanh z), z = √(2/π)·(x + 0.044715·x³).
//!
//! Since ½·(1 + tanh z) = σ(2z), it is y = x·σ(u) with u = 2z: no digits are lost to the left, where tanh z is near −1. Then
//!
//! ```text
//! dy/dx = σ + x·σ·(1 − σ)·du/dx,   du/dx = √(8/π)·(1 + 3·0.044715·x²)
//! ```
//!
//! The input is kept, from which all is computed again.

use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance};
use crate::op::{Grads, Keep, Kept, Op, TensorGrads};
use crate::var::{Var, apply};
use glassbox_tensor::simd::{Lanes, Simd, math};
use glassbox_tensor::{Tensor, map_n};

/// u = C1·x + C3·x³: √(8/π), and 0.044715 of it.
const C1: f32 = 1.595_769;
const C3: f32 = 0.071_354_814;

/// y = x·σ(u).
#[derive(Clone, Debug)]
pub struct GeluTanh;

impl Op for GeluTanh {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    fn keep(&self, _: &[bool]) -> Keep {
        Keep::input(0)
    }

    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        (map_n(&Forward, [x[0]]), ())
    }

    fn backward(&self, kept: &Kept<'_, ()>, dy: &Var, _: &[bool]) -> Grads {
        let x = kept.x(0);
        let x2 = x.square();
        let sigma = (x * &x2.affine(C3, C1)).sigmoid();
        let du = x2.affine(3.0 * C3, C1);
        let y = x * &sigma;
        [Some(dy * &(&sigma + &(&(&y * &(1.0 - &sigma)) * &du)))].into()
    }

    fn backward_fused(&self, kept: &Kept<'_, ()>, dy: &Tensor, _: &[bool]) -> Option<TensorGrads> {
        Some([Some(map_n(&Backward, [kept.x(0).value(), dy]))].into())
    }
}

/// x·σ(u)
struct Forward;

impl Lanes<1> for Forward {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [x]: [S::F; 1]) -> S::F {
        x * math::sigmoid(s, x * s.mul_add(s.splat(C3), x * x, s.splat(C1)))
    }
}

/// dy·(σ + x·σ·(1 − σ)·du/dx)
struct Backward;

impl Lanes<2> for Backward {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [x, dy]: [S::F; 2]) -> S::F {
        let (x2, c1) = (x * x, s.splat(C1));
        let sigma = math::sigmoid(s, x * s.mul_add(s.splat(C3), x2, c1));
        let du = s.mul_add(s.splat(3.0 * C3), x2, c1);
        dy * s.mul_add(x * sigma * (s.splat(1.0) - sigma), du, sigma)
    }
}

impl Var {
    /// ½x·(1 + tanh(√(2/π)·(x + 0.044715·x³))), elementwise: what GPT-2 and others call gelu; within 5e-4 of [`gelu`](Self::gelu).
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::{assert_close, tensor};
    /// let x = Var::input(tensor![0., 1.]);
    /// let y = x.gelu_tanh();
    /// assert_close!(*y.value(), tensor![0., 0.841192]);
    /// assert_close!(*y.sum_all().backward().of(&x), tensor![0.5, 1.0829641]);
    /// ```
    #[track_caller]
    pub fn gelu_tanh(&self) -> Var {
        apply(GeluTanh, [self])
    }
}

fn u(x: f64) -> f64 {
    (8.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x * x * x)
}

/// What the registry knows of the approximated Gaussian error linear unit.
pub static INFO: OpInfo<GeluTanh> = OpInfo {
    name: "gelu_tanh",
    formula: "y = ½ · x · (1 + tanh(√(2/π) · (x + 0.044715 · x³))) = x · σ(u)",
    gradient: "dx = dy · (σ + x · σ · (1 − σ) · du/dx), du/dx = √(8/π) · (1 + 0.134145 · x²)",
    source: "Hendrycks & Gimpel 2016, Gaussian Error Linear Units, section 2",
    reference: |_, x| x[0].mapv(|x| x / (1.0 + (-u(x)).exp())),
    sample: |d| Sample::new(GeluTanh, [Input::within(d.shape2(), -3.0..3.0)]),
    standard: |_| Sample::new(GeluTanh, [Input::new([2048, 2048])]),
    wrong: &[],
    // to the left e^u magnifies u's rounding errors by u itself
    tolerance: Tolerance::UnitsOf(4.0, |_, x| x[0].mapv(|x| (x / (1.0 + (-u(x)).exp())).abs() * (1.0 + u(x).min(0.0).abs()))),
    cost: |_, shapes| Cost::elementwise(6, shapes),
    derivatives: Derivatives::Any,
};
