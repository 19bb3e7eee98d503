//! The loop around a model: steps, metrics, samples, checkpoints, the report.

use crate::best::Judged;
use crate::checkpoints::KEPT;
use crate::config::RunConfig;
use crate::error::TrainError;
use crate::evaluation::Evaluation;
use crate::experiment::{Build, Preset, Sample};
use crate::lock::Lock;
use crate::metrics::{HELD_OUT, Metrics, MetricsLog, Record};
use crate::observer::Observer;
use crate::report;
use crate::run_dir::RunDir;
use crate::sitting::{Clock, Ending, Limits, Outcome};
use crate::trained::{State, Trained, read_config, unchecked};
use crate::unchanged::{Beginning, FEWEST_STEPS};
use glassbox_autograd::detect_anomaly;
use glassbox_autograd::profile::{Phase, Span};
use glassbox_data::files::write_atomically;
use glassbox_data::image::write_png;
use glassbox_tensor::counted;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::atomic::Ordering;

/// Samples in a grid that is drawn as training goes.
const SAMPLES: usize = 64;

/// The seed of those samples: always the same noise, so that one sees the same picture become clearer.
pub const SAMPLE_SEED: u64 = 0;

/// Where what a run begins with stays, even if this process stood elsewhere: of a run its last checkpoint.
fn found_again(from: &str) -> Result<String, TrainError> {
    let path = Path::new(from);
    let folder = match path.join("config.toml").is_file() {
        true => RunDir::open(path).and_then(|run| Ok(run.checkpoint_path(run.last_checkpoint()?)))?,
        false => path.to_path_buf(),
    };
    let folder = folder.canonicalize().map_err(|_| TrainError::Damaged {
        path: path.to_path_buf(),
        problem: "there is no such folder; name a run, or a folder with model.safetensors and tokenizer.json"
            .to_string(),
    })?;
    Ok(folder.display().to_string())
}

/// A run that is training.
pub struct Runner {
    run: Trained,
    log: MetricsLog,
    keep: usize,
    /// The last evaluation, with the step after which it was made.
    evaluation: Option<(u64, Metrics)>,
    /// The step after which samples were drawn last.
    sampled: Option<u64>,
    /// The parameters as this sitting found them, until somebody has looked which of them it changes.
    beginning: Option<Beginning>,
    /// Held as long as this lives.
    _lock: Lock,
}

impl Runner {
    /// Starts a run in a new directory. The data set and the model come first, so that a mistake in them leaves no
    /// directory behind; the configuration comes last, when there is a checkpoint, of the untrained model, to go on from.
    ///
    /// # Errors
    /// If the data set or a setting doesn't fit, or the directory isn't free.
    pub fn start(mut config: RunConfig, out: &Path) -> Result<Runner, TrainError> {
        config.from = config.from.map(|from| found_again(&from)).transpose()?;
        let experiment = config.build()?;
        if !matches!(config.preset().build, Build::Generated(_)) {
            config.data = glassbox_data::absolute(&config.data); // found again from elsewhere
        }
        let text = config.to_toml()?;
        let (dir, lock) = RunDir::create(out)?;
        let log = MetricsLog::open_at(&dir.metrics_path(), 0)?;
        let state = State { step: 0, seed: config.seed, examples: 0, seconds: 0.0 };
        let run = Trained { dir, config, step: 0, experiment, warnings: Vec::new(), state };
        let runner = Runner { run, log, keep: KEPT, evaluation: None, sampled: None, beginning: None, _lock: lock };
        runner.save()?;
        write_atomically(&runner.run.dir.config_path(), text.as_bytes())?;
        Ok(runner)
    }

