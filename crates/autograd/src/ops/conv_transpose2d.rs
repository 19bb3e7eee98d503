//! The transpose of a convolution, which leads from its outputs back to images: for upsampling, and the gradient of `conv2d`.
//!
//! Written as a matrix, a convolution takes x to y = M·x; this is Mᵀ. Each element of x is sent to all that it was made from:
//!
//! ```text
//! y[n, o, q·stride + (i, j)·dilation − before] += w[c, o, i, j] · x[n, c, q],   then y += b
//! ```
//!
//! with x (N, C, H, W) and w (C, O/groups, kh, kw), which are the weights of that convolution. So backward is made of the same three:
//!
//! ```text
//! dx = conv2d(dy, w)                 (Mᵀ)ᵀ = M
//! dw = conv2d_weight(dy, x)          with image and gradient exchanged
//! db = Σ dy over images and places
//! ```
//!
//! Output h is a sum over the taps with i·dilation ≡ h + before (mod stride): there are stride phases of outputs, each of them
//! a small convolution with its share of the kernel (`crates/tensor/src/conv/window.rs`).

use super::conv2d::{bound, cost, each_product, ones, products_of_output, sample};
use crate::info::{Derivatives, Input, OpInfo, Sample, Tolerance, Wrong};
use crate::op::{Grads, Keep, Kept, Op};
use crate::var::{Var, apply};
use glassbox_tensor::{
    ConvTranspose1dOptions, ConvTranspose2dOptions, Tensor, conv_transpose1d_shape, conv_transpose2d_shape, conv2d_shape,
};
use ndarray::{ArrayD, IxDyn};

/// y = wᵀ ⋆ x (+ b), of the inputs x, w and, if there is a third, b.
#[derive(Clone, Debug)]
pub struct ConvTranspose2d {
    /// Stride, padding, output padding, dilation and groups.
    pub options: ConvTranspose2dOptions,
}

impl Op for ConvTranspose2d {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();
    const ADDED: Option<usize> = Some(2);

    // as for conv2d
    fn keep(&self, needs: &[bool]) -> Keep {
        Keep::NOTHING.input_if(1, needs[0]).input_if(0, needs[1])
    }

    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        (x[0].conv_transpose2d(x[1], x.get(2).copied(), self.options), ())
    }

    fn backward(&self, kept: &Kept<'_, ()>, dy: &Var, needs: &[bool]) -> Grads {
        let (w, forward) = (kept.shape(1), self.options.forward());
        let dx = needs[0].then(|| dy.conv2d(kept.x(1), None, forward)); // (N, O, H′, W′) -> (N, C, H, W)
        let dw = needs[1].then(|| dy.conv2d_weight(kept.x(0), [w[2], w[3]], forward)); // -> (C, O/groups, kh, kw)
        let db = needs.get(2).map(|need| need.then(|| dy.sum(&[0, 2, 3], false)));
        [dx, dw].into_iter().chain(db).collect()
    }
}

impl Var {
    /// The transpose of a convolution: x (N, C, H, W) with weight (C, O/groups, kh, kw) and bias (O) gives (N, O, H′, W′), where along
    /// each axis H′ = (H − 1)·stride − before − after + dilation·(kh − 1) + output_padding + 1.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::{ConvTranspose2dOptions, Tensor, tensor};
    /// let x = Var::input(tensor![[1., 2.], [3., 4.]].reshape([1, 1, 2, 2]));
    /// let w = Var::constant(tensor![[1., 10.], [100., 1000.]].reshape([1, 1, 2, 2]));
    /// let doubled = ConvTranspose2dOptions { stride: [2, 2], ..Default::default() };
    /// let y = x.conv_transpose2d(&w, None, doubled); // (1, 1, 2, 2) -> (1, 1, 4, 4)
    /// assert_eq!(y.value().narrow(2, 0, 1).to_vec(), [1., 10., 2., 20.]);
    /// assert_eq!(y.sum_all().backward().of(&x).to_vec(), [1111., 1111., 1111., 1111.]);
    /// ```
    ///
    /// # Panics
    /// When the channels don't fit the weights or the groups, the bias is not (O), the output padding is not less than the
    /// stride, or the padding cuts off more than there is.
    #[track_caller]
    pub fn conv_transpose2d(&self, weight: &Var, bias: Option<&Var>, options: ConvTranspose2dOptions) -> Var {
        match bias {
            Some(bias) => apply(ConvTranspose2d { options }, [self, weight, bias]),
            None => apply(ConvTranspose2d { options }, [self, weight]),
        }
    }

