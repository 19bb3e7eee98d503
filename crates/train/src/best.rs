//! `checkpoints/best.json`: the held-out loss of each checkpoint that is there, and which is the best.
//!
//! `{"step":1580,"loss":241.7,"judged":{"1580":241.7,"4740":242.3}}`
//!
//! It is written after the checkpoint, which a kill can leave without it; the next sitting judges that checkpoint first. The
//! best is never removed, so the best of those that are there is the best of all that ever were.

use crate::error::TrainError;
use crate::run_dir::RunDir;
use glassbox_data::files::write_atomically;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::io;

/// The held-out loss of every checkpoint, by its step.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Judged {
    losses: BTreeMap<u64, f64>,
}

/// How the file is laid out.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    step: u64,
    loss: f64,
    judged: BTreeMap<u64, f64>,
}

impl Judged {
    /// Of those checkpoints of the run that are there. None if there is no file yet.
    ///
    /// # Errors
    /// If it is damaged, or cannot be read.
    pub(crate) fn read(dir: &RunDir) -> Result<Judged, TrainError> {
        let path = dir.best_path();
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Judged::default()),
            Err(source) => return Err(TrainError::Io { path, doing: "read", source }),
        };
        let file: File = serde_json::from_slice(&text).map_err(|e| TrainError::Damaged {
            path,
            problem: format!("{e}; remove the file to go on with only the last checkpoints known to be worth keeping"),
        })?;
        let there = dir.checkpoints()?;
        Ok(Judged { losses: file.judged.into_iter().filter(|(step, _)| there.contains(step)).collect() })
    }

    /// The loss of the checkpoint of this step.
    pub(crate) fn loss(&self, step: u64) -> Option<f64> {
        self.losses.get(&step).copied()
    }

    /// Notes the loss of a checkpoint. One that is no number is no judgement.
    pub(crate) fn note(&mut self, step: u64, loss: f64) {
        if loss.is_finite() {
            self.losses.insert(step, loss);
        }
    }

    /// The step of the least loss, the first of them if there are several.
    pub(crate) fn best(&self) -> Option<u64> {
        self.losses.iter().min_by(|a, b| a.1.total_cmp(b.1)).map(|(&step, _)| step)
    }

    /// Writes the file, if anything was judged.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) fn write(&self, dir: &RunDir) -> Result<(), TrainError> {
        let Some(step) = self.best() else { return Ok(()) };
        let file = File { step, loss: self.losses[&step], judged: self.losses.clone() };
        let text = serde_json::to_vec(&file).expect("finite numbers are JSON");
        Ok(write_atomically(&dir.best_path(), &text)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_the_least_is_the_best_and_what_is_no_number_is_not() {
        let mut judged = Judged::default();
        assert_eq!(judged.best(), None);
        for (step, loss) in [(5, 3.0), (10, 2.0), (15, f64::NAN), (20, 2.0), (25, f64::NEG_INFINITY)] {
            judged.note(step, loss);
        }
        assert_eq!((judged.best(), judged.loss(20), judged.loss(15)), (Some(10), Some(2.0), None));
    }
}
