//! BERT: an encoder that sees a text to both sides, and says what stood where a token is hidden.
//!
//! Letters: B texts, T tokens of each, V words, C numbers for a token, H heads of D = C/H, F numbers between the products of the
//! feed-forward part, L layers, P positions.

use glassbox_autograd::{AttentionOptions, Var};
use glassbox_nn::{Context, Dropout, Embedding, LayerNorm, Linear, Module, Name, Param, SlotMut, init};
use glassbox_tensor::random::Key;
use glassbox_tensor::{Ids, Tensor};

/// The standard deviation of all matrices.
const STD: f32 = 0.02;

/// ε of every normalisation.
const EPS: f32 = 1e-12;

/// What a [`Bert`] is made by.
///
/// ```
/// use glassbox_transformer::BertSizes;
/// let base = BertSizes::BASE; // Devlin et al. 2019, section 3
/// assert_eq!((base.layers, base.width, base.heads, base.feed_forward), (12, 768, 12, 3072));
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BertSizes {
    /// V: how many words there are, the one that hides others among them.
    pub words: usize,
    /// P: how many tokens it sees.
    pub positions: usize,
    /// How many kinds of token there are, such as those of a first and of a second sentence.
    pub token_types: usize,
    /// L: layers.
    pub layers: usize,
    /// H: heads of attention in each.
    pub heads: usize,
    /// C: numbers for each token.
    pub width: usize,
    /// F: numbers between the two products.
    pub feed_forward: usize,
    /// The share of numbers that training drops from the embeddings and from each branch before it is added.
    pub dropout: f32,
}

impl BertSizes {
    /// BERT-base, uncased.
    pub const BASE: Self = Self {
        words: 30_522,
        positions: 512,
        token_types: 2,
        layers: 12,
        heads: 12,
        width: 768,
        feed_forward: 3072,
        dropout: 0.1,
    };
}

/// What a token is, where it stands, and of which kind it is.
#[derive(Debug, Clone, Module)]
pub struct BertEmbeddings {
    /// (V, C).
    pub word_embeddings: Embedding,
    /// (P, C).
    pub position_embeddings: Embedding,
    /// (2, C).
    pub token_type_embeddings: Embedding,
    /// Of the sum.
    #[module(name = "LayerNorm")]
    pub layer_norm: LayerNorm,
    #[module(skip)]
    drop: Dropout,
}

impl BertEmbeddings {
    /// (B, T) -> (B, T, C).
    fn forward(&self, ids: &Ids, types: &Ids, ctx: &Context) -> Var {
        let positions = self.position_embeddings.forward(&Ids::arange(ids.shape()[1])); // (T, C)
        let x = &(&self.word_embeddings.forward(ids) + &self.token_type_embeddings.forward(types)) + &positions;
        self.drop.forward(&self.layer_norm.forward(&x), ctx)
    }
}

/// Queries, keys and values.
#[derive(Debug, Clone, Module)]
pub struct BertSelfAttention {
    /// (C, C).
    pub query: Linear,
    /// (C, C).
    pub key: Linear,
    /// (C, C).
    pub value: Linear,
}

/// What a branch gave, multiplied, added to what it read, and normalised.
#[derive(Debug, Clone, Module)]
pub struct BertOutput {
    /// (C, …).
    pub dense: Linear,
    /// Of the sum.
    #[module(name = "LayerNorm")]
    pub layer_norm: LayerNorm,
}

impl BertOutput {
    /// norm(x + branch·Wᵀ + b): (B, T, …), (B, T, C) -> (B, T, C).
    fn forward(&self, branch: &Var, x: &Var, drop: Dropout, ctx: &Context) -> Var {
        self.layer_norm.forward_of_sum(x, &drop.forward(&self.dense.forward(branch), ctx))
    }
}

/// Attention of a text to all of itself.
#[derive(Debug, Clone, Module)]
pub struct BertAttention {
    /// What is compared, and what is taken.
    #[module(name = "self")]
    pub self_attention: BertSelfAttention,
    /// What comes of it.
    pub output: BertOutput,
}

/// The first product of the feed-forward part.
#[derive(Debug, Clone, Module)]
pub struct BertIntermediate {
    /// (F, C).
    pub dense: Linear,
}

/// One layer: x ← norm(x + attention(x)), then norm(x + W₂·gelu(W₁·x)).
#[derive(Debug, Clone, Module)]
pub struct BertLayer {
    /// Attention.
    pub attention: BertAttention,
    /// W₁.
    pub intermediate: BertIntermediate,
    /// W₂.
    pub output: BertOutput,
    #[module(skip)]
    heads: usize,
    #[module(skip)]
    drop: Dropout,
}

