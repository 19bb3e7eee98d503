//! NPZ archives; 1032 bytes to a packed one at most; what is checked stands in `src/npz.rs`.
//!
//! Options: -rss_limit_mb=1024 -malloc_limit_mb=128 -timeout=10 -max_len=16384
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| glassbox_fuzz::npz::check(bytes));
