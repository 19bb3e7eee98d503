//! y = W ⋆ x for every image and group: an implicit GEMM. A is the weights, row m and column k = (c, i, j); B is the image
//! seen through the window, whose element (k, p) is what tap k of output p reads. B is never stored: its vectors are read
//! from a padded copy of a few channels, one copy for all taps.
//!
//! The order of the additions is [`gemm`](crate::gemm)'s, so its bound holds, and a 1 × 1 convolution has the bits of a product.

use super::window::{Layout, Move, Phase, SLACK, moves, pack_moves};
use crate::gemm::{
    MatRef, Panels, SharedMut, Source, Through, Tile, TileShape, in_phases, k_blocks, pack_panel, serial_threshold,
    tile_fn, with_scratch,
};
use crate::simd::{Isa, Kernel, Simd};
use std::ops::Range;

/// Floats of the padded copy at most: 384 KiB of the second-level cache.
const COPY: usize = 96 << 10;
/// Outputs of a row in a band, where a single row is too long.
const RUN: usize = 1024;
/// Rows of the weights that are used while they lie in the second-level cache: 112 × 512 floats are 224 KiB.
const GROUP_ROWS: usize = 112;
/// Panels that are packed at once where the weights have more rows than that.
const STRIP: usize = 8;
/// What packing a float of a panel costs, in multiply-adds of one row. Measured: 2 to 4.
const PACK_COST: usize = 4;
/// Multiply-adds in a task at least.
const TASK_WORK: usize = 1 << 20;
/// Tasks that a product is cut into, where each of them is still `TASK_WORK`.
const TASKS: usize = 16;
/// Floats of weights to pack in a task at least.
const PACK_TASK: usize = 1 << 15;

/// The weights as A: element (m, (c, i, j)) of group g is `data[g·group + m·row + c·channel + i·width + j]`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weights<'a> {
    pub data: &'a [f32],
    pub group: usize,
    pub row: usize,
    pub channel: usize,
    /// Columns of the kernel.
    pub width: usize,
}

/// One convolution, of stride 1 or more, or transposed.
#[derive(Clone, Debug)]
pub(super) struct Correlation<'a> {
    pub images: usize,
    pub groups: usize,
    /// Channels of y in a group: M.
    pub rows: usize,
    /// Channels of x in a group.
    pub channels: usize,
    /// For the two axes of an image.
    pub phases: [Vec<Phase>; 2],
    /// Height and width of y.
    pub out: [usize; 2],
    /// (images, groups·channels, height, width).
    pub x: &'a [f32],
    pub weights: Weights<'a>,
    /// One number for each of the groups·rows channels of y.
    pub bias: Option<&'a [f32]>,
}

/// Fills y, (images, groups·rows, height, width).
pub(super) fn correlate(isa: Isa, problem: &Correlation<'_>, y: &mut [f32]) {
    let Correlation { images, groups, rows, .. } = *problem;
    assert!(y.len() == images * groups * rows * problem.out[0] * problem.out[1], "correlate: y has another size");
    if y.is_empty() {
        return;
    }
    let kernel = problem.phases.each_ref().map(|phases| phases.iter().map(|p| p.axis.taps).max().unwrap_or(0));
    let k = problem.channels * kernel[0] * kernel[1];
    // A single row waits for memory.
    let work = y.len().saturating_mul(k).saturating_mul(if rows == 1 { 8 } else { 1 });
    let parallel = work >= serial_threshold() && rayon::current_num_threads() > 1;
    isa.dispatch(Run { problem, parallel, y: SharedMut(y.as_mut_ptr()) });
}

struct Run<'a> {
    problem: &'a Correlation<'a>,
    parallel: bool,
    y: SharedMut,
}

/// One phase of the rows with one of the columns: a product of its own.
struct View<'a> {
    rows: &'a Phase,
    cols: &'a Phase,
    k: usize,
    /// Where its packed weights begin.
    packed: usize,
}

impl View<'_> {
    fn taps(&self) -> usize {
        self.rows.axis.taps * self.cols.axis.taps
    }

    /// The channels that a block of k reads.
    fn channels(&self, block: &Range<usize>) -> Range<usize> {
        let taps = self.taps().max(1);
        block.start / taps..block.end.div_ceil(taps)
    }
}

