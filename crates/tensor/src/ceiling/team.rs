//! All threads of the pool at once, and how long it takes to call them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Runs `work(i)` on thread i of the pool, for all threads at once: none begins before all are there. The seconds from the
/// first beginning to the last end.
pub(super) fn together(work: impl Fn(usize) + Sync) -> f64 {
    let there = AtomicUsize::new(0);
    let spans = rayon::broadcast(|context| {
        wait_for_all(&there, context.num_threads());
        let start = Instant::now();
        work(context.index());
        (start, Instant::now())
    });
    let first = spans.iter().map(|span| span.0).min();
    let last = spans.iter().map(|span| span.1).max();
    first.zip(last).map_or(0.0, |(first, last)| (last - first).as_secs_f64())
}

/// Says that this thread is there, and waits awake for the others; if one of them has no processor, lets it have this one.
fn wait_for_all(there: &AtomicUsize, threads: usize) {
    there.fetch_add(1, Ordering::AcqRel);
    let mut rounds = 0u32;
    while there.load(Ordering::Acquire) < threads {
        rounds = rounds.wrapping_add(1);
        if rounds.is_multiple_of(1 << 12) {
            std::thread::yield_now();
        } else {
            std::hint::spin_loop();
        }
    }
}

/// Seconds from a call to the moment when all threads of the pool are there, medians.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HandOver {
    /// When the last call was just before: the threads still look for work.
    pub awake: f64,
    /// When it was a while ago: they sleep and must be woken.
    pub parked: f64,
}

/// Measures how long it takes to hand work to the pool; `None` where the pool has one thread. Takes a tenth of a second.
///
/// ```
/// let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
/// assert_eq!(pool.install(glassbox_tensor::ceiling::hand_over), None); // nobody to hand it to
/// ```
pub fn hand_over() -> Option<HandOver> {
    if rayon::current_num_threads() < 2 {
        return None;
    }
    let call = || {
        let there = AtomicUsize::new(0);
        let start = Instant::now();
        let arrivals = rayon::broadcast(|context| {
            wait_for_all(&there, context.num_threads());
            start.elapsed()
        });
        arrivals.into_iter().max().map_or(0.0, |latest| latest.as_secs_f64())
    };
    let after = |pause: Duration, times: usize| {
        let one = |_| {
            std::thread::sleep(pause);
            call()
        };
        let mut seconds: Vec<f64> = (0..times).map(one).collect();
        seconds.sort_by(f64::total_cmp);
        seconds[times / 2]
    };
    let mut awake: Vec<f64> = (0..301).map(|_| call()).collect();
    awake.sort_by(f64::total_cmp);
    Some(HandOver { awake: awake[150], parked: after(Duration::from_millis(2), 31) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::sync::Mutex;

    #[test]
    fn every_thread_works_once_and_all_begin_together() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        let (seen, pause) = (Mutex::new(HashSet::new()), Duration::from_millis(20));
        let seconds = pool.install(|| {
            together(|i| {
                assert!(seen.lock().unwrap().insert(i));
                std::thread::sleep(pause);
            })
        });
        assert_eq!(seen.into_inner().unwrap(), HashSet::from([0, 1, 2]));
        assert!(seconds >= pause.as_secs_f64(), "{seconds}");
    }

    #[test]
    fn a_pool_of_several_threads_can_be_called() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
        let hand_over = pool.install(hand_over).unwrap();
        assert!(hand_over.awake > 0.0 && hand_over.parked > 0.0, "{hand_over:?}");
    }
}
