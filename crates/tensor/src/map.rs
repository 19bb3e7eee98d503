//! `map_n`: the one way to write an elementwise kernel.
//!
//! Broadcasting, strides, threads and tails are done here; an operation brings only its function of one vector of each
//! input. An element's bits depend on its inputs alone, not on where it stands or who computes it.

use crate::ceiling::fill_caches;
use crate::copy::copy_in_squares;
use crate::parallel::{CHUNK, for_each_chunk, observer, worthwhile};
use crate::shape::{Dims, broadcast};
use crate::simd::{Isa, Kernel, Lanes, Simd, UpdateLanes, map_lanes, stream_lanes, update_lanes};
use crate::tensor::Tensor;

/// Elements of a strided or repeated input that are gathered before the vectors run over them: 1 KiB on the stack for
/// each input.
const GATHER: usize = 256;
/// Rows shorter than this are gathered too, several at a time: a call and a tail for each would cost more.
const SHORT: usize = 64;

/// `out[i] = f(x₀[i], …)` with the inputs broadcast against each other. See [`Lanes`] for an example.
///
/// ```
/// use glassbox_tensor::simd::{Lanes, Simd};
/// use glassbox_tensor::{map_n, tensor};
/// /// √(x² + y²)
/// struct Hypotenuse;
/// impl Lanes<2> for Hypotenuse {
///     #[inline(always)]
///     fn lanes<S: Simd>(&self, s: S, [x, y]: [S::F; 2]) -> S::F {
///         s.sqrt(s.mul_add(x, x, y * y))
///     }
/// }
/// let y = map_n(&Hypotenuse, [&tensor![[3.], [5.]], &tensor![4., 12.]]);
/// assert_eq!(y.at([0, 0]), 5.0);
/// assert_eq!(y.at([1, 1]), 13.0);
/// ```
///
/// # Panics
/// When the shapes don't broadcast.
#[track_caller]
pub fn map_n<const N: usize>(f: &impl Lanes<N>, x: [&Tensor; N]) -> Tensor {
    let shape = x.iter().try_fold(Dims::new(&[]), |shape, t| broadcast(&shape, t.shape()));
    let Some(shape) = shape else { panic!("map_n: shapes {:?} don't broadcast", x.map(Tensor::shape)) };
    let mut out = Tensor::for_overwrite(&shape);
    // Transposed inputs are put in order first: read row by row, each element would cost a cache line.
    let ordered = x.map(copy_in_squares);
    let plan = Plan::new(&shape, std::array::from_fn(|j| ordered[j].as_ref().unwrap_or(x[j])));
    Isa::current().dispatch(Map { f, plan: &plan, out: out.make_mut() });
    out
}

/// `x = f(x, y₀, …)`: in place when nobody shares x's memory. The other inputs are broadcast to x's shape.
///
/// ```
/// use glassbox_tensor::simd::{Simd, UpdateLanes};
/// use glassbox_tensor::{map_inplace, tensor};
/// /// x ← x + 0.1·(y − x): a moving average.
/// struct Follow;
/// impl UpdateLanes<1, 1> for Follow {
///     #[inline(always)]
///     fn lanes<S: Simd>(&self, s: S, [x]: [S::F; 1], [y]: [S::F; 1]) -> [S::F; 1] {
///         [s.mul_add(s.splat(0.1), y - x, x)]
///     }
/// }
/// let mut x = tensor![0., 10.];
/// map_inplace(&Follow, &mut x, [&tensor![10.]]);
/// assert_eq!(x, tensor![1., 10.]);
/// ```
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