impl Kernel for Run<'_> {
    type Out = ();
    fn run<S: Simd>(self, s: S) {
        let Run { problem, parallel, y } = self;
        let mut packed = 0;
        let mut views = Vec::new();
        for rows in &problem.phases[0] {
            for cols in &problem.phases[1] {
                let k = problem.channels * rows.axis.taps * cols.axis.taps;
                views.push(View { rows, cols, k, packed });
                packed += problem.groups * problem.rows * k;
            }
        }
        let shape = const { TileShape::of(S::ISA, S::LANES) };
        let panels = Panels::balanced(problem.rows, shape.mr);
        with_scratch(packed, |packed| {
            let packed = SharedMut(packed.as_mut_ptr());
            let cut = Cut::new(problem, &views, parallel);
            let job = Job { s, shape, problem, views, panels, cut, packed, y };
            let (packs, tasks) = (job.packs(), job.cut.tasks());
            if !parallel {
                (0..packs).for_each(|t| job.pack(t));
                (0..tasks).for_each(|t| job.task(t));
                return;
            }
            let run = |&phase: &usize, t: usize| if phase == 0 { job.pack(t) } else { job.task(t) };
            in_phases(2, |phase| phase, |&phase| if phase == 0 { packs } else { tasks }, run);
        });
    }
}

/// How y is cut. A unit is a band of an image's outputs in one group and one phase of the rows: bits don't depend on it.
struct Cut {
    /// Rows and columns of outputs in a band.
    band: [usize; 2],
    /// Bands below and beside each other.
    bands: [usize; 2],
    units: usize,
    /// Units in a task.
    together: usize,
}

impl Cut {
    fn new(problem: &Correlation<'_>, views: &[View<'_>], parallel: bool) -> Cut {
        let out = problem.phases.each_ref().map(|phases| phases.iter().map(|p| p.axis.out).max().unwrap_or(0));
        // What the copy of a band costs, for the phase that needs most.
        let (mut cols, mut rows) = (out[1], out[0]);
        for view in views {
            let channels = k_blocks(view.k).map(|block| view.channels(&block).len()).max().unwrap_or(0);
            let row =
                |cols: usize| channels * Layout::new(&view.rows.axis, &view.cols.axis, &(0..1), &(0..cols)).pitch();
            if row(out[1]) > COPY {
                cols = cols.min(RUN);
            }
            let height =
                |rows: usize| Layout::new(&view.rows.axis, &view.cols.axis, &(0..rows), &(0..cols)).plane() * channels;
            while rows > 1 && height(rows) > COPY {
                rows = rows.div_ceil(2);
            }
        }
        if cols < out[1] {
            rows = 1; // columns of C must stay neighbours
        }
        let row_work: usize = views.iter().map(|view| problem.rows * view.k * cols).sum();
        let all = problem.images * problem.groups * problem.phases[0].len();
        if parallel {
            let enough = (all * out[0] * out[1].div_ceil(cols)).div_ceil(TASKS);
            rows = rows.min(enough.max(TASK_WORK.div_ceil(row_work.max(1))));
        }
        let bands = [out[0].div_ceil(rows), out[1].div_ceil(cols)];
        let rows = out[0].div_ceil(bands[0]);
        let units = all * bands[0] * bands[1];
        let together = (TASK_WORK / (row_work * rows).max(1)).min(units.div_ceil(4 * TASKS)).max(1);
        Cut { band: [rows, cols], bands, units, together }
    }

    fn tasks(&self) -> usize {
        self.units.div_ceil(self.together)
    }
}

/// Everything that the tasks share.
struct Job<'a, S> {
    s: S,
    shape: TileShape,
    problem: &'a Correlation<'a>,
    /// Phases of the columns within phases of the rows.
    views: Vec<View<'a>>,
    panels: Panels,
    cut: Cut,
    packed: SharedMut,
    y: SharedMut,
}

/// A panel of B: neighbouring outputs.
struct Panel {
    /// The first of them in the copy, where it is read in place, and from a vector to the next.
    from: usize,
    gap: usize,
    /// The first column in the band.
    to: usize,
    cols: usize,
}

