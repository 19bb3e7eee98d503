//! The outer product of two vectors: y(i, j) = a(i)·b(j).
//!
//! da(i) = Σⱼ dy(i, j)·b(j) and db(j) = Σᵢ dy(i, j)·a(i): a matrix times a vector each.

use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance, Wrong};
use crate::op::{Grads, Keep, Kept, Op};
use crate::var::{Var, apply};
use glassbox_tensor::{Tensor, counted};
use ndarray::{Axis, IxDyn};

/// y = a·bᵀ.
#[derive(Clone, Debug)]
pub struct Outer;

impl Op for Outer {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    fn keep(&self, needs: &[bool]) -> Keep {
        Keep::NOTHING.input_if(1, needs[0]).input_if(0, needs[1])
    }

    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        for (name, x) in [("a", x[0]), ("b", x[1])] {
            assert!(
                x.rank() == 1,
                "outer: {name} {:?} has {}; it takes two vectors, and einsum(\"ij,k->ijk\", a, b) any tensors",
                x.shape(),
                counted(x.rank(), "axis"));
        }
        (&x[0].unsqueeze(1) * x[1], ()) // (M, 1) · (N) -> (M, N)
    }

    fn backward(&self, kept: &Kept<'_, ()>, dy: &Var, needs: &[bool]) -> Grads {
        let (m, n) = (kept.shape(0)[0], kept.shape(1)[0]);
        let da = needs[0].then(|| dy.matmul(&kept.x(1).reshape([n, 1])).reshape([m])); // (M, N) × (N, 1) -> (M, 1)
        let db = needs[1].then(|| kept.x(0).reshape([1, m]).matmul(dy).reshape([n])); // (1, M) × (M, N) -> (1, N)
        [da, db].into()
    }
}

impl Var {
    /// The outer product of two vectors, (M) and (N) -> (M, N): y(i, j) = a(i)·b(j).
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::tensor;
    /// let (a, b) = (Var::input(tensor![1., 2.]), Var::constant(tensor![3., 4., 5.]));
    /// let y = a.outer(&b);
    /// assert_eq!(y.value(), &tensor![[3., 4., 5.], [6., 8., 10.]]);
    /// assert_eq!(y.sum_all().backward().of(&a), &tensor![12., 12.]);
    /// ```
    ///
    /// # Panics
    /// When one of them is no vector.
    #[track_caller]
    pub fn outer(&self, b: &Var) -> Var {
        apply(Outer, [self, b])
    }
}

/// What the registry knows of the outer product.
pub static INFO: OpInfo<Outer> = OpInfo {
    name: "outer",
    formula: "y[i, j] = a[i] · b[j]",
    gradient: "da[i] = Σⱼ dy[i, j] · b[j], db[j] = Σᵢ dy[i, j] · a[i]",
    source: "definition",
    reference: |_, x| {
        let (m, n) = (x[0].len(), x[1].len());
        let (a, b) = (x[0].view().insert_axis(Axis(1)), x[1].view().insert_axis(Axis(0)));
        let full = |x: ndarray::ArrayViewD<'_, f64>| x.broadcast(IxDyn(&[m, n])).expect("(M, 1) or (1, N)").to_owned();
        full(a) * full(b)
    },
    sample: |d| Sample::new(Outer, [Input::new([d.dim()]), Input::new([d.dim()])]),
    standard: |_| Sample::new(Outer, [Input::new([1 << 16]), Input::new([64])]),
    wrong: &[
        Wrong {
            call: || drop(Var::constant(Tensor::ones([2, 3])).outer(&Var::constant(Tensor::ones([3])))),
            says: "outer: a [2, 3] has 2 axes; it takes two vectors, and einsum(\"ij,k->ijk\", a, b) any tensors",
        },
        Wrong {
            call: || drop(Var::constant(Tensor::ones([3])).outer(&Var::constant(Tensor::scalar(1.0)))),
            says: "outer: b [] has 0 axes; it takes two vectors, and einsum(\"ij,k->ijk\", a, b) any tensors",
        },
    ],
    tolerance: Tolerance::Exact, // one rounding
    cost: |_, shapes| {
        let (m, n) = (shapes[0][0] as u64, shapes[1][0] as u64);
        Cost { flops: m * n, bytes: 4 * (m + n + m * n) }
    },
    derivatives: Derivatives::Any,
};
