//! What a person sees while a run trains: a bar on a terminal, plain lines elsewhere, both on standard error.

use crate::error::TrainError;
use crate::metrics::{HELD_OUT, Metrics, Record};
use crate::observer::Observer;
use crate::sitting::Outcome;
use crate::trained::Trained;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// Lines come at most that often, so that a log of hours stays readable.
const BETWEEN_LINES: Duration = Duration::from_secs(5);

/// Shows how far a sitting is: a bar where standard error is a terminal, lines where it isn't.
#[derive(Debug, Default)]
pub struct Progress {
    sitting: Option<Sitting>,
}

#[derive(Debug)]
struct Sitting {
    name: &'static str,
    first: u64,
    end: u64,
    begun: Instant,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Bar(ProgressBar),
    Lines { last: Option<Instant> },
}

impl Progress {
    /// Of no sitting yet.
    pub fn new() -> Progress {
        Progress::default()
    }
}

impl Observer for Progress {
    fn begin(&mut self, run: &Trained, end: u64) -> Result<(), TrainError> {
        let (name, first) = (run.config.preset().name, run.step);
        let kind = match std::io::stderr().is_terminal() {
            true => Kind::Bar(bar(name, first, end)),
            false => Kind::Lines { last: None },
        };
        self.sitting = Some(Sitting { name, first, end, begun: Instant::now(), kind });
        Ok(())
    }

    fn step(&mut self, record: &Record) -> Result<(), TrainError> {
        self.sitting.iter_mut().for_each(|sitting| sitting.step(record.step, &of_the_batch(&record.metrics)));
        Ok(())
    }

    fn warned(&mut self, sentence: &str) -> Result<(), TrainError> {
        match &self.sitting {
            Some(Sitting { name, kind: Kind::Bar(bar), .. }) => bar.suspend(|| say(&format!("{name}: {sentence}"))),
            Some(Sitting { name, .. }) => say(&format!("{name}: {sentence}")),
            None => {}
        }
        Ok(())
    }

    fn end(&mut self, _: &Outcome) -> Result<(), TrainError> {
        if let Some(Sitting { kind: Kind::Bar(bar), .. }) = self.sitting.take() {
            bar.abandon(); // the bar stays as it is
        }
        Ok(())
    }
}

impl Sitting {
    fn step(&mut self, step: u64, metrics: &Metrics) {
        match &mut self.kind {
            Kind::Bar(bar) => {
                bar.set_position(step);
                bar.set_message(metrics.to_string());
            }
            Kind::Lines { last } => {
                if step == self.end || last.is_none_or(|t| t.elapsed() >= BETWEEN_LINES) {
                    *last = Some(Instant::now());
                    let speed = (step - self.first) as f64 / self.begun.elapsed().as_secs_f64().max(1e-9);
                    say(&format!("{} step {step}/{}  {metrics}  {speed:.1} steps/s", self.name, self.end));
                }
            }
        }
    }
}

fn bar(name: &str, first: u64, end: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{prefix} {bar:24} {pos}/{len} {per_sec} eta {eta}  {msg}");
    let bar = ProgressBar::new(end).with_style(style.expect("the template is valid"));
    bar.set_prefix(name.to_string());
    bar.set_position(first);
    bar.reset_eta();
    bar
}

/// Nobody may be there to read it any more (`2>&1 | head`); the run goes on.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Those that every step has: a number that is there once in a hundred steps would only make the line jump.
fn of_the_batch(metrics: &Metrics) -> Metrics {
    let every_step = metrics.iter().filter(|(name, _)| !name.starts_with(HELD_OUT));
    every_step.fold(Metrics::new(), |all, (name, value)| all.with(name, value))
}
