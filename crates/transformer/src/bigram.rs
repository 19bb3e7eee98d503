//! The first rung: what comes next depends on the last token alone.

use crate::counts::PairCounts;
use crate::model::LanguageModel;
use glassbox_autograd::Var;
use glassbox_nn::{Context, Embedding, Module};
use glassbox_tensor::random::Key;
use glassbox_tensor::{Ids, Tensor};

/// A row of logits for each token: p(next | last) = `softmax(table[last])`.
///
/// The table that makes a text likeliest is known without training: the softmax of a row must be the shares of what followed its
/// token, so its logits are the logarithms of the counts ([`Bigram::counted`]). Training finds the same by its gradient, which is
/// the difference between the two.
///
/// Source: Shannon 1948, A Mathematical Theory of Communication, section 3.
///
/// ```
/// use glassbox_nn::Context;
/// use glassbox_tensor::Ids;
/// use glassbox_transformer::{Bigram, LanguageModel};
/// let bigram = Bigram::counted(&[0, 1, 0, 1, 0, 2], 3, 64); // after 0 comes 1 twice and 2 once
/// let p = bigram.forward(&Ids::from_slice(&[0], [1, 1]), &Context::eval()).softmax(-1);
/// assert!(p.value().at([0, 0, 0]) == 0.0 && (p.value().at([0, 0, 1]) - 2.0 / 3.0).abs() < 1e-6);
/// ```
#[derive(Debug, Clone, Module)]
pub struct Bigram {
    /// The logits of what follows each token: (V, V).
    pub table: Embedding,
    #[module(skip)]
    context: usize,
}

impl Bigram {
    /// For a vocabulary of so many words, all equally likely after each; trained on windows of `context` tokens.
    pub fn new(words: usize, context: usize) -> Self {
        let mut table = Embedding::new(words, words, Key::new(0));
        table.weight.set_value(Tensor::zeros([words, words]));
        Self { table, context }
    }

    /// The table under which this text is likeliest: the logarithms of how often each token followed each. What never followed has
    /// the logit −∞; after a token that nothing followed, all are as likely.
    ///
    /// # Panics
    /// If a token is no word.
    #[track_caller]
    pub fn counted(tokens: &[u32], words: usize, context: usize) -> Self {
        let mut bigram = Bigram::new(words, context);
        bigram.table.weight.set_value(PairCounts::of([tokens], words).logits(0.0));
        bigram
    }
}

impl LanguageModel for Bigram {
    type State = ();

    fn context(&self) -> usize {
        self.context
    }

    fn receptive_field(&self) -> usize {
        1
    }

    fn vectors(&self, ids: &Ids) -> Var {
        self.table.forward(ids) // (B, T) -> (B, T, V)
    }

    fn predict(&self, x: &Var, _: &Context) -> Var {
        x.clone() // the vector of a token are its logits
    }

    fn begin(&self) {}

    fn read(&self, (): &mut (), tokens: &[u32]) -> Tensor {
        self.table.weight.value().select(0, tokens[tokens.len() - 1] as usize)
    }

    fn bytes_per_token(&self) -> usize {
        0
    }
}
