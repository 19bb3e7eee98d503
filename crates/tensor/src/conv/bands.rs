//! What a task of a convolution does: it copies a band of an image with its padding, computes the band's outputs panel by panel,
//! and, where they belong to several phases, puts these between each other.

use super::copy::{Layout, Move, SLACK, moves, pack_moves};
use super::correlate::{Correlation, Job};
use super::cut::{COPY, Columns, View};
use crate::gemm::{LINE, Source, Through, Tile, k_blocks, prefetch, tile_fn, with_scratch};
use crate::list::List;
use crate::simd::{Kernel, Simd};
use smallvec::SmallVec;
use std::ops::Range;

/// Rows of the weights that are used while they lie in the second-level cache: 112 × 512 floats are 224 KiB.
const GROUP_ROWS: usize = 112;
/// Panels that are packed at once where the weights have more rows than that.
const STRIP: usize = 8;

/// What the units of one band have in common.
struct Band {
    /// How many images a unit has.
    images: usize,
    ranges: [Range<usize>; 2],
    layout: Layout,
    /// Whether the copy holds all channels; otherwise each block of k has one of its own.
    all_channels: bool,
    /// For each view.
    parts: List<Part>,
}

/// A view's part of a band, of each image.
struct Part {
    y: Range<usize>,
    x: Range<usize>,
    columns: Columns,
    /// The outputs as vectors, of a channel that is alone.
    vectors: List<Move>,
}

impl Part {
    fn outputs(&self) -> usize {
        self.y.len() * self.x.len()
    }
}

/// Where the outputs of a view's part go: (m, p) to `c + m·stride + p`.
#[derive(Clone, Copy)]
struct To {
    c: *mut f32,
    stride: usize,
}

/// The image that is copied next comes from afar: each panel asks for a share of it.
struct Ask<'a> {
    image: &'a [f32],
    share: usize,
    at: usize,
}

impl Ask<'_> {
    fn some(&mut self) {
        let end = self.image.len().min(self.at + self.share);
        for at in (self.at..end).step_by(LINE) {
            prefetch(&self.image[at]);
        }
        self.at = end;
    }
}

