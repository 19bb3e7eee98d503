//! Convolution of images; sequences are images of height 1 (`conv1d`).
//!
//! ```text
//! y[n, o, p] = Σ over c, i, j of w[o, c, i, j] · x[n, c, window of p at (i, j)] + b[o]
//! ```
//!
//! with x (N, C, H, W), w (O, C/groups, kh, kw), and tap i of row p at p·stride + i·dilation − before (0 outside of the image).
//! y is linear in x and in w:
//!
//! ```text
//! dx = conv_transpose2d(dy, w)       each output sends its gradient back to what it saw
//! dw = conv2d_weight(x, dy)          Σ over images and outputs of dy · what was seen
//! db = Σ dy over images and outputs
//! ```
//!
//! Those two are operations too, and their gradients are these three again: so it can be differentiated as often as one likes.

use crate::info::{Cost, Derivatives, Draw, Input, OpInfo, Sample, Tolerance, UNIT, Wrong};
use crate::op::{Grads, Keep, Kept, Op};
use crate::var::{Var, apply};
use glassbox_tensor::{Conv1dOptions, Conv2dOptions, Tensor, conv1d_shape, conv2d_shape};
use ndarray::{ArrayD, IxDyn};

/// y = w ⋆ x (+ b), of the inputs x, w and, if there is a third, b.
#[derive(Clone, Debug)]
pub struct Conv2d {
    /// Stride, padding, dilation, groups, and which taps are used.
    pub options: Conv2dOptions,
}

impl Op for Conv2d {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();
    const ADDED: Option<usize> = Some(2);

    // a frozen w needs no x, an x that is data needs no w
    fn keep(&self, needs: &[bool]) -> Keep {
        Keep::NOTHING.input_if(1, needs[0]).input_if(0, needs[1])
    }

    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        (x[0].conv2d(x[1], x.get(2).copied(), self.options), ())
    }

    fn backward(&self, kept: &Kept<'_, ()>, dy: &Var, needs: &[bool]) -> Grads {
        let (x, w) = (kept.shape(0), kept.shape(1));
        let (image, kernel) = ([x[2], x[3]], [w[2], w[3]]);
        let back = self.options.transposed(image, kernel);
        let dx = needs[0].then(|| dy.conv_transpose2d(kept.x(1), None, back)); // (N, O, H′, W′) -> (N, C, H, W)
        let dw = needs[1].then(|| kept.x(0).conv2d_weight(dy, kernel, self.options)); // -> (O, C/groups, kh, kw)
        let db = needs.get(2).map(|need| need.then(|| dy.sum(&[0, 2, 3], false)));
        [dx, dw].into_iter().chain(db).collect()
    }
}

impl Var {
    /// A convolution of images: x (N, C, H, W) with weight (O, C/groups, kh, kw) and bias (O) gives (N, O, H′, W′), where along each axis
    /// H′ = ⌊(H + before + after − dilation·(kh − 1) − 1) / stride⌋ + 1. Padding is zeros.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::{Conv2dOptions, Tensor, tensor};
    /// let x = Var::input(tensor![[1., 2., 3.], [4., 5., 6.], [7., 8., 9.]].reshape([1, 1, 3, 3]));
    /// let w = Var::input(tensor![[1., 0.], [0., -1.]].reshape([1, 1, 2, 2]));
    /// let y = x.conv2d(&w, None, Conv2dOptions::default()); // (1, 1, 3, 3) * (1, 1, 2, 2) -> (1, 1, 2, 2)
    /// assert_eq!(y.value().to_vec(), [-4., -4., -4., -4.]); // down to the right it grows by 4
    /// let grads = y.sum_all().backward();
    /// assert_eq!(grads.of(&w).to_vec(), [12., 16., 24., 28.]); // what each weight saw
    /// ```
    ///
    /// # Panics
    /// When the channels don't fit the weights or the groups, the bias is not (O), or the kernel is larger than the padded
    /// image.
    #[track_caller]
    pub fn conv2d(&self, weight: &Var, bias: Option<&Var>, options: Conv2dOptions) -> Var {
        match bias {
            Some(bias) => apply(Conv2d { options }, [self, weight, bias]),
            None => apply(Conv2d { options }, [self, weight]),
        }
    }

