//! How a convolution is cut: into products for each pair of phases, into bands of outputs that a task computes, and a
//! band's outputs into the panels of B. No bits depend on any of it.

use super::correlate::Correlation;
use super::window::Phase;
use crate::gemm::{Panels, TileShape, k_blocks};
use crate::list::List;
use std::ops::Range;

/// Floats of the padded copy at most: 256 KiB, which are as many pages as a processor keeps addresses of beside others.
pub(super) const COPY: usize = 64 << 10;
/// Outputs of a row in a band, where a single row is too long.
const RUN: usize = 1024;
/// Rows of a tile from which its additions hide each other's latency.
const LEAST_SUMS: usize = 4;
/// What turning a tile costs, in multiply-adds for each output.
const TURN_COST: usize = 8;
/// What packing a pixel of a channel costs, in multiply-adds. Measured: 2 to 4.
const PACK_COST: usize = 4;
/// Multiply-adds in a task at least.
const TASK_WORK: usize = 1 << 20;
/// Tasks that a convolution is cut into, where each of them is still `TASK_WORK`.
const TASKS: usize = 16;

/// What the lanes of a vector are: outputs side by side in a row of y, or channels of one output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lanes {
    Pixels,
    Channels,
}

impl Lanes {
    /// Those of which fewer are computed for nothing: of 28 outputs in a row 4 of 32 lanes, of 64 channels none. A row that fills
    /// its vectors is read as it lies and stored as it is.
    pub fn best(problem: &Correlation<'_>, shape: TileShape) -> Lanes {
        let Correlation { rows, channels, ref phases, .. } = *problem;
        let (mut of_pixels, mut of_channels) = (0, 0);
        for (y, x) in phases[0].iter().flat_map(|y| phases[1].iter().map(move |x| (y, x))) {
            let (k, [height, width]) = (channels * problem.seen(y, x).len(), [y.axis.out, x.axis.out]);
            // A product packs the pixels, which channels take as they lie, unless a tile meets too many pages of memory.
            let one_tap = phases.iter().all(|phases| phases.len() == 1) && k == channels;
            if one_tap && k * height * width > COPY {
                return Lanes::Pixels;
            }
            let lanes: usize = panels([height, width], 0, shape).iter().map(|p| shape.panel_width(p.cols)).sum();
            // Few rows wait for their own additions.
            of_pixels += k * lanes * (rows.max(LEAST_SUMS) + if one_tap { PACK_COST } else { 0 });
            let lanes = height * width * channel_lanes(rows, shape);
            // A low tile waits for its weights.
            let low = if height * width < shape.mr / 2 { 4 } else { 1 };
            of_channels += lanes * (k + TURN_COST * k_blocks(k).count()) * low;
        }
        if of_channels < of_pixels { Lanes::Channels } else { Lanes::Pixels }
    }
}

/// Lanes of the panels of so many channels.
pub(super) fn channel_lanes(rows: usize, shape: TileShape) -> usize {
    let whole = rows - rows % shape.nr;
    whole + if rows > whole { shape.panel_width(rows - whole) } else { 0 }
}

/// One phase of the rows with one of the columns: a product of its own.
pub(super) struct View<'a> {
    /// Their numbers.
    pub at: [usize; 2],
    pub rows: &'a Phase,
    pub cols: &'a Phase,
    /// Which of its taps are used, counted row by row: the first or the last ones.
    pub seen: Range<usize>,
    pub k: usize,
    /// Where its packed weights begin.
    pub packed: usize,
}

impl<'a> View<'a> {
    /// All of them, and how many floats their packed weights have, with `height` rows in a group.
    pub fn all(problem: &'a Correlation<'_>, height: usize) -> (Vec<View<'a>>, usize) {
        let mut packed = 0;
        let mut views = Vec::new();
        for (i, rows) in problem.phases[0].iter().enumerate() {
            for (j, cols) in problem.phases[1].iter().enumerate() {
                let seen = problem.seen(rows, cols);
                let k = problem.channels * seen.len();
                views.push(View { at: [i, j], rows, cols, seen, k, packed });
                packed += problem.groups * height * k;
            }
        }
        (views, packed)
    }

    pub fn taps(&self) -> usize {
        self.seen.len()
    }

    /// The channels that a block of k reads.
    pub fn channels(&self, block: &Range<usize>) -> Range<usize> {
        let taps = self.taps().max(1);
        block.start / taps..block.end.div_ceil(taps)
    }

    /// Channels of a block at most.
    pub fn most_channels(&self) -> usize {
        k_blocks(self.k).map(|block| self.channels(&block).len()).max().unwrap_or(0)
    }
}

