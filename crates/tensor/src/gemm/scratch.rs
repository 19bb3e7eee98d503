//! Memory for packed panels, kept by each thread from call to call: after the first calls nothing is allocated.

use crate::pages::prefer_huge;
use std::cell::RefCell;
use std::ops::{Deref, DerefMut};

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
    f(&mut Scratch::new(len))
}

/// What [`with_scratch`] lends, for whoever needs it longer than a function.
pub(crate) struct Scratch {
    buffer: Vec<f32>,
    start: usize,
    len: usize,
}

impl Scratch {
    pub fn new(len: usize) -> Scratch {
        let mut buffer = FREE.with_borrow_mut(Vec::pop).unwrap_or_default();
        if buffer.len() < len + ALIGN_FLOATS {
            drop(buffer); // free first: its contents need not be carried over
            buffer = Vec::with_capacity(len + ALIGN_FLOATS);
            prefer_huge(buffer.as_ptr().cast(), buffer.capacity() * size_of::<f32>());
            buffer.resize(len + ALIGN_FLOATS, 0.0);
        }
        let start = buffer.as_ptr().align_offset(ALIGN);
        if cfg!(debug_assertions) {
            buffer[start..start + len].fill(f32::NAN); // what reads it before it writes it is found
        }
        Scratch { buffer, start, len }
    }
}

impl Deref for Scratch {
    type Target = [f32];
    fn deref(&self) -> &[f32] {
        &self.buffer[self.start..self.start + self.len]
    }
}

impl DerefMut for Scratch {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.buffer[self.start..self.start + self.len]
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let buffer = std::mem::take(&mut self.buffer);
        FREE.with_borrow_mut(|free| free.push(buffer));
    }
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
