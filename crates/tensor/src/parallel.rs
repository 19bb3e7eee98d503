//! How work is split: by the size of the problem, never by the number of threads.
//!
//! An operation cuts itself into tasks whose borders depend on its shape alone. Idle workers take tasks as they come (a
//! disturbed core then costs little), but what a task computes, and the order in which partial results are combined,
//! are fixed. So the same input gives the same bits on any number of threads.

use rayon::prelude::*;
use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Below this many units of work (about one per element read, or 16 per nanosecond of arithmetic) an operation stays on
/// its caller's thread: a parked worker costs 11 to 14 µs to wake, in which one core adds this many floats.
pub const SERIAL_THRESHOLD: usize = 32 * 1024;

/// Elements in a task of an elementwise operation: 64 KiB, so that a task's input and output stay in the second-level cache.
pub const CHUNK: usize = 16 * 1024;

thread_local! {
    static THRESHOLD: Cell<usize> = const { Cell::new(SERIAL_THRESHOLD) };
    static PROBE: RefCell<Option<Arc<Probe>>> = const { RefCell::new(None) };
}

/// Runs `f` with another serial threshold on this thread. Zero sends even tiny operations to the pool, which is how the
/// tests show that results don't depend on threads.
///
/// ```
/// use glassbox_tensor::Tensor;
/// use glassbox_tensor::parallel::with_serial_threshold;
/// let x = Tensor::ones([100]);
/// assert_eq!(with_serial_threshold(0, || x.exp()), x.exp()); // on the pool or not: the same bits
/// ```
pub fn with_serial_threshold<R>(threshold: usize, f: impl FnOnce() -> R) -> R {
    struct Restore(usize);
    impl Drop for Restore {
        fn drop(&mut self) {
            THRESHOLD.set(self.0);
        }
    }
    let _restore = Restore(THRESHOLD.replace(threshold));
    f()
}

/// This thread's threshold.
pub(crate) fn serial_threshold() -> usize {
    THRESHOLD.get()
}

/// How many threads share the work of this thread's operations.
///
/// ```
/// assert!(glassbox_tensor::parallel::threads() >= 1);
/// ```
pub fn threads() -> usize {
    rayon::current_num_threads()
}

/// Whether `work` units are worth handing to the pool from this thread.
///
/// ```
/// assert!(!glassbox_tensor::parallel::worthwhile(1000)); // a thread would take longer to wake
/// ```
pub fn worthwhile(work: usize) -> bool {
    work > THRESHOLD.get() && rayon::current_num_threads() > 1
}

/// Runs `task(0)`, …, `task(tasks − 1)`, on the pool when the work is worth it.
///
/// ```
/// use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
/// let sum = AtomicUsize::new(0);
/// glassbox_tensor::parallel::for_each_task(10, 1 << 20, |i| _ = sum.fetch_add(i, Relaxed));
/// assert_eq!(sum.into_inner(), 45);
/// ```
pub fn for_each_task(tasks: usize, work: usize, task: impl Fn(usize) + Sync) {
    tasks_on_pool(tasks, work, &task);
}

// Not generic, nor is the next one: rayon's machinery would be compiled again for each kernel.
fn tasks_on_pool(tasks: usize, work: usize, task: &(dyn Fn(usize) + Sync)) {
    if tasks > 1 && worthwhile(work) {
        let probe = Probe::current();
        (0..tasks).into_par_iter().with_max_len(1).for_each(|i| {
            Probe::seen(&probe);
            task(i)
        });
    } else {
        (0..tasks).for_each(task);
    }
}

/// Cuts `out` into chunks and runs `task(i, chunk i)` for each, on the pool when the work is worth it.
///
/// ```
/// let mut out = [0.0; 5];
/// glassbox_tensor::parallel::for_each_chunk(&mut out, 2, 5, |i, part| part.fill(i as f32));
/// assert_eq!(out, [0., 0., 1., 1., 2.]);
/// ```
pub fn for_each_chunk(out: &mut [f32], chunk: usize, work: usize, task: impl Fn(usize, &mut [f32]) + Sync) {
    chunks_on_pool(out, chunk, work, &task);
}

/// As [`for_each_chunk`], for any kind of result.
pub(crate) fn chunks_on_pool<T: Send>(
    out: &mut [T],
    chunk: usize,
    work: usize,
    task: &(dyn Fn(usize, &mut [T]) + Sync),
) {
    let chunk = chunk.max(1);
    if out.len() > chunk && worthwhile(work) {
        let probe = Probe::current();
        out.par_chunks_mut(chunk).enumerate().with_max_len(1).for_each(|(i, part)| {
            Probe::seen(&probe);
            task(i, part)
        });
    } else {
        out.chunks_mut(chunk).enumerate().for_each(|(i, part)| task(i, part));
    }
}

