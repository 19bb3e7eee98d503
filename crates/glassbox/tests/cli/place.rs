//! The built binary in a folder of its own.

use glassbox_data::image::{Image, write_png};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use tempfile::TempDir;

/// A folder to run glassbox in; it is removed at the end.
pub struct Place(TempDir);

impl Place {
    /// An empty one.
    pub fn new() -> Place {
        Place(tempfile::tempdir().expect("a temporary folder"))
    }

    /// One with a run of two steps in the folder `run`.
    pub fn with_run() -> Place {
        let place = Place::new();
        place.copy_run("run");
        place
    }

    /// Puts a run of two steps into a folder: trained once, copied for everyone who wants to spoil it.
    pub fn copy_run(&self, folder: &str) {
        static RUN: OnceLock<Place> = OnceLock::new();
        let original = RUN.get_or_init(|| {
            let place = Place::new();
            let line = "train vae-mlp --out run --steps 2 --set hidden=8 --set latents=2";
            let output = place.glassbox(line.split(' '));
            assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
            place
        });
        fs::create_dir_all(self.path(folder)).expect("a folder is made");
        copy(&original.path("run"), &self.path(folder));
    }

    /// Puts a run of a model that writes, of two steps, into a folder.
    pub fn copy_text_run(&self, folder: &str) {
        static RUN: OnceLock<Place> = OnceLock::new();
        let original = RUN.get_or_init(|| {
            let place = Place::new();
            place.write("text.txt", "To be, or not to be, that is the question.\n".repeat(40));
            let line = "train gpt --out run --steps 2 --data text.txt --set width=8 --set heads=2 --set layers=1 --set context=16";
            let output = place.glassbox(line.split(' '));
            assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
            place
        });
        fs::create_dir_all(self.path(folder)).expect("a folder is made");
        copy(&original.path("run"), &self.path(folder));
    }

    /// A path in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file, and the folders that it lies in.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> &Place {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a file lies in a folder")).expect("a folder is made");
        fs::write(path, content).expect("a file is written");
        self
    }

    /// Makes a folder of 2 × 12 pictures of 10 × 8 pixels, dark cats and bright dogs.
    pub fn pictures(&self, folder: &str) {
        for i in 0..12 {
            for (class, shade) in [("cat", 10), ("dog", 200)] {
                let name = format!("{folder}/{class}/{i}.png");
                self.write(&name, "");
                write_png(&self.path(&name), &Image::filled(10, 8, 3, shade + i)).expect("a picture is written");
            }
        }
    }

    /// The content of a file.
    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    /// Every file and folder in it with its content.
    pub fn everything(&self) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
        let mut all = BTreeMap::new();
        walk(self.0.path(), &mut |path| {
            all.insert(path.to_path_buf(), path.is_file().then(|| fs::read(path).expect("a file is read")));
        });
        all
    }

    /// Runs the binary here, with a clean environment variable.
    pub fn glassbox<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Output {
        self.command(arguments).output().expect("the binary starts")
    }

    /// The command, for more to be set.
    pub fn command<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_glassbox"));
        command.current_dir(self.0.path()).args(arguments);
        command
    }
}

fn walk(folder: &Path, see: &mut impl FnMut(&Path)) {
    for entry in fs::read_dir(folder).expect("a folder is read") {
        let path = entry.expect("an entry is read").path();
        see(&path);
        if path.is_dir() {
            walk(&path, see);
        }
    }
}

pub fn copy(from: &Path, to: &Path) {
    walk(from, &mut |path| {
        let target = to.join(path.strip_prefix(from).expect("it lies below"));
        match path.is_dir() {
            true => fs::create_dir_all(target).expect("a folder is made"),
            false => drop(fs::copy(path, target).expect("a file is copied")),
        }
    });
}

/// What the binary wrote to standard output, as text.
pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}