    /// A convolution of sequences: x (N, C, L) with weight (O, C/groups, k) and bias (O) gives (N, O, L′); [`Conv1dOptions::causal`]
    /// sees nothing of what comes later.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::{Conv1dOptions, tensor};
    /// let x = Var::constant(tensor![[[1., 2., 3., 4.]]]);
    /// let w = Var::constant(tensor![[[-1., 1.]]]);
    /// let y = x.conv1d(&w, None, Conv1dOptions::causal(2, 1)); // xₜ − xₜ₋₁
    /// assert_eq!(y.value(), &tensor![[[1., 1., 1., 1.]]]);
    /// ```
    ///
    /// # Panics
    /// As [`conv2d`](Self::conv2d).
    #[track_caller]
    pub fn conv1d(&self, weight: &Var, bias: Option<&Var>, options: Conv1dOptions) -> Var {
        conv1d_shape(self.shape(), weight.shape(), bias.map(Var::shape), &options);
        self.unsqueeze(2).conv2d(&weight.unsqueeze(2), bias, options.as_2d()).squeeze(2)
    }
}

/// Calls `f(x, w, y)` with the places of the three in every product of a convolution's sum; none where the window has padding.
pub(super) fn each_product(
    (x, w): (&[usize], &[usize]),
    options: &Conv2dOptions,
    mut f: impl FnMut(Option<[usize; 4]>, [usize; 4], [usize; 4]),
) {
    let y = conv2d_shape(x, w, None, options);
    let Conv2dOptions { stride, padding, dilation, groups, .. } = *options;
    let element = |axis: usize, q: usize, tap: usize| {
        (q * stride[axis] + tap * dilation[axis]).checked_sub(padding[axis].0).filter(|&at| at < x[axis + 2])
    };
    let taps = || (0..options.taps_of([w[2], w[3]])).map(|tap| (tap / w[3], tap % w[3]));
    let outputs = || (0..y[2]).flat_map(|p| (0..y[3]).map(move |q| (p, q)));
    for (n, o) in (0..y[0]).flat_map(|n| (0..y[1]).map(move |o| (n, o))) {
        let group = o / (y[1] / groups);
        for c in 0..w[1] {
            for (i, j) in taps() {
                for (p, q) in outputs() {
                    let seen = element(0, p, i).zip(element(1, q, j)).map(|(h, v)| [n, group * w[1] + c, h, v]);
                    f(seen, [o, c, i, j], [n, o, p, q]);
                }
            }
        }
    }
}

fn reference(op: &Conv2d, x: &[ArrayD<f64>]) -> ArrayD<f64> {
    let (shapes, [x_, w]) = ((x[0].shape(), x[1].shape()), [&x[0], &x[1]]);
    let mut y = ArrayD::zeros(&conv2d_shape(shapes.0, shapes.1, None, &op.options)[..]);
    each_product(shapes, &op.options, |at, of, to| y[to] += at.map_or(0.0, |at| x_[at]) * w[of]);
    if let Some(b) = x.get(2) {
        y += &b.to_shape(IxDyn(&[1, b.len(), 1, 1])).expect("(O)");
    }
    y
}

/// Shapes of x and w, and options, that fit together: of every kind of stride, padding, dilation and groups.
pub(super) fn sample(d: &mut Draw) -> ([usize; 4], [usize; 4], Conv2dOptions) {
    // Beyond a tile and a panel, and nothing only where nothing is drawn.
    let mut up_to = |most: usize| match d.dim() {
        n if n > most => n % most + 1,
        n => n,
    };
    let [out, width, channels, images, height] = [up_to(40), up_to(40), up_to(19), up_to(2), up_to(7)];
    let groups = d.choice(3) + 1;
    let mut options = Conv2dOptions { groups, ..Conv2dOptions::default() };
    let mut kernel = [1, 1];
    let mut image = [height, width];
    for axis in 0..2 {
        kernel[axis] = d.choice(3) + 1;
        options.stride[axis] = d.choice(3) + 1;
        options.dilation[axis] = d.choice(2) + 1;
        let span = options.dilation[axis] * (kernel[axis] - 1) + 1;
        options.padding[axis] = (d.choice(3), d.choice(2));
        let (before, after) = options.padding[axis];
        image[axis] += span.saturating_sub(before + after);
    }
    if d.choice(4) == 0 {
        options.taps = Some(d.choice(kernel[0] * kernel[1]) + 1);
    }
    // Groups of few channels, so that the sum over all products stays short.
    let (channels, out) = if groups > 1 { (channels.min(3), out.min(13)) } else { (channels, out) };
    ([images, channels * groups, image[0], image[1]], [out * groups, channels, kernel[0], kernel[1]], options)
}

