//! The third rung: the past is a state of fixed size, which each token changes.

use crate::model::LanguageModel;
use glassbox_autograd::Var;
use glassbox_nn::{Context, Embedding, Gru, Linear, Module, init};
use glassbox_tensor::random::Key;
use glassbox_tensor::{Ids, Tensor};

/// What an [`RnnLm`] is made by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RnnLmSizes {
    /// V: how many words there are.
    pub words: usize,
    /// How many tokens a training window has, through which the gradient goes back.
    pub context: usize,
    /// E: numbers for each token.
    pub width: usize,
    /// H: numbers of the state.
    pub hidden: usize,
}

/// A gated recurrent network ([`Gru`]) that reads token after token:
///
/// ```text
/// h_t = gru(C[x_t], h_{t−1}),   logits = W·h_t + b            (B, T) -> (B, T, E) -> (B, T, H) -> (B, T, V)
/// ```
///
/// Whatever it wants to know of the past later has to go through the H numbers of its state, step by step.
///
/// Sources: Mikolov et al. 2010, Recurrent neural network based language model; Cho et al. 2014 for the gates.
///
/// ```
/// use glassbox_nn::{Context, Module};
/// use glassbox_tensor::{Ids, random::Key};
/// use glassbox_transformer::{LanguageModel, RnnLm, RnnLmSizes};
/// let rnn = RnnLm::new(RnnLmSizes { words: 27, context: 64, width: 8, hidden: 16 }, Key::new(0));
/// assert_eq!(rnn.num_parameters(), 27 * 8 + 3 * 16 * (8 + 16 + 2) + (27 * 16 + 27));
/// assert_eq!(rnn.forward(&Ids::from_slice(&[1, 2, 3, 4], [1, 4]), &Context::eval()).shape(), [1, 4, 27]);
/// ```
#[derive(Debug, Clone, Module)]
pub struct RnnLm {
    /// C: a vector for each word, (V, E).
    pub embedding: Embedding,
    /// The recurrence.
    pub gru: Gru,
    /// W (V, H) and b.
    pub head: Linear,
    #[module(skip)]
    sizes: RnnLmSizes,
}

impl RnnLm {
    /// With vectors from N(0, 1), the layers' initial values, and a head ten times smaller, which at first says little.
    pub fn new(sizes: RnnLmSizes, key: Key) -> Self {
        let RnnLmSizes { words, width, hidden, .. } = sizes;
        let mut head = Linear::new(hidden, words, key.fold(2));
        head.weight.set_value(&init::default_weight([words, hidden], hidden, key.fold(3)) * 0.1);
        head.bias = Some(glassbox_nn::Param::new(Tensor::zeros([words])));
        Self {
            embedding: Embedding::new(words, width, key.fold(0)),
            gru: Gru::new(width, hidden, key.fold(1)),
            head,
            sizes,
        }
    }
}

impl LanguageModel for RnnLm {
    /// h of the last token, (1, 1, H).
    type State = Tensor;

    fn context(&self) -> usize {
        self.sizes.context
    }

    fn forward(&self, ids: &Ids, ctx: &Context) -> Var {
        let (h, _) = self.gru.forward(&self.embedding.forward(ids), None, ctx);
        self.head.forward(&h)
    }

    fn begin(&self) -> Tensor {
        self.gru.zero_state(1).value().clone()
    }

    fn read(&self, state: &mut Tensor, tokens: &[u32]) -> Tensor {
        let x = self.embedding.forward(&Ids::from_slice(tokens, [1, tokens.len()]));
        let (_, last) = self.gru.forward(&x, Some(&Var::constant(state.clone())), &Context::eval());
        *state = last.value().clone();
        self.head.forward(&last.reshape([1, self.sizes.hidden])).value().reshape([self.sizes.words])
    }

    fn bytes_per_token(&self) -> usize {
        0 // the state doesn't grow
    }
}
