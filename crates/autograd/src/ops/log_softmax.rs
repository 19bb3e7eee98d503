//! The logarithm of softmax along an axis: yᵢ = xᵢ − ln Σⱼ e^xⱼ.
//!
//! It is finite where softmax itself underflows to 0. ∂yᵢ/∂xⱼ = δᵢⱼ − e^yⱼ, so dx = dy − e^y · Σ dy: backward reads only the output.
//!
//! A row of −∞, and one with ∞ or NaN in it, gives NaN throughout, as in PyTorch; −∞ beside finite numbers stays −∞.

use super::logsumexp;
use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance, Wrong};
use crate::op::{Grads, Keep, Kept, Op, TensorGrads};
use crate::var::{Var, apply};
use glassbox_tensor::simd::{Lanes, Simd, SumLanes, map_lanes, math, sum_lanes};
use glassbox_tensor::{Rows, Tensor, map_rows, shape::axis_index};
use ndarray::{ArrayD, Axis};

/// yᵢ = xᵢ − ln Σⱼ e^xⱼ along `axis`.
#[derive(Clone, Debug)]
pub struct LogSoftmax {
    /// Which axis; a negative one counts from the end.
    pub axis: isize,
}

impl Op for LogSoftmax {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    fn keep(&self, _: &[bool]) -> Keep {
        Keep::OUTPUT
    }

    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        (x[0].log_softmax(self.axis), ())
    }

    fn backward(&self, kept: &Kept<'_, ()>, dy: &Var, _: &[bool]) -> Grads {
        let total = dy.sum(&[self.axis], true);
        [Some(dy - &(&kept.y().exp() * &total))].into()
    }

    // along the last axis, where a row lies in one piece: one kernel instead of four
    fn backward_fused(&self, kept: &Kept<'_, ()>, dy: &Tensor, _: &[bool]) -> Option<TensorGrads> {
        let y = kept.y().value();
        let last = axis_index("log_softmax", self.axis, y.rank()) + 1 == y.rank();
        last.then(|| [Some(map_rows(&Backward, [y, dy]))].into())
    }
}

/// dy − e^y · Σ dy
struct Backward;

impl Rows<2> for Backward {
    #[inline(always)]
    fn row<S: Simd>(&self, s: S, [y, dy]: [&[f32]; 2], out: &mut [f32]) {
        let [total] = sum_lanes(s, &Itself, [dy]);
        map_lanes(s, &Gradient { total: total as f32 }, [y, dy], out);
    }
}

struct Itself;

impl SumLanes<1, 1> for Itself {
    #[inline(always)]
    fn lanes<S: Simd>(&self, _: S, x: [S::F; 1]) -> [S::F; 1] {
        x
    }
}

struct Gradient {
    total: f32,
}

impl Lanes<2> for Gradient {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [y, dy]: [S::F; 2]) -> S::F {
        dy - math::exp(s, y) * s.splat(self.total)
    }
}

impl Var {
    /// xᵢ − ln Σⱼ e^xⱼ along `axis` (a negative one counts from the end): the logarithms of [`softmax`](Self::softmax), finite for
    /// any finite input.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::{assert_close, tensor};
    /// let x = Var::input(tensor![[0., 0.], [200., 0.]]);
    /// let y = x.log_softmax(-1);
    /// assert_close!(*y.value(), tensor![[-0.6931472, -0.6931472], [0., -200.]]);
    /// let first = (&y * &Var::constant(tensor![1., 0.])).sum_all(); // y₀ of both rows
    /// assert_close!(*first.backward().of(&x), tensor![[0.5, -0.5], [0., 0.]]);
    /// ```
    ///
    /// # Panics
    /// For an axis that doesn't exist.
    #[track_caller]
    pub fn log_softmax(&self, axis: isize) -> Var {
        apply(LogSoftmax { axis }, [self])
    }
}

/// `f` of each element and its row's ln Σ eˣ.
fn by_rows(op: &LogSoftmax, x: &ArrayD<f64>, f: impl Fn(f64, f64) -> f64) -> ArrayD<f64> {
    let axis = axis_index("log_softmax", op.axis, x.ndim());
    let mut y = x.clone();
    for mut row in y.lanes_mut(Axis(axis)) {
        let all = logsumexp::reference(&row.to_vec());
        row.mapv_inplace(|x| f(x, if all == f64::INFINITY { f64::NAN } else { all }));
    }
    y
}

/// What the registry knows of the logarithm of softmax.
pub static INFO: OpInfo<LogSoftmax> = OpInfo {
    name: "log_softmax",
    formula: "y[i] = x[i] − ln Σⱼ exp(x[j]), along an axis",
    gradient: "dx = dy − exp(y) · Σ dy",
    source: "Blanchard, Higham & Higham 2021, Accurately Computing the Log-Sum-Exp and Softmax Functions",
    reference: |op, x| by_rows(op, &x[0], |x, all| x - all),
    sample: |d| {
        let x = Input::within([d.dim(), d.dim(), d.dim() % 4 + 1], -6.0..6.0);
        Sample::new(LogSoftmax { axis: [-1, 0, 2, 1][d.choice(4)] }, [x])
    },
    standard: |_| Sample::new(LogSoftmax { axis: -1 }, [Input::new([4096, 1024])]),
    wrong: &[Wrong {
        call: || drop(Var::constant(Tensor::ones([2, 3])).log_softmax(-3)),
        says: "log_softmax: axis -3 is out of range for a tensor with 2 axes; use -2 to 1",
    }],
    tolerance: Tolerance::UnitsOf(3.0, |op, x| by_rows(op, &x[0], |x, all| 1.0 + x.abs() + all.abs())),
    cost: |_, shapes| Cost::elementwise(5, shapes),
    derivatives: Derivatives::Any,
};
