//! The JSON files of a run directory; what is checked stands in `src/run_json.rs`.
//!
//! Options: -rss_limit_mb=512 -malloc_limit_mb=16 -timeout=10 -max_len=4096
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| glassbox_fuzz::run_json::check(bytes));
