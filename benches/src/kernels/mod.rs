//! Kernels of one family beside each other: the same inputs, the same bound on the error, one table, one plot.
//!
//! A family has one small trait: what it computes and what the contestant is called. Whoever implements it and adds a word to
//! the family's `CONTESTANTS` is timed by `kernel_table` and `cargo bench --bench kernels`, drawn by `--svg`, and held by a test to a
//! reference in f64 at sizes that don't fit anybody's tiles.
//!
//! | family | trait | work counts as | bound |
//! | --- | --- | --- | --- |
//! | [`gemm`] | [`Gemm`](gemm::Gemm) | 2·M·N·K operations | γ_K·(\|A\|·\|B\|) |
//! | [`conv2d`] | [`Conv2d`](conv2d::Conv2d) | 2·N·O·H'·W'·K operations | γ_K·(\|w\| ∗ \|x\|) |
//! | [`softmax`] | [`Softmax`](softmax::Softmax) | bytes of x and y | a share of y, from the roundings of exponents and sums |
//! | [`layer_norm`] | [`LayerNorm`](layer_norm::LayerNorm) | bytes of x and y | from the roundings of mean and variance |
//! | [`attention`] | [`Attention`](attention::Attention) | 4·T²·D operations a head, half where causal | from the roundings of scores, exponents and sums |
//! | [`add`] | [`Add`](add::Add) | bytes of x, y and their sum | the correctly rounded sum |
//! | [`tanh`] | [`Tanh`](tanh::Tanh) | bytes of x and y | 4 units in the last place |
//! | [`sum`] | [`Sum`](sum::Sum) | bytes of x | γₙ·Σ\|x\| |
//! | [`transpose`] | [`Transpose`](transpose::Transpose) | bytes of both matrices | exact |
//! | [`fill`] | [`NormalFill`](fill::NormalFill) | bytes that are written | the distribution: moments, and Kolmogorov's distance |
//!
//! A stranger's product, held to the bound of its family:
//!
//! ```
//! use glassbox_benches::kernels::gemm::{self, Gemm};
//! use glassbox_tensor::gemm::MatRef;
//!
//! struct Yours;
//!
//! impl Gemm for Yours {
//!     fn name(&self) -> &str {
//!         "yours"
//!     }
//!     fn product(&self, a: MatRef<'_>, b: MatRef<'_>, c: &mut [f32]) {
//!         for (at, c) in c.iter_mut().enumerate() {
//!             let (i, j) = (at / b.cols(), at % b.cols());
//!             *c = (0..a.cols()).map(|k| a.at(i, k) * b.at(k, j)).sum();
//!         }
//!     }
//! }
//!
//! let case = gemm::case_of(&[&Yours], &[5, 7, 300, 0]); // 5 × 7, K = 300, nothing transposed
//! assert!(case.verdict(0).share <= 1.0);
//! ```

pub mod add;
pub mod attention;
pub mod case;
pub mod conv2d;
pub mod fill;
pub mod gemm;
pub mod layer_norm;
pub mod peers;
pub mod plot;
pub mod request;
pub mod softmax;
pub mod sum;
pub mod table;
pub mod tanh;
pub mod transpose;

use case::Case;

/// All families.
pub const FAMILIES: &[Family] = &[
    gemm::FAMILY,
    conv2d::FAMILY,
    softmax::FAMILY,
    layer_norm::FAMILY,
    attention::FAMILY,
    add::FAMILY,
    tanh::FAMILY,
    sum::FAMILY,
    transpose::FAMILY,
    fill::FAMILY,
];

/// A family of kernels.
#[derive(Clone, Copy)]
pub struct Family {
    /// What it is asked for by.
    pub name: &'static str,
    /// What is computed.
    pub computes: &'static str,
    /// What the axis of the plot counts.
    pub axis: &'static str,
    /// The sizes that are timed, as `case` reads them: those of one kind, which the plot shows, in ascending order, then others.
    pub timed: &'static [&'static [usize]],
    /// The sizes at which every contestant is held to the bound.
    pub awkward: &'static [&'static [usize]],
    /// A size with its inputs and contestants.
    pub case: fn(&[usize]) -> Case,
}