/// `(y₀[i], …) = f(x₀[i], …)`: M outputs of N inputs of one shape, where computing them together is cheaper than M times
/// [`map_n`]. The state that `f` is handed means nothing; it must not be read.
///
/// ```
/// use glassbox_tensor::simd::{Simd, UpdateLanes};
/// use glassbox_tensor::{map_to, tensor};
/// /// x + y and x − y
/// struct SumAndDifference;
/// impl UpdateLanes<2, 2> for SumAndDifference {
///     #[inline(always)]
///     fn lanes<S: Simd>(&self, _: S, _: [S::F; 2], [x, y]: [S::F; 2]) -> [S::F; 2] {
///         [x + y, x - y]
///     }
/// }
/// let [sum, difference] = map_to(&SumAndDifference, [&tensor![3., 4.], &tensor![1., 1.]]);
/// assert_eq!((sum, difference), (tensor![4., 5.], tensor![2., 3.]));
/// ```
///
/// # Panics
/// When the shapes differ.
#[track_caller]
pub fn map_to<const M: usize, const N: usize>(f: &impl UpdateLanes<M, N>, x: [&Tensor; N]) -> [Tensor; M] {
    let shapes = x.map(Tensor::shape);
    assert!(
        shapes.iter().all(|shape| shape == &shapes[0]),
        "map_to: inputs of the shapes {shapes:?}; all must be equal"
    );
    let mut out: [Tensor; M] = std::array::from_fn(|_| Tensor::for_overwrite(shapes[0]));
    let x = x.map(Tensor::contiguous);
    let slices = x.each_ref().map(|t| t.as_slice().expect("contiguous"));
    update_n(f, out.each_mut().map(Tensor::make_mut), slices);
    out
}

/// An update in place of M arrays, reading N more, chunk by chunk on the pool: what an optimiser's step is.
///
/// ```
/// use glassbox_tensor::simd::{Simd, UpdateLanes};
/// use glassbox_tensor::update_n;
/// /// v ← 0.9·v + g, x ← x − 0.1·v: a step with momentum.
/// struct Momentum;
/// impl UpdateLanes<2, 1> for Momentum {
///     #[inline(always)]
///     fn lanes<S: Simd>(&self, s: S, [x, v]: [S::F; 2], [g]: [S::F; 1]) -> [S::F; 2] {
///         let v = s.mul_add(s.splat(0.9), v, g);
///         [s.mul_add(s.splat(-0.1), v, x), v]
///     }
/// }
/// let (mut x, mut v) = ([1.0], [0.0]);
/// update_n(&Momentum, [&mut x, &mut v], [&[5.0]]);
/// assert_eq!((x, v), ([0.5], [5.0]));
/// ```
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
            let work = state[0].len() * (M + N);
            let seen = worthwhile(work).then(observer);
            let seen = seen.as_ref().map(|seen| seen as &(dyn Fn() + Sync));
            split(&|state, x| update_lanes(s, f, state, x), state, x, seen);
        }
    }
    /// Halves the arrays until they are one chunk long; the borders depend on the length alone. Without an observer of
    /// the workers all stays on this thread.
    fn split<const M: usize, const N: usize>(
        step: UpdateStretch<'_, M, N>,
        state: [&mut [f32]; M],
        x: [&[f32]; N],
        seen: Option<&(dyn Fn() + Sync)>,
    ) {
        let n = state[0].len();
        let Some(observe) = seen.filter(|_| n > CHUNK) else {
            seen.inspect(|observe| observe());
            return step(state, x);
        };
        let middle = (n / CHUNK).div_ceil(2) * CHUNK;
        let mut halves = state.map(|a| a.split_at_mut(middle));
        let right = halves.each_mut().map(|(_, right)| std::mem::take(right));
        let left = halves.map(|(left, _)| left);
        let (xl, xr) = (x.map(|a| &a[..middle]), x.map(|a| &a[middle..]));
        let seen = Some(observe);
        rayon::join(|| split(step, left, xl, seen), || split(step, right, xr, seen));
    }
    let lengths = || state.iter().map(|a| a.len()).chain(x.iter().map(|b| b.len()));
    assert!(lengths().all(|n| n == state[0].len()), "update_n: slices of {:?} elements", lengths().collect::<Vec<_>>());
    Isa::current().dispatch(Update(f, state, x));
}

/// How N inputs are read under the output's shape: axes that lie alike in all of them are merged into one.
pub(crate) struct Plan<'a, const N: usize> {
    /// The output's merged shape; the last axis is the row.
    pub(crate) shape: Dims,
    pub(crate) memory: [&'a [f32]; N],
    pub(crate) strides: [Dims; N],
}

