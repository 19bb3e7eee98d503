//! A padded copy of some channels of an image, in which the vectors that the taps of neighbouring outputs read stand side by
//! side: it is what the tiles read, for all taps at once.

use super::window::{Axis, Phase};
use crate::gemm::LINE;
use crate::list::List;
use crate::simd::{Kernel, Simd};
use std::ops::Range;

/// An axis of the copy. Elements of one residue modulo the stride stand together, so that the elements which a tap of outputs
/// q, q + 1, … reads are neighbours, for any stride; residues that no tap reads are left out.
#[derive(Debug)]
struct Slots {
    stride: usize,
    image: usize,
    /// The image's index of the first element of each residue; may lie outside.
    starts: List<isize>,
    /// Elements of each residue.
    len: usize,
    /// For each phase, where tap t of the first output stands.
    taps: List<List<usize>>,
}

impl Slots {
    /// For all phases of an axis: they read the same image, and begin with different elements of it.
    fn new(phases: &[Phase], outs: &Range<usize>) -> Slots {
        let Axis { image, stride, .. } = phases[0].axis;
        let lead = phases.iter().map(|p| p.axis.before).max().expect("one phase at least");
        let mut residues: List<usize> = List::new();
        // (residue, index) of each tap
        let mut place = |axis: &Axis, tap: usize| {
            let at = (lead - axis.before) as usize + tap * axis.dilation;
            let slot = residues.iter().position(|&r| r == at % stride).unwrap_or_else(|| {
                residues.push(at % stride);
                residues.len() - 1
            });
            (slot, at / stride)
        };
        let taps: List<List<(usize, usize)>> =
            phases.iter().map(|p| (0..p.axis.taps).map(|t| place(&p.axis, t)).collect()).collect();
        let len = outs.len() + taps.iter().flat_map(|taps| taps.iter()).map(|&(_, index)| index).max().unwrap_or(0);
        let starts = residues.iter().map(|&r| (outs.start * stride + r) as isize - lead).collect();
        let taps = taps.iter().map(|taps| taps.iter().map(|&(slot, index)| slot * len + index).collect()).collect();
        Slots { stride, image, starts, len, taps }
    }

    fn total(&self) -> usize {
        self.starts.len() * self.len
    }

    /// Where the elements begin, if they are neighbours that all lie in the image.
    fn inside(&self) -> Option<usize> {
        let first = usize::try_from(*self.starts.first()?).ok()?;
        (self.stride == 1 && first + self.len <= self.image).then_some(first)
    }
}

/// The layout of a copy of an image's channels with their padding, for some rows and columns of outputs of all phases.
#[derive(Debug)]
pub(super) struct Layout {
    rows: Slots,
    cols: Slots,
    /// Where the image itself serves, because no window leaves it and all read neighbours: where the first window begins.
    pub lent: Option<usize>,
}

/// Planes whose elements are a multiple of this many floats apart meet in the same lines of the first-level cache.
const MEET: usize = 256;

/// Floats beyond the copy that a vector of the last output may read: whatever is there is dropped.
pub(super) const SLACK: usize = 64;

impl Layout {
    /// `lent` says whether the reader may be lent the image: whether it reads what the windows hold and nothing beyond.
    pub fn new([rows, cols]: [&[Phase]; 2], [y, x]: [&Range<usize>; 2], lent: bool) -> Layout {
        let (rows, cols) = (Slots::new(rows, y), Slots::new(cols, x));
        let lent = (lent && !(rows.image * cols.image).is_multiple_of(MEET))
            .then(|| Some(rows.inside()? * cols.image + cols.inside()?))
            .flatten();
        Layout { rows, cols, lent }
    }

    /// From an output's elements to those of the output below it.
    pub fn pitch(&self) -> usize {
        if self.lent.is_some() { self.cols.image } else { self.cols.total() }
    }

    /// From a channel to the next.
    pub fn plane(&self) -> usize {
        if self.lent.is_some() {
            return self.rows.image * self.cols.image;
        }
        let plane = self.rows.total() * self.cols.total();
        if plane.is_multiple_of(MEET) { plane + LINE } else { plane }
    }

    /// Where the taps `k` of the first output of a phase of the rows and one of the columns stand, in a copy whose first channel
    /// is `channel`. k counts channels and, of each, the taps that are `seen`, which are counted row by row.
    pub fn places(
        &self,
        [row, col]: [usize; 2],
        seen: &Range<usize>,
        k: Range<usize>,
        channel: usize,
        places: &mut Vec<usize>,
    ) {
        places.clear();
        let (rows, cols) = (&self.rows.taps[row], &self.cols.taps[col]);
        let taps = seen.len();
        if k.is_empty() {
            return;
        }
        let first = k.start / taps;
        for c in first..k.end.div_ceil(taps) {
            let from = (c - channel) * self.plane();
            let all = rows.iter().flat_map(|row| cols.iter().map(move |col| from + row * self.pitch() + col));
            places.extend(all.skip(seen.start).take(taps));
        }
        // The first and the last channel may belong to these taps in part.
        places.truncate(k.end - first * taps);
        places.drain(..k.start - first * taps);
    }

