//! `checkpoints/` of a run: written whole or not at all, checked when they are read, the old ones removed.
//!
//! A checkpoint is written under a temporary name, synced to the disk and renamed, so that a kill at any moment leaves a
//! run that can go on: what is called `step-N` was whole when it got its name. Whether it still is, its manifest tells when it is
//! read; one that isn't is set aside as `step-N.damaged` by the next sitting, which goes on from the one before it.

use crate::error::TrainError;
use crate::manifest::{self, Damage, MANIFEST, Verdict};
use crate::run_dir::{RunDir, io_error, remove, steps_in};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// How many checkpoints are kept unless something else is asked for: the last, and the one before it in case that the disk
/// damages the last.
pub(crate) const KEPT: usize = 2;

impl RunDir {
    /// The steps at which there are checkpoints, ascending.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn checkpoints(&self) -> Result<Vec<u64>, TrainError> {
        steps_in(&self.checkpoints_path(), "step-", "")
    }

    /// The step of the last checkpoint.
    ///
    /// # Errors
    /// If there is none, or the folder cannot be read.
    pub fn last_checkpoint(&self) -> Result<u64, TrainError> {
        let last = self.checkpoints()?.pop();
        last.ok_or_else(|| TrainError::NoCheckpoint { path: self.path().to_path_buf() })
    }

    /// Compares the checkpoint with its manifest.
    ///
    /// # Errors
    /// If something in it cannot be read. Damage is no error here.
    pub(crate) fn verify_checkpoint(&self, step: u64) -> Result<Verdict, TrainError> {
        let folder = self.checkpoint_path(step);
        manifest::verify(&folder).map_err(|e| io_error(&folder, "read", e))
    }

    /// The last checkpoint that isn't damaged, and what is wrong with those after it.
    ///
    /// # Errors
    /// If there is none, or something cannot be read.
    pub(crate) fn last_whole_checkpoint(&self) -> Result<WholeCheckpoint, TrainError> {
        let mut damaged = Vec::new();
        for step in self.checkpoints()?.into_iter().rev() {
            match self.verify_checkpoint(step)? {
                Verdict::Damaged(damage) => damaged.push((step, damage)),
                verdict => return Ok(WholeCheckpoint { step, checked: verdict == Verdict::Whole, damaged }),
            }
        }
        Err(match damaged.into_iter().next() {
            Some((_, damage)) => TrainError::NoWholeCheckpoint(damage),
            None => TrainError::NoCheckpoint { path: self.path().to_path_buf() },
        })
    }

    /// Gives a damaged checkpoint another name, `step-N.damaged`, under which nothing reads or removes it.
    ///
    /// # Errors
    /// If that cannot be done.
    pub(crate) fn set_aside(&self, step: u64) -> Result<PathBuf, TrainError> {
        let path = self.checkpoint_path(step);
        let aside = RunDir::next_free(&self.checkpoints_path().join(format!("step-{step}.damaged")));
        fs::rename(&path, &aside).map_err(|e| io_error(&path, "rename", e))?;
        Ok(aside)
    }

    /// Writes `checkpoints/step-N` by calling `write` with an empty folder. If that checkpoint is there already, nothing is
    /// done: equal steps have equal bits.
    ///
    /// # Errors
    /// If `write` fails or the disk does; no checkpoint of that name is there then.
    pub fn write_checkpoint(
        &self,
        step: u64,
        write: impl FnOnce(&Path) -> Result<(), TrainError>,
    ) -> Result<(), TrainError> {
        if !self.checkpoint_path(step).exists() {
            let temporary = self.prepare_checkpoint(step)?;
            let outcome = write(&temporary).and_then(|()| self.publish_checkpoint(&temporary, step));
            if outcome.is_err() {
                // The first failure is the one to report.
                let _ = fs::remove_dir_all(&temporary);
            }
            outcome?;
        }
        Ok(())
    }

    /// Removes all checkpoints but the last `keep` and the one of step `best`, and that of step 0 as soon as there is
    /// another: nothing was learned by then.
    ///
    /// # Errors
    /// If one cannot be removed.
    pub(crate) fn prune(&self, keep: usize, best: Option<u64>) -> Result<(), TrainError> {
        let steps = self.checkpoints()?;
        for (i, &old) in steps.iter().enumerate() {
            let younger = steps.len() - 1 - i;
            if old == 0 && younger > 0 || younger >= keep && Some(old) != best {
                self.remove_checkpoint(old)?;
            }
        }
        Ok(())
    }

    /// An empty folder for the checkpoint under a name that is not taken for one. What a kill left there is removed.
    fn prepare_checkpoint(&self, step: u64) -> Result<PathBuf, TrainError> {
        let folder = self.checkpoints_path();
        let cannot = |source| io_error(&folder, "write", source);
        fs::create_dir_all(&folder).map_err(cannot)?;
        for entry in fs::read_dir(&folder).map_err(cannot)? {
            let path = entry.map_err(cannot)?.path();
            if path.extension().is_some_and(|e| e == "tmp") {
                remove(&path)?;
            }
        }
        let temporary = folder.join(format!(".step-{step}.tmp"));
        fs::create_dir(&temporary).map_err(cannot)?;
        Ok(temporary)
    }

    /// Adds the manifest, syncs every file, then the folder, gives it its name, and syncs that.
    fn publish_checkpoint(&self, temporary: &Path, step: u64) -> Result<(), TrainError> {
        let cannot = |source| io_error(temporary, "write", source);
        manifest::describe(temporary).and_then(|text| fs::write(temporary.join(MANIFEST), text)).map_err(cannot)?;
        for entry in fs::read_dir(temporary).map_err(cannot)? {
            File::open(entry.map_err(cannot)?.path()).and_then(|f| f.sync_all()).map_err(cannot)?;
        }
        sync_folder(temporary).map_err(cannot)?;
        fs::rename(temporary, self.checkpoint_path(step)).map_err(cannot)?;
        sync_folder(&self.checkpoints_path()).map_err(cannot)
    }

    /// By renaming first, so that a kill leaves no half of a checkpoint under its name.
    fn remove_checkpoint(&self, step: u64) -> Result<(), TrainError> {
        let (path, temporary) = (self.checkpoint_path(step), self.checkpoints_path().join(format!(".old-{step}.tmp")));
        fs::rename(&path, &temporary)
            .and_then(|()| fs::remove_dir_all(&temporary))
            .map_err(|e| io_error(&path, "remove", e))
    }
}

