//! The matrix product: y = a·b over the last two axes, batches broadcast.
//!
//! With yᵢⱼ = Σₖ aᵢₖ bₖⱼ, ∂y/∂a gathers a row of b and ∂y/∂b a column of a: da = dy·bᵀ, db = aᵀ·dy. A batch axis that
//! was repeated gets the sum over its repetitions.

use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance, Wrong, gamma};
use crate::op::{Grads, Keep, Kept, Op};
use crate::var::{Var, apply};
use glassbox_tensor::Tensor;
use ndarray::{ArrayD, Ix2};

/// y = a·b.
#[derive(Clone, Debug)]
pub struct MatMul;

impl Op for MatMul {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    // a frozen b needs no a, and the other way round
    fn keep(&self, needs: &[bool]) -> Keep {
        Keep::NOTHING.input_if(1, needs[0]).input_if(0, needs[1])
    }

    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        (x[0].matmul(x[1]), ())
    }

    fn backward(&self, kept: &Kept<'_, ()>, dy: &Var, needs: &[bool]) -> Grads {
        let da = needs[0].then(|| dy.matmul(&kept.x(1).t()).sum_to(kept.shape(0))); // (…, M, N) × (…, N, K) -> (…, M, K)
        let db = needs[1].then(|| {
            let (a, b) = (kept.shape(0), kept.shape(1));
            if b.len() == 2 && a.len() > 2 {
                // One b for the whole batch: the batch is only more rows, and its sum is made inside one product.
                let [k, n] = [b[0], b[1]];
                let rows = a[..a.len() - 1].iter().product();
                return kept.x(0).reshape([rows, k]).t().matmul(&dy.reshape([rows, n])); // (K, R) × (R, N) -> (K, N)
            }
            kept.x(0).t().matmul(dy).sum_to(b) // (…, K, M) × (…, M, N) -> (…, K, N)
        });
        [da, db].into()
    }
}

impl Var {
    /// The matrix product over the last two axes, (…, M, K) × (…, K, N) -> (…, M, N); the axes before them are broadcast.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::tensor;
    /// let a = Var::input(tensor![[1., 2.], [3., 4.]]);
    /// let b = Var::constant(tensor![[5.], [6.]]);
    /// let y = a.matmul(&b); // (2, 2) × (2, 1) -> (2, 1)
    /// assert_eq!(y.value(), &tensor![[17.], [39.]]);
    /// assert_eq!(y.sum_all().backward().of(&a), &tensor![[5., 6.], [5., 6.]]);
    /// ```
    ///
    /// # Panics
    /// When an input has fewer than two axes, the inner dimensions differ, or the batches don't broadcast.
    #[track_caller]
    pub fn matmul(&self, rhs: &Var) -> Var {
        apply(MatMul, [self, rhs])
    }
}

/// Matrix by matrix, three loops each (ndarray's).
fn reference(a: &ArrayD<f64>, b: &ArrayD<f64>) -> ArrayD<f64> {
    let shape = glassbox_tensor::matmul_shape(a.shape(), b.shape());
    let (m, n, k) = (shape[shape.len() - 2], shape[shape.len() - 1], a.shape()[a.ndim() - 1]);
    let batch = &shape[..shape.len() - 2];
    let full = |x: &ArrayD<f64>, rows, cols| {
        let to: Vec<usize> = batch.iter().copied().chain([rows, cols]).collect();
        x.broadcast(to).expect("matmul_shape checked it").to_owned()
    };
    let (a, b) = (full(a, m, k), full(b, k, n));
    let count: usize = batch.iter().product();
    let a = a.to_shape((count, m, k)).expect("same count").to_owned();
    let b = b.to_shape((count, k, n)).expect("same count").to_owned();
    let mut y = Vec::with_capacity(count * m * n);
    for i in 0..count {
        let (a, b) = (a.index_axis(ndarray::Axis(0), i), b.index_axis(ndarray::Axis(0), i));
        let (a, b) = (a.into_dimensionality::<Ix2>(), b.into_dimensionality::<Ix2>());
        y.extend(a.expect("a matrix").dot(&b.expect("a matrix")));
    }
    ArrayD::from_shape_vec(&shape[..], y).expect("one value for each element")
}

/// What the registry knows of the matrix product.
pub static INFO: OpInfo<MatMul> = OpInfo {
    name: "matmul",
    formula: "y[i, j] = Σₖ a[i, k] · b[k, j]",
    gradient: "da = dy · bᵀ, db = aᵀ · dy",
    source: "kernel: crates/tensor/src/gemm; bound: Higham 2002, Accuracy and Stability, (3.13)",
    reference: |_, x| reference(&x[0], &x[1]),
    sample: |d| {
        let (m, k, n, batch) = (d.dim(), d.dim(), d.dim(), d.choice(3) + 1);
        let (a, b) = match d.choice(4) {
            0 => (vec![m, k], vec![k, n]),
            1 => (vec![batch, m, k], vec![k, n]),
            2 => (vec![m, k], vec![batch, k, n]),
            _ => (vec![2, batch, m, k], vec![2, 1, k, n]),
        };
        Sample::new(MatMul, [Input::new(a), Input::new(b)])
    },
    standard: |_| Sample::new(MatMul, [Input::new([512, 512]), Input::new([512, 512])]),
    wrong: &[
        Wrong {
            call: || drop(Var::constant(Tensor::ones([32, 784])).matmul(&Var::constant(Tensor::ones([128, 784])))),
            says: "matmul: inner dimensions differ: lhs [32, 784] × rhs [128, 784] (784 ≠ 128); rhs.t() is [784, 128]",
        },
        Wrong {
            call: || drop(Var::constant(Tensor::ones([3])).matmul(&Var::constant(Tensor::ones([3, 2])))),
            says: "matmul: lhs [3] × rhs [3, 2]: lhs is a vector; reshape it to [1, 3]",
        },
        Wrong {
            call: || drop(Var::constant(Tensor::ones([2, 3])).matmul(&Var::constant(Tensor::ones([3])))),
            says: "matmul: lhs [2, 3] × rhs [3]: rhs is a vector; reshape it to [3, 1]",
        },
        Wrong {
            call: || drop(Var::constant(Tensor::ones([2, 3])).matmul(&Var::constant(Tensor::scalar(2.0)))),
            says: "matmul: lhs [2, 3] × rhs []: rhs is a single number; multiply by it with *",
        },
        Wrong {
            call: || drop(Var::constant(Tensor::ones([2, 3, 3])).matmul(&Var::constant(Tensor::ones([4, 3, 3])))),
            says: "matmul: batch axes of lhs [2, 3, 3] and rhs [4, 3, 3] don't broadcast; each pair of them is equal, or one is 1",
        },
    ],
    // γ_K·|a||b| for any order of summation, with γ_K = K·u/(1 − K·u), and K of the smallest float for underflow
    tolerance: Tolerance::Proven(|_, x| {
        let k = x[0].shape()[x[0].ndim() - 1] as f64;
        let gamma = gamma(k);
        reference(&x[0].mapv(f64::abs), &x[1].mapv(f64::abs)) * gamma + k * 2f64.powi(-149)
    }),
    cost: |_, shapes| {
        let (a, b) = (shapes[0], shapes[1]);
        let out = glassbox_tensor::matmul_shape(a, b);
        let count = |shape: &[usize]| shape.iter().product::<usize>() as u64;
        let k = a[a.len() - 1] as u64;
        Cost { flops: 2 * k * count(&out), bytes: 4 * (count(a) + count(b) + count(&out)) }
    },
    derivatives: Derivatives::Any,
};
