//! The gradient of the whole VAE, from pixels to nats.

use glassbox_autograd::gradcheck;
use glassbox_tensor::Tensor;
use glassbox_tensor::random::Key;
use glassbox_vae::{Autoencoder, Sizes, VaeConv, VaeMlp};

#[test]
fn the_gradient_of_the_convolutional_loss_agrees_with_central_differences() {
    let vae = VaeConv::new(Sizes { image: [1, 4, 8], hidden: 6, latents: 2 }, Key::new(1));
    let (x, eps) = (Tensor::rand([3, 32], Key::new(2)), Tensor::randn([3, 2], Key::new(3)));
    gradcheck(|x| vae.losses(&x[0], &eps).weighted(4.0), &[x]).unwrap();
}

#[test]
fn the_gradient_of_the_whole_loss_agrees_with_central_differences() {
    let vae = VaeMlp::new(Sizes { image: [1, 4, 5], hidden: 12, latents: 4 }, Key::new(1));
    let (x, eps) = (Tensor::rand([6, 20], Key::new(2)), Tensor::randn([6, 4], Key::new(3)));
    // With respect to the pictures and to every parameter.
    gradcheck(|x| vae.losses(&x[0], &eps).total(), &[x]).unwrap();
}
