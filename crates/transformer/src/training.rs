//! Training a language model: one step, and the promises of [`Experiment`] around it.

use crate::author::{Author, Spelling, Tokens};
use crate::corpus::{Corpus, Part, encode};
use crate::counts::PairCounts;
use crate::documents::Documents;
use crate::explained::remarks;
use crate::middle::Middle;
use crate::model::{IGNORED, LanguageModel};
use crate::muted::Muted;
use crate::optimiser::Optimiser;
use crate::receptive_field::receptive_field_drawing;
use crate::start::Start;
use crate::unfrozen::Unfrozen;
use crate::windows::Windows;
use glassbox_autograd::{Gradients, Var};
use glassbox_data::text::Text;
use glassbox_nn::Context;
use glassbox_nn::optim::{Schedule, clip_grad_norm};
use glassbox_tensor::random::Key;
use glassbox_train::{
    Drawing, Experiment, Metrics, Parameter, Piece, RunConfig, Sampling, StepOutcome, TrainError, Writer, no_middle,
    parameters_of,
};
use std::path::Path;

/// Tokens at a time where no gradient is wanted; it bounds memory, not the result.
const EVALUATION_TOKENS: usize = 4096;

/// Tokens of the held-out text whose derivatives are drawn.
const DRAWN_TOKENS: usize = 32;

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

    /// A trained model with what a run learns besides its weights, if the settings ask for that.
    fn adapted(self, _config: &RunConfig, _key: Key) -> Self {
        self
    }

    /// An adapted model as one that isn't: what it had learned besides its weights is part of them.
    fn merged(self) -> Self {
        self
    }

    /// Whether this is a table of pairs: counting gives the likeliest without training, and what that says stands beside the model's loss.
    fn counts_pairs() -> bool {
        false
    }

    /// Whether Muon may update the matrix of that name, where a run can ask for it: one that maps rows to rows inside the model.
    fn hidden(_name: &str) -> bool {
        false
    }
}

/// A model in training, such as [`Gpt`](crate::Gpt).
#[derive(Debug)]
pub struct Training<M> {
    /// The model.
    pub model: M,
    optimiser: Optimiser,
    schedule: Schedule,
    clip: f64,
    text: Corpus,
    lines: Option<Documents>,
    middle: Option<Middle>,
    /// What the counted table says of the held-out text, in nats, if the model is such a table.
    counted: Option<f64>,
    batch: usize,
    accumulate: usize,
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
        let start = Start::of(config)?;
        let text = Corpus::of(config, &text, start.as_ref())?;
        let words = text.tokenizer().vocab_size();
        let weights = M::weights(config, words);
        if weights > MOST_WEIGHTS {
            return Err(TrainError::Contradiction(format!(
                "these settings make a model of {weights} weights; at most {MOST_WEIGHTS} are trained, so set a smaller width or \
                 fewer layers"
            )));
        }
        let mut model = M::of(config, words, key.fold(0)).map_err(TrainError::Contradiction)?;
        let lines = Documents::of(config, &text)?;
        let [train, test] = [text.train(), text.test()].map(<[u32]>::len);
        if lines.is_none() && (train <= model.context() || test < 2) {
            return Err(TrainError::Contradiction(format!(
                "{}: {train} tokens to learn from and {test} to be judged by are too few for windows of {}; give a longer text, or \
                 set a smaller context",
                text.name(),
                model.context()
            )));
        }
        check_prompts(&text, model.context())?;
        let fim = config.real_or("fim", 0.0);
        let middle = Middle::new(fim, text.tokenizer());
        if fim > 0.0 && middle.is_none() {
            return Err(TrainError::Contradiction(format!(
                "fim = {fim} wants tokens for the borders of a middle, which only byte pairs that were learned for it have; set \
                 tokens=bpe, or fim=0"
            )));
        }
        let lora = config.count_or("lora", 0);
        if lora > 0 && start.as_ref().is_none_or(|start| !start.has_weights()) {
            return Err(TrainError::Contradiction(format!(
                "lora = {lora} learns what is to be added to a trained model; name that with --from, or set lora=0"
            )));
        }
        if let Some(start) = start {
            model = start.load(model)?;
            model = model.adapted(config, key.fold(3));
        }
        model.name_parameters();
        let (batch, accumulate) = (config.count("batch"), config.count("accumulate"));
        if !batch.is_multiple_of(accumulate) {
            return Err(TrainError::Contradiction(format!(
                "accumulate = {accumulate} can't part batch = {batch} evenly; set a batch that is a multiple of it"
            )));
        }
        let (lr, min, warmup) = (config.real("lr"), config.real("min_lr"), config.count("warmup"));
        if min > lr {
            return Err(TrainError::Contradiction(format!(
                "min_lr = {min} is above lr = {lr}, from which the rate falls to it; set min_lr too"
            )));
        }
        let steps = config.horizon().saturating_sub(warmup).max(1);
        let counted = M::counts_pairs().then(|| counted(&text, lines.as_ref(), model.context()));
        Ok(Training {
            model,
            optimiser: Optimiser::of(config, M::hidden),
            schedule: Schedule::Cosine { lr, steps, min }.warmup(warmup),
            clip: config.real("clip"),
            text,
            lines,
            middle,
            counted,
            batch: batch as usize,
            accumulate: accumulate as usize,
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

    /// The documents that the text consists of, if each is predicted by itself.
    pub fn documents(&self) -> Option<&Documents> {
        self.lines.as_ref()
    }

    /// The windows of a step.
    pub fn windows(&self, step: u64) -> Windows {
        let ([train, _], len, key) = (self.text.parts(), self.model.context(), self.places.fold(step));
        if let Some(lines) = &self.lines {
            return lines.random(self.batch, len, key);
        }
        match &self.middle {
            Some(middle) => middle.windows(self.text.tokenizer(), &train.tokens, [self.batch, len], key),
            None if train.told.is_some() => Windows::of_documents(train, self.batch, len, key),
            None => Windows::random(&train.tokens, self.batch, len, key),
        }
    }

    /// The mean of −ln p over the tokens of a text, each predicted once from what stands before it in its window, in nats.
    pub fn nats(&self, tokens: &[u32]) -> f64 {
        let context = self.model.context();
        self.judged(Windows::consecutive(tokens, (EVALUATION_TOKENS / context).max(1), context)).0
    }

    /// The mean of −ln p over what is to be said in these windows, and how many tokens and bytes that is.
    fn judged(&self, windows: impl Iterator<Item = Windows>) -> (f64, usize, usize) {
        let (model, ctx) = (self.model.frozen(), Context::eval());
        let (mut sum, mut tokens, mut bytes) = (0.0, 0, 0);
        for windows in windows.filter(|windows| windows.tokens() > 0) {
            let loss = model.loss(&windows.x, &windows.y, &ctx).item();
            sum += f64::from(loss) * windows.tokens() as f64;
            tokens += windows.tokens();
            bytes += self.text.bytes(windows.y.as_slice());
        }
        (sum / tokens as f64, tokens, bytes)
    }
}

/// All that is judged of the held-out text, once, in windows of `context`.
fn held_out<'a>(
    text: &'a Corpus,
    lines: Option<&'a Documents>,
    context: usize,
) -> Box<dyn Iterator<Item = Windows> + 'a> {
    let ([_, test], batch) = (text.parts(), (EVALUATION_TOKENS / context).max(1));
    match (lines, &test.told) {
        (Some(lines), _) => Box::new(lines.test_windows(batch, context)),
        (None, Some(_)) => Box::new(Windows::each_document(test, context)),
        (None, None) => Box::new(Windows::consecutive(&test.tokens, batch, context)),
    }
}

