//! Folders of recordings with classes.

use super::read;
use crate::builder::Part;
use crate::error::DataError;
use crate::listing::{Listed, Listing, has_extension, list};
use std::path::Path;

/// The most samples of a set: 2²⁸, one GiB.
pub const MAX_SET_SAMPLES: usize = 1 << 28;

/// Both parts of a set of recordings.
#[derive(Debug, Clone, PartialEq)]
pub struct SoundSplits {
    /// Those to learn from.
    pub train: SoundSet,
    /// Those held out.
    pub test: SoundSet,
}

/// Recordings of one rate, each with a class.
#[derive(Debug, Clone, PartialEq)]
pub struct SoundSet {
    name: String,
    rate: u32,
    classes: Vec<String>,
    recordings: Vec<Vec<f32>>,
    labels: Vec<u32>,
}

impl SoundSet {
    /// What the set is called: the folder and the part of it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Samples in a second.
    pub fn rate(&self) -> u32 {
        self.rate
    }

    /// The names of the classes, in the order of the labels.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The samples of each recording.
    pub fn recordings(&self) -> &[Vec<f32>] {
        &self.recordings
    }

    /// The class of each recording.
    pub fn labels(&self) -> &[u32] {
        &self.labels
    }
}

/// Reads a folder of WAV files, laid out as pictures are: a class is a subfolder. Where there are no subfolders it is what
/// stands before the first underscore of the name, if all names have one: `7_jackson_32.wav` is of class 7.
pub(crate) fn read_folder(spec: &str, folder: &Path) -> Result<SoundSplits, DataError> {
    let wrong = |problem| DataError::Inconsistent { name: spec.to_string(), problem };
    let before_underscore =
        |name: &str| name.split_once('_').map(|(label, _)| label.to_string()).filter(|l| !l.is_empty());
    let Listing { files, classes } = list(folder, |name| has_extension(name, &["wav"]), before_underscore)?;
    let mut rate = None;
    let mut samples = 0;
    let mut parts = [(Vec::new(), Vec::new()), (Vec::new(), Vec::new())];
    for Listed { path, class, part } in files {
        let sound = read(&path)?;
        let (first, first_path) = rate.get_or_insert_with(|| (sound.rate, path.clone()));
        if *first != sound.rate {
            return Err(wrong(format!(
                "{} has {} samples in a second and {} has {first}; convert them to one rate",
                path.display(),
                sound.rate,
                first_path.display()
            )));
        }
        samples += sound.samples.len();
        if samples > MAX_SET_SAMPLES {
            return Err(wrong(format!("more than {MAX_SET_SAMPLES} samples; give a folder with fewer recordings")));
        }
        let (recordings, labels) = &mut parts[part as usize];
        recordings.push(sound.samples);
        labels.push(class as u32);
    }
    let rate = rate.map_or(0, |(rate, _)| rate);
    let [train, test] = [(Part::Train, "train"), (Part::Test, "test")].map(|(part, name)| {
        let (recordings, labels) = std::mem::take(&mut parts[part as usize]);
        SoundSet { name: format!("{spec} ({name})"), rate, classes: classes.clone(), recordings, labels }
    });
    if train.recordings.is_empty() || test.recordings.is_empty() {
        return Err(wrong("no recordings in train/ or in test/".to_string()));
    }
    Ok(SoundSplits { train, test })
}
