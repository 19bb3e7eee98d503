//! An author: a model with the tokens between it and the text. Whoever trained the model, it writes by this code.

use crate::attention_map::drawing;
use crate::beam::beam_search;
use crate::corpus::encode;
use crate::model::LanguageModel;
use crate::pretrained::Pieces;
use crate::tokenizer::Tokenizer;
use crate::voice::Voice;
use crate::writing::{Memory, write_with_logits};
use glassbox_train::{Piece, Sampling, TrainError};

/// What lies between a text and the tokens of a model.
#[derive(Debug)]
pub(crate) struct Spelling {
    /// Which bytes are a token.
    pub tokens: Tokens,
    /// What stands before every text.
    pub before: Vec<u32>,
    /// What is read where nothing else is given.
    pub alone: Vec<u32>,
    /// What ends a text, and is no part of it.
    pub ends: Vec<u32>,
}

/// The tokenizers that models come with.
#[derive(Debug)]
pub(crate) enum Tokens {
    Tokenizer(Tokenizer),
    /// With a space before a text, which is taken away where a text begins.
    Pieces(Box<Pieces>),
}

impl Spelling {
    /// The tokens that a model reads before it goes on with this.
    pub fn encode(&self, prompt: &str) -> Result<Vec<u32>, TrainError> {
        let tokens = match &self.tokens {
            Tokens::Tokenizer(tokenizer) => encode(tokenizer, prompt)?,
            Tokens::Pieces(pieces) => pieces.encode(prompt)?,
        };
        let alone: &[u32] = if tokens.is_empty() { &self.alone } else { &[] };
        Ok([&self.before, alone, &tokens].concat())
    }

    /// The bytes that a token adds to a text; `first` says that nothing stands before it.
    pub fn bytes(&self, token: u32, first: bool) -> Vec<u8> {
        match &self.tokens {
            // A model may have more words than its tokenizer has tokens; nobody has said what they are.
            Tokens::Tokenizer(tokenizer) => tokenizer.decode_bytes(&[token]).unwrap_or_else(|_| vec![0xff]),
            Tokens::Pieces(pieces) => {
                let bytes = pieces.bytes(token);
                if first { bytes.strip_prefix(b" ").map_or(bytes.clone(), <[u8]>::to_vec) } else { bytes }
            }
        }
    }
}

/// A model that writes.
pub(crate) struct Author<'a, M> {
    pub model: &'a M,
    pub spelling: &'a Spelling,
}

impl<M: LanguageModel> Author<'_, M> {
    /// Goes on where the prompt ends; see [`Writer`](glassbox_train::Writer).
    pub fn write(
        &self,
        prompt: &str,
        sampling: &Sampling,
        out: &mut dyn FnMut(&Piece<'_>) -> bool,
    ) -> Result<(), TrainError> {
        self.go_on(&self.spelling.encode(prompt)?, prompt.is_empty(), sampling, out);
        Ok(())
    }

    /// Goes on after these tokens; `first` says that none of them is part of the text.
    pub fn go_on(&self, tokens: &[u32], first: bool, sampling: &Sampling, out: &mut dyn FnMut(&Piece<'_>) -> bool) {
        let voice = Voice::new(&sampling.stop);
        let mut speaker = Speaker { spelling: self.spelling, voice, first, silent: false, out };
        if sampling.beams > 1 {
            for (token, p) in beam_search(self.model, tokens, &self.spelling.ends, sampling) {
                if !speaker.say(token, &|| p) {
                    break;
                }
            }
        } else {
            write_with_logits(self.model, Memory::Kept, tokens, sampling, &mut |token, logits| {
                speaker.say(token, &|| share(logits, token))
            });
        }
        speaker.finish();
    }

    /// Which tokens of the prompt look at which; `None` if the model has no attention.
    pub fn attention(&self, prompt: &str) -> Result<Option<String>, TrainError> {
        let tokens = self.spelling.encode(prompt)?;
        if tokens.len() > self.model.context() {
            let (n, context) = (tokens.len(), self.model.context());
            return Err(TrainError::Contradiction(format!(
                "the prompt has {n} tokens, and the model looks at {context} at most; give a shorter one"
            )));
        }
        let maps = self.model.attention(&tokens);
        let name = |&token: &u32| String::from_utf8_lossy(&self.spelling.bytes(token, false)).into_owned();
        let names: Vec<String> = tokens.iter().map(name).collect();
        match maps.is_empty() {
            true => Ok(None),
            false => drawing(&names, &maps).map(Some).map_err(TrainError::Contradiction),
        }
    }
}

/// The probability of a token under the softmax of the logits.
fn share(logits: &[f32], token: u32) -> f64 {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let e = |x: f32| f64::from(x - most).exp();
    e(logits[token as usize]) / logits.iter().map(|&x| e(x)).sum::<f64>()
}

/// Who says tokens aloud as soon as they are text.
struct Speaker<'a> {
    spelling: &'a Spelling,
    voice: Voice<'a>,
    /// Whether nothing was said yet, nor stands in the prompt.
    first: bool,
    /// Whether the text has ended, or nobody listens.
    silent: bool,
    out: &'a mut dyn FnMut(&Piece<'_>) -> bool,
}

impl Speaker<'_> {
    /// Whether to go on.
    fn say(&mut self, token: u32, probability: &dyn Fn() -> f64) -> bool {
        if self.spelling.ends.contains(&token) {
            return false;
        }
        let bytes = self.spelling.bytes(token, std::mem::take(&mut self.first));
        let (text, ended) = self.voice.push(&bytes);
        let token = String::from_utf8_lossy(&bytes);
        let heard = (self.out)(&Piece::new(&text, &token, probability));
        self.silent = ended || !heard;
        !self.silent
    }

    /// What was held until it was clear that no stop string comes.
    fn finish(self) {
        let rest = self.voice.finish();
        if !self.silent && !rest.is_empty() {
            (self.out)(&Piece::rest(&rest));
        }
    }
}
