//! Single-precision matrix multiplication: a ladder of five rungs, each of them a readable function.
//!
//! | rung | file | what it adds | GFLOP/s |
//! | --- | --- | --- | --- |
//! | 1 | [`naive`] | the definition | 2 |
//! | 2 | [`blocked`] | loops in an order that caches and the compiler's vectoriser like | 26 |
//! | 3 | [`packed`] | operands copied into panels, a tile of C in registers | 46 |
//! | 4 | [`simd`] | a micro-kernel for each instruction set, blocks sized by the caches | 48, 134, 265 |
//! | 5 | [`parallel`] | tiles handed out to threads; small and skinny shapes without needless copies; this is [`product`](product()) | 256, 488 |
//!
//! The figures are for 512 squares on an AMD Zen 5 core (rung 4: scalar, AVX2, AVX-512; rung 5: one and two threads), whose
//! AVX-512 units do 287 GFLOP/s at most; `cargo run --release -p glassbox-benches --example kernel_table -- gemm` prints yours.
//!
//! [`sgemm`] has BLAS's arguments, [`sgemm_batch`] does many products of one shape. The parts: `view.rs` the operands, `blocking.rs` sizes, `pack.rs` panels,
//! `tile.rs` the micro-kernel, `row.rs` a matrix times a vector, `part.rs` packing and rectangles, `meeting.rs` threads, `scratch.rs` memory.
//! Convolution (`crate::conv`) is built from the same parts: B is then an image seen through a window.
//!
//! All of them compute `C = act(A·B + bias)` or `C = act(C + A·B + bias)` ([`Epilogue`]). They take slices with strides
//! ([`MatRef`], [`MatMut`]), never a `Tensor`.
//!
//! # What the result depends on
//!
//! The bits of an element depend on its row of A, its column of B, K and the instruction set. They do not depend on M and
//! N, strides, alignment, cache sizes or threads. Rungs 4 and 5 fix the order: k is cut into blocks of equal depth
//! ([`block_depth`], at most 512, from K alone); within a block `sum = a·b + sum` for ascending k, starting from zero;
//! then the blocks are added in order (to C first of all, when accumulating). Every path, edge and small case keeps this order,
//! but one, which is a class of its own: a single row times a matrix whose columns lie together, and a matrix whose rows lie
//! together times a single column, are scalar products of contiguous rows, and summed along the lanes (`row.rs` says how).
//!
//! # How far it may be off
//!
//! |C − C₆₄| ≤ γ_K·(|A|·|B|), with γ_K = K·u / (1 − K·u), u = 2⁻²⁴ (Higham, *Accuracy and Stability of Numerical
//! Algorithms*, §3.5); one more rounding for each of accumulate and bias. NaN and infinity go where IEEE 754 sends them.
//!
//! ```
//! use glassbox_tensor::gemm::{Epilogue, MatMut, MatRef, product};
//! use glassbox_tensor::simd::Isa;
//!
//! let a = [1.0, 2.0, 3.0, 4.0]; // 2 × 2
//! let b = [1.0, 0.0, 1.0, 0.0, 1.0, 1.0]; // 2 × 3
//! let mut c = [f32::NAN; 6]; // never read
//! let (a, b) = (MatRef::row_major(&a, 2, 2), MatRef::row_major(&b, 2, 3));
//! product(Isa::current(), a, b, MatMut::row_major(&mut c, 2, 3), &Epilogue::default());
//! assert_eq!(c, [1.0, 2.0, 3.0, 3.0, 4.0, 7.0]);
//! ```

mod batch;
mod blas;
pub mod blocked;
mod blocking;
mod meeting;
pub mod naive;
mod pack;
pub mod packed;
pub mod parallel;
mod part;
#[cfg(test)]
mod proofs;
mod row;
mod scratch;
pub mod simd;
#[cfg(test)]
mod tests;
mod tile;
mod view;

pub use batch::sgemm_batch;
pub use blas::sgemm;
pub use blocking::block_depth;
pub use parallel::product;
pub use view::{MatMut, MatRef};

