//! Memory: 64-byte aligned, reference-counted, copied on write, recycled.
//!
//! A training step asks for the same sizes again and again. Freed buffers wait in a pool, sorted into size classes, and
//! the next request of that class takes one: no system call, no page fault, no zeroing. `GLASSBOX_POOL=off` gives
//! every buffer back to the allocator at once and sizes it exactly, which is what the sanitizers need to see an
//! access beyond the end.
//!
//! A buffer is one allocation: a cache line that says who shares it and how long it is, and the floats from the next line
//! on. An `Arc` beside the floats would be a second one, and the only one that a recycled buffer still costs.

use crate::pages::{HUGE, prefer_huge};
use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::cell::Cell;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering, Ordering::Relaxed, fence};
use std::sync::{Mutex, OnceLock};

/// A cache line, and the widest vector.
const ALIGN: usize = 64;
/// The longest buffer, in elements: what an address space can hold, with room for a size class.
const MAX_LEN: usize = isize::MAX as usize / 8;
/// The pool keeps at most this many bytes; what is freed beyond goes back to the allocator.
const POOL_LIMIT: usize = 1 << 30;

/// A shared array of f32. Clones share memory; [`make_mut`](Self::make_mut) separates them.
pub(crate) struct Buffer(NonNull<Head>);

/// What stands before the floats.
#[repr(C, align(64))]
struct Head {
    /// How many share the memory.
    owners: AtomicUsize,
    len: usize,
    /// What was allocated, at least `len`: the size class.
    capacity: usize,
}

/// The floats begin after this many bytes.
const HEAD: usize = size_of::<Head>();
const _: () = assert!(HEAD == ALIGN);

// SAFETY: the count of owners is atomic, and `&mut` to the floats is handed out only through `&mut` of their one owner.
unsafe impl Send for Buffer {}
// SAFETY: as above; through `&self` the floats are only read.
unsafe impl Sync for Buffer {}

