//! Models in files: safetensors, one tensor for each dotted name.
//!
//! Names, shapes and dtypes are PyTorch's and Hugging Face's, so files go both ways: what
//! `safetensors.torch.save_file(model.state_dict(), …)` wrote loads here, and the other way round.
//!
//! A save appears whole or not at all, and a load that fails changes nothing in the model. Format:
//! <https://github.com/huggingface/safetensors#format>.

mod error;
mod file;
mod half;
mod module;

pub use error::{CheckpointError, MissingTensor};
pub(crate) use error::{did_you_mean, list};
pub use file::{SafetensorsFile, write_safetensors};
pub use module::{Loaded, load_safetensors, load_safetensors_partial, save_safetensors};