    /// Copies `channels` channels of an image; `out` holds a plane for each, and [`SLACK`] floats more.
    pub fn fill<S: Simd>(&self, s: S, image: &[f32], channels: usize, out: &mut [f32]) {
        s.enter(Fill { layout: self, image, channels, out });
    }
}

struct Fill<'a> {
    layout: &'a Layout,
    image: &'a [f32],
    channels: usize,
    out: &'a mut [f32],
}

impl Kernel for Fill<'_> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Fill { layout, image, channels, out } = self;
        let Layout { rows, cols, .. } = layout;
        let (height, width) = (rows.image, cols.image);
        assert!(image.len() >= channels * height * width, "fill: the image has fewer channels");
        assert!(out.len() >= channels * layout.plane() + S::LANES, "fill: the copy has no room");
        // Which elements of each residue lie in the image is the same for all rows.
        let residues: List<Residue> = cols.starts.iter().map(|&start| Residue::new(cols, start)).collect();
        for c in 0..channels {
            let mut to = out[c * layout.plane()..].as_mut_ptr();
            for &first in &rows.starts {
                for u in 0..rows.len {
                    let h = first + (u * rows.stride) as isize;
                    let row = (0..height as isize).contains(&h).then(|| c * height + h as usize);
                    for residue in &residues {
                        // SAFETY: `to` walks over a plane of the copy, and a row of the image is `width` floats; both were
                        // checked above. A vector may spill over into what is written after it.
                        unsafe {
                            match row {
                                Some(row) => residue.copy(s, image.as_ptr().add(row * width), cols.stride, to),
                                None => zero(s, to, cols.len),
                            }
                            to = to.add(cols.len);
                        }
                    }
                }
            }
        }
    }
}

/// A row's elements of one residue: zeros before it, some elements from `first` on, zeros after it.
struct Residue {
    before: usize,
    first: usize,
    inside: usize,
    after: usize,
}

impl Residue {
    fn new(cols: &Slots, start: isize) -> Residue {
        let before = start.min(0).unsigned_abs().div_ceil(cols.stride).min(cols.len);
        let end = ((cols.image as isize - start).max(0) as usize).div_ceil(cols.stride).clamp(before, cols.len);
        // Of none the first may lie beyond the row.
        let first = if end > before { (start + (before * cols.stride) as isize) as usize } else { 0 };
        Residue { before, first, inside: end - before, after: cols.len - end }
    }

    /// Writes them to `out`, and up to a vector beyond.
    ///
    /// # Safety
    /// `row` is a row of the image, and all those elements and a vector more can be written to `out`.
    #[inline(always)]
    unsafe fn copy<S: Simd>(&self, s: S, row: *const f32, stride: usize, out: *mut f32) {
        // SAFETY: the caller's promise; `new` took only elements that lie in a row.
        unsafe {
            zero(s, out, self.before);
            let (row, out) = (row.add(self.first), out.add(self.before));
            if stride == 1 {
                let whole = self.inside - self.inside % S::LANES;
                for q in (0..whole).step_by(S::LANES) {
                    s.store_ptr(out.add(q), s.load_ptr(row.add(q)));
                }
                if whole < self.inside {
                    let rest = std::slice::from_raw_parts(row.add(whole), self.inside - whole);
                    s.store_ptr(out.add(whole), s.load_part(rest));
                }
            } else if self.inside > 0 {
                let row = std::slice::from_raw_parts(row, (self.inside - 1) * stride + 1);
                every(s, row, stride, std::slice::from_raw_parts_mut(out, self.inside));
            }
            zero(s, out.add(self.inside), self.after);
        }
    }
}

/// `out[q] = row[q·stride]`.
#[inline(always)]
fn every<S: Simd>(s: S, row: &[f32], stride: usize, out: &mut [f32]) {
    if stride == 2 {
        for (row, out) in row.chunks(2 * S::LANES).zip(out.chunks_mut(S::LANES)) {
            let (a, b) = row.split_at(S::LANES.min(row.len()));
            s.store_part(out, s.firsts(s.load_part(a), s.load_part(b)));
        }
    } else {
        out.iter_mut().zip(row.iter().step_by(stride)).for_each(|(out, &x)| *out = x);
    }
}

