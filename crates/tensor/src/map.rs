//! `map_n`: the one way to write an elementwise kernel.
//!
//! Broadcasting, strides, threads and tails are done here; an operation brings only its function of one vector of each
//! input. An element's bits depend on its inputs alone, not on where it stands or who computes it.

use crate::parallel::{CHUNK, for_each_chunk};
use crate::shape::{Dims, broadcast};
use crate::simd::{Isa, Kernel, Lanes, Simd, UpdateLanes, map_lanes, update_lanes};
use crate::tensor::Tensor;

/// Elements of a strided or repeated input that are gathered before the vectors run over them: 1 KiB on the stack for each input.
const GATHER: usize = 256;

/// `out[i] = f(x₀[i], …)` with the inputs broadcast against each other. See [`Lanes`] for an example.
///
/// # Panics
/// When the shapes don't broadcast.
#[track_caller]
pub fn map_n<const N: usize>(f: &impl Lanes<N>, x: [&Tensor; N]) -> Tensor {
    let shape = x.iter().try_fold(Dims::new(&[]), |shape, t| broadcast(&shape, t.shape()));
    let Some(shape) = shape else { panic!("map_n: shapes {:?} don't broadcast", x.map(Tensor::shape)) };
    let mut out = Tensor::for_overwrite(&shape);
    let plan = Plan::new(&shape, x);
    Isa::current().dispatch(Map { f, plan, out: out.make_mut() });
    out
}

/// `x = f(x, y₀, …)`: in place when nobody shares x's memory. The other inputs are broadcast to x's shape.
///
/// # Panics
/// When an input can't be broadcast to x's shape.
#[track_caller]
pub fn map_inplace<const M: usize>(f: &impl UpdateLanes<1, M>, x: &mut Tensor, y: [&Tensor; M]) {
    for t in y {
        let (from, to) = (t.shape(), x.shape());
        let fits = broadcast(from, to).is_some_and(|both| *both == *to);
        assert!(fits, "map_inplace: {from:?} can't be repeated to the shape {to:?} of what is written");
    }
    let y = y.map(|t| t.expand(x.shape()).contiguous());
    let slices = y.each_ref().map(|t| t.as_slice().expect("contiguous"));
    update_n(f, [x.make_mut()], slices);
}

/// An update in place of M arrays, reading N more, chunk by chunk on the pool: what an optimiser's step is.
///
/// # Panics
/// When the slices differ in length.
#[track_caller]
pub fn update_n<const M: usize, const N: usize>(f: &impl UpdateLanes<M, N>, state: [&mut [f32]; M], x: [&[f32]; N]) {
    struct Update<'a, F, const M: usize, const N: usize>(&'a F, [&'a mut [f32]; M], [&'a [f32]; N]);
    impl<F: UpdateLanes<M, N>, const M: usize, const N: usize> Kernel for Update<'_, F, M, N> {
        type Out = ();
        #[inline(always)]
        fn run<S: Simd>(self, s: S) {
            let Update(f, state, x) = self;
            split(s, f, state, x);
        }
    }
    /// Halves the arrays until they are one chunk long; the borders depend on the length alone.
    fn split<S: Simd, F: UpdateLanes<M, N>, const M: usize, const N: usize>(
        s: S,
        f: &F,
        state: [&mut [f32]; M],
        x: [&[f32]; N],
    ) {
        let n = state[0].len();
        if n <= CHUNK || !crate::parallel::worthwhile(n * (M + N)) {
            return update_lanes(s, f, state, x);
        }
        let middle = (n / CHUNK).div_ceil(2) * CHUNK;
        let mut right = Vec::with_capacity(M);
        let left = state.map(|a| {
            let (l, r) = a.split_at_mut(middle);
            right.push(r);
            l
        });
        let right: [&mut [f32]; M] = right.try_into().map_err(|_| ()).expect("one right half for each array");
        let (xl, xr) = (x.map(|a| &a[..middle]), x.map(|a| &a[middle..]));
        rayon::join(|| split(s, f, left, xl), || split(s, f, right, xr));
    }
    let lengths = || state.iter().map(|a| a.len()).chain(x.iter().map(|b| b.len()));
    assert!(lengths().all(|n| n == state[0].len()), "update_n: slices of {:?} elements", lengths().collect::<Vec<_>>());
    Isa::current().dispatch(Update(f, state, x));
}

