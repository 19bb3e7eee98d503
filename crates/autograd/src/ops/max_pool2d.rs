//! The largest element of each window that slides over a plane.
//!
//! y depends on one element of each window: with m(i, j) its place, y[…, i, j] = x[…, m(i, j)], so dx is dy added up at these
//! places. They are kept from the forward pass; where two elements are equal the first one is it.

use crate::axes;
use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance, Wrong};
use crate::op::{Density, Grads, Keep, Kept, Op};
use crate::var::{Var, apply};
use glassbox_tensor::{Ids, Pool2d, Tensor};
use ndarray::{ArrayD, IxDyn};

/// y[…, i, j] = max of x over window (i, j).
#[derive(Clone, Debug)]
pub struct MaxPool2d {
    /// The windows.
    pub pool: Pool2d,
}

impl Op for MaxPool2d {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = Ids; // where each maximum stands in its plane of H·W: a quarter of x's size for windows of 2 × 2
    const GRADIENT: Density = Density::Sparse("a window passes its gradient to its largest element");

    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING
    }

    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> (Tensor, Ids) {
        x[0].max_pool2d(&self.pool)
    }

    fn backward(&self, kept: &Kept<'_, Ids>, dy: &Var, _: &[bool]) -> Grads {
        let (shape, at) = (kept.shape(0), kept.extra);
        let first = shape.len() - 2;
        let planes: usize = shape[..first].iter().product();
        let windows = at.shape()[first] * at.shape()[first + 1];
        let zeros = Var::constant(Tensor::zeros([planes, shape[first] * shape[first + 1]]));
        let dx = zeros.scatter_add(-1, &at.reshape([planes, windows]), &dy.reshape([planes, windows]));
        [Some(dx.reshape(shape))].into()
    }
}

impl Var {
    /// The largest element of each window: (…, H, W) -> (…, OH, OW), O = ⌊(H + 2·padding − kernel) / stride⌋ + 1. Of equal
    /// ones the first has the gradient; NaN counts as the largest.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::{Pool2d, tensor};
    /// let x = Var::input(tensor![[1., 5., 2., 0.], [3., 4., 8., 7.]]);
    /// let y = x.max_pool2d(&Pool2d::new([2, 2]));
    /// assert_eq!(y.value(), &tensor![[5., 8.]]);
    /// assert_eq!(y.sum_all().backward().of(&x), &tensor![[0., 1., 0., 0.], [0., 0., 1., 0.]]);
    /// ```
    ///
    /// # Panics
    /// When there are fewer than two axes, a kernel or stride is 0, the padding is more than half the kernel, or a window is
    /// larger than the padded plane.
    #[track_caller]
    pub fn max_pool2d(&self, pool: &Pool2d) -> Var {
        apply(MaxPool2d { pool: *pool }, [self])
    }

    /// [`max_pool2d`](Self::max_pool2d) along the last axis alone: (…, L) -> (…, O).
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::tensor;
    /// let x = Var::constant(tensor![[3., 1., 2., 5., 4.]]);
    /// assert_eq!(x.max_pool1d(2, 2, 1).value(), &tensor![[3., 2., 5.]]); // windows (·, 3), (1, 2), (5, 4)
    /// ```
    ///
    /// # Panics
    /// As [`max_pool2d`](Self::max_pool2d), for one axis.
    #[track_caller]
    pub fn max_pool1d(&self, kernel: usize, stride: usize, padding: usize) -> Var {
        self.unsqueeze(-2).max_pool2d(&along(kernel, stride, padding)).squeeze(-2)
    }
}

/// Windows along the last axis alone.
pub(super) fn along(kernel: usize, stride: usize, padding: usize) -> Pool2d {
    Pool2d { kernel: [1, kernel], stride: [1, stride], padding: [0, padding] }
}

