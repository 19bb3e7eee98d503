//! Kernels that need a whole row at once: softmax and its kin.

use crate::gemm::prefetch;
use crate::parallel::for_each_chunk;
use crate::simd::{Isa, Kernel, Simd, math};
use crate::tensor::Tensor;

/// A function from N rows to one row of the same length. Called inside the features of `s`.
pub trait Rows<const N: usize>: Sync {
    /// Fills `out` from the rows `x`. Mark it `#[inline(always)]`.
    fn row<S: Simd>(&self, s: S, x: [&[f32]; N], out: &mut [f32]);
}

/// Applies `f` along the last axis of tensors of one shape.
///
/// ```
/// use glassbox_tensor::simd::Simd;
/// use glassbox_tensor::{Rows, map_rows, tensor};
/// /// Each row backwards.
/// struct Reversed;
/// impl Rows<1> for Reversed {
///     #[inline(always)]
///     fn row<S: Simd>(&self, _: S, [x]: [&[f32]; 1], out: &mut [f32]) {
///         out.iter_mut().zip(x.iter().rev()).for_each(|(out, x)| *out = *x);
///     }
/// }
/// assert_eq!(map_rows(&Reversed, [&tensor![[1., 2.], [3., 4.]]]), tensor![[2., 1.], [4., 3.]]);
/// ```
///
/// # Panics
/// When the shapes differ.
#[track_caller]
pub fn map_rows<const N: usize>(f: &impl Rows<N>, x: [&Tensor; N]) -> Tensor {
    let shape = x[0].shape();
    for t in x {
        assert!(t.shape() == shape, "map_rows: shapes {shape:?} and {:?} differ", t.shape());
    }
    let contiguous = x.map(Tensor::contiguous);
    let data = contiguous.each_ref().map(|t| t.as_slice().expect("contiguous"));
    let mut out = Tensor::for_overwrite(shape);
    let len = shape.last().copied().unwrap_or(1);
    if out.numel() > 0 {
        Isa::current().dispatch(All { f, data, len, out: out.make_mut() });
    }
    out
}

struct All<'a, F, const N: usize> {
    f: &'a F,
    data: [&'a [f32]; N],
    len: usize,
    out: &'a mut [f32],
}

impl<F: Rows<N>, const N: usize> Kernel for All<'_, F, N> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let All { f, data, len, out } = self;
        let chunk = len * (4096usize).div_ceil(len); // whole rows, at least 16 KiB
        let work = out.len() * (N + 1) * 4;
        for_each_chunk(out, chunk, work, |i, part| {
            let x = data.map(|d| &d[i * chunk..][..part.len()]);
            s.enter(Task { f, x, len, out: part });
        });
    }
}

/// A task's rows.
struct Task<'a, F, const N: usize> {
    f: &'a F,
    x: [&'a [f32]; N],
    len: usize,
    out: &'a mut [f32],
}

impl<F: Rows<N>, const N: usize> Kernel for Task<'_, F, N> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        for (i, out) in self.out.chunks_exact_mut(self.len).enumerate() {
            self.f.row(s, self.x.map(|x| &x[i * self.len..][..self.len]), out);
        }
    }
}

/// softmax(x)ᵢ = exp(xᵢ − max x) / Σⱼ exp(xⱼ − max x), along the last axis.
struct Softmax;

impl Rows<1> for Softmax {
    #[inline(always)]
    fn row<S: Simd>(&self, s: S, [x]: [&[f32]; 1], out: &mut [f32]) {
        // 1. the maximum: with it taken away, the largest exponent is 0, and nothing overflows
        let low = s.splat(f32::NEG_INFINITY);
        let mut tops = [low; 4]; // none of them waits for the one before
        let mut fours = x.chunks_exact(4 * S::LANES);
        for four in &mut fours {
            for (v, top) in tops.iter_mut().enumerate() {
                *top = s.max(s.load(&four[v * S::LANES..]), *top);
            }
        }
        let mut chunks = fours.remainder().chunks_exact(S::LANES);
        for v in &mut chunks {
            tops[0] = s.max(s.load(v), tops[0]);
        }
        let top = s.max(s.max(tops[0], tops[1]), s.max(tops[2], tops[3]));
        let max = chunks.remainder().iter().fold(s.max_lane(top), |a, &b| if b > a { b } else { a });
        // 2. the exponentials and their sum; a row of −∞ alone has no maximum to take away and gives NaN, as in PyTorch
        let shift = s.splat(max);
        let (len, body) = (x.len(), x.len() - x.len() % S::LANES);
        let block = 32 * S::LANES; // no lane adds more than 32 numbers in a row; the blocks are added in f64
        let mut total = 0.0f64;
        for (x, out) in x[..body].chunks(block).zip(out[..body].chunks_mut(block)) {
            let mut sum = s.splat(0.0);
            for (v, o) in x.chunks_exact(S::LANES).zip(out.chunks_exact_mut(S::LANES)) {
                // the next row, so that memory isn't idle while this one is computed
                prefetch(v.as_ptr().wrapping_add(len));
                prefetch(o.as_ptr().wrapping_add(len));
                let e = math::exp_below_89(s, s.load(v) - shift);
                s.store(o, e);
                sum = sum + e;
            }
            total += f64::from(s.sum(sum));
        }
        if body < x.len() {
            let tail = &mut out[body..];
            s.store_part(tail, math::exp_below_89(s, s.load_part(&x[body..]) - shift));
            total = tail.iter().fold(total, |a, &b| a + f64::from(b));
        }
        // 3. one division a row, one multiplication an element
        let scale = s.splat((1.0 / total) as f32);
        let mut chunks = out.chunks_exact_mut(S::LANES);
        for o in &mut chunks {
            let y = s.load(o) * scale;
            s.store(o, y);
        }
        let tail = chunks.into_remainder();
        let y = s.load_part(tail) * scale;
        s.store_part(tail, y);
    }
}

impl Tensor {
    /// softmax(x)ᵢ = exp(xᵢ − max x) / Σⱼ exp(xⱼ − max x) along `axis`: finite for any finite input.
    ///
    /// ```
    /// use glassbox_tensor::{assert_close, tensor};
    /// assert_close!(tensor![0., 3f32.ln()].softmax(-1), tensor![0.25, 0.75]); // 1 to 3
    /// assert_close!(tensor![1000., 1000.].softmax(-1), tensor![0.5, 0.5]); // though e¹⁰⁰⁰ is beyond f32
    /// ```
    ///
    /// # Panics
    /// For an axis that doesn't exist.
    #[track_caller]
    pub fn softmax(&self, axis: isize) -> Tensor {
        self.along_last("softmax", axis, |x| map_rows(&Softmax, [x]))
    }

    /// Applies `f`, which works along the last axis, along `axis` instead.
    ///
    /// # Panics
    /// For an axis that doesn't exist.
    #[track_caller]
    pub fn along_last(&self, op: &str, axis: isize, f: impl FnOnce(&Tensor) -> Tensor) -> Tensor {
        let at = crate::shape::axis_index(op, axis, self.rank());
        if at + 1 == self.rank() {
            return f(self);
        }
        let mut order: Vec<usize> = (0..self.rank()).collect();
        order.swap(at, self.rank() - 1); // its own inverse
        f(&self.permute(&order)).permute(&order)
    }
}
