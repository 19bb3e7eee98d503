//! The transformer of the paper: an encoder that reads all of a source, and a decoder that writes a target while it looks at it.
//!
//! Letters: B problems, S tokens of a source, T of a target, V words, C numbers for a token, H heads of D = C/H, F numbers between
//! the products of the feed-forward part, L layers in each half.

use crate::encoder_decoder::words::{BEGIN, END, PAD};
use glassbox_autograd::{CrossEntropyOptions, Var};
use glassbox_nn::{
    Activation, AttentionMasks, Context, Dropout, Embedding, LayerNorm, Module, SinusoidalPositions,
    TransformerDecoderLayer, TransformerEncoderLayer, TransformerOptions, init,
};
use glassbox_tensor::random::Key;
use glassbox_tensor::{Ids, Tensor};

/// What an [`EncoderDecoder`] is made by.
///
/// ```
/// use glassbox_transformer::EncoderDecoderSizes;
/// let base = EncoderDecoderSizes::BASE; // Vaswani et al. 2017, table 3
/// assert_eq!((base.layers, base.width, base.feed_forward, base.heads), (6, 512, 2048, 8));
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EncoderDecoderSizes {
    /// V: how many words there are, of both languages together.
    pub words: usize,
    /// How many tokens a source or a target may have.
    pub positions: usize,
    /// L: layers of the encoder, and as many of the decoder.
    pub layers: usize,
    /// H: heads of each attention.
    pub heads: usize,
    /// C: numbers for each token.
    pub width: usize,
    /// F: numbers between the two products.
    pub feed_forward: usize,
    /// The share of numbers that training drops from the embeddings and from each branch before it is added.
    pub dropout: f32,
    /// Whether a branch normalises what it reads (pre-norm), and not, as in the paper, what has been added (post-norm).
    pub norm_first: bool,
}

impl EncoderDecoderSizes {
    /// The paper's base model, with its vocabulary of 37,000 pieces.
    pub const BASE: Self = Self {
        words: 37_000,
        positions: 512,
        layers: 6,
        heads: 8,
        width: 512,
        feed_forward: 2048,
        dropout: 0.1,
        norm_first: false,
    };

    fn options(&self) -> TransformerOptions {
        TransformerOptions {
            feed_forward: self.feed_forward,
            activation: Activation::Relu,
            dropout: self.dropout,
            norm_first: self.norm_first,
            ..TransformerOptions::default()
        }
    }
}

/// The layers that read: `torch.nn.TransformerEncoder`.
#[derive(Debug, Clone, Module)]
pub struct Encoder {
    /// One after the other.
    pub layers: Vec<TransformerEncoderLayer>,
    /// After the last.
    pub norm: LayerNorm,
}

/// The layers that write: `torch.nn.TransformerDecoder`.
#[derive(Debug, Clone, Module)]
pub struct Decoder {
    /// One after the other.
    pub layers: Vec<TransformerDecoderLayer>,
    /// After the last.
    pub norm: LayerNorm,
}

/// Both halves: `torch.nn.Transformer`, with its names.
#[derive(Debug, Clone, Module)]
pub struct Halves {
    /// Reads the source.
    pub encoder: Encoder,
    /// Writes the target.
    pub decoder: Decoder,
}

/// What the encoder made of the sources: what the decoder looks at.
#[derive(Debug, Clone)]
pub struct Encoded {
    /// (B, S, C).
    pub rows: Var,
    /// 1 where a source only is filled up: (B, S).
    pub padding: Tensor,
}

impl Encoded {
    /// Which of it is seen.
    pub(crate) fn masks(&self) -> AttentionMasks<'_> {
        AttentionMasks { key_padding: Some(&self.padding), ..AttentionMasks::NONE }
    }
}

