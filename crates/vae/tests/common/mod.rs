//! Small models on the embedded pictures, for tests.

use glassbox_train::{Preset, Record, RunConfig, read_metrics};
use std::path::Path;

/// A preset with small layers.
pub fn small(preset: &'static Preset) -> RunConfig {
    let mut config = RunConfig::new(preset);
    for set in ["hidden=48", "latents=6", "batch=32", "sample_every=4", "checkpoint_every=5"] {
        config.set(set).unwrap();
    }
    config
}

/// The metrics of a run without the wall clock.
#[allow(dead_code)] // not every test binary that includes this file asks for it
pub fn timeless(run: &Path) -> Vec<Record> {
    let mut records = read_metrics(&run.join("metrics.jsonl")).unwrap();
    records.iter_mut().for_each(|r| r.seconds = 0.0);
    records
}
