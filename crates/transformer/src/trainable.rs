//! How each model is made of the settings of a run.

use crate::bigram::Bigram;
use crate::conv_lm::{ConvLm, ConvLmSizes};
use crate::gpt::{Gelu, Gpt, GptSizes};
use crate::llama::{Llama, LlamaSizes};
use crate::lora::LoraSizes;
use crate::mlp_lm::{MlpLm, MlpLmSizes};
use crate::recurrence::Cell;
use crate::rnn_lm::{RnnLm, RnnLmSizes};
use crate::training::Trainable;
use glassbox_tensor::random::Key;
use glassbox_train::RunConfig;

impl Trainable for Bigram {
    fn of(config: &RunConfig, words: usize, _: Key) -> Result<Self, String> {
        Ok(Bigram::new(words, count(config, "context")))
    }

    fn weights(_: &RunConfig, words: usize) -> usize {
        words.saturating_mul(words)
    }

    fn counts_pairs() -> bool {
        true
    }
}

impl Trainable for MlpLm {
    fn of(config: &RunConfig, words: usize, key: Key) -> Result<Self, String> {
        Ok(MlpLm::new(mlp_sizes(config, words), key))
    }

    fn weights(config: &RunConfig, words: usize) -> usize {
        let MlpLmSizes { seen, width, hidden, .. } = mlp_sizes(config, words);
        words.saturating_mul(width + hidden).saturating_add(hidden.saturating_mul(seen * width))
    }
}

fn mlp_sizes(config: &RunConfig, words: usize) -> MlpLmSizes {
    let [context, seen, width, hidden] = ["context", "seen", "width", "hidden"].map(|name| count(config, name));
    MlpLmSizes { words, context, seen, width, hidden }
}

impl Trainable for RnnLm {
    fn of(config: &RunConfig, words: usize, key: Key) -> Result<Self, String> {
        Ok(RnnLm::new(rnn_sizes(config, words), key))
    }

    fn weights(config: &RunConfig, words: usize) -> usize {
        let RnnLmSizes { width, hidden, cell, .. } = rnn_sizes(config, words);
        words.saturating_mul(width + hidden).saturating_add(cell.products() * hidden * (width + hidden))
    }
}

fn rnn_sizes(config: &RunConfig, words: usize) -> RnnLmSizes {
    let [context, width, hidden] = ["context", "width", "hidden"].map(|name| count(config, name));
    let cell = Cell::named(config.word("cell")).expect("the setting admits no other word");
    RnnLmSizes { words, context, width, hidden, cell }
}

impl Trainable for ConvLm {
    fn of(config: &RunConfig, words: usize, key: Key) -> Result<Self, String> {
        Ok(ConvLm::new(conv_sizes(config, words), key))
    }

    fn weights(config: &RunConfig, words: usize) -> usize {
        let ConvLmSizes { layers, width, .. } = conv_sizes(config, words);
        (2 * width).saturating_mul(words).saturating_add(layers.saturating_mul(5 * width * width))
    }
}

fn conv_sizes(config: &RunConfig, words: usize) -> ConvLmSizes {
    let [context, layers, width] = ["context", "layers", "width"].map(|name| count(config, name));
    ConvLmSizes { words, context, layers, width }
}

impl Trainable for Gpt {
    fn of(config: &RunConfig, words: usize, key: Key) -> Result<Self, String> {
        let sizes = sizes(config, words);
        let GptSizes { heads, width, .. } = sizes;
        match width.is_multiple_of(heads) {
            true => Ok(Gpt::new(sizes, key).with_checkpointing(config.word("checkpointing") == "true")),
            false => Err(format!(
                "heads = {heads} can't share width = {width} evenly; set a width that is a multiple of the heads"
            )),
        }
    }

    fn weights(config: &RunConfig, words: usize) -> usize {
        let GptSizes { context, layers, width, .. } = sizes(config, words);
        width.saturating_mul(words + context).saturating_add(layers.saturating_mul(12 * width * width))
    }

    fn adapted(self, config: &RunConfig, key: Key) -> Self {
        match lora(config) {
            None => self,
            Some(sizes) => self.with_lora(sizes, key),
        }
    }

    fn merged(self) -> Self {
        Gpt::merged(self)
    }

    fn hidden(name: &str) -> bool {
        name.starts_with("h.")
    }
}

fn sizes(config: &RunConfig, words: usize) -> GptSizes {
    GptSizes {
        words,
        context: count(config, "context"),
        layers: count(config, "layers"),
        heads: count(config, "heads"),
        width: count(config, "width"),
        bias: false,
        dropout: config.real("dropout") as f32,
        gelu: Gelu::Tanh,
    }
}

impl Trainable for Llama {
    fn of(config: &RunConfig, words: usize, key: Key) -> Result<Self, String> {
        let sizes = llama_sizes(config, words);
        let LlamaSizes { heads, kv_heads, width, .. } = sizes;
        if !width.is_multiple_of(2 * heads) {
            return Err(format!(
                "heads = {heads} can't share width = {width} in pairs, which rotary positions turn; set a width that is a \
                 multiple of twice the heads"
            ));
        }
        match heads.is_multiple_of(kv_heads) {
            true => Ok(Llama::new(sizes, key)
                .with_dropout(config.real("dropout") as f32)
                .with_checkpointing(config.word("checkpointing") == "true")),
            false => Err(format!(
                "kv_heads = {kv_heads} can't serve heads = {heads} evenly; set heads that are a multiple of them"
            )),
        }
    }

    fn weights(config: &RunConfig, words: usize) -> usize {
        let LlamaSizes { layers, width, feed_forward, .. } = llama_sizes(config, words);
        width.saturating_mul(words).saturating_add(layers.saturating_mul(4 * width * width + 3 * width * feed_forward))
    }

    fn adapted(self, config: &RunConfig, key: Key) -> Self {
        match lora(config) {
            None => self,
            Some(sizes) => self.with_lora(sizes, key),
        }
    }

    fn merged(self) -> Self {
        Llama::merged(self)
    }

    fn hidden(name: &str) -> bool {
        name.starts_with("model.layers.")
    }
}

fn llama_sizes(config: &RunConfig, words: usize) -> LlamaSizes {
    LlamaSizes {
        words,
        context: count(config, "context"),
        layers: count(config, "layers"),
        heads: count(config, "heads"),
        kv_heads: count(config, "kv_heads"),
        width: count(config, "width"),
        feed_forward: count(config, "feed_forward"),
    }
}

/// What is to be learned besides a model's matrices, if anything.
fn lora(config: &RunConfig) -> Option<LoraSizes> {
    let (rank, alpha) = (count(config, "lora"), config.real("lora_alpha") as f32);
    let sizes = LoraSizes { rank, alpha, feed_forward: config.word("lora_on") == "all" };
    (rank > 0).then_some(sizes)
}

fn count(config: &RunConfig, name: &str) -> usize {
    config.count(name) as usize
}
