//! Sums over slices: what a row's mean, its norm, and the scalar products of a backward pass are made of.

use super::{Kernel, MAX_LANES, Simd};

/// No summand of [`sum_lanes`], nor of `Tensor::sum`, passes through this many roundings, on any instruction set: 16 on its
/// accumulator, 2 where four accumulators meet, up to 4 where the lanes do, and one from f64 to f32 in the end. So |error| ≤
/// γ·Σ|terms| with γ = `SUM_DEPTH`·u / (1 − `SUM_DEPTH`·u), u = 2⁻²⁴ (Higham 2002, section 4.2); what is left over is more than
/// the additions in f64 err by.
pub const SUM_DEPTH: usize = 24;

/// Vectors in a block: 16 for each of four accumulators, which hide the latency of an addition.
const BLOCK: usize = 64;

/// The number of each lane.
const LANE: [f32; MAX_LANES] = [0., 1., 2., 3., 4., 5., 6., 7., 8., 9., 10., 11., 12., 13., 14., 15.];

/// K terms of one vector of each of N inputs, whose sums over all elements are wanted.
///
/// ```
/// use glassbox_tensor::simd::{Scalar, Simd, SumLanes, sum_lanes};
/// /// Σ x·y and Σ y²
/// struct Products;
/// impl SumLanes<2, 2> for Products {
///     #[inline(always)]
///     fn lanes<S: Simd>(&self, _: S, [x, y]: [S::F; 2]) -> [S::F; 2] {
///         [x * y, y * y]
///     }
/// }
/// assert_eq!(sum_lanes(Scalar, &Products, [&[1.0, 2.0], &[3.0, 4.0]]), [11.0, 25.0]);
/// ```
pub trait SumLanes<const N: usize, const K: usize>: Sync {
    /// The terms. Mark it `#[inline(always)]`.
    fn lanes<S: Simd>(&self, s: S, x: [S::F; N]) -> [S::F; K];
}

/// `Σᵢ f(x[0][i], …, x[N−1][i])` for each of the K terms, on one thread with the token's vectors.
///
/// Vectors are added in f32 in blocks of 64, and the blocks in f64: see [`SUM_DEPTH`].
///
/// # Panics
/// When the slices differ in length.
#[inline]
pub fn sum_lanes<S: Simd, const N: usize, const K: usize>(s: S, f: &impl SumLanes<N, K>, x: [&[f32]; N]) -> [f64; K] {
    struct Run<'a, F, const N: usize, const K: usize>(&'a F, [&'a [f32]; N]);
    impl<F: SumLanes<N, K>, const N: usize, const K: usize> Kernel for Run<'_, F, N, K> {
        type Out = [f64; K];
        #[inline(always)]
        fn run<S: Simd>(self, s: S) -> [f64; K] {
            let Run(f, x) = self;
            let n = x[0].len();
            for input in x {
                assert!(input.len() == n, "sum_lanes: inputs of {n} and {} elements", input.len());
            }
            let mut total = [0.0f64; K];
            let mut v = [s.splat(0.0); N]; // filled by loops, as in `map_lanes`
            let mut i = 0;
            while i < n {
                let end = n.min(i + BLOCK * S::LANES);
                let mut acc = [[s.splat(0.0); K]; 4];
                while i + 4 * S::LANES <= end {
                    for acc in &mut acc {
                        for (v, input) in v.iter_mut().zip(x) {
                            // SAFETY: i + LANES ≤ end ≤ n, and the loop above checked that every slice holds n elements.
                            *v = unsafe { s.load_ptr(input.as_ptr().add(i)) };
                        }
                        let terms = f.lanes(s, v);
                        for (a, term) in acc.iter_mut().zip(&terms) {
                            *a = *a + *term;
                        }
                        i += S::LANES;
                    }
                }
                for acc in &mut acc {
                    if i < end {
                        // The terms of the lanes beyond the end needn't be 0.
                        let inside = s.lt(s.load(&LANE), s.splat((end - i) as f32));
                        for (v, input) in v.iter_mut().zip(x) {
                            *v = s.load_part(&input[i..end]);
                        }
                        let terms = f.lanes(s, v);
                        for (a, term) in acc.iter_mut().zip(&terms) {
                            *a = *a + s.select(inside, *term, s.splat(0.0));
                        }
                        i = end.min(i + S::LANES);
                    }
                }
                for (k, total) in total.iter_mut().enumerate() {
                    *total += f64::from(s.sum((acc[0][k] + acc[1][k]) + (acc[2][k] + acc[3][k])));
                }
            }
            total
        }
    }
    s.enter(Run(f, x))
}
