//! Training on problems that are made as it goes: one step, and the promises of [`Experiment`] around it.

use crate::encoder_decoder::drawings::{cross_attention, cross_weights, masks};
use crate::encoder_decoder::model::{EncoderDecoder, EncoderDecoderSizes, Problems};
use crate::encoder_decoder::task::{Exercise, Part, Task};
use crate::encoder_decoder::words::{BEGIN, END};
use crate::explained::parts;
use crate::sampling::{choose, probabilities};
use crate::voice::Voice;
use crate::writing::Memory;
use glassbox_autograd::Var;
use glassbox_nn::Context;
use glassbox_nn::optim::{Adam, AdamRule, Schedule, clip_grad_norm};
use glassbox_tensor::random::Key;
use glassbox_tensor::{Ids, Tensor};
use glassbox_train::{
    Drawing, Experiment, Metrics, Parameter, Piece, RunConfig, Sampling, StepOutcome, TrainError, Writer, load_weights,
    parameters_of, save_weights,
};
use std::path::Path;

/// Problems that a model is judged by, and how many are answered at a time, which bounds memory and not the result.
const JUDGED: usize = 1000;
const AT_A_TIME: usize = 250;

/// Problems that are shown where no question was asked.
const SHOWN: usize = 12;

/// An [`EncoderDecoder`] in training.
#[derive(Debug)]
pub struct ProblemTraining {
    /// The model.
    pub model: EncoderDecoder,
    /// What it learns.
    pub task: Task,
    adam: Adam,
    schedule: Schedule,
    /// The steps of the run, and how many of them at its end the rate falls in.
    steps: f64,
    cooldown: f64,
    smoothing: f32,
    clip: f64,
    batch: usize,
    /// What the problems of each step are drawn from, and what is dropped in it.
    problems: Key,
    dropped: Key,
    held_out: Vec<String>,
}

impl ProblemTraining {
    /// An untrained model for this configuration. Initial values, the split, problems and dropout are independent streams of the seed.
    ///
    /// # Errors
    /// If settings contradict each other.
    pub fn new(config: &RunConfig) -> Result<ProblemTraining, TrainError> {
        let key = Key::new(config.seed);
        let count = |name| config.count(name) as usize;
        let (exercise, longest) = match config.word("task") {
            "reverse" => (Exercise::Reverse, count("length")),
            "sort" => (Exercise::Sort, count("length")),
            _ => (Exercise::Add, count("digits")),
        };
        let task = Task { exercise, longest, split: key.fold(1) };
        let (heads, width) = (count("heads"), count("width"));
        if !width.is_multiple_of(heads) {
            return Err(TrainError::Contradiction(format!(
                "heads = {heads} can't share width = {width} evenly; set a width that is a multiple of the heads"
            )));
        }
        let sizes = EncoderDecoderSizes {
            words: task.words(),
            positions: task.positions(),
            layers: count("layers"),
            heads,
            width,
            feed_forward: count("feed_forward"),
            dropout: config.real("dropout") as f32,
            norm_first: config.word("norm") == "pre",
        };
        // The paper's: β₂ = 0.98 and ε = 10⁻⁹ (section 5.3).
        let rule = AdamRule { betas: (0.9, config.real("beta2")), eps: 1e-9, ..AdamRule::default() };
        let lr = config.real("rate") / (width as f64).sqrt();
        Ok(ProblemTraining {
            model: EncoderDecoder::new(sizes, key.fold(0)),
            task,
            adam: Adam::with(rule),
            schedule: Schedule::inverse_sqrt(lr, config.count("warmup")),
            steps: config.horizon() as f64,
            cooldown: config.real("cooldown") * config.horizon() as f64,
            smoothing: config.real("smoothing") as f32,
            clip: config.real("clip"),
            batch: count("batch"),
            problems: key.fold(2),
            dropped: key.fold(3),
            held_out: task.held_out(JUDGED, key.fold(4)),
        })
    }

    /// The questions that it is judged by, which no step has shown it.
    pub fn held_out(&self) -> &[String] {
        &self.held_out
    }

