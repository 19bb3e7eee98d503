//! Data sets: the embedded one, folders of one's own, and what is refused.

use glassbox_data::idx::{self, IdxArray};
use glassbox_data::{DataError, Kind, catalogue, kind, open, open_text, verify};
use std::fs;
use std::path::Path;

const FILES: [&str; 4] =
    ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"];

/// A folder with a data set of 5 + 2 pictures of 2 × 3, some files packed and some not.
fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let arrays = [
        IdxArray::new(&[5, 2, 3], (0..30).collect()),
        IdxArray::new(&[5], vec![0, 1, 2, 1, 0]),
        IdxArray::new(&[2, 2, 3], (100..112).collect()),
        IdxArray::new(&[2], vec![3, 0]),
    ];
    for (i, (name, array)) in FILES.iter().zip(&arrays).enumerate() {
        idx::write(&dir.path().join(format!("{name}{}", if i % 2 == 0 { ".gz" } else { "" })), array).unwrap();
    }
    dir
}

fn spec(dir: &Path) -> &str {
    dir.to_str().unwrap()
}

/// Opens the folder of [`folder`] after a change to it, and gives the text of the error with `DIR` for its path.
fn error_after(change: impl Fn(&Path)) -> String {
    let dir = folder();
    change(dir.path());
    let error = open(spec(dir.path())).unwrap_err().to_string();
    assert_eq!(verify(spec(dir.path())).unwrap_err().to_string(), error, "verify notices what open notices");
    error.replace(spec(dir.path()), "DIR")
}

#[test]
fn the_embedded_set_is_what_its_readme_says() {
    let data = open("fashion-mnist").unwrap();
    let entry = catalogue().iter().find(|e| e.name == "fashion-mnist").unwrap();
    assert!(entry.is_installed());
    assert_eq!((data.train.len(), data.test.len()), (entry.train, entry.test));
    assert_eq!((Some(data.train.image_shape()), data.train.pixels()), (entry.image_shape, 784));
    assert_eq!(data.train.classes(), entry.classes);
    assert_eq!(data.train.class_counts(), [942, 1027, 1016, 1019, 974, 989, 1021, 1022, 990, 1000]);
    assert_eq!(data.test.class_counts(), [200, 203, 214, 190, 219, 195, 197, 200, 194, 188]);
    // The first labels of Fashion-MNIST, as every tutorial shows them: a boot, two T-shirts, two dresses …
    assert_eq!(data.train.labels()[..10], [9, 0, 0, 3, 0, 2, 7, 2, 5, 5]);
    assert_eq!(data.test.labels()[..10], [9, 2, 1, 1, 6, 1, 4, 6, 5, 7]);
    // The published mean of the training pixels is 0.2860, their standard deviation 0.3530; of the head nearly so.
    let pixels = || (0..data.train.len()).flat_map(|i| data.train.image(i).iter().map(|&b| f64::from(b) / 255.0));
    let n = (data.train.len() * data.train.pixels()) as f64;
    let mean = pixels().sum::<f64>() / n;
    let std = (pixels().map(|p| (p - mean).powi(2)).sum::<f64>() / n).sqrt();
    assert!((mean - 0.2860).abs() < 0.002 && (std - 0.3530).abs() < 0.002, "{mean} {std}");
}

#[test]
fn the_embedded_sets_have_their_published_checksums() {
    let fashion = ("fashion-mnist", 9_420_048, include_str!("../assets/fashion-mnist/README.md"));
    let digits = ("digits", 7_850_048, include_str!("../assets/digits/README.md"));
    for (name, bytes, readme) in [fashion, digits] {
        let files = verify(name).unwrap();
        assert_eq!(files.iter().map(|f| f.bytes).sum::<usize>(), bytes);
        assert!(files.iter().all(|f| f.compared));
        for file in files {
            assert!(readme.contains(&file.sha256), "{} is not in the README", file.file);
        }
    }
}

#[test]
fn the_digits_are_split_as_their_readme_says() {
    let data = open("digits").unwrap();
    assert_eq!((data.train.len(), data.test.len(), data.train.image_shape()), (7_996, 2_004, [1, 28, 28]));
    assert_eq!(data.train.class_counts(), [800, 901, 792, 825, 784, 690, 811, 856, 755, 782]);
    assert_eq!(data.test.class_counts(), [201, 226, 199, 207, 196, 173, 203, 214, 189, 196]);
    // Mixed: every class is among the first hundred.
    assert!(data.train.head(100).class_counts().iter().all(|&count| count > 0));
}

