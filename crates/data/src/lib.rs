//! # Data: from files of any origin to batches of numbers
//!
//! [`idx`] reads MNIST's file format. Files come from outside, so nothing in them is believed before it is
//! checked; what is wrong with them is a [`DataError`]. [`image`] holds pictures
//! and is the border to PNG files.

mod error;
pub mod files;
pub mod idx;
pub mod image;

pub use error::DataError;
