//! The border to JPEG files, which are read and not written.
//!
//! As for PNG, the header's size is compared with a limit, and with what the file's own bytes can hold, before any memory is
//! reserved for the pixels. A picture of P pixels takes at most 4·P bytes while it is read, and a progressive one, of which
//! all coefficients are kept, 16·P.

use super::{Image, MAX_PIXELS};
use crate::error::{DataError, FormatError};
use crate::files;
use std::path::Path;
use thiserror::Error;
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

/// No JPEG file holds more than this many pixels for each of its bytes: a block of 8 × 8 of some component takes at least
/// one bit, the shortest code there is. Source: ITU-T T.81, F.1.2 and G.1.2.
pub const JPEG_MAX_RATIO: usize = 512;

/// The most scans of a progressive file; encoders write about ten.
const MAX_SCANS: usize = 64;

/// A file that is not a whole JPEG picture of a size and kind that is read.
pub type JpegError = FormatError<JpegProblem>;

/// What is wrong with the bytes.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum JpegProblem {
    /// The two bytes that begin every JPEG file are not there.
    #[error("not a JPEG file; fetch it again, or save it as JPEG")]
    NotJpeg,

    /// The picture is larger than any that is read.
    #[error("the header says {width} × {height} pixels, more than the {MAX_PIXELS} that are read")]
    TooLarge {
        /// Pixels in a row.
        width: usize,
        /// Rows.
        height: usize,
    },

    /// The picture is larger than the file can hold.
    #[error("the header says {width} × {height} pixels, which a file of {bytes} bytes cannot hold; fetch it again")]
    Impossible {
        /// Pixels in a row.
        width: usize,
        /// Rows.
        height: usize,
        /// The size of the file.
        bytes: usize,
    },

    /// Colours for print (CMYK), or another number of components than grey's one and colour's three.
    #[error("{components} components; grey (1) and colour (3) are read, so convert the picture")]
    Components {
        /// How many there are.
        components: u8,
    },

    /// The file ends before its end mark.
    #[error("the JPEG file ends before its picture does; fetch it again")]
    Truncated,

    /// Something in the file contradicts the format.
    #[error("the JPEG file is damaged or of a rare kind ({0}); fetch it again, or convert it to PNG")]
    Damaged(String),
}

/// Reads a JPEG file: see [`decode_jpeg`].
///
/// # Errors
/// If the file cannot be read or is not a whole JPEG picture of at most [`MAX_PIXELS`] pixels.
pub fn read_jpeg(path: &Path) -> Result<Image, DataError> {
    let bytes = files::read_regular(path)?;
    Ok(decode_jpeg(&path.display().to_string(), &bytes)?)
}

/// Reads the picture of a JPEG file from memory, baseline or progressive, grey or colour; `name` is what the errors call it.
/// A rotation that the file's EXIF block asks for is not made.
///
/// # Errors
/// If the bytes are not a whole JPEG picture of at most [`MAX_PIXELS`] pixels: see [`JpegProblem`]. JPEG has no checksums: bytes
/// that are changed and still a JPEG file are another picture.
pub fn decode_jpeg(name: &str, bytes: &[u8]) -> Result<Image, JpegError> {
    decode(bytes).map_err(|problem| FormatError { file: name.to_string(), problem })
}

fn decode(bytes: &[u8]) -> Result<Image, JpegProblem> {
    if !bytes.starts_with(b"\xff\xd8") {
        return Err(JpegProblem::NotJpeg);
    }
    if !has_end(bytes) {
        return Err(JpegProblem::Truncated);
    }
    // Strict: codes that there are none of are an error, where browsers show a picture that is half grey.
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(MAX_PIXELS)
        .set_max_height(MAX_PIXELS)
        .jpeg_set_max_scans(MAX_SCANS);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(damaged)?;
    let info = decoder.info().ok_or_else(|| JpegProblem::Damaged("it has no frame".to_string()))?;
    let (width, height) = (usize::from(info.width), usize::from(info.height));
    if width * height > MAX_PIXELS {
        return Err(JpegProblem::TooLarge { width, height });
    }
    if width * height > bytes.len().saturating_mul(JPEG_MAX_RATIO) {
        return Err(JpegProblem::Impossible { width, height, bytes: bytes.len() });
    }
    let (channels, colours) = match info.components {
        1 => (1, ColorSpace::Luma),
        3 => (3, ColorSpace::RGB),
        components => return Err(JpegProblem::Components { components }),
    };
    decoder.set_options(options.jpeg_set_out_colorspace(colours));
    let data = decoder.decode().map_err(damaged)?;
    if width * height == 0 || data.len() != width * height * channels {
        return Err(JpegProblem::Damaged(format!("{} samples for {width} × {height} pixels", data.len())));
    }
    Ok(Image { width, height, channels, data })
}

/// Whether the file's marks lead to that of its end, so that a file which was cut is noticed. A segment says how long it is;
/// the coded data after a start of scan end at the next `ff` that is neither stuffed (`ff 00`) nor a restart (`ff d0` to `ff d7`).
fn has_end(bytes: &[u8]) -> bool {
    let mut at = 2; // after the mark of the start
    while let Some(found) = bytes[at..].windows(2).position(|w| w[0] == 0xff && !matches!(w[1], 0 | 0xff | 0xd0..=0xd7))
    {
        at += found + 2;
        match (bytes[at - 1], bytes.get(at..at + 2)) {
            (0xd9, _) => return true,
            (0x01, _) => {} // the one other mark without a length
            (_, Some(&[high, low])) => at = (at + usize::from(u16::from_be_bytes([high, low]))).min(bytes.len()),
            _ => return false,
        }
    }
    false
}

fn damaged(error: DecodeErrors) -> JpegProblem {
    JpegProblem::Damaged(error.to_string().replace('"', ""))
}
