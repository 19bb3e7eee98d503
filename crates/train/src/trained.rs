//! A run as its last checkpoint has it, opened to read or to go on with.

use crate::config::RunConfig;
use crate::error::TrainError;
use crate::experiment::{Experiment, Preset};
use crate::manifest::Verdict;
use crate::run_dir::RunDir;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::Path;

/// A trained model of a run, as its last checkpoint has it.
pub struct Trained {
    /// The run.
    pub dir: RunDir,
    /// Its configuration.
    pub config: RunConfig,
    /// The step of the checkpoint.
    pub step: u64,
    /// The model.
    pub experiment: Box<dyn Experiment>,
    /// What a person should know about how it was opened, in sentences: a checkpoint that was damaged and passed over, or one
    /// that could not be checked.
    pub warnings: Vec<String>,
    pub(crate) state: State,
}

/// `state.json` in a checkpoint: what the safetensors beside it don't say.
///
/// The position in the data is the step itself: batches are a function of (seed, step).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    pub(crate) step: u64,
    pub(crate) seed: u64,
    pub(crate) examples: u64,
    pub(crate) seconds: f64,
}

impl Trained {
    /// Opens a run to read its last checkpoint; changes nothing in it.
    ///
    /// # Errors
    /// If it is not a run, has no checkpoint, or if something in it, or its data set, is missing or damaged.
    pub fn open(path: &Path, presets: &[&'static Preset]) -> Result<Trained, TrainError> {
        let dir = RunDir::open(path)?;
        let config = read_config(&dir, presets)?;
        loop {
            let step = dir.last_checkpoint()?;
            let opened = Trained::read(&dir, &config, step);
            // A sitting that goes on at the same time may have replaced the checkpoint by a later one.
            if opened.is_ok() || dir.last_checkpoint()? == step {
                return opened;
            }
        }
    }

    fn read(dir: &RunDir, config: &RunConfig, step: u64) -> Result<Trained, TrainError> {
        let checked = match dir.verify_checkpoint(step)? {
            Verdict::Whole => true,
            Verdict::Unchecked => false,
            Verdict::Damaged(damage) => return Err(TrainError::DamagedCheckpoint(damage)),
        };
        let mut run = Trained::load(dir, config, step)?;
        if !checked {
            run.warnings.push(unchecked(dir, step));
        }
        Ok(run)
    }

    pub(crate) fn load(dir: &RunDir, config: &RunConfig, step: u64) -> Result<Trained, TrainError> {
        let folder = dir.checkpoint_path(step);
        let state = read_state(&folder.join("state.json"), step, config.seed)?;
        let mut config = config.clone();
        let mut experiment = config.build()?;
        experiment.load(&folder)?;
        Ok(Trained { dir: dir.clone(), config, step, experiment, warnings: Vec::new(), state })
    }
}

pub(crate) fn read_config(dir: &RunDir, presets: &[&'static Preset]) -> Result<RunConfig, TrainError> {
    RunConfig::read(&dir.config_path(), presets)
}

/// A checkpoint without a manifest is accepted: nothing shows that it is damaged, and there is nothing to go on from else.
pub(crate) fn unchecked(dir: &RunDir, step: u64) -> String {
    let folder = dir.checkpoint_path(step);
    format!("{}: has no manifest.json, so that damage to its files would not be noticed", folder.display())
}

fn read_text(path: &Path) -> Result<String, TrainError> {
    fs::read_to_string(path).map_err(|source| TrainError::Io { path: path.to_path_buf(), doing: "read", source })
}

fn read_state(path: &Path, step: u64, seed: u64) -> Result<State, TrainError> {
    let damaged = |problem: String| TrainError::Damaged {
        path: path.to_path_buf(),
        problem: format!("{problem}; remove the folder of this checkpoint to go on from the one before it"),
    };
    let state: State = serde_json::from_str(&read_text(path)?).map_err(|e| damaged(e.to_string()))?;
    if (state.step, state.seed) != (step, seed) {
        let (s, r) = (state.step, state.seed);
        return Err(damaged(format!(
            "step {s} and seed {r} are not those of the folder ({step}) and the run ({seed})"
        )));
    }
    Ok(state)
}
