//! Layer normalisation of each row: y = (x − mean)·rstd·w + b, with rstd = 1/√(var + eps), var = Σ(x − mean)²/n (Ba, Kiros and
//! Hinton 2016).
//!
//! A row of n needs 3n operations for mean and variance and 4n for y; 4n bytes come in and 4n go out. That is less than one
//! operation for each byte: from memory the bytes bind, from a cache the latency of additions does.
//!
//! All rungs: `x` and `y` hold rows as long as `w` and `b`. They panic when lengths don't fit.

use crate::simd::{Isa, Kernel, Lanes, Simd, SumLanes, map_lanes, sum_lanes};

/// Rung 1, the definition: a pass for the mean, one for the variance around it, one for y.
///
/// Both sums are chains: each addition waits 2 to 4 cycles for the one before it, and the compiler may not reorder them.
///
/// ```
/// use glassbox_tensor::ladder::layer_norm;
/// let mut y = [0.0; 2];
/// layer_norm::two_passes(&[1.0, 5.0], &[1.0, 2.0], &[10.0, 0.0], 0.0, &mut y); // mean 3, variance 4
/// assert_eq!(y, [9.0, 2.0]);
/// ```
#[track_caller]
pub fn two_passes(x: &[f32], w: &[f32], b: &[f32], eps: f32, y: &mut [f32]) {
    for (x, y) in rows(x, w, b, y) {
        let n = x.len() as f32;
        let mean = x.iter().sum::<f32>() / n;
        let var = x.iter().map(|x| (x - mean) * (x - mean)).sum::<f32>() / n;
        normalise(x, w, b, mean, 1.0 / (var + eps).sqrt(), y);
    }
}

/// Rung 2: mean and variance in one pass (Welford 1962).
///
/// What differs from [`two_passes`]:
/// 1. With each element mean and M = Σ(x − mean)² are brought up to date: d = x − mean, mean += d/k, M += d·(x − mean). A row
///    is read twice in place of three times, and could be read as it arrives.
/// 2. It is as stable as two passes. The formula of the textbook, mean(x²) − mean(x)², has one pass too, and cancels: with a mean
///    of 1000 and a spread of 1 an f32 keeps nothing of the variance. The benches have that formula, to show that their bound
///    refuses it.
/// 3. The price is a division in the chain: 10 to 13 cycles for each element, one after the other, where the chains of the two
///    passes that it saves take 3 or 4 each. It is for data that pass only once, and for those it is right.
///
/// ```
/// use glassbox_tensor::ladder::layer_norm;
/// let mut y = [0.0; 2];
/// layer_norm::welford(&[10001.0, 10003.0], &[1.0, 1.0], &[0.0, 0.0], 0.0, &mut y);
/// assert_eq!(y, [-1.0, 1.0]);
/// ```
#[track_caller]
pub fn welford(x: &[f32], w: &[f32], b: &[f32], eps: f32, y: &mut [f32]) {
    for (x, y) in rows(x, w, b, y) {
        let (mut mean, mut m2) = (0.0f32, 0.0f32);
        for (i, x) in x.iter().enumerate() {
            let d = x - mean;
            mean += d / (i + 1) as f32;
            m2 += d * (x - mean);
        }
        normalise(x, w, b, mean, 1.0 / (m2 / x.len() as f32 + eps).sqrt(), y);
    }
}

/// Rung 3: two passes again, with vectors.
///
/// What differs from [`two_passes`]:
/// 1. A vector holds 8 or 16 sums, and four vectors take turns: 32 to 64 chains in place of one ([`sum_lanes`]). What a block has
///    added up in f32 is added to the total in f64, so the error doesn't grow with the row.
/// 2. The row lies in the first-level cache after the first pass: the second and the third cost arithmetic only.
///
/// What still differs from [`RowNorm::forward`](crate::RowNorm::forward), the top: that hands rows to threads, and keeps mean and rstd
/// for the way back.
///
/// ```
/// use glassbox_tensor::ladder::layer_norm;
/// use glassbox_tensor::simd::Isa;
/// let mut y = [0.0; 2];
/// layer_norm::simd(Isa::current(), &[1.0, 5.0], &[1.0, 2.0], &[10.0, 0.0], 0.0, &mut y);
/// assert_eq!(y, [9.0, 2.0]);
/// ```
#[track_caller]
pub fn simd(isa: Isa, x: &[f32], w: &[f32], b: &[f32], eps: f32, y: &mut [f32]) {
    struct Rows<'a>([&'a [f32]; 3], f32, &'a mut [f32]);
    impl Kernel for Rows<'_> {
        type Out = ();
        #[inline(always)]
        fn run<S: Simd>(self, s: S) {
            let Rows([x, w, b], eps, y) = self;
            for (x, y) in rows(x, w, b, y) {
                let n = x.len() as f64;
                let [sum] = sum_lanes(s, &Itself, [x]);
                let mean = (sum / n) as f32;
                let [squares] = sum_lanes(s, &Squares { mean }, [x]);
                let rstd = (1.0 / (squares / n + f64::from(eps)).sqrt()) as f32;
                map_lanes(s, &Normalise { mean, rstd }, [x, w, b], y);
            }
        }
    }
    isa.dispatch(Rows([x, w, b], eps, y));
}

/// x
struct Itself;

impl SumLanes<1, 1> for Itself {
    #[inline(always)]
    fn lanes<S: Simd>(&self, _: S, x: [S::F; 1]) -> [S::F; 1] {
        x
    }
}

/// (x − mean)²
struct Squares {
    mean: f32,
}

impl SumLanes<1, 1> for Squares {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [x]: [S::F; 1]) -> [S::F; 1] {
        let d = x - s.splat(self.mean);
        [d * d]
    }
}

/// (x − mean)·rstd·w + b
struct Normalise {
    mean: f32,
    rstd: f32,
}

impl Lanes<3> for Normalise {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [x, w, b]: [S::F; 3]) -> S::F {
        s.mul_add((x - s.splat(self.mean)) * s.splat(self.rstd), w, b)
    }
}

fn normalise(x: &[f32], w: &[f32], b: &[f32], mean: f32, rstd: f32, y: &mut [f32]) {
    for (((y, x), w), b) in y.iter_mut().zip(x).zip(w).zip(b) {
        *y = (x - mean) * rstd * w + b;
    }
}

/// The rows of x and y, side by side.
#[track_caller]
fn rows<'a>(x: &'a [f32], w: &[f32], b: &[f32], y: &'a mut [f32]) -> impl Iterator<Item = (&'a [f32], &'a mut [f32])> {
    let len = w.len();
    assert!(b.len() == len, "layer_norm: {len} weights and {} biases", b.len());
    assert!(x.len() == y.len(), "layer_norm: {} elements into {}", x.len(), y.len());
    assert!(len > 0 && x.len().is_multiple_of(len), "layer_norm: {} elements are no rows of {len}", x.len());
    x.chunks_exact(len).zip(y.chunks_exact_mut(len))
}