/// f of the elements of every window, (…, H, W) -> (…, OH, OW).
pub(super) fn windows(x: &ArrayD<f64>, pool: &Pool2d, f: impl Fn(&[f64]) -> f64) -> ArrayD<f64> {
    let (rank, Pool2d { kernel, stride, padding }) = (x.ndim(), *pool);
    let mut shape = x.shape().to_vec();
    for axis in 0..2 {
        let size = &mut shape[rank - 2 + axis];
        *size = (*size + 2 * padding[axis] - kernel[axis]) / stride[axis] + 1;
    }
    ArrayD::from_shape_fn(IxDyn(&shape), |at| {
        let mut from: Vec<usize> = (0..rank).map(|axis| at[axis]).collect();
        let mut seen = Vec::new();
        for i in 0..kernel[0] {
            for j in 0..kernel[1] {
                let place = [at[rank - 2] * stride[0] + i, at[rank - 1] * stride[1] + j];
                let inside = (0..2).all(|a| (padding[a]..padding[a] + x.shape()[rank - 2 + a]).contains(&place[a]));
                if inside {
                    from[rank - 2..].copy_from_slice(&[place[0] - padding[0], place[1] - padding[1]]);
                    seen.push(x[&from[..]]);
                }
            }
        }
        f(&seen)
    })
}

/// Windows and a plane that they fit into, for samples.
pub(super) fn sample(d: &mut crate::info::Draw) -> (Pool2d, Vec<usize>) {
    let planes = d.dim().min(150);
    let kernel = [d.choice(3) + 1, d.choice(4) + 1];
    let padding = [d.choice(kernel[0] / 2 + 1), d.choice(kernel[1] / 2 + 1)];
    let pool = Pool2d { kernel, stride: [d.choice(3) + 1, d.choice(2) + 1], padding };
    let plane = [kernel[0] + d.dim().min(20), kernel[1] + d.dim().min(30)];
    (pool, vec![planes, plane[0], plane[1]])
}

/// What the registry knows of it.
pub static INFO: OpInfo<MaxPool2d> = OpInfo {
    name: "max_pool2d",
    formula: "y[…, i, j] = max x[…, i·stride − padding + k, j·stride − padding + l] over k, l < kernel",
    gradient: "dx = dy, added up where the maxima stand",
    source: "PyTorch, torch.nn.MaxPool2d",
    reference: |op, x| {
        windows(&x[0], &op.pool, |seen| {
            seen.iter().copied().fold(f64::NEG_INFINITY, axes::larger)
        })
    },
    sample: |d| {
        let (pool, shape) = sample(d);
        Sample::new(MaxPool2d { pool }, [Input::new(shape)])
    },
    standard: |_| Sample::new(MaxPool2d { pool: Pool2d::new([2, 2]) }, [Input::new([16, 64, 64, 64])]),
    wrong: &[
        Wrong {
            call: || drop(Var::constant(Tensor::ones([1, 3, 4])).max_pool2d(&Pool2d::new([5, 2]))),
            says: "max_pool2d: a window of 5 does not fit into height 3 + 2·0 of shape [1, 3, 4]; use a smaller kernel or more padding",
        },
        Wrong {
            call: || {
                let pool = Pool2d { padding: [2, 0], ..Pool2d::new([3, 3]) };
                drop(Var::constant(Tensor::ones([1, 8, 8])).max_pool2d(&pool));
            },
            says: "max_pool2d: padding 2 is more than half of kernel 3; some window would see only padding",
        },
        Wrong {
            call: || drop(Var::constant(Tensor::ones([8])).max_pool2d(&Pool2d::new([2, 2]))),
            says: "max_pool2d: shape [8] has no plane; give it two axes or more, (…, H, W)",
        },
        Wrong {
            call: || drop(Var::constant(Tensor::ones([8, 8])).max_pool1d(2, 0, 0)),
            says: "max_pool2d: kernel [1, 2] and stride [1, 0] must be at least 1 each",
        },
    ],
    tolerance: Tolerance::Exact,
    cost: |op, shapes| {
        let out: usize = op.pool.out_shape("max_pool2d", shapes[0]).iter().product();
        let (out, x) = (out as u64, shapes[0].iter().product::<usize>() as u64);
        Cost { flops: out * (op.pool.kernel[0] * op.pool.kernel[1]) as u64, bytes: 4 * (x + out) }
    },
    derivatives: Derivatives::Any,
};
