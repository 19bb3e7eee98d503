//! What a run begins with, if not with nothing: the tokens and weights of a trained model.

use crate::corpus::refused;
use crate::tokenizer::Tokenizer;
use glassbox_nn::{CheckpointError, Module, load_safetensors};
use glassbox_train::{RunConfig, TrainError};
use std::path::{Path, PathBuf};

/// The weights, as checkpoints and Hugging Face's folders have them.
const WEIGHTS: &str = "model.safetensors";

/// Where a run begins.
pub(crate) struct Start {
    /// The tokens that the model knows, or that were asked for.
    pub tokenizer: Tokenizer,
    /// Its weights; none if a tokenizer is all that was named.
    weights: Option<PathBuf>,
}

impl Start {
    /// Reads the tokenizer of what `from` names: a folder with weights and a tokenizer, or the file of a tokenizer.
    pub fn of(config: &RunConfig) -> Result<Option<Start>, TrainError> {
        let Some(from) = &config.from else { return Ok(None) };
        let path = Path::new(from);
        let weights = if path.is_dir() { Some(path.join(WEIGHTS)) } else { None };
        let tokenizer = Tokenizer::open(path).map_err(refused)?;
        let (has, asked) = (kind(&tokenizer), config.word("tokens"));
        if has != asked {
            return Err(TrainError::Contradiction(format!(
                "{from}: its tokens are {has}, and this run has tokens = {asked}; begin with --set tokens={has}"
            )));
        }
        Ok(Some(Start { tokenizer, weights }))
    }

    /// Gives a model the weights, if there are any.
    pub fn load(&self, model: &mut impl Module) -> Result<(), TrainError> {
        let Some(path) = &self.weights else { return Ok(()) };
        load_safetensors(model, path).map_err(|source| match source {
            CheckpointError::Io { path, doing, source } => TrainError::Io { path, doing, source },
            source => TrainError::Model { path: path.clone(), source: source.into() },
        })
    }

    /// Whether there are weights.
    pub fn has_weights(&self) -> bool {
        self.weights.is_some()
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