/// Where a run can go on.
#[derive(Debug)]
pub(crate) struct WholeCheckpoint {
    /// The step.
    pub(crate) step: u64,
    /// Whether there was a manifest to compare it with.
    pub(crate) checked: bool,
    /// The checkpoints after it, the last first, with the first thing that is wrong with each.
    pub(crate) damaged: Vec<(u64, Damage)>,
}

/// On Unix a rename is on the disk once its folder is; elsewhere a folder cannot be opened as a file.
fn sync_folder(path: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run_dir::tests::{new_run, write};

    #[test]
    fn the_best_is_kept_besides_the_last() {
        let (_parent, dir) = new_run();
        for step in [5, 10, 15, 20] {
            dir.write_checkpoint(step, write).unwrap();
            dir.prune(2, Some(5)).unwrap();
        }
        assert_eq!(dir.checkpoints().unwrap(), [5, 15, 20]);
        dir.prune(1, Some(20)).unwrap();
        assert_eq!(dir.checkpoints().unwrap(), [20]);
    }

    #[test]
    fn the_untrained_model_is_kept_until_there_is_another_checkpoint() {
        let (_parent, dir) = new_run();
        for (step, left) in [(0, &[0][..]), (5, &[5]), (10, &[5, 10])] {
            dir.write_checkpoint(step, write).unwrap();
            dir.prune(KEPT, None).unwrap();
            assert_eq!(dir.checkpoints().unwrap(), left);
        }
    }

    #[test]
    fn the_last_two_checkpoints_are_kept_and_numbers_are_compared_as_numbers() {
        let (_parent, dir) = new_run();
        for step in [8, 9, 10, 100] {
            dir.write_checkpoint(step, write).unwrap();
            dir.prune(KEPT, None).unwrap();
        }
        assert_eq!(dir.checkpoints().unwrap(), [10, 100]);
        assert_eq!(dir.last_checkpoint().unwrap(), 100);
        assert_eq!(fs::read_dir(dir.checkpoints_path()).unwrap().count(), 2);
    }

    #[test]
    fn a_kill_before_the_rename_leaves_the_checkpoint_before_it() {
        let (_parent, dir) = new_run();
        dir.write_checkpoint(5, write).unwrap();
        // The kill: everything is written, nothing is renamed.
        let temporary = dir.prepare_checkpoint(10).unwrap();
        write(&temporary).unwrap();
        fs::write(dir.checkpoints_path().join(".best.json.7-0.tmp"), "{").unwrap();
        assert_eq!(dir.last_checkpoint().unwrap(), 5);
        // The next sitting clears the leftovers and gets to the same step.
        dir.write_checkpoint(10, write).unwrap();
        assert_eq!(dir.checkpoints().unwrap(), [5, 10]);
        assert_eq!(fs::read_dir(dir.checkpoints_path()).unwrap().count(), 2);
    }

    #[test]
    fn a_failure_while_writing_leaves_no_checkpoint() {
        let (_parent, dir) = new_run();
        let error = dir.write_checkpoint(5, |folder| {
            write(folder)?;
            Err(io_error(folder, "write", io::Error::other("disk full")))
        });
        assert!(error.unwrap_err().to_string().ends_with("cannot write: disk full"));
        assert!(matches!(dir.last_checkpoint(), Err(TrainError::NoCheckpoint { .. })));
        assert_eq!(fs::read_dir(dir.checkpoints_path()).unwrap().count(), 0);
    }
}
