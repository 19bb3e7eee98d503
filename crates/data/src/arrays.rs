//! Data sets as NumPy arrays: `.npz` files such as Keras' `mnist.npz`, and `.npy` files of pictures alone.
//!
//! ```text
//! x_train, x_test    pictures: (N, H, W), (N, H, W, 1 or 3) or (N, 1 or 3, H, W), the first of these that fits
//! y_train, y_test    classes: (N) or (N, 1), whole numbers from 0 to 255
//! ```
//!
//! Pictures are bytes, whole numbers from 0 to 255, or floats from 0 to 1, which become `round(255·v)`. An `.npy` file has
//! no classes: all of its pictures are of one, and a tenth is held out by a hash of their numbers.

use crate::builder::{Builder, Part};
use crate::dataset::DataSplits;
use crate::error::DataError;
use crate::files;
use crate::image::Image;
use crate::npy::{self, NpyArray, NpyValues};
use crate::npz::Npz;
use crate::spec::Look;
use crate::split;
use glassbox_tensor::counted;
use std::path::Path;

/// Reads an `.npz` file.
pub(crate) fn read_npz(spec: &str, path: &Path, look: &Look) -> Result<DataSplits, DataError> {
    let bytes = files::read_regular(path)?;
    let archive = Npz::open(&path.display().to_string(), &bytes)?;
    let array = |name: &str| -> Result<NpyArray, DataError> { Ok(archive.array(name)?) };
    let labelled = |part: &str| -> Result<(Pictures, Vec<u8>), DataError> {
        let (x, y) = (format!("x_{part}"), format!("y_{part}"));
        let named = |name: &str| format!("{}: {name}", path.display());
        let pictures = Pictures::of(array(&x)?, &named(&x))?;
        let labels = labels(array(&y)?, &named(&y))?;
        if pictures.n != labels.len() {
            let (pictures, labels) = (counted(pictures.n, "picture"), counted(labels.len(), "label"));
            let problem = format!("{pictures} but {labels}; give each picture its label");
            return Err(DataError::Inconsistent { name: named(&y), problem });
        }
        Ok((pictures, labels))
    };
    let (train, train_labels) = labelled("train")?;
    let (test, test_labels) = labelled("test")?;
    let largest = train_labels.iter().chain(&test_labels).max().copied().unwrap_or(0);
    let mut builder = Builder::new(spec, look, (0..=largest).map(|label| label.to_string()).collect())?;
    for (part, name, pictures, labels) in
        [(Part::Train, "x_train", &train, train_labels), (Part::Test, "x_test", &test, test_labels)]
    {
        for (i, label) in labels.into_iter().enumerate() {
            builder.add(part, &pictures.image(i), usize::from(label), None, &format!("picture {i} of {name}"))?;
        }
    }
    builder.finish()
}

/// Reads an `.npy` file of pictures.
pub(crate) fn read_npy(spec: &str, path: &Path, look: &Look) -> Result<DataSplits, DataError> {
    let pictures = Pictures::of(npy::read(path)?, &path.display().to_string())?;
    let names: Vec<String> = (0..pictures.n).map(|i| i.to_string()).collect();
    let mut builder = Builder::new(spec, look, vec!["all".to_string()])?;
    for (i, part) in split::parts(spec, &names)?.into_iter().enumerate() {
        builder.add(part, &pictures.image(i), 0, None, &format!("picture {i}"))?;
    }
    builder.finish()
}

/// Pictures in one array.
struct Pictures {
    n: usize,
    channels: usize,
    height: usize,
    width: usize,
    channels_last: bool,
    bytes: Vec<u8>,
}

impl Pictures {
    fn of(array: NpyArray, name: &str) -> Result<Pictures, DataError> {
        let wrong = |problem| DataError::Inconsistent { name: name.to_string(), problem };
        let (n, [channels, height, width], channels_last) = match array.shape[..] {
            [n, h, w] => (n, [1, h, w], true),
            [n, h, w, c @ (1 | 3)] => (n, [c, h, w], true),
            [n, c @ (1 | 3), h, w] => (n, [c, h, w], false),
            _ => {
                let shape = array.shape;
                return Err(wrong(format!(
                    "shape {shape:?}; pictures are (N, H, W), (N, H, W, C) or (N, C, H, W), with C 1 or 3"
                )));
            }
        };
        if n == 0 || height == 0 || width == 0 {
            return Err(wrong(format!("no pictures: the shape is {:?}", array.shape)));
        }
        let outside = |(i, value): (usize, f64), range: &str| {
            wrong(format!("value {i} is {value}; samples of this type are read from {range}"))
        };
        let whole = |(i, v): (usize, i64)| u8::try_from(v).map_err(|_| outside((i, v as f64), "0 to 255"));
        let share = |(i, v): (usize, f64)| {
            let fits = (0.0..=1.0).contains(&v);
            if fits { Ok((v * 255.0).round() as u8) } else { Err(outside((i, v), "0 to 1")) }
        };
        let bytes = match array.values {
            NpyValues::Bytes(v) => v,
            NpyValues::Whole(v) => v.into_iter().enumerate().map(whole).collect::<Result<_, _>>()?,
            NpyValues::Single(v) => v.into_iter().map(f64::from).enumerate().map(share).collect::<Result<_, _>>()?,
            NpyValues::Double(v) => v.into_iter().enumerate().map(share).collect::<Result<_, _>>()?,
        };
        Ok(Pictures { n, channels, height, width, channels_last, bytes })
    }

    /// Picture `i`, which there is.
    fn image(&self, i: usize) -> Image {
        let Pictures { channels, height, width, .. } = *self;
        let samples = &self.bytes[i * channels * height * width..][..channels * height * width];
        match self.channels_last {
            true => Image::new(width, height, channels, samples.to_vec()),
            false => Image::from_planes(width, height, channels, samples),
        }
    }
}

/// Labels in one array.
fn labels(array: NpyArray, name: &str) -> Result<Vec<u8>, DataError> {
    let wrong = |problem| DataError::Inconsistent { name: name.to_string(), problem };
    if !matches!(array.shape[..], [_] | [_, 1]) {
        return Err(wrong(format!("shape {:?}; labels are (N) or (N, 1)", array.shape)));
    }
    let label = |(i, v): (usize, i64)| {
        u8::try_from(v).map_err(|_| wrong(format!("label {v} of picture {i} is not one of 0 to 255")))
    };
    match array.values {
        NpyValues::Bytes(v) => Ok(v),
        NpyValues::Whole(v) => v.into_iter().enumerate().map(label).collect(),
        _ => Err(wrong("labels are whole numbers, and these are floats; save them as uint8".to_string())),
    }
}