/// `n` zeros, and up to a vector beyond.
///
/// # Safety
/// So many floats can be written to `out`.
#[inline(always)]
unsafe fn zero<S: Simd>(s: S, out: *mut f32, n: usize) {
    for at in (0..n).step_by(S::LANES) {
        // SAFETY: the caller's promise.
        unsafe { s.store_ptr(out.add(at), s.splat(0.0)) };
    }
}

/// A vector of neighbouring outputs: where it stands in the copy (for the tap at place 0), and where it goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Move {
    pub from: usize,
    pub to: usize,
    /// Outputs in it; the lanes beyond are dropped.
    pub len: usize,
}

/// The vectors that hold the outputs `columns`, counted along rows of `width` outputs, `pitch` apart in the copy, and images of
/// `height` rows, `image` apart.
pub(super) fn moves(
    columns: Range<usize>,
    [height, width]: [usize; 2],
    [pitch, image]: [usize; 2],
    lanes: usize,
    out: &mut Vec<Move>,
) {
    let mut at = columns.start;
    while at < columns.end {
        let (row, x) = (at / width, at % width);
        let len = lanes.min(width - x).min(columns.end - at);
        out.push(Move { from: row / height * image + row % height * pitch + x, to: at - columns.start, len });
        at += len;
    }
}

/// `out[k·width + to + l] = copy[places[k] + from + l]` for every place and move, in their order: what a vector writes beyond
/// its outputs is mended by the next one. `out` ends with [`SLACK`] floats for the last.
///
/// # Panics
/// When a vector would be read or written outside of the slices.
pub(super) fn pack_moves<S: Simd>(s: S, copy: &[f32], places: &[usize], moves: &[Move], width: usize, out: &mut [f32]) {
    if places.is_empty() {
        return;
    }
    let far = |x: Option<usize>| x.unwrap_or(0) + S::LANES;
    let read = places.iter().max().copied().unwrap_or(0) + far(moves.iter().map(|m| m.from).max());
    let written = places.len().saturating_sub(1) * width + far(moves.iter().map(|m| m.to).max());
    assert!(read <= copy.len() && written <= out.len(), "pack_moves: vectors reach beyond their slices");
    s.enter(Pack { copy, places, moves, width, out });
}

struct Pack<'a> {
    copy: &'a [f32],
    places: &'a [usize],
    moves: &'a [Move],
    width: usize,
    out: &'a mut [f32],
}

impl Kernel for Pack<'_> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Pack { copy, places, moves, width, out } = self;
        for (k, &place) in places.iter().enumerate() {
            for m in moves {
                // SAFETY: `pack_moves` checked the largest of each summand.
                unsafe {
                    let x = s.load_ptr(copy.as_ptr().add(place + m.from));
                    s.store_ptr(out.as_mut_ptr().add(k * width + m.to), x);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::Isa;

    #[test]
    fn every_tap_of_every_output_finds_its_element_in_the_copy() {
        struct Test<'a>(&'a Layout, &'a [f32], &'a mut [f32]);
        impl Kernel for Test<'_> {
            type Out = ();
            fn run<S: Simd>(self, s: S) {
                self.0.fill(s, self.1, 2, self.2);
            }
        }
        for isa in Isa::available() {
            for (stride, dilation, taps, before) in
                [(1, 1, 3, 1), (2, 1, 4, 1), (3, 2, 2, 0), (2, 2, 3, 5), (1, 3, 2, -2), (5, 1, 2, 2)]
            {
                let image = 23;
                let out = ((image as isize + 2 * before) as usize - dilation * (taps - 1) - 1) / stride + 1;
                let axis = Axis { image, taps, stride, dilation, before, out };
                let short = Axis { image: 5, taps: 1, stride: 1, dilation: 1, before: 1, out: 7 };
                let (y, x) = (1..6, 1..out);
                let layout = Layout::new([&Phase::all(short), &Phase::all(axis)], [&y, &x], false);
                let data: Vec<f32> = (0..2 * 5 * 23).map(|i| i as f32 + 1.0).collect();
                let mut copy = vec![f32::NAN; 2 * layout.plane() + SLACK];
                isa.dispatch(Test(&layout, &data, &mut copy));
                let mut places = Vec::new();
                layout.places([0, 0], &(0..taps), 0..2 * taps, 0, &mut places);
                for (k, place) in places.iter().enumerate() {
                    for (q, r) in x.clone().flat_map(|q| y.clone().map(move |r| (q, r))) {
                        let expected = short.element(r, 0).zip(axis.element(q, k % taps));
                        let expected = expected.map_or(0.0, |(h, w)| data[(k / taps * 5 + h) * 23 + w]);
                        let found = copy[place + (r - y.start) * layout.pitch() + q - x.start];
                        assert_eq!(found, expected, "{isa:?} {axis:?} tap {k} of ({r}, {q})");
                    }
                }
            }
        }
    }
}
