//! `manifest.json` in a checkpoint: how long each file is and what its SHA-256 is, so that damage is noticed before it is
//! trained on.
//!
//! ```text
//! { "version": 1, "files": { "model.safetensors": { "bytes": 2612, "sha256": "9f86d081…" }, … } }
//! ```
//!
//! It lists every file of the checkpoint but itself. Of itself it has no checksum: it is whole if it is, byte for byte, what
//! would be written for the list that it contains.

use glassbox_tensor::counted;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// What the file is called.
pub(crate) const MANIFEST: &str = "manifest.json";

/// The version of the checkpoint's layout that is written and read.
const VERSION: u64 = 1;

/// What is wrong with a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The file.
    pub file: PathBuf,
    /// What is wrong with it.
    pub flaw: Flaw,
}

/// What is wrong with one file of a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Flaw {
    /// It was written and isn't there.
    Missing,
    /// It is there and wasn't written.
    Extra,
    /// It is shorter or longer than it was.
    Length {
        /// The bytes that are there.
        found: u64,
        /// The bytes that were written.
        written: u64,
    },
    /// It has the right length and another content.
    Content,
    /// It is the manifest, and not as it was written.
    Manifest,
    /// It is the manifest of a layout that this program doesn't know.
    Version(u64),
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.file.display())?;
        match &self.flaw {
            Flaw::Missing => f.write_str("is missing in this checkpoint"),
            Flaw::Extra => f.write_str("is not a part of this checkpoint"),
            Flaw::Length { found, written } => {
                write!(f, "is damaged: it has {} and was written with {written}", counted(*found, "byte"))
            }
            Flaw::Content => f.write_str("is damaged: its SHA-256 is not that of what was written"),
            Flaw::Manifest => f.write_str("is damaged: it is not as it was written"),
            Flaw::Version(v) => write!(f, "has version {v}, and this program reads {VERSION}"),
        }
    }
}

/// What looking at a checkpoint showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Every byte is as it was written.
    Whole,
    /// There is no manifest, so nobody knows: it was written before there were any.
    Unchecked,
    /// The first thing that is wrong.
    Damaged(Damage),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    version: u64,
    files: BTreeMap<String, Entry>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    bytes: u64,
    sha256: String,
}

/// Of a manifest of any version.
#[derive(Deserialize)]
struct AnyVersion {
    version: u64,
}

/// The text of `manifest.json` for the files of `folder` as they are.
pub(crate) fn describe(folder: &Path) -> io::Result<Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().into_string().map_err(|_| io::Error::other("a file's name is no text"))?;
        files.insert(name, Entry { bytes: entry.metadata()?.len(), sha256: sha256(&entry.path())? });
    }
    Ok(text(&Manifest { version: VERSION, files }))
}

/// Compares the files of `folder` with its manifest: first which there are and how long they are, then their contents.
pub(crate) fn verify(folder: &Path) -> io::Result<Verdict> {
    let path = folder.join(MANIFEST);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Verdict::Unchecked),
        Err(e) => return Err(e),
    };
    let damaged = |file: PathBuf, flaw| Ok(Verdict::Damaged(Damage { file, flaw }));
    if let Ok(AnyVersion { version }) = serde_json::from_slice(&bytes)
        && version != VERSION
    {
        return damaged(path, Flaw::Version(version));
    }
    let Some(manifest) = serde_json::from_slice::<Manifest>(&bytes).ok().filter(|m| text(m) == bytes) else {
        return damaged(path, Flaw::Manifest);
    };
    let mut there = Vec::new();
    for entry in fs::read_dir(folder)? {
        let file = entry?.path();
        let name = file.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        if name == MANIFEST {
            continue;
        }
        let metadata = fs::metadata(&file)?;
        let Some(written) = manifest.files.get(name).filter(|_| metadata.is_file()) else {
            return damaged(file, Flaw::Extra);
        };
        if metadata.len() != written.bytes {
            return damaged(file, Flaw::Length { found: metadata.len(), written: written.bytes });
        }
        there.push((file, written));
    }
    let is_there = |name: &str| there.iter().any(|(file, _)| file.ends_with(name));
    if let Some(missing) = manifest.files.keys().find(|name| !is_there(name)) {
        return damaged(folder.join(missing), Flaw::Missing);
    }
    for (file, written) in there {
        if sha256(&file)? != written.sha256 {
            return damaged(file, Flaw::Content);
        }
    }
    Ok(Verdict::Whole)
}

