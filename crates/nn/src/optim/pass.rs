//! One pass over all parameters, however many and however small, in lists that are used again.

use glassbox_tensor::parallel::for_each_weighed;
use std::fmt;

/// An item of a pass, with its number of elements; `None` once it has been met.
pub(super) type Item<T> = (usize, Option<T>);

/// Runs `f` on each item and leaves the list empty, handing work to the pool once for all of them.
///
/// A parked worker costs about 10 µs to wake, in which one core takes Adam's step for 20,000 weights: a bias isn't
/// worth that, a thousand of them are. So neighbours share a task until it has as many elements as a task of any other
/// kernel. A large item has a task to itself, and is cut further by the kernel that it comes to.
pub(super) fn in_one_pass<T: Send>(items: &mut Vec<Item<T>>, f: impl Fn(T) + Sync) {
    const STREAMS: usize = 4; // arrays read and written for each element, about
    let elements: usize = items.iter().map(|(n, _)| n).sum();
    for_each_weighed(items, elements * STREAMS, |(n, _)| *n, |(_, item)| item.take().into_iter().for_each(&f));
    items.clear();
}

/// The memory of a list, from one step to the next. A step's list borrows from the model and can't outlive it, but the next
/// one is as long.
pub(super) struct Room<T>(Vec<T>);

impl<T> Room<T> {
    pub const fn new() -> Self {
        Room(Vec::new())
    }

    /// An empty list in this memory, of items that may borrow for a shorter time.
    pub fn take<U>(&mut self) -> Vec<U> {
        emptied(std::mem::take(&mut self.0))
    }

    /// Keeps the memory of a list for the next one.
    pub fn put<U>(&mut self, list: Vec<U>) {
        self.0 = emptied(list);
    }
}

/// The list without its items, as one of other items. Where these differ in how long they borrow and in nothing else, the
/// standard library collects in place, and no memory is asked for.
fn emptied<A, B>(mut list: Vec<A>) -> Vec<B> {
    list.clear();
    list.into_iter().map(|_| unreachable!("cleared above")).collect()
}

/// Memory isn't shared: a clone makes its own.
impl<T> Clone for Room<T> {
    fn clone(&self) -> Self {
        Room::new()
    }
}

impl<T> fmt::Debug for Room<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Room({})", self.0.capacity())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glassbox_tensor::parallel::probe;
    use std::sync::Mutex;

    #[test]
    fn every_item_is_met_once() {
        let sizes = [1, 20_000, 0, 16_383, 2, 100_000, 7];
        let mut items: Vec<Item<usize>> = sizes.into_iter().enumerate().map(|(i, n)| (n, Some(i))).collect();
        let seen = Mutex::new(Vec::new());
        in_one_pass(&mut items, |i| seen.lock().unwrap().push(i));
        let mut seen = seen.into_inner().unwrap();
        seen.sort();
        assert_eq!((seen, items.len()), (vec![0, 1, 2, 3, 4, 5, 6], 0));
    }

    #[test]
    fn a_hundred_small_items_are_handed_out_together() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
        let pass = |items: usize| {
            let mut items: Vec<Item<usize>> = (0..items).map(|i| (1000, Some(i))).collect();
            pool.install(|| probe(|| in_one_pass(&mut items, drop)).1)
        };
        assert_eq!(pass(100), 2, "workers");
        assert_eq!(pass(5), 0, "too little to wake one");
    }

    #[test]
    fn a_list_is_made_in_the_memory_of_the_last() {
        let mut room: Room<&'static str> = Room::new();
        let (a, b) = ("a".to_string(), "b".to_string());
        let mut list: Vec<&str> = room.take();
        list.extend([&*a, &*b]);
        let memory = list.as_ptr() as usize;
        room.put(list);
        let list: Vec<&str> = room.take();
        assert_eq!((list.as_ptr() as usize, list.len(), list.capacity() >= 2), (memory, 0, true));
    }
}