    /// The problems of a step.
    pub fn problems(&self, step: u64) -> Problems {
        let key = self.problems.fold(step);
        let questions: Vec<String> =
            (0..self.batch as u64).map(|i| self.task.question(Part::Train, key.fold(i))).collect();
        self.with_answers(&questions)
    }

    /// These questions, as words, with their answers.
    pub(crate) fn with_answers(&self, questions: &[String]) -> Problems {
        let spelled = |question: &String| {
            let answer = self.task.answer(question).expect("a question of this task");
            (self.task.encode(question), self.task.encode(&answer))
        };
        Problems::new(&questions.iter().map(spelled).collect::<Vec<_>>())
    }

    /// What the rate is multiplied by, 1 until the last part of the run. As 1/√step it stays so high that answers get better and worse
    /// again; the paper takes the mean of its last checkpoints against that (section 6.1).
    fn cooled(&self, step: u64) -> f64 {
        let left = (self.steps - step as f64) / self.cooldown.max(1e-9);
        left.clamp(0.01, 1.0)
    }

    /// One step on these problems: the loss before it, and the norm of its gradient.
    ///
    /// # Errors
    /// If the optimiser finds a parameter that the loss doesn't reach.
    pub fn learn(&mut self, step: u64, problems: &Problems) -> Result<(f32, f32), TrainError> {
        // g <- gradient of the mean of the cross-entropy with smoothed targets, clipped
        let loss = self.model.loss(problems, self.smoothing, &Context::train(self.dropped.fold(step)));
        let mut grads = loss.backward();
        let norm = clip_grad_norm(&mut grads, self.clip);
        // parameters <- updated by g, at the rate of this step
        self.adam.lr = self.schedule.lr(step) * self.cooled(step);
        self.adam
            .step(&mut self.model, &grads)
            .map_err(|source| TrainError::Step { step: step + 1, source: source.into() })?;
        Ok((loss.item(), norm))
    }

    /// What the model answers to these questions: the likeliest letter every time, each after those that it wrote itself.
    pub fn answers(&self, questions: &[String]) -> Vec<String> {
        let most = self.task.positions();
        let answered = questions
            .chunks(AT_A_TIME)
            .flat_map(|questions| self.model.answer(&self.with_answers(questions).source, most, Memory::Kept));
        answered.map(|words| self.task.decode(&words)).collect()
    }

    /// What each head of the decoder, layer by layer, looks at in a question as it writes the right answer: the weights of its
    /// attention to the source, (T, S) each, for the T letters of the answer and its end.
    ///
    /// # Panics
    /// If it is no question of the task.
    pub fn attention_to_source(&self, question: &str) -> Vec<Tensor> {
        let problems = self.with_answers(&[question.to_string()]);
        let layers = cross_weights(&self.model, &problems); // (1, H, T, S) each
        let heads = self.model.sizes().heads;
        layers.iter().flat_map(|weights| (0..heads).map(|head| weights.select(0, 0).select(0, head))).collect()
    }
}

impl Experiment for ProblemTraining {
    fn train_step(&mut self, step: u64) -> Result<StepOutcome, TrainError> {
        let problems = self.problems(step);
        let (loss, norm) = self.learn(step, &problems)?;
        let metrics = Metrics::new().with("loss", loss.into()).with("lr", self.adam.lr).with("grad_norm", norm.into());
        Ok(StepOutcome { metrics, examples: self.batch })
    }

    /// On held-out problems: the loss with the true letters before each, and the share of problems whose answer, written without them,
    /// is right to the last letter.
    fn evaluate(&self) -> Metrics {
        let model = self.model.frozen();
        let (mut sum, mut count) = (0.0, 0);
        for questions in self.held_out.chunks(AT_A_TIME) {
            let problems = self.with_answers(questions);
            let words: usize = questions.iter().map(|q| self.task.answer(q).map_or(0, |a| a.len() + 1)).sum();
            sum += f64::from(model.loss(&problems, self.smoothing, &Context::eval()).item()) * words as f64;
            count += words;
        }
        let answers = self.answers(&self.held_out);
        let right = self.held_out.iter().zip(&answers).filter(|(q, a)| self.task.answer(q).as_ref() == Ok(*a)).count();
        let exact = right as f64 / self.held_out.len() as f64;
        Metrics::new().with("loss", sum / count as f64).with("exact_match", exact)
    }

