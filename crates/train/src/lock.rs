//! `lock` in a run directory: who trains a run holds it, so that two processes never write to the same run.
//!
//! It is the operating system's lock on the open file, and ends with the process, however that ends: a file which a kill left
//! behind is no obstacle. The file itself stays, for a lock file that is removed could be locked twice. What it contains is
//! for the message to the second process only.

use crate::error::TrainError;
use glassbox_tensor::counted;
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Seek, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// What the file is called.
pub(crate) const LOCK: &str = "lock";

/// The right to write to a run, until it is dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
}

/// What the file contains while it is held.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Holder {
    pid: u32,
    since_unix_seconds: u64,
}

impl Lock {
    /// Takes the lock of the run in `folder`, or says who has it.
    ///
    /// # Errors
    /// If another process (or another [`Runner`](crate::Runner) of this one) has it, or if the file cannot be written.
    pub(crate) fn take(folder: &Path) -> Result<Lock, TrainError> {
        let path = folder.join(LOCK);
        let cannot = |source| TrainError::Io { path: path.clone(), doing: "write", source };
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(&path).map_err(cannot)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(TrainError::Locked { path: folder.to_path_buf(), holder: holder(&path) });
            }
            Err(TryLockError::Error(source)) => return Err(TrainError::Io { path, doing: "lock", source }),
        }
        let mut lock = Lock { file };
        let me = Holder { pid: std::process::id(), since_unix_seconds: now() };
        let text = serde_json::to_vec(&me).expect("numbers are JSON");
        lock.empty().and_then(|()| lock.file.write_all(&text)).map_err(cannot)?;
        Ok(lock)
    }

    fn empty(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // A name that stays in it could only mislead in the moment before the next holder writes its own.
        let _ = self.empty();
    }
}

/// Who holds it, in words. The file may be empty or torn at this moment, and on some systems not readable.
fn holder(path: &Path) -> String {
    let read = std::fs::read(path).ok().and_then(|text| serde_json::from_slice::<Holder>(&text).ok());
    read.map_or("another process".to_string(), |Holder { pid, since_unix_seconds }| {
        format!("process {pid}, for {}", duration(now().saturating_sub(since_unix_seconds)))
    })
}

fn duration(seconds: u64) -> String {
    match seconds {
        0..120 => counted(seconds, "second").to_string(),
        120..7200 => format!("{} minutes", seconds / 60),
        _ => format!("{} hours", seconds / 3600),
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_told_who_the_first_is_and_may_when_it_has_gone() {
        let folder = tempfile::tempdir().unwrap();
        let first = Lock::take(folder.path()).unwrap();
        let error = Lock::take(folder.path()).unwrap_err();
        assert!(matches!(error, TrainError::Locked { .. }) && error.is_mistake(), "{error}");
        for part in [&format!("process {}, for 0 seconds", std::process::id()), "wait until it ends", "--out"] {
            assert!(error.to_string().contains(part), "{error}");
        }
        drop(first);
        assert_eq!(std::fs::read(folder.path().join(LOCK)).unwrap(), b"");
        Lock::take(folder.path()).unwrap();
    }

    #[test]
    fn a_file_that_a_kill_left_is_no_obstacle() {
        let folder = tempfile::tempdir().unwrap();
        for left in ["{\"pid\":1,\"since_unix_seconds\":1700000000,\"and\":\"more than will be written\"}", "{\"pi"] {
            std::fs::write(folder.path().join(LOCK), left).unwrap();
            let _held = Lock::take(folder.path()).unwrap();
            let text = std::fs::read_to_string(folder.path().join(LOCK)).unwrap();
            assert!(text.starts_with(&format!("{{\"pid\":{},", std::process::id())) && text.ends_with('}'), "{text}");
        }
    }

    #[test]
    fn times_are_told_in_fitting_units() {
        assert_eq!([3, 150, 90_000].map(duration), ["3 seconds", "2 minutes", "25 hours"]);
    }
}