/// Bands of all images and groups. A unit is one of them, in all phases.
pub(super) struct Cut {
    groups: usize,
    /// Rows and columns of outputs in a band, in each phase.
    band: [usize; 2],
    /// Bands below and beside each other.
    bands: [usize; 2],
    pub units: usize,
    /// Units in a task.
    pub together: usize,
}

impl Cut {
    pub fn new(problem: &Correlation<'_>, views: &[View<'_>], parallel: bool) -> Cut {
        let out = problem.phases.each_ref().map(|phases| phases.iter().map(|p| p.axis.out).max().unwrap_or(0));
        let channels = views.iter().map(View::most_channels).max().unwrap_or(0);
        let copy = |rows: usize, cols: usize| channels * problem.layout(&(0..rows), &(0..cols), false).plane();
        let (mut rows, mut cols) = (out[0], out[1]);
        while rows > 1 && copy(rows, cols) > COPY {
            rows = rows.div_ceil(2);
        }
        // Parts of a row only where one row is too long: the columns of C must stay neighbours.
        if rows == 1 && copy(1, cols) > COPY {
            cols = cols.min(RUN);
        }
        let row_work: usize = views.iter().map(|view| problem.rows * view.k * cols).sum();
        let all = problem.images * problem.groups;
        if parallel {
            let enough = (all * out[0] * out[1].div_ceil(cols)).div_ceil(TASKS);
            rows = rows.min(enough.max(TASK_WORK.div_ceil(row_work.max(1))));
        }
        let bands = [out[0].div_ceil(rows), out[1].div_ceil(cols)];
        let rows = out[0].div_ceil(bands[0]);
        let units = all * bands[0] * bands[1];
        let together = (TASK_WORK / (row_work * rows).max(1)).min(units.div_ceil(4 * TASKS)).max(1);
        Cut { groups: problem.groups, band: [rows, cols], bands, units, together }
    }

    pub fn tasks(&self) -> usize {
        self.units.div_ceil(self.together)
    }

    /// The image and the group of a unit, and its rows and columns (which some phases have not all of).
    pub fn unit(&self, unit: usize) -> (usize, usize, [Range<usize>; 2]) {
        let (bx, rest) = (unit % self.bands[1], unit / self.bands[1]);
        let (by, rest) = (rest % self.bands[0], rest / self.bands[0]);
        let (group, at) = (rest % self.groups, rest / self.groups);
        let range = |at: usize, size: usize| at * size..(at + 1) * size;
        (at, group, [range(by, self.band[0]), range(bx, self.band[1])])
    }

    /// Whether a unit is a whole image.
    pub fn whole(&self) -> bool {
        self.bands == [1, 1]
    }
}

/// A panel of B: neighbouring outputs of a band.
pub(super) struct Panel {
    /// The first of them in the copy, and from a vector to the next.
    pub from: usize,
    pub gap: usize,
    /// The first column of it in the band.
    pub to: usize,
    pub cols: usize,
}

/// A tile of neighbouring outputs of a band, for a channel in each lane: some of one row, or two whole rows.
pub(super) struct Strip {
    /// The first of them in the copy.
    pub from: usize,
    /// The first of them in the band.
    pub to: usize,
    pub rows: usize,
    /// In each row.
    pub pixels: usize,
}

/// The tiles of a band of outputs: two short rows, or a row in even parts.
pub(super) fn strips([height, width]: [usize; 2], pitch: usize, shape: TileShape) -> List<Strip> {
    let mut strips = List::new();
    let parts = Panels::balanced(width, shape.mr);
    let at_once = if 2 * width <= shape.mr { 2 } else { 1 };
    for y in (0..height).step_by(at_once) {
        for x in (0..parts.count).map(|p| parts.range(p)) {
            let (from, to) = (y * pitch + x.start, y * width + x.start);
            strips.push(Strip { from, to, rows: at_once.min(height - y), pixels: x.len() });
        }
    }
    strips
}

/// The panels of a band of outputs, read where the copy has them.
pub(super) fn panels([height, width]: [usize; 2], pitch: usize, shape: TileShape) -> List<Panel> {
    let TileShape { nr, nv, .. } = shape;
    let lanes = nr / nv;
    let mut panels = List::new();
    if width == lanes && nv == 2 {
        for y in (0..height).step_by(2) {
            panels.push(Panel { from: y * pitch, gap: pitch, to: y * width, cols: width * (height - y).min(2) });
        }
        return panels;
    }
    for y in 0..height {
        for x in (0..width).step_by(nr) {
            panels.push(Panel { from: y * pitch + x, gap: lanes, to: y * width + x, cols: nr.min(width - x) });
        }
    }
    panels
}

impl Panel {
    /// How far beyond a place in the copy a tile reads.
    pub fn reach(&self, shape: TileShape) -> usize {
        let lanes = shape.nr / shape.nv;
        self.from + self.gap * (shape.panel_width(self.cols) / lanes - 1) + lanes
    }
}
