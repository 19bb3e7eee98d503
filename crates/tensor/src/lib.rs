//! Stub.
pub mod simd;
