//! Training a masked language model: one step, and the promises of [`Experiment`] around it.

use crate::bert::masking::{Masked, hide};
use crate::bert::model::{Bert, BertSizes};
use crate::corpus::{Corpus, encode};
use crate::explained::parts;
use crate::model::IGNORED;
use crate::sampling::{choose, probabilities};
use crate::voice::Voice;
use crate::windows::Windows;
use glassbox_autograd::{CrossEntropyOptions, Var};
use glassbox_data::text::Text;
use glassbox_nn::Context;
use glassbox_nn::optim::{Adam, AdamRule, Schedule, WeightDecay, clip_grad_norm};
use glassbox_tensor::Ids;
use glassbox_tensor::random::Key;
use glassbox_train::{
    Experiment, Metrics, Parameter, Piece, RunConfig, Sampling, StepOutcome, TrainError, Writer, load_weights,
    parameters_of, save_weights,
};
use std::path::Path;

/// Windows at a time where no gradient is wanted; it bounds memory, not the result.
const AT_A_TIME: usize = 64;

/// What the masks of held-out text are drawn from: always the same, so that runs compare.
const HELD_OUT_MASKS: Key = Key::new(0x6d61_736b);

/// Stands in a prompt where a character is to be said.
const BLANK: char = '_';

/// A [`Bert`] in training, on characters.
#[derive(Debug)]
pub struct MaskedTraining {
    /// The model. Its last word hides others.
    pub model: Bert,
    adamw: Adam,
    schedule: Schedule,
    clip: f64,
    text: Corpus,
    batch: usize,
    share: f64,
    places: Key,
    masks: Key,
    dropped: Key,
}

impl MaskedTraining {
    /// An untrained model for this configuration, on its text. Initial values, windows, masks and dropout are independent streams of the
    /// seed.
    ///
    /// # Errors
    /// If the text is too short, or settings contradict each other.
    pub fn new(config: &RunConfig, text: Text) -> Result<MaskedTraining, TrainError> {
        if config.from.is_some() {
            return Err(TrainError::Contradiction(
                "bert begins with nothing, and --from is for models that go on with a text; leave it out".to_string(),
            ));
        }
        let key = Key::new(config.seed);
        let text = Corpus::of(config, &text, None)?;
        let count = |name| config.count(name) as usize;
        let (context, heads, width) = (count("context"), count("heads"), count("width"));
        if !width.is_multiple_of(heads) {
            return Err(TrainError::Contradiction(format!(
                "heads = {heads} can't share width = {width} evenly; set a width that is a multiple of the heads"
            )));
        }
        let [train, test] = [text.train(), text.test()].map(<[u32]>::len);
        if train <= context || test <= context {
            return Err(TrainError::Contradiction(format!(
                "{}: {train} tokens to learn from and {test} to be judged by are too few for windows of {context}; give a longer text, \
                 or set a smaller context",
                text.name(),
            )));
        }
        let sizes = BertSizes {
            words: text.tokenizer().vocab_size() + 1,
            positions: context,
            layers: count("layers"),
            heads,
            width,
            feed_forward: count("feed_forward"),
            dropout: config.real("dropout") as f32,
            ..BertSizes::BASE
        };
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
        Ok(MaskedTraining {
            model: Bert::new(sizes, key.fold(0)),
            adamw,
            schedule: Schedule::Cosine { lr, steps, min }.warmup(warmup),
            clip: config.real("clip"),
            text,
            batch: count("batch"),
            share: config.real("masked"),
            places: key.fold(1),
            masks: key.fold(2),
            dropped: key.fold(3),
        })
    }

    /// The word that hides others.
    fn mask(&self) -> u32 {
        self.text.tokenizer().vocab_size() as u32
    }

    /// The texts of a step, with their masks.
    pub fn masked(&self, step: u64) -> Masked {
        let context = self.model.bert.sizes().positions;
        let windows = Windows::random(self.text.train(), self.batch, context, self.places.fold(step));
        hide(&windows.x, self.share, self.mask(), self.masks.fold(step))
    }

