//! `evaluation.json`: the held-out metrics of a run's last checkpoint, `{"step":790,"loss":241.7,"reconstruction":229.1,…}`.
//!
//! It is the last that a sitting writes, so that where it names the step of the checkpoint all else is there, too.

use crate::error::TrainError;
use crate::metrics::Metrics;
use crate::run_dir::{RunDir, io_error};
use glassbox_data::files::write_atomically;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;

/// The held-out metrics of a run after a number of steps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// How many steps had been taken.
    pub step: u64,
    /// `loss` first.
    #[serde(flatten)]
    pub metrics: Metrics,
}

impl Evaluation {
    /// That of the run's last sitting which came to its end. `None` if there was none.
    ///
    /// # Errors
    /// If the file is damaged, or cannot be read.
    pub fn read(dir: &RunDir) -> Result<Option<Evaluation>, TrainError> {
        let path = dir.evaluation_path();
        match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).map(Some).map_err(|e| TrainError::Damaged {
                path,
                problem: format!("{e}; remove the file, and `glassbox eval` says again what it said"),
            }),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(io_error(&path, "read", source)),
        }
    }

    /// Writes the file.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) fn write(&self, dir: &RunDir) -> Result<(), TrainError> {
        let text = serde_json::to_vec(self).expect("numbers are JSON");
        Ok(write_atomically(&dir.evaluation_path(), &text)?)
    }
}
