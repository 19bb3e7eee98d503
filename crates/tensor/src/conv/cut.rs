//! How a convolution is cut: into products for each pair of phases, into bands of outputs that a task computes, and a
//! band's outputs into the panels of B. No bits depend on any of it.

use super::correlate::Correlation;
use super::window::Phase;
use crate::gemm::{TileShape, k_blocks};
use crate::list::List;
use std::ops::Range;

/// Floats of the padded copy at most: 384 KiB of the second-level cache.
pub(super) const COPY: usize = 96 << 10;
/// Outputs of a row in a band, where a single row is too long.
const RUN: usize = 1024;
/// What packing a float of a panel costs, in multiply-adds of one row. Measured: 2 to 4.
const PACK_COST: usize = 4;
/// Multiply-adds in a task at least.
const TASK_WORK: usize = 1 << 20;
/// Units at least that images which share panels are cut into.
const LEAST_UNITS: usize = 8;
/// Tasks that a convolution is cut into, where each of them is still `TASK_WORK`.
const TASKS: usize = 16;

/// One phase of the rows with one of the columns: a product of its own.
pub(super) struct View<'a> {
    /// Their numbers.
    pub at: [usize; 2],
    pub rows: &'a Phase,
    pub cols: &'a Phase,
    pub k: usize,
    /// Where its packed weights begin.
    pub packed: usize,
}

impl<'a> View<'a> {
    /// All of them, and how many floats their packed weights have.
    pub fn all(problem: &'a Correlation<'_>) -> (Vec<View<'a>>, usize) {
        let mut packed = 0;
        let mut views = Vec::new();
        for (i, rows) in problem.phases[0].iter().enumerate() {
            for (j, cols) in problem.phases[1].iter().enumerate() {
                let k = problem.channels * rows.axis.taps * cols.axis.taps;
                views.push(View { at: [i, j], rows, cols, k, packed });
                packed += problem.groups * problem.rows * k;
            }
        }
        (views, packed)
    }

    pub fn taps(&self) -> usize {
        self.rows.axis.taps * self.cols.axis.taps
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

/// Bands of all images and groups. A unit is one of them, in all phases; or some small images, whole.
pub(super) struct Cut {
    images: usize,
    groups: usize,
    /// Images in a unit at most.
    each: usize,
    /// Rows and columns of outputs in a band, in each phase.
    band: [usize; 2],
    /// Bands below and beside each other.
    bands: [usize; 2],
    pub units: usize,
    /// Units in a task.
    pub together: usize,
}

impl Cut {
    pub fn new(problem: &Correlation<'_>, views: &[View<'_>], shape: TileShape, parallel: bool) -> Cut {
        let out = problem.phases.each_ref().map(|phases| phases.iter().map(|p| p.axis.out).max().unwrap_or(0));
        let channels = views.iter().map(View::most_channels).max().unwrap_or(0);
        let copy = |rows: usize, cols: usize| channels * problem.layout(&(0..rows), &(0..cols)).plane();
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
        let whole = problem.channels * problem.layout(&(0..rows), &(0..cols)).plane();
        let each = if bands == [1, 1] { images_at_once(problem, views, shape, whole) } else { 1 };
        let units = problem.images.div_ceil(each) * problem.groups * bands[0] * bands[1];
        let together = (TASK_WORK / (row_work * rows * each).max(1)).min(units.div_ceil(4 * TASKS)).max(1);
        Cut { images: problem.images, groups: problem.groups, each, band: [rows, cols], bands, units, together }
    }

    pub fn tasks(&self) -> usize {
        self.units.div_ceil(self.together)
    }

    /// The images and the group of a unit, and its rows and columns (which some phases have not all of).
    pub fn unit(&self, unit: usize) -> (Range<usize>, usize, [Range<usize>; 2]) {
        let (bx, rest) = (unit % self.bands[1], unit / self.bands[1]);
        let (by, rest) = (rest % self.bands[0], rest / self.bands[0]);
        let (group, at) = (rest % self.groups, rest / self.groups);
        let range = |at: usize, size: usize| at * size..(at + 1) * size;
        let images = at * self.each..self.images.min((at + 1) * self.each);
        (images, group, [range(by, self.band[0]), range(bx, self.band[1])])
    }

    /// Whether a unit is a whole image.
    pub fn whole(&self) -> bool {
        self.bands == [1, 1]
    }
}

/// How many images share their panels: of 7 × 7 outputs, 15 of the 64 lanes of two panels belong to nobody, and of four such
/// images 12 of 208. Their outputs then go through a buffer.
fn images_at_once(problem: &Correlation<'_>, views: &[View<'_>], shape: TileShape, copy: usize) -> usize {
    let most = (COPY / copy.max(1)).min(problem.images.div_ceil(LEAST_UNITS));
    let cost = |each: usize| {
        let of = |view: &View<'_>| {
            let out = [view.rows.axis.out, view.cols.axis.out];
            // A float of the buffer is written and read; it costs as much as to pack one, for each block of k.
            let buffer = if each > 1 { each * out[0] * out[1] * problem.rows * PACK_COST } else { 0 };
            Columns::new(each, out, problem.rows, [0, 0], shape).cost(problem.rows, shape) * view.k + buffer
        };
        views.iter().map(of).sum::<usize>() as f64 / each as f64
    };
    // Fewer are better, unless more are cheaper by a hundredth.
    (2..=most).fold((1, cost(1)), |best, each| if cost(each) < 0.99 * best.1 { (each, cost(each)) } else { best }).0
}

