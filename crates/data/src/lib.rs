//! # Data: from files of any origin to batches of numbers
//!
//! A model learns from a stream of batches. This crate is all that lies between the files on a disk and that
//! stream, in four steps, each a module:
//!
//! 1. **A file format**, [`idx`], [`npy`], [`npz`], [`image`] (PNG, JPEG), [`table`] (CSV), [`text`], [`sound`] (WAV),
//!    [`sprites`]: bytes become arrays. Files come from outside, so nothing in them is believed
//!    before it is checked; what is wrong with them is a [`DataError`], a sentence that names the file, the place
//!    and the remedy. No input panics, and no header makes us reserve memory that its file cannot fill.
//! 2. **A data set**, [`open`]: files that belong together become [`DataSplits`], what is learned from and what is judged by. A
//!    data set is said by its name in the [`catalogue`] or by the path of a folder or file, with options for the size and
//!    the colour of its pictures. [`open_table`], [`open_text`], [`open_recording`] and [`open_sound`] open what are no pictures.
//! 3. **An order**, [`Batches`]: which examples make up which step, as a function of the step's number and a
//!    random key alone. A run that was interrupted goes on with the batches that it would have had.
//! 4. **Numbers**, [`ImageSet::batch`]: the bytes of these examples become a tensor of values in 0..1.
//!
//! On the way back, [`image`] turns a model's tensors into pictures to look at.
//!
//! The first 10,000 training and 2,000 test pictures of Fashion-MNIST are embedded in the crate (5.2 MB; MIT
//! licence, Copyright 2017 Zalando SE), and so are digits, nine plays of Shakespeare's ([`open_text`]`("shakespeare")`) and the source of this house (`"source"`), so that
//! everything runs on a machine with nothing but cargo:
//!
//! ```
//! use glassbox_data::{Batches, image};
//! use glassbox_tensor::random::Key;
//!
//! let data = glassbox_data::open("fashion-mnist")?;
//! assert_eq!((data.train.len(), data.test.len()), (10_000, 2_000));
//!
//! let mut batches = Batches::new(data.train.len(), 128, Key::new(1));
//! assert_eq!(batches.steps_per_epoch(), 79); // 78 of 128 examples and one of 16
//!
//! for step in 0..2 {
//!     let (x, y) = data.train.batch(&batches.at(step)); // (B, 1, 28, 28), (B)
//!     assert_eq!((x.shape(), y.shape()), (&[128, 1, 28, 28][..], &[128][..]));
//!     assert!(x.to_vec().iter().all(|v| (0.0..=1.0).contains(v)));
//! }
//!
//! // The first eight pictures of the test set, in a row, each pixel a square of 2 × 2.
//! let (x, y) = data.test.batch(&[0, 1, 2, 3, 4, 5, 6, 7]);
//! let row = image::grid(&x, 8, 2).scale(2);
//! assert_eq!((row.width(), row.height()), (2 * (8 * 30 + 2), 2 * (30 + 2)));
//! assert_eq!(data.test.classes()[y.as_slice()[0] as usize], "Ankle boot");
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("row.png");
//! image::write_png(&path, &row)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! All 60,000 + 10,000 pictures are opened as `fashion-mnist-full` once Debian's package
//! `dataset-fashion-mnist` is installed. `digits` are 7,996 + 2,004 pictures of MNIST, embedded too; the whole of MNIST, or
//! anything else of its form, is opened as the path of a folder, and so are folders of PNG and JPEG pictures.

#![forbid(unsafe_code)]

mod arrays;
mod batches;
mod builder;
mod catalogue;
mod dataset;
mod error;
pub mod files;
pub mod idx;
pub mod image;
mod listing;
mod moments;
pub mod names;
pub mod npy;
pub mod npz;
mod pairs;
mod pictures;
mod place;
mod prefetch;
mod sha256;
pub mod sound;
mod source;
mod spec;
mod split;
pub mod sprites;
pub mod table;
pub mod text;

pub use batches::{Batches, in_order};
pub use builder::MAX_SET_BYTES;
pub use catalogue::{Entry, catalogue, verify};
pub use dataset::{DataSplits, ImageSet};
pub use error::{DataError, FormatError};
pub use moments::Moments;
pub use place::{Kind, absolute, kind, open, open_recording, open_sound, open_table, open_text};
pub use prefetch::Prefetch;
pub use source::VerifiedFile;
pub use spec::MAX_SIDE;
pub use split::HELD_OUT;
