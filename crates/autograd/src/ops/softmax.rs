//! Softmax along an axis: yᵢ = e^xᵢ / Σⱼ e^xⱼ, computed with the maximum taken away from every x first.
//!
//! ∂yᵢ/∂xⱼ = yᵢ·(δᵢⱼ − yⱼ), so dxᵢ = Σⱼ dyⱼ·∂yⱼ/∂xᵢ = yᵢ·(dyᵢ − Σⱼ dyⱼ·yⱼ). Backward reads only the output.

use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance, Wrong};
use crate::op::{Grads, Keep, Kept, Op, TensorGrads};
use crate::var::{Var, apply};
use glassbox_tensor::simd::Simd;
use glassbox_tensor::{Rows, Tensor, map_rows, shape::axis_index};
use ndarray::{ArrayD, Axis};

/// yᵢ = e^xᵢ / Σⱼ e^xⱼ along `axis`.
#[derive(Clone, Debug)]
pub struct Softmax {
    /// Which axis; a negative one counts from the end.
    pub axis: isize,
}

impl Op for Softmax {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    fn keep(&self, _: &[bool]) -> Keep {
        Keep::OUTPUT
    }

    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        (x[0].softmax(self.axis), ())
    }

    fn backward(&self, kept: &Kept<'_, ()>, dy: &Var, _: &[bool]) -> Grads {
        let y = kept.y();
        let dot = (dy * y).sum(&[self.axis], true);
        [Some(y * &(dy - &dot))].into()
    }

    // along the last axis, where a row lies in one piece: one kernel instead of four
    fn backward_fused(&self, kept: &Kept<'_, ()>, dy: &Tensor, _: &[bool]) -> Option<TensorGrads> {
        let y = kept.y().value();
        let last = axis_index("softmax", self.axis, y.rank()) + 1 == y.rank();
        last.then(|| [Some(map_rows(&Backward, [y, dy]))].into())
    }
}

/// y·(dy − Σ dy·y)
struct Backward;

impl Rows<2> for Backward {
    #[inline(always)]
    fn row<S: Simd>(&self, s: S, [y, dy]: [&[f32]; 2], out: &mut [f32]) {
        let body = y.len() - y.len() % S::LANES;
        let mut sum = s.splat(0.0);
        for (y, dy) in y[..body].chunks_exact(S::LANES).zip(dy.chunks_exact(S::LANES)) {
            sum = s.mul_add(s.load(dy), s.load(y), sum);
        }
        let (y_tail, dy_tail) = (s.load_part(&y[body..]), s.load_part(&dy[body..])); // zeros beyond the row's end
        let dot = s.splat(s.sum(s.mul_add(dy_tail, y_tail, sum)));
        let vectors = y[..body].chunks_exact(S::LANES).zip(dy.chunks_exact(S::LANES));
        for (o, (y, dy)) in out.chunks_exact_mut(S::LANES).zip(vectors) {
            s.store(o, s.load(y) * (s.load(dy) - dot));
        }
        s.store_part(&mut out[body..], y_tail * (dy_tail - dot));
    }
}

impl Var {
    /// e^xᵢ / Σⱼ e^xⱼ along `axis` (a negative one counts from the end): finite for any finite input.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::{assert_close, tensor};
    /// let x = Var::input(tensor![[0., 0.], [1000., 0.]]);
    /// let y = x.softmax(-1);
    /// assert_close!(*y.value(), tensor![[0.5, 0.5], [1., 0.]]);
    /// let first = (&y * &Var::constant(tensor![1., 0.])).sum_all(); // y₀ of both rows
    /// assert_close!(*first.backward().of(&x), tensor![[0.25, -0.25], [0., 0.]]);
    /// ```
    ///
    /// # Panics
    /// For an axis that doesn't exist.
    #[track_caller]
    pub fn softmax(&self, axis: isize) -> Var {
        apply(Softmax { axis }, [self])
    }
}

fn reference(op: &Softmax, x: &ArrayD<f64>) -> ArrayD<f64> {
    let axis = axis_index("softmax", op.axis, x.ndim());
    let mut y = x.clone();
    for mut row in y.lanes_mut(Axis(axis)) {
        let max = row.fold(f64::NEG_INFINITY, |a, &b| a.max(b));
        row.mapv_inplace(|x| (x - max).exp());
        let total = row.sum();
        row /= total;
    }
    y
}

/// What the registry knows of softmax.
pub static INFO: OpInfo<Softmax> = OpInfo {
    name: "softmax",
    formula: "y[i] = exp(x[i] − max x) / Σⱼ exp(x[j] − max x), along an axis",
    gradient: "dx = y · (dy − Σ dy · y)",
    source: "Bridle 1990, Probabilistic Interpretation of Feedforward Classification Network Outputs",
    reference: |op, x| reference(op, &x[0]),
    sample: |d| {
        let x = Input::new([d.dim(), d.dim(), d.dim()]);
        Sample::new(Softmax { axis: [-1, 0, 1, 2][d.choice(4)] }, [x])
    },
    standard: |_| Sample::new(Softmax { axis: -1 }, [Input::new([4096, 1024])]),
    wrong: &[
        Wrong {
            call: || drop(Var::constant(Tensor::ones([2, 3])).softmax(2)),
            says: "softmax: axis 2 is out of range for a tensor with 2 axes; use -2 to 1",
        },
        Wrong {
            call: || drop(Var::constant(Tensor::ones([2, 3])).softmax(-3)),
            says: "softmax: axis -3 is out of range for a tensor with 2 axes; use -2 to 1",
        },
    ],
    // x − max is rounded before the exponential magnifies it: up to 4 units for inputs in −2…2. Most of the rest is the sum
    // of a long row, which the scalar token adds up one by one; 32 units are measured there for 1100 elements
    tolerance: Tolerance::Units(12.0),
    cost: |_, shapes| Cost::elementwise(5, shapes),
    derivatives: Derivatives::Any,
};