impl Buffer {
    /// `len` floats to be overwritten: recycled values, or NaN in debug builds, so that a kernel which forgets an
    /// element is found.
    ///
    /// # Panics
    /// When no address space holds as many.
    #[track_caller]
    pub(crate) fn for_overwrite(len: usize) -> Self {
        assert!(len <= MAX_LEN, "a tensor of {len} elements is beyond any machine's memory");
        let mut buffer = Buffer(take(len));
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

    fn head(&self) -> &Head {
        // SAFETY: `take` wrote the head, which is never written again but for its atomic count while an owner is left.
        unsafe { self.0.as_ref() }
    }

    fn floats(&self) -> *mut f32 {
        // SAFETY: the allocation has HEAD bytes before its floats.
        unsafe { self.0.cast::<u8>().add(HEAD).cast::<f32>().as_ptr() }
    }

    pub(crate) fn as_slice(&self) -> &[f32] {
        // SAFETY: `capacity` ≥ `len` initialised floats follow the head (zeroed when allocated, only ever overwritten by
        // floats), for as long as this owner lives.
        unsafe { std::slice::from_raw_parts(self.floats(), self.head().len) }
    }

    /// Whether nobody else shares the memory. Then nobody else can begin to, for that takes another owner to clone.
    pub(crate) fn is_unique(&self) -> bool {
        self.head().owners.load(Ordering::Acquire) == 1
    }

    /// The floats for writing. When others share them, they are copied first, and the copy is counted.
    pub(crate) fn make_mut(&mut self) -> &mut [f32] {
        if !self.is_unique() {
            count_copied(self.head().len);
            let copy = Buffer(take(self.head().len));
            // SAFETY: the copy was made on the line above, has `len` floats, and nobody else has seen it.
            unsafe { std::slice::from_raw_parts_mut(copy.floats(), self.head().len) }.copy_from_slice(self.as_slice());
            *self = copy;
        }
        // SAFETY: as in `as_slice`; this is the only owner, checked or made so above, and it is borrowed for writing.
        unsafe { std::slice::from_raw_parts_mut(self.floats(), self.head().len) }
    }

    /// Where the memory lies: equal for buffers which share it.
    pub(crate) fn address(&self) -> usize {
        self.floats() as usize
    }
}

impl Clone for Buffer {
    fn clone(&self) -> Self {
        // Relaxed, as in Arc: who clones has a buffer already, and hands the new one on by means that synchronise.
        let owners = self.head().owners.fetch_add(1, Relaxed);
        assert!(owners < isize::MAX as usize, "a buffer with {owners} owners, most of whom must have been forgotten");
        Buffer(self.0)
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // What every owner did with the floats happens before the last one gives them away.
        if self.head().owners.fetch_sub(1, Ordering::Release) == 1 {
            fence(Ordering::Acquire);
            give(self.0);
        }
    }
}

/// Buffers of several huge pages begin on one.
fn layout(capacity: usize) -> Layout {
    let bytes = HEAD + 4 * capacity;
    let align = if bytes >= 2 * HUGE { HUGE } else { ALIGN };
    Layout::from_size_align(bytes, align).expect("both are powers of two; MAX_LEN bounds the size")
}

/// The class that `len` belongs to and its capacity: four classes an octave, so at most a quarter is wasted.
fn size_class(len: usize) -> (usize, usize) {
    let len = len.max(16);
    let octave = (usize::BITS - 1 - (len - 1).leading_zeros()).max(3) as usize; // 2^octave < len ≤ 2^(octave+1), or 16
    let step = 1usize << (octave - 2);
    let quarter = (len - (1 << octave)).div_ceil(step);
    (4 * octave + quarter, (1 << octave) + quarter * step)
}

/// A buffer without owners.
struct Free(NonNull<Head>);

// SAFETY: nobody else knows of the memory.
unsafe impl Send for Free {}

struct Pool {
    /// By class.
    free: Vec<Vec<Free>>,
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

/// Memory for `len` floats, with one owner: whoever calls this.
fn take(len: usize) -> NonNull<Head> {
    let (class, capacity) = if pool_enabled() { size_class(len) } else { (0, len) };
    let live = LIVE.fetch_add(4 * capacity, Relaxed) + 4 * capacity;
    if live > PEAK.load(Relaxed) {
        PEAK.fetch_max(live, Relaxed);
    }
    let head = recycled(class, capacity).unwrap_or_else(|| {
        MISSES.fetch_add(1, Relaxed);
        let layout = layout(capacity);
        // SAFETY: the layout has a size of at least HEAD bytes.
        let ptr = NonNull::new(unsafe { alloc(layout) }).unwrap_or_else(|| handle_alloc_error(layout));
        prefer_huge(ptr.as_ptr(), layout.size());
        // SAFETY: the allocation has as many bytes as its layout says.
        unsafe { ptr.write_bytes(0, layout.size()) };
        ptr.cast()
    });
    // SAFETY: the allocation begins with room for a head, and nobody else knows of it: it is new, or out of the pool.
    unsafe { head.write(Head { owners: AtomicUsize::new(1), len, capacity }) };
    head
}

fn recycled(class: usize, capacity: usize) -> Option<NonNull<Head>> {
    if !pool_enabled() {
        return None;
    }
    let mut pool = POOL.lock().expect("no panic happens while the pool is locked");
    let Free(head) = pool.free.get_mut(class)?.pop()?;
    pool.held -= 4 * capacity;
    HITS.fetch_add(1, Relaxed);
    Some(head)
}

/// Takes back memory whose last owner has gone.
fn give(head: NonNull<Head>) {
    // SAFETY: the last owner hands it over, so it is still there and nobody writes to it.
    let capacity = unsafe { head.as_ref() }.capacity;
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
            pool.free[class].push(Free(head));
            pool.held += 4 * capacity;
            return;
        }
    }
    // SAFETY: `head` came from `alloc` in `take` with this same layout, and its last owner has gone.
    unsafe { dealloc(head.as_ptr().cast(), layout(capacity)) };
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

/// Requests for buffers since the start of the process: those answered with a recycled one, and those that went to the
/// allocator. Two of the numbers of [`pool_stats`], for who asks around every operation.
///
/// ```
/// use glassbox_tensor::{Tensor, pool_requests};
/// let (hits, misses) = pool_requests();
/// drop(Tensor::ones([1000]));
/// let after = pool_requests();
/// assert!(after.0 + after.1 > hits + misses);
/// ```
pub fn pool_requests() -> (u64, u64) {
    (HITS.load(Relaxed), MISSES.load(Relaxed))
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
    fn the_last_of_many_owners_gives_the_memory_back() {
        let odd = 23_456; // a size that no other test uses
        let buffer = Buffer::filled(odd, 1.0);
        let address = buffer.address();
        std::thread::scope(|scope| {
            for i in 0..4 {
                let mine = buffer.clone();
                scope.spawn(move || {
                    let mut own = mine.clone();
                    own.make_mut()[i] = 2.0; // a copy, for others have it too
                    assert_eq!((own.as_slice()[i], mine.as_slice()[i], mine.is_unique()), (2.0, 1.0, false));
                });
            }
        });
        assert!(buffer.is_unique() && buffer.address() == address);
        assert!(buffer.as_slice().iter().all(|&x| x == 1.0));
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
