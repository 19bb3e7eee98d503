//! A run is a directory that explains itself.
//!
//! ```text
//! config.toml                 all that is needed to run it again
//! metrics.jsonl               one JSON object for each step
//! checkpoints/step-N/         parameters and optimiser (safetensors), state.json, manifest.json with checksums
//! checkpoints/best.json       which of them has the least held-out loss
//! samples/step-N.png          what the model made after N steps; step-N.txt if it writes
//! tensorboard/                the metrics and the samples for TensorBoard, if it was asked for
//! profile.md, profile.json    what each operation of a sitting cost, if that was asked for; trace.json has the last steps
//! evaluation.json             held-out metrics of the last checkpoint
//! report.html                 all of it to look at, in one file
//! lock                        held by the process that trains it
//! ```
//!
//! A folder is a run once it has `config.toml`, which is written last of what a new run needs: a kill before that leaves a
//! folder in which the same command starts again, and a kill at any later moment a run that can go on.
//!
//! Here are the names and the start; what happens in `checkpoints/` stands in `checkpoints.rs`.

use crate::error::TrainError;
use crate::lock::{LOCK, Lock};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The directory of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunDir {
    path: PathBuf,
}

impl RunDir {
    /// Makes the directory of a new run, and takes its lock. An empty one that is there already will do, and so will one
    /// whose start was killed before there was a run.
    ///
    /// # Errors
    /// If something else is there already, or if the directory cannot be made or written to.
    pub(crate) fn create(path: &Path) -> Result<(RunDir, Lock), TrainError> {
        let cannot = |source| TrainError::CannotCreate { path: path.to_path_buf(), source };
        let dir = RunDir { path: path.to_path_buf() };
        match claim_folder(path) {
            Err(TrainError::Occupied { .. }) if dir.is_unfinished_start().map_err(cannot)? => {}
            claimed => claimed?,
        }
        let lock = Lock::take(path).map_err(|e| match e {
            TrainError::Io { source, .. } => cannot(source),
            other => other,
        })?;
        // What another process did between the look and the lock: its run is no folder to start in.
        if dir.config_path().exists() {
            return Err(TrainError::Occupied { path: path.to_path_buf() });
        }
        for folder in [dir.checkpoints_path(), dir.samples_path()] {
            fs::create_dir_all(&folder).map_err(cannot)?;
        }
        let untrained = dir.checkpoint_path(0);
        if untrained.exists() {
            fs::remove_dir_all(untrained).map_err(cannot)?;
        }
        dir.remove_leftovers()?;
        Ok((dir, lock))
    }

