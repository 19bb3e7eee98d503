//! Large memory on huge pages. A page of 4 KiB needs an entry of its own in the processor's table of translations, and a
//! product reads a column of B on as many pages as it has rows; one of 2 MiB holds 512 of them, and lies together in the
//! caches, too. NumPy asks for the same. Linux gives huge pages unasked on some machines, and on others, as by
//! default on Debian and Ubuntu, only to memory that asks.

/// The huge page of x86-64, and of 64-bit ARM with pages of 4 KiB.
pub(crate) const HUGE: usize = 2 << 20;

/// Asks the system for huge pages where whole ones lie in the `bytes` from `start`, before they are first touched. The
/// contents don't change, and where there are none to be had nothing happens.
pub(crate) fn prefer_huge(start: *const u8, bytes: usize) {
    let skip = (start as usize).wrapping_neg() % HUGE;
    let whole = bytes.saturating_sub(skip) / HUGE * HUGE;
    if whole > 0 {
        advise(start.wrapping_add(skip), whole);
    }
}

#[cfg(target_os = "linux")]
fn advise(start: *const u8, bytes: usize) {
    // SAFETY: the advice changes how the kernel maps memory, and nothing that a program can read in it; it fails with an
    // error code, which is of no interest, where the range is not mapped or the kernel has no huge pages.
    unsafe { libc::madvise(start.cast_mut().cast(), bytes, libc::MADV_HUGEPAGE) };
}

#[cfg(not(target_os = "linux"))]
fn advise(_: *const u8, _: usize) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_keeps_its_contents_and_small_memory_is_left_alone() {
        let floats: Vec<u32> = (0..2 << 20).collect(); // 8 MiB: at least three whole pages
        prefer_huge(floats.as_ptr().cast(), 4 * floats.len());
        assert!(floats.iter().zip(0..).all(|(&x, i)| x == i));
        prefer_huge(floats.as_ptr().cast(), 100);
        prefer_huge(std::ptr::null(), 0);
    }
}
