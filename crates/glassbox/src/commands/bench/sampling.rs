//! How often a piece of work is run, and how often it is timed.

use glassbox_tensor::Tensor;
use glassbox_tensor::ceiling::traffic;
use std::hint::black_box;
use std::time::Instant;

/// Rounds through all rows: samples that are minutes apart see more of what a machine does than those of one moment.
pub const ROUNDS: usize = 3;
/// A sample lasts this long at least: the clock's own error, some tens of nanoseconds, is then nothing.
const SAMPLE: f64 = 2e-3;
/// Samples in a round, at least; all rounds together have 15.
const SAMPLES: usize = 5;
/// And at most: as many as fit into [`BUDGET`] seconds.
const MOST_SAMPLES: usize = 15;
const BUDGET: f64 = 40e-3;

/// Samples of one round.
#[derive(Clone, Debug, PartialEq)]
pub struct Round {
    /// Calls in a sample.
    pub calls: usize,
    /// Seconds of one call, as a mean over those of a sample.
    pub seconds: Vec<f64>,
}

/// Takes the samples of a round. `seconds_of` runs so many calls and says how long they took together; `flush`, if the caches are
/// to be cold, is called before each sample, which is then a single call.
pub fn round(mut seconds_of: impl FnMut(usize) -> f64, flush: Option<&dyn Fn()>) -> Round {
    seconds_of(1); // fills the pool of buffers, and wakes the threads
    let (mut calls, mut once) = (1, seconds_of(1));
    while flush.is_none() && once * (calls as f64) < SAMPLE && calls < 1 << 20 {
        // A first call may be slow: come nearer in steps.
        calls = ((SAMPLE / once.max(1e-9)).ceil() as usize).clamp(calls + 1, 8 * calls);
        once = seconds_of(calls) / calls as f64;
    }
    let samples = ((BUDGET / (once * calls as f64).max(1e-9)) as usize).clamp(SAMPLES, MOST_SAMPLES);
    let seconds = (0..samples).map(|_| {
        flush.iter().for_each(|flush| flush());
        seconds_of(calls) / calls as f64
    });
    Round { calls, seconds: seconds.collect() }
}

/// Seconds that `calls` calls take.
pub fn seconds_of<R>(run: impl Fn() -> R) -> impl FnMut(usize) -> f64 {
    move |calls| {
        let start = Instant::now();
        for _ in 0..calls {
            black_box(run()); // dropped here: giving a buffer back is a part of the work
        }
        start.elapsed().as_secs_f64()
    }
}

/// Empties the caches: each thread reads through a part of an array that no cache holds.
pub struct Flush(Tensor);

impl Flush {
    /// Makes the array.
    pub fn new() -> Flush {
        Flush(Tensor::ones([traffic::beyond_caches() / size_of::<f32>()]))
    }

    /// Reads it.
    pub fn run(&self) {
        let Some(all) = self.0.as_slice() else { return };
        let part = all.len().div_ceil(rayon::current_num_threads()).max(1);
        rayon::broadcast(|context| {
            let own = all.chunks(part).nth(context.index()).unwrap_or_default();
            black_box(own.iter().step_by(16).sum::<f32>()) // one float of each line
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn a_sample_lasts_long_enough_and_there_are_enough_of_them() {
        for call in [1e-7, 1e-5, 1e-3, 0.1] {
            let round = round(|calls| call * calls as f64, None);
            assert!(round.calls as f64 * call >= SAMPLE * 0.999, "{call}: {round:?}");
            assert!(round.calls == 1 || (round.calls as f64) * call < 4.0 * SAMPLE, "{call}: {round:?}");
            assert!((SAMPLES..=MOST_SAMPLES).contains(&round.seconds.len()), "{call}: {round:?}");
            assert!(round.seconds.iter().all(|s| (s / call - 1.0).abs() < 1e-9), "{call}: {round:?}");
            assert!(ROUNDS * round.seconds.len() >= 15);
        }
    }

    #[test]
    fn a_slow_first_call_does_not_shorten_the_samples() {
        let (first, runs) = (Cell::new(2), Cell::new(0));
        let round = round(
            |calls| {
                runs.set(runs.get() + calls);
                let slow = first.replace(first.get() - i32::from(first.get() > 0)) > 0;
                if slow { 1.0e-3 } else { 1e-6 * calls as f64 }
            },
            None,
        );
        assert!(round.calls >= 2000, "{round:?}");
    }

    #[test]
    fn a_cold_sample_is_one_call_after_one_flush() {
        let (flushes, calls_seen) = (Cell::new(0), Cell::new(0));
        let flush = || flushes.set(flushes.get() + 1);
        let round = round(
            |calls| {
                assert_eq!(calls, 1);
                calls_seen.set(calls_seen.get() + 1);
                1e-6
            },
            Some(&flush),
        );
        assert_eq!((round.calls, flushes.get()), (1, round.seconds.len()));
        assert_eq!(calls_seen.get(), round.seconds.len() + 2);
    }
}
