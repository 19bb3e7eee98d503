//! `vocab.json` with `merges.txt`; what is checked stands in `src/vocab_merges.rs`.
//!
//! Options: -rss_limit_mb=1024 -malloc_limit_mb=128 -timeout=5 -max_len=65536
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| glassbox_fuzz::vocab_merges::check(bytes));
