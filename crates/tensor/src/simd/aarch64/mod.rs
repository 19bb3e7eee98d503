//! The token of 64-bit ARM: each method is one instruction or a short idiom.

mod neon;

pub use neon::{F32x4, Neon};
