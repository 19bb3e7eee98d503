//! The probability flow as a differential equation: where it carries a point, and what likelihood follows.

use crate::point::Point;
use glassbox_autograd::{Var, grad_from};
use glassbox_tensor::Tensor;
use std::f64::consts::TAU;

/// Carries y along the probability flow dy/dρ = eps(y, ρ) through the widths ρ of noise, by the classical Runge–Kutta method of
/// order 4 in u = ln ρ, in which the flow is dy/du = ρ·eps. With rising widths it goes from a picture to its noise, with falling ones
/// from noise to a picture.
///
/// `eps` sees y = x0 + ρ·eps, in units where alpha = 1 (Song et al. 2021, equation 13; Karras et al. 2022, equation 3).
///
/// ```
/// use glassbox_unet_diffusion::carry;
/// // Of data at 0, y is all noise: eps = y/ρ, and the flow is y = c·ρ
/// let sigmas: Vec<f64> = (0..=20).map(|i| 10f64.powf(-0.05 * f64::from(i))).collect();
/// let y = carry(vec![3.0], &sigmas, &mut |y: &Vec<f64>, rho| vec![y[0] / rho]);
/// assert!((y[0] - 0.3).abs() < 1e-5);
/// ```
pub fn carry<X: Point>(y: X, sigmas: &[f64], eps: &mut dyn FnMut(&X, f64) -> X) -> X {
    carry_with_divergence(y, sigmas, &mut |y, rho| (eps(y, rho), Vec::new())).0
}

/// The flow's slope with its divergence: eps and div eps of each example, at y and a width ρ.
pub type Slope<'a, X> = dyn FnMut(&X, f64) -> (X, Vec<f64>) + 'a;

/// As [`carry`], with the integral ∫ div eps dρ along the way of each example, which is how much ln p has changed: by the
/// instantaneous change of variables (Chen et al. 2018; Song et al. 2021, equation 39),
///
/// ```text
/// d ln p(y(ρ); ρ)/dρ = −div eps(y(ρ), ρ)
/// ln p(y; ρ_min) = ln p(y(ρ_max); ρ_max) + ∫ div eps dρ         from ρ_min to ρ_max
/// ```
///
/// `eps` answers with the divergence of each example, exact or estimated ([`divergence`], [`hutchinson`]).
pub fn carry_with_divergence<X: Point>(mut y: X, sigmas: &[f64], eps: &mut Slope<'_, X>) -> (X, Vec<f64>) {
    let mut integral: Vec<f64> = Vec::new();
    for pair in sigmas.windows(2) {
        let (from, to) = (pair[0], pair[1]);
        let (h, middle) = ((to / from).ln(), (from * to).sqrt());
        let mut slope = |y: &X, rho: f64| {
            let (eps, divergence) = eps(y, rho);
            (X::combine(&[(rho, &eps)]), divergence.into_iter().map(|d| rho * d).collect::<Vec<f64>>())
        };
        let (k1, d1) = slope(&y, from);
        let (k2, d2) = slope(&X::combine(&[(1.0, &y), (h / 2.0, &k1)]), middle);
        let (k3, d3) = slope(&X::combine(&[(1.0, &y), (h / 2.0, &k2)]), middle);
        let (k4, d4) = slope(&X::combine(&[(1.0, &y), (h, &k3)]), to);
        let (once, twice) = (h / 6.0, h / 3.0);
        y = X::combine(&[(1.0, &y), (once, &k1), (twice, &k2), (twice, &k3), (once, &k4)]);
        integral.resize(d1.len(), 0.0);
        for (i, sum) in integral.iter_mut().enumerate() {
            *sum += once * (d1[i] + d4[i]) + twice * (d2[i] + d3[i]);
        }
    }
    (y, integral)
}

/// ln N(y; 0, std²·I) of each row of y, (N, D) -> (N), in nats: what is left of any data once the noise is wide.
///
/// ```
/// use glassbox_unet_diffusion::gaussian_log_density;
/// let nats = gaussian_log_density(&[0.0, 0.0], 2, 1.0);
/// assert!((nats[0] + std::f64::consts::TAU.ln()).abs() < 1e-12);
/// ```
pub fn gaussian_log_density(y: &[f64], d: usize, std: f64) -> Vec<f64> {
    let constant = -0.5 * d as f64 * (TAU * std * std).ln();
    y.chunks_exact(d).map(|y| constant - 0.5 * y.iter().map(|y| (y / std).powi(2)).sum::<f64>()).collect()
}

/// The divergence of f at each row of x (N, D), exactly: one sweep of the graph for each dimension. Rows of f may depend on their own
/// row of x only.
///
/// ```
/// use glassbox_tensor::tensor;
/// use glassbox_unet_diffusion::divergence;
/// // f(x, y) = (x², x·y): 2x + x
/// let (_, div) = divergence(&tensor![[3., 5.]], |x| &x.narrow(1, 0, 1) * x);
/// assert_eq!(div, [9.0]);
/// ```
///
/// # Panics
/// If x isn't (N, D) or f's shape differs.
#[track_caller]
pub fn divergence(x: &Tensor, f: impl Fn(&Var) -> Var) -> (Tensor, Vec<f64>) {
    let &[n, d] = x.shape() else { panic!("divergence: x {:?} is not (N, D)", x.shape()) };
    let x = Var::input(x.clone());
    let y = f(&x);
    assert!(y.shape() == x.shape(), "divergence: f has shape {:?} where x has {:?}", y.shape(), x.shape());
    let mut sums = vec![0.0; n];
    for j in 0..d {
        let unit = (0..n * d).map(|k| if k % d == j { 1.0 } else { 0.0 }).collect();
        let dx = &grad_from(&y, &Var::constant(Tensor::from_vec(unit, [n, d])), &[&x])[0]; // row j of each Jacobian
        let column = dx.value().narrow(1, j, 1).to_vec();
        sums.iter_mut().zip(column).for_each(|(sum, d)| *sum += f64::from(d));
    }
    (y.value().clone(), sums)
}

/// An estimate of the divergence of f at each row of x (N, …), by one sweep whatever the dimension: zᵀ·J·z, whose mean over z with
/// E[z·zᵀ] = I is the trace of J (Hutchinson 1989; Song et al. 2021, equation 40; Grathwohl et al. 2019). z of ±1 has the least variance.
///
/// ```
/// use glassbox_tensor::tensor;
/// use glassbox_unet_diffusion::hutchinson;
/// let (_, div) = hutchinson(&tensor![[3., 5.]], &tensor![[1., -1.]], |x| x.square());
/// assert_eq!(div, [16.0]); // a diagonal Jacobian: 2·3 + 2·5, whatever the signs
/// ```
///
/// # Panics
/// If shapes differ.
#[track_caller]
pub fn hutchinson(x: &Tensor, z: &Tensor, f: impl Fn(&Var) -> Var) -> (Tensor, Vec<f64>) {
    let n = x.shape()[0];
    let x = Var::input(x.clone());
    let y = f(&x);
    assert!(y.shape() == z.shape(), "hutchinson: f has shape {:?} where z has {:?}", y.shape(), z.shape());
    let jz = &grad_from(&y, &Var::constant(z.clone()), &[&x])[0]; // Jᵀ·z
    let products = (jz.value() * z).to_vec();
    let sums = products.chunks(products.len() / n.max(1)).map(|row| row.iter().map(|&p| f64::from(p)).sum());
    (y.value().clone(), sums.collect())
}
