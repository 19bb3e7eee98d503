//! What a run begins with, if not with nothing: the tokens and weights of a trained model.
//!
//! The checkpoint of a run that learned besides a model ([`Lora`](crate::Lora)) has only what it learned. What it began with is named in
//! its `config.toml`, and so on down to a whole model; from there up, what each learned is added.

use crate::corpus::refused;
use crate::presets::PRESETS;
use crate::tokenizer::Tokenizer;
use crate::training::Trainable;
use crate::unfrozen::Unfrozen;
use glassbox_nn::checkpoint::SafetensorsFile;
use glassbox_nn::{CheckpointError, load_safetensors};
use glassbox_tensor::random::Key;
use glassbox_train::{RunConfig, TrainError};
use std::path::{Path, PathBuf};

/// The weights, as checkpoints and Hugging Face's folders have them.
const WEIGHTS: &str = "model.safetensors";

/// So many runs may have begun one with the other.
const MOST_RUNS: usize = 64;

/// Where a run begins.
pub(crate) struct Start {
    /// The tokens that the model knows, or that were asked for.
    pub tokenizer: Tokenizer,
    /// The folder of its weights; none if a tokenizer is all that was named.
    weights: Option<PathBuf>,
}

impl Start {
    /// Reads the tokenizer of what `from` names: a folder with weights and a tokenizer, or the file of a tokenizer.
    pub fn of(config: &RunConfig) -> Result<Option<Start>, TrainError> {
        let Some(from) = &config.from else { return Ok(None) };
        let path = Path::new(from);
        let weights = path.is_dir().then(|| path.to_path_buf());
        let tokenizer = Tokenizer::open(path).map_err(refused)?;
        let (has, asked) = (kind(&tokenizer), config.word("tokens"));
        if has != asked {
            return Err(TrainError::Contradiction(format!(
                "{from}: its tokens are {has}, and this run has tokens = {asked}; begin with --set tokens={has}"
            )));
        }
        Ok(Some(Start { tokenizer, weights }))
    }

    /// The model with these weights, if there are any.
    pub fn load<M: Trainable>(&self, model: M) -> Result<M, TrainError> {
        match &self.weights {
            None => Ok(model),
            Some(folder) => weights(model, folder, MOST_RUNS),
        }
    }

    /// Whether there are weights.
    pub fn has_weights(&self) -> bool {
        self.weights.is_some()
    }
}

/// The model with the weights of a folder, and with what was learned besides them as a part of them.
fn weights<M: Trainable>(mut model: M, folder: &Path, runs: usize) -> Result<M, TrainError> {
    let path = folder.join(WEIGHTS);
    let file = SafetensorsFile::open(&path).map_err(at(&path))?;
    if !file.names().any(|name| name.ends_with(".lora.A")) {
        load_safetensors(&mut model, &path).map_err(at(&path))?;
        return Ok(model);
    }
    let config = folder.join("../../config.toml"); // folder is checkpoints/step-N of a run
    let config = config.canonicalize().unwrap_or(config);
    let damaged = |problem: &str| TrainError::Damaged { path: config.clone(), problem: problem.to_string() };
    let run = RunConfig::read_preset_file(&config, PRESETS)?;
    let from =
        run.from.as_ref().ok_or_else(|| damaged("does not say what its lora began with; restore the line `from`"))?;
    let left = runs.checked_sub(1);
    let left =
        left.ok_or_else(|| damaged("is the last of more than 64 runs that begin with one another; correct `from`"))?;
    let mut adapted = weights(model, Path::new(from), left)?.adapted(&run, Key::new(0));
    load_safetensors(&mut Unfrozen(&mut adapted), &path).map_err(at(&path))?;
    let mut merged = adapted.merged();
    merged.unfreeze();
    Ok(merged)
}

fn at(path: &Path) -> impl Fn(CheckpointError) -> TrainError {
    move |source| match source {
        CheckpointError::Io { path, doing, source } => TrainError::Io { path, doing, source },
        source => TrainError::Model { path: path.to_path_buf(), source: source.into() },
    }
}

/// The word of the setting `tokens`.
fn kind(tokenizer: &Tokenizer) -> &'static str {
    use crate::tokenizer::Vocabulary;
    match tokenizer {
        Tokenizer::Plain(Vocabulary::Characters(_)) => "characters",
        Tokenizer::Plain(Vocabulary::Bytes) => "bytes",
        Tokenizer::Bpe(_) => "bpe",
    }
}
