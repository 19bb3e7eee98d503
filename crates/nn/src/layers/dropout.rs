//! Dropout: of numbers, or of whole channels.

use crate::Module;
use crate::context::Context;
use glassbox_autograd::Var;
use glassbox_tensor::random::Key;
use glassbox_tensor::simd::{Simd, UpdateLanes};
use glassbox_tensor::{Tensor, map_inplace};

/// In training, y = x · mask with mask 0 with probability p and 1/(1 − p) otherwise; in evaluation, y = x
///
/// Each number of x, of any shape, is dropped or not by itself. What is kept grows so that the mean of y is x, and so
/// evaluation has nothing to make up for. The mask is a function of the context's next key.
///
/// ```
/// use glassbox_autograd::Var;
/// use glassbox_nn::{Context, Dropout};
/// use glassbox_tensor::{Tensor, random::Key};
///
/// let dropout = Dropout::new(0.2);
/// let x = Var::constant(Tensor::ones([2, 50]));
/// let y = dropout.forward(&x, &Context::train(Key::new(0))).value().to_vec();
/// assert!(y.contains(&0.0) && y.contains(&1.25) && y.iter().all(|y| [0.0, 1.25].contains(y)));
/// assert_eq!(dropout.forward(&x, &Context::eval()).value(), x.value());
/// ```
///
/// Source: Srivastava et al. 2014, Dropout: A Simple Way to Prevent Neural Networks from Overfitting.
#[derive(Debug, Clone, Copy, Module)]
pub struct Dropout {
    #[module(skip)]
    p: f32,
}

impl Dropout {
    /// Drops each number with probability `p`.
    ///
    /// ```
    /// # use glassbox_nn::{Dropout, Module};
    /// assert!(Dropout::new(0.5).parameters().is_empty());
    /// ```
    ///
    /// # Panics
    /// If `p` isn't a probability.
    #[track_caller]
    pub fn new(p: f32) -> Self {
        check_probability("Dropout", p);
        Self { p }
    }

    /// x · mask in training, x in evaluation; of x's shape.
    pub fn forward(&self, x: &Var, ctx: &Context) -> Var {
        if !ctx.is_training() || self.p == 0.0 {
            return x.clone();
        }
        x * &Var::constant(mask(x.shape(), self.p, ctx.key()))
    }
}

/// As [`Dropout`], but whole channels are dropped or kept
///
/// x is (N, C, …). Neighbours in an image are nearly equal, so dropping them one by one hides little from a
/// convolution.
///
/// ```
/// use glassbox_autograd::Var;
/// use glassbox_nn::{Context, Dropout2d};
/// use glassbox_tensor::{Tensor, random::Key};
///
/// let x = Var::constant(Tensor::ones([8, 16, 2, 2]));
/// let y = Dropout2d::new(0.5).forward(&x, &Context::train(Key::new(0)));
/// for channel in y.value().to_vec().chunks(4) {
///     assert!(channel == [0.0; 4] || channel == [2.0; 4]);
/// }
/// ```
///
/// Source: Tompson et al. 2015, Efficient Object Localization Using Convolutional Networks.
#[derive(Debug, Clone, Copy, Module)]
pub struct Dropout2d {
    #[module(skip)]
    p: f32,
}

impl Dropout2d {
    /// Drops each channel of each example with probability `p`.
    ///
    /// ```
    /// # use glassbox_nn::{Dropout2d, Module};
    /// assert!(Dropout2d::new(0.5).parameters().is_empty());
    /// ```
    ///
    /// # Panics
    /// If `p` isn't a probability.
    #[track_caller]
    pub fn new(p: f32) -> Self {
        check_probability("Dropout2d", p);
        Self { p }
    }

    /// x · mask in training, x in evaluation: (N, C, …) -> (N, C, …).
    ///
    /// # Panics
    /// If x has fewer than two axes.
    #[track_caller]
    pub fn forward(&self, x: &Var, ctx: &Context) -> Var {
        assert!(x.rank() >= 2, "Dropout2d: x {:?} has no channels; it is (N, C, …), or use Dropout", x.shape());
        if !ctx.is_training() || self.p == 0.0 {
            return x.clone();
        }
        let mut shape = x.shape().to_vec();
        shape[2..].fill(1);
        x * &Var::constant(mask(&shape, self.p, ctx.key())) // (N, C, …) · (N, C, 1, …)
    }
}

#[track_caller]
fn check_probability(layer: &str, p: f32) {
    assert!((0.0..=1.0).contains(&p), "{layer}: p is {p}, the probability of dropping; it is from 0 to 1");
}

/// 0 with probability p, 1/(1 − p) otherwise. Uniform numbers are multiples of 2⁻²⁴ in [0, 1), so p = 1 keeps none.
fn mask(shape: &[usize], p: f32, key: Key) -> Tensor {
    let mut mask = Tensor::rand(shape, key);
    map_inplace(&Keep { p, scale: 1.0 / (1.0 - p) }, &mut mask, []);
    mask
}

/// From a uniform number to its part of the mask.
struct Keep {
    p: f32,
    scale: f32,
}

impl UpdateLanes<1, 0> for Keep {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [u]: [S::F; 1], []: [S::F; 0]) -> [S::F; 1] {
        [s.select(s.lt(u, s.splat(self.p)), s.splat(0.0), s.splat(self.scale))]
    }
}
