//! What layers begin with.
//!
//! | for | initialiser |
//! | --- | --- |
//! | what PyTorch's layers begin with | [`default_weight`], [`default_bias`] |
//! | layers before a ReLU and its kin | [`kaiming_uniform`], [`kaiming_normal`] |
//! | layers before a tanh or a sigmoid, or before nothing | [`xavier_uniform`], [`xavier_normal`] |
//! | transformers and embeddings | [`normal`], [`trunc_normal`] |
//! | recurrent matrices, and very deep networks | [`orthogonal`] |
//!
//! A layer of fan-in n adds n products; so its outputs keep the variance of its inputs when its weights have the variance
//! 1/n, times a [`gain`](Nonlinearity::gain) for what the nonlinearity takes away. Zeros and ones are `Tensor::zeros` and `Tensor::ones`.
//!
//! Every initialiser is a function of its arguments and the key.

mod fan;
mod orthogonal;
mod trunc_normal;

pub use fan::{Fan, Nonlinearity, fan_in_and_out};
pub use orthogonal::orthogonal;
pub use trunc_normal::trunc_normal;

use glassbox_tensor::Tensor;
use glassbox_tensor::random::Key;

/// Draws from U[−bound, bound): element i is a function of (`key`, i) alone.
///
/// ```
/// use glassbox_nn::init;
/// use glassbox_tensor::random::Key;
/// let x = init::uniform([2, 3], 0.5, Key::new(0));
/// assert!(x.to_vec().iter().all(|x| (-0.5..0.5).contains(x)));
/// ```
///
/// # Panics
/// If `bound` is negative or not finite.
#[track_caller]
pub fn uniform(shape: impl AsRef<[usize]>, bound: f32, key: Key) -> Tensor {
    assert!(bound >= 0.0 && bound.is_finite(), "init::uniform: the bound is {bound}; it must be finite and at least 0");
    let mut x = Tensor::rand(shape, key); // U[0, 1)
    x.make_mut().iter_mut().for_each(|x| *x = (2.0 * *x - 1.0) * bound);
    x
}

/// Draws from N(0, std²): element i is a function of (`key`, i) alone.
///
/// ```
/// use glassbox_nn::init;
/// use glassbox_tensor::{Tensor, random::Key};
/// let key = Key::new(0);
/// assert_eq!(init::normal([2, 3], 0.02, key), &Tensor::randn([2, 3], key) * 0.02); // GPT-2's weights
/// ```
///
/// # Panics
/// If `std` is negative or not finite.
#[track_caller]
pub fn normal(shape: impl AsRef<[usize]>, std: f32, key: Key) -> Tensor {
    assert!(std >= 0.0 && std.is_finite(), "init::normal: std is {std}; it must be finite and at least 0");
    &Tensor::randn(shape, key) * std
}

/// He's initialiser, uniform (He et al. 2015, section 2.2); PyTorch's `kaiming_uniform_`:
///
/// ```text
/// U[−bound, bound),  bound = gain · √(3 / fan)
/// ```
///
/// so that the standard deviation is gain / √fan. `Fan::In` keeps the variance of what passes forward, `Fan::Out` that of the
/// gradient; [`fan_in_and_out`] says what they are for a shape.
///
/// ```
/// use glassbox_nn::init::{self, Fan, Nonlinearity};
/// use glassbox_tensor::random::Key;
/// let w = init::kaiming_uniform([64, 3, 5, 5], Fan::In, Nonlinearity::Relu, Key::new(0));
/// let bound = (6f32 / 75.0).sqrt(); // gain √2; each output adds 3·5·5 products
/// assert!(w.to_vec().iter().all(|w| w.abs() <= bound));
/// ```
///
/// # Panics
/// If the shape has fewer than two axes, or its fan is 0: an output that adds up nothing has no scale.
#[track_caller]
pub fn kaiming_uniform(shape: impl AsRef<[usize]>, fan: Fan, before: Nonlinearity, key: Key) -> Tensor {
    let std = kaiming_std("kaiming_uniform", shape.as_ref(), fan, before);
    uniform(shape, (3f64.sqrt() * std) as f32, key)
}

/// He's initialiser, normal: N(0, gain² / fan), as [`kaiming_uniform`]. PyTorch's `kaiming_normal_`.
///
/// ```
/// use glassbox_nn::init::{self, Fan, Nonlinearity};
/// use glassbox_tensor::{Tensor, random::Key};
/// let key = Key::new(0);
/// let w = init::kaiming_normal([64, 50], Fan::In, Nonlinearity::Relu, key);
/// assert_eq!(w, &Tensor::randn([64, 50], key) * 0.2); // √(2 / 50)
/// ```
///
/// # Panics
/// As [`kaiming_uniform`].
#[track_caller]
pub fn kaiming_normal(shape: impl AsRef<[usize]>, fan: Fan, before: Nonlinearity, key: Key) -> Tensor {
    let std = kaiming_std("kaiming_normal", shape.as_ref(), fan, before);
    normal(shape, std as f32, key)
}

