//! The gradient of the whole VAE, from pixels to nats.

use glassbox_autograd::{Var, gradcheck};
use glassbox_nn::Module;
use glassbox_nn::loss::{Reduction, bce_with_logits, gaussian_kl};
use glassbox_tensor::random::Key;
use glassbox_tensor::{Tensor, assert_close};
use glassbox_vae::{Autoencoder, Sizes, VaeMlp};

/// The loss as a function of plain tensors: the weights and biases in the order of their declaration.
fn loss(p: &[Var], x: &Tensor, eps: &Tensor) -> Var {
    let layer = |i: usize, x: &Var| x.linear(&p[2 * i], Some(&p[2 * i + 1]));
    let x = Var::constant(x.clone());
    let h = layer(0, &x).relu();
    let (mu, logvar) = (layer(1, &h), layer(2, &h));
    let z = mu.reparameterize(&logvar, &Var::constant(eps.clone()));
    let logits = layer(4, &layer(3, &z).relu());
    &bce_with_logits(&logits, &x, Reduction::BatchMean) + &gaussian_kl(&mu, &logvar, Reduction::BatchMean)
}

#[test]
fn the_gradient_of_the_whole_loss_agrees_with_central_differences() {
    let vae = VaeMlp::new(Sizes { pixels: 20, hidden: 12, latents: 4 }, Key::new(1));
    let (x, eps) = (Tensor::rand([6, 20], Key::new(2)), Tensor::randn([6, 4], Key::new(3)));

    // With respect to every parameter.
    let values: Vec<Tensor> = vae.parameters().iter().map(|(_, p)| p.value().clone()).collect();
    gradcheck(|p| loss(p, &x, &eps), &values).unwrap();

    // The model's own gradients are those that were checked.
    let checked: Vec<Var> = values.into_iter().map(Var::input).collect();
    let expected = loss(&checked, &x, &eps).backward();
    let ours = vae.losses(&Var::constant(x.clone()), &eps).total().backward();
    for ((name, param), var) in vae.parameters().iter().zip(&checked) {
        let ours = ours.get(param.id()).unwrap_or_else(|| panic!("{name} is not reached"));
        assert_close!(*ours, *expected.of(var), 1e-5, 1e-6);
    }

    // And through the model itself, with respect to the pictures.
    let frozen = vae.frozen();
    gradcheck(|x| frozen.losses(&x[0], &eps).total(), &[x]).unwrap();
}
