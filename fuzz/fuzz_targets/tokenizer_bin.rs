//! Tokens of llama2.c; what is checked stands in `src/tokenizer_bin.rs`.
//!
//! Options: -rss_limit_mb=512 -malloc_limit_mb=64 -timeout=5 -max_len=65536
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| glassbox_fuzz::tokenizer_bin::check(bytes));
