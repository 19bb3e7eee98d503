//! A sitting: training from where a run stands until a limit is reached. A run may take several.

use crate::metrics::Metrics;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

/// When a sitting ends, and how much it leaves. Without limits it ends at the horizon.
#[derive(Debug, Clone, Copy, Default)]
pub struct Limits<'a> {
    /// After this step, counted from the start of the run, instead of the horizon.
    pub end: Option<u64>,
    /// After these minutes of this sitting, if the end doesn't come first.
    pub minutes: Option<f64>,
    /// When this flag is raised.
    pub interrupt: Option<&'a AtomicBool>,
    /// So many checkpoints are kept, the last ones; the one with the least held-out loss is kept besides. Two unless it is
    /// said. It is not a part of the configuration, for no number depends on it, and holds for this sitting.
    pub keep: Option<usize>,
}

/// Why a sitting ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// All steps are taken.
    Finished,
    /// The minutes were over.
    OutOfTime,
    /// The flag was raised.
    Interrupted,
}

/// What a sitting came to.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Where the run stands now.
    pub step: u64,
    /// Why it stopped there.
    pub ending: Ending,
    /// Held-out metrics, also in `evaluation.json`.
    pub evaluation: Metrics,
    /// Wall-clock seconds of the run, earlier sittings included.
    pub seconds: f64,
    /// The pictures that were drawn at the end, samples first; they are also in the report.
    pub pictures: Vec<PathBuf>,
    /// The text that was written at the end, if the model writes; it is also in the report.
    pub texts: Vec<PathBuf>,
    /// `report.html`.
    pub report: PathBuf,
}

/// Seconds of this sitting, and of the run.
pub(crate) struct Clock {
    begun: Instant,
    before: f64,
}

impl Clock {
    /// Starts; earlier sittings took `before` seconds.
    pub(crate) fn start(before: f64) -> Clock {
        Clock { begun: Instant::now(), before }
    }

    /// Seconds of this sitting.
    pub(crate) fn sitting(&self) -> f64 {
        self.begun.elapsed().as_secs_f64()
    }

    /// Seconds of the run.
    pub(crate) fn run(&self) -> f64 {
        self.before + self.sitting()
    }
}
