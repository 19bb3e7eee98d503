//! Writing: a token is drawn, read, and the next one drawn.

use crate::model::LanguageModel;
use crate::sampling::{choose, probabilities};
use glassbox_nn::Context;
use glassbox_tensor::random::Key;
use glassbox_tensor::{Ids, Tensor};
use glassbox_train::Sampling;

/// Whether the model goes on from its state, or looks at its whole window again for each token. Both say the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Memory {
    /// Each token is computed once and kept: the KV cache of a transformer, the hidden state of a recurrent model.
    Kept,
    /// Nothing is kept: what the other is held to.
    Recomputed,
}

/// A model that reads a text of any length through a window of its context.
///
/// The window grows with each token. When it is full, the older half goes, and the model reads the younger half as if the text began
/// there: positions are learned for a window, so that its tokens can't move one by one and stay what they were.
pub(crate) struct Reader<'a, M: LanguageModel> {
    model: &'a M,
    memory: Memory,
    window: Vec<u32>,
    state: M::State,
}

/// A copy reads on by itself.
impl<M: LanguageModel> Clone for Reader<'_, M> {
    fn clone(&self) -> Self {
        let Reader { model, memory, window, state } = self;
        Reader { model, memory: *memory, window: window.clone(), state: state.clone() }
    }
}

impl<'a, M: LanguageModel> Reader<'a, M> {
    /// Begins with a text, of which it sees the end; returns the logits of what follows.
    pub fn new(model: &'a M, memory: Memory, text: &[u32]) -> (Self, Tensor) {
        let seen = &text[text.len().saturating_sub(model.context())..];
        let mut reader = Reader { model, memory, window: seen.to_vec(), state: model.begin() };
        let logits = reader.look(seen.len());
        (reader, logits)
    }

    /// Reads one more token.
    pub fn read(&mut self, token: u32) -> Tensor {
        let full = self.window.len() >= self.model.context();
        if full {
            let kept = self.model.context() / 2;
            self.window.drain(..self.window.len() - kept);
            self.state = self.model.begin();
        }
        self.window.push(token);
        self.look(if full { self.window.len() } else { 1 })
    }

    /// The logits after the window, whose last `new` tokens the state doesn't have yet.
    fn look(&mut self, new: usize) -> Tensor {
        let n = self.window.len();
        match self.memory {
            Memory::Kept => self.model.read(&mut self.state, &self.window[n - new..]),
            Memory::Recomputed => {
                let logits = self.model.forward(&Ids::from_slice(&self.window, [1, n]), &Context::eval());
                logits.value().select(0, 0).select(0, n - 1) // (1, T, V) -> (V)
            }
        }
    }
}

/// Goes on where `text` ends, by `sampling`, and hands each token to `each` until that returns false. Token i is drawn by
/// (seed, i).
///
/// # Panics
/// If `text` has no token, or one that is no word.
#[track_caller]
pub fn write_tokens<M: LanguageModel>(
    model: &M,
    memory: Memory,
    text: &[u32],
    sampling: &Sampling,
    each: &mut dyn FnMut(u32) -> bool,
) {
    write_with_logits(model, memory, text, sampling, &mut |token, _| each(token));
}

/// The same, with the logits that each token was drawn from.
#[track_caller]
pub(crate) fn write_with_logits<M: LanguageModel>(
    model: &M,
    memory: Memory,
    text: &[u32],
    sampling: &Sampling,
    each: &mut dyn FnMut(u32, &[f32]) -> bool,
) {
    assert!(!text.is_empty(), "write_tokens: there is no text to go on from; give one token at least");
    let key = Key::new(sampling.seed);
    let (mut reader, mut logits) = Reader::new(model, memory, text);
    let mut seen = vec![false; logits.numel()];
    text.iter().for_each(|&token| seen[token as usize] = true);
    for i in 0..sampling.tokens {
        let of_all = logits.to_vec();
        let p = probabilities(&of_all, &seen, sampling);
        let token = choose(&p, key.uniform(i as u64).into());
        if !each(token, &of_all) {
            return;
        }
        seen[token as usize] = true;
        if i + 1 < sampling.tokens {
            logits = reader.read(token);
        }
    }
}
