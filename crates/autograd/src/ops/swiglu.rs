//! The gated unit of Llama's feed-forward layers: y = silu(a)·b, with silu(a) = a·σ(a).
//!
//! ```text
//! ∂y/∂a = b·(σ + a·σ·(1 − σ)),   ∂y/∂b = a·σ
//! ```

use super::silu;
use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance, Wrong};
use crate::op::{Grads, Keep, Kept, Op, TensorGrads};
use crate::var::{Var, apply};
use glassbox_tensor::simd::{Lanes, Simd, UpdateLanes};
use glassbox_tensor::{Tensor, map_n, map_to};
use ndarray::Zip;

/// y = silu(a)·b, of the inputs a and b, which have one shape.
#[derive(Clone, Debug)]
pub struct Swiglu;

impl Op for Swiglu {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    // what the exponentials give is computed again: to keep it would cost more than it does
    fn keep(&self, _: &[bool]) -> Keep {
        Keep::input(0).input_if(1, true)
    }

    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        let (a, b) = (x[0].shape(), x[1].shape());
        assert!(a == b, "swiglu: the shapes of gate {a:?} and up {b:?} differ; a gate never broadcasts: expand it");
        (map_n(self, [x[0], x[1]]), ())
    }

    fn backward(&self, kept: &Kept<'_, ()>, dy: &Var, needs: &[bool]) -> Grads {
        let (a, b) = (kept.x(0), kept.x(1));
        let sigma = a.sigmoid();
        let silu = a * &sigma;
        let da = needs[0].then(|| &(dy * b) * &(&sigma + &(&silu * &(1.0 - &sigma))));
        [da, needs[1].then(|| dy * &silu)].into()
    }

    // both gradients from one pass over the inputs, and one exponential less
    fn backward_fused(&self, kept: &Kept<'_, ()>, dy: &Tensor, needs: &[bool]) -> Option<TensorGrads> {
        let [da, db] = map_to(self, [kept.x(0).value(), kept.x(1).value(), dy]);
        Some([needs[0].then_some(da), needs[1].then_some(db)].into())
    }
}

/// a·σ(a)·b
impl Lanes<2> for Swiglu {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [a, b]: [S::F; 2]) -> S::F {
        silu::value_and_slope(s, a).0 * b
    }
}

/// dy·b·(a·σ(a))′ and dy·a·σ(a)
impl UpdateLanes<2, 3> for Swiglu {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, _: [S::F; 2], [a, b, dy]: [S::F; 3]) -> [S::F; 2] {
        let (silu, slope) = silu::value_and_slope(s, a);
        [dy * b * slope, dy * silu]
    }
}

impl Var {
    /// silu(self)·up, element by element: self goes through the gate, `up` is what it lets through.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::{assert_close, tensor};
    /// let (gate, up) = (Var::input(tensor![0., 1.]), Var::input(tensor![3., 3.]));
    /// let y = gate.swiglu(&up);
    /// assert_close!(*y.value(), tensor![0., 2.1931757]); // 3·σ(1)
    /// let grads = y.sum_all().backward();
    /// assert_close!(*grads.of(&gate), tensor![1.5, 2.7830115]);
    /// assert_close!(*grads.of(&up), tensor![0., 0.7310586]);
    /// ```
    ///
    /// # Panics
    /// When the shapes differ.
    #[track_caller]
    pub fn swiglu(&self, up: &Var) -> Var {
        apply(Swiglu, [self, up])
    }
}

/// What the registry knows of the gated unit.
pub static INFO: OpInfo<Swiglu> = OpInfo {
    name: "swiglu",
    formula: "y = silu(a) · b",
    gradient: "da = dy · b · (σ(a) + silu(a) · (1 − σ(a))), db = dy · silu(a)",
    source: "Shazeer 2020, GLU Variants Improve Transformer",
    reference: |_, x| Zip::from(&x[0]).and(&x[1]).map_collect(|&a, &b| a / (1.0 + (-a).exp()) * b),
    sample: |d| {
        let shape = d.shape2();
        Sample::new(Swiglu, [Input::within(shape, -4.0..4.0), Input::new(shape)])
    },
    standard: |_| Sample::new(Swiglu, [Input::new([2048, 2048]), Input::new([2048, 2048])]),
    wrong: &[Wrong {
        call: || drop(Var::constant(Tensor::ones([2, 3])).swiglu(&Var::constant(Tensor::ones([3])))),
        says: "swiglu: the shapes of gate [2, 3] and up [3] differ; a gate never broadcasts: expand it",
    }],
    tolerance: Tolerance::Units(7.0),
    cost: |_, shapes| Cost::elementwise(4, shapes),
    derivatives: Derivatives::Any,
};