impl<S: Simd> Job<'_, S> {
    /// What the units of a band need.
    fn band(&self, images: usize, ranges: [Range<usize>; 2]) -> Band {
        let Correlation { rows, channels, .. } = *self.problem;
        let layout = self.problem.layout(&ranges[0], &ranges[1]);
        let apart = [layout.pitch(), channels * layout.plane()];
        let part = |view: &View<'_>| {
            let clip = |range: &Range<usize>, out: usize| range.start.min(out)..range.end.min(out);
            let (y, x) = (clip(&ranges[0], view.rows.axis.out), clip(&ranges[1], view.cols.axis.out));
            let mut vectors = List::new();
            // One output of one channel: few multiply-adds for each element, so there is nothing to keep in a tile.
            let columns = if rows == 1 && channels == 1 && view.k > 0 && k_blocks(view.k).count() == 1 && !x.is_empty()
            {
                moves(0..images * y.len() * x.len(), [y.len(), x.len()], apart, S::LANES, &mut vectors);
                Columns::default()
            } else {
                Columns::new(images, [y.len(), x.len()], rows, apart, self.shape)
            };
            Part { y, x, columns, vectors }
        };
        let parts = self.views.iter().map(part).collect();
        Band { images, ranges, all_channels: channels * layout.plane() <= COPY, layout, parts }
    }

    /// Some units.
    pub fn task(&self, t: usize) {
        let Correlation { groups, channels, ref phases, x, .. } = *self.problem;
        let image = channels * phases[0][0].axis.image * phases[1][0].axis.image;
        let mut band: Option<Band> = None;
        for unit in t * self.cut.together..self.cut.units.min((t + 1) * self.cut.together) {
            let (images, group, ranges) = self.cut.unit(unit);
            if band.as_ref().is_none_or(|band| band.ranges != ranges || band.images != images.len()) {
                band = Some(self.band(images.len(), ranges));
            }
            let band = band.as_ref().expect("made above");
            // With images in one piece, the next one is likely to be copied next.
            let at = |n: usize| (n * groups + group) * image;
            let next =
                if self.cut.whole() { x.get(at(images.end)..at(images.end) + image).unwrap_or(&[]) } else { &[] };
            let panels = self.views.iter().zip(&band.parts);
            let panels: usize = panels.map(|(view, part)| k_blocks(view.k).count() * part.columns.panels.len()).sum();
            let ask = Ask { image: next, share: next.len().div_ceil(panels.max(1)).next_multiple_of(LINE), at: 0 };
            self.unit(band, group, images, ask);
        }
    }

    /// A band of some images in one group, in all phases.
    fn unit(&self, band: &Band, group: usize, images: Range<usize>, mut ask: Ask<'_>) {
        let Correlation { groups, rows, channels, ref phases, out: [height, width], x, .. } = *self.problem;
        let pixels = phases[0][0].axis.image * phases[1][0].axis.image;
        let image = |n: usize| &x[(n * groups + group) * channels * pixels..][..channels * pixels];
        // The group's channels of y begin here, in the unit's first image.
        let start = (images.start * groups + group) * rows * height * width;
        let copied = if band.all_channels { channels } else { self.most_channels() };
        let each = copied * band.layout.plane();
        let copy_len = images.len() * each + SLACK;
        // The phases of a transpose are computed one after the other, and then put between each other; the outputs of several
        // images stand side by side, too, until they go to their images.
        let direct =
            images.len() == 1 && self.views.len() == 1 && self.views[0].rows.step == 1 && self.views[0].cols.step == 1;
        let size = |part: &Part| if direct { 0 } else { rows * images.len() * part.outputs() };
        let strip_len = if band.parts.iter().all(|p| p.columns.in_place) { 0 } else { self.strip_len() };
        with_scratch(copy_len + strip_len + band.parts.iter().map(size).sum::<usize>(), |scratch| {
            let (copy, scratch) = scratch.split_at_mut(copy_len);
            let (strip, mut scratch) = scratch.split_at_mut(strip_len);
            if band.all_channels {
                for (at, n) in images.clone().enumerate() {
                    // What a vector writes beyond a copy belongs to the next one, which is written after it, or to the slack.
                    band.layout.fill(self.s, image(n), channels, &mut copy[at * each..][..each + SLACK]);
                }
            }
            let mut done = SmallVec::<[&[f32]; 4]>::new(); // of a stride of 2 in both axes; more go to the heap
            for (view, part) in self.views.iter().zip(&band.parts) {
                let (c, rest) = scratch.split_at_mut(size(part));
                scratch = rest;
                let to = if direct {
                    let place = start + part.y.start * width + part.x.start;
                    To { c: self.y.0.wrapping_add(place), stride: height * width }
                } else {
                    To { c: c.as_mut_ptr(), stride: images.len() * part.outputs() }
                };
                if part.outputs() > 0 {
                    self.part(band, view, part, group, image(images.start), (copy, strip), to, &mut ask);
                }
                done.push(&*c);
            }
            if !direct {
                for at in 0..images.len() {
                    let start = start + at * groups * rows * height * width;
                    self.s.enter(Merge { job: self, band, done: &done, at, start });
                }
            }
        });
    }

    fn most_channels(&self) -> usize {
        self.views.iter().map(View::most_channels).max().unwrap_or(0)
    }

    /// Panels of A that stay in the second-level cache.
    fn group(&self) -> usize {
        (GROUP_ROWS / self.shape.mr).max(1)
    }

    /// Panels of B that are packed at once: one, where all of A is used before the next.
    fn strip(&self) -> usize {
        if self.panels.count <= self.group() { 1 } else { STRIP }
    }

    fn strip_len(&self) -> usize {
        let deepest = self.views.iter().flat_map(|view| k_blocks(view.k)).map(|block| block.len()).max();
        self.strip() * self.shape.nr * deepest.unwrap_or(0) + SLACK
    }

    /// A view's outputs in a band.
    #[expect(clippy::too_many_arguments, reason = "a product's operands, each of them once")]
    fn part(
        &self,
        band: &Band,
        view: &View<'_>,
        part: &Part,
        group: usize,
        image: &[f32],
        (copy, packed): (&mut [f32], &mut [f32]),
        to: To,
        ask: &mut Ask<'_>,
    ) {
        let (rows, apart) = (self.problem.rows, [band.layout.pitch(), self.problem.channels * band.layout.plane()]);
        let bias = self.problem.bias.map(|bias| &bias[group * rows..][..rows]);
        let pixels = view.rows.axis.image * view.cols.axis.image;
        let mut places = List::new();
        for block in k_blocks(view.k) {
            let channels = view.channels(&block);
            if !band.all_channels {
                band.layout.fill(self.s, &image[channels.start * pixels..], channels.len(), copy);
            }
            let first = if band.all_channels { 0 } else { channels.start };
            band.layout.places(view.at, block.clone(), first, &mut places);
            if !part.vectors.is_empty() {
                // SAFETY: the weights were packed before the tasks began, and now are only read; these outputs are C's only
                // row in this band, and this task's alone.
                let (weights, out) = unsafe {
                    let weights: &[f32] = self.packed.slice(self.place(view, group, &block, 0), block.len());
                    (weights, std::slice::from_raw_parts_mut(to.c, band.images * part.outputs()))
                };
                super::depthwise::single(self.s, copy, &places, weights, &part.vectors, bias.map(|bias| bias[0]), out);
                continue;
            }
            let Columns { in_place, ref panels } = part.columns;
            let reach = places.iter().max().map_or(0, |place| place + part.columns.reach(self.shape));
            assert!(reach <= copy.len(), "correlate: a panel lies beyond the copy");
            let mut vectors: List<Move> = List::new();
            let slot_len = self.shape.nr * block.len();
            for strip in panels.chunks(if in_place { panels.len() } else { self.strip() }) {
                if !in_place {
                    for (slot, panel) in strip.iter().enumerate() {
                        vectors.clear();
                        let outputs = panel.to..panel.to + panel.cols;
                        moves(outputs, [part.y.len(), part.x.len()], apart, S::LANES, &mut vectors);
                        let width = self.shape.panel_width(panel.cols);
                        pack_moves(self.s, copy, &places, &vectors, width, &mut packed[slot * slot_len..]);
                    }
                }
                for p in (0..self.panels.count).step_by(self.group()) {
                    for (slot, panel) in strip.iter().enumerate() {
                        if p == 0 {
                            ask.some();
                        }
                        let width = self.shape.panel_width(panel.cols);
                        let (b, window, source) = if in_place {
                            let window = Through { at: &places, gap: panel.gap };
                            (copy.as_ptr().wrapping_add(panel.from), Some(window), Source::Window)
                        } else {
                            (packed[slot * slot_len..].as_ptr(), None, Source::Panels)
                        };
                        for p in p..self.panels.count.min(p + self.group()) {
                            let i = self.panels.range(p);
                            let tile = Tile {
                                k: block.len(),
                                a: self.packed.0.wrapping_add(self.place(view, group, &block, p)),
                                a_step: i.len(),
                                a_row: 1,
                                b,
                                b_step: width,
                                window,
                                c: to.c.wrapping_add(i.start * to.stride + panel.to),
                                c_stride: to.stride,
                                cols: panel.cols,
                                add: block.start > 0,
                                bias: None,
                                row_bias: bias.filter(|_| block.end == view.k).map(|bias| &bias[i.clone()]),
                                relu: false,
                            };
                            // SAFETY: A's panel was packed before the tasks began. B's vectors lie inside the copy, as the
                            // assertion above checked, or in a packed panel of block.len() steps of `width` floats.
                            // Rows i and these columns lie inside C, and of all tasks this one alone has them.
                            unsafe { tile_fn::<S>(i.len(), width, source)(self.s, tile) };
                        }
                    }
                }
            }
        }
    }
}

