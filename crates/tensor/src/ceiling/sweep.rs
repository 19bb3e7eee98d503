//! The loops whose bytes are counted: R arrays are read and added, one is written, in vectors; or one is read and summed.

use crate::simd::{Kernel, Simd};
use std::hint::black_box;

/// Floats in a step of the loops on the widest vectors: lengths are multiples of it, so there are no tails.
pub(super) const STEP: usize = 128;
/// Vectors in a step of the loop. On narrower instruction sets a step has fewer floats than [`STEP`], which it divides.
const UNROLL: usize = 8;

/// out ← seed + ins[0] + … + ins[R − 1], `passes` times: R streams read for one written. With R = 0 it is a fill.
pub(super) struct Write<'a, const R: usize> {
    pub ins: [&'a [f32]; R],
    pub out: &'a mut [f32],
    pub passes: usize,
    /// Past the caches.
    pub streaming: bool,
}

impl<const R: usize> Kernel for Write<'_, R> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let n = self.out.len();
        assert!(
            n.is_multiple_of(STEP) && self.ins.iter().all(|x| x.len() == n),
            "lengths are checked where they are made"
        );
        let aligned = self.out.as_ptr().addr().is_multiple_of(S::LANES * size_of::<f32>());
        for pass in 0..self.passes {
            // No pass can be left out: each writes something else, to a place that might be looked at.
            let seed = s.splat(black_box(pass as f32));
            let out = black_box(self.out.as_mut_ptr());
            let ins = black_box(self.ins.map(<[f32]>::as_ptr));
            if self.streaming && aligned {
                // SAFETY: n floats can be read from each of `ins` and written to `out`, which is a multiple of STEP, checked
                // above; `out` is aligned, checked above, and stays so by whole vectors.
                unsafe { sweep::<S, R, true>(s, ins, out, n, seed) };
                s.stream_end();
            } else {
                // SAFETY: as above.
                unsafe { sweep::<S, R, false>(s, ins, out, n, seed) };
            }
        }
        black_box(&*self.out);
    }
}

/// One pass.
///
/// # Safety
/// `n` is a multiple of [`STEP`], and as many floats can be read from each of `ins` and written to `out`; if it streams, `out` is
/// aligned to a vector, and the caller calls `stream_end` before anyone touches `out`.
#[inline(always)]
unsafe fn sweep<S: Simd, const R: usize, const STREAM: bool>(
    s: S,
    ins: [*const f32; R],
    out: *mut f32,
    n: usize,
    seed: S::F,
) {
    for start in (0..n).step_by(UNROLL * S::LANES) {
        for j in 0..UNROLL {
            let at = start + j * S::LANES;
            let mut y = seed;
            for x in ins {
                // SAFETY: at + LANES ≤ n, since UNROLL vectors divide STEP, which divides n.
                y = y + unsafe { s.load_ptr(x.add(at)) };
            }
            if STREAM {
                // SAFETY: as above; `at` is a multiple of LANES, so the place is aligned as `out` is.
                unsafe { s.stream_ptr(out.add(at), y) }
            } else {
                // SAFETY: as above.
                unsafe { s.store_ptr(out.add(at), y) }
            }
        }
    }
}

/// x ← x + seed + ins[0] + … + ins[R − 1] in place for each of W arrays, `passes` times: R + W streams read and W of these written.
pub(super) struct Update<'a, const R: usize, const W: usize> {
    pub ins: [&'a [f32]; R],
    pub xs: [&'a mut [f32]; W],
    pub passes: usize,
}

impl<const R: usize, const W: usize> Kernel for Update<'_, R, W> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Update { ins, mut xs, passes } = self;
        let n = xs[0].len();
        let lengths = || ins.iter().map(|x| x.len()).chain(xs.iter().map(|x| x.len()));
        assert!(n.is_multiple_of(STEP) && lengths().all(|len| len == n), "lengths are checked where they are made");
        for pass in 0..passes {
            let seed = s.splat(black_box(pass as f32));
            let mut to = [std::ptr::null_mut(); W];
            for (to, x) in to.iter_mut().zip(&mut xs) {
                *to = black_box(x.as_mut_ptr());
            }
            let mut from = [std::ptr::null(); R];
            for (from, x) in from.iter_mut().zip(&ins) {
                *from = black_box(x.as_ptr());
            }
            for at in (0..n).step_by(S::LANES) {
                // SAFETY: n floats can be read at each of `from` and `to`, and written at the latter, checked above; LANES divides
                // STEP, which divides n.
                unsafe {
                    let mut y = seed;
                    for x in from {
                        y = y + s.load_ptr(x.add(at));
                    }
                    for x in to {
                        s.store_ptr(x.add(at), y + s.load_ptr(x.add(at)));
                    }
                }
            }
        }
        black_box(&xs);
    }
}

