//! The gradient of the weights: dW = Σ over images of dy · windowsᵀ, for each group a product of (M × N·P) and (N·P × C·kh·kw),
//! whose depth is all positions of all images.
//!
//! Row p of windowsᵀ is what the window at output p sees. With many channels, the image is turned so that the channels of a
//! pixel lie together: the columns of one tap are then whole vectors, which a tile reads where they are, for all taps
//! from one copy. With few, the columns are all taps of all channels, packed as for any transposed operand.
//!
//! The positions are cut into units of at most 512, the units into slices, both by the shapes alone. A slice is summed
//! unit after unit, then the slices are added in their order: bits don't depend on threads.

use super::copy::{Layout, Move, SLACK, moves, pack_moves};
use super::units::{Columns, Unit, Units, share};
use super::window::{Axis, Phase};
use crate::gemm::{MatRef, Panels, SharedMut, Source, Through, Tile, TileShape, pack_panel, tile_fn, with_scratch};
use crate::list::List;
use crate::parallel::{for_each_chunk, for_each_task};
use crate::simd::{Isa, Kernel, Simd};
use std::ops::Range;

/// Channels from which they fill a vector well enough.
const MANY_CHANNELS: usize = 12;
/// Rows of dy in a task: as in a product.
const TASK_ROWS: usize = 112;
/// Multiply-adds in a slice at least.
const TASK_WORK: usize = 1 << 20;
/// Slices at most, and tasks at least where there is work for them.
const SLICES: usize = 8;
const TASKS: usize = 16;
/// Floats of all slices at most: 8 MiB.
const PARTIALS: usize = 2 << 20;

/// dW (groups·rows, channels, kh, kw) from x (images, groups·channels, H, W) and dy (images, groups·rows, oh, ow).
#[derive(Clone, Debug)]
pub(super) struct WeightGradient<'a> {
    pub images: usize,
    pub groups: usize,
    /// Channels of dy in a group: M.
    pub rows: usize,
    /// Channels of x in a group.
    pub channels: usize,
    /// Of the convolution, down and across.
    pub axes: [Axis; 2],
    /// How many of the kernel's taps are used, row by row; the gradient of the others is 0.
    pub taps: usize,
    pub x: &'a [f32],
    pub dy: &'a [f32],
}

/// Fills dW.
pub(super) fn weight_gradient(isa: Isa, problem: &WeightGradient<'_>, dw: &mut [f32]) {
    let WeightGradient { images, groups, rows, channels, ref axes, .. } = *problem;
    let taps = axes[0].taps * axes[1].taps;
    assert!(dw.len() == groups * rows * channels * taps, "weight_gradient: dw has another size");
    if dw.is_empty() {
        return;
    }
    if images * axes[0].out * axes[1].out == 0 {
        return dw.fill(0.0);
    }
    if rows == 1 && channels == 1 && groups > 1 {
        return super::depthwise::weight_gradient(isa, problem, dw);
    }
    isa.dispatch(Run { problem, dw });
}

struct Run<'a> {
    problem: &'a WeightGradient<'a>,
    dw: &'a mut [f32],
}

impl Kernel for Run<'_> {
    type Out = ();
    fn run<S: Simd>(self, s: S) {
        let Run { problem, dw } = self;
        let WeightGradient { images, groups, rows, channels, ref axes, .. } = *problem;
        let shape = const { TileShape::of(S::ISA, S::LANES) };
        let (taps, kernel) = (problem.taps, axes[0].taps * axes[1].taps);
        let by_channels = channels >= MANY_CHANNELS;
        let columns = Columns {
            by_channels,
            taps,
            kernel,
            panels: Panels::fixed(if by_channels { channels } else { channels * taps }, shape.nr),
        };
        let units = Units::new(images, axes.map(|axis| axis.out));
        // (groups, panels, rows, nr): what one slice sums.
        let slice_len = groups * columns.count() * rows * shape.nr;
        let positions = images * axes[0].out * axes[1].out;
        let work = (groups * rows * channels * taps).saturating_mul(positions);
        let slices = SLICES.min(units.count).min(PARTIALS / slice_len).min(work / TASK_WORK).max(1);
        let down = rows.div_ceil(TASK_ROWS);
        let parts = if by_channels { columns.panels.count } else { columns.count() };
        let across = TASKS.min(work / TASK_WORK).div_ceil(slices * groups * down).clamp(1, parts);
        let tasks = [slices, groups, down, across];
        with_scratch(slices * slice_len, |partials| {
            let sums = SharedMut(partials.as_mut_ptr());
            let job = Job { s, shape, problem, units: &units, columns, tasks, slice_len, sums };
            for_each_task(tasks.iter().product(), work.div_ceil(64), |t| job.task(t));
            // Now row by row: the slices added up, each column to its place.
            let row_len = channels * kernel;
            for_each_chunk(dw, row_len, slices * slice_len, |row, out| {
                let (group, m) = (row / rows, row % rows);
                s.enter(Collect {
                    partials: &*partials,
                    slices,
                    slice_len,
                    columns,
                    first: group * columns.count(),
                    rows,
                    m,
                    out,
                });
            });
        });
    }
}

