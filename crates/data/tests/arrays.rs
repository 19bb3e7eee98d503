//! NumPy's files, written by NumPy (tools/data/fixtures.py), and data sets of them.

use glassbox_data::npy::{self, NpyProblem, NpyValues};
use glassbox_data::npz::{Npz, NpzProblem};
use glassbox_data::{DataSplits, open};
use proptest::prelude::*;
use std::fs;
use std::path::{Path, PathBuf};

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn bytes(name: &str) -> Vec<u8> {
    fs::read(path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

#[test]
fn every_type_and_order_of_bytes_is_read() {
    let signed: Vec<i64> = (0..24).map(|i| i * 5 - 7).collect();
    let unsigned: Vec<i64> = (0..24).map(|i| i * 5).collect();
    for name in ["i1", "little-i2", "big-i2", "little-i4", "little-i8", "fortran"] {
        let array = npy::read(&path(&format!("{name}.npy"))).unwrap();
        assert_eq!((&array.shape[..], array.values), (&[2, 3, 4][..], NpyValues::Whole(signed.clone())), "{name}");
    }
    for name in ["little-u2", "little-u4", "little-u8"] {
        let array = npy::read(&path(&format!("{name}.npy"))).unwrap();
        assert_eq!(array.values, NpyValues::Whole(unsigned.clone()), "{name}");
    }
    for name in ["little-f2", "little-f4", "big-f4"] {
        let array = npy::read(&path(&format!("{name}.npy"))).unwrap();
        assert_eq!(array.values, NpyValues::Single(signed.iter().map(|&v| v as f32).collect()), "{name}");
    }
    for name in ["little-f8", "big-f8"] {
        let array = npy::read(&path(&format!("{name}.npy"))).unwrap();
        assert_eq!(array.values, NpyValues::Double(signed.iter().map(|&v| v as f64).collect()), "{name}");
    }
    let bool = npy::read(&path("bool.npy")).unwrap().values;
    assert_eq!(bool, NpyValues::Bytes(signed.iter().map(|&v| u8::from(v % 2 == 0)).collect()));
    let scalar = npy::read(&path("scalar.npy")).unwrap();
    assert_eq!((scalar.shape, scalar.values), (vec![], NpyValues::Double(vec![2.5])));
}

/// An NPY file of this header and these values.
fn file(header: &str, values: &[u8]) -> Vec<u8> {
    let length = (header.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), values].concat()
}

#[test]
fn halves_are_exact() {
    // IEEE 754: the least positive, the least normal, one third's nearest, the largest, −2, infinity.
    let bits: [u16; 6] = [0x0001, 0x0400, 0x3555, 0x7bff, 0xc000, 0x7c00];
    let values: Vec<u8> = bits.iter().flat_map(|b| b.to_le_bytes()).collect();
    let header = "{'descr': '<f2', 'fortran_order': False, 'shape': (6,), }";
    let expected = vec![5.960_464_5e-8, 6.103_515_6e-5, 0.333_251_95, 65504.0, -2.0, f32::INFINITY];
    assert_eq!(npy::parse("file", &file(header, &values)).unwrap().values, NpyValues::Single(expected));
}

#[test]
fn a_header_that_lies_is_refused_before_memory_is_reserved() {
    let problem = |shape: &str, values: &[u8]| {
        let header = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}");
        npy::parse("file", &file(&header, values)).unwrap_err().problem
    };
    let most = usize::MAX;
    assert_eq!(problem(&format!("({most}, {most})"), &[]), NpyProblem::TooLarge { shape: vec![most, most] });
    assert_eq!(problem("(134217729,)", &[]), NpyProblem::TooLarge { shape: vec![134217729] });
    assert_eq!(problem("(134217728,)", &[]), NpyProblem::Impossible { shape: vec![134217728] });
    assert_eq!(problem("(2,)", &[0; 8]), NpyProblem::Truncated { shape: vec![2], have: 8, want: 16 });
    assert_eq!(problem("(1,)", &[0; 9]), NpyProblem::Trailing { shape: vec![1] });
    assert_eq!(problem(&format!("({most}, 0)"), &[0]), NpyProblem::Trailing { shape: vec![most, 0] });
}

#[test]
fn errors_say_what_numpy_should_do() {
    let text = |bytes: &[u8]| npy::parse("a.npy", bytes).unwrap_err().to_string();
    assert_eq!(
        text(&bytes("complex.npy")),
        "a.npy: values of type \"<c8\"; whole numbers of 8 to 64 bits, bool, float16, float32 and float64 are read, so save \
         the array as one of them"
    );
    assert!(text(&bytes("record.npy")).contains("not a structured one"));
    assert_eq!(text(b"PK\x03\x04"), "a.npy: not a NumPy array: it begins with [50, 4b, 03, 04], not with \\x93NUMPY");
    assert_eq!(text(b"\x93NUMPY\x09\x00\x00\x00"), "a.npy: version 9.0 of the format; 1.0, 2.0 and 3.0 are read");
    let whole = bytes("little-f4.npy");
    for end in 0..whole.len() {
        assert!(npy::parse("file", &whole[..end]).is_err(), "the first {end} bytes");
    }
    let header = "{'descr': '<u8', 'fortran_order': False, 'shape': (1,), }";
    let error = text(&file(header, &[0xff; 8]));
    assert_eq!(error, "a.npy: value 0 is 18446744073709551615, beyond the 63 bits that whole numbers are read with");
}

