//! Memory: 64-byte aligned, reference-counted, copied on write, recycled.
//!
//! A training step asks for the same sizes again and again. Freed buffers wait in a pool, sorted into size classes, and
//! the next request of that class takes one: no system call, no page fault, no zeroing. `GLASSBOX_POOL=off` gives
//! every buffer back to the allocator at once and sizes it exactly, which is what the sanitizers need to see an
//! access beyond the end.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::cell::Cell;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock};

/// A cache line, and the widest vector.
const ALIGN: usize = 64;
/// The longest buffer, in elements: what an address space can hold, with room for a size class.
const MAX_LEN: usize = isize::MAX as usize / 8;
/// The pool keeps at most this many bytes; what is freed beyond goes back to the allocator.
const POOL_LIMIT: usize = 1 << 30;

/// A shared array of f32. Clones share memory; [`make_mut`](Self::make_mut) separates them.
#[derive(Clone)]
pub(crate) struct Buffer(Arc<Storage>);

struct Storage {
    ptr: NonNull<f32>,
    len: usize,
    /// What was allocated, at least `len`: the size class.
    capacity: usize,
}

// SAFETY: a Storage owns its memory alone, and hands out `&mut` only through `&mut self`.
unsafe impl Send for Storage {}
// SAFETY: as above; through `&self` it is only read.
unsafe impl Sync for Storage {}

impl Buffer {
    /// `len` floats to be overwritten: recycled values, or NaN in debug builds, so that a kernel which forgets an
    /// element is found.
    ///
    /// # Panics
    /// When no address space holds as many.
    #[track_caller]
    pub(crate) fn for_overwrite(len: usize) -> Self {
        assert!(len <= MAX_LEN, "a tensor of {len} elements is beyond any machine's memory");
        let capacity = if pool_enabled() { size_class(len).1 } else { len };
        let ptr = take(capacity);
        let mut buffer = Buffer(Arc::new(Storage { ptr, len, capacity }));
        if cfg!(debug_assertions) {
            buffer.make_mut().fill(f32::NAN);
        }
        buffer
    }

    #[track_caller]
    pub(crate) fn filled(len: usize, x: f32) -> Self {
        let mut buffer = Self::for_overwrite(len);
        buffer.make_mut().fill(x);
        buffer
    }

    pub(crate) fn from_slice(x: &[f32]) -> Self {
        let mut buffer = Self::for_overwrite(x.len());
        buffer.make_mut().copy_from_slice(x);
        buffer
    }

    pub(crate) fn as_slice(&self) -> &[f32] {
        // SAFETY: `ptr` holds `capacity` ≥ `len` initialised floats (zeroed when allocated, only ever overwritten by
        // floats) for as long as the storage lives.
        unsafe { std::slice::from_raw_parts(self.0.ptr.as_ptr(), self.0.len) }
    }

    pub(crate) fn is_unique(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }

    /// The floats for writing. When others share them, they are copied first, and the copy is counted.
    pub(crate) fn make_mut(&mut self) -> &mut [f32] {
        if Arc::get_mut(&mut self.0).is_none() {
            count_copied(self.0.len);
            let copy = Self::for_overwrite(self.0.len);
            // SAFETY: the copy was made on the line above, has `len` floats, and nobody else has seen it.
            unsafe { std::slice::from_raw_parts_mut(copy.0.ptr.as_ptr(), self.0.len) }.copy_from_slice(self.as_slice());
            *self = copy;
        }
        let storage = Arc::get_mut(&mut self.0).expect("unique: checked or made so above");
        // SAFETY: as in `as_slice`; `get_mut` proves that nobody else can reach the storage while `self` is borrowed.
        unsafe { std::slice::from_raw_parts_mut(storage.ptr.as_ptr(), storage.len) }
    }

    /// Where the memory lies: equal for buffers which share it.
    pub(crate) fn address(&self) -> usize {
        self.0.ptr.as_ptr() as usize
    }
}

impl Drop for Storage {
    fn drop(&mut self) {
        give(self.ptr, self.capacity);
    }
}

fn layout(capacity: usize) -> Layout {
    Layout::from_size_align((4 * capacity).max(ALIGN), ALIGN).expect("64 is a power of two; MAX_LEN bounds the size")
}

/// The class that `len` belongs to and its capacity: four classes an octave, so at most a quarter is wasted.
fn size_class(len: usize) -> (usize, usize) {
    let len = len.max(16);
    let octave = (usize::BITS - 1 - (len - 1).leading_zeros()).max(3) as usize; // 2^octave < len ≤ 2^(octave+1), or 16
    let step = 1usize << (octave - 2);
    let quarter = (len - (1 << octave)).div_ceil(step);
    (4 * octave + quarter, (1 << octave) + quarter * step)
}

struct Pool {
    free: Vec<Vec<usize>>, // addresses by class; usize, since a raw pointer is not Send
    held: usize,
}

static POOL: Mutex<Pool> = Mutex::new(Pool { free: Vec::new(), held: 0 });
static HITS: AtomicU64 = AtomicU64::new(0);
static MISSES: AtomicU64 = AtomicU64::new(0);
static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static COPIED: Cell<u64> = const { Cell::new(0) };
}

fn pool_enabled() -> bool {
    static ENABLED: OnceLock<bool> = OnceLock::new();
    *ENABLED.get_or_init(|| std::env::var("GLASSBOX_POOL").as_deref() != Ok("off"))
}