impl<S: Simd> Job<'_, S> {
    /// Where panel `p` of A lies, for a block of k.
    fn place(&self, view: &View<'_>, group: usize, block: &Range<usize>, p: usize) -> usize {
        let rows = self.problem.rows;
        view.packed + group * rows * view.k + rows * block.start + self.panels.start(p) * block.len()
    }

    fn pack_group(&self) -> usize {
        let k = self.views.iter().map(|view| view.k).max().unwrap_or(0);
        PACK_TASK.div_ceil(self.shape.mr * k.max(1))
    }

    fn packs(&self) -> usize {
        (self.views.len() * self.problem.groups * self.panels.count).div_ceil(self.pack_group())
    }

    /// Packs some panels of A.
    fn pack(&self, t: usize) {
        let (each, groups) = (self.panels.count, self.problem.groups);
        for at in t * self.pack_group()..((t + 1) * self.pack_group()).min(self.views.len() * groups * each) {
            let (view, group, p) = (&self.views[at / each / groups], at / each % groups, at % each);
            let rows = self.panels.range(p);
            for block in k_blocks(view.k) {
                let len = rows.len() * block.len();
                // SAFETY: the buffer has room for all weights; panels don't overlap, and each is packed by one task before
                // anybody reads.
                let out = unsafe { self.packed.slice(self.place(view, group, &block, p), len) };
                self.pack_block(view, group, &block, rows.clone(), out);
            }
        }
    }

    fn pack_block(&self, view: &View<'_>, group: usize, block: &Range<usize>, rows: Range<usize>, out: &mut [f32]) {
        let Weights { data, group: group_stride, row, channel, width } = self.problem.weights;
        let from = group * group_stride + rows.start * row;
        if block.is_empty() {
            return;
        }
        if view.rows.is_whole() && view.cols.is_whole() && channel == view.taps() {
            let panel = MatRef::new(&data[from + block.start..], rows.len(), block.len(), row, 1);
            return pack_panel(self.s, panel, rows.len(), out);
        }
        for (k, out) in block.clone().zip(out.chunks_exact_mut(rows.len())) {
            let (c, tap) = (k / view.taps(), k % view.taps());
            let (i, j) = (view.rows.tap(tap / view.cols.axis.taps), view.cols.tap(tap % view.cols.axis.taps));
            let from = from + c * channel + i * width + j;
            out.iter_mut().zip(data[from..].iter().step_by(row)).for_each(|(out, &w)| *out = w);
        }
    }

    /// Some units.
    fn task(&self, t: usize) {
        let Correlation { groups, rows, channels, ref phases, out: [height, width], x, .. } = *self.problem;
        let Cut { band, bands, units, together } = self.cut;
        let image = phases[0][0].axis.image * phases[1][0].axis.image;
        for unit in t * together..units.min((t + 1) * together) {
            let (bx, rest) = (unit % bands[1], unit / bands[1]);
            let (by, rest) = (rest % bands[0], rest / bands[0]);
            let (phase, of) = (rest % phases[0].len(), rest / phases[0].len());
            let views = &self.views[phase * phases[1].len()..][..phases[1].len()];
            let y = by * band[0]..views[0].rows.axis.out.min((by + 1) * band[0]);
            let x_of = |view: &View<'_>| {
                let end = view.cols.axis.out.min((bx + 1) * band[1]);
                (bx * band[1]).min(end)..end
            };
            if y.is_empty() {
                continue;
            }
            let image = &x[of * channels * image..][..channels * image];
            let group = of % groups;
            let (start, plane) = (of * rows * height * width, height * width);
            if let ([view], 1, 1) = (views, views[0].rows.step, views[0].cols.step) {
                let x = x_of(view);
                let c = self.y.0.wrapping_add(start + y.start * width + x.start);
                self.band(view, group, image, [y, x], c, plane);
                continue;
            }
            // The phases of the columns one after the other, then their columns between each other.
            let sizes: Vec<usize> = views.iter().map(|view| rows * y.len() * x_of(view).len()).collect();
            with_scratch(sizes.iter().sum(), |scratch| {
                let mut rest = &mut scratch[..];
                let mut parts = Vec::new();
                for (view, &size) in views.iter().zip(&sizes) {
                    let (part, after) = rest.split_at_mut(size);
                    let x = x_of(view);
                    let stride = y.len() * x.len();
                    self.band(view, group, image, [y.clone(), x], part.as_mut_ptr(), stride);
                    parts.push(&*part);
                    rest = after;
                }
                let steps = [views[0].rows.step, views[0].cols.step];
                let cols = bx * band[1] * steps[1]..width.min((bx + 1) * band[1] * steps[1]);
                for m in 0..rows {
                    for (r, q) in y.clone().enumerate() {
                        let from = start + m * plane + (views[0].rows.first + q * steps[0]) * width + cols.start;
                        // SAFETY: these columns of this row of y belong to this unit alone.
                        let out = unsafe { self.y.slice(from, cols.len()) };
                        let row = |v: usize| {
                            let n = x_of(&views[v]).len();
                            &parts[v][(m * y.len() + r) * n..][..n]
                        };
                        self.s.enter(Merge { views, row, step: steps[1], out });
                    }
                }
            });
        }
    }

    /// A band of outputs in one phase: rows `y` and columns `x` of it, all rows of `x` or one row of `y`. Output (m, p) goes to
    /// `c + m·c_stride + p`.
    fn band(
        &self,
        view: &View<'_>,
        group: usize,
        image: &[f32],
        [y, x]: [Range<usize>; 2],
        c: *mut f32,
        c_stride: usize,
    ) {
        let (rows, TileShape { nr, .. }) = (self.problem.rows, self.shape);
        if x.is_empty() {
            return;
        }
        let plane_of_image = view.rows.axis.image * view.cols.axis.image;
        let layout = Layout::new(&view.rows.axis, &view.cols.axis, &y, &x);
        let bias = self.problem.bias.map(|bias| &bias[group * rows..][..rows]);
        let single = rows == 1 && self.problem.channels == 1 && view.k > 0 && k_blocks(view.k).count() == 1;
        let panels = if single { Columns::default() } else { self.panels_of(y.len(), x.len(), layout.pitch()) };
        let deepest = k_blocks(view.k).map(|block| block.len()).max().unwrap_or(0);
        let channels = k_blocks(view.k).map(|block| view.channels(&block).len()).max().unwrap_or(0);
        let group_panels = (GROUP_ROWS / self.shape.mr).max(1);
        let strip = match (panels.in_place, self.panels.count <= group_panels) {
            (true, _) => panels.all.len().max(1),
            (false, true) => 1,
            (false, false) => STRIP,
        };
        let strip_len = if panels.in_place || single { 0 } else { strip * nr * deepest + SLACK };
        let copy_len = channels * layout.plane() + SLACK;
        let mut places = Vec::new();
        let mut vectors: Vec<Move> = Vec::new();
        with_scratch(copy_len + strip_len, |scratch| {
            let (copy, packed) = scratch.split_at_mut(copy_len);
            for block in k_blocks(view.k) {
                let channels = view.channels(&block);
                layout.fill(self.s, &image[channels.start * plane_of_image..], channels.len(), copy);
                layout.places(block.clone(), channels.start, &mut places);
                if single {
                    moves(0..y.len() * x.len(), x.len(), layout.pitch(), S::LANES, &mut vectors);
                    // SAFETY: the weights were packed before the tasks began, and now are only read; these columns of
                    // C's only row are this task's alone.
                    let (weights, out) = unsafe {
                        let weights: &[f32] = self.packed.slice(self.place(view, group, &block, 0), block.len());
                        (weights, std::slice::from_raw_parts_mut(c, y.len() * x.len()))
                    };
                    let bias = bias.map(|bias| bias[0]);
                    super::depthwise::single(self.s, copy, &places, weights, &vectors, bias, out);
                    continue;
                }
                let last = |p: &Panel| p.from + p.gap * (self.shape.panel_width(p.cols) / S::LANES - 1) + S::LANES;
                let reach = panels.all.iter().map(last).max().unwrap_or(0) + places.iter().max().unwrap_or(&0);
                assert!(
                    !panels.in_place || block.is_empty() || reach <= copy_len,
                    "correlate: a panel beyond the copy"
                );
                for strip in panels.all.chunks(strip) {
                    if !panels.in_place {
                        for (slot, panel) in strip.iter().enumerate() {
                            vectors.clear();
                            let cols = panel.to..panel.to + panel.cols;
                            moves(cols, x.len(), layout.pitch(), S::LANES, &mut vectors);
                            let out = &mut packed[slot * nr * block.len()..];
                            pack_moves(self.s, copy, &places, &vectors, self.shape.panel_width(panel.cols), out);
                        }
                    }
                    for first in (0..self.panels.count).step_by(group_panels) {
                        for (slot, panel) in strip.iter().enumerate() {
                            let width = self.shape.panel_width(panel.cols);
                            let (b, window, source) = if panels.in_place {
                                let window = Through { at: &places, gap: panel.gap };
                                (copy.as_ptr().wrapping_add(panel.from), Some(window), Source::Window)
                            } else {
                                (packed[slot * nr * block.len()..].as_ptr(), None, Source::Panels)
                            };
                            for p in first..self.panels.count.min(first + group_panels) {
                                let i = self.panels.range(p);
                                let tile = Tile {
                                    k: block.len(),
                                    a: self.packed.0.wrapping_add(self.place(view, group, &block, p)),
                                    a_step: i.len(),
                                    a_row: 1,
                                    b,
                                    b_step: width,
                                    window,
                                    c: c.wrapping_add(i.start * c_stride + panel.to),
                                    c_stride,
                                    cols: panel.cols,
                                    add: block.start > 0,
                                    bias: None,
                                    row_bias: bias.filter(|_| block.end == view.k).map(|bias| &bias[i.clone()]),
                                    relu: false,
                                };
                                // SAFETY: A's panel was packed before the tasks began. B's vectors lie inside the copy,
                                // as the assertion above checked, or in a packed panel of block.len() steps of `width`
                                // floats. Rows i and these columns lie inside C, and of all tasks this one alone
                                // has them.
                                unsafe { tile_fn::<S>(i.len(), width, source)(self.s, tile) };
                            }
                        }
                    }
                }
            }
        });
    }

    /// The panels of a band of `height` × `width` outputs: read where the copy has them, which costs nothing but wastes the
    /// lanes beyond a row's end; or packed side by side. Whichever is cheaper: the bits are the same.
    fn panels_of(&self, height: usize, width: usize, pitch: usize) -> Columns {
        let TileShape { nr, nv, .. } = self.shape;
        let mut rows = Vec::new();
        if width == S::LANES && nv == 2 {
            for y in (0..height).step_by(2) {
                let cols = width * (height - y).min(2);
                rows.push(Panel { from: y * pitch, gap: pitch, to: y * width, cols });
            }
        } else {
            for y in 0..height {
                for x in (0..width).step_by(nr) {
                    let (from, to) = (y * pitch + x, y * width + x);
                    rows.push(Panel { from, gap: S::LANES, to, cols: nr.min(width - x) });
                }
            }
        }
        let all = height * width;
        let fixed = |to: usize| Panel { from: 0, gap: S::LANES, to, cols: nr.min(all - to) };
        let dense: Vec<Panel> = (0..all).step_by(nr).map(fixed).collect();
        let lanes = |panels: &[Panel]| panels.iter().map(|p| self.shape.panel_width(p.cols)).sum::<usize>();
        let m = self.problem.rows.max(PACK_COST); // fewer rows wait for their own additions
        let in_place = lanes(&rows) * m <= lanes(&dense) * (m + PACK_COST);
        Columns { in_place, all: if in_place { rows } else { dense } }
    }
}

/// The panels of B for a band of outputs.
#[derive(Default)]
struct Columns {
    in_place: bool,
    all: Vec<Panel>,
}

/// A row of y from the rows of its phases: `out[first + q·step] = row[q]`.
struct Merge<'a, R> {
    views: &'a [View<'a>],
    row: R,
    step: usize,
    out: &'a mut [f32],
}

impl<'r, R: Fn(usize) -> &'r [f32]> Kernel for Merge<'_, R> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Merge { views, row, step, out } = self;
        if step == 2 && views.len() == 2 {
            let (even, odd) = (row(0), row(1));
            for ((pair, &a), &b) in out.chunks_exact_mut(2).zip(even).zip(odd) {
                pair[0] = a;
                pair[1] = b;
            }
            if even.len() > odd.len() {
                out[2 * odd.len()] = even[odd.len()];
            }
            return;
        }
        for (v, view) in views.iter().enumerate() {
            out[view.cols.first..].iter_mut().step_by(step).zip(row(v)).for_each(|(out, &x)| *out = x);
        }
    }
}