fn spec(path: &Path) -> String {
    path.to_str().unwrap().to_string()
}

#[test]
fn npz_files_are_data_sets_packed_or_not_channels_first_or_last() {
    let [plain, packed]: [DataSplits; 2] = ["set.npz", "set-packed.npz"].map(|name| open(&spec(&path(name))).unwrap());
    assert_eq!((plain.train.len(), plain.test.len(), plain.train.image_shape()), (5, 2, [3, 4, 5]));
    assert_eq!((plain.train.labels(), plain.test.labels()), (&[0, 1, 2, 1, 0][..], &[2, 0][..]));
    assert_eq!(plain.train.classes(), ["0", "1", "2"]);
    // The second file has the same pictures as floats in 0..1, channels first.
    for i in 0..5 {
        assert_eq!(plain.train.image(i), packed.train.image(i));
    }
    // numpy.random.default_rng(0).integers(0, 256, (7, 4, 5, 3), "u1") begins with 95, 130, 194: the first pixel's colours.
    let first = plain.train.image(0);
    assert_eq!([first[0], first[20], first[40]], [95, 130, 194]);
}

#[test]
fn npy_files_are_pictures_of_one_class() {
    let dir = tempfile::tempdir().unwrap();
    let file_path = dir.path().join("faces.npy");
    let header = "{'descr': '|u1', 'fortran_order': False, 'shape': (40, 2, 3), }";
    fs::write(&file_path, file(header, &(0..240).collect::<Vec<u8>>())).unwrap();
    let data = open(&spec(&file_path)).unwrap();
    assert_eq!((data.train.len() + data.test.len(), data.train.image_shape()), (40, [1, 2, 3]));
    assert_eq!(data.train.classes(), ["all"]);
    let error = open(&spec(&path("little-f8.npy"))).unwrap_err().to_string();
    assert!(error.ends_with("little-f8.npy: value 0 is -7; samples of this type are read from 0 to 1"), "{error}");
    let error = open(&spec(&path("scalar.npy"))).unwrap_err().to_string();
    assert!(
        error.ends_with("shape []; pictures are (N, H, W), (N, H, W, C) or (N, C, H, W), with C 1 or 3"),
        "{error}"
    );
}

#[test]
fn damage_in_an_archive_is_noticed() {
    for name in ["set.npz", "set-packed.npz"] {
        let whole = bytes(name);
        let read = |bytes: &[u8]| {
            let archive = Npz::open("a.npz", bytes)?;
            ["x_train", "y_train", "x_test", "y_test"]
                .into_iter()
                .map(|name| archive.array(name))
                .collect::<Result<Vec<_>, _>>()
        };
        let arrays = read(&whole).unwrap();
        for end in 0..whole.len() {
            assert!(read(&whole[..end]).is_err(), "{name}: the first {end} bytes");
        }
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << (at % 8);
            // Times and attributes of a member aren't covered by its checksum, and say nothing of its content.
            if let Ok(read) = read(&bytes) {
                assert_eq!(read, arrays, "{name}: a bit of byte {at}");
            }
        }
    }
}

#[test]
fn an_archive_without_the_arrays_says_which_it_has() {
    let whole = bytes("set.npz");
    let archive = Npz::open("a.npz", &whole).unwrap();
    assert_eq!(archive.names(), ["x_train", "y_train", "x_test", "y_test"]);
    let error = archive.array("images").unwrap_err();
    assert!(matches!(error.problem, NpzProblem::Missing { .. }));
    assert_eq!(error.to_string(), "a.npz: no array \"images\"; there are x_train, y_train, x_test, y_test");
    let error = Npz::open("a.npz", b"PK, or not").map(|_| ()).unwrap_err().to_string();
    assert!(error.starts_with("a.npz: not a whole ZIP archive ("), "{error}");
}

proptest! {
    #[test]
    fn no_header_panics(text in "[{}():,'a-z<>|0-9FTrue ]{0,80}", values in prop::collection::vec(any::<u8>(), 0..40)) {
        let _ = npy::parse("file", &file(&text, &values));
    }

    #[test]
    fn fortran_order_is_the_transposed(shape in prop::collection::vec(0usize..5, 1..5)) {
        let n: usize = shape.iter().product();
        let text = format!("{:?}", shape).replace('[', "(").replace(']', ",)");
        let header = format!("{{'descr': '|u1', 'fortran_order': True, 'shape': {text}, }}");
        let array = npy::parse("file", &file(&header, &(0..n as u8).collect::<Vec<u8>>())).unwrap();
        let NpyValues::Bytes(values) = array.values else { panic!() };
        for (place, &value) in values.iter().enumerate() {
            // The index of this place, the last axis fastest; and where Fortran has it, the first axis fastest.
            let (mut rest, mut index) = (place, vec![0; shape.len()]);
            for axis in (0..shape.len()).rev() {
                index[axis] = rest % shape[axis];
                rest /= shape[axis];
            }
            let fortran = (0..shape.len()).rev().fold(0, |sum, axis| sum * shape[axis] + index[axis]);
            prop_assert_eq!(usize::from(value), fortran);
        }
    }
}