/// A panel of B: neighbouring outputs of a band.
pub(super) struct Panel {
    /// The first of them in the copy, where it is read in place, and from a vector to the next.
    pub from: usize,
    pub gap: usize,
    /// The first column in the band.
    pub to: usize,
    pub cols: usize,
}

/// The panels of a band of outputs.
#[derive(Default)]
pub(super) struct Columns {
    pub in_place: bool,
    pub panels: List<Panel>,
}

impl Columns {
    /// For a band of `height` × `width` outputs of each of some images, and weights of `rows` rows; in the copy, a row is `pitch`
    /// behind the other and an image `plane`. Read where the copy has them, panels cost nothing but waste the lanes beyond a row's
    /// end; packed, they stand side by side. Whichever is cheaper.
    pub fn new(
        images: usize,
        [height, width]: [usize; 2],
        rows: usize,
        [pitch, image]: [usize; 2],
        shape: TileShape,
    ) -> Columns {
        let TileShape { nr, nv, .. } = shape;
        let lanes = nr / nv;
        let mut in_place = List::new();
        for n in 0..images {
            let (from, to) = (n * image, n * height * width);
            if width == lanes && nv == 2 {
                for y in (0..height).step_by(2) {
                    let cols = width * (height - y).min(2);
                    in_place.push(Panel { from: from + y * pitch, gap: pitch, to: to + y * width, cols });
                }
            } else {
                for y in 0..height {
                    for x in (0..width).step_by(nr) {
                        let cols = nr.min(width - x);
                        in_place.push(Panel { from: from + y * pitch + x, gap: lanes, to: to + y * width + x, cols });
                    }
                }
            }
        }
        let all = images * height * width;
        let packed: List<Panel> =
            (0..all).step_by(nr).map(|to| Panel { from: 0, gap: lanes, to, cols: nr.min(all - to) }).collect();
        let [in_place, packed] =
            [(true, in_place), (false, packed)].map(|(in_place, panels)| Columns { in_place, panels });
        if in_place.cost(rows, shape) <= packed.cost(rows, shape) { in_place } else { packed }
    }

    /// What a step of k costs, in multiply-adds of one row's lanes.
    pub fn cost(&self, rows: usize, shape: TileShape) -> usize {
        let lanes = self.panels.iter().map(|p| shape.panel_width(p.cols)).sum::<usize>();
        let rows = rows.max(PACK_COST); // fewer of them wait for their own additions
        lanes * if self.in_place { rows } else { rows + PACK_COST }
    }

    /// How far beyond a place in the copy a tile reads.
    pub fn reach(&self, shape: TileShape) -> usize {
        let lanes = shape.nr / shape.nv;
        let end = |p: &Panel| p.from + p.gap * (shape.panel_width(p.cols) / lanes - 1) + lanes;
        if self.in_place { self.panels.iter().map(end).max().unwrap_or(0) } else { 0 }
    }
}
