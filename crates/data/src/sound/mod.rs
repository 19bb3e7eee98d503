//! Sound: recordings from WAV files, mixed to one channel.

use crate::error::{DataError, FormatError};
use crate::files;
use std::path::Path;

mod set;
mod wav;

pub(crate) use set::read_folder;
pub use set::{MAX_SET_SAMPLES, SoundSet, SoundSplits};
pub use wav::{WavProblem, parse};

/// A file that is not a whole WAV recording.
pub type WavError = FormatError<WavProblem>;

/// A recording of one channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Sound {
    /// Samples in a second.
    pub rate: u32,
    /// The samples; those of whole numbers lie in −1..1.
    pub samples: Vec<f32>,
}

impl Sound {
    /// How long it is.
    pub fn seconds(&self) -> f64 {
        self.samples.len() as f64 / f64::from(self.rate)
    }
}

/// Reads a WAV file.
///
/// # Errors
/// If it cannot be read or is not a whole recording: see [`WavProblem`].
pub fn read(path: &Path) -> Result<Sound, DataError> {
    let bytes = files::read_regular(path)?;
    Ok(parse(&path.display().to_string(), &bytes)?)
}
