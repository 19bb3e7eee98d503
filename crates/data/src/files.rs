//! Reading and writing whole files with care.

use crate::error::DataError;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// The largest file that is read into memory whole: a little over the largest content, one GiB, so that
/// the format's own check can speak first.
const MAX_FILE_BYTES: u64 = (1 << 30) + 4096;

/// Reads a regular file whole. Devices, pipes and sockets are refused before they are opened: `/dev/zero`
/// never ends, and a pipe that nobody writes to never begins.
pub(crate) fn read_regular(path: &Path) -> Result<Vec<u8>, DataError> {
    read_at_most(path, MAX_FILE_BYTES)
}

/// Reads a regular file of at most `limit` bytes whole.
///
/// # Errors
/// If it cannot be read, is a folder, a device, a pipe or a socket, or is larger.
pub fn read_at_most(path: &Path, limit: u64) -> Result<Vec<u8>, DataError> {
    let cannot = |source| DataError::Io { path: path.to_path_buf(), doing: "read", source };
    let meta = fs::metadata(path).map_err(cannot)?;
    if meta.is_dir() {
        return Err(cannot(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder, not a file")));
    }
    if !meta.is_file() {
        return Err(cannot(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file")));
    }
    let too_large = || {
        let problem = format!("it is larger than {limit} bytes");
        cannot(io::Error::new(io::ErrorKind::FileTooLarge, problem))
    };
    if meta.len() > limit {
        return Err(too_large());
    }
    let mut bytes = Vec::with_capacity(meta.len() as usize);
    // A file may grow while it is read: the limit holds for what comes, not only for what was announced.
    let n = File::open(path).and_then(|f| f.take(limit + 1).read_to_end(&mut bytes));
    if n.map_err(cannot)? as u64 > limit {
        return Err(too_large());
    }
    Ok(bytes)
}

/// Writes `bytes` to `path` so that a reader sees the old file or the whole new one, never a part: they go
/// to a temporary name in the same folder, are synced to the disk, and take the name by a rename.
///
/// # Errors
/// If the folder does not exist or cannot be written to, or the disk is full; the old file is then untouched
/// and the temporary one is gone.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), DataError> {
    let cannot = |source| DataError::Io { path: path.to_path_buf(), doing: "write", source };
    let temporary = temporary_beside(path).map_err(cannot)?;
    let outcome = write_synced(&temporary, bytes).and_then(|()| fs::rename(&temporary, path));
    if outcome.is_err() {
        // The first failure is the one to report.
        let _ = fs::remove_file(&temporary);
    }
    outcome.map_err(cannot)
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// A name in the same folder which no other thread or process is using: a rename is atomic only within one
/// file system.
fn temporary_beside(path: &Path) -> io::Result<PathBuf> {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let Some(name) = path.file_name() else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the path does not end in a file name"));
    };
    let serial = COUNTER.fetch_add(1, Ordering::Relaxed);
    let mut temporary = std::ffi::OsString::from(".");
    temporary.push(name);
    temporary.push(format!(".{}-{serial}.tmp", std::process::id()));
    Ok(path.with_file_name(temporary))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_replaces_the_file_and_leaves_nothing_else_behind() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.bin");
        write_atomically(&path, b"old").unwrap();
        write_atomically(&path, b"new and longer").unwrap();
        assert_eq!(read_regular(&path).unwrap(), b"new and longer");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_failed_write_names_the_path_and_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let occupied = dir.path().join("folder");
        fs::create_dir(&occupied).unwrap();
        fs::write(occupied.join("inside"), b"kept").unwrap();
        let error = write_atomically(&occupied, b"x").unwrap_err().to_string();
        assert!(error.starts_with(&format!("{}: cannot write: ", occupied.display())), "{error}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "the temporary file is gone");
        assert_eq!(fs::read(occupied.join("inside")).unwrap(), b"kept");

        let nowhere = dir.path().join("no/such/folder/a.bin");
        assert!(write_atomically(&nowhere, b"x").is_err());
    }

    #[test]
    fn folders_and_devices_are_not_read() {
        let dir = tempfile::tempdir().unwrap();
        let error = read_regular(dir.path()).unwrap_err().to_string();
        assert!(error.ends_with("cannot read: it is a folder, not a file"), "{error}");
        if cfg!(unix) {
            let error = read_regular(Path::new("/dev/zero")).unwrap_err().to_string();
            assert_eq!(error, "/dev/zero: cannot read: it is not a regular file");
        }
    }
}
