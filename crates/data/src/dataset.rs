//! Labelled pictures in memory, and the batches that a model is given.
//!
//! Pictures stay bytes (N, C, H, W) until a batch is asked for: a quarter of the memory of f32, and the whole
//! of Fashion-MNIST's training set is 47 MB.

use crate::error::DataError;
use crate::idx::IdxArray;
use crate::moments::Moments;
use crate::source::Source;
use glassbox_tensor::{Ids, Tensor, counted};
use std::fmt;

/// A data set's two parts: what is learned from, and what is judged by.
#[derive(Debug, Clone)]
pub struct DataSplits {
    /// The pictures to learn from.
    pub train: ImageSet,
    /// The pictures held out.
    pub test: ImageSet,
}

/// Labelled pictures of one size: N pictures of C channels, H rows and W columns, each with a class.
#[derive(Clone, PartialEq, Eq)]
pub struct ImageSet {
    name: String,
    shape: [usize; 3], // C, H, W
    images: Vec<u8>,   // (N, C, H, W)
    labels: Vec<u8>,   // (N)
    classes: Vec<String>,
    captions: Option<Vec<String>>, // (N)
}

impl ImageSet {
    /// The set of these pictures, bytes in the order (N, C, H, W) with `shape = [C, H, W]`, and of these
    /// labels, each the index of a name in `classes`. `name` is what the errors call it.
    ///
    /// ```
    /// use glassbox_data::ImageSet;
    /// let classes = ["dark".to_string(), "light".to_string()];
    /// let set = ImageSet::new("two pixels", [1, 1, 1], vec![20, 230], vec![0, 1], classes.to_vec())?;
    /// assert_eq!((set.len(), set.classes()[set.labels()[1] as usize].as_str()), (2, "light"));
    ///
    /// let error = ImageSet::new("two pixels", [1, 1, 1], vec![20, 230], vec![0, 2], classes.to_vec());
    /// assert_eq!(error.unwrap_err().to_string(), "two pixels: label 2 of picture 1 is not one of the 2 classes; labels are numbers below 2");
    /// # Ok::<(), glassbox_data::DataError>(())
    /// ```
    ///
    /// # Errors
    /// If there are no pictures, if pictures and labels differ in number, or if a label is not a class.
    pub fn new(
        name: &str,
        shape: [usize; 3],
        images: Vec<u8>,
        labels: Vec<u8>,
        classes: Vec<String>,
    ) -> Result<ImageSet, DataError> {
        let wrong = |problem| Err(DataError::Inconsistent { name: name.to_string(), problem });
        let [c, h, w] = shape;
        if images.is_empty() || shape.contains(&0) {
            return wrong(format!(
                "no pictures: {} of (C, H, W) = ({c}, {h}, {w}); give at least one",
                counted(images.len(), "byte")
            ));
        }
        let size = c.saturating_mul(h).saturating_mul(w);
        if !images.len().is_multiple_of(size) {
            return wrong(format!(
                "{} for pictures of ({c}, {h}, {w}), which is no whole number of them",
                counted(images.len(), "byte")
            ));
        }
        let n = images.len() / size;
        if labels.len() != n {
            return wrong(format!(
                "{} but {}; give each picture its label",
                counted(n, "picture"),
                counted(labels.len(), "label")
            ));
        }
        if u32::try_from(n).is_err() {
            return wrong(format!("{n}; fewer than 2^32 can be numbered", n = counted(n, "picture")));
        }
        if let Some(i) = labels.iter().position(|&l| usize::from(l) >= classes.len()) {
            let (label, k) = (labels[i], classes.len());
            return wrong(format!(
                "label {label} of picture {i} is not one of the {}; labels are numbers below {k}",
                counted(k, "class")
            ));
        }
        Ok(ImageSet { name: name.to_string(), shape, images, labels, classes, captions: None })
    }

    /// The same set with a few words for each picture.
    ///
    /// # Panics
    /// If there are not as many as pictures.
    #[track_caller]
    pub fn with_captions(self, captions: Vec<String>) -> ImageSet {
        assert!(
            captions.len() == self.len(),
            "ImageSet::with_captions: {} captions for {} pictures",
            captions.len(),
            self.len()
        );
        ImageSet { captions: Some(captions), ..self }
    }

    /// What the set is called: the data set and the part of it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The number of pictures, N.
    #[expect(clippy::len_without_is_empty, reason = "a set is never empty: `new` refuses it")]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// The shape of one picture, `[C, H, W]`.
    pub fn image_shape(&self) -> [usize; 3] {
        self.shape
    }

    /// The samples of one picture, C · H · W: what a fully connected layer takes in.
    pub fn pixels(&self) -> usize {
        self.shape.iter().product()
    }

    /// The names of the classes, in the order of the labels.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// Every picture's class, (N).
    pub fn labels(&self) -> &[u8] {
        &self.labels
    }

    /// What each picture shows, in words, where the data say it.
    pub fn captions(&self) -> Option<&[String]> {
        self.captions.as_deref()
    }

