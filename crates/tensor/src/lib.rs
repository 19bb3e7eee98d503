//! # Floor 1: arrays without gradients
//!
//! Everything that a generative model computes is, at the bottom, arithmetic on arrays of f32. This crate is that bottom: how an
//! array lies in memory, how it is read from another side without moving, and how a processor gets through it at the speed that
//! it is capable of. It knows nothing of gradients. This page is a tour; each stop names the file where it continues.
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
//! ## First stop: a tensor is a way of reading memory
//!
//! A [`Tensor`] is a shape, strides and a place in a shared buffer. Element (i, j) of a matrix lies at
//!
//! ```text
//! address(i, j) = start + i · stride₀ + j · stride₁
//! ```
//!
//! so a transpose exchanges two strides, a slice moves the start, a row repeated a thousand times has stride 0; none of them
//! touches an element (`tensor.rs`, `tensor/`). Writing separates what is shared, and the copy can be counted (`buffer.rs`).
//!
//! ```
//! use glassbox_tensor::{copied_bytes, tensor};
//! let x = tensor![[1., 2., 3.], [4., 5., 6.]];
//! let before = copied_bytes();
//! let mut column = x.t().narrow(0, 1, 1); // (1, 2): the second column as a row
//! assert!(column.shares_memory_with(&x));
//! assert_eq!(copied_bytes(), before);
//! column.make_mut()[0] = 9.0;
//! assert_eq!((column.to_vec(), x.at([0, 1])), (vec![9., 5.], 2.0));
//! ```
//!
//! Freed buffers wait in a pool and are taken again: a training step asks for the same sizes over and over
//! ([`pool_stats`]).
//!
//! ## Second stop: one function of a vector is a kernel
//!
//! An elementwise operation is a function of one vector of each input; [`map_n`] does the rest: broadcasting, strides, threads
//! and tails (`map.rs`). The function is written once over the token of an instruction set, [`simd::Simd`], and compiled for
//! each of them: scalar, AVX2, AVX-512, NEON. Along rows, [`map_rows`] does the same for functions that must see a whole row.
//!
//! ```
//! use glassbox_tensor::simd::{Lanes, Simd, math};
//! use glassbox_tensor::{assert_close, map_n, tensor};
//! /// x·e^(−x²/2): the derivative of a bell, up to its sign.
//! struct Wavelet;
//! impl Lanes<1> for Wavelet {
//!     #[inline(always)]
//!     fn lanes<S: Simd>(&self, s: S, [x]: [S::F; 1]) -> S::F {
//!         x * math::exp(s, s.splat(-0.5) * x * x)
//!     }
//! }
//! assert_close!(map_n(&Wavelet, [&tensor![0., 1., -2.]]), tensor![0., 0.60653066, -0.27067057]);
//! ```
//!
//! Nothing in the standard library computes eˣ on sixteen lanes, so [`simd::math`] does, with the bound of its error in units of
//! the last place beside each function.
//!
//! ## Third stop: how far a result may be off
//!
//! With u = 2⁻²⁴, half a unit in the last place of 1, each addition and multiplication of f32 is exact up to a factor 1 + δ, |δ| ≤ u.
//! A sum of K products in whatever order carries at most K such factors in each term, so (Higham, *Accuracy and Stability of Numerical
//! Algorithms*, 2002, §3.1)
//!
//! ```text
//! |c − c₆₄| ≤ γ_K · Σₖ |aₖ·bₖ| + K·2⁻¹⁴⁹,   γ_K = K·u / (1 − K·u)
//! ```
//!
//! (the last term is for products that are too small for f32). That is a theorem, so a test which finds more has found a
//! bug. Matrix products ([`gemm`]) and convolutions are held to it; sums and means to a bound of the same kind, with the depth
//! of their tree in place of K (`reduce`).
//!
//! ```
//! use glassbox_tensor::{Tensor, random::Key};
//! let (a, b) = (Tensor::randn([5, 300], Key::new(1)), Tensor::randn([300, 4], Key::new(2)));
//! let c = a.matmul(&b);
//! let (a, b) = (a.to_f64(), b.to_f64());
//! let exact = |i: usize, j: usize| (0..300).map(|k| a[[i, k]] * b[[k, j]]).sum::<f64>();
//! let magnitude = |i: usize, j: usize| (0..300).map(|k| (a[[i, k]] * b[[k, j]]).abs()).sum::<f64>();
//! let (k, u) = (300.0, 2f64.powi(-24));
//! for i in 0..5 {
//!     for j in 0..4 {
//!         let error = (f64::from(c.at([i, j])) - exact(i, j)).abs();
//!         assert!(error <= k * u / (1.0 - k * u) * magnitude(i, j));
//!     }
//! }
//! ```
//!
//! ## Fourth stop: the same bits on any number of threads
//!
//! Work is cut by the size of the problem, never by the number of threads, and partial results are combined in a fixed order
//! ([`parallel`]). Random numbers are functions of (key, position) alone ([`random`]). So a result depends on its
//! inputs, the instruction set, and nothing else: [`Isa::current`](simd::Isa::current) says which one runs, `GLASSBOX_ISA`
//! forces another.
//!
//! ## Where everything is
//!
//! | file | thought |
//! | --- | --- |
//! | `tensor.rs`, `tensor/`, `shape.rs` | what a tensor is, and the ways of reading one |
//! | `ids.rs` | whole numbers that name entries, and what they pick: `gather.rs`, `scatter.rs`, `sort.rs` |
//! | `buffer.rs`, `list.rs`, `heap.rs` | memory: aligned, shared, pooled; lists that are used again; what is allocated all the same |
//! | `map.rs`, `rows.rs`, `math.rs` | elementwise kernels, kernels along rows, arithmetic |
//! | `reduce/` | sums, extrema, in a fixed tree |
//! | `simd/` | the token of an instruction set, and mathematics on its vectors |
//! | `gemm/` | the matrix product as a ladder of ever faster rungs |
//! | `conv/`, `attention/` | what stands on the ladder's parts: convolution without a matrix of windows, attention without a matrix of scores |
//! | `ladder/` | convolution, softmax, layer normalisation and attention as ladders like that of `gemm/` |
//! | `normalize/`, `pool.rs`, `resample.rs`, `runs.rs`, `scan.rs`, … | a kernel each |
//! | `random/` | numbers as functions of (key, position) |
//! | `parallel.rs` | who does what |
//! | `ceiling/` | what this machine could do at best, measured |
//!
//! **Mistakes.** A wrong shape is a mistake in the program: the operation panics at the caller's line, with one sentence
//! that names the operation, the shapes and the way out.

mod attention;
mod buffer;
pub mod ceiling;
mod conv;
mod convert;
mod copy;
mod counted;
mod cross_entropy;
mod einsum;
mod gather;
pub mod gemm;
mod halves;
mod heap;
mod ids;
mod join;
pub mod ladder;
mod list;
mod map;
mod mask;
mod math;
mod matmul;
mod normalize;
mod overlap;
mod pages;
pub mod parallel;
mod pool;
mod print;
pub mod random;
mod reduce;
pub mod relay;
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
pub use buffer::{PoolStats, copied_bytes, pool_requests, pool_stats, reset_peak_bytes};
pub use conv::{
    Conv1dOptions, Conv2dOptions, ConvTranspose1dOptions, ConvTranspose2dOptions, conv_transpose1d_shape,
    conv_transpose2d_shape, conv1d_shape, conv2d_shape, conv2d_weight_shape,
};
pub use counted::{Counted, counted};
pub use cross_entropy::CrossEntropy;
pub use halves::map_halves;
pub use heap::{CountingAllocator, HeapCount};
pub use ids::Ids;
pub use join::stack_axis;
pub use list::List;
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
