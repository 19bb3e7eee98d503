//! Root mean square normalisation.

use crate::Module;
use crate::param::Param;
use glassbox_autograd::Var;
use glassbox_tensor::Tensor;

/// y = x / √(mean x² + eps) · w, over the last axes
///
/// [Layer normalisation](crate::LayerNorm) which takes no mean away and adds nothing. The last axes are those that the
/// layer is told: (…, D) with D. Training and evaluation are the same.
///
/// ```
/// use glassbox_autograd::Var;
/// use glassbox_nn::RmsNorm;
/// use glassbox_tensor::{assert_close, tensor};
///
/// let norm = RmsNorm::new([4]);
/// let y = norm.forward(&Var::constant(tensor![[3., 4., 0., 0.]])); // √(25/4) = 2.5
/// assert_close!(*y.value(), tensor![[1.2, 1.6, 0., 0.]], 1e-6);
/// ```
///
/// Source: Zhang & Sennrich 2019, Root Mean Square Layer Normalization.
#[derive(Debug, Clone, Module)]
pub struct RmsNorm {
    /// w, of the normalised shape, if the layer has one; begins as 1.
    pub weight: Option<Param>,
    /// The last axes of x.
    #[module(skip)]
    pub normalized_shape: Vec<usize>,
    /// What is added to the mean square.
    #[module(skip)]
    pub eps: f32,
}

impl RmsNorm {
    /// Normalises over the last axes of x, with w and eps = 2⁻²³, the distance from 1 to the next f32, as PyTorch takes
    /// where it is told none. Llama's is 10⁻⁵.
    ///
    /// ```
    /// # use glassbox_nn::{Module, RmsNorm};
    /// assert_eq!(RmsNorm::new([64]).num_parameters(), 64);
    /// ```
    pub fn new(normalized_shape: impl AsRef<[usize]>) -> Self {
        let shape = normalized_shape.as_ref();
        Self { weight: Some(Param::new(Tensor::ones(shape))), normalized_shape: shape.to_vec(), eps: f32::EPSILON }
    }

    /// The same with another eps.
    ///
    /// ```
    /// # use glassbox_nn::RmsNorm;
    /// assert_eq!(RmsNorm::new([64]).with_eps(1e-5).eps, 1e-5);
    /// ```
    #[must_use]
    pub fn with_eps(mut self, eps: f32) -> Self {
        self.eps = eps;
        self
    }

    /// The same without w.
    ///
    /// ```
    /// # use glassbox_nn::{Module, RmsNorm};
    /// assert_eq!(RmsNorm::new([64]).without_affine().num_parameters(), 0);
    /// ```
    #[must_use]
    pub fn without_affine(mut self) -> Self {
        self.weight = None;
        self
    }

    /// x / √(mean x² + eps) · w, of x's shape.
    ///
    /// # Panics
    /// If x doesn't end in the normalised shape, or eps is less than 0.
    #[track_caller]
    pub fn forward(&self, x: &Var) -> Var {
        x.rms_norm(&self.normalized_shape, self.weight.as_ref().map(Param::var).as_ref(), self.eps)
    }
}
