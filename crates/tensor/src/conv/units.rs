//! How the gradient of the weights is cut: its depth into units of positions, its columns into panels.

use crate::gemm::{Panels, block_depth};
use std::ops::Range;

/// Positions in a unit at most.
const DEPTH: usize = 512;

/// Consecutive positions: all of some images, some rows of one, or some columns of one row.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Unit {
    pub images: Range<usize>,
    pub y: Range<usize>,
    pub x: Range<usize>,
}

impl Unit {
    /// Positions in one image.
    pub fn each(&self) -> usize {
        self.y.len() * self.x.len()
    }

    pub fn depth(&self) -> usize {
        self.images.len() * self.each()
    }
}

/// The units, by number.
pub(super) struct Units {
    pub images: usize,
    /// Outputs down and across.
    pub out: [usize; 2],
    /// Images, rows and columns in a unit.
    pub size: [usize; 3],
    pub count: usize,
}

impl Units {
    pub fn new(images: usize, out: [usize; 2]) -> Units {
        let [height, width] = out;
        let even = |total: usize, most: usize| total.div_ceil(total.div_ceil(most.max(1)));
        let size = if width > DEPTH {
            [1, 1, block_depth(width)]
        } else if height * width > DEPTH {
            [1, even(height, DEPTH / width), width]
        } else {
            [even(images, DEPTH / (height * width)), height, width]
        };
        let count = images.div_ceil(size[0]) * height.div_ceil(size[1]) * width.div_ceil(size[2]);
        Units { images, out, size, count }
    }

    pub fn get(&self, u: usize) -> Unit {
        let ([height, width], [n, y, x]) = (self.out, self.size);
        let (across, down) = (width.div_ceil(x), height.div_ceil(y));
        let range = |at: usize, size: usize, total: usize| at * size..total.min((at + 1) * size);
        Unit {
            images: range(u / across / down, n, self.images),
            y: range(u / across % down, y, height),
            x: range(u % across, x, width),
        }
    }
}

/// The columns of windowsᵀ, in panels: of one tap and some channels, or of all taps and channels in order.
#[derive(Clone, Copy)]
pub(super) struct Columns {
    pub by_channels: bool,
    /// Of the kernel, those that are used.
    pub taps: usize,
    /// All of the kernel.
    pub kernel: usize,
    /// Channels, or all taps of all channels.
    pub panels: Panels,
}

impl Columns {
    pub fn count(&self) -> usize {
        if self.by_channels { self.panels.count * self.taps } else { self.panels.count }
    }

    /// Where column `l` of panel `b` stands in a row of dW.
    pub fn place(&self, b: usize, l: usize) -> usize {
        if self.by_channels {
            (self.panels.start(b / self.taps) + l) * self.kernel + b % self.taps
        } else {
            let at = self.panels.start(b) + l;
            at / self.taps * self.kernel + at % self.taps
        }
    }

    pub fn cols(&self, b: usize) -> usize {
        if self.by_channels { self.panels.range(b / self.taps).len() } else { self.panels.range(b).len() }
    }
}

/// The `part`-th of `parts` shares of `count`.
pub(super) fn share(count: usize, parts: usize, part: usize) -> Range<usize> {
    part * count / parts..(part + 1) * count / parts
}
