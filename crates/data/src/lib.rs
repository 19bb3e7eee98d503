//! # Data: from files of any origin to batches of numbers
//!
//! [`idx`] reads MNIST's file format. Files come from outside, so nothing in them is believed before it is
//! checked; what is wrong with them is a [`DataError`]. [`open`] makes [`DataSplits`] of four files that belong
//! together, said by a name in the [`catalogue`] or by the path of a folder. [`image`] holds pictures and is the
//! border to PNG files.

mod catalogue;
mod dataset;
mod error;
pub mod files;
pub mod idx;
pub mod image;
mod sha256;
mod source;

pub use catalogue::{Entry, catalogue, open, verify};
pub use dataset::{DataSplits, ImageSet};
pub use error::DataError;
pub use source::VerifiedFile;