    /// The transpose of a convolution of sequences: x (N, C, L) with weight (C, O/groups, k) and bias (O) gives (N, O, L′).
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::{ConvTranspose1dOptions, tensor};
    /// let (x, w) = (Var::constant(tensor![[[1., 2.]]]), Var::constant(tensor![[[1., 10.]]]));
    /// let y = x.conv_transpose1d(&w, None, ConvTranspose1dOptions { stride: 2, ..Default::default() });
    /// assert_eq!(y.value(), &tensor![[[1., 10., 2., 20.]]]);
    /// ```
    ///
    /// # Panics
    /// As [`conv_transpose2d`](Self::conv_transpose2d).
    #[track_caller]
    pub fn conv_transpose1d(&self, weight: &Var, bias: Option<&Var>, options: ConvTranspose1dOptions) -> Var {
        conv_transpose1d_shape(self.shape(), weight.shape(), bias.map(Var::shape), &options);
        self.unsqueeze(2).conv_transpose2d(&weight.unsqueeze(2), bias, options.as_2d()).squeeze(2)
    }
}

/// The products of the convolution from y's shape to x's, gathered at its image.
fn reference(op: &ConvTranspose2d, x: &[ArrayD<f64>]) -> ArrayD<f64> {
    let shape = conv_transpose2d_shape(x[0].shape(), x[1].shape(), None, &op.options);
    let (mut y, [x_, w]) = (ArrayD::zeros(&shape[..]), [&x[0], &x[1]]);
    each_product((&shape, w.shape()), &op.options.forward(), |at, of, from| {
        if let Some(at) = at {
            y[at] += x_[from] * w[of];
        }
    });
    // A tap that falls beside x multiplies a zero, which shows where a weight is not finite.
    if w.iter().any(|w| !w.is_finite()) {
        beside(op, x_.shape(), w, &mut y);
    }
    if let Some(b) = x.get(2) {
        y += &b.to_shape(IxDyn(&[1, b.len(), 1, 1])).expect("(O)");
    }
    y
}

/// Adds 0·w for every tap that an output has beside x.
fn beside(op: &ConvTranspose2d, x: &[usize], w: &ArrayD<f64>, y: &mut ArrayD<f64>) {
    let ConvTranspose2dOptions { stride, padding, dilation, groups, .. } = op.options;
    let [kh, kw] = [w.shape()[2], w.shape()[3]];
    // Whether tap t of output h falls on an input, or beside; none where it falls between two.
    let inside = |axis: usize, h: usize, t: usize| {
        let at = (h + padding[axis].0) as isize - (t * dilation[axis]) as isize;
        (at.rem_euclid(stride[axis] as isize) == 0)
            .then(|| (0..x[axis + 2] as isize).contains(&at.div_euclid(stride[axis] as isize)))
    };
    let outputs = w.shape()[1];
    for (place, y) in y.indexed_iter_mut() {
        let (o, h, v) = (place[1], place[2], place[3]);
        for c in 0..x[1] / groups {
            for (i, j) in (0..op.options.forward().taps_of([kh, kw])).map(|tap| (tap / kw, tap % kw)) {
                if let (Some(row), Some(col)) = (inside(0, h, i), inside(1, v, j))
                    && !(row && col)
                {
                    *y += 0.0 * w[[o / outputs * (x[1] / groups) + c, o % outputs, i, j]];
                }
            }
        }
    }
}

