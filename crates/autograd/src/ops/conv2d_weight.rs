//! The gradient of a convolution's weights, as an operation of its own so that it has a gradient too.
//!
//! ```text
//! y[o, c, i, j] = Σ over n, p of g[n, o, p] · x[n, c, window of p at (i, j)]
//! ```
//!
//! for images x (N, C, H, W) and g (N, O, H′, W′), the gradient of the convolution's output. It is linear in both:
//!
//! ```text
//! dx = conv_transpose2d(g, dy)       dg = conv2d(x, dy)
//! ```

use super::conv2d::{bound, cost, each_product, ones, products_of_output, sample};
use crate::info::{Derivatives, Input, OpInfo, Sample, Tolerance, Wrong};
use crate::op::{Grads, Keep, Kept, Op};
use crate::var::{Var, apply};
use glassbox_tensor::{Conv2dOptions, Tensor, conv2d_shape, conv2d_weight_shape};
use ndarray::ArrayD;

/// y = g · windows(x)ᵀ, of the inputs x and g.
#[derive(Clone, Debug)]
pub struct Conv2dWeight {
    /// Height and width of the kernel.
    pub kernel: [usize; 2],
    /// Of the convolution.
    pub options: Conv2dOptions,
}

impl Op for Conv2dWeight {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    fn keep(&self, needs: &[bool]) -> Keep {
        Keep::NOTHING.input_if(1, needs[0]).input_if(0, needs[1])
    }

    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        (x[0].conv2d_weight(x[1], self.kernel, self.options), ())
    }

    fn backward(&self, kept: &Kept<'_, ()>, dy: &Var, needs: &[bool]) -> Grads {
        let x = kept.shape(0);
        let back = self.options.transposed([x[2], x[3]], self.kernel);
        let dx = needs[0].then(|| kept.x(1).conv_transpose2d(dy, None, back)); // (N, O, H′, W′) -> (N, C, H, W)
        let dg = needs[1].then(|| kept.x(0).conv2d(dy, None, self.options)); // (N, C, H, W) -> (N, O, H′, W′)
        [dx, dg].into()
    }
}

impl Var {
    /// The gradient of [`conv2d`](Self::conv2d) with respect to its weights: for this x (N, C, H, W), the gradient `dy` of its output,
    /// (N, O, H′, W′), and a kernel (kh, kw) it is (O, C/groups, kh, kw).
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::{Conv2dOptions, Tensor, tensor};
    /// let x = Var::constant(tensor![[1., 2., 3.], [4., 5., 6.], [7., 8., 9.]].reshape([1, 1, 3, 3]));
    /// let dy = Var::constant(Tensor::ones([1, 1, 2, 2]));
    /// let dw = x.conv2d_weight(&dy, [2, 2], Conv2dOptions::default());
    /// assert_eq!(dw.value().to_vec(), [12., 16., 24., 28.]);
    /// ```
    ///
    /// # Panics
    /// When `dy` is not of the shape that the convolution gives, or for what [`conv2d`](Self::conv2d) refuses.
    #[track_caller]
    pub fn conv2d_weight(&self, dy: &Var, kernel: [usize; 2], options: Conv2dOptions) -> Var {
        apply(Conv2dWeight { kernel, options }, [self, dy])
    }
}

fn reference(op: &Conv2dWeight, x: &[ArrayD<f64>]) -> ArrayD<f64> {
    let w = conv2d_weight_shape(x[0].shape(), x[1].shape(), op.kernel, &op.options);
    let (mut y, [x, g]) = (ArrayD::zeros(&w[..]), [&x[0], &x[1]]);
    each_product((x.shape(), &w), &op.options, |at, to, of| y[to] += at.map_or(0.0, |at| x[at]) * g[of]);
    y
}

/// What the registry knows of the gradient of a convolution's weights.
pub static INFO: OpInfo<Conv2dWeight> = OpInfo {
    name: "conv2d_weight",
    formula: "y[o, c, i, j] = Σ g[n, o, p] · x[n, c, p·stride + (i, j)·dilation − before]",
    gradient: "dx = conv_transpose2d(g, dy), dg = conv2d(x, dy)",
    source: "the derivative of conv2d; kernel: crates/tensor/src/conv",
    reference,
    sample: |d| {
        let (x, w, options) = sample(d);
        let g = conv2d_shape(&x, &w, None, &options);
        Sample::new(Conv2dWeight { kernel: [w[2], w[3]], options }, [Input::new(x), Input::new(g)])
    },
    standard: |_| {
        let op = Conv2dWeight { kernel: [3, 3], options: Conv2dOptions::padded(1) };
        Sample::new(op, [Input::new([16, 64, 32, 32]), Input::new([16, 64, 32, 32])])
    },
    wrong: &[
        Wrong {
            call: || drop(ones(&[8, 3, 9, 9]).conv2d_weight(&ones(&[8, 4, 9, 9]), [3, 3], Conv2dOptions::default())),
            says: "conv2d_weight: dy [8, 4, 9, 9] is not of the shape [8, 4, 7, 7] that the convolution of x [8, 3, 9, 9] with weight [4, 3, 3, 3] gives; pass the \
                   options of that convolution",
        },
        Wrong {
            call: || drop(ones(&[8, 3, 9, 9]).conv2d_weight(&ones(&[4, 7, 7]), [3, 3], Conv2dOptions::default())),
            says: "conv2d_weight: dy [4, 7, 7] has 3 axes; it is the gradient of an output (N, O, H′, W′)",
        },
    ],
    // a sum over all outputs of all images
    tolerance: Tolerance::Proven(|op, x| {
        let magnitudes: Vec<ArrayD<f64>> = x.iter().map(|x| x.mapv(f64::abs)).collect();
        let g = x[1].shape();
        bound(g[0] * g[2] * g[3], reference(op, &magnitudes))
    }),
    cost: |op, shapes| {
        let w = conv2d_weight_shape(shapes[0], shapes[1], op.kernel, &op.options);
        cost(shapes[1].iter().product::<usize>() * products_of_output(&w, &op.options), shapes, &w)
    },
    derivatives: Derivatives::Any,
};
