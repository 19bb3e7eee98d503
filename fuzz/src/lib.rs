//! What each fuzz target does with its bytes: one file for each border, and one list of all of them.
//!
//! A target (`fuzz_targets/NAME.rs`) hands libFuzzer's bytes to the function here, and says what the run may take. The ordinary
//! test `crates/glassbox/tests/seeds.rs` hands the same functions every file of `seeds/NAME/`: what the fuzzer begins with, and
//! what it found.

pub mod config;
pub mod csv;
pub mod emoji_json;
pub mod gzip_bomb;
pub mod gzip_idx;
pub mod idx;
pub mod jpeg;
pub mod llama2c;
pub mod npy;
pub mod npz;
pub mod png;
pub mod run_json;
pub mod safetensors;
pub mod text;
pub mod tokenizer_bin;
pub mod tokenizer_json;
pub mod vocab_merges;
pub mod wav;

/// What is done with an input: it must come to an end, without a panic, for any bytes at all.
pub type Check = fn(&[u8]);

/// The number of values of a shape; 0 with a 0 in it, whatever the others are.
fn volume(shape: &[usize]) -> usize {
    if shape.contains(&0) { 0 } else { shape.iter().product() }
}

/// The sentence about what is wrong must be written, too.
fn sentence(error: impl std::fmt::Display) {
    assert!(!error.to_string().is_empty());
}

/// Every target by the name of its file.
pub const TARGETS: [(&str, Check); 18] = [
    ("config", config::check),
    ("csv", csv::check),
    ("emoji_json", emoji_json::check),
    ("gzip_bomb", gzip_bomb::check),
    ("gzip_idx", gzip_idx::check),
    ("idx", idx::check),
    ("jpeg", jpeg::check),
    ("llama2c", llama2c::check),
    ("npy", npy::check),
    ("npz", npz::check),
    ("png", png::check),
    ("run_json", run_json::check),
    ("safetensors", safetensors::check),
    ("text", text::check),
    ("tokenizer_bin", tokenizer_bin::check),
    ("tokenizer_json", tokenizer_json::check),
    ("vocab_merges", vocab_merges::check),
    ("wav", wav::check),
];