/// What the registry knows of transposed convolution.
pub static INFO: OpInfo<ConvTranspose2d> = OpInfo {
    name: "conv_transpose2d",
    formula: "y[n, o, q·stride + (i, j)·dilation − before] += w[c, o, i, j] · x[n, c, q]; y += b[o]",
    gradient: "dx = conv2d(dy, w), dw = conv2d_weight(dy, x), db = Σ dy",
    source: "Dumoulin & Visin 2016, A guide to convolution arithmetic, chapter 4; kernel: crates/tensor/src/conv",
    reference,
    sample: |d| {
        // The convolution from y to x: its shapes fit together, whatever is drawn.
        let (y, w, options) = sample(d);
        let x = conv2d_shape(&y, &w, None, &options);
        let options = options.transposed([y[2], y[3]], [w[2], w[3]]);
        let mut inputs = vec![Input::new(x), Input::new(w)];
        if d.choice(2) == 0 {
            inputs.push(Input::new([w[1] * options.groups]));
        }
        Sample::new(ConvTranspose2d { options }, inputs)
    },
    standard: |_| {
        let options =
            ConvTranspose2dOptions { stride: [2, 2], padding: [(1, 1); 2], ..ConvTranspose2dOptions::default() };
        let inputs = [Input::new([16, 128, 16, 16]), Input::new([128, 64, 4, 4]), Input::new([64])];
        Sample::new(ConvTranspose2d { options }, inputs)
    },
    wrong: &[
        Wrong {
            call: || {
                drop(ones(&[8, 3, 4, 4]).conv_transpose2d(&ones(&[16, 3, 4, 4]), None, ConvTranspose2dOptions::default()))
            },
            says: "conv_transpose2d: x [8, 3, 4, 4] has 3 channels, but weight [16, 3, 4, 4], which is (C, O/groups, …), takes 16; weight.transpose(0, 1) would fit",
        },
        Wrong {
            call: || {
                let options = ConvTranspose2dOptions { groups: 2, ..Default::default() };
                drop(ones(&[8, 3, 4, 4]).conv_transpose2d(&ones(&[3, 3, 4, 4]), None, options))
            },
            says: "conv_transpose2d: 2 groups don't divide the 3 channels of x [8, 3, 4, 4]; without grouping there is 1",
        },
        Wrong {
            call: || {
                let options = ConvTranspose2dOptions { stride: [2, 2], output_padding: [0, 2], ..Default::default() };
                drop(ones(&[8, 3, 4, 4]).conv_transpose2d(&ones(&[3, 3, 4, 4]), None, options))
            },
            says: "conv_transpose2d: output_padding 2 on axis W must be smaller than the stride 2: it chooses among the sizes that a stride of 2 takes to 4",
        },
        Wrong {
            call: || {
                let options = ConvTranspose2dOptions { padding: [(3, 2), (0, 0)], ..Default::default() };
                drop(ones(&[8, 3, 1, 4]).conv_transpose2d(&ones(&[3, 3, 4, 4]), None, options))
            },
            says: "conv_transpose2d: axis H of x [8, 3, 1, 4] has 1, which gives (size − 1)·stride + dilation·(kernel − 1) + output_padding + 1 = 4 \
                   elements, and a padding of (3 + 2) cuts off more than those; pad less",
        },
        Wrong {
            call: || {
                let (x, bias) = (ones(&[8, 3, 4]), ones(&[2]));
                drop(x.conv_transpose1d(&ones(&[3, 5, 4]), Some(&bias), ConvTranspose1dOptions::default()))
            },
            says: "conv_transpose1d: bias [2] does not fit weight [3, 5, 4], which gives 5 channels; it is [5]",
        },
    ],
    tolerance: Tolerance::Proven(|op, x| {
        let magnitudes: Vec<ArrayD<f64>> = x.iter().map(|x| x.mapv(f64::abs)).collect();
        let w = x[1].shape();
        bound(w[0] / op.options.groups * w[2] * w[3] + 1, reference(op, &magnitudes))
    }),
    cost: |op, shapes| {
        let y = conv_transpose2d_shape(shapes[0], shapes[1], None, &op.options);
        cost(shapes[0].iter().product::<usize>() * products_of_output(shapes[1], &op.options.forward()), shapes, &y)
    },
    derivatives: Derivatives::Any,
};
