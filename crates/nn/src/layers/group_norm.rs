//! Group normalisation.

use crate::Module;
use crate::param::Param;
use glassbox_autograd::Var;
use glassbox_tensor::{Tensor, counted};

/// y = (x − m) / √(v + eps) · w + b, with the mean m and the variance v of each group of channels of each example
///
/// x (N, C, …) gives y of the same shape. The C channels form groups of neighbours; what a group holds, with all axes
/// that follow, is normalised together, and each channel has its own w and b. No example sees another, so training and
/// evaluation are the same.
///
/// ```
/// use glassbox_autograd::Var;
/// use glassbox_nn::GroupNorm;
/// use glassbox_tensor::{assert_close, tensor};
///
/// let norm = GroupNorm::new(2, 4); // 4 channels in 2 groups
/// let y = norm.forward(&Var::constant(tensor![[[1., 1.], [5., 5.], [2., 4.], [4., 2.]]])); // (N 1, C 4, 2)
/// assert_close!(*y.value(), tensor![[[-1., -1.], [1., 1.], [-1., 1.], [1., -1.]]], 1e-4);
/// ```
///
/// Source: Wu & He 2018, Group Normalization.
#[derive(Debug, Clone, Module)]
pub struct GroupNorm {
    /// w (C), if the layer has one; begins as 1.
    pub weight: Option<Param>,
    /// b (C), if the layer has one; begins as 0.
    pub bias: Option<Param>,
    /// How many groups the channels form.
    #[module(skip)]
    pub groups: usize,
    /// What is added to the variance.
    #[module(skip)]
    pub eps: f32,
}

impl GroupNorm {
    /// Normalises `channels` in `groups`, with w and b and eps = 10⁻⁵.
    ///
    /// ```
    /// # use glassbox_nn::{GroupNorm, Module};
    /// assert_eq!(GroupNorm::new(32, 128).num_parameters(), 128 + 128);
    /// ```
    ///
    /// # Panics
    /// If the groups don't divide the channels.
    #[track_caller]
    pub fn new(groups: usize, channels: usize) -> Self {
        assert!(
            groups > 0 && channels.is_multiple_of(groups),
            "GroupNorm: {groups} don't divide {channels}; take a divisor, such as all of them, or 1",
            groups = counted(groups, "group"),
            channels = counted(channels, "channel")
        );
        let (weight, bias) = (Param::new(Tensor::ones([channels])), Param::new(Tensor::zeros([channels])));
        Self { weight: Some(weight), bias: Some(bias), groups, eps: 1e-5 }
    }

    /// The same with another eps.
    ///
    /// ```
    /// # use glassbox_nn::GroupNorm;
    /// assert_eq!(GroupNorm::new(32, 128).with_eps(1e-6).eps, 1e-6);
    /// ```
    #[must_use]
    pub fn with_eps(mut self, eps: f32) -> Self {
        self.eps = eps;
        self
    }

    /// The same without w and b.
    ///
    /// ```
    /// # use glassbox_nn::{GroupNorm, Module};
    /// assert_eq!(GroupNorm::new(32, 128).without_affine().num_parameters(), 0);
    /// ```
    #[must_use]
    pub fn without_affine(mut self) -> Self {
        (self.weight, self.bias) = (None, None);
        self
    }

    /// (x − m) / √(v + eps) · w + b: (N, C, …) -> (N, C, …).
    ///
    /// # Panics
    /// If x has fewer than two axes or another number of channels, or eps is less than 0.
    #[track_caller]
    pub fn forward(&self, x: &Var) -> Var {
        let [w, b] = [&self.weight, &self.bias].map(|p| p.as_ref().map(Param::var));
        x.group_norm(self.groups, w.as_ref(), b.as_ref(), self.eps)
    }
}