/// Cuts `out`, which holds rows of `len` elements, into chunks of one size, and runs `task(row, column, part)` for each
/// part of a row in each chunk; a part begins at `column`. So one long row is shared out as well as many short ones.
pub(crate) fn for_each_row_part(
    out: &mut [f32],
    len: usize,
    work: usize,
    task: impl Fn(usize, usize, &mut [f32]) + Sync,
) {
    for_each_chunk(out, CHUNK, work, |i, mut rest| {
        let (mut row, mut column) = (i * CHUNK / len, i * CHUNK % len);
        while !rest.is_empty() {
            let (now, later) = rest.split_at_mut((len - column).min(rest.len()));
            task(row, column, now);
            (row, column, rest) = (row + 1, 0, later);
        }
    });
}

/// Runs `task(i, slot i)` for each slot, on the pool when the work is worth it: for tasks that write many slices.
pub(crate) fn for_each_slot<T: Send>(slots: &mut [T], work: usize, task: impl Fn(usize, &mut T) + Sync) {
    chunks_on_pool(slots, 1, work, &|i, slot| task(i, &mut slot[0]));
}

/// Runs `f` on each item, on the pool when all of them together are worth it. `weight` is the work of one, in elements: a
/// task takes neighbours that have a [`CHUNK`] of it, so small items share one and a large one has its own.
///
/// ```
/// let mut lists = [vec![1, 2], vec![3], vec![]];
/// glassbox_tensor::parallel::for_each_weighed(&mut lists, 1 << 20, |list| list.len(), |list| list.push(0));
/// assert_eq!(lists, [vec![1, 2, 0], vec![3, 0], vec![0]]);
/// ```
pub fn for_each_weighed<T: Send>(
    items: &mut [T],
    work: usize,
    weight: impl Fn(&T) -> usize + Sync,
    f: impl Fn(&mut T) + Sync,
) {
    fn split<T: Send>(items: &mut [T], weight: &(dyn Fn(&T) -> usize + Sync), f: &(dyn Fn(&mut T) + Sync)) {
        let total: usize = items.iter().map(weight).sum();
        if items.len() <= 1 || total <= CHUNK {
            return items.iter_mut().for_each(f);
        }
        let mut before = 0;
        let until_half = items.iter().take_while(|item| {
            before += weight(item);
            2 * before <= total
        });
        let middle = until_half.count().clamp(1, items.len() - 1);
        let (left, right) = items.split_at_mut(middle);
        rayon::join(|| split(left, weight, f), || split(right, weight, f));
    }
    if items.len() > 1 && worthwhile(work) {
        let probe = Probe::current();
        split(items, &weight, &|item| {
            Probe::seen(&probe);
            f(item)
        });
    } else {
        items.iter_mut().for_each(f);
    }
}

/// Cuts each of M outputs into chunks of its own length and runs `task(i, chunk i of each)`, on the pool when the work is
/// worth it. An output that is empty, because nobody wants it, gives empty chunks.
pub(crate) fn for_each_chunk_of<const M: usize>(
    outs: [(&mut [f32], usize); M],
    tasks: usize,
    work: usize,
    task: &(dyn Fn(usize, &mut [&mut [f32]; M]) + Sync),
) {
    let lengths = outs.each_ref().map(|(_, chunk)| (*chunk).max(1));
    let starts = |i: usize| lengths.map(|len| i * len);
    for_each_piece_of(outs.map(|(out, _)| out), 0..tasks, work, &starts, task);
}

/// Where piece `i` of each of M outputs starts; for the end of the tasks, where the last one ends.
pub(crate) type Starts<'a, const M: usize> = &'a (dyn Fn(usize) -> [usize; M] + Sync);

/// Cuts each of M outputs at `starts` and runs `task(i, piece i of each)`, on the pool when the work is worth it. The outputs
/// begin where the first task's pieces do. One that is shorter, or empty because nobody wants it, gives empty pieces.
///
/// The tasks are halved until each is alone, with its pieces; a list of them would be an allocation that grows with the problem.
pub(crate) fn for_each_piece_of<const M: usize>(
    outs: [&mut [f32]; M],
    tasks: Range<usize>,
    work: usize,
    starts: Starts<'_, M>,
    task: &(dyn Fn(usize, &mut [&mut [f32]; M]) + Sync),
) {
    if tasks.len() > 1 && worthwhile(work) {
        let probe = Probe::current();
        let task = |i, pieces: &mut [&mut [f32]; M]| {
            Probe::seen(&probe);
            task(i, pieces)
        };
        return halve(outs, tasks, starts, &task);
    }
    let mut rest = outs;
    for i in tasks {
        let [mut pieces, later] = cut(rest, starts(i), starts(i + 1));
        task(i, &mut pieces);
        rest = later;
    }
}

