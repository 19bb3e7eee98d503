//! Samples as numbers: what is judged.

mod common;

use common::small;
use glassbox_tensor::Tensor;
use glassbox_tensor::random::Key;
use glassbox_train::Experiment;
use glassbox_vae::{Autoencoder, PRESETS, Training, VAE_MLP, VaeMlp};

#[test]
fn samples_are_decoded_codes_from_the_prior_batch_for_batch() {
    let config = small(&VAE_MLP);
    let data = glassbox_data::open(&config.data).unwrap();
    let training: Training<VaeMlp> = Training::new(&config, data).unwrap();
    let samples = training.samples(1203, 5); // two batches of 500 and one of 203
    let z = Tensor::randn([1203, 6], Key::new(5));
    for i in [0, 499, 500, 1000, 1202] {
        let logits = training.model.decode(&glassbox_autograd::Var::constant(z.narrow(0, i, 1)));
        for (pixel, logit) in samples.select(0, i).to_vec().into_iter().zip(logits.value().to_vec()) {
            let p = 1.0 / (1.0 + f64::from(-logit).exp());
            assert!((f64::from(pixel) - p).abs() < 1e-6, "picture {i}: {pixel} and {p}");
        }
    }
}

#[test]
fn every_preset_makes_pictures_of_its_data_and_the_grid_shows_them() {
    for preset in PRESETS.iter().copied() {
        let config = small(preset);
        let training = preset.build.pictures(&config, glassbox_data::open(&config.data).unwrap()).unwrap();
        let samples = training.samples(10, 1);
        assert!(training.makes_pictures() && samples.shape() == [10, 1, 28, 28], "{}", preset.name);
        assert!(samples.to_vec().iter().all(|v| (0.0..=1.0).contains(v)), "{}", preset.name);
        let grid = training.sample(10, 1); // 8 in a row, two rows, with 2 black pixels around each
        assert_eq!((grid.width(), grid.height()), (8 * 30 + 2, 2 * 30 + 2));
        let byte = (samples.at([8, 0, 14, 14]) * 255.0 + 0.5) as u8;
        assert_eq!(grid.pixel(2 + 14, 2 + 30 + 14), [byte], "{}: the ninth begins the second row", preset.name);
    }
}
