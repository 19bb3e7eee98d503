//! The running sum along an axis: yᵢ = Σ xⱼ over j ≤ i.
//!
//! xⱼ stands in every yᵢ from j on, so dxⱼ = Σ dyᵢ over i ≥ j: the running sum of dy from the end. The operation knows
//! both directions, and each is the gradient of the other.

use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance, UNIT, Wrong};
use crate::op::{Grads, Keep, Kept, Op};
use crate::var::{Var, apply};
use glassbox_tensor::Tensor;
use glassbox_tensor::shape::axis_index;
use ndarray::{ArrayD, Axis};

/// yᵢ = Σ xⱼ over j ≤ i along `axis`; over j ≥ i when `reversed`.
#[derive(Clone, Debug)]
pub struct Cumsum {
    /// Which axis; a negative one counts from the end.
    pub axis: isize,
    /// Whether sums run from the end.
    pub reversed: bool,
}

impl Op for Cumsum {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING
    }

    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        (if self.reversed { x[0].cumsum_reversed(self.axis) } else { x[0].cumsum(self.axis) }, ())
    }

    fn backward(&self, _: &Kept<'_, ()>, dy: &Var, _: &[bool]) -> Grads {
        [Some(apply(Cumsum { axis: self.axis, reversed: !self.reversed }, [dy]))].into()
    }
}

impl Var {
    /// The running sum along `axis` (a negative one counts from the end): yᵢ = Σ xⱼ over j ≤ i; carried in f64,
    /// rounded once.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::tensor;
    /// let x = Var::input(tensor![1., 2., 3.]);
    /// let y = x.cumsum(0);
    /// assert_eq!(y.value(), &tensor![1., 3., 6.]);
    /// assert_eq!(y.sum_all().backward().of(&x), &tensor![3., 2., 1.]);
    /// ```
    ///
    /// # Panics
    /// For an axis that doesn't exist.
    #[track_caller]
    pub fn cumsum(&self, axis: isize) -> Var {
        apply(Cumsum { axis, reversed: false }, [self])
    }
}

fn reference(op: &Cumsum, x: &ArrayD<f64>) -> ArrayD<f64> {
    let mut y = x.clone();
    for mut row in y.lanes_mut(Axis(axis_index("cumsum", op.axis, x.ndim()))) {
        let mut sum = 0.0;
        let add = |x: &mut f64| {
            sum += *x;
            *x = sum;
        };
        if op.reversed { row.iter_mut().rev().for_each(add) } else { row.iter_mut().for_each(add) }
    }
    y
}

/// What the registry knows of the running sum.
pub static INFO: OpInfo<Cumsum> = OpInfo {
    name: "cumsum",
    formula: "y[i] = Σ x[j] over j ≤ i, along an axis",
    gradient: "dx[j] = Σ dy[i] over i ≥ j",
    source: "NumPy, cumsum; error: Higham 2002, Accuracy and Stability of Numerical Algorithms, section 4.2",
    reference: |op, x| reference(op, &x[0]),
    sample: |d| {
        let x = Input::new([d.dim(), d.dim(), d.dim()]);
        Sample::new(Cumsum { axis: [-1, 0, 1, 2, -2][d.choice(5)], reversed: d.choice(2) == 1 }, [x])
    },
    standard: |_| Sample::new(Cumsum { axis: -1, reversed: false }, [Input::new([2048, 2048])]),
    wrong: &[Wrong {
        call: || drop(Var::constant(Tensor::ones([2, 3])).cumsum(-3)),
        says: "cumsum: axis -3 is out of range for a tensor with 2 axes; use -2 to 1",
    }],
    // n − 1 additions in f64 and one rounding to f32; 1.01 for the terms of the second order
    tolerance: Tolerance::Proven(|op, x| {
        let n = x[0].shape()[axis_index("cumsum", op.axis, x[0].ndim())] as f64;
        let sums = reference(op, &x[0].mapv(f64::abs));
        (reference(op, &x[0]).mapv(f64::abs) * UNIT + sums * (n * UNIT * UNIT / 32.0)) * 1.01
    }),
    cost: |_, shapes| Cost::elementwise(1, shapes),
    derivatives: Derivatives::Any,
};
