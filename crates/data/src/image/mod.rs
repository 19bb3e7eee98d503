//! Pictures: bytes with a width and a height, put together into larger ones.
//!
//! - [`Image`] and what makes a larger one of several: [`Image::paste`], [`hstack`], [`vstack`], [`Image::scale`];
//! - [`grid`]: a batch of a model's pictures as one, the layout of torchvision's `make_grid`;
//! - [`Image::resize`], [`Image::crop`], [`Image::to_grey`], [`Image::to_rgb`]: pictures made alike;
//! - [`read_png`], [`write_png`], [`encode_png`], [`decode_png`]: the border to PNG files;
//! - [`read_jpeg`], [`decode_jpeg`]: the border to JPEG files.

use glassbox_tensor::counted;

mod convert;
mod grid;
mod jpeg;
mod png;

pub use grid::{from_tensor, grid};
pub use jpeg::{JPEG_MAX_RATIO, JpegError, JpegProblem, decode_jpeg, read_jpeg};
pub use png::{MAX_PIXELS, PngError, PngProblem, decode_png, encode_png, read_png, write_png};

/// A picture of 8-bit samples: grey (1 channel) or red, green, blue (3 channels), row by row from the top
/// left, the channels of a pixel side by side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    width: usize,
    height: usize,
    channels: usize,
    data: Vec<u8>, // (height, width, channels)
}

impl Image {
    /// A picture of these samples, in the order (height, width, channels).
    ///
    /// # Panics
    /// If it has no pixel, if `channels` is neither 1 nor 3, or if `data` has another length than
    /// `width · height · channels`.
    #[track_caller]
    pub fn new(width: usize, height: usize, channels: usize, data: Vec<u8>) -> Image {
        check_size(width, height, channels);
        assert!(
            data.len() == width * height * channels,
            "Image::new: {width} × {height} × {channels} samples are {}, not {}",
            width * height * channels,
            data.len()
        );
        Image { width, height, channels, data }
    }

    /// A picture of one shade of grey: 0 is black, 255 white.
    ///
    /// # Panics
    /// If it has no pixel, or if `channels` is neither 1 nor 3.
    #[track_caller]
    pub fn filled(width: usize, height: usize, channels: usize, shade: u8) -> Image {
        check_size(width, height, channels);
        Image { width, height, channels, data: vec![shade; width * height * channels] }
    }

    /// Pixels in a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.height
    }

    /// 1 for grey, 3 for red, green, blue.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// The samples, in the order (height, width, channels).
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// The samples of the pixel in column `x` of row `y`: one, or red, green, blue.
    ///
    /// # Panics
    /// If the pixel lies outside the picture.
    #[track_caller]
    pub fn pixel(&self, x: usize, y: usize) -> &[u8] {
        assert!(
            x < self.width && y < self.height,
            "Image::pixel: ({x}, {y}) lies outside {} × {}",
            self.width,
            self.height
        );
        let start = (y * self.width + x) * self.channels;
        &self.data[start..start + self.channels]
    }

    /// The same picture with three channels.
    pub fn to_rgb(&self) -> Image {
        if self.channels == 3 {
            return self.clone();
        }
        let data = self.data.iter().flat_map(|&v| [v; 3]).collect();
        Image { channels: 3, data, ..*self }
    }

    /// Puts `other` over this picture, its top left corner at column `x` of row `y`.
    ///
    /// # Panics
    /// If `other` does not lie wholly inside, or has another number of channels.
    #[track_caller]
    pub fn paste(&mut self, other: &Image, x: usize, y: usize) {
        assert!(
            other.channels == self.channels,
            "Image::paste: {} over {}; to_rgb() makes 3 of 1",
            counted(other.channels, "channel"),
            self.channels
        );
        assert!(
            x + other.width <= self.width && y + other.height <= self.height,
            "Image::paste: {} × {} at ({x}, {y}) does not fit in {} × {}",
            other.width,
            other.height,
            self.width,
            self.height
        );
        let row = other.width * self.channels;
        for (i, from) in other.data.chunks_exact(row).enumerate() {
            let start = ((y + i) * self.width + x) * self.channels;
            self.data[start..start + row].copy_from_slice(from);
        }
    }

    /// The picture with every pixel made a square of `k × k`, so that single pixels can be seen.
    ///
    /// # Panics
    /// If `k` is 0.
    #[track_caller]
    pub fn scale(&self, k: usize) -> Image {
        assert!(k > 0, "Image::scale: k is 0; 1 leaves the picture as it is");
        let mut data = Vec::with_capacity(self.data.len() * k * k);
        for row in self.data.chunks_exact(self.width * self.channels) {
            let start = data.len();
            for pixel in row.chunks_exact(self.channels) {
                for _ in 0..k {
                    data.extend_from_slice(pixel);
                }
            }
            let wide = start..data.len();
            for _ in 1..k {
                data.extend_from_within(wide.clone());
            }
        }
        Image { width: self.width * k, height: self.height * k, channels: self.channels, data }
    }
}

/// The pictures side by side from left to right, their tops aligned, with `gap` pixels between them; gaps and
/// what is below a shorter picture have the shade `background`. If one has colours, the result has.
///
/// ```
/// use glassbox_data::image::{Image, hstack};
/// let (dark, light) = (Image::filled(2, 4, 1, 10), Image::filled(3, 1, 1, 200));
/// let both = hstack(&[dark, light], 1, 255);
/// assert_eq!((both.width(), both.height()), (6, 4));
/// assert_eq!([both.pixel(1, 0), both.pixel(2, 0), both.pixel(3, 0), both.pixel(3, 1)], [[10], [255], [200], [255]]);
/// ```
///
/// # Panics
/// If there are no pictures.
#[track_caller]
pub fn hstack(images: &[Image], gap: usize, background: u8) -> Image {
    assert!(!images.is_empty(), "hstack: no pictures");
    let width = images.iter().map(|i| i.width).sum::<usize>() + gap * (images.len() - 1);
    let height = images.iter().map(|i| i.height).max().unwrap_or(0);
    let mut out = Image::filled(width, height, common_channels(images), background);
    let mut x = 0;
    for image in images {
        out.paste_any(image, x, 0);
        x += image.width + gap;
    }
    out
}

/// The pictures from top to bottom, their left edges aligned, with `gap` pixels between them; otherwise as
/// [`hstack`].
///
/// # Panics
/// If there are no pictures.
#[track_caller]
pub fn vstack(images: &[Image], gap: usize, background: u8) -> Image {
    assert!(!images.is_empty(), "vstack: no pictures");
    let width = images.iter().map(|i| i.width).max().unwrap_or(0);
    let height = images.iter().map(|i| i.height).sum::<usize>() + gap * (images.len() - 1);
    let mut out = Image::filled(width, height, common_channels(images), background);
    let mut y = 0;
    for image in images {
        out.paste_any(image, 0, y);
        y += image.height + gap;
    }
    out
}

impl Image {
    /// [`Image::paste`], with grey widened for a picture of colours.
    fn paste_any(&mut self, other: &Image, x: usize, y: usize) {
        if other.channels < self.channels {
            self.paste(&other.to_rgb(), x, y);
        } else {
            self.paste(other, x, y);
        }
    }
}

fn common_channels(images: &[Image]) -> usize {
    images.iter().map(|i| i.channels).max().unwrap_or(1)
}

#[track_caller]
fn check_size(width: usize, height: usize, channels: usize) {
    assert!(width > 0 && height > 0, "Image: {width} × {height} has no pixel");
    assert!(channels == 1 || channels == 3, "Image: {channels} channels; 1 (grey) or 3 (RGB)");
}