impl<'a, const N: usize> Plan<'a, N> {
    pub(crate) fn new(shape: &Dims, x: [&'a Tensor; N]) -> Self {
        let all = x.map(|t| t.strides_under(shape));
        let mut merged = Dims::new(&[]);
        let mut strides = [merged; N];
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
        Self { shape: merged, memory: x.map(Tensor::memory), strides }
    }

    /// Copies what input `j` shows from element `at` of the output on.
    fn gather(&self, j: usize, at: usize, to: &mut [f32]) {
        let last = self.shape.len() - 1;
        let (row_len, step) = (self.shape[last], self.strides[j][last]);
        let (mut row, mut column, mut rest) = (at / row_len, at % row_len, to);
        while !rest.is_empty() {
            let (now, later) = rest.split_at_mut((row_len - column).min(rest.len()));
            let from = &self.memory[j][self.row_starts(row)[j] + column * step..];
            match step {
                0 => now.fill(from[0]),
                step => now.iter_mut().zip(from.iter().step_by(step)).for_each(|(to, &x)| *to = x),
            }
            (row, column, rest) = (row + 1, 0, later);
        }
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
    plan: &'a Plan<'a, N>,
    out: &'a mut [f32],
}

impl<F: Lanes<N>, const N: usize> Kernel for Map<'_, F, N> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        // All that a kernel brings is this function of one stretch; the rest is compiled once and not for each of them.
        // An output is streamed where it and the inputs fill the caches: by the shapes alone, and with the same bits.
        if fill_caches(size_of::<f32>() * (N + 1) * self.out.len()) {
            run_map(self.plan, self.out, &|x, out| stream_lanes(s, self.f, x, out));
        } else {
            run_map(self.plan, self.out, &|x, out| map_lanes(s, self.f, x, out));
        }
    }
}

/// An update over stretches of M arrays and N inputs.
type UpdateStretch<'a, const M: usize, const N: usize> = &'a (dyn Fn([&mut [f32]; M], [&[f32]; N]) + Sync);

/// A kernel over stretches of N inputs.
type Stretch<'a, const N: usize> = &'a (dyn Fn([&[f32]; N], &mut [f32]) + Sync);

fn run_map<const N: usize>(plan: &Plan<'_, N>, out: &mut [f32], stretch: Stretch<'_, N>) {
    let work = out.len() * (N + 1);
    for_each_chunk(out, CHUNK, work, |i, part| map_chunk(stretch, plan, i * CHUNK, part));
}

/// The elements of the output from `at` on, stretch by stretch: an input that lies there as the output does is read in
/// place, another one is gathered first.
fn map_chunk<const N: usize>(stretch: Stretch<'_, N>, plan: &Plan<'_, N>, mut at: usize, out: &mut [f32]) {
    let last = plan.shape.len() - 1;
    let row_len = plan.shape[last];
    let lies_so = plan.strides.map(|strides| strides == plan.shape.row_major_strides());
    let rows_lie_so = plan.strides.each_ref().map(|strides| strides[last] == 1);
    // Long rows are read one by one; of short ones as many whole ones as fit go together, so that a call and a tail
    // aren't paid for each, and an input that repeats one row is gathered once.
    let short = row_len < SHORT;
    let in_place = std::array::from_fn::<_, N, _>(|j| lies_so[j] || (rows_lie_so[j] && !short));
    let most = match in_place.iter().all(|&yes| yes) {
        true if !short || lies_so.iter().all(|&yes| yes) => usize::MAX,
        _ => GATHER - if short { GATHER % row_len } else { 0 },
    };
    let mut gathered = [[0.0f32; GATHER]; N];
    // The place in memory of what each buffer begins with, and how much it holds; of stretches that the place determines.
    let mut held = [(0, 0); N];
    let mut rest = out;
    while !rest.is_empty() {
        let (row, column) = (at / row_len, at % row_len);
        let left = if short { usize::MAX } else { row_len - column };
        let (now, later) = rest.split_at_mut(most.min(left).min(rest.len()));
        let n = now.len();
        let starts = plan.row_starts(row);
        for j in (0..N).filter(|&j| !in_place[j]) {
            let place = starts[j] + column * plan.strides[j][last];
            let determined = !short || plan.strides[j][..last].iter().all(|&stride| stride == 0);
            if !(determined && held[j].0 == place && held[j].1 >= n) {
                plan.gather(j, at, &mut gathered[j][..n]);
                held[j] = if determined { (place, n) } else { (0, 0) };
            }
        }
        let slices = std::array::from_fn(|j| match in_place[j] {
            true => &plan.memory[j][starts[j] + column * plan.strides[j][last]..][..n],
            false => &gathered[j][..n],
        });
        stretch(slices, now);
        at += n;
        rest = later;
    }
}