/// Multiply-adds for an element of y: the used taps of each channel that it sees.
pub(super) fn products_of_output(w: &[usize], options: &Conv2dOptions) -> usize {
    w[1] * options.taps_of([w[2], w[3]])
}

/// γ_K·(sum of magnitudes) + K·2⁻¹⁴⁹: the bound of a sum of K products in any order.
pub(super) fn bound(k: usize, magnitudes: ArrayD<f64>) -> ArrayD<f64> {
    let unit = k as f64 * UNIT;
    magnitudes * (unit / (1.0 - unit)) + k as f64 * 2f64.powi(-149)
}

/// A multiply-add for each product; the tensors read and written once.
pub(super) fn cost(products: usize, shapes: &[&[usize]], result: &[usize]) -> Cost {
    let elements: usize = shapes.iter().copied().chain([result]).map(|shape| shape.iter().product::<usize>()).sum();
    Cost { flops: 2 * products as u64, bytes: 4 * elements as u64 }
}

/// Ones as a constant, for calls that are mistakes.
pub(super) fn ones(shape: &[usize]) -> Var {
    Var::constant(Tensor::ones(shape))
}

/// What the registry knows of convolution.
pub static INFO: OpInfo<Conv2d> = OpInfo {
    name: "conv2d",
    formula: "y[n, o, p] = Σ w[o, c, i, j] · x[n, c, p·stride + (i, j)·dilation − before] + b[o]",
    gradient: "dx = conv_transpose2d(dy, w), dw = conv2d_weight(x, dy), db = Σ dy",
    source: "Dumoulin & Visin 2016, A guide to convolution arithmetic; kernel: crates/tensor/src/conv",
    reference,
    sample: |d| {
        let (x, w, options) = sample(d);
        let mut inputs = vec![Input::new(x), Input::new(w)];
        if d.choice(2) == 0 {
            inputs.push(Input::new([w[0]]));
        }
        Sample::new(Conv2d { options }, inputs)
    },
    standard: |_| {
        let inputs = [Input::new([16, 64, 32, 32]), Input::new([64, 64, 3, 3]), Input::new([64])];
        Sample::new(Conv2d { options: Conv2dOptions::padded(1) }, inputs)
    },
    wrong: &[
        Wrong {
            call: || drop(ones(&[8, 3, 32, 32]).conv2d(&ones(&[16, 4, 3, 3]), None, Conv2dOptions::default())),
            says: "conv2d: x [8, 3, 32, 32] has 3 channels in 1 group, but weight [16, 4, 3, 3], which is (O, C/groups, …), takes 4 of each group",
        },
        Wrong {
            call: || drop(ones(&[8, 16, 9, 9]).conv2d(&ones(&[16, 1, 3, 3]), None, Conv2dOptions::default())),
            says: "conv2d: x [8, 16, 9, 9] has 16 channels in 1 group, but weight [16, 1, 3, 3], which is (O, C/groups, …), takes 1 of each group; with groups: 16 it would fit",
        },
        Wrong {
            call: || drop(ones(&[8, 3, 9, 9]).conv2d(&ones(&[3, 16, 3, 3]), None, Conv2dOptions::default())),
            says: "conv2d: x [8, 3, 9, 9] has 3 channels in 1 group, but weight [3, 16, 3, 3], which is (O, C/groups, …), takes 16 of each group; weight.transpose(0, 1) would fit",
        },
        Wrong {
            call: || {
                let options = Conv2dOptions { groups: 3, ..Conv2dOptions::default() };
                drop(ones(&[1, 8, 9, 9]).conv2d(&ones(&[6, 2, 3, 3]), None, options))
            },
            says: "conv2d: 3 groups don't divide the 8 channels of x [1, 8, 9, 9]; groups divide both them and weight's 6 outputs",
        },
        Wrong {
            call: || {
                let options = Conv2dOptions { groups: 4, ..Conv2dOptions::default() };
                drop(ones(&[1, 8, 9, 9]).conv2d(&ones(&[6, 2, 3, 3]), None, options))
            },
            says: "conv2d: 4 groups don't divide the 6 outputs of weight [6, 2, 3, 3]; groups divide both them and x's 8 channels",
        },
        Wrong {
            call: || {
                let options = Conv2dOptions { dilation: [2, 1], ..Conv2dOptions::padded(1) };
                drop(ones(&[1, 8, 2, 9]).conv2d(&ones(&[6, 8, 3, 3]), None, options))
            },
            says: "conv2d: a kernel of 3 with dilation 2 spans 5, but axis H of x [1, 8, 2, 9] has 2 + (1 + 1) = 4 with its padding; pad more, or dilate less: \
                   the output has (size + before + after − dilation·(kernel − 1) − 1) / stride + 1 elements",
        },
        Wrong {
            call: || drop(ones(&[3, 32, 32]).conv2d(&ones(&[16, 3, 3, 3]), None, Conv2dOptions::default())),
            says: "conv2d: x [3, 32, 32] has 3 axes; it is (N, C, H, W), so give a single one a batch axis with unsqueeze(0)",
        },
        Wrong {
            call: || drop(ones(&[1, 3, 32, 32]).conv2d(&ones(&[16, 27]), None, Conv2dOptions::default())),
            says: "conv2d: weight [16, 27] has 2 axes; it is (O, C/groups, kh, kw)",
        },
        Wrong {
            call: || {
                let bias = ones(&[3]);
                drop(ones(&[1, 3, 9, 9]).conv2d(&ones(&[16, 3, 3, 3]), Some(&bias), Conv2dOptions::default()))
            },
            says: "conv2d: bias [3] does not fit weight [16, 3, 3, 3], which gives 16 channels; it is [16]",
        },
        Wrong {
            call: || {
                let options = Conv2dOptions { stride: [1, 0], ..Conv2dOptions::default() };
                drop(ones(&[1, 3, 9, 9]).conv2d(&ones(&[16, 3, 3, 3]), None, options))
            },
            says: "conv2d: stride [1, 0] has a 0; the smallest stride is 1",
        },
        Wrong {
            call: || {
                let options = Conv2dOptions { taps: Some(10), ..Conv2dOptions::default() };
                drop(ones(&[1, 3, 9, 9]).conv2d(&ones(&[16, 3, 3, 3]), None, options))
            },
            says: "conv2d: a kernel [3, 3] has 9 taps, so taps: Some(10) is not between 1 and 9; None uses all of them",
        },
        Wrong {
            call: || drop(ones(&[1, 3, 5]).conv1d(&ones(&[4, 3, 9]), None, Conv1dOptions::default())),
            says: "conv1d: a kernel of 9 with dilation 1 spans 9, but axis L of x [1, 3, 5] has 5 + (0 + 0) = 5 with its padding; pad more, or dilate less: \
                   the output has (size + before + after − dilation·(kernel − 1) − 1) / stride + 1 elements",
        },
        Wrong {
            call: || drop(ones(&[3, 5]).conv1d(&ones(&[4, 3, 2]), None, Conv1dOptions::default())),
            says: "conv1d: x [3, 5] has 2 axes; it is (N, C, L), so give a single one a batch axis with unsqueeze(0)",
        },
    ],
    tolerance: Tolerance::Proven(|op, x| {
        let magnitudes: Vec<ArrayD<f64>> = x.iter().map(|x| x.mapv(f64::abs)).collect();
        bound(x[1].shape()[1..].iter().product::<usize>() + 1, reference(op, &magnitudes))
    }),
    cost: |op, shapes| {
        let y = conv2d_shape(shapes[0], shapes[1], None, &op.options);
        cost(y.iter().product::<usize>() * products_of_output(shapes[1], &op.options), shapes, &y)
    },
    derivatives: Derivatives::Any,
};
