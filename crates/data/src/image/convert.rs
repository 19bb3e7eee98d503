//! Pictures of another size or other colours.

use super::Image;
use crate::spec::{Colour, Fit, Look};

impl Image {
    /// The same picture in grey: the luma of ITU-R BT.601, rounded, in the integers of Pillow's `convert("L")`:
    ///
    /// ```text
    /// Y = (19595·R + 38470·G + 7471·B + 32768) / 65536        0.299, 0.587 and 0.114 times 2¹⁶
    /// ```
    pub fn to_grey(&self) -> Image {
        if self.channels == 1 {
            return self.clone();
        }
        let luma = |p: &[u8]| {
            let [r, g, b] = [p[0], p[1], p[2]].map(u32::from);
            ((19595 * r + 38470 * g + 7471 * b + 32768) >> 16) as u8
        };
        Image { channels: 1, data: self.data.chunks_exact(3).map(luma).collect(), ..*self }
    }

    /// The part of the picture with its top left corner at column `x` of row `y`.
    ///
    /// # Panics
    /// If it has no pixel or doesn't lie wholly inside.
    #[track_caller]
    pub fn crop(&self, x: usize, y: usize, width: usize, height: usize) -> Image {
        assert!(
            width > 0 && height > 0 && x + width <= self.width && y + height <= self.height,
            "Image::crop: {width} × {height} at ({x}, {y}) is no part of {} × {}",
            self.width,
            self.height
        );
        let c = self.channels;
        let rows = self.data.chunks_exact(self.width * c).skip(y).take(height);
        let data = rows.flat_map(|row| &row[x * c..(x + width) * c]).copied().collect();
        Image { width, height, channels: c, data }
    }

    /// The picture scaled to this size, by a triangle: an output pixel is a weighted mean of the input around its place,
    ///
    /// ```text
    /// s = max(1, input side / output side)            centre = (i + ½) · input side / output side
    /// weight of input pixel j = max(0, 1 − |j + ½ − centre| / s)
    /// ```
    ///
    /// over rows and then over columns. It interpolates linearly where a picture grows, and averages over all that it
    /// shrinks, so that nothing is skipped. These are the weights of Pillow's `BILINEAR`.
    ///
    /// Source: <https://github.com/python-pillow/Pillow/blob/main/src/libImaging/Resample.c>.
    ///
    /// # Panics
    /// If a side is 0.
    #[track_caller]
    pub fn resize(&self, width: usize, height: usize) -> Image {
        assert!(width > 0 && height > 0, "Image::resize: {width} × {height} has no pixel");
        if (width, height) == (self.width, self.height) {
            return self.clone();
        }
        let c = self.channels;
        let columns = weights(self.width, width);
        let mut wide = Vec::with_capacity(self.height * width * c); // (input height, output width, channels)
        for row in self.data.chunks_exact(self.width * c) {
            for (start, weights) in &columns {
                for channel in 0..c {
                    let inputs = row[start * c + channel..].iter().step_by(c);
                    wide.push(inputs.zip(weights).map(|(&v, w)| f32::from(v) * w).sum::<f32>());
                }
            }
        }
        let mut data = Vec::with_capacity(width * height * c);
        let mut sums = vec![0.0f32; width * c];
        for (start, weights) in &weights(self.height, height) {
            sums.fill(0.5); // rounds
            for (row, w) in wide[start * width * c..].chunks_exact(width * c).zip(weights) {
                sums.iter_mut().zip(row).for_each(|(sum, v)| *sum += w * v);
            }
            data.extend(sums.iter().map(|&v| v as u8)); // `as` cuts off and stays in 0..255
        }
        Image { width, height, channels: c, data }
    }

    /// As a data set is wanted to look; size before colour, which costs least.
    pub(crate) fn seen_as(&self, look: &Look) -> Image {
        let mut image = match look.size {
            None => self.clone(),
            Some((w, h)) if look.fit == Fit::Stretch => self.resize(w, h),
            Some((w, h)) => self.middle(w, h).resize(w, h),
        };
        image = match look.colour {
            None => image,
            Some(Colour::Grey) => image.to_grey(),
            Some(Colour::Rgb) => image.to_rgb(),
        };
        image
    }

    /// The largest part in the middle with sides in the ratio w : h.
    fn middle(&self, w: usize, h: usize) -> Image {
        let width = (self.height * w / h).clamp(1, self.width);
        let height = (self.width * h / w).clamp(1, self.height);
        self.crop((self.width - width) / 2, (self.height - height) / 2, width, height)
    }

    /// The samples in the order (channels, height, width), as a model takes them.
    pub fn planes(&self) -> Vec<u8> {
        (0..self.channels).flat_map(|c| self.data[c..].iter().step_by(self.channels).copied()).collect()
    }

    /// The picture of samples in the order (channels, height, width).
    ///
    /// # Panics
    /// As [`Image::new`].
    #[track_caller]
    pub fn from_planes(width: usize, height: usize, channels: usize, planes: &[u8]) -> Image {
        let plane = width * height;
        let data = (0..planes.len()).map(|i| planes[i % channels * plane + i / channels]).collect();
        Image::new(width, height, channels, data)
    }
}

/// For each output pixel the first input pixel that it is made of, and the weights of it and those after, which sum to 1.
fn weights(input: usize, output: usize) -> Vec<(usize, Vec<f32>)> {
    let scale = input as f64 / output as f64;
    let support = scale.max(1.0);
    (0..output)
        .map(|i| {
            let centre = (i as f64 + 0.5) * scale;
            let start = (centre - support + 0.5).max(0.0) as usize;
            let end = ((centre + support + 0.5) as usize).min(input).max(start + 1);
            let triangle = |j: usize| (1.0 - (j as f64 + 0.5 - centre).abs() / support).max(0.0);
            let sum: f64 = (start..end).map(triangle).sum();
            (start, (start..end).map(|j| (triangle(j) / sum) as f32).collect())
        })
        .collect()
}