/// Cuts outputs that begin at `from` at `to`.
fn cut<const M: usize>(outs: [&mut [f32]; M], from: [usize; M], to: [usize; M]) -> [[&mut [f32]; M]; 2] {
    let mut j = 0;
    let mut pairs = outs.map(|out| {
        let len = (to[j] - from[j]).min(out.len());
        j += 1;
        out.split_at_mut(len)
    });
    let later = pairs.each_mut().map(|(_, later)| std::mem::take(later));
    [pairs.map(|(now, _)| now), later]
}

fn halve<const M: usize>(
    mut outs: [&mut [f32]; M],
    tasks: Range<usize>,
    starts: Starts<'_, M>,
    task: &(dyn Fn(usize, &mut [&mut [f32]; M]) + Sync),
) {
    if tasks.len() == 1 {
        return task(tasks.start, &mut outs);
    }
    let middle = tasks.start + tasks.len() / 2;
    let [left, right] = cut(outs, starts(tasks.start), starts(middle));
    rayon::join(|| halve(left, tasks.start..middle, starts, task), || halve(right, middle..tasks.end, starts, task));
}

/// The columns of blocks: `out` is (blocks, n, inner), and a slot holds `width` columns (the last ones of a row fewer) of
/// each of the n rows of a block; the slots of a block follow one another.
pub(crate) fn column_slots(out: &mut [f32], [n, inner]: [usize; 2], width: usize) -> Vec<Vec<&mut [f32]>> {
    let per_row = inner.div_ceil(width);
    let blocks = out.len() / (n * inner);
    let mut slots: Vec<Vec<&mut [f32]>> = (0..blocks * per_row).map(|_| Vec::with_capacity(n)).collect();
    for (row, entry) in out.chunks_exact_mut(inner).enumerate() {
        for (j, columns) in entry.chunks_mut(width).enumerate() {
            slots[row / n * per_row + j].push(columns);
        }
    }
    slots
}

/// What a task of an operation that drives rayon itself calls first, so that [`probe`] counts its worker.
pub(crate) fn observer() -> impl Fn() + Sync {
    let probe = Probe::current();
    move || Probe::seen(&probe)
}

/// Sees which workers take the tasks of the operations inside [`probe`].
struct Probe {
    workers: Mutex<HashSet<Option<usize>>>,
}

impl Probe {
    fn current() -> Option<Arc<Probe>> {
        PROBE.with_borrow(Clone::clone)
    }

    /// Notes this worker, and waits for a second one, which a task that lasts nanoseconds would never meet otherwise.
    fn seen(probe: &Option<Arc<Probe>>) {
        let Some(probe) = probe else { return };
        let count = || probe.workers.lock().expect("no task panics while it holds this lock").len();
        probe.workers.lock().expect("as above").insert(rayon::current_thread_index());
        let start = Instant::now();
        while count() < 2 && start.elapsed() < Duration::from_millis(500) {
            std::thread::yield_now();
        }
    }
}

/// Runs `f` and counts the workers which took tasks of its operations; zero when none went to the pool.
///
/// ```
/// use glassbox_tensor::Tensor;
/// use glassbox_tensor::parallel::probe;
/// let (y, workers) = probe(|| Tensor::ones([10]).exp());
/// assert_eq!((y.numel(), workers), (10, 0)); // too small for the pool
/// ```
pub fn probe<R>(f: impl FnOnce() -> R) -> (R, usize) {
    let probe = Arc::new(Probe { workers: Mutex::new(HashSet::new()) });
    let before = PROBE.replace(Some(probe.clone()));
    let result = f();
    PROBE.set(before);
    let workers = probe.workers.lock().expect("all tasks have ended").len();
    (result, workers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_one_worker_takes_tasks_when_there_is_more_than_one() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        let mut out = vec![0.0; 1000];
        let ((), workers) = pool.install(|| {
            with_serial_threshold(0, || probe(|| for_each_chunk(&mut out, 10, 1000, |i, part| part.fill(i as f32))))
        });
        assert!(workers > 1, "{workers} workers");
        assert!(out.iter().enumerate().all(|(i, &x)| x == (i / 10) as f32));
    }

    #[test]
    fn small_work_stays_on_the_callers_thread() {
        let caller = std::thread::current().id();
        for_each_task(8, 100, |_| assert_eq!(std::thread::current().id(), caller));
    }
}
