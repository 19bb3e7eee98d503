//! PNG files; 1032 bytes to a packed one at most; what is checked stands in `src/png.rs`.
//!
//! Options: -rss_limit_mb=1024 -malloc_limit_mb=128 -timeout=20 -max_len=16384
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| glassbox_fuzz::png::check(bytes));
