//! # Models that others trained
//!
//! A model is its sizes, its weights under some names, and the tokens that it reads. Two layouts of these are read:
//!
//! | what is given | sizes | weights | tokens |
//! | --- | --- | --- | --- |
//! | a file of llama2.c, `stories260K.bin` | its header | the same file, in a fixed order | a `tok….bin` beside it, or another file that is named |
//! | a folder as Hugging Face has it | `config.json` | `model.safetensors` | `tokenizer.json`, or `vocab.json` and `merges.txt` |
//!
//! `llama2c.rs` and `hugging_face.rs` read them, and `pieces.rs` the tokens of llama2.c; `bert.rs` reads a
//! [`BertModel`](crate::BertModel), which writes nothing. Nothing that a file says is believed before
//! it was compared with what is there: no memory is asked for beyond what the file's own length accounts for.

mod bert;
mod error;
mod hugging_face;
mod llama2c;
mod pieces;

pub use error::PretrainedError;
pub use llama2c::parse as parse_llama2c;
pub use pieces::Pieces;

use crate::author::{Author, Spelling, Tokens};
use crate::beam::beam_search;
use crate::gpt::Gpt;
use crate::llama::Llama;
use crate::model::LanguageModel;
use glassbox_data::files::read_at_most;
use glassbox_nn::Module;
use glassbox_train::{Piece, Sampling, TrainError, Writer};
use std::fs;
use std::path::{Path, PathBuf};

/// The largest file of weights that is read: 4 GiB.
const MAX_WEIGHTS: u64 = 1 << 32;
/// The largest file of llama2.c's tokens: 64 MiB.
const MAX_PIECES: u64 = 1 << 26;
/// llama2.c puts this token before a text; where it comes again, the text has ended. The one after it is said to end texts, too.
const BOS: u32 = 1;
const EOS: u32 = 2;

/// A model that somebody else trained, with its tokens: it writes.
#[derive(Debug)]
pub struct Pretrained {
    model: Model,
    spelling: Spelling,
}

#[derive(Debug)]
enum Model {
    Gpt(Box<Gpt>),
    Llama(Box<Llama>),
}

impl Pretrained {
    /// Opens a file of llama2.c or a folder as Hugging Face has it. Its tokens lie beside it unless they are named.
    ///
    /// ```
    /// use glassbox_transformer::Pretrained;
    /// let error = Pretrained::open("no/such/model.bin".as_ref(), None).unwrap_err();
    /// assert!(error.to_string().starts_with("no/such/model.bin: cannot read"));
    /// ```
    ///
    /// # Errors
    /// If a file is missing, damaged, or of another kind of model.
    pub fn open(path: &Path, tokenizer: Option<&Path>) -> Result<Pretrained, PretrainedError> {
        if path.is_dir() {
            return hugging_face::open(path, tokenizer);
        }
        let bytes = read_at_most(path, MAX_WEIGHTS)?;
        let llama = llama2c::parse(&path.display().to_string(), &bytes)?.frozen();
        drop(bytes);
        let beside;
        let tokenizer = match tokenizer {
            Some(file) => file,
            None => {
                beside = tokens_beside(path)?;
                &beside
            }
        };
        let bytes = read_at_most(tokenizer, MAX_PIECES)?;
        let pieces = Pieces::parse(&tokenizer.display().to_string(), &bytes, llama.sizes().words)?;
        let spelling = Spelling {
            tokens: Tokens::Pieces(Box::new(pieces)),
            before: vec![BOS],
            alone: Vec::new(),
            ends: vec![BOS, EOS],
        };
        Ok(Pretrained { model: Model::Llama(Box::new(llama)), spelling })
    }

    /// How many weights it has.
    pub fn num_parameters(&self) -> usize {
        match &self.model {
            Model::Gpt(gpt) => gpt.num_parameters(),
            Model::Llama(llama) => llama.num_parameters(),
        }
    }

    /// The logits after each token, (T, V): what is held to other libraries'.
    ///
    /// # Panics
    /// If there are no tokens, more than the context, or one that is no word.
    pub fn logits(&self, tokens: &[u32]) -> glassbox_tensor::Tensor {
        fn of(model: &impl LanguageModel, tokens: &[u32]) -> glassbox_tensor::Tensor {
            let ids = glassbox_tensor::Ids::from_slice(tokens, [1, tokens.len()]);
            model.forward(&ids, &glassbox_nn::Context::eval()).value().select(0, 0)
        }
        match &self.model {
            Model::Gpt(gpt) => of(&**gpt, tokens),
            Model::Llama(llama) => of(&**llama, tokens),
        }
    }

    /// [`beam_search`] with this model.
    ///
    /// # Panics
    /// As that.
    pub fn beam_search(&self, prompt: &[u32], ends: &[u32], sampling: &Sampling) -> Vec<(u32, f64)> {
        match &self.model {
            Model::Gpt(gpt) => beam_search(&**gpt, prompt, ends, sampling),
            Model::Llama(llama) => beam_search(&**llama, prompt, ends, sampling),
        }
    }

    /// The tokens of a prompt, with those that stand before every text of this model.
    ///
    /// # Errors
    /// If there is something in it for which the model has no token.
    pub fn encode(&self, prompt: &str) -> Result<Vec<u32>, TrainError> {
        self.spelling.encode(prompt)
    }
}

impl Writer for Pretrained {
    fn write_pieces(
        &self,
        prompt: &str,
        sampling: &Sampling,
        out: &mut dyn FnMut(&Piece<'_>) -> bool,
    ) -> Result<(), TrainError> {
        match &self.model {
            Model::Gpt(gpt) => Author { model: &**gpt, spelling: &self.spelling }.write(prompt, sampling, out),
            Model::Llama(llama) => Author { model: &**llama, spelling: &self.spelling }.write(prompt, sampling, out),
        }
    }

    fn attention(&self, prompt: &str) -> Result<Option<String>, TrainError> {
        match &self.model {
            Model::Gpt(gpt) => Author { model: &**gpt, spelling: &self.spelling }.attention(prompt),
            Model::Llama(llama) => Author { model: &**llama, spelling: &self.spelling }.attention(prompt),
        }
    }
}

/// The file of tokens beside a model of llama2.c: `tokenizer.bin`, or the only `tok….bin`.
fn tokens_beside(model: &Path) -> Result<PathBuf, PretrainedError> {
    let folder = model.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let usual = folder.join("tokenizer.bin");
    if usual.is_file() {
        return Ok(usual);
    }
    let is_one = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("tok") && name.ends_with(".bin") && path != model
    };
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut all: Vec<PathBuf> = entries.filter(is_one).collect();
    match (all.pop(), all.is_empty()) {
        (Some(only), true) => Ok(only),
        (found, _) => {
            let what = if found.is_some() { "there are several tok….bin" } else { "there is no tok….bin" };
            Err(PretrainedError::Wrong {
                file: model.display().to_string(),
                problem: format!("{what} beside it; name the file of its tokens with --tokenizer"),
            })
        }
    }
}
