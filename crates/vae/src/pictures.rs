//! What there is to look at: samples, reconstructions, and ways from one picture to another.

use crate::model::Autoencoder;
use crate::training::Training;
use glassbox_data::ImageSet;
use glassbox_data::image::grid;
use glassbox_tensor::Tensor;
use glassbox_train::{Experiment, Picture, SAMPLE_SEED};

/// The black pixels around each picture.
const PADDING: usize = 2;

/// Samples, reconstructions and interpolations.
pub(crate) fn all<M: Autoencoder>(training: &Training<M>) -> Vec<Picture> {
    vec![
        Picture {
            name: "samples",
            caption: "Samples: codes from N(0, I), decoded. A VAE learns to decode them; an autoencoder never saw any."
                .to_string(),
            image: training.sample(64, SAMPLE_SEED),
        },
        reconstructions(training),
        interpolations(training),
        plane(training),
    ]
}

/// The two latents that say most, from −2 to 2 across and up, with all others at 0.
fn plane<M: Autoencoder>(training: &Training<M>) -> Picture {
    const SIDE: usize = 17;
    let codes = training.codes(&training.data().test); // (N, L)
    let latents = codes.shape()[1];
    let variance = codes.var(&[0], 1, false).to_vec();
    let mut order: Vec<usize> = (0..latents).collect();
    order.sort_by(|&a, &b| variance[b].total_cmp(&variance[a])); // stable: the first of equals
    let (across, up) = (order[0], order[1 % latents]);
    let at = |i: usize| 4.0 * i as f32 / (SIDE - 1) as f32 - 2.0;
    let mut z = vec![0.0; SIDE * SIDE * latents];
    for (place, z) in z.chunks_mut(latents).enumerate() {
        z[up] = -at(place / SIDE);
        z[across] = at(place % SIDE);
    }
    let decoded = training.decode(&Tensor::from_vec(z, [SIDE * SIDE, latents]));
    Picture {
        name: "plane",
        caption: format!(
            "The plane of latents {} (across) and {} (up) from −2 to 2, decoded{}.",
            across + 1,
            up + 1,
            if latents > 2 { "; all other latents are 0" } else { "" }
        ),
        image: grid(&decoded, SIDE, 0),
    }
}

/// One test picture of each class above what the network makes of its code.
fn reconstructions<M: Autoencoder>(training: &Training<M>) -> Picture {
    let test = &training.data().test;
    let chosen = one_of_each_class(test);
    let x = training.held_out(test, &chosen); // (K, D)
    let codes = training.model.frozen().encode(&x).mu; // (K, L)
    let decoded = training.decode(codes.value()); // (K, C, H, W)
    let rows = stack(&[x.value().reshape(decoded.shape()), decoded]); // (2·K, C, H, W)
    Picture {
        name: "reconstructions",
        caption:
            "Reconstructions: test pictures, one of each class, above what is left of them after encoding and decoding."
                .to_string(),
        image: grid(&rows, chosen.len(), PADDING),
    }
}

/// Straight lines in the space of codes, from each class to the next.
fn interpolations<M: Autoencoder>(training: &Training<M>) -> Picture {
    const STEPS: usize = 9;
    let test = &training.data().test;
    let chosen = one_of_each_class(test);
    let codes = training.model.frozen().encode(&training.held_out(test, &chosen)).mu; // (K, L)
    let code = |i: usize| codes.value().select(0, i % chosen.len()); // (L)
    let mut lines = Vec::new();
    for i in (0..chosen.len()).step_by(2) {
        let (a, b) = (code(i), code(i + 1));
        for k in 0..STEPS {
            let t = k as f32 / (STEPS - 1) as f32;
            lines.extend((&((1.0 - t) * &a) + &(t * &b)).to_vec());
        }
    }
    let n = chosen.len().div_ceil(2) * STEPS;
    let z = Tensor::from_vec(lines, [n, codes.shape()[1]]); // (N, L)
    Picture {
        name: "interpolations",
        caption: "Interpolations: each row decodes the straight line between the codes of two test pictures."
            .to_string(),
        image: grid(&training.decode(&z), STEPS, PADDING),
    }
}

/// The first picture of each of the first ten classes that have one, in the order of the classes.
fn one_of_each_class(set: &ImageSet) -> Vec<u32> {
    let first = |class: usize| set.labels().iter().position(|&l| usize::from(l) == class);
    (0..set.classes().len()).filter_map(first).take(10).map(|i| i as u32).collect()
}

/// Batches of one shape, one after the other.
fn stack(batches: &[Tensor]) -> Tensor {
    let mut shape = batches[0].shape().to_vec();
    shape[0] = batches.iter().map(|b| b.shape()[0]).sum();
    Tensor::from_vec(batches.iter().flat_map(|b| b.to_vec()).collect(), shape)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A set may have pictures of late classes only, and a grid has at least one column.
    #[test]
    fn ten_classes_are_shown_that_have_pictures() {
        let classes: Vec<String> = (0..256).map(|class| class.to_string()).collect();
        let chosen = |labels: Vec<u8>| {
            let pictures = vec![0; labels.len()];
            one_of_each_class(&ImageSet::new("set", [1, 1, 1], pictures, labels, classes.clone()).unwrap())
        };
        assert_eq!(chosen(vec![200, 11, 200]), [1, 0]);
        assert_eq!(chosen((0..20).rev().collect()), (10..20).rev().collect::<Vec<u32>>());
    }
}
