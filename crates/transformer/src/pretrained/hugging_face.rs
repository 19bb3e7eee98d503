//! A folder as Hugging Face has it: `config.json` with the sizes, `model.safetensors` with the weights, and a tokenizer.
//!
//! Two kinds of `model_type` are read, `gpt2` and `llama`. Both keep their matrices under the names that [`Gpt`] and [`Llama`] have;
//! GPT-2's files have `transformer.` before them or nothing, and its matrices lie transposed, (in, out), since its code calls a
//! product a convolution ("Conv1D"). What a configuration asks for and is not done here is refused by name: a model that leaves
//! something out writes worse and gives no sign of it.

use super::error::PretrainedError;
use super::{Model, Pretrained};
use crate::author::{Spelling, Tokens};
use crate::gpt::{Gelu, Gpt, GptSizes};
use crate::llama::{Llama, LlamaOptions, LlamaSizes};
use crate::model::LanguageModel;
use crate::tokenizer::Tokenizer;
use glassbox_data::files::read_at_most;
use glassbox_nn::checkpoint::{CheckpointError, MissingTensor, SafetensorsFile};
use glassbox_nn::{Module, Name, SlotMut};
use glassbox_tensor::Tensor;
use glassbox_tensor::random::Key;
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

pub(super) const CONFIG: &str = "config.json";
const TOKENIZER_CONFIG: &str = "tokenizer_config.json";
pub(super) const WEIGHTS: &str = "model.safetensors";
/// The largest `config.json` that is read: 1 MiB, a hundred times the usual.
const MAX_CONFIG: u64 = 1 << 20;
/// A Llama's context is cut to so many tokens: keys and values get room for all of them before the first.
const MOST_POSITIONS: usize = 8192;
/// More layers are no model, and each takes memory besides its weights.
const MOST_LAYERS: usize = 1024;

/// Opens such a folder. The tokenizer is in it unless another is named.
pub(super) fn open(folder: &Path, tokenizer: Option<&Path>) -> Result<Pretrained, PretrainedError> {
    let path = folder.join(CONFIG);
    let config = Config { file: path.display().to_string(), all: json(&path)? };
    let file = folder.join(WEIGHTS);
    let model = match config.get::<String>("model_type")?.as_deref() {
        Some("gpt2") => Model::Gpt(Box::new(gpt2(&config, &file)?)),
        Some("llama") => Model::Llama(Box::new(llama(&config, &file)?)),
        other => {
            let found = other.map_or("nothing".to_string(), |kind| format!("{kind:?}"));
            return Err(
                config.wrong(format!("model_type is {found}, and gpt2 and llama are read; give another folder"))
            );
        }
    };
    let tokenizer = Tokenizer::open(tokenizer.unwrap_or(folder))?;
    let words = match &model {
        Model::Gpt(gpt) => gpt.sizes().words,
        Model::Llama(llama) => llama.sizes().words,
    };
    if tokenizer.vocab_size() > words {
        return Err(config.wrong(format!(
            "vocab_size is {words}, and the tokenizer has {} tokens; give the tokenizer that belongs to the model",
            tokenizer.vocab_size()
        )));
    }
    let spelling = spelling(folder, &config, tokenizer, words)?;
    Ok(Pretrained { model, spelling })
}

/// What stands before a text and what ends one. `tokenizer_config.json` says whether a text begins with its own token; where it
/// doesn't, only a text that has no other does.
fn spelling(folder: &Path, config: &Config, tokenizer: Tokenizer, words: usize) -> Result<Spelling, PretrainedError> {
    let path = folder.join(TOKENIZER_CONFIG);
    let begins = match path.exists() {
        true => Config { file: path.display().to_string(), all: json(&path)? }.get("add_bos_token")?.unwrap_or(false),
        false => false,
    };
    let bos = config.ids("bos_token_id", words)?;
    let ends = config.ids("eos_token_id", words)?;
    // A token that nobody trained is better than none: a model must read something before it says something.
    let alone = bos.first().or(ends.first()).copied().unwrap_or(0);
    let before = if begins { bos } else { Vec::new() };
    let alone = if before.is_empty() { vec![alone] } else { Vec::new() };
    Ok(Spelling { tokens: Tokens::Tokenizer(tokenizer), before, alone, ends })
}

pub(super) fn json(path: &Path) -> Result<BTreeMap<String, Value>, PretrainedError> {
    let bytes = read_at_most(path, MAX_CONFIG)?;
    serde_json::from_slice(&bytes).map_err(|error| PretrainedError::Wrong {
        file: path.display().to_string(),
        problem: format!("not the settings of a model: {error}; copy it or download it again"),
    })
}

/// A `config.json`, asked by name.
pub(super) struct Config {
    pub(super) file: String,
    pub(super) all: BTreeMap<String, Value>,
}

impl Config {
    pub(super) fn wrong(&self, problem: String) -> PretrainedError {
        PretrainedError::Wrong { file: self.file.clone(), problem }
    }

