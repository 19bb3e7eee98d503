//! The rung of convolutions: each layer looks twice as far back as the one below it.

use crate::model::LanguageModel;
use glassbox_autograd::Var;
use glassbox_nn::{Context, Conv1d, Embedding, Module, init};
use glassbox_tensor::random::Key;
use glassbox_tensor::{Conv1dOptions, Ids, Tensor};

/// What a [`ConvLm`] is made by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConvLmSizes {
    /// V: how many words there are.
    pub words: usize,
    /// How many tokens a training window has.
    pub context: usize,
    /// L: layers; a prediction looks at 2^L tokens.
    pub layers: usize,
    /// C: numbers for each token.
    pub width: usize,
}

/// A WaveNet of tokens: causal convolutions of two taps, 1, 2, 4, … apart, so that L layers see 2^L tokens.
///
/// ```text
/// x = C[ids]                                                (B, T) -> (B, C, T)
/// a, b = W·(x_{t−d}, x_t) + bias,  d = 1, 2, 4, …           (B, C, T) -> (B, 2C, T)
/// x ← x + V·(tanh(a)∘σ(b)) + bias                           gated, and added; L times
/// logits = W·relu(x) + bias                                 (B, C, T) -> (B, T, V)
/// ```
///
/// The layers of the lectures' hierarchical network join the same pairs of tokens, without gates and without what is added to;
/// that one is `crates/transformer/examples/makemore.rs`.
///
/// Source: van den Oord et al. 2016, WaveNet: A Generative Model for Raw Audio, section 2; without its skip connections, which
/// here are the sum x itself.
///
/// ```
/// use glassbox_nn::{Context, Module};
/// use glassbox_tensor::{Ids, random::Key};
/// use glassbox_transformer::{ConvLm, ConvLmSizes, LanguageModel};
/// let conv = ConvLm::new(ConvLmSizes { words: 27, context: 16, layers: 4, width: 8 }, Key::new(0));
/// assert_eq!(conv.num_parameters(), 27 * 8 + 4 * ((2 * 16 * 8 + 16) + (8 * 8 + 8)) + (27 * 8 + 27));
/// assert_eq!(conv.forward(&Ids::from_slice(&[1, 2, 3, 4], [1, 4]), &Context::eval()).shape(), [1, 4, 27]);
/// assert_eq!(conv.sees(), 16);
/// ```
#[derive(Debug, Clone, Module)]
pub struct ConvLm {
    /// C: a vector for each word, (V, C).
    pub embedding: Embedding,
    /// The layers.
    pub layers: Vec<GatedLayer>,
    /// W (V, C, 1) and bias.
    pub head: Conv1d,
    #[module(skip)]
    sizes: ConvLmSizes,
}

/// One layer: two taps, a gate, and a product that is added to x.
#[derive(Debug, Clone, Module)]
pub struct GatedLayer {
    /// W (2·C, C, 2): what passes, and how much of it.
    pub taps: Conv1d,
    /// V (C, C, 1).
    pub out: Conv1d,
}

impl GatedLayer {
    fn new(width: usize, dilation: usize, key: Key) -> Self {
        let options = Conv1dOptions { dilation, ..Conv1dOptions::default() };
        Self {
            taps: Conv1d::with(width, 2 * width, 2, options, key.fold(0)),
            out: Conv1d::new(width, width, 1, key.fold(1)),
        }
    }

    /// d: how far apart the taps are.
    fn dilation(&self) -> usize {
        self.taps.options.dilation
    }

    /// (B, C, T) after the d columns that came before it, (B, C, d) -> (B, C, T), and the last d columns now.
    fn forward(&self, x: &Var, before: &Var) -> (Var, Var) {
        let (d, t) = (self.dilation(), x.shape()[2]);
        let all = Var::cat(&[before, x], 2); // (B, C, d + T)
        let [a, b] = &self.taps.forward(&all).chunk(2, 1)[..] else { unreachable!("two chunks") }; // (B, C, T) each
        (x + &self.out.forward(&a.gated_tanh(b)), all.narrow(2, t, d))
    }
}

impl ConvLm {
    /// With vectors from N(0, 1), the layers' initial values, and a head ten times smaller, which at first says little.
    pub fn new(sizes: ConvLmSizes, key: Key) -> Self {
        let ConvLmSizes { words, layers, width, .. } = sizes;
        let mut head = Conv1d::new(width, words, 1, key.fold(2));
        head.weight.set_value(&init::default_weight([words, width, 1], width, key.fold(3)) * 0.1);
        head.bias = Some(glassbox_nn::Param::new(Tensor::zeros([words])));
        Self {
            embedding: Embedding::new(words, width, key.fold(0)),
            layers: (0..layers).map(|i| GatedLayer::new(width, 1 << i, key.fold(1).fold(i as u64))).collect(),
            head,
            sizes,
        }
    }

    /// How many tokens a prediction looks at.
    pub fn sees(&self) -> usize {
        1 << self.sizes.layers
    }

    /// What stands before a sequence: zeros, (B, C, d) for each layer.
    fn nothing(&self, batch: usize) -> Vec<Var> {
        let zeros = |layer: &GatedLayer| Var::constant(Tensor::zeros([batch, self.sizes.width, layer.dilation()]));
        self.layers.iter().map(zeros).collect()
    }

    /// (B, T, C) after what came before it -> (B, V, T).
    fn logits(&self, x: &Var, before: &mut [Var]) -> Var {
        let mut x = x.permute(&[0, 2, 1]); // (B, T, C) -> (B, C, T)
        for (layer, before) in self.layers.iter().zip(before) {
            (x, *before) = layer.forward(&x, before);
        }
        self.head.forward(&x.relu())
    }
}

impl LanguageModel for ConvLm {
    /// Of each layer the last d columns that it has read, (1, C, d).
    type State = Vec<Tensor>;

    fn context(&self) -> usize {
        self.sizes.context
    }

    fn receptive_field(&self) -> usize {
        self.sees()
    }

    fn vectors(&self, ids: &Ids) -> Var {
        self.embedding.forward(ids)
    }

    fn predict(&self, x: &Var, _: &Context) -> Var {
        self.logits(x, &mut self.nothing(x.shape()[0])).permute(&[0, 2, 1]) // (B, V, T) -> (B, T, V)
    }

    fn begin(&self) -> Vec<Tensor> {
        self.nothing(1).into_iter().map(Var::into_value).collect()
    }

    fn read(&self, state: &mut Vec<Tensor>, tokens: &[u32]) -> Tensor {
        let mut before: Vec<Var> = state.drain(..).map(Var::constant).collect();
        let logits = self.logits(&self.vectors(&Ids::from_slice(tokens, [1, tokens.len()])), &mut before);
        state.extend(before.into_iter().map(Var::into_value));
        logits.value().select(2, tokens.len() - 1).reshape([self.sizes.words])
    }

    fn bytes_per_token(&self) -> usize {
        0 // the state doesn't grow
    }
}
