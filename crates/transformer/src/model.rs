//! What every language model here has in common: the distribution of the next token after each of a sequence.

use glassbox_autograd::{CrossEntropyOptions, Var};
use glassbox_nn::{Context, Module};
use glassbox_tensor::{Ids, Tensor};

/// In place of a token of y: nobody asks what the model says there.
pub const IGNORED: u32 = u32::MAX;

/// A model of p(token | the tokens before it). What differs is how the past is looked at; the loss, training and writing follow.
pub trait LanguageModel: Module + Clone {
    /// What it keeps of the tokens that it has read, so that the next costs no more than itself.
    type State: Clone;

    /// The most tokens that it looks at, the one that is read last among them.
    fn context(&self) -> usize;

    /// On how many tokens a prediction depends, the last among them: its receptive field.
    fn receptive_field(&self) -> usize {
        self.context()
    }

    /// What it reads, a vector for each token: (B, T) -> (B, T, E).
    ///
    /// # Panics
    /// If a token is no word, or there are more than the context.
    fn vectors(&self, ids: &Ids) -> Var;

    /// The logits of the next token after each of these vectors: (B, T, E) -> (B, T, V), with T at most the context.
    fn predict(&self, x: &Var, ctx: &Context) -> Var;

    /// The logits of the next token after each: (B, T) -> (B, T, V), with T at most the context.
    fn forward(&self, ids: &Ids, ctx: &Context) -> Var {
        self.predict(&self.vectors(ids), ctx)
    }

    /// The state before any token.
    fn begin(&self) -> Self::State;

    /// Reads tokens, one at least, after those that the state has, and returns the logits of the one that follows them, (V).
    ///
    /// # Panics
    /// If there is none, or if there would be more in the state than the context.
    fn read(&self, state: &mut Self::State, tokens: &[u32]) -> Tensor;

    /// How much each token looks at each, (H, T, T) in each layer: the weights of attention, a row for the one that looks. Nothing if
    /// the model has no attention.
    ///
    /// # Panics
    /// If there are more tokens than the context, or one that is no word.
    fn attention(&self, tokens: &[u32]) -> Vec<Tensor> {
        let _ = tokens;
        Vec::new()
    }

    /// How many bytes of state a token takes.
    fn bytes_per_token(&self) -> usize;

    /// The mean of −ln p(y | x up to here) in nats, over all tokens of x and y, (B, T) each, but where y is [`IGNORED`].
    fn loss(&self, x: &Ids, y: &Ids, ctx: &Context) -> Var {
        let options = CrossEntropyOptions { ignore_index: Some(IGNORED), ..CrossEntropyOptions::default() };
        self.forward(x, ctx).cross_entropy(y, options)
    }

    /// The same model as constants: what it computes records no graph.
    fn frozen(&self) -> Self {
        let mut frozen = self.clone();
        frozen.freeze();
        frozen
    }
}
