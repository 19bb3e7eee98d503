//! Memory for packed panels, kept by each thread from call to call: after the first calls nothing is allocated.

use crate::pages::prefer_huge;
use std::cell::RefCell;

/// A cache line, and the widest vector.
const ALIGN: usize = 64;
const ALIGN_FLOATS: usize = ALIGN / size_of::<f32>();

thread_local! {
    static FREE: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) };
}

/// Lends `f` a 64-byte aligned slice of `len` floats with arbitrary contents.
///
/// The buffer leaves the list while it is lent: a thread that waits inside `f` may be given another product by rayon,
/// which then takes the next buffer. They come back in reverse order, so that each depth finds its own again.
pub(crate) fn with_scratch<R>(len: usize, f: impl FnOnce(&mut [f32]) -> R) -> R {
    let mut buffer = FREE.with_borrow_mut(Vec::pop).unwrap_or_default();
    if buffer.len() < len + ALIGN_FLOATS {
        drop(buffer); // free first: its contents need not be carried over
        buffer = Vec::with_capacity(len + ALIGN_FLOATS);
        prefer_huge(buffer.as_ptr().cast(), buffer.capacity() * size_of::<f32>());
        buffer.resize(len + ALIGN_FLOATS, 0.0);
    }
    let start = buffer.as_ptr().align_offset(ALIGN);
    let lent = &mut buffer[start..start + len];
    if cfg!(debug_assertions) {
        lent.fill(f32::NAN); // what reads it before it writes it is found
    }
    let result = f(lent);
    FREE.with_borrow_mut(|free| free.push(buffer));
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scratch_is_aligned_and_comes_back() {
        let first = with_scratch(100, |outer| {
            assert_eq!(outer.as_ptr().align_offset(ALIGN), 0);
            with_scratch(50, |inner| assert_ne!(inner.as_ptr(), outer.as_ptr()));
            outer.as_ptr() as usize
        });
        assert_eq!(first, with_scratch(90, |again| again.as_ptr() as usize));
    }
}
