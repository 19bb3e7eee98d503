//! What a task of a convolution does: it copies a band of an image with its padding, computes the band's outputs tile by tile,
//! and, where they belong to several phases, puts these between each other.

use super::copy::{Layout, Move, SLACK, moves};
use super::correlate::{Correlation, Job};
use super::cut::{COPY, Lanes, Panel, Strip, View, panels, strips};
use super::tile;
use crate::gemm::{LINE, Source, Through, Tile, k_blocks, prefetch, tile_fn, with_scratch};
use crate::list::List;
use crate::simd::{Kernel, Simd};
use smallvec::SmallVec;
use std::ops::Range;

/// Rows of the weights that are used while they lie in the second-level cache: 128 × 512 floats are 256 KiB.
const GROUP_ROWS: usize = 128;

/// What the units of one band have in common.
struct Band {
    ranges: [Range<usize>; 2],
    layout: Layout,
    /// Whether the copy holds all channels; otherwise each block of k has one of its own.
    all_channels: bool,
    /// For each view.
    parts: List<Part>,
}

/// A view's part of a band.
struct Part {
    y: Range<usize>,
    x: Range<usize>,
    outputs: Outputs,
}

/// What is computed together.
enum Outputs {
    /// Vectors, of a channel that is alone.
    Alone(List<Move>),
    /// Panels, with an output in each lane.
    Panels(List<Panel>),
    /// Tiles with a channel in each lane.
    Strips(List<Strip>),
}

impl Part {
    fn outputs(&self) -> usize {
        self.y.len() * self.x.len()
    }
}

impl Outputs {
    /// Tiles, with all rows of the weights one below the other.
    fn count(&self) -> usize {
        match self {
            Outputs::Alone(_) => 0,
            Outputs::Panels(panels) => panels.len(),
            Outputs::Strips(strips) => strips.len(),
        }
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
    fn band(&self, ranges: [Range<usize>; 2]) -> Band {
        let Correlation { rows, channels, .. } = *self.problem;
        let layout = self.problem.layout(&ranges[0], &ranges[1], self.lanes == Lanes::Channels);
        let pitch = layout.pitch();
        let part = |view: &View<'_>| {
            let clip = |range: &Range<usize>, out: usize| range.start.min(out)..range.end.min(out);
            let (y, x) = (clip(&ranges[0], view.rows.axis.out), clip(&ranges[1], view.cols.axis.out));
            let outputs = if self.lanes == Lanes::Channels {
                Outputs::Strips(strips([y.len(), x.len()], pitch, self.shape))
            } else if rows == 1 && channels == 1 && view.k > 0 && k_blocks(view.k).count() == 1 && !x.is_empty() {
                // One output of one channel: few multiply-adds for each element, so there is nothing to keep in a tile.
                let mut vectors = List::new();
                moves(0..y.len() * x.len(), [y.len(), x.len()], [pitch, 0], S::LANES, &mut vectors);
                Outputs::Alone(vectors)
            } else {
                Outputs::Panels(panels([y.len(), x.len()], pitch, self.shape))
            };
            Part { y, x, outputs }
        };
        let parts = self.views.iter().map(part).collect();
        Band { ranges, all_channels: layout.lent.is_some() || channels * layout.plane() <= COPY, layout, parts }
    }

    /// Some units.
    pub fn task(&self, t: usize) {
        let Correlation { groups, channels, ref phases, x, .. } = *self.problem;
        let image = channels * phases[0][0].axis.image * phases[1][0].axis.image;
        let mut band: Option<Band> = None;
        for unit in t * self.cut.together..self.cut.units.min((t + 1) * self.cut.together) {
            let (n, group, ranges) = self.cut.unit(unit);
            if band.as_ref().is_none_or(|band| band.ranges != ranges) {
                band = Some(self.band(ranges));
            }
            let band = band.as_ref().expect("made above");
            // With images in one piece, the next one is likely to be copied next.
            let at = |n: usize| (n * groups + group) * image;
            let next = if self.cut.whole() { x.get(at(n + 1)..at(n + 1) + image).unwrap_or(&[]) } else { &[] };
            let panels = self.views.iter().zip(&band.parts);
            let panels: usize = panels.map(|(view, part)| k_blocks(view.k).count() * part.outputs.count()).sum();
            let ask = Ask { image: next, share: next.len().div_ceil(panels.max(1)).next_multiple_of(LINE), at: 0 };
            self.unit(band, group, n, ask);
        }
    }

