//! An allocator that counts: how often memory is asked for, and how much at once.
//!
//! Tensors recycle their buffers, but nodes, lists and closures come from the allocator each time. What a step costs there
//! can't be read from a program; it can be counted. A program that wants to know makes [`CountingAllocator`] its own; in all
//! others nothing is counted and [`HeapCount::now`] stays at 0.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

/// The system's allocator, with a count of what is asked of it, by all threads together.
///
/// ```standalone_crate
/// use glassbox_tensor::{CountingAllocator, HeapCount};
///
/// #[global_allocator]
/// static ALLOCATOR: CountingAllocator = CountingAllocator;
///
/// fn main() {
///     let before = HeapCount::now();
///     let list: Vec<u8> = Vec::with_capacity(5000);
///     let after = HeapCount::now();
///     assert!(after.allocations > before.allocations && after.largest >= list.capacity());
/// }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct CountingAllocator;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static LARGEST: AtomicUsize = AtomicUsize::new(0);

/// What was asked of the [`CountingAllocator`] since the start of the process; nothing, in a program without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeapCount {
    /// How often memory was asked for, or more of it.
    pub allocations: u64,
    /// The most bytes that were asked for at once, since the start or the last [`HeapCount::reset_largest`].
    pub largest: usize,
}

impl HeapCount {
    /// The count as it stands.
    ///
    /// ```
    /// assert_eq!(glassbox_tensor::HeapCount::now().allocations, 0); // this program has another allocator
    /// ```
    pub fn now() -> HeapCount {
        HeapCount { allocations: ALLOCATIONS.load(Relaxed), largest: LARGEST.load(Relaxed) }
    }

    /// Begins to look for the largest request anew.
    ///
    /// ```
    /// use glassbox_tensor::HeapCount;
    /// HeapCount::reset_largest();
    /// assert_eq!(HeapCount::now().largest, 0);
    /// ```
    pub fn reset_largest() {
        LARGEST.store(0, Relaxed);
    }
}

fn count(size: usize) {
    ALLOCATIONS.fetch_add(1, Relaxed);
    // Read first: a cache line that is only read stays with every thread.
    if size > LARGEST.load(Relaxed) {
        LARGEST.fetch_max(size, Relaxed);
    }
}

// SAFETY: each method hands its arguments to the same method of the system's allocator and returns what that returns; the
// caller's obligations are the system's, and counting touches no memory but its own two numbers.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller keeps what `GlobalAlloc::alloc` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller keeps what `GlobalAlloc::alloc_zeroed` asks for.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: `ptr` came from the system's allocator, for all the others hand theirs on; the rest is the caller's to keep.
        unsafe { System.dealloc(ptr, layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count(new_size);
        // SAFETY: as in `dealloc`.
        unsafe { System.realloc(ptr, layout, new_size) }
    }
}
