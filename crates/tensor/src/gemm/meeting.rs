//! One meeting of the threads for work in several phases.
//!
//! Packing must be over before the tiles begin, and the tiles before the next packing. To call the threads together for each
//! phase costs each time what waking a parked one costs, 6 to 50 µs, and packing lasts no longer than that. So they meet
//! once and stay: tasks of all phases stand in one queue, and whoever draws a task of the next phase waits, awake, for
//! the last ones of the phase before it. A thread that comes late finds the queue as far as it is, or empty.

use rayon::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering::*};

/// Looks at the clock of the phase this often before it lets other threads have the core.
const SPINS: usize = 1 << 12;

/// Runs `run(p, t)` for the tasks t < `count(p)` of the phases p = `phase(0)`, `phase(1)`, …, on the threads of the pool; all
/// tasks of a phase are over, and seen by everyone, before one of the next begins. Tasks call nothing of rayon.
pub(crate) fn in_phases<P>(
    phases: usize,
    phase: impl Fn(usize) -> P + Sync,
    count: impl Fn(&P) -> usize + Sync,
    run: impl Fn(&P, usize) + Sync,
) {
    let (next, over) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let seen = crate::parallel::observer();
    (0..rayon::current_num_threads()).into_par_iter().with_max_len(1).for_each(|_| {
        seen();
        // This thread's place: the phase, and how many tasks all phases before it have.
        let (mut p, mut before) = (0, 0);
        let mut now = phase(0);
        loop {
            let ticket = next.fetch_add(1, Relaxed);
            while ticket >= before + count(&now) {
                before += count(&now);
                p += 1;
                if p == phases {
                    // All leave together. Whoever left first would be parked by the time the next product begins.
                    return wait_until(|| over.load(Acquire) >= before);
                }
                now = phase(p);
            }
            // Nobody can have done a task of this phase while one of an earlier phase is missing: so this many are those.
            wait_until(|| over.load(Acquire) >= before);
            let _over = Over(&over);
            run(&now, ticket - before);
        }
    });
}

/// Counts a task as over, also when it panics: the others must not wait for ever before the panic is passed on.
struct Over<'a>(&'a AtomicUsize);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Release);
    }
}

fn wait_until(done: impl Fn() -> bool) {
    let mut spins = 0;
    while !done() {
        spins += 1;
        // With more threads than cores, the one that is waited for may need this core.
        if spins % SPINS == 0 { std::thread::yield_now() } else { std::hint::spin_loop() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_follow_one_another_on_any_number_of_threads() {
        for threads in [1, 2, 3, 7] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let counts = [5, 0, 1, 64, 3];
            let done: Vec<AtomicUsize> = counts.iter().map(|_| AtomicUsize::new(0)).collect();
            pool.install(|| {
                in_phases(
                    counts.len(),
                    |p| p,
                    |&p| counts[p],
                    |&p, _| {
                        for q in 0..p {
                            assert_eq!(done[q].load(Relaxed), counts[q], "phase {q} is over before phase {p} begins");
                        }
                        assert_eq!(done[p + 1..].iter().map(|d| d.load(Relaxed)).sum::<usize>(), 0);
                        done[p].fetch_add(1, Relaxed);
                    },
                )
            });
            assert!(done.iter().zip(counts).all(|(d, count)| d.load(Relaxed) == count), "every task ran once");
        }
    }

    #[test]
    fn a_task_that_panics_does_not_leave_the_others_waiting() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        let run = || in_phases(2, |p| p, |_| 4, |&p, t| assert!((p, t) != (0, 2), "this one fails"));
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| pool.install(run)));
        assert!(outcome.is_err());
    }
}
