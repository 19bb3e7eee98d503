//! Training a language model: one step, and the promises of [`Experiment`] around it.

use crate::corpus::{Corpus, encode, refused};
use crate::explained::remarks;
use crate::model::LanguageModel;
use crate::tokenizer::Tokenizer;
use crate::windows::Windows;
use crate::writing::{Memory, Voice, write_tokens};
use glassbox_autograd::Var;
use glassbox_data::text::Text;
use glassbox_nn::Context;
use glassbox_nn::optim::{Adam, AdamRule, Schedule, WeightDecay, clip_grad_norm};
use glassbox_tensor::random::Key;
use glassbox_train::{
    Experiment, Metrics, Parameter, RunConfig, Sampling, StepOutcome, TrainError, Writer, load_weights, parameters_of,
    save_weights,
};
use std::path::Path;

/// Tokens at a time where no gradient is wanted; it bounds memory, not the result.
const EVALUATION_TOKENS: usize = 4096;

/// Weights, gradients and both moments of so many take 4 GiB.
const MOST_WEIGHTS: usize = 1 << 28;

/// A language model that a run can train: how it is made of the settings.
pub trait Trainable: LanguageModel {
    /// Untrained, for a vocabulary of so many words.
    ///
    /// # Errors
    /// A sentence that says what would do, if settings contradict each other.
    fn of(config: &RunConfig, words: usize, key: Key) -> Result<Self, String>;

    /// How many weights it would have, without making them.
    fn weights(config: &RunConfig, words: usize) -> usize;
}

/// A model in training, such as [`Gpt`](crate::Gpt).
#[derive(Debug)]
pub struct Training<M> {
    /// The model.
    pub model: M,
    adamw: Adam,
    schedule: Schedule,
    clip: f64,
    text: Corpus,
    batch: usize,
    places: Key,
    dropped: Key,
}

impl<M: Trainable> Training<M> {
    /// An untrained model for this configuration, on its text. Initial values, windows and dropout are independent streams of the
    /// seed.
    ///
    /// # Errors
    /// If the text is too short, settings contradict each other, or the model would be too large for a common machine's memory.
    pub fn new(config: &RunConfig, text: Text) -> Result<Training<M>, TrainError> {
        let key = Key::new(config.seed);
        let text = Corpus::of(config, &text)?;
        let words = text.tokenizer().vocab_size();
        let weights = M::weights(config, words);
        if weights > MOST_WEIGHTS {
            return Err(TrainError::Contradiction(format!(
                "these settings make a model of {weights} weights; at most {MOST_WEIGHTS} are trained, so set a smaller width or \
                 fewer layers"
            )));
        }
        let mut model = M::of(config, words, key.fold(0)).map_err(TrainError::Contradiction)?;
        let [train, test] = [text.train(), text.test()].map(<[u32]>::len);
        if train <= model.context() || test < 2 {
            return Err(TrainError::Contradiction(format!(
                "{}: {train} tokens to learn from and {test} to be judged by are too few for windows of {}; give a longer text, or \
                 set a smaller context",
                text.name(),
                model.context()
            )));
        }
        model.name_parameters();
        let decay = WeightDecay::Decoupled(config.real("weight_decay"));
        let rule = AdamRule { betas: (0.9, config.real("beta2")), weight_decay: decay, ..AdamRule::default() };
        // Biases and the scales of normalisations are not drawn towards 0.
        let vectors = |_: &str, param: &glassbox_nn::Param| param.value().rank() < 2;
        let adamw = Adam::with(rule).group_where(vectors, |rule| rule.weight_decay = WeightDecay::Decoupled(0.0));
        let (lr, min, warmup) = (config.real("lr"), config.real("min_lr"), config.count("warmup"));
        if min > lr {
            return Err(TrainError::Contradiction(format!(
                "min_lr = {min} is above lr = {lr}, from which the rate falls to it; set min_lr too"
            )));
        }
        let steps = config.horizon().saturating_sub(warmup).max(1);
        Ok(Training {
            model,
            adamw,
            schedule: Schedule::Cosine { lr, steps, min }.warmup(warmup),
            clip: config.real("clip"),
            text,
            batch: config.count("batch") as usize,
            places: key.fold(1),
            dropped: key.fold(2),
        })
    }
}

impl<M: LanguageModel> Training<M> {
    /// The text that it is trained on and judged by.
    pub fn text(&self) -> &Corpus {
        &self.text
    }

    /// The windows of a step.
    pub fn windows(&self, step: u64) -> Windows {
        Windows::random(self.text.train(), self.batch, self.model.context(), self.places.fold(step))
    }

