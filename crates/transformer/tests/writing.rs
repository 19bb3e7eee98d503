//! What is written with a cache is what is written without, whatever the text's length; and it follows from the seed.

mod common;

use common::{TINY, opinionated};
use glassbox_tensor::random::Key;
use glassbox_train::Sampling;
use glassbox_transformer::{Gpt, GptSizes, LanguageModel, Memory, write_tokens};

fn written(gpt: &Gpt, memory: Memory, prompt: &[u32], sampling: &Sampling) -> Vec<u32> {
    let mut all = Vec::new();
    write_tokens(&gpt.frozen(), memory, prompt, sampling, &mut |token| {
        all.push(token);
        true
    });
    all
}

fn tokens(n: usize, seed: u64) -> Sampling {
    Sampling { tokens: n, seed, ..Sampling::default() }
}

#[test]
fn with_and_without_a_cache_the_same_tokens_are_written() {
    let mut different = 0;
    for context in [1, 2, 6, 7] {
        let gpt = opinionated(GptSizes { context, ..TINY }, context as u64);
        // Prompts shorter than the window, as long, and longer; texts that overflow it several times.
        for (prompt, seed) in [(1, 0), (3, 1), (6, 2), (20, 3)] {
            let prompt: Vec<u32> = (0..prompt).map(|i| Key::new(seed).below(i, 11)).collect();
            for sampling in [tokens(50, seed), Sampling { top_k: Some(5), ..tokens(50, seed) }] {
                let kept = written(&gpt, Memory::Kept, &prompt, &sampling);
                assert_eq!(kept, written(&gpt, Memory::Recomputed, &prompt, &sampling), "context {context}");
                assert_eq!(kept.len(), 50);
                different += usize::from(kept.iter().any(|&token| token != kept[0]));
            }
            let greedy = Sampling { tokens: 30, ..Sampling::greedy() };
            assert_eq!(
                written(&gpt, Memory::Kept, &prompt, &greedy),
                written(&gpt, Memory::Recomputed, &prompt, &greedy),
                "context {context}, greedily"
            );
        }
    }
    assert!(different > 20, "a model that always says the same would agree with anything");
}

/// Logits, and not only what is drawn from them.
#[test]
fn reading_in_pieces_gives_the_logits_of_reading_at_once() {
    let gpt = opinionated(TINY, 3).frozen();
    let text = [4, 1, 9, 9, 0, 2];
    let whole = gpt.read(&mut gpt.begin(), &text);
    for cut in 1..6 {
        let mut cache = gpt.begin();
        gpt.read(&mut cache, &text[..cut]);
        let rest = gpt.read(&mut cache, &text[cut..]);
        assert_eq!(cache.len(), 6);
        glassbox_tensor::assert_close!(rest, whole, 1e-4, 1e-5);
    }
}

#[test]
fn a_text_follows_from_its_seed_and_begins_alike_at_any_length() {
    let gpt = opinionated(TINY, 5);
    let long = written(&gpt, Memory::Kept, &[1, 2], &tokens(40, 7));
    assert_eq!(long, written(&gpt, Memory::Kept, &[1, 2], &tokens(40, 7)));
    assert_eq!(long[..15], written(&gpt, Memory::Kept, &[1, 2], &tokens(15, 7)));
    assert_ne!(long, written(&gpt, Memory::Kept, &[1, 2], &tokens(40, 8)));
}

#[test]
fn tokens_come_as_often_as_the_model_says() {
    let gpt = opinionated(TINY, 8).frozen();
    let prompt = [3, 3, 8];
    let logits = gpt.read(&mut gpt.begin(), &prompt).to_vec();
    let sum: f64 = logits.iter().map(|&x| f64::from(x).exp()).sum();
    let draws = 4000;
    let mut counts = vec![0.0; 11];
    (0..draws).for_each(|seed| counts[written(&gpt, Memory::Kept, &prompt, &tokens(1, seed))[0] as usize] += 1.0);
    let chi2: f64 = logits
        .iter()
        .zip(counts)
        .map(|(&x, n)| {
            let expected = draws as f64 * f64::from(x).exp() / sum;
            (n - expected) * (n - expected) / expected
        })
        .sum();
    assert!(chi2 < 35.0, "{chi2} of 10 degrees of freedom"); // p = 1e-4
}

#[test]
fn whoever_has_read_enough_ends_the_writing() {
    let gpt = opinionated(TINY, 5);
    let mut count = 0;
    write_tokens(&gpt.frozen(), Memory::Kept, &[1], &tokens(1000, 0), &mut |_| {
        count += 1;
        count < 7
    });
    assert_eq!(count, 7);
}

#[test]
#[should_panic(expected = "the cache has room for 6 tokens, not for 7")]
fn a_cache_is_never_overfilled() {
    let gpt = opinionated(TINY, 5);
    let mut cache = gpt.begin();
    gpt.read(&mut cache, &[0; 6]);
    gpt.read(&mut cache, &[0]);
}
