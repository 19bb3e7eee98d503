//! Replacing a run by another (`--force`): the old one is set aside, and goes only when the new one stands.

use crate::error::TrainError;
use crate::lock::Lock;
use std::fs;
use std::path::{Path, PathBuf};

/// A run under another name for as long as its successor isn't there.
#[derive(Debug)]
pub struct Aside {
    path: PathBuf,
    parts: &'static [&'static str],
    aside: PathBuf,
}

impl Aside {
    /// Sets the run at `path` aside, so that the path is free. `None` if it was free already, or an empty folder. A job that
    /// trains several runs below `path` says in `parts` what they are called.
    ///
    /// # Errors
    /// If what is there is no run, if it is being trained, or if it can't be renamed.
    pub fn set(path: &Path, parts: &'static [&'static str]) -> Result<Option<Aside>, TrainError> {
        let is_empty = || fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none());
        if fs::symlink_metadata(path).is_err() || is_empty() {
            return Ok(None);
        }
        let runs = runs_at(path, parts);
        if runs.is_empty() {
            return Err(TrainError::NotReplaceable { path: path.to_path_buf() });
        }
        // Held by nobody else, or this is an error; it is not held on, for a folder with an open file can't be renamed on Windows.
        runs.iter().try_for_each(|run| Lock::take(run).map(drop))?;
        let mut name = std::ffi::OsString::from(".");
        name.push(path.file_name().unwrap_or_default());
        name.push(format!(".{}.old", std::process::id()));
        let aside = Aside { path: path.to_path_buf(), parts, aside: path.with_file_name(name) };
        rename(&aside.path, &aside.aside)?;
        Ok(Some(aside))
    }

    /// Removes what was set aside if there is a run in its place now; else it gets its place back.
    ///
    /// # Errors
    /// If that can't be done.
    pub fn settle(self) -> Result<(), TrainError> {
        let remove = |path: &Path| fs::remove_dir_all(path).map_err(|e| error(path, "remove", e));
        if !runs_at(&self.path, self.parts).is_empty() {
            return remove(&self.aside);
        }
        if self.path.exists() {
            remove(&self.path)?; // what the start left that failed
        }
        rename(&self.aside, &self.path)
    }
}

/// The folder itself if it is a run, else those of its parts that are, if it has no other folders. A run is known by three
/// names that are there from its start to its end; what the files contain may be damaged.
fn runs_at(path: &Path, parts: &[&str]) -> Vec<PathBuf> {
    let is_run = |path: &Path| {
        ["config.toml", "lock"].iter().all(|file| path.join(file).is_file()) && path.join("checkpoints").is_dir()
    };
    if is_run(path) {
        return vec![path.to_path_buf()];
    }
    let entries = fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
    let folders: Vec<PathBuf> = entries.filter(|entry| entry.is_dir()).collect();
    let is_part = |folder: &PathBuf| parts.iter().any(|part| path.join(part) == *folder) && is_run(folder);
    if folders.iter().all(is_part) { folders } else { Vec::new() }
}

fn rename(from: &Path, to: &Path) -> Result<(), TrainError> {
    fs::rename(from, to).map_err(|e| error(from, "rename", e))
}

fn error(path: &Path, doing: &'static str, source: std::io::Error) -> TrainError {
    TrainError::Io { path: path.to_path_buf(), doing, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn make_run(path: &Path) {
        fs::create_dir_all(path.join("checkpoints")).unwrap();
        ["config.toml", "lock"].iter().for_each(|file| fs::write(path.join(file), "").unwrap());
    }

    #[test]
    fn a_run_goes_when_its_successor_stands_and_comes_back_when_it_does_not() {
        let parent = tempfile::tempdir().unwrap();
        let run = parent.path().join("run");
        assert!(Aside::set(&run, &[]).unwrap().is_none(), "nothing is there");
        fs::create_dir(&run).unwrap();
        assert!(Aside::set(&run, &[]).unwrap().is_none(), "an empty folder is free");

        make_run(&run);
        fs::write(run.join("config.toml"), "old").unwrap();
        let aside = Aside::set(&run, &[]).unwrap().unwrap();
        assert!(!run.exists());
        fs::create_dir(&run).unwrap(); // a start that fails
        aside.settle().unwrap();
        assert_eq!(fs::read_to_string(run.join("config.toml")).unwrap(), "old");

        let aside = Aside::set(&run, &[]).unwrap().unwrap();
        make_run(&run);
        aside.settle().unwrap();
        assert_eq!(fs::read_to_string(run.join("config.toml")).unwrap(), "");
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 1, "nothing else is left");
    }

    #[test]
    fn what_is_no_run_or_is_being_trained_is_let_be() {
        let parent = tempfile::tempdir().unwrap();
        let (file, folder, runs) =
            (parent.path().join("file"), parent.path().join("folder"), parent.path().join("runs"));
        fs::write(&file, "kept").unwrap();
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("config.toml"), "of another program").unwrap();
        ["a", "b", "mine"].iter().for_each(|run| make_run(&runs.join(run)));
        for (path, parts) in [(&file, &[] as &'static [_]), (&folder, &[]), (&runs, &[]), (&runs, &["a", "b"])] {
            let error = Aside::set(path, parts).unwrap_err();
            assert!(matches!(error, TrainError::NotReplaceable { .. }) && error.is_mistake(), "{error}");
        }
        assert!(file.is_file() && runs.join("mine/lock").is_file());

        fs::remove_dir_all(runs.join("mine")).unwrap();
        let trained = Lock::take(&runs.join("b")).unwrap();
        assert!(matches!(Aside::set(&runs, &["a", "b"]), Err(TrainError::Locked { .. })));
        drop(trained);
        assert!(Aside::set(&runs, &["a", "b"]).unwrap().is_some());
    }
}
