//! What follows attention in a transformer's block: two products with something between them, on each row by itself.

use super::Linear;
use crate::Module;
use glassbox_autograd::Var;
use glassbox_tensor::random::Key;

/// What bends the line: between the two products of a [transformer's layer](crate::TransformerEncoderLayer), before the
/// convolutions of a [residual block](crate::ResnetBlock).
///
/// ```
/// use glassbox_autograd::Var;
/// use glassbox_nn::Activation;
/// use glassbox_tensor::{assert_close, tensor};
/// let x = Var::constant(tensor![-1., 2.]);
/// assert_eq!(Activation::Relu.apply(&x).value(), &tensor![0., 2.]);
/// assert_close!(*Activation::Gelu.apply(&x).value(), tensor![-0.15865526, 1.9544997]); // x·Φ(x)
/// assert_close!(*Activation::Silu.apply(&x).value(), tensor![-0.26894143, 1.7615942]); // x·σ(x)
/// assert_close!(*Activation::Mish.apply(&x).value(), tensor![-0.30340147, 1.9439590]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Activation {
    /// max(0, x).
    #[default]
    Relu,
    /// x·Φ(x), with the normal distribution function Φ (Hendrycks & Gimpel 2016).
    Gelu,
    /// x·σ(x), also called swish (Elfwing et al. 2018; Ramachandran et al. 2017).
    Silu,
    /// x·tanh(ln(1 + exp(x))) (Misra 2019).
    Mish,
}

impl Activation {
    /// Of each number.
    ///
    /// ```
    /// # use glassbox_autograd::Var;
    /// # use glassbox_nn::Activation;
    /// # use glassbox_tensor::tensor;
    /// assert_eq!(Activation::default().apply(&Var::constant(tensor![-3., 3.])).value(), &tensor![0., 3.]);
    /// ```
    pub fn apply(self, x: &Var) -> Var {
        match self {
            Activation::Relu => x.relu(),
            Activation::Gelu => x.gelu(),
            Activation::Silu => x.silu(),
            Activation::Mish => x * &x.softplus().tanh(),
        }
    }
}

/// The gated feed-forward layer: y = (silu(x·W_gᵀ)∘(x·W_uᵀ))·W_dᵀ, with silu(a) = a·σ(a).
///
/// Source: Shazeer 2020, GLU Variants Improve Transformer; named as in Llama's files.
///
/// ```
/// use glassbox_autograd::Var;
/// use glassbox_nn::SwigluMlp;
/// use glassbox_tensor::{Tensor, random::Key};
/// let mlp = SwigluMlp::new(6, 16, Key::new(0));
/// let y = mlp.forward(&Var::constant(Tensor::zeros([2, 5, 6]))); // (2, 5, 6) -> (2, 5, 16) -> (2, 5, 6)
/// assert_eq!(y.value(), &Tensor::zeros([2, 5, 6]));
/// ```
#[derive(Debug, Clone, Module)]
pub struct SwigluMlp {
    /// W_g (F, E): what goes through the gate.
    pub gate_proj: Linear,
    /// W_u (F, E): what the gate lets through.
    pub up_proj: Linear,
    /// W_d (E, F).
    pub down_proj: Linear,
}

impl SwigluMlp {
    /// From `dim` numbers to `hidden`, gated, and back, without biases; with [`Linear`]'s initial values.
    ///
    /// ```
    /// # use glassbox_nn::{Module, SwigluMlp};
    /// # use glassbox_tensor::random::Key;
    /// assert_eq!(SwigluMlp::new(6, 16, Key::new(0)).num_parameters(), 3 * 6 * 16);
    /// ```
    ///
    /// # Panics
    /// If one of the two is 0.
    #[track_caller]
    pub fn new(dim: usize, hidden: usize, key: Key) -> Self {
        Self {
            gate_proj: Linear::without_bias(dim, hidden, key.fold(0)),
            up_proj: Linear::without_bias(dim, hidden, key.fold(1)),
            down_proj: Linear::without_bias(hidden, dim, key.fold(2)),
        }
    }

    /// (…, E) -> (…, E).
    ///
    /// ```
    /// # use glassbox_autograd::Var;
    /// # use glassbox_nn::SwigluMlp;
    /// # use glassbox_tensor::{Tensor, random::Key};
    /// let mlp = SwigluMlp::new(6, 16, Key::new(0));
    /// assert_eq!(mlp.forward(&Var::constant(Tensor::ones([3, 6]))).shape(), [3, 6]);
    /// ```
    ///
    /// # Panics
    /// If the last axis of `x` isn't E long.
    #[track_caller]
    pub fn forward(&self, x: &Var) -> Var {
        self.down_proj.forward(&self.gate_proj.forward(x).swiglu(&self.up_proj.forward(x)))
    }
}
