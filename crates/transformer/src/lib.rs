//! # Transformers: models that write
//!
//! ## The idea
//!
//! A text is a sequence of tokens, here characters, and its probability is a product:
//!
//! ```text
//! p(x₁, …, x_n) = Π p(x_t | x₁, …, x_{t−1})          the rule of the product, for any distribution
//! −ln p(x₁, …, x_n) = Σ −ln p(x_t | x₁, …, x_{t−1})   a sum of losses of a classifier
//! ```
//!
//! So who can say after any beginning how likely each token is to come next, has a model of texts; and who draws a token from
//! that, appends it and asks again, writes one. Nothing is approximated, and nothing but the likelihood is maximised.
//!
//! What is left to choose is how a prediction looks at the past. Counting pairs looks at one token. A recurrent network squeezes the
//! past into a state of fixed size. A transformer (Vaswani et al. 2017) keeps all of it, as a key and a value for each token, and
//! each prediction takes the mean of the values whose keys are like its query. A causal mask hides what comes later; with it, one
//! pass over a window gives the predictions after each of its tokens, and so the loss of all of them at once.
//!
//! [`Bigram`], [`MlpLm`], [`RnnLm`] and [`ConvLm`] are the rungs below: a table of pairs, a hidden layer on the last few tokens, a
//! recurrent network with gates or without, causal convolutions. They are trained, judged and sampled by the same code, so their
//! losses compare. (The best table of pairs needs no training: [`PairCounts`].)
//!
//! Lines that know nothing of each other, such as names, are [`Documents`]; which of them are held out is a [`Split`].
//!
//! ## The code that computes it
//!
//! [`Gpt`] is GPT-2's transformer under GPT-2's names, and [`Llama`] what came of it: rotary positions, RMSNorm, a gated feed-forward part,
//! and fewer heads of keys. Any [`LanguageModel`] gives logits; [`Training`] turns them into a loss, a step
//! and an evaluation; [`probabilities`] says how a token is chosen from them.
//!
//! ```
//! use glassbox_nn::Context;
//! use glassbox_tensor::random::Key;
//! use glassbox_train::Sampling;
//! use glassbox_transformer::tokenizer::Tokenizer;
//! use glassbox_transformer::{Corpus, Gpt, GptSizes, LanguageModel, Memory, Windows, write_tokens};
//!
//! let gpt = Gpt::new(GptSizes { words: 256, ..GptSizes::CHAR }, Key::new(0));
//! let text = Corpus::new(&glassbox_data::open_text("shakespeare")?, Tokenizer::bytes())?;
//! let Windows { x, y } = Windows::random(text.train(), 12, 64, Key::new(1)); // (12, 64) each
//! let loss = gpt.loss(&x, &y, &Context::train(Key::new(2)));
//! assert!((loss.item() - 256f32.ln()).abs() < 0.2); // it knows nothing yet: every byte is as likely as any other
//! loss.backward();
//!
//! let prompt = text.tokenizer().encode("MACBETH.\n")?;
//! let mut written = Vec::new();
//! let sampling = Sampling { tokens: 20, ..Sampling::default() };
//! write_tokens(&gpt.frozen(), Memory::Kept, &prompt, &sampling, &mut |token| {
//!     written.push(token);
//!     true
//! });
//! assert_eq!(written.len(), 20);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! ## Two halves
//!
//! [`EncoderDecoder`] is the transformer as it was first (Vaswani et al. 2017): an encoder that sees all of a question, and a decoder that
//! sees its answer up to here and, by cross-attention, all of the question. [`ProblemTraining`] teaches it problems with a known answer.
//!
//! ## What is seen
//!
//! [`receptive_field`] asks the derivative of every prediction with respect to every token. Of what comes later it is zero, for every model
//! here, exactly; a test holds them to it.
//!
//! ## What a token is
//!
//! A character, a byte, or a piece of a word that byte pairs gave: [`tokenizer`] finds them, learns them, and reads those of other
//! models.
//!
//! ## Training, and training on
//!
//! A [`Corpus`] is a text in tokens, of documents if it has such. A step of [`Training`] may take its batch in parts, compute blocks
//! again in backward, or give the matrices of blocks to Muon instead of AdamW. A model that was trained before learns on as a whole, or
//! [`Lora`] learns what is to be added to its matrices, of a [`Gpt`] or a [`Llama`]; a run that begins with such a run has it added.
//! Prompts are read, and not said.
//!
//! ## A token at a time
//!
//! Keys and values of past tokens don't change when a new one comes, so they are kept: the KV [`Cache`]. A token then costs one row
//! through each matrix instead of a window. A test holds what is written with it to what is written without.
//!
//! ## Other people's weights
//!
//! [`Pretrained`] reads models as llama2.c and Hugging Face keep them; the same code writes with them. [`BertModel::open`] reads an encoder.

#![forbid(unsafe_code)]

mod attention_map;
mod author;
mod beam;
mod bert;
mod bigram;
mod cache;
mod conv_lm;
mod corpus;
mod counts;
mod decoding;
mod documents;
mod encoder_decoder;
mod explained;
mod gpt;
mod heat_map;
mod llama;
mod llama_block;
mod longer;
mod lora;
mod middle;
mod mlp_lm;
mod model;
mod muted;
mod optimiser;
mod presets;
mod pretrained;
mod receptive_field;
mod recurrence;
mod rnn_lm;
mod sampling;
mod split;
mod start;
pub mod tokenizer;
mod trainable;
mod training;
mod unfrozen;
mod voice;
mod windows;
mod writing;

pub use beam::beam_search;
pub use bert::{
    BERT, Bert, BertAttention, BertEmbeddings, BertEncoder, BertIntermediate, BertLayer, BertModel, BertOutput,
    BertPredictions, BertSelfAttention, BertSizes, BertTransform, Masked, MaskedTraining, hide,
};
pub use bigram::Bigram;
pub use cache::{Cache, Layer};
pub use conv_lm::{ConvLm, ConvLmSizes, GatedLayer};
pub use corpus::Corpus;
pub use counts::PairCounts;
pub use documents::Documents;
pub use encoder_decoder::{
    Decoder, ENCODER_DECODER, Encoded, Encoder, EncoderDecoder, EncoderDecoderSizes, Exercise, Halves, Kept, Part,
    ProblemTraining, Problems, Task,
};
pub use gpt::{Block, CausalSelfAttention, Gelu, Gpt, GptSizes, Mlp};
pub use llama::{Llama, LlamaOptions, LlamaSizes};
pub use llama_block::{BlockLora, LlamaLora};
pub use longer::{GPT_CODE, GPT_SHAKESPEARE};
pub use lora::{Lora, LoraSizes};
pub use mlp_lm::{MlpLm, MlpLmSizes};
pub use model::{IGNORED, LanguageModel};
pub use presets::{BIGRAM, CONV_LM, GPT, LLAMA_SMALL, MLP_LM, PRESETS, RNN_LM};
pub use pretrained::{Pieces, Pretrained, PretrainedError, parse_llama2c};
pub use receptive_field::{receptive_field, sensitivity};
pub use recurrence::{Cell, Recurrence, State};
pub use rnn_lm::{RnnLm, RnnLmSizes};
pub use sampling::{choose, probabilities};
pub use split::Split;
pub use training::{Trainable, Training};
pub use windows::Windows;
pub use writing::{Memory, write_tokens};
