//! # Diffusion
//!
//! Add noise to a picture step by step until nothing of it is left, and learn to undo one step. Then noise alone becomes a picture.

#![forbid(unsafe_code)]
