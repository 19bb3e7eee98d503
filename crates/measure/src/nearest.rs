//! Nearest training pictures: did the model make something new, or does it repeat what it saw?

use crate::points::squared_distance;
use glassbox_data::ImageSet;
use glassbox_data::image::{Image, grid};
use glassbox_tensor::Tensor;

/// A picture of a set, and how far it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Neighbour {
    /// Its number in the set.
    pub index: usize,
    /// The Euclidean distance over the pixels, as values in 0..1: √Σ (x − x')².
    pub distance: f64,
}

/// For each of the `samples` (N, C, H, W), values in 0..1, the picture of `training` which is nearest to it in the space of
/// pixels; of equals the first.
///
/// A sample at distance 0 is a copy. One that is much nearer to its neighbour than test pictures are to theirs is a copy with
/// noise. Being far proves little: a copy that moved by a pixel is far.
///
/// ```
/// use glassbox_measure::nearest;
/// let data = glassbox_data::open("fashion-mnist")?;
/// let (samples, _) = data.train.batch(&[7, 5]); // a model that has learned two pictures by heart
/// let found = nearest(&samples, &data.train.head(100));
/// assert_eq!((found[0].index, found[1].index, found[0].distance), (7, 5, 0.0));
/// # Ok::<(), glassbox_data::DataError>(())
/// ```
///
/// # Panics
/// If the samples are not of the set's shape, (N, C, H, W).
#[track_caller]
pub fn nearest(samples: &Tensor, training: &ImageSet) -> Vec<Neighbour> {
    let [c, h, w] = training.image_shape();
    assert!(
        matches!(*samples.shape(), [_, a, b, d] if [a, b, d] == [c, h, w]),
        "nearest: samples of shape {:?} beside pictures of ({c}, {h}, {w}); they are (N, {c}, {h}, {w})",
        samples.shape()
    );
    let rows: Vec<f64> = samples.to_vec().into_iter().map(f64::from).collect(); // (N, D)
    let samples: Vec<&[f64]> = rows.chunks_exact(training.pixels()).collect();
    let mut found = vec![Neighbour { index: 0, distance: f64::INFINITY }; samples.len()];
    for index in 0..training.len() {
        let picture: Vec<f64> = training.image(index).iter().map(|&byte| f64::from(f32::from(byte) / 255.0)).collect();
        for (best, sample) in found.iter_mut().zip(&samples) {
            let squared = squared_distance(sample, &picture);
            if squared < best.distance {
                *best = Neighbour { index, distance: squared };
            }
        }
    }
    found.into_iter().map(|n| Neighbour { distance: n.distance.sqrt(), ..n }).collect()
}

/// The samples in a row, each above the training picture that is [`nearest`] to it.
///
/// ```
/// use glassbox_measure::nearest_picture;
/// let data = glassbox_data::open("fashion-mnist")?;
/// let (samples, _) = data.test.batch(&[0, 1, 2]);
/// let image = nearest_picture(&samples, &data.train.head(500));
/// assert_eq!((image.width(), image.height()), (3 * 30 + 2, 2 * 30 + 2));
/// # Ok::<(), glassbox_data::DataError>(())
/// ```
///
/// # Panics
/// If there are none, or they are not of the set's shape, (N, C, H, W).
#[track_caller]
pub fn nearest_picture(samples: &Tensor, training: &ImageSet) -> Image {
    let numbers: Vec<u32> = nearest(samples, training).iter().map(|n| n.index as u32).collect();
    let (neighbours, _) = training.batch(&numbers); // (N, C, H, W)
    grid(&Tensor::cat(&[samples, &neighbours], 0), numbers.len(), 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set() -> ImageSet {
        let bytes = vec![0, 0, 255, 255, 0, 255, 0, 255, 51, 51, 51, 51];
        ImageSet::new("three", [1, 2, 2], bytes, vec![0; 3], vec!["any".to_string()]).unwrap()
    }

    #[test]
    fn the_nearest_picture_is_found_with_its_distance() {
        let samples = Tensor::from_vec(vec![0., 0.2, 1., 1., 0.2, 0.2, 0.2, 0.5], [2, 1, 2, 2]);
        let found = nearest(&samples, &set());
        assert_eq!([found[0].index, found[1].index], [0, 2]);
        assert!((found[0].distance - 0.2).abs() < 1e-7 && (found[1].distance - 0.3).abs() < 1e-7);
    }

    #[test]
    fn of_equal_distances_the_first_counts() {
        // Halfway between the first two: both are at √(0.5² + 0.5²), the third at √(0.2² + 2·0.3² + 0.8²)
        let found = nearest(&Tensor::from_vec(vec![0., 0.5, 0.5, 1.], [1, 1, 2, 2]), &set());
        assert_eq!(found[0].index, 0);
        assert!((found[0].distance - 0.5f64.sqrt()).abs() < 1e-12);
    }

    #[test]
    #[should_panic(expected = "nearest: samples of shape [2, 4] beside pictures of (1, 2, 2); they are (N, 1, 2, 2)")]
    fn samples_of_another_shape_are_refused() {
        nearest(&Tensor::zeros([2, 4]), &set());
    }
}
