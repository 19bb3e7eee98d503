//! What spectral and weight normalisation ask of the layer whose weight they compute.

use super::conv_transpose1d::ConvTranspose1d;
use super::conv_transpose2d::ConvTranspose2d;
use super::conv1d::Conv1d;
use super::conv2d::Conv2d;
use super::linear::Linear;
use crate::param::Param;
use glassbox_autograd::Var;
use glassbox_tensor::{Conv1dOptions, Conv2dOptions, ConvTranspose1dOptions, ConvTranspose2dOptions};
use std::fmt::Debug;

/// A layer that computes y from x, one weight W and perhaps a bias, and can be taken apart
///
/// [`SpectralNorm`](crate::SpectralNorm) and [`WeightNorm`](crate::WeightNorm) own the parts, compute W from what they
/// learn in its place, and run the layer with it.
///
/// ```
/// use glassbox_autograd::Var;
/// use glassbox_nn::{Linear, Weighted};
/// use glassbox_tensor::{Tensor, random::Key};
///
/// let (weight, bias, ()) = Linear::new(3, 2, Key::new(0)).into_parts();
/// let (x, half) = (Var::constant(Tensor::ones([1, 3])), &weight.var() * 0.5);
/// let y = Linear::run(&(), &x, &half, bias.map(|b| b.var()).as_ref());
/// assert_eq!(y.shape(), [1, 2]);
/// ```
pub trait Weighted {
    /// What the layer is besides W and b: its options.
    type Options: Clone + Debug;

    /// The axis of W on which its outputs lie.
    const OUTPUTS: usize;

    /// W, b and the options.
    fn into_parts(self) -> (Param, Option<Param>, Self::Options);

    /// What the layer computes, with this W and b.
    #[track_caller]
    fn run(options: &Self::Options, x: &Var, weight: &Var, bias: Option<&Var>) -> Var;
}

impl Weighted for Linear {
    type Options = ();
    const OUTPUTS: usize = 0; // W (out, in)

    fn into_parts(self) -> (Param, Option<Param>, ()) {
        (self.weight, self.bias, ())
    }
    fn run(_: &(), x: &Var, weight: &Var, bias: Option<&Var>) -> Var {
        x.linear(weight, bias)
    }
}

impl Weighted for Conv1d {
    type Options = Conv1dOptions;
    const OUTPUTS: usize = 0; // W (O, C/groups, k)

    fn into_parts(self) -> (Param, Option<Param>, Conv1dOptions) {
        (self.weight, self.bias, self.options)
    }
    fn run(options: &Conv1dOptions, x: &Var, weight: &Var, bias: Option<&Var>) -> Var {
        x.conv1d(weight, bias, *options)
    }
}

impl Weighted for Conv2d {
    type Options = Conv2dOptions;
    const OUTPUTS: usize = 0; // W (O, C/groups, kh, kw)

    fn into_parts(self) -> (Param, Option<Param>, Conv2dOptions) {
        (self.weight, self.bias, self.options)
    }
    fn run(options: &Conv2dOptions, x: &Var, weight: &Var, bias: Option<&Var>) -> Var {
        x.conv2d(weight, bias, *options)
    }
}

impl Weighted for ConvTranspose1d {
    type Options = ConvTranspose1dOptions;
    const OUTPUTS: usize = 1; // W (C, O/groups, k)

    fn into_parts(self) -> (Param, Option<Param>, ConvTranspose1dOptions) {
        (self.weight, self.bias, self.options)
    }
    fn run(options: &ConvTranspose1dOptions, x: &Var, weight: &Var, bias: Option<&Var>) -> Var {
        x.conv_transpose1d(weight, bias, *options)
    }
}

impl Weighted for ConvTranspose2d {
    type Options = ConvTranspose2dOptions;
    const OUTPUTS: usize = 1; // W (C, O/groups, kh, kw)

    fn into_parts(self) -> (Param, Option<Param>, ConvTranspose2dOptions) {
        (self.weight, self.bias, self.options)
    }
    fn run(options: &ConvTranspose2dOptions, x: &Var, weight: &Var, bias: Option<&Var>) -> Var {
        x.conv_transpose2d(weight, bias, *options)
    }
}
