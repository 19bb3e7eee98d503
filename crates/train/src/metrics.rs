//! Numbers with names, and `metrics.jsonl`: one JSON object a line for each training step.

use crate::error::TrainError;
use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// What stands before the name of a metric of held-out data in `metrics.jsonl`.
pub const HELD_OUT: &str = "test_";

/// Numbers with names, in order. The first of a loss is `loss`; its parts follow.
///
/// ```
/// use glassbox_train::Metrics;
/// let m = Metrics::new().with("loss", 240.5).with("kl", 12.0);
/// assert_eq!(m.get("kl"), Some(12.0));
/// assert_eq!(serde_json::to_string(&m).unwrap(), r#"{"loss":240.5,"kl":12.0}"#);
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Metrics {
    entries: Vec<(String, f64)>,
}

impl Metrics {
    /// None yet.
    pub fn new() -> Metrics {
        Metrics::default()
    }

    /// With one more at the end.
    #[must_use]
    pub fn with(mut self, name: &str, value: f64) -> Metrics {
        self.entries.push((name.to_string(), value));
        self
    }

    /// The number of that name.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.iter().find(|&(n, _)| n == name).map(|(_, v)| v)
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        self.entries.iter().map(|(n, v)| (n.as_str(), *v))
    }
}

impl fmt::Display for Metrics {
    /// As `loss 240.50  kl 12.00`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (name, value)) in self.iter().enumerate() {
            write!(f, "{}{name} {}", if i == 0 { "" } else { "  " }, shown(value))?;
        }
        Ok(())
    }
}

/// A number for people: two decimals, or three digits of what is too small for them, such as a learning rate.
///
/// ```
/// use glassbox_train::shown;
/// assert_eq!([240.498, 12.0, 0.0, 0.90051, 0.000912].map(shown), ["240.50", "12.00", "0.00", "0.901", "9.12e-4"]);
/// ```
pub fn shown(value: f64) -> String {
    match value.abs() {
        0.0 | 1.0.. => format!("{value:.2}"),
        0.01.. => format!("{value:.3}"),
        _ => format!("{value:.2e}"),
    }
}

impl Serialize for Metrics {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.entries.len()))?;
        for (name, value) in self.iter() {
            map.serialize_entry(name, &value)?;
        }
        map.end()
    }
}

/// By hand, for a map type would forget the order.
impl<'de> Deserialize<'de> for Metrics {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Metrics, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Metrics;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object whose values are numbers")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Metrics, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Metrics { entries })
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

/// One line of `metrics.jsonl`.
///
/// `{"step":80,"loss":301.2,"reconstruction":287.9,"kl":13.3,"seconds":1.9,"examples":10128}`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// How many steps have been taken, this one included.
    pub step: u64,
    /// The loss of the step's batch before its update, every part of it, and, where the model was also judged on held-out
    /// data after the step, each of those numbers with `test_` before its name.
    #[serde(flatten)]
    pub metrics: Metrics,
    /// Wall-clock seconds of the run until now, earlier sittings included. Not part of equality of runs.
    pub seconds: f64,
    /// Examples seen, with repetition, by all steps until now.
    pub examples: u64,
}

/// `metrics.jsonl`, open at its end.
#[derive(Debug)]
pub struct MetricsLog {
    path: PathBuf,
    file: File,
}

impl MetricsLog {
    /// Opens the file of a run that stands at step `step`, and cuts what a former sitting wrote beyond it. Makes it if
    /// there is none.
    ///
    /// # Errors
    /// If it cannot be read or written, or if a line other than the last is damaged.
    pub fn open_at(path: &Path, step: u64) -> Result<MetricsLog, TrainError> {
        let io = |doing| move |source| TrainError::Io { path: path.to_path_buf(), doing, source };
        let text = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(e) => return Err(io("read")(e)),
        };
        let keep: usize = lines(path, &text)?.iter().filter(|(r, _)| r.step <= step).map(|(_, len)| len).sum();
        let file = OpenOptions::new().append(true).create(true).open(path).map_err(io("write"))?;
        file.set_len(keep as u64).map_err(io("write"))?;
        Ok(MetricsLog { path: path.to_path_buf(), file })
    }

    /// Adds a line. One call is one write, so that a reader who follows the file sees whole lines.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn append(&mut self, record: &Record) -> Result<(), TrainError> {
        let mut line = serde_json::to_vec(record).expect("finite numbers with names are JSON");
        line.push(b'\n');
        self.file.write_all(&line).map_err(|source| self.cannot_write(source))
    }

    /// Waits until all lines are on the disk: a checkpoint must not be there before the lines that lead to it.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn sync(&self) -> Result<(), TrainError> {
        self.file.sync_all().map_err(|source| self.cannot_write(source))
    }

    fn cannot_write(&self, source: io::Error) -> TrainError {
        TrainError::Io { path: self.path.clone(), doing: "write", source }
    }
}

