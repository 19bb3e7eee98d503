//! What is written with a cache is what is written without, whatever the text's length; and it follows from the seed.

mod common;

use common::{SMALL_LLAMA, TINY, opinionated, opinionated_conv, opinionated_llama, opinionated_mlp, opinionated_rnn};
use glassbox_nn::Context;
use glassbox_tensor::random::Key;
use glassbox_tensor::{Ids, assert_close};
use glassbox_train::Sampling;
use glassbox_transformer::{Cell, GptSizes, LanguageModel, LlamaSizes, Memory, write_tokens};

fn written<M: LanguageModel>(model: &M, memory: Memory, prompt: &[u32], sampling: &Sampling) -> Vec<u32> {
    let mut all = Vec::new();
    write_tokens(&model.frozen(), memory, prompt, sampling, &mut |token| {
        all.push(token);
        true
    });
    all
}

fn tokens(n: usize, seed: u64) -> Sampling {
    Sampling { tokens: n, seed, ..Sampling::default() }
}

/// Prompts shorter than the window, as long, and longer; texts that overflow it several times. How many of them vary.
fn assert_alike<M: LanguageModel>(model: &M) -> usize {
    let mut varied = 0;
    for (prompt, seed) in [(1, 0), (3, 1), (6, 2), (20, 3)] {
        let prompt: Vec<u32> = (0..prompt).map(|i| Key::new(seed).below(i, 11)).collect();
        let drawn = [
            tokens(50, seed),
            Sampling { top_k: Some(5), ..tokens(50, seed) },
            Sampling { top_p: 0.8, temperature: 0.7, ..tokens(50, seed) },
            Sampling { min_p: 0.2, ..tokens(50, seed) },
            Sampling { repetition_penalty: 1.4, ..tokens(50, seed) },
        ];
        for sampling in drawn.into_iter().chain([Sampling { tokens: 50, ..Sampling::greedy() }]) {
            let kept = written(model, Memory::Kept, &prompt, &sampling);
            let context = model.context();
            assert_eq!(kept, written(model, Memory::Recomputed, &prompt, &sampling), "context {context}, {sampling:?}");
            assert_eq!(kept.len(), 50);
            varied += usize::from(kept.iter().any(|&token| token != kept[0]));
        }
    }
    varied
}

#[test]
fn with_and_without_a_cache_the_same_tokens_are_written() {
    let mut varied = 0;
    for context in [1, 2, 6, 7] {
        varied += assert_alike(&opinionated(GptSizes { context, ..TINY }, context as u64));
        varied += assert_alike(&opinionated_llama(LlamaSizes { context, ..SMALL_LLAMA }, context as u64));
        varied += assert_alike(&opinionated_mlp(context));
        for cell in [Cell::Tanh, Cell::Gru, Cell::Lstm] {
            varied += assert_alike(&opinionated_rnn(context, cell));
        }
        varied += assert_alike(&opinionated_conv(context));
    }
    assert!(varied > 250, "a model that always says the same would agree with anything: {varied}");
}

/// Logits, and not only what is drawn from them.
fn assert_pieces_are_the_whole<M: LanguageModel>(model: &M) {
    let model = model.frozen();
    let text = [4, 1, 9, 9, 0, 2];
    let whole = model.read(&mut model.begin(), &text);
    let all = model.forward(&Ids::from_slice(&text, [1, 6]), &Context::eval());
    assert_close!(whole, all.value().select(0, 0).select(0, 5), 1e-4, 1e-5);
    for cut in 1..6 {
        let mut state = model.begin();
        model.read(&mut state, &text[..cut]);
        assert_close!(model.read(&mut state, &text[cut..]), whole, 1e-4, 1e-5);
    }
}

#[test]
fn reading_in_pieces_gives_the_logits_of_reading_at_once() {
    assert_pieces_are_the_whole(&opinionated(TINY, 3));
    assert_pieces_are_the_whole(&opinionated_llama(SMALL_LLAMA, 3));
    assert_pieces_are_the_whole(&opinionated_mlp(6));
    for cell in [Cell::Tanh, Cell::Gru, Cell::Lstm] {
        assert_pieces_are_the_whole(&opinionated_rnn(6, cell));
    }
    assert_pieces_are_the_whole(&opinionated_conv(6));
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
#[should_panic(expected = "has positions 6 to 7, the table only 6; make it longer")]
fn a_cache_is_never_overfilled() {
    let gpt = opinionated(TINY, 5);
    let mut cache = gpt.begin();
    gpt.read(&mut cache, &[0; 6]);
    gpt.read(&mut cache, &[0]);
}