impl BertLayer {
    /// (B, T, C) -> (B, T, C), with a mask that is added to the scores, (B, 1, 1, T).
    ///
    /// # Panics
    /// If shapes don't fit together.
    #[track_caller]
    pub fn forward(&self, x: &Var, mask: Option<&Var>, ctx: &Context) -> Var {
        let &[b, t, c] = x.shape() else { panic!("BertLayer: x {:?} is not (B, T, C)", x.shape()) };
        let split = |x: Var| x.reshape([b, t, self.heads, c / self.heads]).permute(&[0, 2, 1, 3]); // (B, H, T, D)
        let BertSelfAttention { query, key, value } = &self.attention.self_attention;
        let [q, k, v] = [query, key, value].map(|product| split(product.forward(x)));
        let seen = q.attention(&k, &v, AttentionOptions { mask, ..Default::default() });
        let seen = seen.permute(&[0, 2, 1, 3]).reshape([b, t, c]);
        let x = self.attention.output.forward(&seen, x, self.drop, ctx);
        let hidden = self.intermediate.dense.forward(&x).gelu(); // (B, T, C) -> (B, T, F)
        self.output.forward(&hidden, &x, self.drop, ctx)
    }
}

/// The layers.
#[derive(Debug, Clone, Module)]
pub struct BertEncoder {
    /// One after the other.
    pub layer: Vec<BertLayer>,
}

/// The encoder with its embeddings: Hugging Face's `BertModel` without its pooler.
///
/// ```text
/// x = norm(words[ids] + positions[0..T] + types[kinds])         (B, T) -> (B, T, C)
/// x ← norm(x + attention(x)),   x ← norm(x + W₂·gelu(W₁·x))     L times; attention sees all to both sides
/// ```
///
/// Source: Devlin et al. 2019, BERT.
///
/// ```
/// use glassbox_nn::{Context, Module};
/// use glassbox_tensor::{Ids, random::Key};
/// use glassbox_transformer::{BertModel, BertSizes};
/// let sizes = BertSizes { words: 30, positions: 16, layers: 2, heads: 2, width: 8, feed_forward: 16, ..BertSizes::BASE };
/// let bert = BertModel::new(sizes, Key::new(0));
/// let (ids, types) = (Ids::from([[1, 2, 3]]), Ids::from([[0, 0, 1]]));
/// assert_eq!(bert.forward(&ids, &types, None, &Context::eval()).shape(), [1, 3, 8]);
/// let names: Vec<String> = bert.parameters().into_iter().map(|(name, _)| name).collect();
/// assert!(names.contains(&"encoder.layer.1.attention.self.query.weight".to_string()));
/// ```
#[derive(Debug, Clone, Module)]
pub struct BertModel {
    /// What the layers read.
    pub embeddings: BertEmbeddings,
    /// The layers.
    pub encoder: BertEncoder,
    #[module(skip)]
    sizes: BertSizes,
}

impl BertModel {
    /// With BERT's initial weights: matrices from N(0, 0.02²), biases 0.
    ///
    /// # Panics
    /// If `heads` doesn't divide `width`, or the dropout is no probability.
    #[track_caller]
    pub fn new(sizes: BertSizes, key: Key) -> Self {
        let BertSizes { words, positions, token_types, layers, heads, width: c, feed_forward, dropout } = sizes;
        assert!(
            heads > 0 && c.is_multiple_of(heads),
            "Bert: {heads} heads can't share {c} numbers evenly; make the width a multiple of the heads"
        );
        let norm = || LayerNorm::new([c]).with_eps(EPS);
        let drop = Dropout::new(dropout);
        let output = |inputs| BertOutput { dense: linear(inputs, c), layer_norm: norm() };
        let layer = || BertLayer {
            attention: BertAttention {
                self_attention: BertSelfAttention { query: linear(c, c), key: linear(c, c), value: linear(c, c) },
                output: output(c),
            },
            intermediate: BertIntermediate { dense: linear(c, feed_forward) },
            output: output(feed_forward),
            heads,
            drop,
        };
        let table = |rows| Embedding::new(rows, c, key);
        let mut bert = Self {
            embeddings: BertEmbeddings {
                word_embeddings: table(words),
                position_embeddings: table(positions),
                token_type_embeddings: table(token_types),
                layer_norm: norm(),
                drop,
            },
            encoder: BertEncoder { layer: (0..layers).map(|_| layer()).collect() },
            sizes,
        };
        draw_matrices(&mut bert, key);
        bert
    }

    /// What it was made by.
    pub fn sizes(&self) -> &BertSizes {
        &self.sizes
    }

