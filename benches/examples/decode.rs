//! How many tokens a GPT writes in a second, one after the other, and how many of a prompt it reads.
//!
//! ```text
//! cargo run --release -p glassbox-benches --example decode -- [char|baby|gpt2|prefill …] [--threads N] [--times N]
//! ```
//!
//! The weights are random: what they are changes no time. Tokens are drawn from the softmax of the logits. Each row is the median of
//! several texts, with the fastest and the slowest; `tools/peers/decode.py` is the same with PyTorch.

use glassbox_tensor::random::Key;
use glassbox_train::Sampling;
use glassbox_transformer::{Gelu, Gpt, GptSizes, LanguageModel, Memory, write_tokens};
use std::process::ExitCode;
use std::time::Instant;

const GPT2: GptSizes = GptSizes { words: 50_257, context: 1024, layers: 12, heads: 12, width: 768, ..GptSizes::CHAR };

/// A name, the model, tokens of the prompt, tokens that are written, and how often.
const ROWS: [(&str, GptSizes, usize, usize, usize); 4] = [
    ("char", GptSizes::CHAR, 1, 63, 41),
    ("baby", GptSizes::BABY, 1, 255, 7),
    ("gpt2", GPT2, 16, 64, 5),
    ("prefill", GPT2, 512, 0, 7),
];

fn main() -> ExitCode {
    let (mut names, mut threads, mut often) = (Vec::new(), 0, None);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut number = || words.next().and_then(|n| n.parse::<usize>().ok()).filter(|n| (1..=1000).contains(n));
        match word.as_str() {
            "--threads" => threads = number().unwrap_or(0),
            "--times" => often = number(),
            name if ROWS.iter().any(|row| row.0 == name) => names.push(word),
            _ => {
                eprintln!("error: {word:?} is not known; there are char, baby, gpt2, prefill, --threads and --times");
                return ExitCode::from(2);
            }
        }
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).use_current_thread();
    pool.build_global().expect("the pool is made once");
    for (name, sizes, prompt, new, times) in ROWS {
        if names.is_empty() || names.iter().any(|n| n == name) {
            measure(name, GptSizes { gelu: Gelu::Exact, ..sizes }, prompt, new, often.unwrap_or(times));
        }
    }
    ExitCode::SUCCESS
}

fn measure(name: &str, sizes: GptSizes, prompt: usize, new: usize, times: usize) {
    let gpt = Gpt::new(sizes, Key::new(0)).frozen();
    let prompt: Vec<u32> = (0..prompt as u64).map(|i| Key::new(1).below(i, sizes.words as u32)).collect();
    let mut rates: Vec<f64> = (0..=times).map(|i| rate(&gpt, &prompt, new, i as u64)).skip(1).collect();
    rates.sort_by(f64::total_cmp);
    let threads = rayon::current_num_threads();
    println!(
        "{name}: {:.1} tokens/s with {threads} threads ({:.1} to {:.1})",
        rates[times / 2],
        rates[0],
        rates[times - 1]
    );
}

/// Of the prompt, if nothing is written after it; otherwise of what is.
fn rate(gpt: &Gpt, prompt: &[u32], new: usize, seed: u64) -> f64 {
    if new == 0 {
        let mut state = gpt.begin();
        let start = Instant::now();
        gpt.read(&mut state, prompt);
        return prompt.len() as f64 / start.elapsed().as_secs_f64();
    }
    let sampling = Sampling { tokens: new + 1, seed, ..Sampling::default() };
    let mut start = Instant::now();
    let mut first = true;
    write_tokens(gpt, Memory::Kept, prompt, &sampling, &mut |_| {
        if std::mem::take(&mut first) {
            start = Instant::now(); // the prompt has been read
        }
        true
    });
    new as f64 / start.elapsed().as_secs_f64()
}
