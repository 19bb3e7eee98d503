//! What the files of a run say about it, read without its model or its data: what a comparison shows and a table contains.

use crate::config::RunConfig;
use crate::error::TrainError;
use crate::evaluation::Evaluation;
use crate::experiment::Preset;
use crate::metrics::{Record, read_metrics};
use crate::run_dir::RunDir;
use crate::trained::read_config;
use std::collections::BTreeMap;
use std::path::Path;

/// A run as its files have it.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// What to call it beside others: its path as it was given.
    pub name: String,
    /// The directory.
    pub dir: RunDir,
    /// Its configuration.
    pub config: RunConfig,
    /// The lines of `metrics.jsonl`.
    pub records: Vec<Record>,
    /// `evaluation.json`.
    pub evaluation: Option<Evaluation>,
}

impl Recorded {
    /// Reads the files of a run; changes nothing in it.
    ///
    /// # Errors
    /// If it is not a run, or if one of the files is damaged or cannot be read.
    pub fn read(path: &Path, presets: &[&'static Preset]) -> Result<Recorded, TrainError> {
        let dir = RunDir::open(path)?;
        let config = read_config(&dir, presets)?;
        let records = read_metrics(&dir.metrics_path())?;
        let evaluation = Evaluation::read(&dir)?;
        Ok(Recorded { name: path.display().to_string(), dir, config, records, evaluation })
    }

    /// The points (step, value) of a metric.
    pub fn points(&self, metric: &str) -> Vec<(f64, f64)> {
        points(&self.records, metric)
    }
}

/// The points (step, value) of a metric, where it is there.
pub(crate) fn points(records: &[Record], metric: &str) -> Vec<(f64, f64)> {
    records.iter().filter_map(|r| Some((r.step as f64, r.metrics.get(metric)?))).collect()
}

/// The names of all metrics, in the order in which the runs note them first.
pub(crate) fn metric_names<'a>(runs: impl IntoIterator<Item = &'a [Record]>) -> Vec<&'a str> {
    let mut place: BTreeMap<&str, usize> = BTreeMap::new();
    for (name, _) in runs.into_iter().flatten().flat_map(|record| record.metrics.iter()) {
        let next = place.len();
        place.entry(name).or_insert(next);
    }
    let mut names: Vec<&str> = place.keys().copied().collect();
    names.sort_by_key(|name| place[name]);
    names
}
