//! Beam search finds what a search of everything finds, where it has room for that, and what Hugging Face's finds where it has not.

mod common;

use common::{TINY, opinionated, opinionated_llama, opinionated_mlp, opinionated_rnn};
use glassbox_nn::Context;
use glassbox_tensor::Ids;
use glassbox_train::Sampling;
use glassbox_transformer::{Cell, Gpt, GptSizes, LanguageModel, LlamaSizes, Memory, beam_search, write_tokens};
use serde_json::Value;
use std::path::Path;

const WORDS: u32 = 4;

fn sampling(tokens: usize, beams: usize, length_penalty: f32) -> Sampling {
    Sampling { tokens, beams, length_penalty, ..Sampling::default() }
}

fn ids(found: &[(u32, f64)]) -> Vec<u32> {
    found.iter().map(|(id, _)| *id).collect()
}

/// Σ ln p of a text after a prompt, from one pass over all of it.
fn log_probability(model: &impl LanguageModel, prompt: &[u32], text: &[u32]) -> f64 {
    let all = [prompt, text].concat();
    let logits = model.forward(&Ids::from_slice(&all, [1, all.len()]), &Context::eval());
    let p = logits.log_softmax(-1);
    let one = |(i, &id): (usize, &u32)| f64::from(p.value().at([0, prompt.len() - 1 + i, id as usize]));
    text.iter().enumerate().map(one).sum()
}

/// Every text of `n` tokens, and those that end sooner with one of `ends`, and their scores; the best of them.
fn search_everything(model: &impl LanguageModel, prompt: &[u32], n: usize, ends: &[u32], penalty: f32) -> Vec<u32> {
    let mut texts: Vec<Vec<u32>> = vec![Vec::new()];
    for at in 0..n {
        let open = |text: &Vec<u32>| text.len() == at && !text.last().is_some_and(|last| ends.contains(last));
        let (open, mut rest): (Vec<_>, Vec<_>) = texts.into_iter().partition(open);
        let longer = |text: &Vec<u32>| (0..WORDS).map(|id| [&text[..], &[id]].concat()).collect::<Vec<_>>();
        rest.extend(open.iter().flat_map(longer));
        texts = rest;
    }
    let score = |text: &Vec<u32>| log_probability(model, prompt, text) / (text.len() as f64).powf(penalty.into());
    let mut best = texts.into_iter().max_by(|a, b| score(a).total_cmp(&score(b))).unwrap();
    if best.last().is_some_and(|last| ends.contains(last)) {
        best.pop();
    }
    best
}

fn small(key: u64) -> Gpt {
    opinionated(GptSizes { words: WORDS as usize, context: 8, ..TINY }, key).frozen()
}

#[test]
fn with_a_beam_for_each_beginning_it_is_a_search_of_everything() {
    let mut not_greedy = 0;
    for key in 0..12 {
        let model = small(key);
        for prompt in [&[0][..], &[3, 1]] {
            let best = search_everything(&model, prompt, 4, &[], 1.0);
            let found = beam_search(&model, prompt, &[], &sampling(4, 64, 1.0));
            assert_eq!(ids(&found), best, "{key}");
            let sum: f64 = found.iter().map(|(_, p)| p.ln()).sum();
            assert!((sum - log_probability(&model, prompt, &best)).abs() < 1e-4);
            not_greedy += usize::from(ids(&beam_search(&model, prompt, &[], &sampling(4, 1, 1.0))) != best);
        }
    }
    assert!(not_greedy >= 5, "of 24, {not_greedy} are not the greedy ones: one beam would nearly do");
}

#[test]
fn texts_that_end_compete_by_their_mean_log_probability() {
    let mut ended = 0;
    for key in 0..12 {
        for penalty in [0.0, 1.0, 2.0] {
            let model = small(key);
            let best = search_everything(&model, &[1], 4, &[2], penalty);
            // So many beams that the search goes on to the end whatever has finished.
            let found = ids(&beam_search(&model, &[1], &[2], &sampling(4, 256, penalty)));
            assert_eq!(found, best, "{key}, {penalty}");
            ended += usize::from(best.len() < 4);
        }
    }
    assert!((5..32).contains(&ended), "{ended} of 36 ended before their time");
}

#[test]
fn one_beam_is_the_greedy_choice_of_every_model_also_beyond_its_window() {
    fn assert_greedy(model: &impl LanguageModel) {
        let model = model.frozen();
        let mut greedy = Vec::new();
        write_tokens(&model, Memory::Recomputed, &[4, 1], &Sampling { tokens: 20, ..Sampling::greedy() }, &mut |id| {
            greedy.push(id);
            true
        });
        assert_eq!(ids(&beam_search(&model, &[4, 1], &[], &sampling(20, 1, 1.0))), greedy);
    }
    assert_greedy(&opinionated(TINY, 1));
    assert_greedy(&opinionated_llama(LlamaSizes { context: 7, ..common::SMALL_LLAMA }, 1));
    assert_greedy(&opinionated_mlp(6));
    assert_greedy(&opinionated_rnn(6, Cell::Gru));
}

#[test]
fn it_finds_what_hugging_faces_library_finds() {
    let expected: Value = serde_json::from_str(include_str!("data/hugging_face/expected.json")).unwrap();
    let list = |value: &Value| -> Vec<u32> {
        value.as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect()
    };
    let (prompt, ends) = (list(&expected["ids"]), list(&expected["ends"]));
    for name in ["gpt2", "llama"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/hugging_face").join(name);
        let model = glassbox_transformer::Pretrained::open(&folder, None).unwrap();
        for row in expected[name]["beams"].as_array().unwrap() {
            let (beams, penalty) = (row["beams"].as_u64().unwrap() as usize, row["penalty"].as_f64().unwrap());
            let found = model.beam_search(&prompt, &ends, &sampling(8, beams, penalty as f32));
            assert_eq!(ids(&found), list(&row["ids"]), "{name}, {row}");
        }
    }
}
