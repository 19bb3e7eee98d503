//! JPEG files; 512 pixels to a byte at most, of which each takes up to 16 bytes while it is read; what is checked stands in `src/jpeg.rs`.
//!
//! Options: -rss_limit_mb=1024 -malloc_limit_mb=128 -timeout=20 -max_len=16384
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| glassbox_fuzz::jpeg::check(bytes));
