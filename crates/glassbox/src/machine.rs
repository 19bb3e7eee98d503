//! What this machine can do at best: the two ceilings of the roofline.
//!
//! An operation that moves B bytes for F floating point operations takes at least max(F / peak, B / bandwidth)
//! seconds. Which of the two binds depends on its intensity F / B.
//! Source: Williams, Waterman, Patterson: Roofline (2009).

use glassbox_tensor::Tensor;
use glassbox_tensor::simd::{Isa, Kernel, Simd};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// The ceilings of this machine with the threads that the pool has.
#[derive(Clone, Debug)]
pub struct Ceilings {
    /// FLOP/s of fused multiply-adds on registers alone.
    pub flops: f64,
    /// Bytes a second by the size of the working set: a cache is faster than memory.
    bandwidths: BTreeMap<usize, f64>,
}

impl Ceilings {
    /// With this peak; bandwidths are measured as they are asked for.
    pub fn new(flops: f64) -> Ceilings {
        Ceilings { flops, bandwidths: BTreeMap::new() }
    }

    /// Bytes a second for a working set of `bytes`.
    pub fn bandwidth(&mut self, bytes: usize) -> f64 {
        let size = bytes.clamp(SMALLEST_SET, LARGEST_SET);
        *self.bandwidths.entry(size).or_insert_with(|| bandwidth(size))
    }

    /// The least seconds that `flops` operations on `bytes` bytes take, and what sets the limit.
    pub fn least_seconds(&mut self, flops: u64, bytes: u64) -> (f64, &'static str) {
        let (compute, memory) = (flops as f64 / self.flops, bytes as f64 / self.bandwidth(bytes as usize));
        if compute > memory { (compute, "compute") } else { (memory, "memory") }
    }
}

/// Independent chains. A processor that starts two fused multiply-adds a cycle and needs four cycles for each keeps
/// 8 in flight; 12 leave room, and fit with their two operands in the 16 registers of AVX2.
const CHAINS: usize = 12;

/// a ← a · x + y on [`CHAINS`] vectors, `rounds` times.
struct MultiplyAdd {
    rounds: usize,
}

impl Kernel for MultiplyAdd {
    type Out = f32;
    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> f32 {
        let (x, y) = (s.splat(black_box(0.5)), s.splat(black_box(0.25)));
        // Named one by one: an array would be kept in memory by some of the compilations, and a closure over it would be
        // compiled without the features of the instruction set.
        let start = s.splat(black_box(1.0));
        let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h, mut i, mut j, mut k, mut l] = [start; CHAINS];
        for _ in 0..self.rounds {
            a = s.mul_add(a, x, y);
            b = s.mul_add(b, x, y);
            c = s.mul_add(c, x, y);
            d = s.mul_add(d, x, y);
            e = s.mul_add(e, x, y);
            f = s.mul_add(f, x, y);
            g = s.mul_add(g, x, y);
            h = s.mul_add(h, x, y);
            i = s.mul_add(i, x, y);
            j = s.mul_add(j, x, y);
            k = s.mul_add(k, x, y);
            l = s.mul_add(l, x, y);
        }
        let (abc, def, ghi, jkl) = (a + b + c, d + e + f, g + h + i, j + k + l);
        s.sum(abc + def + ghi + jkl)
    }
}

/// FLOP/s of `isa` on all threads of the pool: the best of several rounds, since what disturbs only slows down.
pub fn peak_flops(isa: Isa) -> f64 {
    let rounds = 2_000_000 / isa.lanes().min(4);
    let flops = (2 * CHAINS * isa.lanes() * rounds * rayon::current_num_threads()) as f64;
    flops / best(5, || drop(black_box(rayon::broadcast(|_| isa.dispatch(MultiplyAdd { rounds }))))).as_secs_f64()
}

/// Floats in the widest vector: blocks that are multiples of it start aligned.
const MAX_LANES: usize = 16;
/// Below this the clock and the threads' wake-up would be measured.
const SMALLEST_SET: usize = 1 << 20;
/// Beyond any cache that we know; this is what memory itself gives.
pub const LARGEST_SET: usize = 1 << 28;

/// Bytes a second of a ← b + k · c on all threads (the triad of STREAM, McCalpin 1995), counting each array once, when the
/// three arrays are `size` bytes together and were used just before.
fn bandwidth(size: usize) -> f64 {
    let n = size / (3 * size_of::<f32>());
    // Tensors, since their memory is aligned to the vectors.
    let (mut a, b, c) = (Tensor::zeros([n]), Tensor::ones([n]), Tensor::ones([n]));
    let (a, b, c) = (a.make_mut(), b.as_slice().expect("contiguous"), c.as_slice().expect("contiguous"));
    let block = n.div_ceil(4 * rayon::current_num_threads()).next_multiple_of(MAX_LANES);
    let seconds = best(9, || {
        let k = black_box(3.0);
        let blocks = a.par_chunks_mut(block).zip(b.par_chunks(block)).zip(c.par_chunks(block));
        blocks.for_each(|((a, b), c)| Isa::current().dispatch(Triad { a, b, c, k }));
        black_box(&mut *a);
    })
    .as_secs_f64();
    (3 * n * size_of::<f32>()) as f64 / seconds
}

struct Triad<'a> {
    a: &'a mut [f32],
    b: &'a [f32],
    c: &'a [f32],
    k: f32,
}

impl Kernel for Triad<'_> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let k = s.splat(self.k);
        let vectors = self.a.chunks_exact_mut(S::LANES);
        for ((a, b), c) in vectors.zip(self.b.chunks_exact(S::LANES)).zip(self.c.chunks_exact(S::LANES)) {
            s.store(a, s.mul_add(k, s.load(c), s.load(b)));
        }
    }
}

/// The shortest of `times` runs, after one that warms up.
pub fn best(times: usize, mut run: impl FnMut()) -> Duration {
    run();
    let mut shortest = Duration::MAX;
    for _ in 0..times {
        let start = Instant::now();
        run();
        shortest = shortest.min(start.elapsed());
    }
    shortest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ceiling_that_binds_follows_from_the_intensity() {
        let bandwidths = BTreeMap::from([(SMALLEST_SET, 1e9), (LARGEST_SET, 10e9)]);
        let mut machine = Ceilings { flops: 100e9, bandwidths };
        assert_eq!(machine.least_seconds(100_000_000_000, 1_000_000_000), (1.0, "compute"));
        assert_eq!(machine.least_seconds(1_000_000_000, 20_000_000_000), (2.0, "memory"));
        assert_eq!(machine.least_seconds(0, 1000), (1e-6, "memory"));
    }

    #[test]
    fn the_multiply_adds_are_really_done() {
        // a converges to y / (1 - x) = 0.5 whatever it starts from; CHAINS vectors of it are summed.
        for isa in Isa::available() {
            let expected = 0.5 * (CHAINS * isa.lanes()) as f32;
            assert_eq!(isa.dispatch(MultiplyAdd { rounds: 100 }), expected, "{}", isa.name());
        }
    }
}