    /// Whether the folder has nothing but what the start of a run leaves that is killed before `config.toml` is there.
    fn is_unfinished_start(&self) -> io::Result<bool> {
        let names = |folder: &Path| -> io::Result<Vec<String>> {
            fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
        };
        if !self.path.join(LOCK).is_file() {
            return Ok(false);
        }
        for name in names(&self.path)? {
            let ours = match name.as_str() {
                LOCK | "metrics.jsonl" => true,
                "samples" => names(&self.samples_path())?.is_empty(),
                "checkpoints" => {
                    names(&self.checkpoints_path())?.iter().all(|name| name == "step-0" || name == ".step-0.tmp")
                }
                other => is_leftover(other, ".config.toml."),
            };
            if !ours {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Removes what a kill left half written, or half removed, under names of its own. Who calls it holds the lock; pictures that
    /// other processes may be writing are let be.
    ///
    /// # Errors
    /// If that cannot be done.
    pub(crate) fn remove_leftovers(&self) -> Result<(), TrainError> {
        for (folder, prefix) in
            [(self.path.clone(), "."), (self.checkpoints_path(), "."), (self.samples_path(), ".step-")]
        {
            let cannot = |source| io_error(&folder, "read", source);
            let entries = match fs::read_dir(&folder) {
                Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
                entries => entries.map_err(cannot)?,
            };
            for entry in entries {
                let entry = entry.map_err(cannot)?;
                if is_leftover(&entry.file_name().to_string_lossy(), prefix) {
                    remove(&entry.path())?;
                }
            }
        }
        Ok(())
    }

    /// The directory of a run that was started before.
    ///
    /// # Errors
    /// If there is no such directory, or no `config.toml` in it.
    pub fn open(path: &Path) -> Result<RunDir, TrainError> {
        let dir = RunDir { path: path.to_path_buf() };
        if !dir.config_path().is_file() {
            return Err(TrainError::NotARun { path: path.to_path_buf(), missing: "config.toml" });
        }
        Ok(dir)
    }

    /// `base` if nothing is there, else the first of `base-2`, `base-3`, … where nothing is.
    pub fn next_free(base: &Path) -> PathBuf {
        let with = |i: usize| {
            let mut name = base.file_name().unwrap_or_default().to_os_string();
            name.push(format!("-{i}"));
            base.with_file_name(name)
        };
        // symlink_metadata: a link that leads nowhere is something, too.
        let free = |p: &PathBuf| fs::symlink_metadata(p).is_err();
        std::iter::once(base.to_path_buf()).chain((2..).map(with)).find(free).expect("the numbers don't end")
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// `config.toml`.
    pub fn config_path(&self) -> PathBuf {
        self.path.join("config.toml")
    }

    /// `metrics.jsonl`.
    pub fn metrics_path(&self) -> PathBuf {
        self.path.join("metrics.jsonl")
    }

    /// `tensorboard`.
    pub fn tensorboard_path(&self) -> PathBuf {
        self.path.join("tensorboard")
    }

    /// `profile.md`.
    pub fn profile_path(&self) -> PathBuf {
        self.path.join("profile.md")
    }

    /// `profile.json`.
    pub fn profile_json_path(&self) -> PathBuf {
        self.path.join("profile.json")
    }

    /// `trace.json`.
    pub fn trace_path(&self) -> PathBuf {
        self.path.join("trace.json")
    }

    /// `evaluation.json`.
    pub fn evaluation_path(&self) -> PathBuf {
        self.path.join("evaluation.json")
    }

    /// `report.html`.
    pub fn report_path(&self) -> PathBuf {
        self.path.join("report.html")
    }

    /// `samples/step-N.png`.
    pub fn sample_path(&self, step: u64) -> PathBuf {
        self.samples_path().join(format!("step-{step}.png"))
    }

    /// `samples/step-N.txt`, of a model that writes.
    pub fn text_path(&self, step: u64) -> PathBuf {
        self.samples_path().join(format!("step-{step}.txt"))
    }

    /// `samples/NAME.png`: a picture of the trained model other than its samples.
    pub fn picture_path(&self, name: &str) -> PathBuf {
        self.samples_path().join(format!("{name}.png"))
    }

    /// `samples/NAME.svg`: a drawing of the trained model.
    pub fn drawing_path(&self, name: &str) -> PathBuf {
        self.samples_path().join(format!("{name}.svg"))
    }

    /// `checkpoints/step-N`.
    pub fn checkpoint_path(&self, step: u64) -> PathBuf {
        self.checkpoints_path().join(format!("step-{step}"))
    }

    /// `checkpoints/best.json`.
    pub fn best_path(&self) -> PathBuf {
        self.checkpoints_path().join("best.json")
    }

    fn samples_path(&self) -> PathBuf {
        self.path.join("samples")
    }

    pub(crate) fn checkpoints_path(&self) -> PathBuf {
        self.path.join("checkpoints")
    }

    /// The steps at which samples were drawn, ascending.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn sampled_steps(&self) -> Result<Vec<u64>, TrainError> {
        steps_in(&self.samples_path(), "step-", ".png")
    }

    /// The steps at which text was written, ascending.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn written_steps(&self) -> Result<Vec<u64>, TrainError> {
        steps_in(&self.samples_path(), "step-", ".txt")
    }

    /// What was written after so many steps. Bytes that are no UTF-8 become the replacement character.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn read_text(&self, step: u64) -> Result<String, TrainError> {
        let path = self.text_path(step);
        let bytes = fs::read(&path).map_err(|e| io_error(&path, "read", e))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// Makes a folder that is to be written to, with those above it. An empty one that is there already will do.
///
/// # Errors
/// If something is there already, or if the folder cannot be made.
pub fn claim_folder(path: &Path) -> Result<(), TrainError> {
    let cannot = |source| TrainError::CannotCreate { path: path.to_path_buf(), source };
    match fs::read_dir(path) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => Err(TrainError::Occupied { path: path.to_path_buf() }),
        },
        Err(_) if path.is_file() => Err(TrainError::Occupied { path: path.to_path_buf() }),
        Err(e) if e.kind() == io::ErrorKind::NotFound => fs::create_dir_all(path).map_err(cannot),
        Err(e) => Err(cannot(e)),
    }
}

/// Whether it is the name of a file which [`write_atomically`](glassbox_data::files::write_atomically) hasn't renamed yet.
fn is_leftover(name: &str, prefix: &str) -> bool {
    name.starts_with(prefix) && name.ends_with(".tmp")
}

/// Removes a file, or a folder with all that is in it.
pub(crate) fn remove(path: &Path) -> Result<(), TrainError> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    removed.map_err(|e| io_error(path, "remove", e))
}

pub(crate) fn io_error(path: &Path, doing: &'static str, source: io::Error) -> TrainError {
    TrainError::Io { path: path.to_path_buf(), doing, source }
}