fn text(manifest: &Manifest) -> Vec<u8> {
    let mut text = serde_json::to_vec_pretty(manifest).expect("strings and numbers are JSON");
    text.push(b'\n');
    text
}

/// The SHA-256 of a file's content, as 64 lower-case hexadecimal digits.
fn sha256(path: &Path) -> io::Result<String> {
    let (mut file, mut hash, mut buffer) = (File::open(path)?, Sha256::new(), vec![0; 1 << 16]);
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            n => hash.update(&buffer[..n]),
        }
    }
    Ok(hash.finalize().iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // writing to a String cannot fail
        text
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with two files and a manifest.
    fn checkpoint() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.bin"), b"abc").unwrap();
        fs::write(folder.path().join("b.bin"), b"").unwrap();
        fs::write(folder.path().join(MANIFEST), describe(folder.path()).unwrap()).unwrap();
        folder
    }

    #[track_caller]
    fn flaw(folder: &Path) -> (String, Flaw) {
        match verify(folder).unwrap() {
            Verdict::Damaged(d) => (d.file.file_name().unwrap().to_str().unwrap().to_string(), d.flaw),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_manifest_has_lengths_and_published_checksums() {
        let folder = checkpoint();
        let text = fs::read_to_string(folder.path().join(MANIFEST)).unwrap();
        // FIPS 180-2, appendix B.1, and the well-known sum of nothing
        for sum in [
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        ] {
            assert!(text.contains(sum), "{text}");
        }
        assert!(text.starts_with("{\n  \"version\": 1,") && text.contains("\"bytes\": 3"), "{text}");
        assert_eq!(verify(folder.path()).unwrap(), Verdict::Whole);
    }

    #[test]
    fn every_kind_of_damage_has_its_name() {
        let spoilt = |spoil: &dyn Fn(&Path)| {
            let folder = checkpoint();
            spoil(folder.path());
            flaw(folder.path())
        };
        let write = |name: &'static str, content: &'static str| {
            move |folder: &Path| fs::write(folder.join(name), content).unwrap()
        };
        assert_eq!(spoilt(&write("a.bin", "abd")), ("a.bin".into(), Flaw::Content));
        assert_eq!(spoilt(&write("a.bin", "ab")), ("a.bin".into(), Flaw::Length { found: 2, written: 3 }));
        assert_eq!(spoilt(&write("b.bin", "b")), ("b.bin".into(), Flaw::Length { found: 1, written: 0 }));
        assert_eq!(spoilt(&write("c.bin", "")), ("c.bin".into(), Flaw::Extra));
        assert_eq!(spoilt(&|f| fs::create_dir(f.join("folder")).unwrap()), ("folder".into(), Flaw::Extra));
        assert_eq!(spoilt(&|f| fs::remove_file(f.join("b.bin")).unwrap()), ("b.bin".into(), Flaw::Missing));
        assert_eq!(spoilt(&write(MANIFEST, "{}")), (MANIFEST.into(), Flaw::Manifest));
        assert_eq!(spoilt(&write(MANIFEST, "{\"version\":2}")), (MANIFEST.into(), Flaw::Version(2)));
    }

    #[test]
    fn a_manifest_that_says_the_same_in_other_bytes_is_noticed() {
        let folder = checkpoint();
        let path = folder.path().join(MANIFEST);
        let text = fs::read_to_string(&path).unwrap();
        for other in [text.replace("\n", "\n "), text.replace("ba7816", "BA7816"), text.replace("a.bin", "../a.bin")] {
            fs::write(&path, &other).unwrap();
            assert!(matches!(verify(folder.path()).unwrap(), Verdict::Damaged(_)), "{other}");
        }
    }

    #[test]
    fn without_a_manifest_nothing_is_known() {
        let folder = checkpoint();
        fs::remove_file(folder.path().join(MANIFEST)).unwrap();
        assert_eq!(verify(folder.path()).unwrap(), Verdict::Unchecked);
    }
}
