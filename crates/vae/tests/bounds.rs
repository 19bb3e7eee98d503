//! Bounds on the likelihood of binary pictures, against the likelihood itself: with one latent it is an integral that a sum
//! over a fine grid gives.

use glassbox_autograd::Var;
use glassbox_nn::Module;
use glassbox_tensor::Tensor;
use glassbox_tensor::random::Key;
use glassbox_vae::bounds::{active_units, importance_weighted};
use glassbox_vae::{Autoencoder, Sizes, VaeBinary};

const D: usize = 6;

/// One latent, and weights large enough that it matters.
fn model() -> VaeBinary {
    let mut model = VaeBinary::new(Sizes { image: [1, 2, 3], hidden: 5, latents: 1 }, Key::new(4));
    model.visit_mut(glassbox_nn::Name::root(), &mut |_, mut slot| {
        let value = slot.value();
        slot.set_value(&value * 2.0);
    });
    model.frozen()
}

fn pictures() -> Tensor {
    Tensor::from_slice(&[1., 0., 1., 1., 0., 0., 0., 0., 1., 0., 1., 1., 1., 1., 1., 1., 1., 1.], [3, D])
}

/// On a grid of z from −8 to 8: ln p(x|z) of each picture, by plain loops, with z.
fn grid(model: &VaeBinary) -> Vec<(f64, [f64; 3])> {
    let z: Vec<f32> = (0..=3200).map(|i| -8.0 + i as f32 / 200.0).collect();
    let logits = model.decode(&Var::constant(Tensor::from_slice(&z, [z.len(), 1])));
    let x = pictures();
    let log_p = |row: usize, picture: usize| -> f64 {
        let pixel = |d: usize| {
            let p = 1.0 / (1.0 + (-f64::from(logits.value().at([row, d]))).exp());
            if x.at([picture, d]) == 1.0 { p.ln() } else { (1.0 - p).ln() }
        };
        (0..D).map(pixel).sum()
    };
    z.iter().enumerate().map(|(row, &z)| (f64::from(z), [0, 1, 2].map(|i| log_p(row, i)))).collect()
}

/// ln N(z; mu, e^logvar)
fn log_normal(z: f64, mu: f64, logvar: f64) -> f64 {
    -0.5 * ((std::f64::consts::TAU).ln() + logvar + (z - mu).powi(2) / logvar.exp())
}

#[test]
fn with_many_draws_the_bound_is_the_likelihood() {
    let model = model();
    let ours = importance_weighted(&model, &pictures(), 30_000, Key::new(1)).to_vec();
    for (i, ours) in ours.into_iter().enumerate() {
        let p: f64 = grid(&model).iter().map(|(z, log_p)| (log_p[i] + log_normal(*z, 0.0, 0.0)).exp() / 200.0).sum();
        assert!((f64::from(ours) + p.ln()).abs() < 0.02, "picture {i}: {ours}, exactly {}", -p.ln());
    }
}

#[test]
fn with_one_draw_it_is_the_elbo_on_average_and_more_draws_make_it_tighter() {
    let model = model();
    let code = model.encode(&Var::constant(pictures()));
    let (mu, logvar) = (code.mu.value().to_vec(), code.logvar.unwrap().value().to_vec());
    let mean = |k: usize| -> Vec<f64> {
        let runs = 4000;
        let many = |i: u64| importance_weighted(&model, &pictures(), k, Key::new(100 + i)).to_vec();
        (0..runs).map(many).fold(vec![0.0; 3], |sum, nll| {
            sum.iter().zip(nll).map(|(sum, nll)| sum + f64::from(nll) / f64::from(runs as u32)).collect()
        })
    };
    let (one, five) = (mean(1), mean(5));
    for i in 0..3 {
        let (m, v) = (f64::from(mu[i]), f64::from(logvar[i]));
        let elbo: f64 = grid(&model)
            .iter()
            .map(|(z, log_p)| {
                let q = log_normal(*z, m, v);
                q.exp() * (log_p[i] + log_normal(*z, 0.0, 0.0) - q) / 200.0
            })
            .sum();
        assert!((one[i] + elbo).abs() < 0.05, "picture {i}: {}, exactly {}", one[i], -elbo);
        let p: f64 = grid(&model).iter().map(|(z, log_p)| (log_p[i] + log_normal(*z, 0.0, 0.0)).exp() / 200.0).sum();
        assert!(-p.ln() < five[i] && five[i] < one[i], "{} {} {}", -p.ln(), five[i], one[i]);
    }
}

#[test]
fn the_bound_does_not_depend_on_how_many_pictures_are_asked_about_together() {
    // 4,096 rows at once: 3 pictures take all 1,500 draws in two parts, one picture in one.
    let model = model();
    let all = importance_weighted(&model, &pictures(), 1_500, Key::new(3)).to_vec();
    let alone = importance_weighted(&model, &pictures().narrow(0, 1, 1), 1_500, Key::new(3)).to_vec();
    assert!((all[1] - alone[0]).abs() < 0.1, "{all:?} {alone:?}"); // other draws of the same size
}

#[test]
fn a_latent_that_says_the_same_of_all_pictures_is_not_active() {
    let mu = Tensor::randn([500, 3], Key::new(0));
    let scale = Tensor::from_slice(&[1.0, 0.2, 0.05], [3]); // variances 1, 0.04, 0.0025
    assert_eq!(active_units(&(&mu * &scale)), 2);
}
