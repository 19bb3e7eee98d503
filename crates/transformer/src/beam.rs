//! Beam search: several beginnings of a text are followed side by side, and the likeliest of what they become is kept.
//!
//! ```text
//! score(x₁…x_n) = Σ ln p(x_t | prompt, x₁…x_{t−1}) / n^penalty
//! ```
//!
//! Each step goes on with every beginning by every token and keeps the best. The likeliest text is found only if its beginning was
//! among the best all the way; with one beam this is the greedy choice, and with as many beams as there are beginnings it is a search
//! of everything.
//!
//! Texts end with one of the tokens that end texts, which counts among the n. A finished text is kept if it is among the best of its
//! step. The search is over when as many are finished as there are beams, and none that is being written has a better score at the
//! length that it has now than the worst of them. Then, or when all tokens are written, the best score of all wins. This is how
//! Hugging Face's `generate` has it.
//!
//! Source: Lowerre 1976, The Harpy speech recognition system; Wu et al. 2016, Google's Neural Machine Translation System, section 7.

use crate::model::LanguageModel;
use crate::sampling::penalised;
use crate::writing::{Memory, Reader};
use glassbox_train::Sampling;

/// A beginning that is being followed.
struct Beam<'a, M: LanguageModel> {
    text: Text,
    reader: Reader<'a, M>,
    logits: Vec<f32>,
}

/// What was written, and the sum of the logarithms of its probabilities.
#[derive(Clone, Default)]
struct Text {
    /// Tokens, each with the probability that the model gave it.
    tokens: Vec<(u32, f64)>,
    sum: f64,
}

impl Text {
    fn score(&self, penalty: f32) -> f64 {
        self.sum / (self.tokens.len() as f64).powf(penalty.into())
    }
}

/// One more token after one of the beams.
struct Candidate {
    sum: f64,
    beam: usize,
    token: u32,
    probability: f64,
}

/// The best text of at most `sampling.tokens` tokens that `sampling.beams` beams find after `prompt`: its tokens, without one of
/// `ends`, each with the probability that the model gave it.
///
/// ```
/// use glassbox_tensor::tensor;
/// use glassbox_train::Sampling;
/// use glassbox_transformer::{Bigram, beam_search};
/// let mut bigram = Bigram::new(3, 8);
/// let p = tensor![[0.1, 0.5, 0.4], [0.3, 0.4, 0.3], [0.9, 0.05, 0.05]]; // row: the token before
/// bigram.table.weight.set_value(p.ln());
/// let found = |beams| {
///     let sampling = Sampling { tokens: 2, beams, ..Sampling::default() };
///     beam_search(&bigram, &[0], &[], &sampling).iter().map(|(token, _)| *token).collect::<Vec<_>>()
/// };
/// assert_eq!(found(1), [1, 1]); // 0.5 · 0.4: the likeliest token, twice
/// assert_eq!(found(2), [2, 0]); // 0.4 · 0.9: the likeliest text
/// ```
///
/// # Panics
/// If the prompt is empty.
#[track_caller]
pub fn beam_search<M: LanguageModel>(model: &M, prompt: &[u32], ends: &[u32], sampling: &Sampling) -> Vec<(u32, f64)> {
    assert!(!prompt.is_empty(), "beam_search: there is no text to go on from; give one token at least");
    let Sampling { tokens, beams, length_penalty, .. } = *sampling;
    let (reader, logits) = Reader::new(model, Memory::Kept, prompt);
    let mut following = vec![Beam { text: Text::default(), reader, logits: logits.to_vec() }];
    let mut finished: Vec<Text> = Vec::new();
    for step in 1..=tokens {
        let mut chosen = Vec::new();
        for (rank, candidate) in best(&following, prompt, sampling).into_iter().enumerate() {
            let ended = ends.contains(&candidate.token) || step == tokens;
            match ended {
                true if rank < beams => finished.push(grown(&following[candidate.beam].text, &candidate)),
                false if chosen.len() < beams => chosen.push(candidate),
                _ => {}
            }
        }
        finished.sort_by(|a, b| b.score(length_penalty).total_cmp(&a.score(length_penalty))); // stable: of equals the first
        finished.truncate(beams.max(1));
        let texts: Vec<Text> = chosen.iter().map(|c| grown(&following[c.beam].text, c)).collect();
        let Some(ahead) = texts.first() else { break };
        let worst = finished.last().filter(|_| finished.len() >= beams);
        if worst.is_some_and(|worst| worst.score(length_penalty) >= ahead.score(length_penalty)) {
            break;
        }
        following = read_on(following, &chosen, texts);
    }
    let mut tokens = finished.into_iter().next().unwrap_or_default().tokens;
    if tokens.last().is_some_and(|(last, _)| ends.contains(last)) {
        tokens.pop();
    }
    tokens
}

fn grown(text: &Text, candidate: &Candidate) -> Text {
    let mut tokens = text.tokens.clone();
    tokens.push((candidate.token, candidate.probability));
    Text { tokens, sum: candidate.sum }
}

/// The best 2·beams of all that the beams can become: so many that a beam is left for each that ends.
fn best<M: LanguageModel>(following: &[Beam<'_, M>], prompt: &[u32], sampling: &Sampling) -> Vec<Candidate> {
    let mut all = Vec::new();
    for (beam, Beam { text, logits, .. }) in following.iter().enumerate() {
        let mut seen = vec![false; logits.len()];
        let written = text.tokens.iter().map(|(token, _)| token);
        prompt.iter().chain(written).for_each(|&token| seen[token as usize] = true);
        let plain = logarithms(logits.iter().map(|&x| f64::from(x)).collect());
        let scored = logarithms(penalised(logits, &seen, sampling.repetition_penalty));
        for (token, (plain, scored)) in plain.into_iter().zip(scored).enumerate() {
            all.push(Candidate { sum: text.sum + scored, beam, token: token as u32, probability: plain.exp() });
        }
    }
    let order =
        |a: &Candidate, b: &Candidate| b.sum.total_cmp(&a.sum).then(a.beam.cmp(&b.beam)).then(a.token.cmp(&b.token));
    let wanted = all.len().min(2 * sampling.beams.max(1));
    if wanted < all.len() {
        all.select_nth_unstable_by(wanted, order);
        all.truncate(wanted);
    }
    all.sort_by(order);
    all
}

/// ln softmax.
fn logarithms(mut logits: Vec<f64>) -> Vec<f64> {
    let most = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = logits.iter().map(|x| (x - most).exp()).sum();
    logits.iter_mut().for_each(|x| *x -= most + sum.ln());
    logits
}

/// Each chosen token is read after its beam. The last to go on from a beam takes its state; the others copy it.
fn read_on<'a, M: LanguageModel>(
    following: Vec<Beam<'a, M>>,
    chosen: &[Candidate],
    texts: Vec<Text>,
) -> Vec<Beam<'a, M>> {
    let mut readers: Vec<Option<Reader<'a, M>>> = following.into_iter().map(|beam| Some(beam.reader)).collect();
    let go_on = |(i, text): (usize, Text)| {
        let Candidate { beam, token, .. } = chosen[i];
        let again = chosen[i + 1..].iter().any(|later| later.beam == beam);
        let reader = if again { readers[beam].clone() } else { readers[beam].take() };
        let mut reader = reader.expect("taken by the last");
        let logits = reader.read(token).to_vec();
        Beam { text, reader, logits }
    };
    texts.into_iter().enumerate().map(go_on).collect()
}