    /// A band of an image in one group, in all phases.
    fn unit(&self, band: &Band, group: usize, n: usize, mut ask: Ask<'_>) {
        let Correlation { groups, rows, channels, ref phases, out: [height, width], x, .. } = *self.problem;
        let pixels = phases[0][0].axis.image * phases[1][0].axis.image;
        let image = &x[(n * groups + group) * channels * pixels..][..channels * pixels];
        // The group's channels of y begin here.
        let start = (n * groups + group) * rows * height * width;
        let lent = band.layout.lent.map(|first| &image[first..]);
        let copied = if band.all_channels { channels } else { self.most_channels() };
        let copy_len = if lent.is_some() { 0 } else { copied * band.layout.plane() + SLACK };
        // The phases of a transpose are computed one after the other, and then put between each other.
        let direct = self.views.len() == 1 && self.views[0].rows.step == 1 && self.views[0].cols.step == 1;
        let size = |part: &Part| if direct { 0 } else { rows * part.outputs() };
        with_scratch(copy_len + band.parts.iter().map(size).sum::<usize>(), |scratch| {
            let (copy, mut scratch) = scratch.split_at_mut(copy_len);
            if band.all_channels && lent.is_none() {
                band.layout.fill(self.s, image, channels, copy);
            }
            let mut done = SmallVec::<[&[f32]; 4]>::new(); // of a stride of 2 in both axes; more go to the heap
            for (view, part) in self.views.iter().zip(&band.parts) {
                let (c, rest) = scratch.split_at_mut(size(part));
                scratch = rest;
                let to = if direct {
                    let place = start + part.y.start * width + part.x.start;
                    To { c: self.y.0.wrapping_add(place), stride: height * width }
                } else {
                    To { c: c.as_mut_ptr(), stride: part.outputs() }
                };
                if part.outputs() > 0 {
                    self.part(band, view, part, group, (image, lent), copy, to, &mut ask);
                }
                done.push(&*c);
            }
            if !direct {
                self.s.enter(Merge { job: self, band, done: &done, start });
            }
        });
    }

    fn most_channels(&self) -> usize {
        self.views.iter().map(View::most_channels).max().unwrap_or(0)
    }

    /// A view's outputs in a band.
    #[expect(clippy::too_many_arguments, reason = "a product's operands, each of them once")]
    fn part(
        &self,
        band: &Band,
        view: &View<'_>,
        part: &Part,
        group: usize,
        (image, lent): (&[f32], Option<&[f32]>),
        copy: &mut [f32],
        to: To,
        ask: &mut Ask<'_>,
    ) {
        let rows = self.problem.rows;
        let bias = self.problem.bias.map(|bias| &bias[group * rows..][..rows]);
        let pixels = view.rows.axis.image * view.cols.axis.image;
        let mut places = List::new();
        for block in k_blocks(view.k) {
            let channels = view.channels(&block);
            if !band.all_channels {
                band.layout.fill(self.s, &image[channels.start * pixels..], channels.len(), copy);
            }
            let first = if band.all_channels { 0 } else { channels.start };
            band.layout.places(view.at, &view.seen, block.clone(), first, &mut places);
            let bias = bias.filter(|_| block.end == view.k);
            let (copy, pitch) = (lent.unwrap_or(copy), band.layout.pitch());
            let weights = self.packed.0.cast_const().wrapping_add(self.place(view, group, &block, 0));
            let seen = Seen { copy, pitch, places: &places, weights, to, add: block.start > 0, bias };
            match &part.outputs {
                Outputs::Alone(vectors) => {
                    // SAFETY: the weights were packed before the tasks began, and now are only read; these outputs are y's only
                    // row in this band, and this task's alone.
                    let (weights, out) = unsafe {
                        let weights: &[f32] = self.packed.slice(self.place(view, group, &block, 0), block.len());
                        (weights, std::slice::from_raw_parts_mut(to.c, part.outputs()))
                    };
                    let bias = bias.map(|bias| bias[0]);
                    super::depthwise::single(self.s, seen.copy, &places, weights, vectors, bias, out);
                }
                Outputs::Panels(panels) => self.panels(panels, &seen, ask),
                Outputs::Strips(strips) => self.strips(strips, &seen, ask),
            }
        }
    }

    /// Every one of `tiles`, panels or strips of outputs, by every panel of the weights: `compute(tile, p)` for panel p, in groups
    /// that stay in the second-level cache.
    fn by_weights<T>(&self, tiles: &[T], ask: &mut Ask<'_>, compute: impl Fn(&T, usize)) {
        let count = self.panels.count;
        let each = GROUP_ROWS.div_ceil(self.panels.range(0).len().max(1));
        for p in (0..count).step_by(each) {
            for tile in tiles {
                if p == 0 {
                    ask.some();
                }
                (p..count.min(p + each)).for_each(|p| compute(tile, p));
            }
        }
    }

