//! The border to WAV files.

use super::{Sound, WavError};
use crate::error::FormatError;
use hound::{SampleFormat, WavReader};
use std::io::Cursor;
use thiserror::Error;

/// What is wrong with the bytes.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WavProblem {
    /// The marks of a WAV file are not there.
    #[error("not a WAV file")]
    NotWav,

    /// The header contradicts the format.
    #[error("the header is damaged or of a rare kind ({0}); fetch the file again, or convert it to WAV of 16 bits")]
    Header(String),

    /// Samples of another kind than those that are read.
    #[error(
        "{bits}-bit samples; whole numbers of 8, 16, 24 and 32 bits and floats of 32 are read, so convert the file"
    )]
    Bits {
        /// The bits of a sample.
        bits: u16,
    },

    /// A rate of nothing in a second.
    #[error("the header says 0 samples in a second; convert the file")]
    Rate,

    /// There is no sample.
    #[error("no samples")]
    Empty,

    /// The file ends before its last sample.
    #[error("the file ends before the {samples} samples that its header says; fetch it again")]
    Truncated {
        /// How many the header says, of all channels together.
        samples: u32,
    },

    /// A float that is no number.
    #[error("sample {index} is not a finite number")]
    NotFinite {
        /// Its number, of all channels together.
        index: usize,
    },
}

/// Reads a WAV file from memory. `name` is what the errors call it.
///
/// A whole number of b bits becomes `v / 2^(b − 1)`, and a frame of several channels their mean. Floats stay what they are.
///
/// # Errors
/// If the bytes are not a whole recording: see [`WavProblem`].
pub fn parse(name: &str, bytes: &[u8]) -> Result<Sound, WavError> {
    decode(bytes).map_err(|problem| FormatError { file: name.to_string(), problem })
}

fn decode(bytes: &[u8]) -> Result<Sound, WavProblem> {
    if bytes.len() < 12 || !bytes.starts_with(b"RIFF") || &bytes[8..12] != b"WAVE" {
        return Err(WavProblem::NotWav);
    }
    let mut reader = WavReader::new(Cursor::new(bytes)).map_err(|e| WavProblem::Header(e.to_string()))?;
    let (spec, samples) = (reader.spec(), reader.len());
    if spec.sample_rate == 0 {
        return Err(WavProblem::Rate);
    }
    if samples == 0 {
        return Err(WavProblem::Empty);
    }
    // A sample takes at least a byte, so that no more are reserved than there can be.
    let truncated = WavProblem::Truncated { samples };
    if samples as usize > bytes.len() {
        return Err(truncated);
    }
    let channels = usize::from(spec.channels);
    let mut out = Vec::with_capacity(samples as usize / channels);
    let mut frame = Vec::with_capacity(channels);
    let mut take = |sample: f32| {
        frame.push(sample);
        if frame.len() == channels {
            out.push(frame.iter().sum::<f32>() / channels as f32);
            frame.clear();
        }
    };
    match (spec.sample_format, spec.bits_per_sample) {
        (SampleFormat::Int, bits @ (8 | 16 | 24 | 32)) => {
            let scale = 1.0 / (1u64 << (bits - 1)) as f64;
            for sample in reader.samples::<i32>() {
                take((f64::from(sample.map_err(|_| truncated.clone())?) * scale) as f32);
            }
        }
        (SampleFormat::Float, 32) => {
            for (index, sample) in reader.samples::<f32>().enumerate() {
                let sample = sample.map_err(|_| truncated.clone())?;
                if !sample.is_finite() {
                    return Err(WavProblem::NotFinite { index });
                }
                take(sample);
            }
        }
        (_, bits) => return Err(WavProblem::Bits { bits }),
    }
    Ok(Sound { rate: spec.sample_rate, samples: out })
}
