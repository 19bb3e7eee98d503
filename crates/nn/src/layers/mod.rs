//! The layers, one file each: what each computes, what it owns, and what it begins with.

mod linear;

pub use linear::Linear;