/// −ln p of the held-out pairs in nats, by the pairs to learn from, counted, and one more of each: nothing is impossible.
fn counted(text: &Corpus, lines: Option<&Documents>, context: usize) -> f64 {
    let (words, [train, _]) = (text.tokenizer().vocab_size(), text.parts());
    let counts = match (lines, &train.told) {
        (Some(lines), _) => PairCounts::of_windows(lines.train_windows(EVALUATION_TOKENS, context), words),
        (None, Some(_)) => PairCounts::of_windows(Windows::each_document(train, context), words),
        (None, None) => PairCounts::of([&train.tokens[..]], words),
    };
    counts.nats(&PairCounts::of_windows(held_out(text, lines, context), words), 1.0)
}

/// Refuses prompts that fill a window, so that nothing could be said in it.
fn check_prompts(text: &Corpus, context: usize) -> Result<(), TrainError> {
    for Part { told, begins, tokens } in text.parts() {
        let Some(told) = told else { continue };
        let ends = begins.iter().skip(1).copied().chain([tokens.len()]);
        for (&start, end) in begins.iter().zip(ends) {
            let prompt = told[start..end].iter().take_while(|&&token| token == IGNORED).count();
            if prompt > context {
                return Err(TrainError::Contradiction(format!(
                    "{}: a prompt has {prompt} tokens, and a window of {context} leaves no place to say anything; set a larger \
                     context",
                    text.name()
                )));
            }
        }
    }
    Ok(())
}

impl<M: LanguageModel> Experiment for Training<M> {
    /// Maximum likelihood with teacher forcing: each token of a window is predicted from the true ones before it.
    fn train_step(&mut self, step: u64) -> Result<StepOutcome, TrainError> {
        // x, y <- random windows, y one token later than x
        let windows = self.windows(step); // (B, T), (B, T)
        // g <- gradient of the mean of −ln p(y | x), clipped; a part has its share in the mean
        let ctx = Context::train(self.dropped.fold(step));
        let (mut mean, mut grads) = (0.0, Gradients::default());
        for part in windows.parts(self.accumulate) {
            let share = part.tokens() as f32 / windows.tokens() as f32;
            let loss = self.model.loss(&part.x, &part.y, &ctx);
            mean += share * loss.item();
            let mut part = loss.backward();
            if self.accumulate > 1 {
                part *= share;
            }
            grads += part;
        }
        let norm = clip_grad_norm(&mut grads, self.clip);
        // parameters <- updated by g, at the rate of this step
        let lr = self.schedule.lr(step);
        self.optimiser
            .step(lr, &mut self.model, &grads)
            .map_err(|source| TrainError::Step { step: step + 1, source: source.into() })?;
        let metrics = Metrics::new().with("loss", mean.into());
        let metrics = metrics.with("lr", lr).with("grad_norm", norm.into());
        Ok(StepOutcome { metrics, examples: self.batch })
    }

