//! # Floor 3: layers, losses, optimisers, and how a model is named and kept
//!
//! A model is a plain struct that owns its parameters. `#[derive(Module)]` gives each a dotted name; `forward` is a
//! method like any other. Everything else that a training program needs of a model is written with the names alone.
//!
//! Here is all of it: a network that learns XOR, is saved, and is loaded into another one.
//!
//! ```
//! use glassbox_autograd::Var;
//! use glassbox_nn::loss::{Reduction, bce_with_logits};
//! use glassbox_nn::{Linear, Module, load_safetensors, optim::Adam, save_safetensors};
//! use glassbox_tensor::{random::Key, tensor};
//!
//! #[derive(Module)]
//! struct Mlp {
//!     fc1: Linear,
//!     fc2: Linear,
//! }
//!
//! impl Mlp {
//!     fn new(key: Key) -> Self {
//!         Self { fc1: Linear::new(2, 16, key.fold(1)), fc2: Linear::new(16, 1, key.fold(2)) }
//!     }
//!     fn forward(&self, x: &Var) -> Var {
//!         self.fc2.forward(&self.fc1.forward(x).tanh()) // (B, 2) -> (B, 16) -> (B, 1)
//!     }
//! }
//!
//! let x = Var::constant(tensor![[0., 0.], [0., 1.], [1., 0.], [1., 1.]]);
//! let xor = Var::constant(tensor![[0.], [1.], [1.], [0.]]);
//!
//! let mut mlp = Mlp::new(Key::new(0));
//! let mut adam = Adam::new(0.05);
//! for _ in 0..200 {
//!     let loss = bce_with_logits(&mlp.forward(&x), &xor, Reduction::Mean);
//!     let grads = loss.backward();
//!     adam.step(&mut mlp, &grads)?; // an error names every parameter that the loss did not reach
//! }
//! let answers = mlp.forward(&x).sigmoid().value().to_vec();
//! assert!(answers[0] < 0.1 && answers[1] > 0.9 && answers[2] > 0.9 && answers[3] < 0.1);
//!
//! let folder = tempfile::tempdir()?;
//! let file = folder.path().join("mlp.safetensors"); // fc1.weight, fc1.bias, fc2.weight, fc2.bias: as PyTorch calls them
//! save_safetensors(&mlp, &file)?;
//! let mut another = Mlp::new(Key::new(1));
//! load_safetensors(&mut another, &file)?;
//! assert_eq!(another.forward(&x).value(), mlp.forward(&x).value());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! - [`Module`], [`Param`], [`Buffer`], [`Name`]: who owns which tensors, and what they are called; [`summary`]
//!   prints it, and [`summary_of`] what a forward pass costs.
//! - The layers, such as [`Linear`], and their [initialisers](init). A layer that differs between training and evaluation
//!   takes a [`Context`], which says which of the two it is.
//! - [`loss`]: what is minimised, with the reduction always written out.
//! - [`optim`]: optimisers that step in place, schedules, averages of weights; L-BFGS.
//! - [`checkpoint`]: safetensors files that appear whole or not at all, and loads that change all or nothing.

#![forbid(unsafe_code)]

// The derive writes `::glassbox_nn::Module`, also for the layers in this crate.
extern crate self as glassbox_nn;

pub mod checkpoint;
mod context;
pub mod init;
mod layers;
pub mod loss;
mod module;
mod name;
pub mod optim;
mod param;
mod summary;

pub use checkpoint::{CheckpointError, load_safetensors, load_safetensors_partial, save_safetensors};
pub use context::Context;
pub use glassbox_nn_derive::Module;
pub use layers::{Activation, SwigluMlp};
pub use layers::{AttentionMasks, MultiHeadAttention, MultiHeadAttentionOptions};
pub use layers::{BasicBlock, Downsample};
pub use layers::{BatchNorm, BatchNormOptions, InstanceNorm, InstanceNormOptions, RunningStats};
pub use layers::{BlockSizes, GroupedQueryAttention, TransformerBlock};
pub use layers::{Conv1d, Conv2d, ConvTranspose1d, ConvTranspose2d};
pub use layers::{Dropout, Dropout2d};
pub use layers::{Embedding, Linear};
pub use layers::{GroupNorm, LayerNorm, RmsNorm};
pub use layers::{Gru, Lstm, LstmState, RecurrentOptions, RecurrentWeights, Rnn};
pub use layers::{LearnedPositions, RotaryPositions, SinusoidalPositions, TimestepOptions, timestep_embedding};
pub use layers::{ResnetBlock, ResnetBlockOptions};
pub use layers::{SpectralNorm, SpectralNormOptions, WeightNorm, Weighted};
pub use layers::{TransformerDecoderLayer, TransformerEncoderLayer, TransformerOptions};
pub use module::{Module, Slot, SlotMut};
pub use name::Name;
pub use param::{Buffer, Param};
pub use summary::{ForwardSummary, ModuleCost, summary, summary_of};
