//! y = W ⋆ x for every image and group: an implicit GEMM. A is the weights, row m and column k = (c, i, j); B is the image
//! seen through the window, whose element (k, p) is what tap k of output p reads. B is never stored: its vectors, or where lanes are
//! channels its numbers, are read from a padded copy of the image, one copy for all taps and phases; or from the image itself,
//! where nothing is padded.
//!
//! The order of the additions is [`gemm`](crate::gemm)'s, so its bound holds, and a 1 × 1 convolution has the bits of a product.

use super::copy::Layout;
use super::cut::{Cut, Lanes, View, channel_lanes};
use super::window::Phase;
use crate::gemm::{
    MatRef, Panels, Scratch, SharedMut, TileShape, in_phases, k_blocks, pack_panel, serial_threshold, with_scratch,
};
use crate::list::List;
use crate::simd::{Isa, Kernel, Simd};
use std::ops::Range;

/// Floats of weights to pack in a task at least.
const PACK_TASK: usize = 1 << 15;
/// Floats of weights that every thread packs for itself at most, as a product does with a small B: 512 KiB.
const OWN_WEIGHTS: usize = 128 << 10;
/// Outputs of a channel for each thread from which that pays.
const OWN_PIXELS: usize = 256;

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
    pub phases: [List<Phase>; 2],
    /// Height and width of y.
    pub out: [usize; 2],
    /// (images, groups·channels, height, width).
    pub x: &'a [f32],
    pub weights: Weights<'a>,
    /// How many of the kernel's taps are used, row by row.
    pub taps: usize,
    /// One number for each of the groups·rows channels of y.
    pub bias: Option<&'a [f32]>,
}

impl Correlation<'_> {
    /// Which taps of a phase of the rows and one of the columns are used.
    pub fn seen(&self, rows: &Phase, cols: &Phase) -> Range<usize> {
        rows.seen(cols, self.weights.width, self.taps)
    }

    /// Whether lanes are channels.
    pub fn is_by_channels(&self, isa: Isa) -> bool {
        Lanes::best(self, TileShape::of(isa, isa.lanes())) == Lanes::Channels
    }

    /// Of the copy for a band of outputs, or of the image itself, where it can be `lent`.
    pub fn layout(&self, y: &Range<usize>, x: &Range<usize>, lent: bool) -> Layout {
        Layout::new(self.phases.each_ref().map(|phases| &phases[..]), [y, x], lent && self.groups == 1)
    }
}

/// Fills y, (images, groups·rows, height, width).
pub(super) fn correlate(isa: Isa, problem: &Correlation<'_>, y: &mut [f32]) {
    let Correlation { images, groups, rows, channels, .. } = *problem;
    assert!(y.len() == images * groups * rows * problem.out[0] * problem.out[1], "correlate: y has another size");
    if y.is_empty() {
        return;
    }
    let taps = problem.phases.each_ref().map(|phases| phases.iter().map(|p| p.axis.taps).max().unwrap_or(0));
    // A single row waits for memory.
    let work = y.len().saturating_mul(channels * problem.taps.min(taps[0] * taps[1])).saturating_mul(if rows == 1 {
        8
    } else {
        1
    });
    let parallel = work >= serial_threshold() && rayon::current_num_threads() > 1;
    isa.dispatch(Run { problem, parallel, y: SharedMut(y.as_mut_ptr()) });
}

struct Run<'a> {
    problem: &'a Correlation<'a>,
    parallel: bool,
    y: SharedMut,
}

