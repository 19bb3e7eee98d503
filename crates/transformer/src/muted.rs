//! A model which never says some tokens.

use crate::model::LanguageModel;
use glassbox_autograd::Var;
use glassbox_nn::{Context, Module};
use glassbox_tensor::{Ids, Tensor};

/// A model in whose logits some tokens are −∞: the borders of [`middle`](crate::middle), which are no text. Nothing else changes, so that
/// every way of writing (drawn, greedy, beams) leaves them out, and the others share their probability.
#[derive(Debug, Clone, Module)]
pub(crate) struct Muted<M> {
    model: M,
    /// What is added to the V logits: −∞ to those of the tokens, and 0.
    #[module(skip)]
    silence: Option<Tensor>,
}

impl<M> Muted<M> {
    /// A model of so many words which doesn't say these.
    pub fn new(model: M, words: usize, never: &[u32]) -> Self {
        let silence = || {
            let mut silence = vec![0.0; words];
            never.iter().for_each(|&token| silence[token as usize] = f32::NEG_INFINITY);
            Tensor::from_vec(silence, [words])
        };
        Self { model, silence: (!never.is_empty()).then(silence) }
    }
}

impl<M: LanguageModel> LanguageModel for Muted<M> {
    type State = M::State;

    fn context(&self) -> usize {
        self.model.context()
    }

    fn receptive_field(&self) -> usize {
        self.model.receptive_field()
    }

    fn vectors(&self, ids: &Ids) -> Var {
        self.model.vectors(ids)
    }

    fn predict(&self, x: &Var, ctx: &Context) -> Var {
        let logits = self.model.predict(x, ctx); // (B, T, V)
        self.silence.iter().fold(logits, |logits, silence| &logits + &Var::constant(silence.clone()))
    }

    fn begin(&self) -> M::State {
        self.model.begin()
    }

    fn read(&self, state: &mut M::State, tokens: &[u32]) -> Tensor {
        let logits = self.model.read(state, tokens); // (V)
        self.silence.iter().fold(logits, |logits, silence| &logits + silence)
    }

    fn attention(&self, tokens: &[u32]) -> Vec<Tensor> {
        self.model.attention(tokens)
    }

    fn bytes_per_token(&self) -> usize {
        self.model.bytes_per_token()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bigram::Bigram;
    use crate::writing::{Memory, write_tokens};
    use glassbox_train::Sampling;

    #[test]
    fn a_muted_token_is_never_said_and_the_others_stand_to_each_other_as_before() {
        let muted = Muted::new(Bigram::new(5, 8), 5, &[1, 3]);
        let sampling = Sampling { tokens: 300, ..Sampling::default() };
        for memory in [Memory::Kept, Memory::Recomputed] {
            let mut said = [0; 5];
            write_tokens(&muted, memory, &[0], &sampling, &mut |token| {
                said[token as usize] += 1;
                true
            });
            assert!(said[1] == 0 && said[3] == 0 && said[0] > 0 && said[2] > 0 && said[4] > 0, "{said:?}");
        }
        let logits = |model: &dyn Fn(&[u32]) -> Tensor| model(&[2]).to_vec();
        let [whole, without] = [
            logits(&|x| muted.model.read(&mut muted.model.begin(), x)),
            logits(&|x| muted.read(&mut muted.begin(), x)),
        ];
        assert_eq!([without[0], without[2], without[4]], [whole[0], whole[2], whole[4]]);
    }
}
