//! `tensorboard/` in a run directory: `metrics.jsonl` and the samples in the format that TensorBoard reads.
//!
//! Nothing is in it that isn't in the run, so a sitting writes all of it anew: first what the run has already, and then every
//! step that it takes. That way the folder is whole although an earlier sitting had no `--tensorboard`, and has nothing of steps
//! which a kill has undone. [`event`] is what a file consists of, [`frame`] how it is put into it.

mod event;
mod frame;

use crate::error::TrainError;
use crate::experiment::Sample;
use crate::metrics::{Record, read_metrics};
use crate::observer::Observer;
use crate::run_dir::io_error;
use crate::sitting::Outcome;
use crate::trained::Trained;
use event::{Event, What};
use glassbox_data::image::read_png;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// What the files are called, before a number: TensorBoard reads files with `tfevents` in their names, in the order of these.
const NAME: &str = "events.out.tfevents.";

/// Events lie in memory for so long at most.
const BETWEEN_FLUSHES: Duration = Duration::from_secs(1);

/// Writes `tensorboard/` as a run trains: a scalar for every metric of every step, under the metric's name, and an image for
/// every drawing of samples, under `samples`. Show it with `tensorboard --logdir RUN`.
///
/// Times are those of a run without pauses between its sittings, so that TensorBoard's relative time is the time of training.
#[derive(Debug, Default)]
pub struct TensorBoard {
    file: Option<EventFile>,
}

impl TensorBoard {
    /// Of no run yet.
    pub fn new() -> TensorBoard {
        TensorBoard::default()
    }
}

impl Observer for TensorBoard {
    fn begin(&mut self, run: &Trained, _: u64) -> Result<(), TrainError> {
        self.file = None; // that of a run before this one is closed
        let folder = run.dir.tensorboard_path();
        fs::create_dir_all(&folder).map_err(|e| io_error(&folder, "write", e))?;
        let old = event_files(&folder)?;
        let number = old.keys().next_back().map_or(1, |last| last + 1);
        let mut file = EventFile::create(folder.join(format!("{NAME}{number:06}")), run.state.seconds)?;
        file.write_past(run)?;
        file.flush()?;
        forget(old.into_values())?;
        self.file = Some(file);
        Ok(())
    }

    fn step(&mut self, record: &Record) -> Result<(), TrainError> {
        let Some(file) = &mut self.file else { return Ok(()) };
        let event = file.scalars(record);
        file.write(&event)
    }

    fn sampled(&mut self, step: u64, samples: &Sample) -> Result<(), TrainError> {
        let Some(file) = &mut self.file else { return Ok(()) };
        file.write(&Event::sample(now(), step, samples))
    }

    fn end(&mut self, _: &Outcome) -> Result<(), TrainError> {
        self.file.take().map_or(Ok(()), |mut file| file.flush())
    }
}

/// Empties the files of earlier sittings, now that a new one has all of the run. A TensorBoard that is reading the last of them
/// goes on to the next file from its end, and would not from a file that is gone; those before it go.
fn forget(old: impl DoubleEndedIterator<Item = PathBuf>) -> Result<(), TrainError> {
    let mut old = old.rev();
    if let Some(last) = old.next() {
        File::create(&last).map_err(|e| io_error(&last, "write", e))?;
    }
    old.try_for_each(|path| fs::remove_file(&path).map_err(|e| io_error(&path, "remove", e)))
}

/// The event files in the folder by their numbers. Everything else in it is someone else's.
fn event_files(folder: &Path) -> Result<BTreeMap<u64, PathBuf>, TrainError> {
    let cannot = |source| io_error(folder, "read", source);
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).map_err(cannot)? {
        let entry = entry.map_err(cannot)?;
        let number = entry.file_name().to_str().and_then(|name| name.strip_prefix(NAME)?.parse().ok());
        files.extend(number.map(|number: u64| (number, entry.path())));
    }
    Ok(files)
}

/// An event file, open at its end.
#[derive(Debug)]
struct EventFile {
    path: PathBuf,
    out: BufWriter<File>,
    flushed: Instant,
    /// When the run would have begun if it had never paused, in seconds since 1970.
    origin: f64,
}

impl EventFile {
    /// Makes the file of a run that has trained for `seconds`. Its first events say which version the format has, and that
    /// whatever was read before no longer counts.
    fn create(path: PathBuf, seconds: f64) -> Result<EventFile, TrainError> {
        let out = File::create_new(&path).map_err(|e| io_error(&path, "write", e))?;
        let now = now();
        let mut file = EventFile { path, out: BufWriter::new(out), flushed: Instant::now(), origin: now - seconds };
        file.write(&Event { wall_time: now, step: 0, what: Some(What::FileVersion(event::VERSION.to_string())) })?;
        file.write(&Event { wall_time: now, step: 0, what: Some(What::SessionLog(event::start())) })?;
        Ok(file)
    }

    /// What the run has noted and drawn until the step at which it stands.
    fn write_past(&mut self, run: &Trained) -> Result<(), TrainError> {
        let records = read_metrics(&run.dir.metrics_path())?;
        let mut sampled = run.dir.sampled_steps()?.into_iter().filter(|&step| step <= run.step).peekable();
        let mut written = run.dir.written_steps()?.into_iter().filter(|&step| step <= run.step).peekable();
        for record in records.iter().filter(|record| record.step <= run.step) {
            while let Some(step) = sampled.next_if(|&step| step <= record.step) {
                let samples = read_png(&run.dir.sample_path(step))?;
                self.write(&Event::image(self.origin + record.seconds, step, &samples))?;
            }
            while let Some(step) = written.next_if(|&step| step <= record.step) {
                self.write(&Event::text(self.origin + record.seconds, step, &run.dir.read_text(step)?))?;
            }
            self.write(&self.scalars(record))?;
        }
        Ok(())
    }

    fn scalars(&self, record: &Record) -> Event {
        Event::scalars(self.origin + record.seconds, record.step, &record.metrics)
    }

    fn write(&mut self, event: &Event) -> Result<(), TrainError> {
        let written = frame::write(&mut self.out, &event.encoded());
        written.map_err(|e| self.cannot_write(e))?;
        if self.flushed.elapsed() >= BETWEEN_FLUSHES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), TrainError> {
        self.flushed = Instant::now();
        self.out.flush().map_err(|e| self.cannot_write(e))
    }

    fn cannot_write(&self, source: io::Error) -> TrainError {
        io_error(&self.path, "write", source)
    }
}

/// Seconds since 1970.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}
