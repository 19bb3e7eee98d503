//! Multiply-adds on registers alone: what arithmetic could reach if nothing ever came from memory.

use super::team::together;
use crate::simd::{Isa, Kernel, Simd};
use std::hint::black_box;
use std::time::Instant;

/// A kernel of independent chains a ← a·x + y, as many as there are names.
///
/// They are named one by one: an array would be kept in memory by some of the compilations, and a closure over it would be
/// compiled without the features of the instruction set.
macro_rules! chains {
    ($(#[$doc:meta])* $kernel:ident: $($name:ident)+) => {
        $(#[$doc])*
        struct $kernel {
            rounds: usize,
        }

        impl $kernel {
            const CHAINS: usize = [$(stringify!($name)),+].len();
        }

        impl Kernel for $kernel {
            type Out = f32;
            #[inline(always)]
            fn run<S: Simd>(self, s: S) -> f32 {
                let (x, y) = (s.splat(black_box(0.5)), s.splat(black_box(0.25)));
                $(let mut $name = s.splat(black_box(1.0));)+
                for _ in 0..self.rounds {
                    $($name = s.mul_add($name, x, y);)+
                }
                let mut sum = s.splat(0.0);
                $(sum = sum + $name;)+
                s.sum(sum)
            }
        }
    };
}

chains! {
    /// A processor that starts two fused multiply-adds a cycle and needs four cycles for each keeps 8 in flight; 12 leave room,
    /// and fit with their two operands in the 16 registers of AVX2.
    Twelve: a b c d e f g h i j k l
}
chains! {
    /// For processors that start four a cycle, or that need two instructions for each; they have 32 registers.
    TwentyFour: a b c d e f g h i j k l m n o p q r t u v w z aa
}

/// The scalar token's arithmetic as the compiler may do it: it may make vectors of what every processor of an architecture has, and
/// does so in the engine's scalar kernels. A product and a sum, each rounded, on four lanes.
struct Baseline;

impl Baseline {
    const LANES: usize = 4;
    const CHAINS: usize = 12;

    #[cfg(target_arch = "x86_64")]
    fn run(rounds: usize) -> f32 {
        // SAFETY: every x86-64 has SSE2.
        unsafe { sse2(rounds) }
    }

    #[cfg(target_arch = "aarch64")]
    fn run(rounds: usize) -> f32 {
        /// Not fused.
        struct Unfused(usize);
        impl Kernel for Unfused {
            type Out = f32;
            #[inline(always)]
            fn run<S: Simd>(self, s: S) -> f32 {
                let (x, y) = (s.splat(black_box(0.5)), s.splat(black_box(0.25)));
                let start = s.splat(black_box(1.0));
                let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h, mut i, mut j, mut k, mut l] = [start; 12];
                for _ in 0..self.0 {
                    (a, b, c, d) = (a * x + y, b * x + y, c * x + y, d * x + y);
                    (e, f, g, h) = (e * x + y, f * x + y, g * x + y, h * x + y);
                    (i, j, k, l) = (i * x + y, j * x + y, k * x + y, l * x + y);
                }
                s.sum((a + b + c) + (d + e + f) + (g + h + i) + (j + k + l))
            }
        }
        Isa::Neon.dispatch(Unfused(rounds))
    }

    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    fn run(rounds: usize) -> f32 {
        Self::LANES as f32 * Isa::Scalar.dispatch(Twelve { rounds })
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse2")]
fn sse2(rounds: usize) -> f32 {
    use std::arch::x86_64::*;
    let (x, y) = (_mm_set1_ps(black_box(0.5)), _mm_set1_ps(black_box(0.25)));
    let start = _mm_set1_ps(black_box(1.0));
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h, mut i, mut j, mut k, mut l] =
        [start; Baseline::CHAINS];
    for _ in 0..rounds {
        for chain in [&mut a, &mut b, &mut c, &mut d, &mut e, &mut f, &mut g, &mut h, &mut i, &mut j, &mut k, &mut l] {
            *chain = _mm_add_ps(_mm_mul_ps(*chain, x), y);
        }
    }
    let sum = [b, c, d, e, f, g, h, i, j, k, l].into_iter().fold(a, |sum, chain| _mm_add_ps(sum, chain));
    let halves = _mm_add_ps(sum, _mm_movehl_ps(sum, sum));
    _mm_cvtss_f32(_mm_add_ss(halves, _mm_shuffle_ps::<1>(halves, halves)))
}

/// A thread's multiply-adds in one run: half a millisecond at 50 GFLOP/s, over which an interrupt is rare.
const FLOPS: usize = 25_000_000;
/// Runs, of which the fastest counts.
const RUNS: usize = 25;

/// The best FLOP/s of the three forms, each run by `run`, which takes the work of one thread and returns seconds.
fn best(isa: Isa, threads: usize, run: impl Fn(&(dyn Fn() + Sync)) -> f64) -> f64 {
    let lanes = isa.lanes();
    let rounds = |chains: usize| (FLOPS / (2 * chains * lanes)).max(1);
    let twelve = || _ = black_box(isa.dispatch(Twelve { rounds: rounds(Twelve::CHAINS) }));
    let twenty_four = || _ = black_box(isa.dispatch(TwentyFour { rounds: rounds(TwentyFour::CHAINS) }));
    let baseline_rounds = FLOPS / (2 * Baseline::CHAINS * Baseline::LANES);
    let baseline = || _ = black_box(Baseline::run(baseline_rounds));
    let flops = |chains: usize, lanes: usize, rounds: usize| (2 * chains * lanes * rounds * threads) as f64;
    let forms: [(f64, &(dyn Fn() + Sync)); 3] = [
        (flops(Twelve::CHAINS, lanes, rounds(Twelve::CHAINS)), &twelve),
        (flops(TwentyFour::CHAINS, lanes, rounds(TwentyFour::CHAINS)), &twenty_four),
        (flops(Baseline::CHAINS, Baseline::LANES, baseline_rounds), &baseline),
    ];
    let forms = if isa == Isa::Scalar { &forms[..] } else { &forms[..2] };
    let fastest = |&(flops, work): &(f64, &(dyn Fn() + Sync))| {
        let seconds = (0..RUNS).map(|_| run(work)).fold(f64::INFINITY, f64::min);
        flops / seconds
    };
    forms.iter().map(fastest).fold(0.0, f64::max)
}

/// Floating point operations a second that `isa` does in multiply-adds (two each) on all threads of the pool at once, the best of
/// several runs.
///
/// ```no_run
/// use glassbox_tensor::{ceiling::peak_flops, simd::Isa};
/// println!("{:.0} GFLOP/s", peak_flops(Isa::current()) / 1e9);
/// ```
///
/// # Panics
/// When this machine lacks the instruction set.
pub fn peak_flops(isa: Isa) -> f64 {
    best(isa, rayon::current_num_threads(), |work| together(|_| work()))
}

/// The same on the caller's thread alone, while the others rest.
///
/// ```no_run
/// use glassbox_tensor::{ceiling::peak_flops_of_one_thread, simd::Isa};
/// println!("{:.0} GFLOP/s", peak_flops_of_one_thread(Isa::Scalar) / 1e9);
/// ```
///
/// # Panics
/// When this machine lacks the instruction set.
pub fn peak_flops_of_one_thread(isa: Isa) -> f64 {
    best(isa, 1, |work| {
        let start = Instant::now();
        work();
        start.elapsed().as_secs_f64()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_multiply_adds_are_really_done() {
        // a converges to y / (1 − x) = 0.5 whatever it starts from; all lanes of all chains are summed.
        for isa in Isa::available() {
            let expected = |chains: usize| 0.5 * (chains * isa.lanes()) as f32;
            assert_eq!(isa.dispatch(Twelve { rounds: 100 }), expected(12), "{}", isa.name());
            assert_eq!(isa.dispatch(TwentyFour { rounds: 100 }), expected(24), "{}", isa.name());
        }
        assert_eq!(Baseline::run(100), 0.5 * (Baseline::CHAINS * Baseline::LANES) as f32);
        assert_eq!((Twelve::CHAINS, TwentyFour::CHAINS), (12, 24));
    }

    #[test]
    fn peaks_are_positive_and_finite() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
        let (one, all) = (peak_flops_of_one_thread(Isa::Scalar), pool.install(|| peak_flops(Isa::Scalar)));
        assert!(one > 1e6 && one.is_finite() && all > 1e6 && all.is_finite(), "{one} {all}");
    }
}