    fn writer(&self) -> Option<&dyn Writer> {
        Some(self)
    }

    fn drawings(&self) -> Vec<Drawing> {
        vec![masks(self), cross_attention(self)]
    }

    fn parameters(&self) -> Vec<Parameter> {
        parameters_of(&self.model)
    }

    fn loss_graph(&self) -> Var {
        self.model.loss(&self.problems(0), self.smoothing, &Context::train(self.dropped.fold(0)))
    }

    fn remarks(&self) -> String {
        let problems = self.problems(0);
        let [s, t] = [&problems.source, &problems.read].map(|ids| ids.shape()[1]);
        let table = parts(&self.model, |model| model.loss(&problems, self.smoothing, &Context::eval()));
        format!(
            "Parts, with the arithmetic of one batch of {} problems of up to {s} and {t} tokens, forward:\n\n{table}",
            self.batch
        )
    }

    fn save(&self, folder: &Path) -> Result<(), TrainError> {
        save_weights(&self.model, &self.adam, folder)
    }

    fn load(&mut self, folder: &Path) -> Result<(), TrainError> {
        load_weights(&mut self.model, &mut self.adam, folder)
    }
}

impl Writer for ProblemTraining {
    /// The likeliest answer, unless another is asked for: a smoothed model keeps a tenth of its belief for wrong letters.
    fn usual(&self) -> Sampling {
        Sampling::greedy()
    }

    /// The answer to the prompt; without one, the answers to some held-out questions, and what is right where they are wrong.
    fn write_pieces(
        &self,
        prompt: &str,
        sampling: &Sampling,
        out: &mut dyn FnMut(&Piece<'_>) -> bool,
    ) -> Result<(), TrainError> {
        if sampling.beams > 1 {
            let problem = "this model answers letter by letter and follows no beams; leave --beams out";
            return Err(TrainError::Contradiction(problem.to_string()));
        }
        if !prompt.is_empty() {
            self.task.answer(prompt).map_err(TrainError::Contradiction)?;
            out(&Piece::rest(" → "));
            self.answer_to(prompt, sampling, out);
            return Ok(());
        }
        for (i, question) in self.held_out.iter().take(SHOWN).enumerate() {
            let line_end = if i == 0 { "" } else { "\n" };
            if !out(&Piece::rest(&format!("{line_end}{question} → "))) {
                break;
            }
            let answer = self.answer_to(question, sampling, out);
            let right = self.task.answer(question).expect("a question of this task");
            if answer != right {
                out(&Piece::rest(&format!(" ({right} is right)")));
            }
        }
        Ok(())
    }
}

impl ProblemTraining {
    /// The answer, a letter at a time, up to a stop string; each is handed to `out` as soon as it stands.
    fn answer_to(&self, question: &str, sampling: &Sampling, out: &mut dyn FnMut(&Piece<'_>) -> bool) -> String {
        let (model, key) = (self.model.frozen(), Key::new(sampling.seed));
        let words = self.task.encode(question);
        let mut kept = model.begin(&Ids::from_slice(&words, [1, words.len()]));
        let (mut seen, mut word, mut answer) = (vec![false; self.task.words()], BEGIN, String::new());
        let mut voice = Voice::new(&sampling.stop);
        for i in 0..sampling.tokens.min(self.task.positions()) {
            let logits = model.read(&mut kept, &[word]).to_vec();
            word = choose(&probabilities(&logits, &seen, sampling), key.uniform(i as u64).into());
            if word == END {
                break;
            }
            seen[word as usize] = true;
            let letter = self.task.decode(&[word]);
            let (text, ended) = voice.push(letter.as_bytes());
            answer.push_str(&text);
            let believed = || probabilities(&logits, &seen, &Sampling::default())[word as usize];
            if !out(&Piece::new(&text, &letter, &believed)) || ended {
                return answer;
            }
        }
        let rest = voice.finish();
        if !rest.is_empty() {
            answer.push_str(&rest);
            out(&Piece::rest(&rest));
        }
        answer
    }
}