    /// The value of that name; null is none.
    pub(super) fn get<T: for<'de> Deserialize<'de>>(&self, name: &str) -> Result<Option<T>, PretrainedError> {
        let Some(value) = self.all.get(name).filter(|value| !value.is_null()) else { return Ok(None) };
        let of_kind = T::deserialize(value).map(Some);
        of_kind.map_err(|error| self.wrong(format!("{name}: {error}; copy the file or download it again")))
    }

    /// A size, above 0 and below 2³¹.
    pub(super) fn size(&self, name: &str, usual: Option<usize>) -> Result<usize, PretrainedError> {
        let size = self.get::<u64>(name)?.or(usual.map(|n| n as u64));
        let fits = size.filter(|n| (1..1 << 31).contains(n));
        fits.map(|n| n as usize).ok_or_else(|| {
            let found = size.map_or("not there".to_string(), |n| n.to_string());
            self.wrong(format!("{name} is {found}; it must be a size, so copy the file or download it again"))
        })
    }

    /// A number above 0 that f32 holds.
    pub(super) fn real(&self, name: &str, usual: f32) -> Result<f32, PretrainedError> {
        let x = self.get::<f64>(name)?.map_or(usual, |x| x as f32);
        if x.is_finite() && x > 0.0 {
            return Ok(x);
        }
        Err(self.wrong(format!("{name} is {x}, which is no positive number; copy the file or download it again")))
    }

    /// A token or several, each a word.
    fn ids(&self, name: &str, words: usize) -> Result<Vec<u32>, PretrainedError> {
        let Some(value) = self.get::<Value>(name)? else { return Ok(Vec::new()) };
        let all = if let Value::Array(all) = value { all } else { vec![value] };
        let id = |value: &Value| value.as_u64().filter(|&id| id < words as u64).map(|id| id as u32);
        let ids = all.iter().map(|value| {
            let problem = || format!("{name} says {value}, which is none of the {words} words; correct it");
            id(value).ok_or_else(|| self.wrong(problem()))
        });
        ids.collect()
    }

    /// Refuses what is asked for by that name, unless it is nothing or one of these.
    pub(super) fn only(&self, name: &str, done: &[Value]) -> Result<(), PretrainedError> {
        match self.all.get(name).filter(|value| !value.is_null() && !done.contains(value)) {
            None => Ok(()),
            Some(found) => {
                let done: Vec<String> = done.iter().map(Value::to_string).collect();
                let done = if done.is_empty() { "null".to_string() } else { done.join(" or ") };
                Err(self.wrong(format!("{name} is {found}, and only {done} is done here; give another model")))
            }
        }
    }
}

fn gpt2(config: &Config, file: &Path) -> Result<Gpt, PretrainedError> {
    let width = config.size("n_embd", None)?;
    let heads = config.size("n_head", None)?;
    let context = config.size("n_positions", config.get::<u64>("n_ctx")?.map(|n| n as usize))?;
    let layers = config.size("n_layer", None)?;
    let words = config.size("vocab_size", None)?;
    let eps = config.real("layer_norm_epsilon", 1e-5)?;
    for (name, done) in [
        ("scale_attn_weights", vec![true.into()]),
        ("scale_attn_by_inverse_layer_idx", vec![false.into()]),
        ("add_cross_attention", vec![false.into()]),
        ("tie_word_embeddings", vec![true.into()]),
        ("n_inner", vec![(4 * width).into()]),
    ] {
        config.only(name, &done)?;
    }
    let gelu = match config.get::<String>("activation_function")?.as_deref() {
        None | Some("gelu_new" | "gelu_pytorch_tanh") => Gelu::Tanh,
        Some("gelu") => Gelu::Exact,
        Some(other) => {
            return Err(config.wrong(format!(
                "activation_function is {other:?}, and gelu_new and gelu are done here; give another model"
            )));
        }
    };
    if !width.is_multiple_of(heads) {
        return Err(config.wrong(format!("{heads} heads can't share {width} numbers evenly; correct n_head or n_embd")));
    }
    let sizes = GptSizes { words, context, layers, heads, width, bias: true, dropout: 0.0, gelu };
    let file = SafetensorsFile::open(file)?;
    let prefix = if file.shape("wte.weight").is_some() { "" } else { "transformer." };
    let c = width as u128;
    let weights = c * (words + context) as u128 + layers as u128 * (12 * c * c + 13 * c);
    check_room(config, &file, layers, weights)?;
    let mut gpt = Gpt::new(sizes, Key::new(0));
    for block in &mut gpt.h {
        (block.ln_1.eps, block.ln_2.eps) = (eps, eps);
    }
    gpt.ln_f.eps = eps;
    let product = |name: &str| name.starts_with("h.") && name.ends_with(".weight") && !name.contains(".ln_");
    // A mask of causal attention that old files keep, and the embedding under the name of the head.
    let known =
        |name: &str| name.ends_with(".attn.bias") || name.ends_with(".attn.masked_bias") || name == "lm_head.weight";
    load(&mut gpt, &file, prefix, product, known)?;
    Ok(gpt.frozen())
}

