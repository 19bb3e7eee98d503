//! Layer normalisation.

use crate::Module;
use crate::param::Param;
use glassbox_autograd::Var;
use glassbox_tensor::Tensor;

/// y = (x − m) / √(v + eps) · w + b, with the mean m and the variance v of each row
///
/// A row is all that lies on the last axes, which the layer is told: (…, D) with D, or (…, C, H, W) with (C, H, W). v
/// is the variance of the numbers themselves, Σ (x − m)² / count. Training and evaluation are the same.
///
/// ```
/// use glassbox_autograd::Var;
/// use glassbox_nn::LayerNorm;
/// use glassbox_tensor::{assert_close, tensor};
///
/// let norm = LayerNorm::new([2]);
/// let y = norm.forward(&Var::constant(tensor![[1., 5.], [7., 8.]])); // (B, D) -> (B, D)
/// assert_close!(*y.value(), tensor![[-1., 1.], [-1., 1.]], 1e-4); // eps keeps it from 1 exactly
/// ```
///
/// Source: Ba, Kiros & Hinton 2016, Layer Normalization.
#[derive(Debug, Clone, Module)]
pub struct LayerNorm {
    /// w, of the normalised shape, if the layer has one; begins as 1.
    pub weight: Option<Param>,
    /// b, of the normalised shape, if the layer has one; begins as 0.
    pub bias: Option<Param>,
    /// The last axes of x.
    #[module(skip)]
    pub normalized_shape: Vec<usize>,
    /// What is added to the variance.
    #[module(skip)]
    pub eps: f32,
}

impl LayerNorm {
    /// Normalises over the last axes of x, with w and b and eps = 10⁻⁵.
    ///
    /// ```
    /// # use glassbox_nn::{LayerNorm, Module};
    /// assert_eq!(LayerNorm::new([3, 4]).num_parameters(), 12 + 12);
    /// ```
    pub fn new(normalized_shape: impl AsRef<[usize]>) -> Self {
        let shape = normalized_shape.as_ref();
        let (weight, bias) = (Param::new(Tensor::ones(shape)), Param::new(Tensor::zeros(shape)));
        Self { weight: Some(weight), bias: Some(bias), normalized_shape: shape.to_vec(), eps: 1e-5 }
    }

    /// The same with another eps.
    ///
    /// ```
    /// # use glassbox_nn::LayerNorm;
    /// assert_eq!(LayerNorm::new([768]).with_eps(1e-12).eps, 1e-12); // BERT's
    /// ```
    #[must_use]
    pub fn with_eps(mut self, eps: f32) -> Self {
        self.eps = eps;
        self
    }

    /// The same without b.
    ///
    /// ```
    /// # use glassbox_nn::LayerNorm;
    /// assert!(LayerNorm::new([768]).without_bias().bias.is_none());
    /// ```
    #[must_use]
    pub fn without_bias(mut self) -> Self {
        self.bias = None;
        self
    }

    /// The same without w and b: what adaptive normalisation begins with.
    ///
    /// ```
    /// # use glassbox_nn::{LayerNorm, Module};
    /// assert_eq!(LayerNorm::new([768]).without_affine().num_parameters(), 0);
    /// ```
    #[must_use]
    pub fn without_affine(mut self) -> Self {
        (self.weight, self.bias) = (None, None);
        self
    }

    /// (x − m) / √(v + eps) · w + b, of x's shape.
    ///
    /// # Panics
    /// If x doesn't end in the normalised shape, or eps is less than 0.
    #[track_caller]
    pub fn forward(&self, x: &Var) -> Var {
        let [w, b] = [&self.weight, &self.bias].map(|p| p.as_ref().map(Param::var));
        x.layer_norm(&self.normalized_shape, w.as_ref(), b.as_ref(), self.eps)
    }

    /// [`forward`](Self::forward) of x + branch, in one pass: what a post-norm block does after each of its branches.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_nn::LayerNorm;
    /// use glassbox_tensor::{Tensor, random::Key};
    /// let [x, branch] = [0, 1].map(|key| Var::constant(Tensor::randn([2, 5], Key::new(key))));
    /// let norm = LayerNorm::new([5]);
    /// assert_eq!(norm.forward_of_sum(&x, &branch).value(), norm.forward(&(&x + &branch)).value());
    /// ```
    ///
    /// # Panics
    /// If the shapes of x and the branch differ, or as [`forward`](Self::forward).
    #[track_caller]
    pub fn forward_of_sum(&self, x: &Var, branch: &Var) -> Var {
        let [w, b] = [&self.weight, &self.bias].map(|p| p.as_ref().map(Param::var));
        x.add_layer_norm(branch, &self.normalized_shape, w.as_ref(), b.as_ref(), self.eps)
    }
}