/// Reads `metrics.jsonl`. A torn last line, which a kill can leave, is passed over.
///
/// # Errors
/// If it cannot be read, or if another line is damaged.
pub fn read_metrics(path: &Path) -> Result<Vec<Record>, TrainError> {
    let text =
        std::fs::read(path).map_err(|source| TrainError::Io { path: path.to_path_buf(), doing: "read", source })?;
    Ok(lines(path, &text)?.into_iter().map(|(record, _)| record).collect())
}

/// The lines, each with its length in bytes.
fn lines(path: &Path, text: &[u8]) -> Result<Vec<(Record, usize)>, TrainError> {
    let mut records: Vec<(Record, usize)> = Vec::new();
    for (i, line) in text.split_inclusive(|&b| b == b'\n').enumerate() {
        let damaged = |problem: String| TrainError::Damaged {
            path: path.to_path_buf(),
            problem: format!("line {}: {problem}; remove the file to go on without its past", i + 1),
        };
        if !line.ends_with(b"\n") {
            break; // only the last line can lack its end: a kill came between
        }
        let record: Record = serde_json::from_slice(line).map_err(|e| damaged(e.to_string()))?;
        if let Some((before, _)) = records.last().filter(|(before, _)| before.step >= record.step) {
            return Err(damaged(format!("step {} comes after step {}", record.step, before.step)));
        }
        records.push((record, line.len()));
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(step: u64) -> Record {
        let metrics = Metrics::new().with("loss", 100.0 / step as f64).with("kl", 0.1 + step as f64);
        Record { step, metrics, seconds: 0.5, examples: 128 * step }
    }

    fn file_of(steps: std::ops::RangeInclusive<u64>) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("metrics.jsonl");
        let mut log = MetricsLog::open_at(&path, 0).unwrap();
        steps.for_each(|step| log.append(&record(step)).unwrap());
        (dir, path)
    }

    #[test]
    fn a_line_is_one_object_with_the_step_first_and_is_read_back() {
        let (_dir, path) = file_of(1..=3);
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().next(), Some(r#"{"step":1,"loss":100.0,"kl":1.1,"seconds":0.5,"examples":128}"#));
        assert_eq!(read_metrics(&path).unwrap(), [record(1), record(2), record(3)]);
    }

    #[test]
    fn resume_cuts_back_to_the_checkpoint_and_goes_on_from_there() {
        let (_dir, path) = file_of(1..=9);
        let mut log = MetricsLog::open_at(&path, 4).unwrap();
        log.append(&record(5)).unwrap();
        let steps: Vec<u64> = read_metrics(&path).unwrap().iter().map(|r| r.step).collect();
        assert_eq!(steps, [1, 2, 3, 4, 5]);
    }

    #[test]
    fn a_torn_last_line_is_passed_over_and_cut_by_resume() {
        let (_dir, path) = file_of(1..=3);
        let whole = std::fs::read(&path).unwrap();
        for cut in [1, 2, 20] {
            std::fs::write(&path, &whole[..whole.len() - cut]).unwrap();
            assert_eq!(read_metrics(&path).unwrap(), [record(1), record(2)], "{cut} bytes cut");
        }
        let mut log = MetricsLog::open_at(&path, 3).unwrap();
        log.append(&record(3)).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), whole);
    }

    #[test]
    fn a_damaged_line_in_the_middle_is_an_error_that_names_it_and_loses_nothing() {
        let (_dir, path) = file_of(1..=3);
        let text = std::fs::read_to_string(&path).unwrap().replacen("\"step\":2", "\"step\":x", 1);
        std::fs::write(&path, &text).unwrap();
        let error = MetricsLog::open_at(&path, 1).unwrap_err().to_string();
        assert!(error.contains("metrics.jsonl: line 2: "), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }
}