    /// What each token has become: (B, T), (B, T) -> (B, T, C). `padding` (B, T) is 1 where a text only is filled up.
    ///
    /// # Panics
    /// If shapes don't fit, a token is no word, a type no type, or there are more tokens than positions.
    #[track_caller]
    pub fn forward(&self, ids: &Ids, types: &Ids, padding: Option<&Tensor>, ctx: &Context) -> Var {
        let &[b, t] = ids.shape() else { panic!("BertModel: ids {:?} are not (B, T)", ids.shape()) };
        let mask = padding.map(|padding| {
            let seen = &Tensor::scalar(1.0) - padding;
            Var::constant(seen.ln().reshape([b, 1, 1, t])) // ln 0 = −∞ hides
        });
        let x = self.embeddings.forward(ids, types, ctx);
        self.encoder.layer.iter().fold(x, |x, layer| layer.forward(&x, mask.as_ref(), ctx))
    }
}

/// Biases of 0; the matrix is drawn later.
fn linear(inputs: usize, outputs: usize) -> Linear {
    Linear { weight: Param::new(Tensor::zeros([outputs, inputs])), bias: Some(Param::new(Tensor::zeros([outputs]))) }
}

/// Every matrix from N(0, 0.02²).
fn draw_matrices(model: &mut impl Module, key: Key) {
    let mut number = 0;
    model.visit_mut(Name::root(), &mut |_, slot| {
        let SlotMut::Param(param) = slot else { return };
        number += 1;
        let shape = param.value().shape().to_vec();
        if shape.len() == 2 {
            param.set_value(init::normal(shape, STD, key.fold(number)));
        }
    });
}

/// What is done to a row before it is compared with the words.
#[derive(Debug, Clone, Module)]
pub struct BertTransform {
    /// (C, C).
    pub dense: Linear,
    /// Of its GELU.
    #[module(name = "LayerNorm")]
    pub layer_norm: LayerNorm,
}

/// The head that says which word is hidden; its matrix is the word embedding again.
#[derive(Debug, Clone, Module)]
pub struct BertPredictions {
    /// Before the product.
    pub transform: BertTransform,
    /// After it: (V).
    pub bias: Param,
}

/// BERT with the head of its masked language model: Hugging Face's `BertForMaskedLM`, by whose names its files load.
///
/// ```text
/// logits = norm(gelu(W·x + b))·wordsᵀ + bias                     (B, T, C) -> (B, T, V)
/// ```
///
/// ```
/// use glassbox_nn::{Context, Module};
/// use glassbox_tensor::{Ids, random::Key};
/// use glassbox_transformer::{Bert, BertSizes};
/// let sizes = BertSizes { words: 30, positions: 16, layers: 2, heads: 2, width: 8, feed_forward: 16, ..BertSizes::BASE };
/// let bert = Bert::new(sizes, Key::new(0));
/// assert_eq!(bert.forward(&Ids::from([[1, 2, 3]]), &Context::eval()).shape(), [1, 3, 30]);
/// ```
#[derive(Debug, Clone, Module)]
pub struct Bert {
    /// The encoder.
    pub bert: BertModel,
    /// The head.
    #[module(name = "cls.predictions")]
    pub predictions: BertPredictions,
}

impl Bert {
    /// With BERT's initial weights.
    ///
    /// # Panics
    /// As [`BertModel::new`].
    #[track_caller]
    pub fn new(sizes: BertSizes, key: Key) -> Self {
        let BertSizes { words, width, .. } = sizes;
        let mut transform =
            BertTransform { dense: linear(width, width), layer_norm: LayerNorm::new([width]).with_eps(EPS) };
        draw_matrices(&mut transform, key.fold(1));
        let predictions = BertPredictions { transform, bias: Param::new(Tensor::zeros([words])) };
        Self { bert: BertModel::new(sizes, key.fold(0)), predictions }
    }

    /// The logits of the word at each place of texts of one kind: (B, T) -> (B, T, V).
    ///
    /// # Panics
    /// As [`BertModel::forward`].
    #[track_caller]
    pub fn forward(&self, ids: &Ids, ctx: &Context) -> Var {
        let first = Ids::from_vec(vec![0; ids.numel()], ids.shape());
        self.head(&self.bert.forward(ids, &first, None, ctx))
    }

    /// (B, T, C) -> (B, T, V).
    #[track_caller]
    pub fn head(&self, x: &Var) -> Var {
        let BertTransform { dense, layer_norm } = &self.predictions.transform;
        let x = layer_norm.forward(&dense.forward(x).gelu());
        x.linear(&self.bert.embeddings.word_embeddings.weight.var(), Some(&self.predictions.bias.var()))
    }

    /// The same model as constants: what it computes records no graph.
    pub(crate) fn frozen(&self) -> Self {
        let mut frozen = self.clone();
        frozen.freeze();
        frozen
    }
}