fn llama(config: &Config, file: &Path) -> Result<Llama, PretrainedError> {
    let width = config.size("hidden_size", None)?;
    let heads = config.size("num_attention_heads", None)?;
    let kv_heads = config.size("num_key_value_heads", Some(heads))?;
    let context = config.size("max_position_embeddings", Some(2048))?.min(MOST_POSITIONS);
    let layers = config.size("num_hidden_layers", None)?;
    let feed_forward = config.size("intermediate_size", None)?;
    let words = config.size("vocab_size", None)?;
    if !width.is_multiple_of(2 * heads) || !heads.is_multiple_of(kv_heads) {
        return Err(config.wrong(format!(
            "{heads} heads on {kv_heads} of keys can't share {width} numbers in pairs; correct the sizes"
        )));
    }
    for (name, done) in [
        ("hidden_act", vec!["silu".into()]),
        ("attention_bias", vec![false.into()]),
        ("mlp_bias", vec![false.into()]),
        ("head_dim", vec![(width / heads).into()]),
        ("rope_scaling", vec![]),
        ("rope_interleaved", vec![false.into()]),
    ] {
        config.only(name, &done)?;
    }
    // New files say the angles in an object of their own.
    let parameters = Config {
        file: format!("{}: rope_parameters", config.file),
        all: config.get("rope_parameters")?.unwrap_or_default(),
    };
    parameters.only("rope_type", &["default".into()])?;
    let options = LlamaOptions {
        rope_theta: parameters.real("rope_theta", config.real("rope_theta", 10000.0)?)?,
        rms_norm_eps: config.real("rms_norm_eps", 1e-6)?,
        tied: config.get("tie_word_embeddings")?.unwrap_or(false),
    };
    let file = SafetensorsFile::open(file)?;
    let [c, f, kv] = [width, feed_forward, width / heads * kv_heads].map(|n| n as u128);
    let heads_of = if options.tied { 1 } else { 2 };
    let weights = heads_of * c * words as u128 + layers as u128 * (2 * c * c + 2 * kv * c + 3 * f * c);
    check_room(config, &file, layers, weights)?;
    let sizes = LlamaSizes { words, context, layers, heads, kv_heads, width, feed_forward };
    let mut llama = Llama::with(sizes, options, Key::new(0));
    let known = |name: &str| name.ends_with(".rotary_emb.inv_freq") || options.tied && name == "lm_head.weight";
    load(&mut llama, &file, "", |_| false, known)?;
    Ok(llama.frozen())
}

/// Memory is asked for only as far as the file accounts for it.
pub(super) fn check_room(
    config: &Config,
    file: &SafetensorsFile,
    layers: usize,
    weights: u128,
) -> Result<(), PretrainedError> {
    let volume = |name: &str| file.shape(name).unwrap_or_default().iter().map(|&n| n as u128).product::<u128>();
    let there: u128 = file.names().map(volume).sum();
    if layers <= MOST_LAYERS && weights <= there {
        return Ok(());
    }
    Err(config.wrong(format!(
        "describes a model of {layers} layers and {weights} weights or more, and {} has {there}; copy both files again",
        file.path().display()
    )))
}

/// Every parameter from the file: under its own name or with `prefix` before it, and transposed where the file has it so.
pub(super) fn load(
    model: &mut impl Module,
    file: &SafetensorsFile,
    prefix: &str,
    transposed: impl Fn(&str) -> bool,
    known: impl Fn(&str) -> bool,
) -> Result<(), PretrainedError> {
    let mut shapes: Vec<(String, Vec<usize>)> = Vec::new();
    model.visit(Name::root(), &mut |name, slot| shapes.push((name.to_string(), slot.value().shape().to_vec())));
    let ours: BTreeSet<&str> = shapes.iter().map(|(name, _)| name.as_str()).collect();
    let plain = |name: &str| name.strip_prefix(prefix).unwrap_or(name).to_string();
    let unexpected = file.names().filter(|name| !known(name) && !ours.contains(plain(name).as_str()));
    let unexpected: Vec<String> = unexpected.map(str::to_string).collect();
    let missing = shapes.iter().map(|(name, _)| format!("{prefix}{name}")).filter(|name| file.shape(name).is_none());
    let missing: Vec<MissingTensor> = missing.map(|name| MissingTensor { name, nearest: None }).collect();
    if !missing.is_empty() || !unexpected.is_empty() {
        let remedy = "give the weights that belong to config.json";
        return Err(CheckpointError::Names { path: file.path().into(), missing, unexpected, remedy }.into());
    }
    let mut tensors: BTreeMap<String, Tensor> = BTreeMap::new();
    for (name, shape) in shapes {
        let (tensor, turned) = (format!("{prefix}{name}"), transposed(&name));
        let expected = if turned { shape.iter().rev().copied().collect() } else { shape };
        let found = file.shape(&tensor).unwrap_or_default().to_vec();
        if found != expected {
            return Err(CheckpointError::Shape { path: file.path().into(), tensor, expected, found }.into());
        }
        let value = file.read(&tensor)?;
        tensors.insert(name, if turned { value.t().contiguous() } else { value });
    }
    model.visit_mut(Name::root(), &mut |name, slot| {
        if let (SlotMut::Param(param), Some(value)) = (slot, tensors.remove(&name.to_string())) {
            param.set_value(value);
        }
    });
    Ok(())
}
