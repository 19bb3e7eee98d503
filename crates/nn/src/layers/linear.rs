//! The fully connected layer.

use crate::Module;
use crate::init;
use crate::param::Param;
use glassbox_autograd::Var;
use glassbox_tensor::random::Key;

/// y = x · Wᵀ + b
///
/// `weight` is (out, in), as PyTorch keeps it: one row holds the weights of one output.
///
/// ```
/// use glassbox_autograd::Var;
/// use glassbox_nn::Linear;
/// use glassbox_tensor::{Tensor, random::Key};
///
/// let fc = Linear::new(784, 400, Key::new(0));
/// let x = Var::constant(Tensor::zeros([128, 784]));
/// let y = fc.forward(&x); // (128, 784) × (784, 400) -> (128, 400)
/// assert_eq!(y.shape(), [128, 400]);
/// ```
#[derive(Debug, Clone, Module)]
pub struct Linear {
    /// W (out, in).
    pub weight: Param,
    /// b (out), if the layer has one.
    pub bias: Option<Param>,
}

impl Linear {
    /// From `inputs` numbers to `outputs` numbers, with weight and bias drawn as PyTorch draws them:
    /// U[−1/√inputs, 1/√inputs).
    ///
    /// # Panics
    /// If `inputs` is 0.
    #[track_caller]
    pub fn new(inputs: usize, outputs: usize, key: Key) -> Self {
        let mut linear = Self::without_bias(inputs, outputs, key);
        linear.bias = Some(Param::new(init::default_bias([outputs], inputs, key.fold(1))));
        linear
    }

    /// As [`new`](Linear::new), without b.
    ///
    /// # Panics
    /// If `inputs` is 0.
    #[track_caller]
    pub fn without_bias(inputs: usize, outputs: usize, key: Key) -> Self {
        Self { weight: Param::new(init::default_weight([outputs, inputs], inputs, key.fold(0))), bias: None }
    }

    /// y = x · Wᵀ + b: (…, in) -> (…, out).
    ///
    /// # Panics
    /// If the last axis of `x` isn't `in` long.
    #[track_caller]
    pub fn forward(&self, x: &Var) -> Var {
        x.linear(&self.weight.var(), self.bias.as_ref().map(Param::var).as_ref())
    }

    /// max(0, x · Wᵀ + b): as [`forward`](Linear::forward) and then ReLU, applied while each tile of the product is hot.
    ///
    /// # Panics
    /// If the last axis of `x` isn't `in` long.
    #[track_caller]
    pub fn forward_relu(&self, x: &Var) -> Var {
        x.linear_relu(&self.weight.var(), self.bias.as_ref().map(Param::var).as_ref())
    }
}
