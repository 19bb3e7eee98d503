//! Small models and short texts, for tests that train.

#![allow(dead_code, reason = "each test program uses its part")]

use glassbox_data::text::{Text, Unit};
use glassbox_tensor::random::Key;
use glassbox_train::{Preset, Record, RunConfig, read_metrics};
use glassbox_transformer::{Gelu, Gpt, GptSizes};
use std::path::Path;

/// Two layers of two heads, 8 wide, on 6 of 11 words, with biases.
pub const TINY: GptSizes =
    GptSizes { words: 11, context: 6, layers: 2, heads: 2, width: 8, bias: true, dropout: 0.0, gelu: Gelu::Tanh };

/// One whose weights are large enough to say something: the initial ones give every word the same probability.
pub fn opinionated(sizes: GptSizes, key: u64) -> Gpt {
    use glassbox_nn::{Module, Name, SlotMut};
    use glassbox_tensor::Tensor;
    let mut gpt = Gpt::new(sizes, Key::new(key));
    let mut number = 0;
    gpt.visit_mut(Name::root(), &mut |_, slot| {
        if let SlotMut::Param(param) = slot {
            number += 1;
            let noise = Tensor::randn(param.value().shape(), Key::new(key).fold(number));
            param.set_value(&(&noise * 0.4) + param.value());
        }
    });
    gpt
}

/// A text that a model learns quickly.
pub fn text() -> Text {
    Text::parse("a text", "To be, or not to be, that is the question.\n".repeat(60).as_bytes(), Unit::Character)
        .unwrap()
}

/// A configuration of a small model, with its horizon fixed.
pub fn small(preset: &'static Preset) -> RunConfig {
    let mut config = RunConfig::new(preset);
    for setting in [
        "width=16",
        "heads=2",
        "layers=2",
        "context=16",
        "batch=4",
        "warmup=4",
        "sample_every=6",
        "checkpoint_every=5",
        "lr=0.01",
    ] {
        config.set(setting).unwrap();
    }
    config
}

/// The metrics of a run without the wall clock.
pub fn timeless(run: &Path) -> Vec<Record> {
    let mut records = read_metrics(&run.join("metrics.jsonl")).unwrap();
    records.iter_mut().for_each(|r| r.seconds = 0.0);
    records
}