fn take(capacity: usize) -> NonNull<f32> {
    let live = LIVE.fetch_add(4 * capacity, Relaxed) + 4 * capacity;
    PEAK.fetch_max(live, Relaxed);
    if pool_enabled() {
        let mut pool = POOL.lock().expect("no panic happens while the pool is locked");
        if let Some(address) = pool.free.get_mut(size_class(capacity).0).and_then(Vec::pop) {
            pool.held -= 4 * capacity;
            HITS.fetch_add(1, Relaxed);
            return NonNull::new(address as *mut f32).expect("only non-null addresses enter the pool");
        }
    }
    MISSES.fetch_add(1, Relaxed);
    let layout = layout(capacity);
    // SAFETY: the layout has a size of at least 64 bytes.
    let ptr = unsafe { alloc_zeroed(layout) };
    NonNull::new(ptr.cast()).unwrap_or_else(|| handle_alloc_error(layout))
}

fn give(ptr: NonNull<f32>, capacity: usize) {
    LIVE.fetch_sub(4 * capacity, Relaxed);
    if pool_enabled() {
        let class = size_class(capacity).0;
        // A poisoned lock can only mean an allocation failure inside; then the buffer goes to the allocator.
        if let Ok(mut pool) = POOL.lock()
            && pool.held + 4 * capacity <= POOL_LIMIT
        {
            if pool.free.len() <= class {
                pool.free.resize_with(class + 1, Vec::new);
            }
            pool.free[class].push(ptr.as_ptr() as usize);
            pool.held += 4 * capacity;
            return;
        }
    }
    // SAFETY: `ptr` came from `alloc_zeroed` in `take` with this same layout, and its one owner is being dropped.
    unsafe { dealloc(ptr.as_ptr().cast(), layout(capacity)) };
}

/// What the pool has done since the start of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolStats {
    /// Requests answered with a recycled buffer.
    pub hits: u64,
    /// Requests that went to the allocator.
    pub misses: u64,
    /// Bytes in buffers that are in use.
    pub live_bytes: usize,
    /// The most that were in use at once, since the start or the last [`reset_peak_bytes`].
    pub peak_bytes: usize,
    /// Bytes waiting to be reused.
    pub held_bytes: usize,
}

/// The pool's statistics, for the whole process.
///
/// ```
/// use glassbox_tensor::{Tensor, pool_stats};
/// drop(Tensor::ones([1000]));
/// let before = pool_stats().hits;
/// drop(Tensor::ones([1000])); // takes the buffer that was just given back
/// assert!(pool_stats().hits > before || std::env::var_os("GLASSBOX_POOL").is_some());
/// ```
pub fn pool_stats() -> PoolStats {
    let held_bytes = POOL.lock().map(|pool| pool.held).unwrap_or(0);
    PoolStats {
        hits: HITS.load(Relaxed),
        misses: MISSES.load(Relaxed),
        live_bytes: LIVE.load(Relaxed),
        peak_bytes: PEAK.load(Relaxed),
        held_bytes,
    }
}

/// Begins to measure [`PoolStats::peak_bytes`] anew, from what is in use now.
///
/// ```standalone_crate
/// use glassbox_tensor::{Tensor, pool_stats, reset_peak_bytes}; // of the whole process, so this runs in one of its own
/// reset_peak_bytes();
/// let before = pool_stats().live_bytes;
/// drop(&Tensor::ones([1024]) + &Tensor::ones([1024])); // three buffers of 4 KiB at once
/// assert_eq!(pool_stats().peak_bytes - before, 3 * 4096);
/// ```
pub fn reset_peak_bytes() {
    PEAK.store(LIVE.load(Relaxed), Relaxed);
}

/// Counts a copy of so many floats that copy-on-write made.
pub(crate) fn count_copied(floats: usize) {
    COPIED.set(COPIED.get() + 4 * floats as u64);
}

/// Bytes that copy-on-write has copied on this thread since it started. An optimiser's step must not add to it.
///
/// ```
/// use glassbox_tensor::{Tensor, copied_bytes};
/// let mut x = Tensor::ones([10]);
/// let shared = x.clone();
/// let before = copied_bytes();
/// x.make_mut()[0] = 2.0; // shared: copied first
/// assert_eq!(copied_bytes() - before, 40);
/// assert_eq!(shared.at([0]), 1.0);
/// ```
pub fn copied_bytes() -> u64 {
    COPIED.get()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn size_classes_hold_what_they_promise() {
        for len in (0..5000).chain([1 << 20, (1 << 20) + 1, 784 * 400]) {
            let (class, capacity) = size_class(len);
            assert!(capacity >= len && capacity <= len.max(16) * 5 / 4 + 4, "{len}: {capacity}");
            assert_eq!(size_class(capacity), (class, capacity), "a capacity is the top of its own class");
        }
    }

    #[test]
    fn buffers_are_aligned_and_writing_separates_clones() {
        let mut a = Buffer::filled(100, 1.0);
        assert_eq!(a.address() % ALIGN, 0);
        let b = a.clone();
        assert_eq!(a.address(), b.address());
        let before = copied_bytes();
        a.make_mut()[3] = 2.0;
        assert_eq!(copied_bytes() - before, 400);
        assert_eq!((a.as_slice()[3], b.as_slice()[3]), (2.0, 1.0));
        a.make_mut()[4] = 5.0;
        assert_eq!(copied_bytes() - before, 400, "a unique buffer is written in place");
    }

    #[test]
    fn a_freed_buffer_is_used_again() {
        let odd = 12_345; // a size that no other test uses
        let address = Buffer::filled(odd, 1.0).address();
        if pool_enabled() {
            assert_eq!(Buffer::for_overwrite(odd).address(), address);
        }
    }
}
