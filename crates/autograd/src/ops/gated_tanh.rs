//! The gated unit of PixelCNN and WaveNet: y = tanh(a)·σ(b).
//!
//! ```text
//! ∂y/∂a = (1 − t)·(1 + t)·σ,   ∂y/∂b = t·σ·(1 − σ),   t = tanh a,   σ = σ(b)
//! ```

use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance, Wrong};
use crate::op::{Grads, Keep, Kept, Op, TensorGrads};
use crate::var::{Var, apply};
use glassbox_tensor::simd::{Lanes, Simd, UpdateLanes, math};
use glassbox_tensor::{Tensor, map_n, map_to};
use ndarray::Zip;

/// y = tanh(a)·σ(b), of the inputs a and b, which have one shape.
#[derive(Clone, Debug)]
pub struct GatedTanh;

impl Op for GatedTanh {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    // what the exponentials give is computed again: to keep it would cost more than it does
    fn keep(&self, _: &[bool]) -> Keep {
        Keep::input(0).input_if(1, true)
    }

    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        let (a, b) = (x[0].shape(), x[1].shape());
        assert!(a == b, "gated_tanh: the shapes of x {a:?} and gate {b:?} differ; a gate never broadcasts: expand it");
        (map_n(self, [x[0], x[1]]), ())
    }

    fn backward(&self, kept: &Kept<'_, ()>, dy: &Var, needs: &[bool]) -> Grads {
        let (t, sigma) = (kept.x(0).tanh(), kept.x(1).sigmoid());
        let through = dy * &sigma;
        let da = needs[0].then(|| &through * &(&(1.0 - &t) * &(1.0 + &t)));
        let db = needs[1].then(|| &through * &(&t * &(1.0 - &sigma)));
        [da, db].into()
    }

    // both gradients from one pass over the inputs, and one exponential less
    fn backward_fused(&self, kept: &Kept<'_, ()>, dy: &Tensor, needs: &[bool]) -> Option<TensorGrads> {
        let [da, db] = map_to(self, [kept.x(0).value(), kept.x(1).value(), dy]);
        Some([needs[0].then_some(da), needs[1].then_some(db)].into())
    }
}

/// tanh(a)·σ(b)
impl Lanes<2> for GatedTanh {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [a, b]: [S::F; 2]) -> S::F {
        math::tanh(s, a) * math::sigmoid(s, b)
    }
}

/// dy·(1 − t)·(1 + t)·σ and dy·t·σ·(1 − σ)
impl UpdateLanes<2, 3> for GatedTanh {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, _: [S::F; 2], [a, b, dy]: [S::F; 3]) -> [S::F; 2] {
        let (t, sigma, one) = (math::tanh(s, a), math::sigmoid(s, b), s.splat(1.0));
        let through = dy * sigma;
        [through * ((one - t) * (one + t)), through * (t * (one - sigma))]
    }
}

impl Var {
    /// tanh(self)·σ(gate), element by element.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::{assert_close, tensor};
    /// let (x, gate) = (Var::input(tensor![1.]), Var::input(tensor![0.]));
    /// let y = x.gated_tanh(&gate);
    /// assert_close!(*y.value(), tensor![0.38079708]); // ½·tanh 1
    /// let grads = y.sum_all().backward();
    /// assert_close!(*grads.of(&x), tensor![0.20998717]);
    /// assert_close!(*grads.of(&gate), tensor![0.19039854]);
    /// ```
    ///
    /// # Panics
    /// When the shapes differ.
    #[track_caller]
    pub fn gated_tanh(&self, gate: &Var) -> Var {
        apply(GatedTanh, [self, gate])
    }
}

/// What the registry knows of the gated unit.
pub static INFO: OpInfo<GatedTanh> = OpInfo {
    name: "gated_tanh",
    formula: "y = tanh(a) · σ(b)",
    gradient: "da = dy · (1 − t) · (1 + t) · σ, db = dy · t · σ · (1 − σ), t = tanh(a), σ = σ(b)",
    source: "van den Oord et al. 2016, Conditional Image Generation with PixelCNN Decoders",
    reference: |_, x| Zip::from(&x[0]).and(&x[1]).map_collect(|&a, &b| a.tanh() / (1.0 + (-b).exp())),
    sample: |d| {
        let shape = d.shape2();
        Sample::new(GatedTanh, [Input::within(shape, -4.0..4.0), Input::new(shape)])
    },
    standard: |_| Sample::new(GatedTanh, [Input::new([2048, 2048]), Input::new([2048, 2048])]),
    wrong: &[Wrong {
        call: || drop(Var::constant(Tensor::ones([2, 3])).gated_tanh(&Var::constant(Tensor::ones([3])))),
        says: "gated_tanh: the shapes of x [2, 3] and gate [3] differ; a gate never broadcasts: expand it",
    }],
    tolerance: Tolerance::Units(10.0),
    cost: |_, shapes| Cost::elementwise(3, shapes),
    derivatives: Derivatives::Any,
};
