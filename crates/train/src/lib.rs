//! # Training: everything around a model that is the same for all of them
//!
//! A family of models implements [`Experiment`] and describes itself by [`Preset`]s. The rest is here.

mod config;
mod error;
mod experiment;
mod metrics;

pub use config::{RunConfig, Setting, Value};
pub use error::{TrainError, nearest};
pub use experiment::{Build, Experiment, Picture, Preset, StepOutcome, find_preset};
pub use metrics::{Metrics, MetricsLog, Record, read_metrics};
