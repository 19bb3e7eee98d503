//! The tokens of x86-64: each method is one instruction or a short idiom.

mod avx2;
mod avx512;

pub use avx2::{Avx2, F32x8};
pub use avx512::{Avx512, F32x16};