/// Entries called `prefix`, a number, `suffix`; the numbers ascending. Everything else in the folder is someone else's.
pub(crate) fn steps_in(folder: &Path, prefix: &str, suffix: &str) -> Result<Vec<u64>, TrainError> {
    let cannot = |source| io_error(folder, "read", source);
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(cannot(e)),
    };
    let mut steps = Vec::new();
    for entry in entries {
        let name = entry.map_err(cannot)?.file_name();
        let number = name.to_str().and_then(|n| n.strip_prefix(prefix)).and_then(|n| n.strip_suffix(suffix));
        steps.extend(number.and_then(|n| n.parse::<u64>().ok()));
    }
    steps.sort_unstable();
    Ok(steps)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn new_run() -> (tempfile::TempDir, RunDir) {
        let parent = tempfile::tempdir().unwrap();
        let (dir, _lock) = RunDir::create(&parent.path().join("a/run")).unwrap();
        (parent, dir)
    }

    pub(crate) fn write(folder: &Path) -> Result<(), TrainError> {
        fs::write(folder.join("state.json"), "{}").map_err(|e| io_error(folder, "write", e))
    }

    #[test]
    fn a_folder_with_something_in_it_is_refused_and_left_alone() {
        let parent = tempfile::tempdir().unwrap();
        let (full, file) = (parent.path().join("full"), parent.path().join("file"));
        fs::create_dir(&full).unwrap();
        fs::write(full.join("mine.txt"), "kept").unwrap();
        fs::write(&file, "kept").unwrap();
        for path in [&full, &file] {
            let error = RunDir::create(path).unwrap_err();
            assert!(matches!(error, TrainError::Occupied { .. }), "{error}");
            assert!(error.to_string().starts_with(&format!("{}: exists", path.display())), "{error}");
        }
        assert_eq!(fs::read_to_string(full.join("mine.txt")).unwrap(), "kept");
        assert_eq!(fs::read_to_string(file).unwrap(), "kept");
    }

    #[test]
    fn a_start_that_was_killed_before_there_was_a_run_is_started_again() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("run");
        let (dir, lock) = RunDir::create(&path).unwrap();
        dir.write_checkpoint(0, write).unwrap();
        fs::write(dir.metrics_path(), "").unwrap();
        fs::write(path.join(".config.toml.7-0.tmp"), "preset").unwrap();
        assert!(matches!(RunDir::create(&path), Err(TrainError::Locked { .. })), "it may still be starting");
        drop(lock);
        let (dir, lock) = RunDir::create(&path).unwrap();
        assert_eq!(dir.checkpoints().unwrap(), [0; 0]);
        assert!(!path.join(".config.toml.7-0.tmp").exists());
        drop(lock);

        // Anything else in it is someone's, and a run is a run.
        for name in ["mine.txt", "config.toml", "samples/mine.png", "checkpoints/step-1"] {
            fs::write(path.join(name), "kept").unwrap();
            assert!(matches!(RunDir::create(&path), Err(TrainError::Occupied { .. })), "{name}");
            assert_eq!(fs::read_to_string(path.join(name)).unwrap(), "kept");
            fs::remove_file(path.join(name)).unwrap();
        }
    }

    #[test]
    fn a_folder_inside_a_file_cannot_be_made() {
        let parent = tempfile::tempdir().unwrap();
        fs::write(parent.path().join("file"), "").unwrap();
        let error = RunDir::create(&parent.path().join("file/run")).unwrap_err();
        assert!(matches!(error, TrainError::CannotCreate { .. }), "{error}");
    }

    #[test]
    fn the_next_free_name_counts_up() {
        let parent = tempfile::tempdir().unwrap();
        let base = parent.path().join("vae");
        assert_eq!(RunDir::next_free(&base), base);
        RunDir::create(&base).unwrap();
        RunDir::create(&parent.path().join("vae-2")).unwrap();
        assert_eq!(RunDir::next_free(&base), parent.path().join("vae-3"));
    }

    #[test]
    fn what_a_kill_left_half_written_or_half_removed_goes() {
        let (_parent, dir) = new_run();
        dir.write_checkpoint(10, write).unwrap();
        let half = dir.checkpoints_path().join(".old-5.tmp");
        fs::create_dir(&half).unwrap();
        write(&half).unwrap();
        let files = [
            dir.path().join(".report.html.7-0.tmp"),
            dir.checkpoints_path().join(".best.json.7-0.tmp"),
            dir.samples_path().join(".step-5.png.7-0.tmp"),
        ];
        files.iter().for_each(|file| fs::write(file, "half").unwrap());
        // `glassbox sample` may be writing this one at the moment.
        let others = dir.samples_path().join(".samples-seed-0.png.8-0.tmp");
        fs::write(&others, "half").unwrap();
        dir.remove_leftovers().unwrap();
        assert!(!half.exists() && files.iter().all(|file| !file.exists()));
        assert!(others.exists() && dir.checkpoints().unwrap() == [10]);
    }
}