/// Holds only where Debian's package is installed.
#[test]
fn the_embedded_set_is_the_head_of_the_full_one() {
    let full = catalogue().iter().find(|e| e.name == "fashion-mnist-full").unwrap();
    if !full.is_installed() {
        let error = open("fashion-mnist-full").unwrap_err();
        assert!(matches!(error, DataError::NotInstalled { .. }), "{error}");
        assert!(error.to_string().contains("`apt-get install dataset-fashion-mnist`"), "{error}");
        return;
    }
    let (full_data, head) = (full.open().unwrap(), open("fashion-mnist").unwrap());
    assert_eq!((full_data.train.len(), full_data.test.len()), (full.train, full.test));
    for (whole, part) in [(&full_data.train, &head.train), (&full_data.test, &head.test)] {
        let same = whole.head(part.len());
        assert_eq!(same.labels(), part.labels());
        assert!((0..part.len()).all(|i| same.image(i) == part.image(i)));
        assert!(whole.class_counts().iter().all(|&k| k * 10 == whole.len()), "the full set is balanced");
    }
}

#[test]
fn a_folder_is_a_data_set() {
    let dir = folder();
    let data = open(spec(dir.path())).unwrap();
    assert_eq!((data.train.len(), data.test.len(), data.train.image_shape()), (5, 2, [1, 2, 3]));
    assert_eq!(data.train.image(1), [6, 7, 8, 9, 10, 11]);
    assert_eq!(data.test.labels(), [3, 0]);
    assert_eq!(data.train.classes(), ["0", "1", "2", "3"], "classes up to the largest label of either part");
    let files = verify(spec(dir.path())).unwrap();
    assert!(files.iter().all(|f| !f.compared && f.sha256.len() == 64));
}

#[test]
fn a_batch_is_its_pictures_in_0_to_1_and_their_labels() {
    let dir = folder();
    let data = open(spec(dir.path())).unwrap();
    let (x, y) = data.train.batch(&[4, 1, 4]);
    assert_eq!((x.shape(), y.shape()), (&[3, 1, 2, 3][..], &[3][..]));
    let bytes = (24..30).chain(6..12).chain(24..30);
    assert_eq!(x.to_vec(), bytes.map(|b| b as f32 / 255.0).collect::<Vec<f32>>());
    assert_eq!(y.as_slice(), [0, 1, 0]);
    let (x, y) = data.train.batch(&[]);
    assert_eq!((x.shape(), y.shape()), (&[0, 1, 2, 3][..], &[0][..]));
}

#[test]
#[should_panic(expected = "no picture 5 in")]
fn a_number_beyond_the_set_is_a_mistake_in_the_code() {
    let dir = folder();
    open(spec(dir.path())).unwrap().train.batch(&[5]);
}