impl Kernel for Run<'_> {
    type Out = ();
    fn run<S: Simd>(self, s: S) {
        let Run { problem, parallel, y } = self;
        let shape = const { TileShape::of(S::ISA, S::LANES) };
        let lanes = Lanes::best(problem, shape);
        let (panels, height) = match lanes {
            Lanes::Pixels => (Panels::balanced(problem.rows, shape.mr), problem.rows),
            Lanes::Channels => (Panels::fixed(problem.rows, shape.nr), channel_lanes(problem.rows, shape)),
        };
        let (views, len) = View::all(problem, height);
        let cut = &Cut::new(problem, &views, parallel);
        let pixels = problem.images * problem.out[0] * problem.out[1];
        let own = parallel && len <= OWN_WEIGHTS && pixels / rayon::current_num_threads() >= OWN_PIXELS;
        with_scratch(if own { 0 } else { len }, |packed| {
            let packed = SharedMut(packed.as_mut_ptr());
            let job = Job { s, shape, problem, views: &views, lanes, panels, height, cut, packed, y };
            let (packs, tasks) = (if own { 0 } else { job.packs() }, cut.tasks());
            if !parallel {
                (0..packs).for_each(|t| job.pack(t));
                (0..tasks).for_each(|t| job.task(t));
                return;
            }
            let worker = || OwnWeights { panels: Scratch::new(if own { len } else { 0 }), packed: false };
            let run = |worker: &mut OwnWeights, &phase: &usize, t: usize| match (phase, own) {
                (0, _) => job.pack(t),
                (_, false) => job.task(t),
                (_, true) => job.with(worker).task(t),
            };
            in_phases(2, |phase| phase, |&phase| if phase == 0 { packs } else { tasks }, worker, run);
        });
    }
}

/// The weights as a thread has packed them for itself.
struct OwnWeights {
    panels: Scratch,
    packed: bool,
}

/// Everything that the tasks share.
#[derive(Clone, Copy)]
pub(super) struct Job<'a, S> {
    pub s: S,
    pub shape: TileShape,
    pub problem: &'a Correlation<'a>,
    pub views: &'a [View<'a>],
    pub lanes: Lanes,
    /// Of the weights' rows.
    pub panels: Panels,
    /// Rows of all panels in a group, with what fills up the last one.
    pub height: usize,
    pub cut: &'a Cut,
    pub packed: SharedMut,
    pub y: SharedMut,
}

impl<S: Simd> Job<'_, S> {
    /// The same with weights that this thread packs unless it has already.
    fn with(&self, own: &mut OwnWeights) -> Self {
        let job = Job { packed: SharedMut(own.panels.as_mut_ptr()), ..*self };
        if !std::mem::replace(&mut own.packed, true) {
            (0..job.packs()).for_each(|t| job.pack(t));
        }
        job
    }

    /// Where panel `p` of A lies, for a block of k.
    pub fn place(&self, view: &View<'_>, group: usize, block: &Range<usize>, p: usize) -> usize {
        let rows = self.height;
        view.packed + group * rows * view.k + rows * block.start + self.panels.start(p) * block.len()
    }

    /// Floats of a panel of `rows` rows for each k.
    pub fn width(&self, rows: usize) -> usize {
        if self.lanes == Lanes::Channels { self.shape.panel_width(rows) } else { rows }
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
            for block in k_blocks(view.k).filter(|block| !block.is_empty()) {
                let len = self.width(rows.len()) * block.len();
                // SAFETY: the buffer has room for all weights; panels don't overlap, and each is packed by one task, or by the
                // thread that the buffer belongs to, before anybody reads.
                let out = unsafe { self.packed.slice(self.place(view, group, &block, p), len) };
                self.pack_block(view, group, &block, rows.clone(), out);
            }
        }
    }

    fn pack_block(&self, view: &View<'_>, group: usize, block: &Range<usize>, rows: Range<usize>, out: &mut [f32]) {
        let Weights { data, group: group_stride, row, channel, width } = self.problem.weights;
        let from = group * group_stride + rows.start * row;
        let (taps, height, across) = (view.taps(), rows.len(), self.width(rows.len()));
        if view.rows.is_whole() && view.cols.is_whole() && channel == taps {
            return pack_panel(
                self.s,
                MatRef::new(&data[from + block.start..], height, block.len(), row, 1),
                across,
                out,
            );
        }
        let tap = |t: usize| view.rows.tap(t / view.cols.axis.taps) * width + view.cols.tap(t % view.cols.axis.taps);
        if taps == 1 {
            let from = from + tap(view.seen.start) + block.start * channel;
            return pack_panel(self.s, MatRef::new(&data[from..], height, block.len(), row, channel), across, out);
        }
        // The kernel's taps that this view has, in its order.
        let order: List<usize> = view.seen.clone().map(tap).collect();
        for c in view.channels(block) {
            let here = block.start.max(c * taps)..block.end.min((c + 1) * taps);
            for r in 0..height {
                let kernel = &data[from + c * channel + r * row..];
                for k in here.clone() {
                    out[(k - block.start) * across + r] = kernel[order[k - c * taps]];
                }
            }
        }
    }
}
