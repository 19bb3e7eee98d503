//! The `emoji.json` of a package of sprites; what is checked stands in `src/emoji_json.rs`.
//!
//! Options: -rss_limit_mb=512 -malloc_limit_mb=16 -timeout=5 -max_len=65536
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| glassbox_fuzz::emoji_json::check(bytes));
