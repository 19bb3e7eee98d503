//! Files that a command writes where its user says. What is there is replaced with `--force` only, and what could only be a
//! mistake is refused before any work.

use crate::failure::Failure;
use glassbox_data::DataError;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// What is written into a file, and how its name ends.
pub struct Written {
    what: &'static str,
    extension: &'static str,
}

/// Samples, a picture of data.
pub const PICTURE: Written = Written { what: "a PNG picture", extension: "png" };
/// What a model wrote.
pub const TEXT: Written = Written { what: "a text", extension: "txt" };
/// A report.
pub const PAGE: Written = Written { what: "a page", extension: "html" };
/// A roofline.
pub const DRAWING: Written = Written { what: "an SVG drawing", extension: "svg" };
/// Metrics.
pub const TABLE: Written = Written { what: "a table", extension: "csv" };

/// Refuses the file of that flag if it is called like something else, could not be written, or would replace one.
pub fn check(flag: &str, file: &Path, Written { what, extension }: &Written, force: bool) -> Result<(), Failure> {
    if !file.extension().is_some_and(|e| e.eq_ignore_ascii_case(extension)) {
        let shown = file.display();
        return Err(Failure::mistake(format!(
            "{flag} {shown}: what is written is {what}; end the name with .{extension}"
        )));
    }
    check_free(flag, file, force)
}

/// The same, whatever its name.
pub fn check_free(flag: &str, file: &Path, force: bool) -> Result<(), Failure> {
    let shown = file.display();
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        let folder = folder.display();
        return Err(Failure::mistake(format!(
            "{flag} {shown}: there is no folder {folder}; make it, or name another place"
        )));
    }
    match fs::symlink_metadata(file) {
        Ok(meta) if meta.is_dir() => {
            Err(Failure::mistake(format!("{flag} {shown}: is a folder; give the name of a file")))
        }
        Ok(_) if !force => {
            Err(Failure::mistake(format!("{flag} {shown}: exists; choose another name, or replace it with --force")))
        }
        _ => Ok(()),
    }
}

/// `path` if nothing is there, else the first of `name-2.png`, `name-3.png`, … where nothing is: for a name that we choose.
pub fn next_free(path: &Path) -> PathBuf {
    let extension = path.extension().unwrap_or_default();
    let numbered = |i: u32| {
        let mut name = path.file_stem().unwrap_or_default().to_os_string();
        name.push(format!("-{i}."));
        name.push(extension);
        path.with_file_name(name)
    };
    let mut all = std::iter::once(path.to_path_buf()).chain((2..).map(numbered));
    all.find(|path| fs::symlink_metadata(path).is_err()).unwrap_or_else(|| path.to_path_buf())
}

/// The place was named on the command line, so that it can't be written to is the user's to put right, but for a disk that is
/// full.
pub fn cannot_write(flag: &str, error: &DataError) -> Failure {
    let sentence = format!("{error}; name another place with {flag}");
    let full = [ErrorKind::StorageFull, ErrorKind::QuotaExceeded, ErrorKind::FileTooLarge];
    match error {
        DataError::Io { source, .. } if full.contains(&source.kind()) => Failure::Failed(anyhow::Error::msg(sentence)),
        _ => Failure::Mistake(sentence),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_we_choose_is_one_that_is_free() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["a.b.png", "a.b-2.png", "a.b-3.png"] {
            assert_eq!(next_free(&path("a.b.png")), path(name));
            fs::write(path(name), "").unwrap();
        }
    }
}
