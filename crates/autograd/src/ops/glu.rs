//! The gated linear unit: y = a·σ(b), where a and b are the two halves of x along an axis.
//!
//! ```text
//! ∂y/∂a = σ(b),   ∂y/∂b = a·σ·(1 − σ)
//! ```
//!
//! Both gradients are written to their halves of dx at once. [`swiglu`](super::swiglu), [`geglu`](super::geglu) and
//! [`gated_tanh`](super::gated_tanh) take two inputs: the halves may be [`chunk`](Var::chunk)s.

use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance, Wrong};
use crate::op::{Grads, Keep, Kept, Op, TensorGrads};
use crate::var::{Var, apply};
use glassbox_tensor::shape::axis_index;
use glassbox_tensor::simd::{Lanes, Simd, UpdateLanes, math};
use glassbox_tensor::{Tensor, map_halves, map_n, counted};
use ndarray::{ArrayD, Axis};

/// y = a·σ(b) with x = (a, b) along `axis`.
#[derive(Clone, Debug)]
pub struct Glu {
    /// Which axis; a negative one counts from the end.
    pub axis: isize,
}

impl Op for Glu {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    // σ(b) is computed again: to keep it would cost more than it does
    fn keep(&self, _: &[bool]) -> Keep {
        Keep::input(0)
    }

    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        let at = axis_index("glu", self.axis, x[0].rank());
        let len = x[0].shape()[at];
        assert!(
            len.is_multiple_of(2),
            "glu: axis {} of {:?} has {len}, which are no two halves; make it {} or {}",
            self.axis,
            x[0].shape(),
            len - 1,
            len + 1, len = counted(len, "element"));
        let [a, b] = [0, len / 2].map(|start| x[0].narrow(self.axis, start, len / 2));
        (map_n(&Unit, [&a, &b]), ())
    }

    fn backward(&self, kept: &Kept<'_, ()>, dy: &Var, _: &[bool]) -> Grads {
        let half = dy.shape()[axis_index("glu", self.axis, dy.rank())];
        let [a, b] = [0, half].map(|start| kept.x(0).narrow(self.axis, start, half));
        let sigma = b.sigmoid();
        let da = dy * &sigma;
        let db = &(&da * &a) * &(1.0 - &sigma);
        [Some(Var::cat(&[&da, &db], self.axis))].into()
    }

    fn backward_fused(&self, kept: &Kept<'_, ()>, dy: &Tensor, _: &[bool]) -> Option<TensorGrads> {
        Some([Some(map_halves(&Unit, kept.x(0).value(), dy, self.axis))].into())
    }
}

struct Unit;

/// a·σ(b)
impl Lanes<2> for Unit {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [a, b]: [S::F; 2]) -> S::F {
        a * math::sigmoid(s, b)
    }
}

/// dy·σ(b) and dy·a·σ(b)·(1 − σ(b))
impl UpdateLanes<2, 3> for Unit {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, _: [S::F; 2], [a, b, dy]: [S::F; 3]) -> [S::F; 2] {
        let sigma = math::sigmoid(s, b);
        let da = dy * sigma;
        [da, da * a * (s.splat(1.0) - sigma)]
    }
}

impl Var {
    /// a·σ(b), where a is the first half along `axis` (a negative one counts from the end) and b the second.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::tensor;
    /// let x = Var::input(tensor![[6., 4., 0., 0.]]); // a = [6 4], b = [0 0]
    /// let y = x.glu(-1); // (1, 4) -> (1, 2)
    /// assert_eq!(y.value(), &tensor![[3., 2.]]);
    /// assert_eq!(y.sum_all().backward().of(&x), &tensor![[0.5, 0.5, 1.5, 1.]]);
    /// ```
    ///
    /// # Panics
    /// For an axis that doesn't exist or has an odd length.
    #[track_caller]
    pub fn glu(&self, axis: isize) -> Var {
        apply(Glu { axis }, [self])
    }
}

fn reference(op: &Glu, x: &ArrayD<f64>) -> ArrayD<f64> {
    let axis = Axis(axis_index("glu", op.axis, x.ndim()));
    let (a, b) = x.view().split_at(axis, x.len_of(axis) / 2);
    &a / &b.mapv(|b| 1.0 + (-b).exp())
}

/// What the registry knows of the gated linear unit.
pub static INFO: OpInfo<Glu> = OpInfo {
    name: "glu",
    formula: "y = a · σ(b), x = (a, b) along an axis",
    gradient: "dx = (dy · σ(b), dy · a · σ(b) · (1 − σ(b)))",
    source: "Dauphin et al. 2017, Language Modeling with Gated Convolutional Networks",
    reference: |op, x| reference(op, &x[0]),
    sample: |d| {
        let mut shape = [d.dim(), d.dim(), d.dim()];
        let axis = [-1, 0, 1][d.choice(3)];
        shape[axis_index("glu", axis, 3)] *= 2;
        Sample::new(Glu { axis }, [Input::within(shape, -4.0..4.0)])
    },
    standard: |_| Sample::new(Glu { axis: -1 }, [Input::new([2048, 4096])]),
    wrong: &[
        Wrong {
            call: || drop(Var::constant(Tensor::ones([2, 5])).glu(-1)),
            says: "glu: axis -1 of [2, 5] has 5 elements, which are no two halves; make it 4 or 6",
        },
        Wrong {
            call: || drop(Var::constant(Tensor::ones([2, 4])).glu(2)),
            says: "glu: axis 2 is out of range for a tensor with 2 axes; use -2 to 1",
        },
    ],
    tolerance: Tolerance::Units(6.0),
    cost: |_, shapes| {
        let n = shapes[0].iter().product::<usize>() as u64;
        Cost { flops: n, bytes: 6 * n }
    },
    derivatives: Derivatives::Any,
};
