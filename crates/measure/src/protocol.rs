//! The protocol: how the samples of any family are judged, always in the same way.

use crate::judge::{Weights, over};
use crate::{
    Estimate, Neighbour, PrecisionRecall, frechet_distance, kernel_distance, nearest, nearest_picture,
    precision_recall, sliced_wasserstein,
};
use glassbox_data::image::{Image, from_tensor};
use glassbox_data::{DataError, ImageSet};
use glassbox_tensor::Tensor;
use glassbox_tensor::random::Key;
use std::fmt;
use thiserror::Error;

/// The version of the protocol. Whatever changes a number, changes it too.
pub const PROTOCOL: u32 = 1;

/// How many samples are judged, against as many test pictures.
pub const JUDGED: usize = 2000;

/// How many of them are compared with all training pictures.
pub const LOOKED_UP: usize = 16;

/// Neighbours that a point's ball reaches to.
const K: usize = 3;

/// Directions of the sliced distance, and what they are drawn from.
const DIRECTIONS: (usize, Key) = (256, Key::new(0));

/// Judges 2,000 `samples` of a model of `set`, `fashion-mnist` or `digits`: (2000, 1, 28, 28) with values in 0..1, or
/// (2000, 1, 32, 32), of which the outer two pixels are cut off.
///
/// 1. Samples become bytes, as pictures are: floor(255·v + ½), at least 0 and at most 255; NaN is 0.
/// 2. The committed judge of the set makes 64 features of each, and of each of the first 2,000 embedded test pictures.
/// 3. On these: [`frechet_distance`], [`kernel_distance`], [`precision_recall`] with k = 3, [`sliced_wasserstein`] over 256
///    directions. In pixels: the mean distance of the first 16 samples to their [`nearest`] training pictures.
/// 4. The same for the first 2,000 training pictures in place of samples: the floor. (16 test pictures stand for them in the last
///    number; training pictures would be at 0.) No model is to be expected below it, and a difference smaller than the floor says
///    little. The judge has seen the training pictures and not the test pictures, so the floor is a little too high.
///
/// ```no_run
/// use glassbox_measure::judge_samples;
/// # let samples = glassbox_tensor::Tensor::zeros([2000, 1, 28, 28]);
/// let report = judge_samples("fashion-mnist", &samples)?;
/// println!("{report}");
/// # Ok::<(), glassbox_measure::JudgeError>(())
/// ```
///
/// # Errors
/// If there is no judge of that set, or the samples are not 2,000 pictures of 28 × 28 or 32 × 32.
pub fn judge_samples(set: &str, samples: &Tensor) -> Result<Report, JudgeError> {
    let weights = Weights::of(set)?;
    let samples = match *samples.shape() {
        [JUDGED, 1, 28, 28] => samples.clone(),
        [JUDGED, 1, 32, 32] => samples.narrow(2, 2, 28).narrow(3, 2, 28),
        _ => return Err(JudgeError::Samples(samples.shape().to_vec())),
    };
    let bytes = from_tensor(&samples).iter().flat_map(|image| image.data().to_vec()).collect();
    let samples = ImageSet::new("samples", [1, 28, 28], bytes, vec![0; JUDGED], vec!["sample".to_string()])?;
    let data = glassbox_data::open(set)?;
    let (train, test) = (data.train.head(JUDGED), data.test.head(JUDGED));
    let (judge, first) = (weights.judge(), (0..LOOKED_UP as u32).collect::<Vec<_>>());
    let features = |set: &ImageSet| over(set, |x| judge.features(x).value().clone()); // (2000, 64)
    let real = features(&test);
    let found = nearest(&samples.batch(&first).0, &data.train);
    let of_test = nearest(&test.batch(&first).0, &data.train);
    Ok(Report {
        weights,
        samples: Scores::of(&real, &features(&samples), &found),
        floor: Scores::of(&real, &features(&train), &of_test),
        picture: nearest_picture(&samples.batch(&first).0, &data.train),
        nearest: found,
    })
}

/// What the protocol says of one set of pictures.
#[derive(Debug, Clone, PartialEq)]
pub struct Scores {
    /// The squared Fréchet distance to the test pictures.
    pub frechet: f64,
    /// The kernel distance to the test pictures.
    pub kernel: Estimate,
    /// Precision and recall against the test pictures.
    pub found: PrecisionRecall,
    /// The sliced Wasserstein distance to the test pictures.
    pub sliced: f64,
    /// The mean distance, in pixels, of 16 pictures to the training pictures nearest to them.
    pub nearest: f64,
}

impl Scores {
    fn of(real: &Tensor, features: &Tensor, neighbours: &[Neighbour]) -> Scores {
        Scores {
            frechet: frechet_distance(real, features).expect("the protocol takes as many as a distance takes"),
            kernel: kernel_distance(real, features),
            found: precision_recall(real, features, K),
            sliced: sliced_wasserstein(real, features, DIRECTIONS.0, DIRECTIONS.1),
            nearest: neighbours.iter().map(|n| n.distance).sum::<f64>() / neighbours.len() as f64,
        }
    }
}

/// What [`judge_samples`] finds. As text it is a table in Markdown.
#[derive(Debug)]
pub struct Report {
    /// The judge: without it the numbers mean nothing.
    pub weights: &'static Weights,
    /// The samples against the test pictures.
    pub samples: Scores,
    /// Training pictures against the test pictures.
    pub floor: Scores,
    /// The training pictures nearest to the first 16 samples.
    pub nearest: Vec<Neighbour>,
    /// Those samples, each above its neighbour.
    pub picture: Image,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Weights { set, sha256, .. } = self.weights;
        let (n, judge) = (JUDGED, &sha256[..12]);
        writeln!(
            f,
            "| {n} against {n} test pictures | judge | Fréchet | kernel | precision | recall | sliced | nearest |"
        )?;
        writeln!(f, "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |")?;
        for (name, s) in [("samples", &self.samples), ("floor: training pictures", &self.floor)] {
            let PrecisionRecall { precision, recall } = s.found;
            let (frechet, kernel, sliced, nearest) = (s.frechet, s.kernel, s.sliced, s.nearest);
            writeln!(
                f,
                "| {name} | `{judge}` | {frechet:.3} | {kernel:.4} | {precision:.3} | {recall:.3} | {sliced:.3} | {nearest:.2} |"
            )?;
        }
        let list = |n: &Neighbour| format!("{} at {:.2}", n.index, n.distance);
        let nearest: Vec<String> = self.nearest.iter().map(list).collect();
        writeln!(f, "\nProtocol {PROTOCOL}, {set}, judge SHA-256 `{sha256}`.")?;
        writeln!(f, "Nearest training pictures of {LOOKED_UP} samples: {}.", nearest.join(", "))
    }
}

/// Why samples can't be judged.
#[derive(Debug, Error)]
pub enum JudgeError {
    /// There are no committed weights for this data set.
    #[error("there is no judge of {0:?}; there is one of fashion-mnist and one of digits")]
    NoJudge(String),
    /// The samples are of another shape.
    #[error(
        "samples of shape {0:?} can't be judged; the protocol takes {JUDGED} of them, ({JUDGED}, 1, 28, 28) or \
         ({JUDGED}, 1, 32, 32)"
    )]
    Samples(Vec<usize>),
    /// The pictures to compare with can't be opened.
    #[error(transparent)]
    Data(#[from] DataError),
}
