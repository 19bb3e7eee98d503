//! Values of flags: what is a number of steps, of minutes, a seed. Each says what is right if the text isn't.

use glassbox_tensor::simd::Isa;

/// TOML's integers, in which a run's configuration keeps the seed and the steps, are those of 64 bits with a sign.
const MOST_TOML: u64 = i64::MAX as u64;
/// More threads than this are a typing mistake; each costs a stack.
const MOST_THREADS: u64 = 1024;
/// More pictures than this are no longer looked at, and one PNG of them would be 50 MB.
const MOST_PICTURES: u64 = 4096;
/// More tokens than this are no longer read.
const MOST_TOKENS: u64 = 1_000_000_000;
/// More beams than this gain nothing, and each has keys and values of its own.
const MOST_BEAMS: u64 = 256;
/// More checkpoints than this are more than any run writes.
const MOST_CHECKPOINTS: u64 = 1_000_000;

/// `--minutes`
pub fn minutes(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(m) if m > 0.0 && m.is_finite() => Ok(m),
        _ => Err("give a number of minutes above 0, such as 1.5".to_string()),
    }
}

/// `--threads`
pub fn threads(text: &str) -> Result<usize, String> {
    whole(text, 1, MOST_THREADS).map(|n| n as usize)
}

/// `--isa`
pub fn isa(text: &str) -> Result<Isa, String> {
    let available = Isa::available();
    let names: Vec<&str> = available.iter().map(|isa| isa.name()).collect();
    let found = available.iter().find(|isa| isa.name() == text);
    found.copied().ok_or_else(|| match Isa::ALL.iter().any(|isa| isa.name() == text) {
        true => format!("this machine lacks it; it has {}", names.join(", ")),
        false => format!("this machine has {}", names.join(", ")),
    })
}

/// `--save`
pub fn label(text: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    match !text.is_empty() && text.len() <= 100 && text.chars().all(fits) {
        true => Ok(text.to_string()),
        false => {
            Err("give letters, digits and -_. only, such as before; the file is called bench-before.json".to_string())
        }
    }
}

/// `--keep`
pub fn checkpoints(text: &str) -> Result<usize, String> {
    whole(text, 1, MOST_CHECKPOINTS).map(|n| n as usize)
}

/// `-n`
pub fn pictures(text: &str) -> Result<usize, String> {
    whole(text, 1, MOST_PICTURES).map(|n| n as usize)
}

/// `--steps`
pub fn steps(text: &str) -> Result<u64, String> {
    whole(text, 1, MOST_TOML)
}

/// `--seed`
pub fn seed(text: &str) -> Result<u64, String> {
    whole(text, 0, MOST_TOML)
}

/// `--tokens`, `--top-k`
pub fn tokens(text: &str) -> Result<usize, String> {
    whole(text, 1, MOST_TOKENS).map(|n| n as usize)
}

/// `--temperature`
pub fn temperature(text: &str) -> Result<f32, String> {
    real(text, |t| (1e-3..=1e3).contains(&t), "a number from 0.001 to 1000, such as 0.8; --greedy is what 0 would be")
}

/// `--top-p`, `--min-p`
pub fn share(text: &str) -> Result<f32, String> {
    real(text, |p| (0.0..=1.0).contains(&p), "a number from 0 to 1, such as 0.9")
}

/// `--repetition-penalty`
pub fn penalty(text: &str) -> Result<f32, String> {
    real(text, |r| (1e-3..=1e3).contains(&r), "a number from 0.001 to 1000, such as 1.2")
}

/// `--beams`
pub fn beams(text: &str) -> Result<usize, String> {
    whole(text, 1, MOST_BEAMS).map(|n| n as usize)
}

/// `--length-penalty`
pub fn length_penalty(text: &str) -> Result<f32, String> {
    real(text, |p| (-10.0..=10.0).contains(&p), "a number from -10 to 10, such as 0.6")
}

/// `--stop`
pub fn stop(text: &str) -> Result<String, String> {
    match text.is_empty() {
        false => Ok(text.to_string()),
        true => Err("every text ends before nothing; give one character at least".to_string()),
    }
}

fn real(text: &str, fits: impl Fn(f32) -> bool, wanted: &str) -> Result<f32, String> {
    text.parse::<f32>().ok().filter(|&x| fits(x)).ok_or_else(|| format!("give {wanted}"))
}

fn whole(text: &str, least: u64, most: u64) -> Result<u64, String> {
    match text.parse::<u64>() {
        Ok(n) if (least..=most).contains(&n) => Ok(n),
        _ => Err(format!("give a whole number from {least} to {most}")),
    }
}
