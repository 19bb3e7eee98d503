//! What can keep a run from starting, going on or being read, in sentences that name the file and the remedy.

use crate::manifest::Damage;
use glassbox_data::DataError;
use glassbox_data::names::{did_you_mean, unknown};
use std::error::Error as StdError;
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Anything that goes wrong around a run. The text of each is fit to be shown to a person as it is.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TrainError {
    /// The operating system refused.
    #[error("{}: cannot {doing}: {source}{}", path.display(), remedy(source))]
    Io {
        /// The file or folder in question.
        path: PathBuf,
        /// What was tried, as a verb: "read", "write".
        doing: &'static str,
        /// The operating system's reason.
        source: io::Error,
    },

    /// The folder that a run should be written to cannot be made.
    #[error("{}: cannot make this folder: {source}; name another with --out", path.display())]
    CannotCreate {
        /// The folder.
        path: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },

    /// The folder that a run should be written to has something in it already.
    #[error("{}: exists and is no empty folder; name another with --out, or if it is a run, go on with --resume or replace \
             it with --force", path.display())]
    Occupied {
        /// The folder (or the file of that name).
        path: PathBuf,
    },

    /// A folder that was to be replaced by a run, and is none.
    #[error("{}: is not a run, and --force replaces nothing else; name another folder with --out", path.display())]
    NotReplaceable {
        /// The folder (or the file of that name).
        path: PathBuf,
    },

    /// A folder that should be a run and isn't.
    #[error("{}: not a run: {}; give the folder that `glassbox train` wrote", path.display(), lacks(path, missing))]
    NotARun {
        /// The folder that was given.
        path: PathBuf,
        /// The entry that it lacks.
        missing: &'static str,
    },

    /// A run that was ended before its first checkpoint.
    #[error("{}: this run has no checkpoint yet; start it anew with another --out", path.display())]
    NoCheckpoint {
        /// The run.
        path: PathBuf,
    },

    /// A run that is being trained.
    #[error(
        "{}: is being trained by {holder}; wait until it ends, or train another run with --out", path.display()
    )]
    Locked {
        /// The run.
        path: PathBuf,
        /// Who trains it, and for how long now.
        holder: String,
    },

    /// A checkpoint which is not as it was written.
    #[error(
        "{0}; `glassbox train --resume` goes on from the last checkpoint that is whole, and to read that one, remove the \
             folder of this checkpoint"
    )]
    DamagedCheckpoint(Damage),

    /// A run none of whose checkpoints is as it was written.
    #[error(
        "{0}; no other checkpoint of this run is whole, so put that file back from a copy, or start the run anew with \
             another --out"
    )]
    NoWholeCheckpoint(Damage),

    /// A file of a run which doesn't say what it must.
    #[error("{}: {problem}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and what can be done.
        problem: String,
    },

    /// No preset of that name.
    #[error("{}", unknown("preset", name, known))]
    UnknownPreset {
        /// What was asked for.
        name: String,
        /// All names.
        known: Vec<&'static str>,
    },

    /// A file of settings in which something is wrong.
    #[error("{}:{line}: {problem}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// The line, the first being 1.
        line: usize,
        /// What is wrong there, and what can be done.
        problem: String,
    },

    /// A `--set` which is not of the form `key=value`.
    #[error("--set {text}: write it as key=value, such as lr=0.001")]
    SetSyntax {
        /// What was given.
        text: String,
    },

    /// A `--set` of something that the preset doesn't have.
    #[error("{preset} has no setting {key:?}; {}", did_you_mean(key, known, "it has"))]
    UnknownSetting {
        /// The preset.
        preset: &'static str,
        /// What was asked for.
        key: String,
        /// All settings of the preset.
        known: Vec<&'static str>,
    },

    /// A value that cannot be taken.
    #[error("{key} = {value}: {key} ({about}) is {expected}")]
    BadValue {
        /// The setting.
        key: String,
        /// What was given.
        value: String,
        /// What the setting is.
        about: String,
        /// The values that it takes.
        expected: String,
    },

    /// Two wishes that contradict each other.
    #[error("{0}")]
    Contradiction(String),

    /// A loss, or a part of it, that is no number any more.
    #[error(
        "step {step}: {name} is {value}{}; nothing of this step was saved: resume from the last checkpoint, or start \
             again with a smaller lr",
        cause.as_ref().map_or(String::new(), |cause| format!(" because of {cause}"))
    )]
    NotFinite {
        /// The step, counted from 1.
        step: u64,
        /// The part of the loss.
        name: String,
        /// NaN or an infinity.
        value: f64,
        /// The first operation that made one, with its inputs and the line that called it, if it was found.
        cause: Option<String>,
    },

    /// The data set cannot be opened or doesn't fit, or a picture cannot be written.
    #[error(transparent)]
    Data(#[from] DataError),

    /// A parameter file cannot be written, read, or doesn't fit the model.
    #[error("{source}")]
    Model {
        /// The file.
        path: PathBuf,
        /// The reason, which names the file.
        source: Box<dyn StdError + Send + Sync>,
    },

    /// The optimiser could not take its step.
    #[error("step {step}: {source}")]
    Step {
        /// The step, counted from 1.
        step: u64,
        /// The reason.
        source: Box<dyn StdError + Send + Sync>,
    },
}

impl TrainError {
    /// Whether the person who gave the command can put it right by giving another (exit code 2), as opposed to a failure
    /// of the machine or of the training (exit code 1).
    pub fn is_mistake(&self) -> bool {
        match self {
            TrainError::Io { .. } | TrainError::NotFinite { .. } | TrainError::Step { .. } => false,
            TrainError::Data(error) => !matches!(error, DataError::Io { .. }),
            _ => true,
        }
    }
}

/// What keeps a path from being a run.
fn lacks(path: &Path, missing: &str) -> String {
    match path.metadata() {
        Ok(meta) if meta.is_dir() => format!("{missing} is missing in it"),
        Ok(_) => "it is a file".to_string(),
        Err(_) => "there is no such folder".to_string(),
    }
}

/// What can be done about what the operating system says; nothing if that depends.
fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => "; put it back from a copy, or look for a mistake in its name",
        io::ErrorKind::PermissionDenied => "; you need the right to",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "; make room on the disk and try again",
        io::ErrorKind::ReadOnlyFilesystem => "; choose a place that can be written to",
        _ => "",
    }
}
