//! The second rung: what comes next depends on the last few tokens, each at its place.

use crate::model::LanguageModel;
use glassbox_autograd::Var;
use glassbox_nn::{Context, Embedding, Linear, Module, init};
use glassbox_tensor::random::Key;
use glassbox_tensor::{Ids, Tensor};

/// What an [`MlpLm`] is made by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MlpLmSizes {
    /// V: how many words there are.
    pub words: usize,
    /// How many tokens a training window has.
    pub context: usize,
    /// K: how many tokens a prediction looks at.
    pub seen: usize,
    /// E: numbers for each of them.
    pub width: usize,
    /// H: units of the hidden layer.
    pub hidden: usize,
}

/// The vectors of the last K tokens side by side, a hidden layer, and logits:
///
/// ```text
/// h = tanh(W₁·(C[x_{t−K+1}], …, C[x_t]) + b₁)          (B, T, K·E) -> (B, T, H)
/// logits = W₂·h + b₂                                   (B, T, H) -> (B, T, V)
/// ```
///
/// Where the window has no token yet its vector is 0.
///
/// Source: Bengio et al. 2003, A Neural Probabilistic Language Model, without its direct connections.
///
/// ```
/// use glassbox_nn::{Context, Module};
/// use glassbox_tensor::{Ids, random::Key};
/// use glassbox_transformer::{LanguageModel, MlpLm, MlpLmSizes};
/// let sizes = MlpLmSizes { words: 27, context: 64, seen: 3, width: 10, hidden: 200 };
/// let mlp = MlpLm::new(sizes, Key::new(0));
/// assert_eq!(mlp.num_parameters(), 27 * 10 + (30 * 200 + 200) + (200 * 27 + 27));
/// assert_eq!(mlp.forward(&Ids::from_slice(&[1, 2, 3, 4], [1, 4]), &Context::eval()).shape(), [1, 4, 27]);
/// ```
#[derive(Debug, Clone, Module)]
pub struct MlpLm {
    /// C: a vector for each word, (V, E).
    pub embedding: Embedding,
    /// W₁ (H, K·E) and b₁.
    pub hidden: Linear,
    /// W₂ (V, H) and b₂.
    pub head: Linear,
    #[module(skip)]
    sizes: MlpLmSizes,
}

impl MlpLm {
    /// With vectors from N(0, 1), [`Linear`]'s initial values, and a head ten times smaller, which at first says little.
    pub fn new(sizes: MlpLmSizes, key: Key) -> Self {
        let MlpLmSizes { words, seen, width, hidden, .. } = sizes;
        let mut head = Linear::new(hidden, words, key.fold(2));
        head.weight.set_value(&init::default_weight([words, hidden], hidden, key.fold(3)) * 0.1);
        head.bias = Some(glassbox_nn::Param::new(Tensor::zeros([words])));
        Self {
            embedding: Embedding::new(words, width, key.fold(0)),
            hidden: Linear::new(seen * width, hidden, key.fold(1)),
            head,
            sizes,
        }
    }
}

impl LanguageModel for MlpLm {
    /// The last tokens, K at most.
    type State = Vec<u32>;

    fn context(&self) -> usize {
        self.sizes.context
    }

    fn receptive_field(&self) -> usize {
        self.sizes.seen
    }

    fn vectors(&self, ids: &Ids) -> Var {
        self.embedding.forward(ids) // (B, T) -> (B, T, E)
    }

    fn predict(&self, x: &Var, _: &Context) -> Var {
        let &[b, t, width] = x.shape() else { panic!("MlpLm: x {:?} is not (B, T, E)", x.shape()) };
        let k = self.sizes.seen;
        let nothing = Var::constant(Tensor::zeros([b, k - 1, width]));
        let x = Var::cat(&[&nothing, x], 1); // (B, K − 1 + T, E)
        let shifted: Vec<Var> = (0..k).map(|i| x.narrow(1, i, t)).collect(); // K × (B, T, E), the oldest first
        let seen = Var::cat(&shifted.iter().collect::<Vec<_>>(), -1); // (B, T, K·E)
        self.head.forward(&self.hidden.forward(&seen).tanh())
    }

    fn begin(&self) -> Vec<u32> {
        Vec::new()
    }

    fn read(&self, last: &mut Vec<u32>, tokens: &[u32]) -> Tensor {
        last.extend(tokens);
        last.drain(..last.len().saturating_sub(self.sizes.seen));
        let logits = self.forward(&Ids::from_slice(last, [1, last.len()]), &Context::eval());
        logits.value().select(0, 0).select(0, last.len() - 1)
    }

    fn bytes_per_token(&self) -> usize {
        size_of::<u32>()
    }
}