    /// The held-out text in consecutive windows, or where there are prompts or it consists of lines each document by itself: nats for each token, e to that,
    /// and bits for each byte of the text in UTF-8. Of a table of pairs also what the counted one says.
    fn evaluate(&self) -> Metrics {
        let (loss, tokens, bytes) = self.judged(held_out(&self.text, self.lines.as_ref(), self.model.context()));
        let bits = loss * tokens as f64 / std::f64::consts::LN_2;
        let metrics = Metrics::new().with("loss", loss).with("perplexity", loss.exp());
        let metrics = metrics.with("bits_per_byte", bits / bytes as f64);
        self.counted.into_iter().fold(metrics, |metrics, nats| metrics.with("counted", nats))
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

    fn drawings(&self) -> Vec<Drawing> {
        let shown = self.text.test().len().min(self.model.context()).min(DRAWN_TOKENS);
        let said = |token: u32| {
            let bytes = self.text.tokenizer().decode_bytes(&[token]).expect("a token of this tokenizer");
            String::from_utf8_lossy(&bytes).into_owned()
        };
        vec![receptive_field_drawing(&self.model, &self.text.test()[..shown], said)]
    }

    fn save(&self, folder: &Path) -> Result<(), TrainError> {
        self.optimiser.save(&Unfrozen(&self.model), folder)?;
        self.text.save_tokenizer(folder)
    }

    fn load(&mut self, folder: &Path) -> Result<(), TrainError> {
        self.text.check_tokenizer(folder)?;
        self.optimiser.load(&mut Unfrozen(&mut self.model), folder)
    }
}

impl<M: LanguageModel> Writer for Training<M> {
    fn write_pieces(
        &self,
        prompt: &str,
        sampling: &Sampling,
        out: &mut dyn FnMut(&Piece<'_>) -> bool,
    ) -> Result<(), TrainError> {
        let model = &self.speaking();
        let Some(lines) = &self.lines else {
            return Author { model, spelling: &self.spelling() }.write(prompt, sampling, out);
        };
        let tokens = encode(self.text.tokenizer(), prompt)?;
        let spelling = Spelling { ends: vec![lines.end()], ..self.spelling() };
        Author { model, spelling: &spelling }.go_on(&lines.beginning(&tokens), false, sampling, out);
        Ok(())
    }

    fn writes_lines(&self) -> bool {
        self.lines.is_some()
    }

    fn fill_pieces(
        &self,
        around: [&str; 2],
        sampling: &Sampling,
        out: &mut dyn FnMut(&Piece<'_>) -> bool,
    ) -> Result<(), TrainError> {
        let middle = self.middle.ok_or_else(no_middle)?;
        let context = self.model.context();
        let asked = middle.asked(self.text.tokenizer(), around, context * 3 / 4)?;
        // All in one window: once it moves, the model no longer knows what it was asked.
        let tokens = sampling.tokens.min(context.saturating_sub(asked.len()).max(1));
        let spelling = Spelling { ends: vec![middle.end()], ..self.spelling() };
        let author = Author { model: &self.speaking(), spelling: &spelling };
        author.go_on(&asked, false, &Sampling { tokens, ..sampling.clone() }, out);
        Ok(())
    }

    fn attention(&self, prompt: &str) -> Result<Option<String>, TrainError> {
        Author { model: &self.model.frozen(), spelling: &self.spelling() }.attention(prompt)
    }
}

impl<M: LanguageModel> Training<M> {
    /// The model as one that writes: without a graph, and without the borders of a middle, which are no text.
    fn speaking(&self) -> Muted<M> {
        let borders: Vec<u32> = self.middle.iter().flat_map(Middle::borders).collect();
        Muted::new(self.model.frozen(), self.text.tokenizer().vocab_size(), &borders)
    }

    /// Between text and tokens. Without a prompt, a text begins as if a document had just ended, or a line; of a text of one line, as if
    /// it began anew.
    fn spelling(&self) -> Spelling {
        let tokenizer = self.text.tokenizer();
        let end = if self.text.in_documents() { tokenizer.end_of_text() } else { None };
        let line = || encode(tokenizer, "\n").unwrap_or_else(|_| self.text.train()[..1].to_vec());
        let alone = end.map_or_else(line, |end| vec![end]);
        let tokens = Tokens::Tokenizer(tokenizer.clone());
        Spelling { tokens, before: Vec::new(), alone, ends: end.into_iter().collect() }
    }
}