    /// Outputs in the lanes.
    fn panels(&self, panels: &[Panel], seen: &Seen<'_>, ask: &mut Ask<'_>) {
        seen.check(panels.iter().map(|panel| panel.reach(self.shape)).max().unwrap_or(0));
        self.by_weights(panels, ask, |panel, p| {
            let (i, width) = (self.panels.range(p), self.shape.panel_width(panel.cols));
            let tile = Tile {
                k: seen.places.len(),
                a: seen.weights(i.start),
                a_step: i.len(),
                a_row: 1,
                b: seen.copy.as_ptr().wrapping_add(panel.from),
                b_step: width,
                window: Some(Through { at: seen.places, gap: panel.gap }),
                c: seen.to.c.wrapping_add(i.start * seen.to.stride + panel.to),
                c_stride: seen.to.stride,
                cols: panel.cols,
                add: seen.add,
                bias: None,
                row_bias: seen.bias.map(|bias| &bias[i.clone()]),
                relu: false,
            };
            // SAFETY: the weights' panel was packed before the tasks began. The image's vectors lie inside the copy, as was
            // checked above. Rows i and these columns lie inside C, and of all tasks this one alone has them.
            unsafe { tile_fn::<S>(i.len(), width, Source::Window)(self.s, tile) };
        });
    }

    /// Channels in the lanes.
    fn strips(&self, strips: &[Strip], seen: &Seen<'_>, ask: &mut Ask<'_>) {
        let gap = seen.pitch;
        seen.check(strips.iter().map(|strip| strip.from + (strip.rows - 1) * gap + strip.pixels).max().unwrap_or(0));
        self.by_weights(strips, ask, |strip, p| {
            let i = self.panels.range(p);
            let tile = tile::Tile {
                image: seen.copy.as_ptr().wrapping_add(strip.from),
                taps: seen.places,
                gap,
                w: seen.weights(i.start),
                y: seen.to.c.wrapping_add(i.start * seen.to.stride + strip.to),
                stride: seen.to.stride,
                channels: i.len(),
                add: seen.add,
                bias: seen.bias.map(|bias| &bias[i.clone()]),
            };
            // SAFETY: the weights' panel was packed before the tasks began, with `width` floats for each tap. The image's
            // elements lie inside the copy, as was checked above. Rows i and these outputs lie inside C, and of all tasks this one
            // alone has them.
            unsafe { tile::tile_fn::<S>(strip.rows, strip.pixels, self.width(i.len()))(self.s, tile) };
        });
    }
}

/// What the tiles of a block of k have in common.
struct Seen<'a> {
    /// Of the image, or the image itself.
    copy: &'a [f32],
    /// From a row to the next in it.
    pitch: usize,
    /// Where the taps stand, for each k.
    places: &'a [usize],
    /// Where the packed weights of this block begin, panel after panel.
    weights: *const f32,
    /// Where the outputs go.
    to: To,
    /// Whether the block isn't the first.
    add: bool,
    /// For the last block.
    bias: Option<&'a [f32]>,
}

impl Seen<'_> {
    /// The panel of weights whose first row is `row`.
    fn weights(&self, row: usize) -> *const f32 {
        self.weights.wrapping_add(row * self.places.len())
    }

    /// Panics when somebody who reads `reach` floats from each place on would leave the copy.
    fn check(&self, reach: usize) {
        let end = self.places.iter().max().map_or(0, |place| place + reach);
        assert!(end <= self.copy.len(), "correlate: a tile lies beyond the copy");
    }
}

/// An image of y from the phases of a band: output q of a phase is element first + q·step.
struct Merge<'a, S> {
    job: &'a Job<'a, S>,
    band: &'a Band,
    done: &'a [&'a [f32]],
    start: usize,
}

impl<J: Simd> Kernel for Merge<'_, J> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Merge { job, band, done, start } = self;
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
                        let from = m * parts[j].outputs() + r * parts[j].x.len();
                        &done[j][from..][..parts[j].x.len()]
                    };
                    if across == 1 && step == 1 {
                        out.copy_from_slice(row(0));
                        continue;
                    }
                    if across == 2 && step == 2 {
                        let (even, odd) = (row(0), row(1));
                        for (at, out) in out.chunks_mut(2 * S::LANES).enumerate() {
                            let part = |x: usize| x.min(at * S::LANES)..x.min((at + 1) * S::LANES);
                            let (a, b) = (s.load_part(&even[part(even.len())]), s.load_part(&odd[part(odd.len())]));
                            let ((a, b), (low, high)) = (s.zip(a, b), out.split_at_mut(S::LANES.min(out.len())));
                            s.store_part(low, a);
                            s.store_part(high, b);
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
