//! Four more ladders, as [`gemm`](crate::gemm) is one: the rungs below the kernels that the engine uses, kept to be read and
//! to be measured. Each file goes from the definition towards the engine, and says of each rung what differs from
//! the one before.
//!
//! | ladder | rungs | what it teaches |
//! | --- | --- | --- |
//! | [`conv2d`] | `direct`, `rows`, `im2col`, then [`Tensor::conv2d`] | a convolution is a product, and its second matrix need not exist |
//! | [`softmax`] | `three_passes`, `online`, `simd`, then [`Tensor::softmax`] | fewer passes over memory are not fewer cycles |
//! | [`layer_norm`] | `two_passes`, `welford`, `simd`, then [`RowNorm::forward`] | a chain of operations that wait for each other costs more than a pass |
//! | [`attention`] | `matrix`, `products`, `tiled`, then [`Attention::forward`] | arithmetic and memory are two walls, and one rung takes down one |
//!
//! They take slices and sizes, never a `Tensor`, and run on one thread; the top rungs use all. `docs/ladders.md` counts their
//! operations and bytes. `cargo run --release -p glassbox-benches --example kernel_table -- softmax` measures one,
//! beside other libraries; `tests/ladders.rs` holds all rungs to the first.

pub mod attention;
pub mod conv2d;
pub mod layer_norm;
pub mod softmax;

#[cfg(doc)]
use crate::{Attention, RowNorm, Tensor};