    /// The mean of −ln p over what is asked, in nats.
    fn loss(&self, masked: &Masked, ctx: &Context) -> Var {
        let options = CrossEntropyOptions { ignore_index: Some(IGNORED), ..Default::default() };
        self.model.forward(&masked.x, ctx).cross_entropy(&masked.y, options)
    }

    /// Says the text in which blanks are filled, the surest blank first, each seen by those that follow; no more than were asked for. What
    /// is filled in is a token with its probability. `before` is said first.
    fn fill_in(
        &self,
        before: &str,
        text: &str,
        sampling: &Sampling,
        out: &mut dyn FnMut(&Piece<'_>) -> bool,
    ) -> Result<(), TrainError> {
        let (tokenizer, mask) = (self.text.tokenizer(), self.mask());
        let mut ids = Vec::new();
        for (i, piece) in text.split(BLANK).enumerate() {
            if i > 0 {
                ids.push(mask);
            }
            ids.extend(encode(tokenizer, piece)?);
        }
        let (model, key) = (self.model.frozen(), Key::new(sampling.seed));
        let mut seen = vec![false; mask as usize];
        ids.iter().filter(|&&id| id != mask).for_each(|&id| seen[id as usize] = true);
        let mut filled = vec![None; ids.len()];
        for draw in 0..sampling.tokens {
            let logits = model.forward(&Ids::from_slice(&ids, [1, ids.len()]), &Context::eval()).value().select(0, 0);
            let own = |i: usize| logits.select(0, i).to_vec()[..mask as usize].to_vec(); // the mask itself is no answer
            let believed = |i: usize| probabilities(&own(i), &seen, &Sampling::default());
            let blanks = (0..ids.len()).filter(|&i| ids[i] == mask).map(|i| (i, believed(i)));
            let largest = |p: &[f64]| p.iter().copied().fold(0.0, f64::max);
            let surest = blanks.max_by(|(_, p), (_, q)| largest(p).total_cmp(&largest(q)));
            let Some((i, belief)) = surest else { break };
            ids[i] = choose(&probabilities(&own(i), &seen, sampling), key.uniform(draw as u64).into());
            filled[i] = Some(belief[ids[i] as usize]);
            seen[ids[i] as usize] = true;
        }
        out(&Piece::rest(before));
        let mut voice = Voice::new(&[]);
        for (&id, filled) in ids.iter().zip(&filled) {
            let bytes = match id == mask {
                true => BLANK.to_string().into_bytes(),
                false => tokenizer.decode_bytes(&[id]).expect("a token of this tokenizer"),
            };
            let (said, _) = voice.push(&bytes);
            let heard = match filled {
                Some(p) => out(&Piece::new(&said, &String::from_utf8_lossy(&bytes), &|| *p)),
                None => out(&Piece::rest(&said)),
            };
            if !heard {
                break;
            }
        }
        out(&Piece::rest(&voice.finish()));
        Ok(())
    }
}

impl Experiment for MaskedTraining {
    fn train_step(&mut self, step: u64) -> Result<StepOutcome, TrainError> {
        // x, y <- random windows in which 15% of the tokens are asked about
        let masked = self.masked(step); // (B, T), (B, T)
        // g <- gradient of the mean of −ln p(y | x) over those, clipped
        let loss = self.loss(&masked, &Context::train(self.dropped.fold(step)));
        let mut grads = loss.backward();
        let norm = clip_grad_norm(&mut grads, self.clip);
        // parameters <- updated by g, at the rate of this step
        self.adamw.lr = self.schedule.lr(step);
        self.adamw
            .step(&mut self.model, &grads)
            .map_err(|source| TrainError::Step { step: step + 1, source: source.into() })?;
        let metrics = Metrics::new().with("loss", loss.item().into());
        let metrics = metrics.with("lr", self.adamw.lr).with("grad_norm", norm.into());
        Ok(StepOutcome { metrics, examples: self.batch })
    }

