//! What a person sees while a run trains: a bar on a terminal, plain lines elsewhere, both on standard error.

use crate::metrics::Metrics;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// How training shows how far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Show {
    /// A bar where standard error is a terminal, lines where it isn't.
    #[default]
    Auto,
    /// Lines.
    Lines,
    /// Not at all.
    Nothing,
}

/// Lines come at most that often, so that a log of hours stays readable.
const BETWEEN_LINES: Duration = Duration::from_secs(5);

/// Shows one sitting of a run.
#[derive(Debug)]
pub(crate) struct Progress {
    name: String,
    kind: Kind,
    end: u64,
    first: u64,
    begun: Instant,
}

#[derive(Debug)]
enum Kind {
    Bar(ProgressBar),
    Lines { last: Option<Instant> },
    Nothing,
}

impl Progress {
    /// From step `first` to step `end`.
    pub(crate) fn new(show: Show, name: &str, first: u64, end: u64) -> Progress {
        let kind = match show {
            Show::Nothing => Kind::Nothing,
            Show::Auto if std::io::stderr().is_terminal() => {
                let style = ProgressStyle::with_template("{prefix} {bar:24} {pos}/{len} {per_sec} eta {eta}  {msg}");
                let bar = ProgressBar::new(end).with_style(style.expect("the template is valid"));
                bar.set_prefix(name.to_string());
                bar.set_position(first);
                bar.reset_eta();
                Kind::Bar(bar)
            }
            Show::Auto | Show::Lines => Kind::Lines { last: None },
        };
        Progress { name: name.to_string(), kind, end, first, begun: Instant::now() }
    }

    /// After step `step`, with its metrics.
    pub(crate) fn step(&mut self, step: u64, metrics: &Metrics) {
        match &mut self.kind {
            Kind::Bar(bar) => {
                bar.set_position(step);
                bar.set_message(metrics.to_string());
            }
            Kind::Lines { last } => {
                if step == self.end || last.is_none_or(|t| t.elapsed() >= BETWEEN_LINES) {
                    *last = Some(Instant::now());
                    let speed = (step - self.first) as f64 / self.begun.elapsed().as_secs_f64().max(1e-9);
                    eprintln!("{} step {step}/{}  {metrics}  {speed:.1} steps/s", self.name, self.end);
                }
            }
            Kind::Nothing => {}
        }
    }

    /// The sitting is over.
    pub(crate) fn finish(&self) {
        if let Kind::Bar(bar) = &self.kind {
            bar.abandon(); // the bar stays as it is
        }
    }
}
