//! Small models and short texts, for tests that train.

#![allow(dead_code, reason = "each test program uses its part")]

use glassbox_autograd::Var;
use glassbox_data::text::Text;
use glassbox_nn::{Module, Name, SlotMut};
use glassbox_tensor::Tensor;
use glassbox_tensor::random::Key;
use glassbox_train::{Preset, Record, RunConfig, read_metrics};
use glassbox_transformer::{
    Cell, ConvLm, ConvLmSizes, Gelu, Gpt, GptSizes, Llama, LlamaSizes, MlpLm, MlpLmSizes, RnnLm, RnnLmSizes,
};
use std::path::Path;

/// Two layers of two heads, 8 wide, on 6 of 11 words, with biases.
pub const TINY: GptSizes =
    GptSizes { words: 11, context: 6, layers: 2, heads: 2, width: 8, bias: true, dropout: 0.0, gelu: Gelu::Tanh };

/// The same of a Llama, four heads of queries on two of keys.
pub const SMALL_LLAMA: LlamaSizes =
    LlamaSizes { words: 11, context: 6, layers: 2, heads: 4, kv_heads: 2, width: 8, feed_forward: 12 };

/// A GPT whose weights are large enough to say something: the initial ones give every word the same probability.
pub fn opinionated(sizes: GptSizes, key: u64) -> Gpt {
    with_opinions(Gpt::new(sizes, Key::new(key)), 0.4, key)
}

/// The same of a Llama.
pub fn opinionated_llama(sizes: LlamaSizes, key: u64) -> Llama {
    with_opinions(Llama::new(sizes, Key::new(key)), 0.25, key)
}

/// The same of a hidden layer on four tokens.
pub fn opinionated_mlp(context: usize) -> MlpLm {
    let sizes = MlpLmSizes { words: 11, context, seen: 4, width: 6, hidden: 20 };
    with_opinions(MlpLm::new(sizes, Key::new(1)), 0.4, 1)
}

/// The same of a recurrent network.
pub fn opinionated_rnn(context: usize, cell: Cell) -> RnnLm {
    with_opinions(RnnLm::new(RnnLmSizes { words: 11, context, width: 6, hidden: 12, cell }, Key::new(2)), 0.4, 2)
}

/// The same of three layers of convolutions.
pub fn opinionated_conv(context: usize) -> ConvLm {
    with_opinions(ConvLm::new(ConvLmSizes { words: 11, context, layers: 3, width: 8 }, Key::new(1)), 0.4, 1)
}

pub fn with_opinions<M: Module>(mut model: M, std: f32, key: u64) -> M {
    let mut number = 0;
    model.visit_mut(Name::root(), &mut |_, slot| {
        if let SlotMut::Param(param) = slot {
            number += 1;
            let noise = Tensor::randn(param.value().shape(), Key::new(key).fold(number));
            param.set_value(&(&noise * std) + param.value());
        }
    });
    model
}

/// ∂logits[t]/∂x[s] is zero exactly for s > t, and for no other: of `embedded` (B, T, C) and its logits (B, T, V).
pub fn assert_looks_back_only(embedded: &Tensor, logits: impl Fn(&Var) -> Var) {
    let length = embedded.shape()[1];
    for t in 0..length {
        let x = Var::input(embedded.clone());
        let of_t = logits(&x).select(1, t); // (B, V)
        let weights = Var::constant(Tensor::randn(of_t.shape(), Key::new(t as u64))); // a sum of all would hide what cancels
        let dx = (&of_t * &weights).sum_all().backward().of(&x).clone();
        for s in 0..length {
            let row = dx.select(1, s).to_vec();
            match s > t {
                true => assert!(row.iter().all(|&dx| dx == 0.0), "logits {t} depend on token {s}"),
                false => assert!(row.iter().all(|&dx| dx != 0.0), "logits {t} don't depend on token {s}"),
            }
        }
    }
}

/// A sentence.
pub const WORDS: &str = "To be, or not to be, that is the question.\n";

/// A text that a model learns quickly.
pub fn text() -> Text {
    Text::parse("a text", WORDS.repeat(60).as_bytes()).unwrap()
}

/// Ten names, and a line that is empty.
pub const NAMES: &str = "emma\nolivia\nava\n\nmia\namelia\nevelyn\nharper\nluna\ncamila\ngianna\n";

/// Those names, five times.
pub fn names() -> Text {
    Text::parse("names", NAMES.repeat(5).as_bytes()).unwrap()
}

/// A configuration of a small model, with its horizon fixed.
pub fn small(preset: &'static Preset) -> RunConfig {
    let mut config = RunConfig::new(preset);
    for setting in [
        "width=16",
        "heads=2",
        "kv_heads=1",
        "layers=2",
        "context=16",
        "batch=4",
        "warmup=4",
        "sample_every=6",
        "checkpoint_every=5",
        "lr=0.01",
        "min_lr=0.0001",
        "hidden=24",
        "feed_forward=24",
        "tokens=characters",
        "fim=0",
    ] {
        let (name, _) = setting.split_once('=').unwrap();
        if preset.settings.iter().any(|s| s.name == name) {
            config.set(setting).unwrap();
        }
    }
    config
}

/// The metrics of a run without the wall clock.
pub fn timeless(run: &Path) -> Vec<Record> {
    let mut records = read_metrics(&run.join("metrics.jsonl")).unwrap();
    records.iter_mut().for_each(|r| r.seconds = 0.0);
    records
}