/// An image of y from the phases of a band: output q of a phase is element first + q·step.
struct Merge<'a, S> {
    job: &'a Job<'a, S>,
    band: &'a Band,
    done: &'a [&'a [f32]],
    /// Which image of the unit.
    at: usize,
    start: usize,
}

impl<J: Simd> Kernel for Merge<'_, J> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Merge { job, band, done, at, start } = self;
        let Correlation { rows, ref phases, out: [height, width], .. } = *job.problem;
        let across = phases[1].len();
        let step = job.views[0].cols.step;
        let cols = (band.ranges[1].start * step).min(width)..(band.ranges[1].end * step).min(width);
        for m in 0..rows {
            for i in 0..phases[0].len() {
                let (views, parts) = (&job.views[i * across..][..across], &band.parts[i * across..][..across]);
                let done = &done[i * across..][..across];
                for (r, q) in parts[0].y.clone().enumerate() {
                    let h = views[0].rows.first + q * views[0].rows.step;
                    // SAFETY: these columns of this row of y belong to this unit alone.
                    let out = unsafe { job.y.slice(start + (m * height + h) * width + cols.start, cols.len()) };
                    let row = |j: usize| {
                        let from = (m * band.images + at) * parts[j].outputs() + r * parts[j].x.len();
                        &done[j][from..][..parts[j].x.len()]
                    };
                    if across == 1 && step == 1 {
                        out.copy_from_slice(row(0));
                        continue;
                    }
                    if across == 2 && step == 2 {
                        // In pairs, which the compiler makes vectors of.
                        let (even, odd) = (row(0), row(1));
                        for ((pair, &a), &b) in out.chunks_exact_mut(2).zip(even).zip(odd) {
                            (pair[0], pair[1]) = (a, b);
                        }
                        if even.len() > odd.len() {
                            out[2 * odd.len()] = even[odd.len()];
                        }
                        continue;
                    }
                    for (j, view) in views.iter().enumerate() {
                        let from = view.cols.first.min(out.len());
                        out[from..].iter_mut().step_by(step).zip(row(j)).for_each(|(out, &x)| *out = x);
                    }
                }
            }
        }
    }
}