/// Everything that the tasks share.
struct Job<'a, S> {
    s: S,
    shape: TileShape,
    problem: &'a WeightGradient<'a>,
    units: &'a Units,
    columns: Columns,
    /// Slices, groups, parts of the rows and parts of the columns.
    tasks: [usize; 4],
    slice_len: usize,
    sums: SharedMut,
}

impl<S: Simd> Job<'_, S> {
    /// Some rows and columns of one group's gradient, over the units of one slice.
    fn task(&self, t: usize) {
        let [slices, groups, down, across] = self.tasks;
        let (part, rest) = (t % across, t / across);
        let (rows, rest) = (share(self.problem.rows, down, rest % down), rest / down);
        let (group, slice) = (rest % groups, rest / groups);
        debug_assert!(slice < slices);
        let units = share(self.units.count, slices, slice);
        let count = if self.columns.by_channels { self.columns.panels.count } else { self.columns.count() };
        let parts = share(count, across, part);
        if self.columns.by_channels {
            self.by_channels(group, slice, units, rows, parts);
        } else {
            self.by_taps(group, slice, units, rows, parts);
        }
    }

    /// Packs these rows of dy over a unit, panel after panel.
    fn pack_dy(&self, group: usize, unit: &Unit, rows: Range<usize>, panels: &Panels, out: &mut [f32]) {
        let WeightGradient { groups, rows: all, ref axes, dy, .. } = *self.problem;
        let positions = axes[0].out * axes[1].out;
        let start = unit.y.start * axes[1].out + unit.x.start;
        for p in 0..panels.count {
            let i = panels.range(p);
            let out = &mut out[i.start * unit.depth()..][..i.len() * unit.depth()];
            for (n, out) in unit.images.clone().zip(out.chunks_exact_mut(i.len() * unit.each())) {
                let from = ((n * groups + group) * all + rows.start + i.start) * positions + start;
                pack_panel(self.s, MatRef::new(&dy[from..], i.len(), unit.each(), positions, 1), i.len(), out);
            }
        }
    }

    /// One tile: rows `i` of this task's panel, added to panel `b` of the sums.
    #[expect(clippy::too_many_arguments, reason = "where a tile comes from and where it goes")]
    fn tile(
        &self,
        depth: usize,
        a: &[f32],
        (b_data, window): (*const f32, Option<&[usize]>),
        (group, slice, b): (usize, usize, usize),
        row: usize,
        height: usize,
        add: bool,
    ) {
        let (rows, nr) = (self.problem.rows, self.shape.nr);
        let start = slice * self.slice_len + ((group * self.columns.count() + b) * rows + row) * nr;
        assert!(a.len() == depth * height, "a panel of another size");
        let cols = self.columns.cols(b);
        let tile = Tile {
            k: depth,
            a: a.as_ptr(),
            a_step: height,
            a_row: 1,
            b: b_data,
            b_step: self.shape.panel_width(cols),
            window: window.map(|at| Through { at, gap: S::LANES }),
            c: self.sums.0.wrapping_add(start),
            c_stride: nr,
            cols,
            add,
            bias: None,
            row_bias: None,
            relu: false,
        };
        let source = if window.is_some() { Source::Window } else { Source::Panels };
        // SAFETY: the assertion above checked A; the callers say why B's vectors exist; rows and columns of the sums belong to
        // this task alone.
        unsafe { tile_fn::<S>(height, self.shape.panel_width(cols), source)(self.s, tile) };
    }

    /// Panels of channels, all taps of them.
    fn by_channels(&self, group: usize, slice: usize, units: Range<usize>, rows: Range<usize>, parts: Range<usize>) {
        let WeightGradient { groups, channels, ref axes, x, .. } = *self.problem;
        let TileShape { mr, nr, .. } = self.shape;
        let taps = self.columns.taps;
        let image = axes[0].image * axes[1].image;
        let panels = Panels::balanced(rows.len(), mr);
        let (mut at, mut seen) = (List::new(), None);
        for u in units.clone() {
            let unit = self.units.get(u);
            // The part of each image that the windows see, and after all images one pixel of zeros for what lies outside.
            let seen_of = |axis: &Axis, outs: &Range<usize>| {
                let first = (outs.start * axis.stride) as isize - axis.before;
                let last = ((outs.end - 1) * axis.stride + (axis.taps - 1) * axis.dilation) as isize - axis.before;
                let clip = |h: isize| h.clamp(0, axis.image as isize) as usize;
                clip(first)..clip(last + 1)
            };
            let (h, w) = (seen_of(&axes[0], &unit.y), seen_of(&axes[1], &unit.x));
            let pixels = h.len() * w.len();
            let zero = unit.images.len() * pixels;
            let geometry = Some((unit.images.len(), unit.y.clone(), unit.x.clone()));
            if seen != geometry {
                seen = geometry;
                self.table(&unit, (&h, &w), &mut at);
            }
            let depth = unit.depth();
            let (dy_len, image_len) = (rows.len() * depth, (zero + 1) * nr);
            with_scratch(dy_len + image_len, |scratch| {
                let (dy, turned) = scratch.split_at_mut(dy_len);
                self.pack_dy(group, &unit, rows.clone(), &panels, dy);
                for part in parts.clone() {
                    let c = self.columns.panels.range(part);
                    for (n, turned) in unit.images.clone().zip(turned.chunks_exact_mut((pixels * nr).max(1))) {
                        let from = ((n * groups + group) * channels + c.start) * image;
                        self.turn(&x[from..], c.len(), (&h, &w), turned);
                    }
                    turned[zero * nr..].fill(0.0);
                    for p in 0..panels.count {
                        let i = panels.range(p);
                        let a = &dy[i.start * depth..i.end * depth];
                        for tap in 0..taps {
                            let at = &at[tap * depth..][..depth];
                            let place = (group, slice, part * taps + tap);
                            // Every entry of the table is a pixel of `turned`, of nr floats.
                            let b = (turned.as_ptr(), Some(at));
                            self.tile(depth, a, b, place, rows.start + i.start, i.len(), u > units.start);
                        }
                    }
                }
            });
        }
    }

    /// For each tap and each position of the unit, where its pixel lies among the turned ones.
    fn table(&self, unit: &Unit, (h, w): (&Range<usize>, &Range<usize>), at: &mut Vec<usize>) {
        let [rows, cols] = &self.problem.axes;
        let (pixels, nr) = (h.len() * w.len(), self.shape.nr);
        let zero = unit.images.len() * pixels;
        at.clear();
        for (i, j) in (0..self.problem.taps).map(|tap| (tap / cols.taps, tap % cols.taps)) {
            for n in 0..unit.images.len() {
                for y in unit.y.clone() {
                    let row = rows.element(y, i).map(|row| n * pixels + (row - h.start) * w.len());
                    at.extend(unit.x.clone().map(|x| match (row, cols.element(x, j)) {
                        (Some(row), Some(col)) => (row + col - w.start) * nr,
                        _ => zero * nr,
                    }));
                }
            }
        }
        debug_assert!(at.iter().all(|&at| at <= zero * nr));
    }

    /// `out[pixel·nr + c] = image[c, pixel]` for the pixels of rows `h` and columns `w`.
    fn turn(&self, image: &[f32], channels: usize, (h, w): (&Range<usize>, &Range<usize>), out: &mut [f32]) {
        let [height, width] = [self.problem.axes[0].image, self.problem.axes[1].image];
        let nr = self.shape.nr;
        let stretch = |from: usize, len: usize, out: &mut [f32]| {
            pack_panel(self.s, MatRef::new(&image[from..], channels, len, height * width, 1), nr, out);
        };
        if h.is_empty() || w.is_empty() {
            return;
        }
        if w.len() == width {
            return stretch(h.start * width, h.len() * width, out);
        }
        for (h, out) in h.clone().zip(out.chunks_exact_mut(w.len() * nr)) {
            stretch(h * width + w.start, w.len(), out);
        }
    }

    /// Panels of taps: rows of windows from the padded copy, transposed.
    fn by_taps(&self, group: usize, slice: usize, units: Range<usize>, rows: Range<usize>, parts: Range<usize>) {
        let WeightGradient { groups, channels, ref axes, x, .. } = *self.problem;
        let TileShape { mr, nr, .. } = self.shape;
        let image = axes[0].image * axes[1].image;
        let panels = Panels::balanced(rows.len(), mr);
        let phases = axes.map(Phase::all);
        let (mut places, mut vectors): (List<usize>, List<Move>) = Default::default();
        for u in units.clone() {
            let unit = self.units.get(u);
            let depth = unit.depth();
            let layout = Layout::new(phases.each_ref().map(|phases| &phases[..]), [&unit.y, &unit.x], false);
            vectors.clear();
            moves(0..unit.each(), [unit.y.len(), unit.x.len()], [layout.pitch(), 0], S::LANES, &mut vectors);
            let (copy_len, row_len) = (channels * layout.plane() + SLACK, depth + SLACK);
            let lens = [rows.len() * depth, unit.images.len() * copy_len, nr * row_len, nr * depth];
            with_scratch(lens.iter().sum(), |scratch| {
                let (dy, scratch) = scratch.split_at_mut(lens[0]);
                let (copies, scratch) = scratch.split_at_mut(lens[1]);
                let (windows, packed) = scratch.split_at_mut(lens[2]);
                self.pack_dy(group, &unit, rows.clone(), &panels, dy);
                for (n, copy) in unit.images.clone().zip(copies.chunks_exact_mut(copy_len)) {
                    layout.fill(self.s, &x[(n * groups + group) * channels * image..], channels, copy);
                }
                for b in parts.clone() {
                    let taps = self.columns.panels.range(b);
                    layout.places([0, 0], &(0..self.columns.taps), taps.clone(), 0, &mut places);
                    for (n, copy) in copies.chunks_exact(copy_len).enumerate() {
                        pack_moves(self.s, copy, &places, &vectors, row_len, &mut windows[n * unit.each()..]);
                    }
                    let width = self.shape.panel_width(taps.len());
                    let panel = &mut packed[..width * depth];
                    pack_panel(self.s, MatRef::new(windows, taps.len(), depth, row_len, 1), width, panel);
                    for p in 0..panels.count {
                        let i = panels.range(p);
                        let a = &dy[i.start * depth..i.end * depth];
                        // The panel has `depth` steps of `width` floats.
                        let b_data = (panel.as_ptr(), None);
                        let place = (group, slice, b);
                        self.tile(depth, a, b_data, place, rows.start + i.start, i.len(), u > units.start);
                    }
                }
            });
        }
    }
}

/// Row m of dW: the slices' sums, added in their order.
struct Collect<'a> {
    partials: &'a [f32],
    slices: usize,
    slice_len: usize,
    columns: Columns,
    /// The first panel of the group.
    first: usize,
    rows: usize,
    m: usize,
    out: &'a mut [f32],
}

impl Kernel for Collect<'_> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Collect { partials, slices, slice_len, columns, first, rows, m, out } = self;
        let nr = const { TileShape::of(S::ISA, S::LANES) }.nr;
        let mut sums = [0.0f32; 64];
        if columns.taps < columns.kernel {
            out.fill(0.0);
        }
        for b in 0..columns.count() {
            let from = ((first + b) * rows + m) * nr;
            for l in (0..nr).step_by(S::LANES) {
                let mut sum = s.load(&partials[from + l..]);
                for slice in 1..slices {
                    sum = sum + s.load(&partials[slice * slice_len + from + l..]);
                }
                s.store(&mut sums[l..], sum);
            }
            for (l, &sum) in sums[..columns.cols(b)].iter().enumerate() {
                out[columns.place(b, l)] = sum;
            }
        }
    }
}