    /// Goes on with a run from its last checkpoint that is whole; [`Trained::warnings`] say which were not. What was noted
    /// beyond it is cut.
    ///
    /// # Errors
    /// As [`Trained::open`], but for damage only if no checkpoint is whole; if `metrics.jsonl` is damaged; and if the run is
    /// being trained already.
    pub fn resume(path: &Path, presets: &[&'static Preset]) -> Result<Runner, TrainError> {
        let dir = RunDir::open(path)?;
        let config = read_config(&dir, presets)?;
        let lock = Lock::take(path)?;
        let whole = dir.last_whole_checkpoint()?;
        let mut run = Trained::load(&dir, &config, whole.step)?;
        let log = MetricsLog::open_at(&dir.metrics_path(), run.step)?;
        // Only now is it certain that the run goes on.
        dir.remove_leftovers()?;
        for (step, damage) in whole.damaged {
            let aside = dir.set_aside(step)?;
            run.warnings.push(format!(
                "{damage}; this checkpoint is kept as {} and not used, and the run goes on from step {}",
                aside.display(),
                run.step
            ));
        }
        if !whole.checked {
            run.warnings.push(unchecked(&dir, run.step));
        }
        Ok(Runner { run, log, keep: KEPT, evaluation: None, sampled: None, beginning: None, _lock: lock })
    }

    /// The run as it stands.
    pub fn run_so_far(&self) -> &Trained {
        &self.run
    }

    /// Trains until a limit is reached, and leaves a checkpoint, pictures, a report and an evaluation. If the steps are all
    /// taken and only what comes after them is not there, because a kill came between, it is done now.
    ///
    /// # Errors
    /// If there is no step left to take, if a loss is not finite (nothing of that step is kept), or if something cannot
    /// be written, by the run or by who looks on.
    pub fn train(&mut self, limits: &Limits<'_>, observer: &mut dyn Observer) -> Result<Outcome, TrainError> {
        let end = limits.end.unwrap_or(self.run.config.horizon());
        if end < self.run.step || end == self.run.step && self.is_concluded() {
            return Err(TrainError::Contradiction(format!(
                "{}: this run has taken {} already; --steps counts from the start of the run, so give more than that",
                self.run.dir.path().display(),
                counted(self.run.step, "step")
            )));
        }
        self.keep = limits.keep.unwrap_or(KEPT);
        // A kill may have come between the checkpoint and its judgement.
        self.tidy_up()?;
        observer.begin(&self.run, end)?;
        self.beginning = Some(Beginning::new(&*self.run.experiment, self.run.step));
        let clock = Clock::start(self.run.state.seconds);
        let ending = loop {
            if self.run.step == end {
                break Ending::Finished;
            }
            if limits.interrupt.is_some_and(|flag| flag.load(Ordering::Relaxed)) {
                break Ending::Interrupted;
            }
            if limits.minutes.is_some_and(|m| clock.sitting() >= 60.0 * m) {
                break Ending::OutOfTime;
            }
            self.step(&clock, observer).map_err(|error| self.explain(error, limits))?;
        };
        let outcome = self.conclude(ending, &clock, observer)?;
        observer.end(&outcome)?;
        Ok(outcome)
    }

    /// One step and what is due after it.
    fn step(&mut self, clock: &Clock, observer: &mut dyn Observer) -> Result<(), TrainError> {
        let run = &mut self.run;
        let outcome = {
            let _span = Span::step();
            run.experiment.train_step(run.step)?
        };
        run.step += 1;
        run.state.step = run.step;
        run.state.examples += outcome.examples as u64;
        let mut metrics = outcome.metrics;
        if run.step.is_multiple_of(run.config.count("sample_every")) {
            self.draw_samples(observer)?;
            for (name, value) in self.evaluate().iter() {
                metrics = metrics.with(&format!("{HELD_OUT}{name}"), value);
            }
        }
        let run = &mut self.run;
        if let Some((name, value)) = metrics.iter().find(|(_, v)| !v.is_finite()) {
            return Err(TrainError::NotFinite { step: run.step, name: name.to_string(), value, cause: None });
        }
        run.state.seconds = clock.run();
        let (step, seconds, examples) = (run.step, run.state.seconds, run.state.examples);
        let record = Record { step, metrics, seconds, examples };
        self.log.append(&record)?;
        observer.step(&record)?;
        if self.run.step.is_multiple_of(self.run.config.count("checkpoint_every")) {
            self.save()?;
            self.tidy_up()?;
            self.look_for_unchanged(observer)?;
        }
        Ok(())
    }

    /// Warns of parameters that this sitting left as they were, once: at its first checkpoint, or at its end if that comes first.
    fn look_for_unchanged(&mut self, observer: &mut dyn Observer) -> Result<(), TrainError> {
        let run = &self.run;
        let Some(beginning) = self.beginning.take_if(|b| b.steps_until(run.step) >= FEWEST_STEPS) else {
            return Ok(());
        };
        beginning.warning(&*run.experiment, run.step).map_or(Ok(()), |sentence| observer.warned(&sentence))
    }

    /// Samples of the model as it stands, unless they are drawn already.
    fn draw_samples(&mut self, observer: &mut dyn Observer) -> Result<(), TrainError> {
        let run = &self.run;
        if self.sampled != Some(run.step) {
            let span = Span::phase(Phase::Evaluation, "samples");
            let sample = run.experiment.shown(SAMPLES, SAMPLE_SEED)?;
            drop(span);
            match &sample {
                Sample::Picture(picture) => write_png(&run.dir.sample_path(run.step), picture)?,
                Sample::Text(text) => write_atomically(&run.dir.text_path(run.step), text.as_bytes())?,
            }
            observer.sampled(run.step, &sample)?;
            self.sampled = Some(run.step);
        }
        Ok(())
    }

    /// Adds to a number that went wrong which operation made it: the steps since the last checkpoint are taken again, for
    /// they have the same bits, and in the last of them every operation is looked at.
    fn explain(&self, error: TrainError, limits: &Limits<'_>) -> TrainError {
        let TrainError::NotFinite { step, name, value, cause: None } = error else { return error };
        TrainError::NotFinite { step, name, value, cause: self.first_anomaly(step, limits) }
    }

    /// What [`detect_anomaly`] says about the step which is the run's `step`th. `None` if it finds nothing, or if something
    /// else is in the way: the number that went wrong is what matters.
    fn first_anomaly(&self, step: u64, limits: &Limits<'_>) -> Option<String> {
        let (dir, config) = (&self.run.dir, &self.run.config);
        let mut again = Trained::load(dir, config, dir.last_whole_checkpoint().ok()?.step).ok()?;
        for before in again.step..step - 1 {
            if limits.interrupt.is_some_and(|flag| flag.load(Ordering::Relaxed)) {
                return None;
            }
            again.experiment.train_step(before).ok()?;
        }
        let last = AssertUnwindSafe(|| detect_anomaly(|| again.experiment.train_step(step - 1)));
        let panic = panic::catch_unwind(last).err()?;
        panic.downcast_ref::<String>().cloned()
    }

    /// The held-out metrics of the model as it stands.
    fn evaluate(&mut self) -> Metrics {
        let step = self.run.step;
        match &self.evaluation {
            Some((at, metrics)) if *at == step => metrics.clone(),
            _ => {
                let _span = Span::phase(Phase::Evaluation, "evaluation");
                let metrics = self.run.experiment.evaluate();
                self.evaluation = Some((step, metrics.clone()));
                metrics
            }
        }
    }

    /// Judges the checkpoint of this step, if there is one and it wasn't judged, notes which is the best of all, and removes
    /// the old ones.
    fn tidy_up(&mut self) -> Result<(), TrainError> {
        let (step, dir) = (self.run.step, self.run.dir.clone());
        let mut judged = Judged::read(&dir)?;
        if step > 0 && judged.loss(step).is_none() && dir.checkpoint_path(step).exists() {
            if let Some(loss) = self.evaluate().get("loss") {
                judged.note(step, loss);
            }
            judged.write(&dir)?;
        }
        dir.prune(self.keep, judged.best())
    }

    /// Writes a checkpoint, the metrics first: a checkpoint without the lines that lead to it would lose them.
    fn save(&self) -> Result<(), TrainError> {
        let _span = Span::phase(Phase::Other, "checkpoint");
        self.log.sync()?;
        let run = &self.run;
        run.dir.write_checkpoint(run.step, |folder| {
            run.experiment.save(folder)?;
            let state = serde_json::to_vec_pretty(&run.state).expect("numbers are JSON");
            Ok(write_atomically(&folder.join("state.json"), &state)?)
        })
    }

    /// Whether a sitting that ended at this step did all that it had to do.
    fn is_concluded(&self) -> bool {
        Evaluation::read(&self.run.dir).is_ok_and(|read| read.is_some_and(|e| e.step == self.run.step))
    }

    fn conclude(&mut self, ending: Ending, clock: &Clock, observer: &mut dyn Observer) -> Result<Outcome, TrainError> {
        self.run.state.seconds = clock.run();
        self.save()?;
        let evaluation = self.evaluate();
        self.tidy_up()?;
        self.draw_samples(observer)?;
        self.look_for_unchanged(observer)?;
        let run = &self.run;
        let (step, seconds) = (run.step, run.state.seconds);
        let mut pictures = Vec::new();
        let shown = run.experiment.pictures();
        for picture in &shown {
            let path = run.dir.picture_path(picture.name);
            write_png(&path, &picture.image)?;
            pictures.push(path);
        }
        let drawn = run.experiment.drawings();
        for drawing in &drawn {
            let path = run.dir.drawing_path(drawing.name);
            write_atomically(&path, drawing.svg.as_bytes())?;
            pictures.push(path);
        }
        let texts: Vec<_> = [run.dir.text_path(step)].into_iter().filter(|path| path.exists()).collect();
        report::page(run, &shown, &drawn, &evaluation)?.write(&run.dir.report_path())?;
        // Last, for it tells that all of this is there: see is_concluded.
        Evaluation { step, metrics: evaluation.clone() }.write(&run.dir)?;
        Ok(Outcome { step, ending, evaluation, seconds, pictures, texts, report: run.dir.report_path() })
    }
}