/// A row-major copy of a view.
pub(crate) fn copy(x: &Tensor) -> Tensor {
    struct Identity;
    impl Lanes<1> for Identity {
        #[inline(always)]
        fn lanes<S: Simd>(&self, _: S, [x]: [S::F; 1]) -> S::F {
            x
        }
    }
    map_n(&Identity, [x])
}

/// How N inputs are read under the output's shape: axes that lie alike in all of them are merged into one.
struct Plan<'a, const N: usize> {
    /// The output's merged shape; the last axis is the row.
    shape: Dims,
    memory: [&'a [f32]; N],
    strides: [Dims; N],
}

impl<'a, const N: usize> Plan<'a, N> {
    fn new(shape: &Dims, x: [&'a Tensor; N]) -> Self {
        let all = x.map(|t| t.strides_under(shape));
        let mut merged: Vec<usize> = Vec::new();
        let mut strides: [Vec<usize>; N] = std::array::from_fn(|_| Vec::new());
        for axis in (0..shape.len()).filter(|&a| shape[a] != 1) {
            let steps = all.map(|s| s[axis]);
            // The axis before this one continues it when one step there is this axis' whole length here.
            let joins = !merged.is_empty() && (0..N).all(|j| strides[j].last() == Some(&(steps[j] * shape[axis])));
            if joins {
                *merged.last_mut().expect("not empty") *= shape[axis];
                (0..N).for_each(|j| *strides[j].last_mut().expect("as long as merged") = steps[j]);
            } else {
                merged.push(shape[axis]);
                (0..N).for_each(|j| strides[j].push(steps[j]));
            }
        }
        if merged.is_empty() {
            merged.push(1);
            strides.iter_mut().for_each(|s| s.push(0));
        }
        let strides = std::array::from_fn(|j| Dims::new(&strides[j]));
        Self { shape: Dims::new(&merged), memory: x.map(Tensor::memory), strides }
    }

    /// Where row `row` of each input begins.
    fn row_starts(&self, mut row: usize) -> [usize; N] {
        let mut starts = [0; N];
        for axis in (0..self.shape.len() - 1).rev() {
            let index = row % self.shape[axis];
            row /= self.shape[axis];
            for (start, strides) in starts.iter_mut().zip(&self.strides) {
                *start += index * strides[axis];
            }
        }
        starts
    }
}

struct Map<'a, F, const N: usize> {
    f: &'a F,
    plan: Plan<'a, N>,
    out: &'a mut [f32],
}

impl<F: Lanes<N>, const N: usize> Kernel for Map<'_, F, N> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Map { f, plan, out } = self;
        let work = out.len() * (N + 1);
        for_each_chunk(out, CHUNK, work, |i, part| map_chunk(s, f, &plan, i * CHUNK, part));
    }
}

/// The elements of the output from `at` on, row by row.
fn map_chunk<S: Simd, const N: usize>(s: S, f: &impl Lanes<N>, plan: &Plan<'_, N>, mut at: usize, out: &mut [f32]) {
    let last = plan.shape.len() - 1;
    let row_len = plan.shape[last];
    let steps = std::array::from_fn::<_, N, _>(|j| plan.strides[j][last]);
    let mut gathered = [[0.0f32; GATHER]; N];
    let mut rest = out;
    while !rest.is_empty() {
        let (row, column) = (at / row_len, at % row_len);
        let starts = plan.row_starts(row);
        let dense = steps.iter().all(|&step| step == 1);
        let n = rest.len().min(row_len - column).min(if dense { usize::MAX } else { GATHER });
        let (now, later) = rest.split_at_mut(n);
        for j in 0..N {
            let from = &plan.memory[j][starts[j] + column * steps[j]..];
            match steps[j] {
                1 => {}
                0 => gathered[j][..n].fill(from[0]),
                step => gathered[j][..n].iter_mut().zip(from.iter().step_by(step)).for_each(|(g, &x)| *g = x),
            }
        }
        let slices = std::array::from_fn(|j| match steps[j] {
            1 => &plan.memory[j][starts[j] + column..][..n],
            _ => &gathered[j][..n],
        });
        map_lanes(s, f, slices, now);
        at += n;
        rest = later;
    }
}