/// The transformer of Vaswani et al. 2017.
///
/// ```text
/// x = √C·E[source] + positions                       (B, S) -> (B, S, C)
/// x ← norm(x + attention(x)),  x ← norm(x + W₂·relu(W₁·x))           the encoder: each sees all of the source but its padding
/// y = √C·E[target] + positions                       (B, T) -> (B, T, C)
/// y ← norm(y + attention(y))                         the decoder: each sees the target up to itself,
/// y ← norm(y + attention(y; x)),  y ← norm(y + W₂·relu(W₁·y))        and all of the source
/// logits = y·Eᵀ                                      (B, T, C) -> (B, T, V)
/// ```
///
/// One embedding E serves source, target and head (section 3.4). Positions are sines and cosines (section 3.5). Each half has one
/// normalisation more after its last layer, as `torch.nn.Transformer` has it and the paper doesn't: with pre-norm nothing would be
/// normalised otherwise; after a post-norm layer it changes little.
///
/// Padding stands at the end. In the encoder and towards it, it is masked as a key; in the decoder the causal mask hides it from all
/// that count, and the loss leaves it out.
///
/// ```
/// use glassbox_nn::{Context, Module};
/// use glassbox_tensor::{Ids, random::Key};
/// use glassbox_transformer::{EncoderDecoder, EncoderDecoderSizes};
///
/// let sizes = EncoderDecoderSizes { words: 29, layers: 2, heads: 4, width: 32, feed_forward: 64, ..EncoderDecoderSizes::BASE };
/// let model = EncoderDecoder::new(sizes, Key::new(0));
/// let (source, target) = (Ids::from([[5, 6, 7, 0], [8, 9, 3, 4]]), Ids::from([[1, 7, 6], [1, 4, 3]])); // 0 fills up
/// let logits = model.forward(&source, &target, &Context::eval());
/// assert_eq!(logits.shape(), [2, 3, 29]);
/// ```
#[derive(Debug, Clone, Module)]
pub struct EncoderDecoder {
    /// E: a vector for each word, and the head, (V, C).
    pub embedding: Embedding,
    /// The encoder and the decoder.
    pub transformer: Halves,
    #[module(skip)]
    positions: SinusoidalPositions,
    #[module(skip)]
    sizes: EncoderDecoderSizes,
}

impl EncoderDecoder {
    /// With the layers' initial values, and words from N(0, 1/C), so that √C times them have the variance of the positions.
    ///
    /// # Panics
    /// If `heads` doesn't divide `width`, or the dropout is no probability.
    #[track_caller]
    pub fn new(sizes: EncoderDecoderSizes, key: Key) -> Self {
        let EncoderDecoderSizes { words, positions, layers, heads, width, .. } = sizes;
        let norm = || LayerNorm::new([width]);
        let mut embedding = Embedding::new(words, width, key.fold(0));
        embedding.weight.set_value(init::normal([words, width], (width as f32).powf(-0.5), key.fold(0)));
        let keys = |half: u64| (0..layers as u64).map(move |i| key.fold(half).fold(i));
        Self {
            embedding,
            transformer: Halves {
                encoder: Encoder {
                    layers: keys(1).map(|k| TransformerEncoderLayer::with(width, heads, sizes.options(), k)).collect(),
                    norm: norm(),
                },
                decoder: Decoder {
                    layers: keys(2).map(|k| TransformerDecoderLayer::with(width, heads, sizes.options(), k)).collect(),
                    norm: norm(),
                },
            },
            positions: SinusoidalPositions::new(positions, width),
            sizes,
        }
    }

    /// What it was made by.
    ///
    /// ```
    /// # use glassbox_tensor::random::Key;
    /// # use glassbox_transformer::{EncoderDecoder, EncoderDecoderSizes};
    /// let sizes = EncoderDecoderSizes { words: 9, layers: 1, heads: 1, width: 4, feed_forward: 8, ..EncoderDecoderSizes::BASE };
    /// assert_eq!(EncoderDecoder::new(sizes, Key::new(0)).sizes(), &sizes);
    /// ```
    pub fn sizes(&self) -> &EncoderDecoderSizes {
        &self.sizes
    }

    /// The rows that the layers read, of tokens from position `offset` on: (B, T) -> (B, T, C).
    ///
    /// # Panics
    /// If a token is no word, or the positions end too soon.
    #[track_caller]
    pub fn embed(&self, ids: &Ids, offset: usize, ctx: &Context) -> Var {
        let words = &self.embedding.forward(ids) * (self.sizes.width as f32).sqrt();
        Dropout::new(self.sizes.dropout).forward(&self.positions.forward(&words, offset), ctx)
    }