    /// The held-out text in consecutive windows under masks that are always the same: nats for each token that is asked about, and the
    /// share of them that the likeliest word is right about.
    fn evaluate(&self) -> Metrics {
        let model = self.model.frozen();
        let (mut nats, mut right, mut asked) = (0.0, 0, 0);
        let all = Windows::consecutive(self.text.test(), AT_A_TIME, model.bert.sizes().positions);
        for (i, windows) in all.enumerate() {
            let masked = hide(&windows.x, self.share, self.mask(), HELD_OUT_MASKS.fold(i as u64));
            if masked.asked() == 0 {
                continue;
            }
            let logits = model.forward(&masked.x, &Context::eval());
            let options = CrossEntropyOptions { ignore_index: Some(IGNORED), ..Default::default() };
            nats += f64::from(logits.cross_entropy(&masked.y, options).item()) * masked.asked() as f64;
            let likeliest = logits.value().argmax(-1, false);
            right += likeliest.as_slice().iter().zip(masked.y.as_slice()).filter(|(is, y)| is == y).count();
            asked += masked.asked();
        }
        Metrics::new().with("loss", nats / asked as f64).with("accuracy", right as f64 / asked as f64)
    }

    fn writer(&self) -> Option<&dyn Writer> {
        Some(self)
    }

    fn parameters(&self) -> Vec<Parameter> {
        parameters_of(&self.model)
    }

    fn loss_graph(&self) -> Var {
        self.loss(&self.masked(0), &Context::train(self.dropped.fold(0)))
    }

    fn remarks(&self) -> String {
        let masked = self.masked(0);
        let options = CrossEntropyOptions { ignore_index: Some(IGNORED), ..Default::default() };
        let loss = |model: &Bert| model.forward(&masked.x, &Context::eval()).cross_entropy(&masked.y, options);
        let &[batch, context] = masked.x.shape() else { unreachable!("(B, T)") };
        let table = parts(&self.model, loss);
        format!("Parts, with the arithmetic of one batch of {batch} windows of {context} tokens, forward:\n\n{table}")
    }

    fn save(&self, folder: &Path) -> Result<(), TrainError> {
        save_weights(&self.model, &self.adamw, folder)?;
        self.text.save_tokenizer(folder)
    }

    fn load(&mut self, folder: &Path) -> Result<(), TrainError> {
        self.text.check_tokenizer(folder)?;
        load_weights(&mut self.model, &mut self.adamw, folder)
    }
}

impl Writer for MaskedTraining {
    /// The likeliest character in every blank.
    fn usual(&self) -> Sampling {
        Sampling::greedy()
    }

    /// The prompt with its blanks filled; without one, a piece of the held-out text that is blank in every seventh place.
    fn write_pieces(
        &self,
        prompt: &str,
        sampling: &Sampling,
        out: &mut dyn FnMut(&Piece<'_>) -> bool,
    ) -> Result<(), TrainError> {
        if sampling.beams > 1 || !sampling.stop.is_empty() {
            let problem =
                "this model fills blanks, the surest first, and goes by no order: it has no use for --beams and --stop";
            return Err(TrainError::Contradiction(problem.to_string()));
        }
        let positions = self.model.bert.sizes().positions;
        if prompt.is_empty() {
            let piece =
                self.text.tokenizer().decode_bytes(&self.text.test()[..positions]).expect("tokens of this tokenizer");
            let piece = String::from_utf8_lossy(&piece).into_owned();
            let every_seventh = |(i, c): (usize, char)| if i % 7 == 3 { BLANK } else { c };
            let blank: String = piece.chars().take(positions).enumerate().map(every_seventh).collect();
            return self.fill_in(&format!("{blank}\n → \n"), &blank, sampling, out);
        }
        let n = prompt.chars().count();
        if !prompt.contains(BLANK) {
            return Err(TrainError::Contradiction(format!(
                "{prompt:?} has no blank to fill; write {BLANK} where a character is to be said, as in \"to be or n{BLANK}t to be\""
            )));
        }
        if n > positions {
            return Err(TrainError::Contradiction(format!(
                "the prompt has {n} characters, and this model sees {positions}; give it a shorter one"
            )));
        }
        self.fill_in(" → ", prompt, sampling, out)
    }
}
