//! Both parts of a data set of pictures, put together picture by picture from whatever form it has.

use crate::dataset::{DataSplits, ImageSet};
use crate::error::DataError;
use crate::image::Image;
use crate::spec::Look;

/// The most bytes that the pictures of one data set may have: one GiB.
pub const MAX_SET_BYTES: usize = 1 << 30;

/// The most classes: a label is a byte.
pub(crate) const MAX_CLASSES: usize = 256;

/// Which part a picture belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Train,
    Test,
}

pub(crate) struct Builder<'a> {
    name: &'a str,
    look: Look,
    classes: Vec<String>,
    /// The shape of all pictures, and where the first one came from.
    shape: Option<([usize; 3], String)>,
    parts: [Pictures; 2],
}

#[derive(Default)]
struct Pictures {
    images: Vec<u8>,
    labels: Vec<u8>,
    captions: Vec<String>,
}

impl<'a> Builder<'a> {
    pub(crate) fn new(name: &'a str, look: &Look, classes: Vec<String>) -> Result<Builder<'a>, DataError> {
        let builder = Builder { name, look: *look, classes, shape: None, parts: Default::default() };
        match builder.classes.len() {
            1..=MAX_CLASSES => Ok(builder),
            n => Err(builder.wrong(format!("{n} classes; 1 to {MAX_CLASSES} are read"))),
        }
    }

    fn wrong(&self, problem: String) -> DataError {
        DataError::Inconsistent { name: self.name.to_string(), problem }
    }

    /// Takes in one picture; `source` is what an error calls it. Captions are for all pictures or for none.
    pub(crate) fn add(
        &mut self,
        part: Part,
        image: &Image,
        class: usize,
        caption: Option<String>,
        source: &str,
    ) -> Result<(), DataError> {
        let image = image.seen_as(&self.look);
        let shape = [image.channels(), image.height(), image.width()];
        let (first, first_source) = self.shape.get_or_insert_with(|| (shape, source.to_string()));
        if *first != shape {
            let problem = difference(source, shape, first_source, *first);
            return Err(self.wrong(problem));
        }
        let held: usize = self.parts.iter().map(|p| p.images.len()).sum();
        if held + image.data().len() > MAX_SET_BYTES {
            let problem =
                format!("the pictures take more than {MAX_SET_BYTES} bytes; add ?size=32 or ?colour=grey to it");
            return Err(self.wrong(problem));
        }
        let pictures = &mut self.parts[part as usize];
        pictures.images.extend(image.planes());
        pictures.labels.push(class as u8); // `new` has seen that classes fit
        pictures.captions.extend(caption);
        Ok(())
    }

    pub(crate) fn finish(self) -> Result<DataSplits, DataError> {
        let Builder { name, classes, shape, parts: [train, test], .. } = self;
        let shape = shape.map_or([0; 3], |(shape, _)| shape);
        let set = |part: &str, p: Pictures| {
            let set = ImageSet::new(&format!("{name} ({part})"), shape, p.images, p.labels, classes.clone())?;
            Ok::<_, DataError>(if p.captions.is_empty() { set } else { set.with_captions(p.captions) })
        };
        Ok(DataSplits { train: set("train", train)?, test: set("test", test)? })
    }
}

/// The sentence about two pictures of different shapes, with what makes them alike.
fn difference(source: &str, [c, h, w]: [usize; 3], first: &str, [c0, h0, w0]: [usize; 3]) -> String {
    let colours = |c| if c == 1 { "grey" } else { "colour" };
    if (h, w) != (h0, w0) {
        let n = if h.max(w) > 64 { 64 } else { 32 };
        return format!(
            "{source} is {w} × {h} pixels and {first} {w0} × {h0}; add ?size={n}, or the size that you want, to the data set"
        );
    }
    let (c, c0) = (colours(c), colours(c0));
    format!("{source} is {c} and {first} {c0}; add ?colour=grey or ?colour=rgb to the data set")
}

/// Pictures that are in memory already, as they are wanted.
pub(crate) fn seen_as(data: DataSplits, name: &str, look: &Look) -> Result<DataSplits, DataError> {
    if *look == Look::default() {
        return Ok(data);
    }
    let mut builder = Builder::new(name, look, data.train.classes().to_vec())?;
    for (part, set) in [(Part::Train, &data.train), (Part::Test, &data.test)] {
        let [c, h, w] = set.image_shape();
        for i in 0..set.len() {
            let image = Image::from_planes(w, h, c, set.image(i));
            let caption = set.captions().map(|captions| captions[i].clone());
            builder.add(part, &image, usize::from(set.labels()[i]), caption, &format!("picture {i}"))?;
        }
    }
    builder.finish()
}