    /// What the decoder looks at: (B, S) -> (B, S, C).
    ///
    /// # Panics
    /// As [`embed`](EncoderDecoder::embed).
    #[track_caller]
    pub fn encode(&self, source: &Ids, ctx: &Context) -> Encoded {
        let padding = source.as_slice().iter().map(|&token| f32::from(token == PAD)).collect();
        let mut encoded =
            Encoded { rows: self.embed(source, 0, ctx), padding: Tensor::from_vec(padding, source.shape()) };
        for layer in &self.transformer.encoder.layers {
            encoded.rows = layer.forward(&encoded.rows, encoded.masks(), ctx);
        }
        encoded.rows = self.transformer.encoder.norm.forward(&encoded.rows);
        encoded
    }

    /// The logits of the next word after each row of the targets: (B, T, C) -> (B, T, V).
    ///
    /// # Panics
    /// If shapes don't fit together.
    #[track_caller]
    pub fn decode(&self, y: &Var, source: &Encoded, ctx: &Context) -> Var {
        let layers = self.transformer.decoder.layers.iter();
        let y = layers
            .fold(y.clone(), |y, layer| layer.forward(&y, &source.rows, AttentionMasks::CAUSAL, source.masks(), ctx));
        self.head(&y)
    }

    /// (B, T, C) -> (B, T, V).
    pub(crate) fn head(&self, y: &Var) -> Var {
        self.transformer.decoder.norm.forward(y).linear(&self.embedding.weight.var(), None)
    }

    /// Both halves: (B, S), (B, T) -> (B, T, V).
    ///
    /// # Panics
    /// If a token is no word, or there are more than positions.
    #[track_caller]
    pub fn forward(&self, source: &Ids, target: &Ids, ctx: &Context) -> Var {
        let encoded = self.encode(source, ctx);
        self.decode(&self.embed(target, 0, ctx), &encoded, ctx)
    }

    /// The cross-entropy of each word of the answers and of their ends, with the true ones before it (teacher forcing), the mean over
    /// all that are no padding, in nats. `smoothing` is the share of the target that goes to all words alike (section 5.4).
    ///
    /// # Panics
    /// If a token is no word, or there are more than positions.
    #[track_caller]
    pub fn loss(&self, problems: &Problems, smoothing: f32, ctx: &Context) -> Var {
        let logits = self.forward(&problems.source, &problems.read, ctx);
        let ignore_index = Some(PAD);
        let options = CrossEntropyOptions { label_smoothing: smoothing, ignore_index, ..Default::default() };
        logits.cross_entropy(&problems.written, options)
    }

    /// The same model as constants: what it computes records no graph.
    pub(crate) fn frozen(&self) -> Self {
        let mut frozen = self.clone();
        frozen.freeze();
        frozen
    }
}

/// A batch of questions with their answers, filled up with padding to the longest.
#[derive(Debug, Clone, PartialEq)]
pub struct Problems {
    /// The questions: (B, S).
    pub source: Ids,
    /// The answers with a word for the beginning before them: (B, T), what the decoder reads.
    pub read: Ids,
    /// The answers with a word for the end after them: (B, T), what it is to write.
    pub written: Ids,
}

impl Problems {
    /// Those of these questions and answers.
    ///
    /// ```
    /// use glassbox_transformer::Problems;
    /// let problems = Problems::new(&[(vec![5, 6], vec![6, 5]), (vec![7], vec![7])]);
    /// assert_eq!(problems.source.as_slice(), [5, 6, 7, 0]);
    /// assert_eq!(problems.read.as_slice(), [1, 6, 5, 1, 7, 0]);
    /// assert_eq!(problems.written.as_slice(), [6, 5, 2, 7, 2, 0]);
    /// ```
    pub fn new(problems: &[(Vec<u32>, Vec<u32>)]) -> Problems {
        let filled = |rows: Vec<Vec<u32>>| {
            let longest = rows.iter().map(Vec::len).max().unwrap_or(0);
            let shape = [rows.len(), longest];
            let row = |mut row: Vec<u32>| {
                row.resize(longest, PAD);
                row
            };
            Ids::from_vec(rows.into_iter().flat_map(row).collect(), shape)
        };
        Problems {
            source: filled(problems.iter().map(|(source, _)| source.clone()).collect()),
            read: filled(problems.iter().map(|(_, target)| [&[BEGIN], &target[..]].concat()).collect()),
            written: filled(problems.iter().map(|(_, target)| [&target[..], &[END]].concat()).collect()),
        }
    }
}
