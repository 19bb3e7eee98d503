//! The adjoint of `avg_pool2d`: each element goes, in equal shares, to all that its window covers. What the gradient of a
//! mean over windows is; its own gradient is that mean again.

use super::max_pool2d::sample;
use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance, Wrong, gamma};
use crate::op::{Grads, Keep, Kept, Op};
use crate::var::{Var, apply};
use glassbox_tensor::{Pool2d, Tensor};
use ndarray::{ArrayD, IxDyn};

/// y[…, k, l] = Σ x[…, i, j] / n(i, j) over the windows (i, j) that cover (k, l).
#[derive(Clone, Debug)]
pub struct AvgPool2dAdjoint {
    /// The windows.
    pub pool: Pool2d,
    /// The height and width of y.
    pub size: [usize; 2],
    /// Whether n counts what lies beyond the edge.
    pub count_include_pad: bool,
}

impl Op for AvgPool2dAdjoint {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING
    }

    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        (x[0].avg_pool2d_adjoint(&self.pool, self.size, self.count_include_pad), ())
    }

    fn backward(&self, _: &Kept<'_, ()>, dy: &Var, _: &[bool]) -> Grads {
        [Some(dy.avg_pool2d(&self.pool, self.count_include_pad))].into()
    }
}

impl Var {
    /// The adjoint of [`avg_pool2d`](Self::avg_pool2d) from planes of `size`: (…, OH, OW) -> (…, H, W).
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::{Pool2d, tensor};
    /// let x = Var::constant(tensor![[8.]]);
    /// let y = x.avg_pool2d_adjoint(&Pool2d::new([2, 2]), [2, 2], true);
    /// assert_eq!(y.value(), &tensor![[2., 2.], [2., 2.]]);
    /// ```
    ///
    /// # Panics
    /// When this is not the shape that pooling planes of `size` gives.
    #[track_caller]
    pub fn avg_pool2d_adjoint(&self, pool: &Pool2d, size: [usize; 2], count_include_pad: bool) -> Var {
        apply(AvgPool2dAdjoint { pool: *pool, size, count_include_pad }, [self])
    }
}

fn reference(op: &AvgPool2dAdjoint, x: &ArrayD<f64>) -> ArrayD<f64> {
    let (rank, Pool2d { kernel, stride, padding }) = (x.ndim(), op.pool);
    let mut shape = x.shape().to_vec();
    shape[rank - 2..].copy_from_slice(&op.size);
    let mut y = ArrayD::zeros(IxDyn(&shape));
    for (at, &x) in x.indexed_iter() {
        let mut to: Vec<usize> = (0..rank).map(|axis| at[axis]).collect();
        let cells = |axis: usize| {
            let start = at[rank - 2 + axis] * stride[axis];
            (start..start + kernel[axis]).filter_map(move |i| i.checked_sub(padding[axis])).filter(move |&i| i < op.size[axis])
        };
        let count = if op.count_include_pad { kernel[0] * kernel[1] } else { cells(0).count() * cells(1).count() };
        for i in cells(0) {
            for j in cells(1) {
                to[rank - 2..].copy_from_slice(&[i, j]);
                y[&to[..]] += x / count as f64;
            }
        }
    }
    y
}

/// What the registry knows of it.
pub static INFO: OpInfo<AvgPool2dAdjoint> = OpInfo {
    name: "avg_pool2d_adjoint",
    formula: "y[…, k, l] = Σ x[…, i, j] / n(i, j) over the windows (i, j) that cover (k, l)",
    gradient: "dx = avg_pool2d(dy)",
    source: "the transpose of avg_pool2d",
    reference: |op, x| reference(op, &x[0]),
    sample: |d| {
        let (pool, shape) = sample(d);
        let op = AvgPool2dAdjoint { pool, size: [shape[1], shape[2]], count_include_pad: d.choice(2) == 0 };
        Sample::new(op, [Input::new(pool.out_shape("avg_pool2d", &shape))])
    },
    standard: |_| {
        let op = AvgPool2dAdjoint { pool: Pool2d::new([2, 2]), size: [64, 64], count_include_pad: true };
        Sample::new(op, [Input::new([16, 64, 32, 32])])
    },
    wrong: &[Wrong {
        call: || {
            let x = Var::constant(Tensor::ones([3, 3]));
            drop(x.avg_pool2d_adjoint(&Pool2d::new([2, 2]), [4, 4], true));
        },
        says: "avg_pool2d_adjoint: shape [3, 3] for planes that pool to [2, 2]; give the size of the planes that were pooled",
    }],
    // at most K windows cover an element: K additions, 1/n rounded, and a product
    tolerance: Tolerance::Proven(|op, x| {
        let k = (op.pool.kernel[0] * op.pool.kernel[1] + 2) as f64;
        reference(op, &x[0].mapv(f64::abs)).mapv(|m| gamma(k) * m + k * f64::from(f32::from_bits(1)))
    }),
    cost: |op, shapes| {
        let planes: usize = shapes[0][..shapes[0].len() - 2].iter().product();
        let x = shapes[0].iter().product::<usize>() as u64;
        let kernel = (op.pool.kernel[0] * op.pool.kernel[1]) as u64;
        Cost { flops: x * (kernel + 1), bytes: 4 * (x + (planes * op.size[0] * op.size[1]) as u64) }
    },
    derivatives: Derivatives::Any,
};
