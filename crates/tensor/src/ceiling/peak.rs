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

/// The same in plain arrays of floats, of which the compiler makes vectors of four for the scalar token: the scalar kernels of the
/// engine are compiled so too.
struct Plain {
    rounds: usize,
}

impl Plain {
    const CHAINS: usize = 48; // 12 registers of 4
}

impl Kernel for Plain {
    type Out = f32;
    #[inline(always)]
    fn run<S: Simd>(self, _: S) -> f32 {
        let (x, y) = (black_box(0.5f32), black_box(0.25f32));
        let mut chains = [black_box(1.0f32); Self::CHAINS];
        for _ in 0..self.rounds {
            for a in &mut chains {
                *a = *a * x + y;
            }
        }
        chains.iter().sum()
    }
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
    let plain_rounds = FLOPS / (2 * Plain::CHAINS);
    let plain = || _ = black_box(isa.dispatch(Plain { rounds: plain_rounds }));
    let flops = |chains: usize, lanes: usize, rounds: usize| (2 * chains * lanes * rounds * threads) as f64;
    let forms: [(f64, &(dyn Fn() + Sync)); 3] = [
        (flops(Twelve::CHAINS, lanes, rounds(Twelve::CHAINS)), &twelve),
        (flops(TwentyFour::CHAINS, lanes, rounds(TwentyFour::CHAINS)), &twenty_four),
        (flops(Plain::CHAINS, 1, plain_rounds), &plain),
    ];
    // What is plain is plain on every instruction set; it is a form of the scalar one.
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
        assert_eq!(Isa::Scalar.dispatch(Plain { rounds: 100 }), 24.0);
        assert_eq!((Twelve::CHAINS, TwentyFour::CHAINS), (12, 24));
    }

    #[test]
    fn peaks_are_positive_and_finite() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
        let (one, all) = (peak_flops_of_one_thread(Isa::Scalar), pool.install(|| peak_flops(Isa::Scalar)));
        assert!(one > 1e6 && one.is_finite() && all > 1e6 && all.is_finite(), "{one} {all}");
    }
}
