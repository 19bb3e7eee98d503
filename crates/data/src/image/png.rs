//! The border to PNG files.
//!
//! A PNG that is read may come from anyone. Its header's size is compared with a limit, and with what the
//! file's own bytes can unpack to, before any memory is reserved for the pixels.

use super::Image;
use crate::error::DataError;
use crate::files;
use crate::idx::DEFLATE_MAX_RATIO;
use glassbox_tensor::counted;
use png::{BitDepth, ColorType, DecodingError, Transformations};
use std::fmt;
use std::io::Cursor;
use std::path::Path;
use thiserror::Error;

/// The most pixels of a picture that is read: 2²⁶, such as 8192 × 8192.
pub const MAX_PIXELS: usize = 1 << 26;

/// A file that is not a whole PNG picture of a size that is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PngError {
    /// The file, or whatever name was given to the bytes.
    pub file: String,
    /// How many bytes of it were read when the problem was met.
    pub offset: u64,
    /// What is wrong.
    pub problem: PngProblem,
}

impl std::error::Error for PngError {}

impl fmt::Display for PngError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: at byte {}: {}", self.file, self.offset, self.problem)
    }
}

/// What is wrong with the bytes.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PngProblem {
    /// The eight bytes of PNG's signature are not there.
    #[error("not a PNG file; fetch it again, or save it as PNG")]
    NotPng,

    /// The file ends before the picture.
    #[error("the PNG file ends before its picture does; fetch it again")]
    Truncated,

    /// The picture is larger than any that is read.
    #[error("the header says {width} × {height} pixels, more than the {MAX_PIXELS} that are read")]
    TooLarge {
        /// Pixels in a row.
        width: u32,
        /// Rows.
        height: u32,
    },

    /// The picture is larger than the file can hold.
    #[error("the header says {width} × {height} pixels, which a file of {bytes} cannot hold; fetch it again", bytes = counted(*bytes, "byte"))]
    Impossible {
        /// Pixels in a row.
        width: u32,
        /// Rows.
        height: u32,
        /// The size of the file.
        bytes: usize,
    },

    /// Something in the file contradicts the format or a checksum.
    #[error("the PNG file is damaged ({0}); fetch it again")]
    Damaged(String),
}

/// Reads a PNG file: see [`decode_png`].
///
/// # Errors
/// If the file cannot be read or is not a whole PNG picture of at most [`MAX_PIXELS`] pixels.
pub fn read_png(path: &Path) -> Result<Image, DataError> {
    let bytes = files::read_regular(path)?;
    Ok(decode_png(&path.display().to_string(), &bytes)?)
}

/// Writes a picture as a PNG file, which appears whole or not at all.
///
/// # Errors
/// If the file cannot be written.
pub fn write_png(path: &Path, image: &Image) -> Result<(), DataError> {
    files::write_atomically(path, &encode_png(image))
}

/// The PNG file of a picture. The same picture always gives the same bytes.
///
/// ```
/// use glassbox_data::image::{Image, decode_png, encode_png};
/// let image = Image::new(2, 1, 3, vec![255, 0, 0, 0, 0, 255]);
/// assert_eq!(decode_png("red and blue", &encode_png(&image))?, image);
/// # Ok::<(), glassbox_data::image::PngError>(())
/// ```
///
/// # Panics
/// If a side is longer than PNG can say (2³¹ − 1 pixels).
pub fn encode_png(image: &Image) -> Vec<u8> {
    let side = |n: usize| u32::try_from(n).expect("a side of a picture fits in 31 bits");
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, side(image.width), side(image.height));
    encoder.set_color(if image.channels == 3 { ColorType::Rgb } else { ColorType::Grayscale });
    encoder.set_depth(BitDepth::Eight);
    encoder.set_compression(png::Compression::Balanced);
    encoder
        .write_header()
        .and_then(|mut w| {
            w.write_image_data(&image.data)?;
            w.finish()
        })
        .expect("a picture of checked size can be written to a Vec");
    out
}

/// Reads the picture of a PNG file from memory; `name` is what the errors call it.
///
/// Every kind of PNG becomes 8-bit grey or RGB: palettes are looked up, 16 bits keep their upper 8, and
/// transparent pictures are laid on white. Of an animation the first frame is read.
///
/// # Errors
/// If the bytes are not a whole PNG picture of at most [`MAX_PIXELS`] pixels: see [`PngProblem`].
pub fn decode_png(name: &str, bytes: &[u8]) -> Result<Image, PngError> {
    let mut cursor = Cursor::new(bytes);
    decode(&mut cursor).map_err(|problem| {
        let offset = cursor.position().min(bytes.len() as u64);
        PngError { file: name.to_string(), offset, problem }
    })
}

fn decode(cursor: &mut Cursor<&[u8]>) -> Result<Image, PngProblem> {
    let bytes = *cursor.get_ref();
    const SIGNATURE: [u8; 8] = *b"\x89PNG\r\n\x1a\n";
    if !bytes.starts_with(&SIGNATURE) {
        let cut = SIGNATURE.starts_with(bytes) && !bytes.is_empty();
        return Err(if cut { PngProblem::Truncated } else { PngProblem::NotPng });
    }
    // Room for one row of MAX_PIXELS; texts and colour profiles, which may unpack to anything, are skipped.
    let mut decoder = png::Decoder::new_with_limits(cursor, png::Limits { bytes: 8 * MAX_PIXELS });
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    let info = decoder.read_header_info().map_err(problem)?;
    let (width, height) = (info.width, info.height);
    if u64::from(width) * u64::from(height) > MAX_PIXELS as u64 {
        return Err(PngProblem::TooLarge { width, height });
    }
    if info.raw_bytes() > bytes.len().saturating_mul(DEFLATE_MAX_RATIO) {
        return Err(PngProblem::Impossible { width, height, bytes: bytes.len() });
    }
    let mut reader = decoder.read_info().map_err(problem)?;
    let (width, height) = (width as usize, height as usize);
    let (color, _) = reader.output_color_type(); // after EXPAND and STRIP_16: 8 bits, no palette
    let samples = color.samples();
    let mut data = vec![0; width * height * samples];
    reader.next_frame(&mut data).map_err(problem)?;
    reader.finish().map_err(problem)?; // up to the end mark, so that a cut file is noticed
    if matches!(color, ColorType::GrayscaleAlpha | ColorType::Rgba) {
        data = on_white(&data, samples);
    }
    let channels = if samples >= 3 { 3 } else { 1 };
    Ok(Image { width, height, channels, data })
}

/// Drops the last sample of each pixel, its opacity `a`, and lays the pixel on white:
/// `a · v + (1 − a) · 255`, rounded.
fn on_white(data: &[u8], samples: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(data.len() / samples * (samples - 1));
    for pixel in data.chunks_exact(samples) {
        let a = u32::from(pixel[samples - 1]);
        for &v in &pixel[..samples - 1] {
            out.push(((a * u32::from(v) + (255 - a) * 255 + 127) / 255) as u8);
        }
    }
    out
}

fn problem(error: DecodingError) -> PngProblem {
    match error {
        // The bytes are in memory, so the only failure of reading is to come to their end.
        DecodingError::IoError(_) => PngProblem::Truncated,
        other => PngProblem::Damaged(other.to_string()),
    }
}
