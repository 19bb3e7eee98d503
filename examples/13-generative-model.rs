//! A first generative model: pictures of clothes that nobody ever wore, drawn in two ways.
//!
//! The first is plain statistics: a Gaussian with the mean and the covariance of the training pictures. The second is a
//! variational autoencoder (Kingma & Welling 2014): a decoder makes a picture of a short code z, and codes come from N(0, I).
//! To learn it, an encoder guesses at the code of each picture, as a distribution q(z|x) = N(mu, sigma²), and
//!
//!     loss = −E[ln p(x|z)] + KL(q(z|x) ‖ N(0, I))      the picture comes back; the codes fill N(0, I) and nothing else
//!
//! crates/vae has it with its derivation, its runs and its judges; this is the whole of it on a page.
//!
//! cargo run --release -p glassbox-benches --example 13-generative-model [-- FOLDER]

use glassbox_autograd::Var;
use glassbox_data::image::{grid, vstack, write_png};
use glassbox_data::{Batches, ImageSet};
use glassbox_nn::loss::{Reduction, bce_with_logits, gaussian_kl};
use glassbox_nn::{Linear, Module, optim::Adam};
use glassbox_tensor::{Tensor, random::Key};
use std::error::Error;
use std::path::PathBuf;

/// B pictures of D = 784 pixels, H = 256 hidden units, codes of L = 10 numbers.
#[derive(Module)]
struct Vae {
    encoder: Linear, // D -> H
    mu: Linear,      // H -> L
    logvar: Linear,  // H -> L
    hidden: Linear,  // L -> H
    pixels: Linear,  // H -> D
}

impl Vae {
    fn new(key: Key) -> Vae {
        Vae {
            encoder: Linear::new(784, 256, key.fold(0)),
            mu: Linear::new(256, 10, key.fold(1)),
            logvar: Linear::new(256, 10, key.fold(2)),
            hidden: Linear::new(10, 256, key.fold(3)),
            pixels: Linear::new(256, 784, key.fold(4)),
        }
    }

    /// The logits of the pixels, (B, L) -> (B, D).
    fn decode(&self, z: &Var) -> Var {
        self.pixels.forward(&self.hidden.forward_relu(z))
    }

    /// Both parts of the loss, in nats for each picture.
    fn losses(&self, x: &Var, key: Key) -> (Var, Var) {
        let h = self.encoder.forward_relu(x); // (B, D) -> (B, H)
        let (mu, logvar) = (self.mu.forward(&h), self.logvar.forward(&h)); // (B, L), (B, L)
        let eps = Var::constant(Tensor::randn(mu.shape(), key)); // all that is random, and no gradient goes there
        let z = &mu + &(&(&logvar * 0.5).exp() * &eps); // (B, L), a draw from q(z|x)
        let reconstruction = bce_with_logits(&self.decode(&z), x, Reduction::BatchMean);
        (reconstruction, gaussian_kl(&mu, &logvar, Reduction::BatchMean))
    }
}

/// Pictures as rows of pixels in 0..1, (B, D).
fn rows(set: &ImageSet, numbers: &[u32]) -> Tensor {
    set.batch(numbers).0.reshape([numbers.len(), set.pixels()])
}

fn main() -> Result<(), Box<dyn Error>> {
    let data = glassbox_data::open("fashion-mnist")?;
    let key = Key::new(3);
    const DRAWN: usize = 14;

    // The Gaussian. With the centred pictures as the rows of X (N, D), the covariance is Xᵀ·X/N. It is not needed: for ε
    // from N(0, I) of N numbers, ε·X/√N is Gaussian and has just this covariance.
    let n = data.train.len();
    let x = rows(&data.train, &(0..n as u32).collect::<Vec<_>>()); // (N, D)
    let mean = x.mean(&[0], true); // (1, D)
    let centred = &x - &mean;
    let eps = &Tensor::randn([200, n], key.fold(0)) * (1.0 / (n as f32).sqrt()); // (S, N)
    let gaussian = &eps.matmul(&centred) + &mean; // (S, N) × (N, D) + (1, D) -> (S, D)
    let spread = |x: &Tensor| x.std(&[0], 0, false).mean(&[0], false).item();
    let [there, here] = [spread(&x), spread(&gaussian)];
    println!("the pixels' mean deviation is {there:.4} in the pictures, {here:.4} in the Gaussian's");
    assert!((here / there - 1.0).abs() < 0.1);
    let outside = gaussian.to_vec().iter().filter(|v| !(0.0..=1.0).contains(*v)).count();
    let share = outside as f32 / gaussian.numel() as f32;
    println!("but {:.0}% of its pixels are darker than black or brighter than white\n", 100.0 * share);

    // The VAE. Algorithm 1 of the paper: a batch, a draw of its codes, the gradient, a step.
    let mut vae = Vae::new(key.fold(1));
    let mut adam = Adam::new(2e-3);
    let mut batches = Batches::new(data.train.len(), 100, key.fold(2)).drop_last();
    println!("epoch  held-out loss = reconstruction + KL, in nats for each picture");
    let held_out = Var::constant(rows(&data.test, &(0..1000).collect::<Vec<_>>())); // (1000, D)
    let mut losses = Vec::new();
    for epoch in 0..=10 {
        let (reconstruction, kl) = vae.losses(&held_out, key.fold(3));
        let loss = reconstruction.item() + kl.item();
        println!("{epoch:>5}  {loss:13.1} = {:14.1} + {:.1}", reconstruction.item(), kl.item());
        losses.push(loss);
        if epoch == 10 {
            break;
        }
        for step in epoch * 100..(epoch + 1) * 100 {
            let x = Var::constant(rows(&data.train, &batches.at(step))); // (B, D)
            let (reconstruction, kl) = vae.losses(&x, key.fold(4).fold(step));
            let loss = &reconstruction + &kl;
            adam.step(&mut vae, &loss.backward())?;
        }
    }
    assert!(losses[0] > 540.0 && losses[10] < 265.0, "{losses:?}"); // 784 · ln 2 = 543 when every pixel is a guess
    let z = Tensor::randn([DRAWN, 10], key.fold(5)); // new codes, from N(0, I)
    let drawn = vae.decode(&Var::constant(z)).sigmoid(); // (14, L) -> (14, D): the probability of each pixel
    assert!(drawn.value().to_vec().iter().all(|p| (0.0..=1.0).contains(p))); // never darker than black

    let strip = |x: &Tensor| grid(&x.narrow(0, 0, DRAWN).reshape([DRAWN, 1, 28, 28]), DRAWN, 1).scale(3);
    let picture = vstack(&[strip(&x), strip(&gaussian), strip(drawn.value())], 8, 255);
    let folder = PathBuf::from(std::env::args().nth(1).unwrap_or("target/examples-out".into()));
    std::fs::create_dir_all(&folder)?;
    let file = folder.join("13-generative-model.png");
    write_png(&file, &picture)?;
    println!("\ntraining pictures, the Gaussian's and the VAE's, a row each: {}", file.display());
    Ok(())
}