    /// The mean of −ln p over the tokens of a text, each predicted once from what stands before it in its window, in nats.
    pub fn nats(&self, tokens: &[u32]) -> f64 {
        let (model, ctx, context) = (self.model.frozen(), Context::eval(), self.model.context());
        let (mut sum, mut count) = (0.0, 0);
        for windows in Windows::consecutive(tokens, (EVALUATION_TOKENS / context).max(1), context) {
            let loss = model.loss(&windows.x, &windows.y, &ctx).item();
            sum += f64::from(loss) * windows.tokens() as f64;
            count += windows.tokens();
        }
        sum / count as f64
    }
}

impl<M: LanguageModel> Experiment for Training<M> {
    /// Maximum likelihood with teacher forcing: each token of a window is predicted from the true ones before it.
    fn train_step(&mut self, step: u64) -> Result<StepOutcome, TrainError> {
        // x, y <- random windows, y one token later than x
        let Windows { x, y } = self.windows(step); // (B, T), (B, T)
        // g <- gradient of the mean of −ln p(y | x), clipped
        let loss = self.model.loss(&x, &y, &Context::train(self.dropped.fold(step)));
        let mut grads = loss.backward();
        let norm = clip_grad_norm(&mut grads, self.clip);
        // parameters <- updated by g, at the rate of this step
        self.adamw.lr = self.schedule.lr(step);
        self.adamw
            .step(&mut self.model, &grads)
            .map_err(|source| TrainError::Step { step: step + 1, source: source.into() })?;
        let metrics = Metrics::new().with("loss", loss.item().into());
        let metrics = metrics.with("lr", self.adamw.lr).with("grad_norm", norm.into());
        Ok(StepOutcome { metrics, examples: x.shape()[0] })
    }

    /// The held-out text in consecutive windows: nats for each token, e to that, and bits for each byte of the text in UTF-8.
    fn evaluate(&self) -> Metrics {
        let test = self.text.test();
        let loss = self.nats(test);
        let predicted = &test[1..]; // nothing stands before the first
        let bytes = self.text.bytes(predicted);
        let bits = loss * predicted.len() as f64 / std::f64::consts::LN_2;
        let metrics = Metrics::new().with("loss", loss).with("perplexity", loss.exp());
        metrics.with("bits_per_byte", bits / bytes as f64)
    }

    fn writer(&self) -> Option<&dyn Writer> {
        Some(self)
    }

    fn parameters(&self) -> Vec<Parameter> {
        parameters_of(&self.model)
    }

    fn loss_graph(&self) -> Var {
        let Windows { x, y } = self.windows(0);
        self.model.loss(&x, &y, &Context::train(self.dropped.fold(0)))
    }

    fn remarks(&self) -> String {
        remarks(&self.model, &self.windows(0))
    }

    fn save(&self, folder: &Path) -> Result<(), TrainError> {
        save_weights(&self.model, &self.adamw, folder)?;
        self.text.tokenizer().save(&folder.join(TOKENIZER)).map_err(refused)
    }

    fn load(&mut self, folder: &Path) -> Result<(), TrainError> {
        let path = folder.join(TOKENIZER);
        let known = Tokenizer::open(&path).map_err(refused)?;
        if known.to_json() != self.text.tokenizer().to_json() {
            let problem = format!(
                "{} gives other tokens than the text that the model learned to read; put that text back in its place",
                self.text.name()
            );
            return Err(TrainError::Damaged { path, problem });
        }
        load_weights(&mut self.model, &mut self.adamw, folder)
    }
}

impl<M: LanguageModel> Writer for Training<M> {
    fn write(&self, prompt: &str, sampling: &Sampling, out: &mut dyn FnMut(&str) -> bool) -> Result<(), TrainError> {
        let tokenizer = self.text.tokenizer();
        let mut tokens = encode(tokenizer, prompt)?;
        if tokens.is_empty() {
            // As if a document had just ended, or a line; of a text of one line, as if it began anew.
            let end = if self.text.in_documents() { tokenizer.end_of_text() } else { None };
            let line = || encode(tokenizer, "\n").unwrap_or_else(|_| self.text.train()[..1].to_vec());
            tokens = end.map_or_else(line, |end| vec![end]);
        }
        let mut voice = Voice::new(tokenizer, &sampling.stop);
        let mut silent = false;
        write_tokens(&self.model.frozen(), Memory::Kept, &tokens, sampling, &mut |token| {
            let (piece, ended) = voice.push(token);
            silent = ended || !piece.is_empty() && !out(&piece);
            !silent
        });
        if !silent {
            out(&voice.finish());
        }
        Ok(())
    }
}

/// What the tokens stand for.
const TOKENIZER: &str = "tokenizer.json";
