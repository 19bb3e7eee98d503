//! # Data: from files of any origin to batches of numbers
//!
//! [`idx`] reads MNIST's file format. Files come from outside, so nothing in them is believed before it is
//! checked; what is wrong with them is a [`DataError`].

mod error;
pub mod files;
pub mod idx;

pub use error::DataError;
