//! The third rung: the past is a state of fixed size, which each token changes.

use crate::model::LanguageModel;
use crate::recurrence::{Cell, Recurrence, State};
use glassbox_autograd::Var;
use glassbox_nn::{Context, Embedding, Linear, Module, init};
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
    /// What makes the next state.
    pub cell: Cell,
}

/// A recurrent network that reads token after token:
///
/// ```text
/// h_t = cell(C[x_t], h_{t−1}),   logits = W·h_t + b            (B, T) -> (B, T, E) -> (B, T, H) -> (B, T, V)
/// ```
///
/// Whatever it wants to know of the past later has to go through the H numbers of its state (2·H of an LSTM), step by step.
///
/// Sources: Mikolov et al. 2010, Recurrent neural network based language model; of the cells: [`Cell`].
///
/// ```
/// use glassbox_nn::{Context, Module};
/// use glassbox_tensor::{Ids, random::Key};
/// use glassbox_transformer::{Cell, LanguageModel, RnnLm, RnnLmSizes};
/// let rnn = RnnLm::new(RnnLmSizes { words: 27, context: 64, width: 8, hidden: 16, cell: Cell::Gru }, Key::new(0));
/// assert_eq!(rnn.num_parameters(), 27 * 8 + 3 * 16 * (8 + 16 + 2) + (27 * 16 + 27));
/// assert_eq!(rnn.forward(&Ids::from_slice(&[1, 2, 3, 4], [1, 4]), &Context::eval()).shape(), [1, 4, 27]);
/// ```
#[derive(Debug, Clone, Module)]
pub struct RnnLm {
    /// C: a vector for each word, (V, E).
    pub embedding: Embedding,
    /// The recurrence: its parameters are called `rnn.weight_ih_l0`, `gru.…` or `lstm.…`.
    #[module(flatten)]
    pub recurrence: Recurrence,
    /// W (V, H) and b.
    pub head: Linear,
    #[module(skip)]
    sizes: RnnLmSizes,
}

impl RnnLm {
    /// With vectors from N(0, 1), the layers' initial values, and a head ten times smaller, which at first says little.
    pub fn new(sizes: RnnLmSizes, key: Key) -> Self {
        let RnnLmSizes { words, width, hidden, cell, .. } = sizes;
        let mut head = Linear::new(hidden, words, key.fold(2));
        head.weight.set_value(&init::default_weight([words, hidden], hidden, key.fold(3)) * 0.1);
        head.bias = Some(glassbox_nn::Param::new(Tensor::zeros([words])));
        Self {
            embedding: Embedding::new(words, width, key.fold(0)),
            recurrence: Recurrence::new(cell, width, hidden, key.fold(1)),
            head,
            sizes,
        }
    }
}

impl LanguageModel for RnnLm {
    type State = State;

    fn context(&self) -> usize {
        self.sizes.context
    }

    fn vectors(&self, ids: &Ids) -> Var {
        self.embedding.forward(ids)
    }

    fn predict(&self, x: &Var, ctx: &Context) -> Var {
        let (h, _) = self.recurrence.forward(x, None, ctx);
        self.head.forward(&h)
    }

    fn begin(&self) -> State {
        self.recurrence.begin()
    }

    fn read(&self, state: &mut State, tokens: &[u32]) -> Tensor {
        let x = self.embedding.forward(&Ids::from_slice(tokens, [1, tokens.len()]));
        let (h, last) = self.recurrence.forward(&x, Some(state), &Context::eval());
        *state = last;
        self.head.forward(&h.select(1, tokens.len() - 1)).value().reshape([self.sizes.words])
    }

    fn bytes_per_token(&self) -> usize {
        0 // the state doesn't grow
    }
}
