//! What lies where a spec says, told from names alone, and how it is opened.

use crate::catalogue::{Entry, catalogue};
use crate::dataset::{DataSplits, read_splits};
use crate::error::DataError;
use crate::sound::{self, Sound, SoundSplits};
use crate::source::Source;
use crate::spec::{OF_PICTURES, Spec};
use crate::table::{self, Table};
use crate::text::{self, Text};
use crate::{arrays, builder, listing, pictures, sprites};
use std::path::Path;

/// What lies at a place.
#[derive(Clone, Copy)]
pub(crate) enum Place<'a> {
    Named(&'static Entry),
    Idx(&'a Path),
    Sprites(&'a Path),
    Pictures(&'a Path),
    Npz(&'a Path),
    Npy(&'a Path),
    /// One PNG or JPEG file.
    Picture(&'a Path),
    Table(&'a Path),
    Text(&'a Path),
    Recording(&'a Path),
    Recordings(&'a Path),
}

/// What a data set holds, and so which function opens it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Pictures: [`open`].
    Pictures,
    /// A table of numbers: [`open_table`].
    Table,
    /// A text: [`open_text`].
    Text,
    /// One recording: [`open_recording`].
    Recording,
    /// Recordings with classes: [`open_sound`].
    Recordings,
}

/// What the data set that `spec` says holds, told from names and without reading it.
///
/// # Errors
/// If there is no such name and nothing lies at such a path; if it is one picture, which is no data set.
pub fn kind(spec: &str) -> Result<Kind, DataError> {
    match resolve(Spec::parse(spec)?.place)? {
        Place::Table(_) => Ok(Kind::Table),
        Place::Text(_) => Ok(Kind::Text),
        Place::Named(entry) => Ok(entry.kind),
        Place::Recording(_) => Ok(Kind::Recording),
        Place::Recordings(_) => Ok(Kind::Recordings),
        place @ Place::Picture(path) => Err(other_kind(path, "a data set", place)),
        _ => Ok(Kind::Pictures),
    }
}

/// Opens the pictures that `spec` says: a name in the [`catalogue`], or the path of
///
/// - a folder with PNG or JPEG files in subfolders, which are the classes (and `train/` and `test/` above them, if there are);
/// - a folder with the four IDX files of MNIST and its relatives, plain or with `.gz` after their names;
/// - the folder of an npm package `emoji-datasource-google`, `-twitter`, `-apple` or `-facebook`;
/// - an `.npz` file with the arrays `x_train`, `y_train`, `x_test` and `y_test`, or an `.npy` file of pictures.
///
/// Options may follow: `photos?size=32&colour=grey`. A name comes before a path of the same name; `./fashion-mnist` is always
/// the path. The classes of IDX and NumPy files are called `0`, `1`, ….
///
/// # Errors
/// If `spec` is neither, or what lies there are no pictures; if the data set is not installed; if a file is missing, damaged,
/// or does not belong to the others; if pictures differ in size or colour and no option makes them alike.
pub fn open(spec: &str) -> Result<DataSplits, DataError> {
    let asked = Spec::parse(spec)?;
    let (name, look) = (asked.place, &asked.look);
    asked.allow("pictures", OF_PICTURES)?;
    let place = resolve(asked.place)?;
    match place {
        Place::Named(entry) => builder::seen_as(entry.open()?, name, look),
        Place::Idx(folder) => builder::seen_as(read_splits(name, Source::Folder(folder), None)?, name, look),
        Place::Sprites(folder) => sprites::read_package(name, folder, look),
        Place::Pictures(folder) => pictures::read_folder(name, folder, look),
        Place::Npz(path) => arrays::read_npz(name, path, look),
        Place::Npy(path) => arrays::read_npy(name, path, look),
        Place::Picture(path)
        | Place::Table(path)
        | Place::Text(path)
        | Place::Recording(path)
        | Place::Recordings(path) => Err(other_kind(path, "a folder of pictures", place)),
    }
}

/// Opens the table of a `.csv` or `.tsv` file.
///
/// # Errors
/// If it is something else, or damaged.
pub fn open_table(spec: &str) -> Result<Table, DataError> {
    let asked = Spec::parse(spec)?;
    match resolve(asked.place)? {
        Place::Table(path) => asked.allow("a table", &[]).and_then(|()| table::read(path)),
        place => Err(other_kind(asked.place, "a table", place)),
    }
}

/// Opens a text: a name in the [`catalogue`], or the path of a file.
///
/// ```
/// let plays = glassbox_data::open_text("shakespeare")?;
/// assert_eq!(plays.characters(), [970_203, 107_801]);
/// assert!(plays.train()[0].text.starts_with("OTHELLO"));
/// # Ok::<(), glassbox_data::DataError>(())
/// ```
///
/// # Errors
/// If it is something else, or no UTF-8.
pub fn open_text(spec: &str) -> Result<Text, DataError> {
    let asked = Spec::parse(spec)?;
    match resolve(asked.place)? {
        Place::Named(entry) => asked.allow("text", &[]).and_then(|()| entry.open_text()),
        Place::Text(path) => asked.allow("text", &[]).and_then(|()| text::read(path)),
        place => Err(other_kind(asked.place, "a text", place)),
    }
}

/// Opens one WAV file.
///
/// # Errors
/// If it is something else, or damaged.
pub fn open_recording(spec: &str) -> Result<Sound, DataError> {
    let asked = Spec::parse(spec)?;
    match resolve(asked.place)? {
        Place::Recording(path) => asked.allow("a recording", &[]).and_then(|()| sound::read(path)),
        place => Err(other_kind(asked.place, "a recording", place)),
    }
}

/// Opens a folder of WAV files: a class is a subfolder or, without subfolders, what stands before the first underscore of the
/// name.
///
/// # Errors
/// If it is something else, if a recording is damaged, or if they differ in rate.
pub fn open_sound(spec: &str) -> Result<SoundSplits, DataError> {
    let asked = Spec::parse(spec)?;
    match resolve(asked.place)? {
        Place::Recordings(folder) => {
            asked.allow("recordings", &[]).and_then(|()| sound::read_folder(asked.place, folder))
        }
        place => Err(other_kind(asked.place, "a folder of recordings", place)),
    }
}

/// The spec with an absolute path in it, so that it can be found from elsewhere; a name stays a name.
pub fn absolute(spec: &str) -> String {
    let Ok(asked) = Spec::parse(spec) else { return spec.to_string() };
    let named = catalogue().iter().any(|e| e.name == asked.place);
    let path = if named { None } else { std::fs::canonicalize(asked.place).ok() };
    path.and_then(|p| p.to_str().map(|path| asked.at(path))).unwrap_or_else(|| spec.to_string())
}

pub(crate) fn resolve(place: &str) -> Result<Place<'_>, DataError> {
    if let Some(entry) = catalogue().iter().find(|e| e.name == place) {
        return Ok(Place::Named(entry));
    }
    let path = Path::new(place);
    if path.is_dir() {
        return folder(path);
    }
    if path.exists() {
        return Ok(file(path));
    }
    // What has a separator in it was meant as a path.
    if place.contains(std::path::is_separator) {
        return Err(DataError::NotThere { path: path.to_path_buf() });
    }
    let known: Vec<&'static str> = catalogue().iter().map(|e| e.name).collect();
    Err(DataError::UnknownName { spec: place.to_string(), known })
}

fn folder(path: &Path) -> Result<Place<'_>, DataError> {
    if Source::Folder(path).any() {
        return Ok(Place::Idx(path));
    }
    if sprites::is_package(path) {
        return Ok(Place::Sprites(path));
    }
    // Files at the top, in subfolders, and in those of train/ and test/; no deeper, or a path typed too short would be searched
    // to the end of the disk.
    let mut folders = vec![path.to_path_buf()];
    for above in [path.to_path_buf(), path.join("train"), path.join("test")] {
        if above.is_dir() {
            folders
                .extend(listing::entries(&above)?.into_iter().map(|(below, _)| below).filter(|below| below.is_dir()));
        }
    }
    for folder in folders {
        for (_, name) in listing::entries(&folder)? {
            if listing::has_extension(&name, pictures::EXTENSIONS) {
                return Ok(Place::Pictures(path));
            }
            if listing::has_extension(&name, &["wav"]) {
                return Ok(Place::Recordings(path));
            }
        }
    }
    Err(DataError::NoData { folder: path.to_path_buf() })
}

fn file(path: &Path) -> Place<'_> {
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_lowercase();
    match extension.as_str() {
        "npz" => Place::Npz(path),
        "npy" => Place::Npy(path),
        "csv" | "tsv" => Place::Table(path),
        "wav" => Place::Recording(path),
        "png" | "jpg" | "jpeg" => Place::Picture(path),
        _ => Place::Text(path),
    }
}

pub(crate) fn other_kind(path: impl AsRef<Path>, wanted: &'static str, place: Place<'_>) -> DataError {
    let found = match place {
        Place::Table(_) => "a table",
        Place::Text(_) => "a text",
        Place::Named(entry) if entry.kind == Kind::Text => "a text",
        Place::Recording(_) => "one recording",
        Place::Recordings(_) => "a folder of recordings",
        Place::Picture(_) => "one picture",
        _ => "pictures",
    };
    DataError::OtherKind { path: path.as_ref().display().to_string(), wanted, found }
}
