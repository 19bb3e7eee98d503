//! A run's `config.toml`; what is checked stands in `src/config.rs`.
//!
//! Options: -rss_limit_mb=512 -malloc_limit_mb=16 -timeout=5 -max_len=4096
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| glassbox_fuzz::config::check(bytes));
