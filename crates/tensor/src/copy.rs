//! A row-major copy of any view: what a kernel that needs whole rows asks for.
//!
//! Of a transposed matrix each row lies scattered: one element from each cache line, and by the time that its neighbour
//! is wanted the line is gone. Read in squares of 16 × 16, a line is used whole while it is there: 2048 × 2048 floats
//! take 1.4 ms instead of 30 (Zen 5). A copy larger than the caches goes past them.

use crate::ceiling::fill_caches;
use crate::gemm::{LINE, prefetch};
use crate::map::{Plan, map_n};
use crate::parallel::for_each_chunk;
use crate::shape::Dims;
use crate::simd::{Isa, Kernel, Lanes, MAX_LANES, Simd};
use crate::tensor::Tensor;
use std::ops::Range;

/// The side of a square: a cache line of floats.
const SIDE: usize = 16;
/// Squares below each other that are done before the next ones beside them: of each column that is read then, 256 bytes stand
/// together.
const DOWN: usize = 4;
/// Below this many elements all lines stay in the first-level cache, and the order of reading doesn't matter.
const SMALL: usize = 4096;

/// A row-major copy of a view.
pub(crate) fn copy(x: &Tensor) -> Tensor {
    struct Identity;
    impl Lanes<1> for Identity {
        #[inline(always)]
        fn lanes<S: Simd>(&self, _: S, [x]: [S::F; 1]) -> S::F {
            x
        }
    }
    copy_in_squares(x).unwrap_or_else(|| map_n(&Identity, [x]))
}

/// A row-major copy of a large tensor whose last axis lies scattered while another one lies together; `None` for others.
pub(crate) fn copy_in_squares(x: &Tensor) -> Option<Tensor> {
    if x.strides().last().is_none_or(|&step| step <= 1) || x.numel() < SMALL {
        return None;
    }
    let shape = Dims::new(x.shape());
    let plan = Plan::new(&shape, [x]);
    let (shape, [strides], [memory]) = (plan.shape, plan.strides, plan.memory);
    let last = shape.len() - 1;
    let near = (0..last).find(|&axis| strides[axis] == 1)?;
    let mut out = Tensor::for_overwrite(x.shape());
    Isa::current().dispatch(Squares { memory, shape, strides, near, out: out.make_mut() });
    Some(out)
}

struct Squares<'a> {
    memory: &'a [f32],
    shape: Dims,
    strides: Dims,
    /// The axis whose stride is 1.
    near: usize,
    out: &'a mut [f32],
}

impl Kernel for Squares<'_> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Squares { memory, shape, strides, near, out } = self;
        // A task takes some entries of the first axis: whole squares when that is the near one.
        let entry: usize = shape[1..].iter().product();
        let band = if near == 0 { DOWN * SIDE } else { SMALL.div_ceil(entry) };
        let work = 2 * out.len();
        let stream = fill_caches(2 * size_of::<f32>() * out.len());
        for_each_chunk(out, band * entry, work, |i, out| {
            let mut shape = shape;
            shape[0] = out.len() / entry;
            s.enter(Band { memory: &memory[i * band * strides[0]..], shape, strides, near, stream, out });
        });
    }
}

/// Some entries of the first axis.
struct Band<'a> {
    memory: &'a [f32],
    shape: Dims,
    strides: Dims,
    near: usize,
    /// Whether the copy goes past the caches.
    stream: bool,
    out: &'a mut [f32],
}

impl Kernel for Band<'_> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Band { memory, shape, strides, near, stream, out } = self;
        let last = shape.len() - 1;
        let pitches = shape.row_major_strides();
        let others = || (0..last).rev().filter(|&axis| axis != near);
        for plane in 0..others().map(|axis| shape[axis]).product() {
            let (mut rest, mut from, mut to) = (plane, 0, 0);
            for axis in others() {
                let index = rest % shape[axis];
                rest /= shape[axis];
                from += index * strides[axis];
                to += index * pitches[axis];
            }
            let size = [shape[near], shape[last]];
            let (x, out, pitch) = (&memory[from..], &mut out[to..], pitches[near]);
            // A vector that streams stands at a multiple of its size.
            let whole = (out.as_ptr().addr() / size_of::<f32>()).is_multiple_of(SIDE) && pitch.is_multiple_of(SIDE);
            if stream && whole {
                transpose::<S, true>(s, x, strides[last], size, out, pitch);
                s.stream_end();
            } else {
                transpose::<S, false>(s, x, strides[last], size, out, pitch);
            }
        }
    }
}

/// `out[i·pitch + j] = x[i + j·step]` for i below `rows` and j below `cols`. If it streams, `out` and each of its rows begin at a
/// multiple of `SIDE` floats.
#[inline(always)]
fn transpose<S: Simd, const STREAM: bool>(
    s: S,
    x: &[f32],
    step: usize,
    [rows, cols]: [usize; 2],
    out: &mut [f32],
    pitch: usize,
) {
    for down in (0..rows).step_by(DOWN * SIDE) {
        for j0 in (0..cols).step_by(SIDE) {
            // The columns of the next squares are far from these, and from each other.
            for j in j0 + SIDE..cols.min(j0 + 2 * SIDE) {
                for i in (down..rows.min(down + DOWN * SIDE)).step_by(LINE) {
                    prefetch(x.as_ptr().wrapping_add(i + j * step));
                }
            }
            for i0 in (down..rows.min(down + DOWN * SIDE)).step_by(SIDE) {
                square::<S, STREAM>(s, x, step, [i0..rows.min(i0 + SIDE), j0..cols.min(j0 + SIDE)], out, pitch);
            }
        }
    }
}

/// The part of [`transpose`] in one square, which may be cut off by the edges.
#[inline(always)]
fn square<S: Simd, const STREAM: bool>(
    s: S,
    x: &[f32],
    step: usize,
    [rows, cols]: [Range<usize>; 2],
    out: &mut [f32],
    pitch: usize,
) {
    if S::LANES == 1 || rows.len() < SIDE || cols.len() < SIDE {
        for i in rows {
            for j in cols.clone() {
                out[i * pitch + j] = x[i + j * step];
            }
        }
        return;
    }
    for i in rows.step_by(S::LANES) {
        for j in cols.clone().step_by(S::LANES) {
            let mut square = [s.splat(0.0); MAX_LANES];
            for (l, row) in square[..S::LANES].iter_mut().enumerate() {
                *row = s.load(&x[i + (j + l) * step..]);
            }
            s.transpose(&mut square[..S::LANES]);
            for (l, &row) in square[..S::LANES].iter().enumerate() {
                let out = &mut out[(i + l) * pitch + j..][..S::LANES];
                if STREAM {
                    // SAFETY: the slice has LANES floats; it begins at a multiple of LANES, since `out` and its rows begin at
                    // multiples of SIDE and j is one of LANES. Whoever streams calls `stream_end` before anybody reads.
                    unsafe { s.stream_ptr(out.as_mut_ptr(), row) };
                } else {
                    s.store(out, row);
                }
            }
        }
    }
}
