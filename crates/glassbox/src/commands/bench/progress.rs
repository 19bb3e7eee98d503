//! How far the measuring is: a bar on a terminal, a line for each round elsewhere, on standard error.

use crate::output::note;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::{IsTerminal, stderr};

/// What is shown.
pub struct Progress(Option<ProgressBar>);

impl Progress {
    /// Of so many pieces of work, all rounds together.
    pub fn new(pieces: usize) -> Progress {
        Progress(stderr().is_terminal().then(|| {
            let style =
                ProgressStyle::with_template("{bar:24} {pos}/{len} eta {eta}  {msg}").expect("the template is valid");
            ProgressBar::new(pieces as u64).with_style(style)
        }))
    }

    /// Begins something that is not a row.
    pub fn stage(&self, what: &str) {
        match &self.0 {
            Some(bar) => bar.set_message(what.to_string()),
            None => note(what),
        }
    }

    /// Begins a row.
    pub fn row(&self, title: &str) {
        self.0.iter().for_each(|bar| bar.set_message(title.to_string()));
    }

    /// A row is done.
    pub fn done(&self) {
        self.0.iter().for_each(|bar| bar.inc(1));
    }

    /// Takes the bar away.
    pub fn end(&self) {
        self.0.iter().for_each(ProgressBar::finish_and_clear);
    }
}
