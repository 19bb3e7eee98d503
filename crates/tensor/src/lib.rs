//! # Floor 1: arrays without gradients
//!
//! A [`Tensor`] is a shape, strides and a place in a shared buffer of f32. Views (transposed, sliced, broadcast) share the
//! buffer; writing separates them. Everything that computes stands on three modules which know nothing of tensors:
//! [`simd`], the token of an instruction set and what is built on it; [`gemm`], the matrix product as a ladder of ever
//! faster rungs; and [`parallel`], which cuts work by the size of the problem, never by the number of threads.
//!
//! ```
//! use glassbox_tensor::{Tensor, tensor};
//!
//! let x = tensor![[1., 2., 3.], [4., 5., 6.]];
//! let w = Tensor::eye(3);
//! let y = &x.matmul(&w) + &tensor![10., 20., 30.]; // (2, 3) × (3, 3) + (3) -> (2, 3)
//! assert_eq!(y.to_string(), "[[11. 22. 33.]\n [14. 25. 36.]]");
//! assert_eq!(y.sum(&[0], false), tensor![25., 47., 69.]);
//! ```
//!
//! **Determinism.** The same input gives the same bits on any number of threads. Bits may depend on shapes, layout and
//! the instruction set; [`Isa::current`](simd::Isa::current) says which one runs, `GLASSBOX_ISA` forces another.
//!
//! **Mistakes.** A wrong shape is a mistake in the program: the operation panics at the caller's line, with one sentence
//! that names the operation, the shapes and the way out.

mod attention;
mod buffer;
mod conv;
mod convert;
mod copy;
mod cross_entropy;
mod einsum;
mod gather;
pub mod gemm;
mod halves;
mod ids;
mod join;
mod map;
mod mask;
mod math;
mod matmul;
mod normalize;
mod overlap;
pub mod parallel;
mod pool;
mod print;
pub mod random;
mod reduce;
mod resample;
mod rotary;
mod rows;
mod runs;
mod scan;
mod scatter;
pub mod shape;
pub mod simd;
mod sort;
mod tensor;
pub mod testing;

pub use attention::{Attention, Sight};
pub use buffer::{PoolStats, copied_bytes, pool_stats, reset_peak_bytes};
pub use conv::{
    Conv1dOptions, Conv2dOptions, ConvTranspose1dOptions, ConvTranspose2dOptions, conv_transpose1d_shape,
    conv_transpose2d_shape, conv1d_shape, conv2d_shape, conv2d_weight_shape,
};
pub use cross_entropy::CrossEntropy;
pub use halves::map_halves;
pub use ids::Ids;
pub use join::stack_axis;
pub use map::{map_inplace, map_n, map_to, update_n};
pub use mask::Comparison;
pub use matmul::matmul_shape;
pub use normalize::{ChannelNorm, RowNorm};
pub use pool::Pool2d;
pub use resample::{Resampling, Tap};
pub use rotary::{Rotary, RotaryLayout};
pub use rows::{Rows, map_rows};
pub use runs::Padding;
pub use tensor::Tensor;
pub use tensor::index::{Pick, Picked, Picks};
