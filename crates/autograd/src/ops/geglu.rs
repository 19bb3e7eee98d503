//! The gated unit with GELU: y = gelu(a)·b, with gelu(a) = a·Φ(a).
//!
//! ```text
//! ∂y/∂a = b·(Φ(a) + a·φ(a)),   ∂y/∂b = a·Φ(a)
//! ```

use super::gelu;
use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance, Wrong};
use crate::op::{Grads, Keep, Kept, Op, TensorGrads};
use crate::var::{Var, apply};
use glassbox_tensor::simd::{Lanes, Simd, UpdateLanes, math};
use glassbox_tensor::{Tensor, map_n, map_to};
use ndarray::Zip;

/// y = gelu(a)·b, of the inputs a and b, which have one shape.
#[derive(Clone, Debug)]
pub struct Geglu;

impl Op for Geglu {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    // what the exponentials give is computed again: to keep it would cost more than it does
    fn keep(&self, _: &[bool]) -> Keep {
        Keep::input(0).input_if(1, true)
    }

    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        let (a, b) = (x[0].shape(), x[1].shape());
        assert!(a == b, "geglu: the shapes of gate {a:?} and up {b:?} differ; a gate never broadcasts: expand it");
        (map_n(self, [x[0], x[1]]), ())
    }

    fn backward(&self, kept: &Kept<'_, ()>, dy: &Var, needs: &[bool]) -> Grads {
        let (a, b) = (kept.x(0), kept.x(1));
        [needs[0].then(|| &(dy * b) * &gelu::slope(a)), needs[1].then(|| dy * &a.gelu())].into()
    }

    // both gradients from one pass over the inputs, and one exponential less
    fn backward_fused(&self, kept: &Kept<'_, ()>, dy: &Tensor, needs: &[bool]) -> Option<TensorGrads> {
        let [da, db] = map_to(self, [kept.x(0).value(), kept.x(1).value(), dy]);
        Some([needs[0].then_some(da), needs[1].then_some(db)].into())
    }
}

/// a·Φ(a)·b
impl Lanes<2> for Geglu {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [a, b]: [S::F; 2]) -> S::F {
        math::gelu(s, a) * b
    }
}

/// dy·b·(a·Φ(a))′ and dy·a·Φ(a)
impl UpdateLanes<2, 3> for Geglu {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, _: [S::F; 2], [a, b, dy]: [S::F; 3]) -> [S::F; 2] {
        let (gelu, slope) = math::gelu_and_slope(s, a);
        [dy * b * slope, dy * gelu]
    }
}

impl Var {
    /// gelu(self)·up, element by element: self goes through the gate, `up` is what it lets through.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::{assert_close, tensor};
    /// let (gate, up) = (Var::input(tensor![0., 1.]), Var::input(tensor![3., 3.]));
    /// let y = gate.geglu(&up);
    /// assert_close!(*y.value(), tensor![0., 2.5240342]); // 3·Φ(1)
    /// let grads = y.sum_all().backward();
    /// assert_close!(*grads.of(&gate), tensor![1.5, 3.2499464]);
    /// assert_close!(*grads.of(&up), tensor![0., 0.8413447]);
    /// ```
    ///
    /// # Panics
    /// When the shapes differ.
    #[track_caller]
    pub fn geglu(&self, up: &Var) -> Var {
        apply(Geglu, [self, up])
    }
}

/// What the registry knows of the gated unit.
pub static INFO: OpInfo<Geglu> = OpInfo {
    name: "geglu",
    formula: "y = gelu(a) · b",
    gradient: "da = dy · b · (Φ(a) + a · φ(a)), db = dy · gelu(a)",
    source: "Shazeer 2020, GLU Variants Improve Transformer",
    reference: |_, x| Zip::from(&x[0]).and(&x[1]).map_collect(|&a, &b| gelu::reference(a) * b),
    sample: |d| {
        let shape = d.shape2();
        Sample::new(Geglu, [Input::within(shape, -4.0..4.0), Input::new(shape)])
    },
    standard: |_| Sample::new(Geglu, [Input::new([2048, 2048]), Input::new([2048, 2048])]),
    wrong: &[Wrong {
        call: || drop(Var::constant(Tensor::ones([2, 3])).geglu(&Var::constant(Tensor::ones([3])))),
        says: "geglu: the shapes of gate [2, 3] and up [3] differ; a gate never broadcasts: expand it",
    }],
    tolerance: Tolerance::Units(10.0),
    cost: |_, shapes| Cost::elementwise(4, shapes),
    derivatives: Derivatives::Any,
};