// What attention and convolution are built from, too.
pub(crate) use blocking::{Panels, TileShape, k_blocks};
pub(crate) use meeting::in_phases;
pub(crate) use pack::pack_panel;
pub(crate) use parallel::serial_threshold;
pub(crate) use part::SharedMut;
pub(crate) use row::{columns_at_once, row_times};
pub(crate) use scratch::{Scratch, with_scratch};
pub(crate) use tile::{LINE, Source, Through, Tile, prefetch, tile_fn};

/// What follows the product, applied while a tile of C is hot: `C = activation([C +] A·B [+ bias])`.
///
/// ```
/// use glassbox_tensor::gemm::{Activation, Epilogue, MatMut, MatRef, product};
/// use glassbox_tensor::simd::Isa;
/// let (a, b, mut c) = ([1., 2.], [3., 4., 5., 6.], [0.; 2]);
/// let (a, b) = (MatRef::row_major(&a, 1, 2), MatRef::row_major(&b, 2, 2)); // A·B = (13 16)
/// let layer = Epilogue { bias: Some(&[-20., 1.]), activation: Activation::Relu, ..Epilogue::default() };
/// product(Isa::current(), a, b, MatMut::row_major(&mut c, 1, 2), &layer);
/// assert_eq!(c, [0., 17.]); // the bias first, then the activation
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Epilogue<'a> {
    /// Add to C; otherwise C is overwritten without being read, NaN included.
    pub accumulate: bool,
    /// One number for each column of C.
    pub bias: Option<&'a [f32]>,
    /// One number for each row of C, in place of one for each column.
    pub row_bias: Option<&'a [f32]>,
    /// The function applied last.
    pub activation: Activation,
}

/// An elementwise function that is cheap enough to ride along.
///
/// ```
/// use glassbox_tensor::gemm::{Activation, Epilogue};
/// use glassbox_tensor::tensor;
/// let relu = Epilogue { activation: Activation::Relu, ..Epilogue::default() };
/// let y = tensor![[1., -1.]].matmul_with(&tensor![[2., f32::NAN], [3., 0.]], &relu); // of −1 and NaN
/// assert!(y.at([0, 0]) == 0.0 && y.at([0, 1]).is_nan());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Activation {
    /// x.
    #[default]
    None,
    /// max(x, 0); NaN stays NaN.
    Relu,
}

impl Epilogue<'_> {
    /// Bias and activation of one finished sum in row `i` and column `j`.
    #[inline]
    fn finish(&self, sum: f32, i: usize, j: usize) -> f32 {
        let x = self.bias.map_or(sum, |bias| sum + bias[j]);
        let x = self.row_bias.map_or(x, |bias| x + bias[i]);
        match self.activation {
            Activation::None => x,
            Activation::Relu if x < 0.0 => 0.0,
            Activation::Relu => x,
        }
    }
}

/// Shapes must fit together: A is M × K, B is K × N, C is M × N and the bias has N entries, or M for rows.
#[track_caller]
fn check(a: &MatRef<'_>, b: &MatRef<'_>, c: &MatMut<'_>, epilogue: &Epilogue<'_>) {
    let (m, k, n) = (a.rows(), a.cols(), b.cols());
    assert!(k == b.rows(), "gemm: inner dimensions differ: [{m}, {k}] × [{}, {n}]", b.rows());
    assert!(
        c.rows() == m && c.cols() == n,
        "gemm: the product of [{m}, {k}] and [{k}, {n}] does not fit into [{}, {}]",
        c.rows(),
        c.cols()
    );
    if let Some(bias) = epilogue.bias {
        assert!(bias.len() == n, "gemm: {} entries of bias for {n} columns", bias.len());
    }
    if let Some(bias) = epilogue.row_bias {
        assert!(bias.len() == m, "gemm: {} entries of bias for {m} rows", bias.len());
        assert!(epilogue.bias.is_none(), "gemm: a bias for rows and one for columns; add one of them to the product");
    }
}
