//! A folder of files with classes: who is there, in which class, in which part.
//!
//! ```text
//! FOLDER/CLASS/FILE              a class is the name of a subfolder
//! FOLDER/FILE                    no subfolders: the class is what a rule of the caller's says
//! FOLDER/train/… and test/…      either of the two within; what is in test/ is held out
//! ```
//!
//! Without `test/`, a tenth is held out by a hash of the names. Files of other kinds and those whose names begin with a dot
//! are passed over, and so are folders deeper down. The order is that of the classes, and within one that of the names' bytes.

use crate::builder::Part;
use crate::error::DataError;
use crate::split;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The most files of one data set; ImageNet has 1.3 million.
pub(crate) const MAX_FILES: usize = 1 << 22;

/// One file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Listed {
    pub path: PathBuf,
    pub class: usize,
    pub part: Part,
}

/// All files, and the names of the classes.
pub(crate) struct Listing {
    pub files: Vec<Listed>,
    pub classes: Vec<String>,
}

/// A file before the classes are numbered.
struct Found {
    path: PathBuf,
    class: String,
    name: String,
    part: Option<Part>,
}

/// Lists a folder. `wanted` says which names are of the kind, `class_of` what the class of a file is that lies in no subfolder.
pub(crate) fn list(
    folder: &Path,
    wanted: impl Fn(&str) -> bool,
    class_of: impl Fn(&str) -> Option<String>,
) -> Result<Listing, DataError> {
    let shown = folder.display().to_string();
    let wrong = |problem| DataError::Inconsistent { name: shown.clone(), problem };
    let [train, test] = ["train", "test"].map(|part| folder.join(part));
    let mut found = Vec::new();
    match (train.is_dir(), test.is_dir()) {
        (true, true) => {
            collect(&train, Some(Part::Train), &wanted, &mut found)?;
            collect(&test, Some(Part::Test), &wanted, &mut found)?;
        }
        (true, false) => collect(&train, None, &wanted, &mut found)?,
        (false, true) => {
            return Err(wrong("test/ is there and train/ is not; put what is learned from there".to_string()));
        }
        (false, false) => collect(folder, None, &wanted, &mut found)?,
    }
    if found.is_empty() {
        return Err(DataError::NoData { folder: folder.to_path_buf() });
    }
    name_the_loose(&mut found, class_of).map_err(wrong)?;
    let classes = classes(&found);
    let names: Vec<String> = found.iter().map(|f| format!("{}/{}", f.class, f.name)).collect();
    let hashed = if found.iter().any(|f| f.part.is_none()) { split::parts(&shown, &names)? } else { Vec::new() };
    let mut files: Vec<Listed> = (found.into_iter().enumerate())
        .map(|(i, f)| Listed {
            class: classes.iter().position(|c| *c == f.class).unwrap_or(0),
            part: f.part.unwrap_or_else(|| hashed[i]),
            path: f.path,
        })
        .collect();
    files.sort_by(|a, b| a.class.cmp(&b.class).then_with(|| a.path.cmp(&b.path)));
    Ok(Listing { files, classes })
}

/// The files of a folder and of its subfolders, whose names are their classes; those that lie loose have none yet.
fn collect(
    folder: &Path,
    part: Option<Part>,
    wanted: &impl Fn(&str) -> bool,
    found: &mut Vec<Found>,
) -> Result<(), DataError> {
    let mut take = |path: PathBuf, name: String, class: &str| {
        if wanted(&name) {
            found.push(Found { path, class: class.to_string(), name, part });
        }
        if found.len() <= MAX_FILES {
            return Ok(());
        }
        let problem = format!("more than {MAX_FILES} files; give a folder with fewer");
        Err(DataError::Inconsistent { name: folder.display().to_string(), problem })
    };
    for (path, name) in entries(folder)? {
        if !path.is_dir() {
            take(path, name, "")?;
            continue;
        }
        for (file, file_name) in entries(&path)? {
            if !file.is_dir() {
                take(file, file_name, &name)?;
            }
        }
    }
    Ok(())
}

/// What is in a folder, but for hidden names; in no order.
pub(crate) fn entries(folder: &Path) -> Result<Vec<(PathBuf, String)>, DataError> {
    let listed = || -> io::Result<Vec<(PathBuf, String)>> {
        let mut all = Vec::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if !name.starts_with('.') {
                all.push((entry.path(), name));
            }
        }
        Ok(all)
    };
    listed().map_err(|source| DataError::Io { path: folder.to_path_buf(), doing: "read", source })
}

/// Gives a class to files without one: by the rule if it has an answer for each of them, otherwise `all`.
fn name_the_loose(found: &mut [Found], class_of: impl Fn(&str) -> Option<String>) -> Result<(), String> {
    let loose = found.iter().filter(|f| f.class.is_empty()).count();
    if loose == 0 {
        return Ok(());
    }
    if loose < found.len() {
        let name = found.iter().find(|f| f.class.is_empty()).map_or("", |f| &f.name);
        return Err(format!(
            "{name} lies beside subfolders with others of its kind; put it into a subfolder, its class"
        ));
    }
    let names: Option<Vec<String>> = found.iter().map(|f| class_of(&f.name)).collect();
    let names = names.unwrap_or_else(|| vec!["all".to_string(); loose]);
    found.iter_mut().zip(names).for_each(|(f, name)| f.class = name);
    Ok(())
}

/// The classes, each once: by their value if all are numbers, otherwise by the names' bytes.
fn classes(found: &[Found]) -> Vec<String> {
    let mut classes: Vec<String> = found.iter().map(|f| f.class.clone()).collect();
    classes.sort();
    classes.dedup();
    let value = |class: &String| class.parse::<u64>();
    if classes.iter().all(|class| value(class).is_ok()) {
        classes.sort_by_key(|class| value(class).unwrap_or(u64::MAX));
    }
    classes
}

/// Whether a name ends in one of these extensions, in whichever case.
pub(crate) fn has_extension(name: &str, extensions: &[&str]) -> bool {
    let extension = Path::new(name).extension().and_then(|e| e.to_str()).unwrap_or_default();
    extensions.iter().any(|e| e.eq_ignore_ascii_case(extension))
}
