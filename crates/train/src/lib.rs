//! # Training: everything around a model that is the same for all of them
//!
//! A family of models implements [`Experiment`] and describes itself by [`Preset`]s; the rest is here. [`Runner`] takes the
//! steps, notes the [`Metrics`], draws samples, tells an [`Observer`] of all that, and leaves a [`RunDir`] that explains itself and that a later sitting goes
//! on with, bit for bit. [`Page`] and [`curves_svg`] make its [`report`], and the [`comparison`] of several.

#![forbid(unsafe_code)]

mod best;
mod checkpoints;
mod claim;
mod columns;
mod comparison;
mod config;
mod config_file;
mod curves;
mod error;
mod evaluation;
mod experiment;
mod interrupt;
mod lock;
mod manifest;
mod metrics;
mod observer;
mod page;
mod plane;
mod profile;
mod progress;
mod recorded;
mod replace;
mod report;
mod run_dir;
mod runner;
mod sitting;
mod table;
mod tensorboard;
mod trained;
mod unchanged;
mod weights;
mod writer;

pub use claim::{Claim, Number, Pace, Paper, deviation, mean};
pub use columns::{columns, quantity};
pub use comparison::comparison;
pub use config::{RunConfig, Setting, Value, Values};
pub use curves::{Curve, PALETTE, curves_svg};
pub use error::TrainError;
pub use evaluation::Evaluation;
pub use experiment::{
    Build, Built, Drawing, Experiment, Parameter, Picture, Preset, Sample, StepOutcome, find_preset, parameters_of,
};
pub use interrupt::catch_interrupts;
pub use manifest::{Damage, Flaw};
pub use metrics::{HELD_OUT, Metrics, MetricsLog, Record, read_metrics, shown};
pub use observer::Observer;
pub use page::Page;
pub use plane::{Plane, SvgArea, plane};
pub use profile::{Profiler, profile_table};
pub use progress::Progress;
pub use recorded::Recorded;
pub use replace::Aside;
pub use report::report;
pub use run_dir::{RunDir, claim_folder};
pub use runner::{Runner, SAMPLE_SEED};
pub use sitting::{Ending, Limits, Outcome};
pub use table::metrics_csv;
pub use tensorboard::TensorBoard;
pub use trained::Trained;
pub use weights::{load_weights, save_weights};
pub use writer::{Piece, Sampling, Writer, no_middle};