#[test]
fn files_that_do_not_belong_together_are_refused() {
    let write = |name: &'static str, array: IdxArray| {
        move |dir: &Path| {
            let _ = fs::remove_file(dir.join(format!("{name}.gz")));
            idx::write(&dir.join(name), &array).unwrap();
        }
    };
    let cases = [
        (
            error_after(write(FILES[1], IdxArray::new(&[4], vec![0; 4]))),
            "DIR (train): 5 pictures but 4 labels; give each picture its label",
        ),
        (
            error_after(write(FILES[2], IdxArray::new(&[2, 3, 2], vec![0; 12]))),
            "DIR: training pictures are 2 × 3, test pictures 3 × 2; give them one size",
        ),
        (
            error_after(write(FILES[0], IdxArray::new(&[5], vec![0; 5]))),
            "DIR/train-images-idx3-ubyte: dimensions [5]; pictures have the dimensions [count, height, width]",
        ),
        (
            error_after(write(FILES[3], IdxArray::new(&[2, 1], vec![0; 2]))),
            "DIR/t10k-labels-idx1-ubyte: dimensions [2, 1]; labels have the dimension [count]",
        ),
        (
            error_after(write(FILES[2], IdxArray::new(&[0, 2, 3], vec![]))),
            "DIR (test): no pictures: 0 bytes of (C, H, W) = (1, 2, 3); give at least one",
        ),
        (
            error_after(|dir| {
                let most = u32::MAX as usize;
                for (images, labels) in [(FILES[0], FILES[1]), (FILES[2], FILES[3])] {
                    write(images, IdxArray::new(&[0, most, most], vec![]))(dir);
                    write(labels, IdxArray::new(&[0], vec![]))(dir);
                }
            }),
            "DIR (train): no pictures: 0 bytes of (C, H, W) = (1, 4294967295, 4294967295); give at least one",
        ),
        (
            error_after(|dir| fs::remove_file(dir.join(FILES[3])).unwrap()),
            "DIR: no t10k-labels-idx1-ubyte or t10k-labels-idx1-ubyte.gz in this folder; a data set is the four \
             files train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte",
        ),
        (
            error_after(|dir| fs::write(dir.join(FILES[1]), b"PK\x03\x04 not labels").unwrap()),
            "DIR/train-labels-idx1-ubyte: at byte 0: not an IDX file: it begins with [50, 4b, 03, 04], not with \
             two zero bytes; give one in the format of MNIST",
        ),
        (
            error_after(|dir| {
                let whole = fs::read(dir.join(FILES[1])).unwrap();
                fs::write(dir.join(FILES[1]), &whole[..11]).unwrap();
            }),
            "DIR/train-labels-idx1-ubyte: at byte 11: the file ends after 3 values of the 5 that its header [5] \
             says; fetch it again",
        ),
    ];
    for (error, text) in cases {
        assert_eq!(error, text);
    }
}

#[test]
fn a_spec_that_is_nothing_is_refused_with_what_would_be_something() {
    let error = |spec: &str| open(spec).unwrap_err().to_string();
    assert_eq!(error("fashion-mnits"), "there is no data set \"fashion-mnits\"; did you mean fashion-mnist?");
    assert_eq!(
        error("cifar10"),
        "there is no data set \"cifar10\"; give the path of a folder or file, or one of fashion-mnist, fashion-mnist-full, digits, shakespeare, source"
    );
    assert_eq!(error("no/such/folder"), "no/such/folder: not a folder or file that is there; check the path");
    let dir = folder();
    let file = dir.path().join(FILES[1]);
    assert!(error(spec(&file)).contains("not a folder"));
}

#[test]
fn the_embedded_plays_are_the_ones_that_the_catalogue_says() {
    let entry = catalogue().iter().find(|e| e.name == "shakespeare").unwrap();
    let verified = entry.verify().unwrap();
    assert_eq!((verified.len(), verified[0].bytes, verified[0].compared), (1, 1_078_004, true));
    let text = open_text("shakespeare").unwrap();
    assert_eq!(text.characters(), [entry.train, entry.test]);
    assert_eq!(kind("shakespeare").unwrap(), Kind::Text);
    let [learned, held_out] = [text.train(), text.test()].map(|part| part[0].text.as_str());
    let tempest = held_out.find("THE TEMPEST").unwrap();
    assert_eq!(held_out.len() - tempest, 98_308, "a play that is not in the other part");
    assert!(!learned.contains("CALIBAN"));

    assert!(open("shakespeare").unwrap_err().to_string().starts_with("shakespeare: not pictures but a text; "));
    let error = open_text("fashion-mnist").unwrap_err().to_string();
    assert!(error.starts_with("fashion-mnist: not a text but pictures; "), "{error}");
    let error = open_text("shakespeare?size=3").unwrap_err().to_string();
    assert_eq!(error, "shakespeare?size=3: size is no option of text; it takes none");
}

#[test]
fn the_embedded_source_is_whole_files_some_of_which_are_held_out() {
    let entry = catalogue().iter().find(|e| e.name == "source").unwrap();
    assert_eq!(entry.verify().unwrap()[0].bytes, 1_163_242);
    let source = open_text("source").unwrap();
    assert_eq!(source.characters(), [entry.train, entry.test]);
    assert_eq!((source.train().len(), source.test().len(), source.in_documents()), (200, 24, true));
    let held_out = source.test().iter().map(|file| file.text.as_str());
    // As rustfmt leaves them: from the first line to the end of the last.
    assert!(held_out.into_iter().all(|file| file.starts_with(['/', '#', 'u']) && file.ends_with('\n')));
}
