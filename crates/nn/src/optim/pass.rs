//! One pass over all parameters, however many and however small.

use glassbox_tensor::parallel::{CHUNK, for_each_task};
use std::mem;
use std::sync::{Mutex, PoisonError};

/// Runs `f` on each item, given with its number of elements, handing work to the pool once for all of them.
///
/// A parked worker costs about 10 µs to wake, in which one core takes Adam's step for 20,000 weights: a bias isn't
/// worth that, a thousand of them are. So neighbours share a task until it has as many elements as a task of any other
/// kernel. A large item has a task to itself, and is cut further by the kernel that it comes to.
pub(super) fn in_one_pass<T: Send>(items: Vec<(usize, T)>, f: impl Fn(T) + Sync) {
    const STREAMS: usize = 4; // arrays read and written for each element, about
    let elements: usize = items.iter().map(|(n, _)| n).sum();
    let mut tasks: Vec<Mutex<Vec<T>>> = Vec::new();
    let mut room = 0;
    for (n, item) in items {
        match tasks.last_mut().filter(|_| n <= room) {
            Some(task) => task.get_mut().unwrap_or_else(PoisonError::into_inner).push(item),
            None => {
                tasks.push(Mutex::new(vec![item]));
                room = CHUNK;
            }
        }
        room = room.saturating_sub(n);
    }
    for_each_task(tasks.len(), elements * STREAMS, |i| {
        let task = mem::take(&mut *tasks[i].lock().unwrap_or_else(PoisonError::into_inner));
        task.into_iter().for_each(&f);
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use glassbox_tensor::parallel::probe;

    #[test]
    fn every_item_is_met_once() {
        let items: Vec<(usize, usize)> =
            [1, 20_000, 0, 16_383, 2, 100_000, 7].into_iter().enumerate().map(|(i, n)| (n, i)).collect();
        let seen = Mutex::new(Vec::new());
        in_one_pass(items, |i| seen.lock().unwrap().push(i));
        let mut seen = seen.into_inner().unwrap();
        seen.sort();
        assert_eq!(seen, [0, 1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn a_hundred_small_items_are_handed_out_together() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
        let pass = |items: usize| {
            let run = || in_one_pass((0..items).map(|i| (1000, i)).collect(), drop);
            pool.install(|| probe(run).1)
        };
        assert_eq!(pass(100), 2, "workers");
        assert_eq!(pass(5), 0, "too little to wake one");
    }
}
