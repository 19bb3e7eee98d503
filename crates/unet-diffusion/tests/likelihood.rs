//! The likelihood that the probability flow gives is the known one.

use glassbox_autograd::Var;
use glassbox_tensor::Tensor;
use glassbox_tensor::random::Key;
use glassbox_unet_diffusion::{
    Component, Level, Mixture, Slope, carry_with_divergence, divergence, gaussian_log_density, geometric_grid,
    hutchinson,
};

fn truth() -> Mixture {
    Mixture::new(vec![
        Component { weight: 2.0, mean: vec![0.9, -0.3, 0.0], std: 0.5 },
        Component { weight: 1.0, mean: vec![-1.1, 0.8, 0.4], std: 0.7 },
    ])
}

const MIN: f64 = 0.01;
const MAX: f64 = 100.0;

fn sigmas(n: usize) -> Vec<f64> {
    geometric_grid(n, MIN, MAX).iter().map(|level| level.sigma).collect()
}

/// Draws of the truth with the least noise.
fn pictures(n: usize) -> Vec<f64> {
    let truth = truth();
    let eps: Vec<f64> = (0..3 * n as u64).map(|i| f64::from(Key::new(2).normal(i))).collect();
    Level::exploding(0.0, MIN).noised(&truth.draw(n, Key::new(1)), &eps)
}

#[test]
fn with_the_exact_divergence_it_is_the_known_log_density() {
    let (truth, x) = (truth(), pictures(40));
    let mut eps = |y: &Vec<f64>, rho: f64| {
        let level = Level::exploding(0.0, rho);
        let divergence = y.chunks(3).map(|y| -rho * truth.at(y, &level).laplacian).collect();
        (truth.denoised(y, &level).eps, divergence)
    };
    let (y, integral) = carry_with_divergence(x.clone(), &sigmas(400), &mut eps);
    let known = truth.log_density(&x, &Level::exploding(0.0, MIN));
    let exact_end = truth.log_density(&y, &Level::exploding(0.0, MAX));
    let gaussian_end = gaussian_log_density(&y, 3, MAX.hypot(1.0));
    for (i, known) in known.iter().enumerate() {
        assert!((exact_end[i] + integral[i] - known).abs() < 1e-6, "{} and {known}", exact_end[i] + integral[i]);
        // If the noise is believed to be all there is: the truth's mean, 0.9·2/3 − 1.1/3 and so on, is 0.01 of a standard deviation
        assert!((gaussian_end[i] + integral[i] - known).abs() < 0.02, "{} and {known}", gaussian_end[i] + integral[i]);
    }
}

#[test]
fn hutchinsons_estimate_is_right_in_the_mean() {
    let (truth, x) = (truth(), pictures(1));
    let known = truth.log_density(&x, &Level::exploding(0.0, MIN))[0];
    let n = 400;
    let nats: Vec<f64> = (0..n)
        .map(|draw| {
            let sign = |j: u64| if Key::new(draw).uniform(j) < 0.5 { -1.0 } else { 1.0 };
            let z = [sign(0), sign(1), sign(2)]; // one for the whole way
            let mut eps = |y: &Vec<f64>, rho: f64| {
                let level = Level::exploding(0.0, rho);
                let product = truth.at(y, &level).hessian_times(&z);
                let estimate = -rho * product.iter().zip(&z).map(|(p, z)| p * z).sum::<f64>();
                (truth.denoised(y, &level).eps, vec![estimate])
            };
            let (y, integral) = carry_with_divergence(x.clone(), &sigmas(60), &mut eps);
            truth.log_density(&y, &Level::exploding(0.0, MAX))[0] + integral[0]
        })
        .collect();
    let mean = nats.iter().sum::<f64>() / n as f64;
    let variance = nats.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n as f64;
    let standard_error = (variance / n as f64).sqrt();
    assert!(standard_error > 1e-4, "a mixture's Jacobian is no diagonal: estimates differ");
    assert!((mean - known).abs() < 4.0 * standard_error + 1e-3, "{mean} ± {standard_error} and {known}");
}

/// The eps of a single Gaussian N(m, s²) in the engine: a network that is linear.
fn linear(y: &Var, rho: f64) -> Var {
    // −ρ·∇ ln p = ρ·(y − m)/(s² + ρ²), m = 0.5, s = 0.8
    let c = (rho / (0.64 + rho * rho)) as f32;
    &(y - &Var::constant(Tensor::full(y.shape(), 0.5))) * c
}

#[test]
fn through_the_engines_own_vector_products_it_is_the_density_of_a_gaussian() {
    let (n, d) = (5, 4);
    let x = Tensor::randn([n, d], Key::new(7)).affine(0.8, 0.5);
    let z = Tensor::rand([n, d], Key::new(8)).affine(2.0, -1.0).sign();
    let known: Vec<f64> = {
        let centred: Vec<f64> = x.to_vec().iter().map(|&x| f64::from(x) - 0.5).collect();
        gaussian_log_density(&centred, d, 0.8f64.hypot(MIN))
    };
    let ways: [&mut Slope<'_, Tensor>; 2] = [
        &mut |y, rho| divergence(y, |y| linear(y, rho)),
        &mut |y, rho| hutchinson(y, &z, |y| linear(y, rho)), // no variance: the Jacobian is a multiple of I
    ];
    for way in ways {
        let (y, integral) = carry_with_divergence(x.clone(), &sigmas(200), way);
        let y: Vec<f64> = y.to_vec().iter().map(|&y| f64::from(y) - 0.5).collect();
        for (i, end) in gaussian_log_density(&y, d, 0.8f64.hypot(MAX)).into_iter().enumerate() {
            assert!((end + integral[i] - known[i]).abs() < 2e-4, "{} and {}", end + integral[i], known[i]);
        }
    }
}