/// Σ x, `passes` times, in as many sums as a step has vectors: reading alone.
pub(super) struct Read<'a> {
    pub x: &'a [f32],
    pub passes: usize,
}

impl Kernel for Read<'_> {
    type Out = f32;
    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> f32 {
        let n = self.x.len();
        assert!(n.is_multiple_of(STEP), "lengths are checked where they are made");
        let zero = s.splat(0.0);
        let mut total = zero;
        for _ in 0..self.passes {
            let x = black_box(self.x.as_ptr());
            let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = [zero; UNROLL];
            for start in (0..n).step_by(UNROLL * S::LANES) {
                // SAFETY: start + UNROLL vectors ≤ n, since these divide STEP, which divides n.
                unsafe {
                    let x = x.add(start);
                    a = a + s.load_ptr(x);
                    b = b + s.load_ptr(x.add(S::LANES));
                    c = c + s.load_ptr(x.add(2 * S::LANES));
                    d = d + s.load_ptr(x.add(3 * S::LANES));
                    e = e + s.load_ptr(x.add(4 * S::LANES));
                    f = f + s.load_ptr(x.add(5 * S::LANES));
                    g = g + s.load_ptr(x.add(6 * S::LANES));
                    h = h + s.load_ptr(x.add(7 * S::LANES));
                }
            }
            total = total + ((a + b) + (c + d)) + ((e + f) + (g + h));
        }
        black_box(s.sum(total))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tensor;
    use crate::simd::Isa;

    #[test]
    fn every_sweep_touches_every_element() {
        let n = 3 * STEP;
        let x = Tensor::arange(n);
        let x = x.as_slice().unwrap();
        for isa in Isa::available() {
            for streaming in [false, true] {
                let mut out = Tensor::zeros([n]); // aligned, which a Vec need not be
                let mut written = |add: &dyn Fn(&mut [f32])| {
                    add(out.make_mut());
                    out.to_vec()
                };
                // the last of two passes adds 1
                let passes = 2;
                let y = written(&|out| isa.dispatch(Write { ins: [], out, passes, streaming }));
                assert!(y.iter().all(|&y| y == 1.0), "{}", isa.name());
                let y = written(&|out| isa.dispatch(Write { ins: [x, x, x], out, passes, streaming }));
                assert!(y.iter().enumerate().all(|(i, &y)| y == 3.0 * i as f32 + 1.0), "{}", isa.name());
            }
            let (mut y, mut z) = (x.to_vec(), vec![1.0; n]);
            isa.dispatch(Update { ins: [], xs: [&mut y], passes: 3 }); // 0 + 1 + 2
            assert!(y.iter().enumerate().all(|(i, &y)| y == i as f32 + 3.0), "{}", isa.name());
            isa.dispatch(Update { ins: [x], xs: [&mut y, &mut z], passes: 2 }); // 0 + 1 and twice x
            assert!(y.iter().enumerate().all(|(i, &y)| y == 3.0 * i as f32 + 4.0), "{}", isa.name());
            assert!(z.iter().enumerate().all(|(i, &z)| z == 2.0 * i as f32 + 2.0), "{}", isa.name());
            assert_eq!(isa.dispatch(Read { x, passes: 2 }), (n * (n - 1)) as f32, "{}", isa.name());
        }
    }

    #[test]
    fn what_is_not_aligned_is_stored_plainly() {
        let mut out = vec![0.0; STEP + 1];
        for isa in Isa::available() {
            for start in [0, 1] {
                let out = &mut out[start..start + STEP]; // one of the two is not aligned
                isa.dispatch(Write { ins: [], out, passes: 2, streaming: true });
                assert!(out.iter().all(|&y| y == 1.0), "{}", isa.name());
                out.fill(0.0);
            }
        }
    }
}
