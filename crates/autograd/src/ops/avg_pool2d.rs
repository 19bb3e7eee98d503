//! The mean of each window that slides over a plane: y[…, i, j] = (Σ of x over window (i, j)) / n(i, j), where n counts the
//! window's elements, with those beyond the edge (zeros) or without them.
//!
//! The map is linear, so the gradient is its adjoint: dy[…, i, j] / n(i, j) goes to every element of window (i, j).

use super::max_pool2d::{along, sample, windows};
use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance, Wrong, gamma};
use crate::op::{Grads, Keep, Kept, Op};
use crate::var::{Var, apply};
use glassbox_tensor::{Pool2d, Tensor};
use ndarray::ArrayD;

/// y[…, i, j] = mean of x over window (i, j).
#[derive(Clone, Debug)]
pub struct AvgPool2d {
    /// The windows.
    pub pool: Pool2d,
    /// Whether what lies beyond the edge counts, as zeros.
    pub count_include_pad: bool,
}

impl Op for AvgPool2d {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING
    }

    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        (x[0].avg_pool2d(&self.pool, self.count_include_pad), ())
    }

    fn backward(&self, kept: &Kept<'_, ()>, dy: &Var, _: &[bool]) -> Grads {
        let shape = kept.shape(0);
        let size = [shape[shape.len() - 2], shape[shape.len() - 1]];
        [Some(dy.avg_pool2d_adjoint(&self.pool, size, self.count_include_pad))].into()
    }
}

impl Var {
    /// The mean of each window: (…, H, W) -> (…, OH, OW), O = ⌊(H + 2·padding − kernel) / stride⌋ + 1. The padding counts as
    /// zeros that are there, or, without `count_include_pad`, doesn't count.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::{Pool2d, tensor};
    /// let x = Var::input(tensor![[1., 5., 2., 0.], [3., 3., 8., 6.]]);
    /// let y = x.avg_pool2d(&Pool2d::new([2, 2]), true);
    /// assert_eq!(y.value(), &tensor![[3., 4.]]);
    /// assert_eq!(y.sum_all().backward().of(&x).to_vec(), [0.25; 8]);
    /// ```
    ///
    /// # Panics
    /// When there are fewer than two axes, a kernel or stride is 0, the padding is more than half the kernel, or a window is
    /// larger than the padded plane.
    #[track_caller]
    pub fn avg_pool2d(&self, pool: &Pool2d, count_include_pad: bool) -> Var {
        apply(AvgPool2d { pool: *pool, count_include_pad }, [self])
    }

    /// [`avg_pool2d`](Self::avg_pool2d) along the last axis alone: (…, L) -> (…, O).
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::tensor;
    /// let x = Var::constant(tensor![[2., 4., 6., 8.]]);
    /// assert_eq!(x.avg_pool1d(2, 2, 0, true).value(), &tensor![[3., 7.]]);
    /// ```
    ///
    /// # Panics
    /// As [`avg_pool2d`](Self::avg_pool2d), for one axis.
    #[track_caller]
    pub fn avg_pool1d(&self, kernel: usize, stride: usize, padding: usize, count_include_pad: bool) -> Var {
        self.unsqueeze(-2).avg_pool2d(&along(kernel, stride, padding), count_include_pad).squeeze(-2)
    }
}

fn reference(op: &AvgPool2d, x: &ArrayD<f64>) -> ArrayD<f64> {
    let whole = (op.pool.kernel[0] * op.pool.kernel[1]) as f64;
    windows(x, &op.pool, |seen| {
        seen.iter().sum::<f64>() / if op.count_include_pad { whole } else { seen.len() as f64 }
    })
}

/// What the registry knows of it.
pub static INFO: OpInfo<AvgPool2d> = OpInfo {
    name: "avg_pool2d",
    formula: "y[…, i, j] = mean of x[…, i·stride − padding + k, j·stride − padding + l] over k, l < kernel",
    gradient: "dx = avg_pool2d_adjoint(dy): dy / n, added up over the windows that cover an element",
    source: "PyTorch, torch.nn.AvgPool2d",
    reference: |op, x| reference(op, &x[0]),
    sample: |d| {
        let (pool, shape) = sample(d);
        Sample::new(AvgPool2d { pool, count_include_pad: d.choice(2) == 0 }, [Input::new(shape)])
    },
    standard: |_| {
        let op = AvgPool2d { pool: Pool2d::new([2, 2]), count_include_pad: true };
        Sample::new(op, [Input::new([16, 64, 64, 64])])
    },
    wrong: &[Wrong {
        call: || drop(Var::constant(Tensor::ones([1, 3, 4])).avg_pool2d(&Pool2d::new([2, 5]), true)),
        says: "avg_pool2d: a window of 5 does not fit into width 4 + 2·0 of shape [1, 3, 4]; use a smaller kernel or more padding",
    }],
    // K additions at most, 1/n rounded, and a product: γ of K + 2, whatever their order
    tolerance: Tolerance::Proven(|op, x| {
        let k = (op.pool.kernel[0] * op.pool.kernel[1] + 2) as f64;
        reference(op, &x[0].mapv(f64::abs)).mapv(|m| gamma(k) * m + k * f64::from(f32::from_bits(1)))
    }),
    cost: |op, shapes| {
        let out: usize = op.pool.out_shape("avg_pool2d", shapes[0]).iter().product();
        let (out, x) = (out as u64, shapes[0].iter().product::<usize>() as u64);
        Cost { flops: out * (op.pool.kernel[0] * op.pool.kernel[1] + 1) as u64, bytes: 4 * (x + out) }
    },
    derivatives: Derivatives::Any,
};