    /// The bytes of picture `i`, (C, H, W).
    ///
    /// # Panics
    /// If there is no such picture.
    #[track_caller]
    pub fn image(&self, i: usize) -> &[u8] {
        self.check(i);
        &self.images[i * self.pixels()..(i + 1) * self.pixels()]
    }

    /// How many pictures each class has.
    pub fn class_counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.classes.len()];
        for &label in &self.labels {
            counts[usize::from(label)] += 1;
        }
        counts
    }

    /// Extremes, mean and spread of all samples, as bytes.
    pub fn moments(&self) -> Moments {
        self.images.iter().map(|&byte| f64::from(byte)).collect()
    }

    /// The set of the first `n` pictures, or of all if there are fewer.
    ///
    /// # Panics
    /// If `n` is 0: a set is never empty.
    #[track_caller]
    pub fn head(&self, n: usize) -> ImageSet {
        assert!(n > 0, "ImageSet::head: n is 0; a set is never empty");
        let n = n.min(self.len());
        ImageSet {
            name: self.name.clone(),
            shape: self.shape,
            images: self.images[..n * self.pixels()].to_vec(),
            labels: self.labels[..n].to_vec(),
            classes: self.classes.clone(),
            captions: self.captions.as_ref().map(|c| c[..n].to_vec()),
        }
    }

    /// The pictures of these numbers as a model takes them, (B, C, H, W) with values `byte / 255` in 0..1,
    /// and their labels, (B).
    ///
    /// A number may come more than once, and B may be 0. The division is the one of PyTorch's `ToTensor`,
    /// bit for bit. For (B, C·H·W), [`Tensor::reshape`] the pictures: it copies nothing.
    ///
    /// # Panics
    /// If there is no picture of such a number.
    #[track_caller]
    pub fn batch(&self, indices: &[u32]) -> (Tensor, Ids) {
        let [c, h, w] = self.shape;
        let mut images = Tensor::zeros([indices.len(), c, h, w]); // (B, C, H, W)
        // Written in place: the buffer comes from the tensors' pool, and a step allocates nothing of its size.
        for (out, &i) in images.make_mut().chunks_exact_mut(self.pixels()).zip(indices) {
            for (x, &byte) in out.iter_mut().zip(self.image(i as usize)) {
                *x = f32::from(byte) / 255.0;
            }
        }
        let labels = indices.iter().map(|&i| u32::from(self.labels[i as usize])).collect();
        (images, Ids::from_vec(labels, [indices.len()]))
    }

    #[track_caller]
    fn check(&self, i: usize) {
        assert!(i < self.len(), "ImageSet: no picture {i} in {}, which has {}", self.name, self.len());
    }
}

impl fmt::Debug for ImageSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [c, h, w] = self.shape;
        let (name, n, k) = (&self.name, self.len(), self.classes.len());
        write!(f, "ImageSet {{ {name}: ({n}, {c}, {h}, {w}), {k} classes }}")
    }
}

/// Reads both parts from the four files. Without names for the classes they are called `0`, `1`, …, up to the
/// largest label of either part.
pub(crate) fn read_splits(name: &str, source: Source<'_>, classes: Option<&[&str]>) -> Result<DataSplits, DataError> {
    let (train_shape, train_images) = read_images(source, 0)?;
    let train_labels = read_labels(source, 1)?;
    let (test_shape, test_images) = read_images(source, 2)?;
    let test_labels = read_labels(source, 3)?;
    if train_shape != test_shape {
        let [[_, h0, w0], [_, h1, w1]] = [train_shape, test_shape];
        let problem = format!("training pictures are {h0} × {w0}, test pictures {h1} × {w1}; give them one size");
        return Err(DataError::Inconsistent { name: name.to_string(), problem });
    }
    let classes: Vec<String> = match classes {
        Some(names) => names.iter().map(|s| s.to_string()).collect(),
        None => {
            let largest = train_labels.iter().chain(&test_labels).max().copied().unwrap_or(0);
            (0..=largest).map(|l| l.to_string()).collect()
        }
    };
    let part = |part| format!("{name} ({part})");
    Ok(DataSplits {
        train: ImageSet::new(&part("train"), train_shape, train_images, train_labels, classes.clone())?,
        test: ImageSet::new(&part("test"), test_shape, test_images, test_labels, classes)?,
    })
}

/// File `i` as pictures of one channel: their shape, and their bytes.
fn read_images(source: Source<'_>, i: usize) -> Result<([usize; 3], Vec<u8>), DataError> {
    let (file, array) = source.read(i)?;
    match *array.dims() {
        [_, h, w] => Ok(([1, h, w], array.into_data())),
        _ => Err(wrong_rank(file, &array, "pictures have the dimensions [count, height, width]")),
    }
}

/// File `i` as labels.
fn read_labels(source: Source<'_>, i: usize) -> Result<Vec<u8>, DataError> {
    let (file, array) = source.read(i)?;
    match array.dims() {
        [_] => Ok(array.into_data()),
        _ => Err(wrong_rank(file, &array, "labels have the dimension [count]")),
    }
}

fn wrong_rank(file: String, array: &IdxArray, expected: &str) -> DataError {
    DataError::Inconsistent { name: file, problem: format!("dimensions {:?}; {expected}", array.dims()) }
}