/// gain / √fan
#[track_caller]
fn kaiming_std(name: &str, shape: &[usize], fan: Fan, before: Nonlinearity) -> f64 {
    let n = fan.of(shape);
    assert!(n > 0, "init::{name}: the shape {shape:?} has a fan of 0; a layer needs inputs and outputs");
    before.gain() / (n as f64).sqrt()
}

/// Glorot's initialiser, uniform (Glorot and Bengio 2010, equation 16); PyTorch's `xavier_uniform_`:
///
/// ```text
/// U[−bound, bound),  bound = gain · √(6 / (fan_in + fan_out))
/// ```
///
/// a compromise between the variance of what passes forward and that of the gradient.
///
/// ```
/// use glassbox_nn::init::{self, Nonlinearity};
/// use glassbox_tensor::random::Key;
/// let w = init::xavier_uniform([20, 40], Nonlinearity::Tanh.gain() as f32, Key::new(0));
/// let bound = 5.0 / 3.0 * 0.1f32.sqrt(); // √(6 / 60)
/// assert!(w.to_vec().iter().all(|w| w.abs() <= bound));
/// ```
///
/// # Panics
/// If the shape has fewer than two axes, or no inputs and no outputs; if the gain is negative or not finite.
#[track_caller]
pub fn xavier_uniform(shape: impl AsRef<[usize]>, gain: f32, key: Key) -> Tensor {
    let std = xavier_std("xavier_uniform", shape.as_ref(), gain);
    uniform(shape, (3f64.sqrt() * std) as f32, key)
}

/// Glorot's initialiser, normal: N(0, gain² · 2 / (fan_in + fan_out)), as [`xavier_uniform`]. PyTorch's `xavier_normal_`.
///
/// ```
/// use glassbox_nn::init;
/// use glassbox_tensor::{Tensor, random::Key};
/// let key = Key::new(0);
/// assert_eq!(init::xavier_normal([20, 30], 1.0, key), &Tensor::randn([20, 30], key) * 0.2); // √(2 / 50)
/// ```
///
/// # Panics
/// As [`xavier_uniform`].
#[track_caller]
pub fn xavier_normal(shape: impl AsRef<[usize]>, gain: f32, key: Key) -> Tensor {
    let std = xavier_std("xavier_normal", shape.as_ref(), gain);
    normal(shape, std as f32, key)
}

/// gain · √(2 / (fan_in + fan_out))
#[track_caller]
fn xavier_std(name: &str, shape: &[usize], gain: f32) -> f64 {
    let (fan_in, fan_out) = fan_in_and_out(shape);
    assert!(fan_in + fan_out > 0, "init::{name}: the shape {shape:?} has neither inputs nor outputs");
    f64::from(gain) * (2.0 / (fan_in + fan_out) as f64).sqrt()
}

/// PyTorch's default for the weight of a linear or convolution layer: U[−1/√fan_in, 1/√fan_in), where `fan_in` is the number of
/// products that one output adds up. Its bias is drawn from the same distribution: [`default_bias`].
///
/// It is [`kaiming_uniform`] before a leaky ReLU of slope √5. Source: `torch.nn.Linear.reset_parameters`.
///
/// ```
/// use glassbox_nn::init::{self, Fan, Nonlinearity};
/// use glassbox_tensor::{assert_close, random::Key};
/// let key = Key::new(0);
/// let kaiming = init::kaiming_uniform([8, 100], Fan::In, Nonlinearity::LeakyRelu(5f32.sqrt()), key);
/// assert_close!(init::default_weight([8, 100], 100, key), kaiming, 1e-6); // both within ±1/10
/// ```
///
/// # Panics
/// If `fan_in` is 0.
#[track_caller]
pub fn default_weight(shape: impl AsRef<[usize]>, fan_in: usize, key: Key) -> Tensor {
    default("default_weight", shape, fan_in, key)
}

/// PyTorch's default for the bias of a linear or convolution layer: U[−1/√fan_in, 1/√fan_in).
///
/// ```
/// use glassbox_nn::init;
/// use glassbox_tensor::random::Key;
/// assert!(init::default_bias([8], 100, Key::new(0)).to_vec().iter().all(|b| b.abs() <= 0.1));
/// ```
///
/// # Panics
/// If `fan_in` is 0.
#[track_caller]
pub fn default_bias(shape: impl AsRef<[usize]>, fan_in: usize, key: Key) -> Tensor {
    default("default_bias", shape, fan_in, key)
}

#[track_caller]
fn default(name: &str, shape: impl AsRef<[usize]>, fan_in: usize, key: Key) -> Tensor {
    assert!(fan_in > 0, "init::{name}: fan_in is 0; a layer needs at least one input");
    uniform(shape, (1.0 / (fan_in as f64).sqrt()) as f32, key)
}

#[cfg(test)]
mod tests;
