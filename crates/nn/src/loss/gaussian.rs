//! Losses of normal distributions: how unlikely a number is under one, and how far apart two of them are.

use super::{Reduction, assert_same_shape};
use glassbox_autograd::Var;
use std::f64::consts::TAU;

/// The options of [`gaussian_nll`], by default PyTorch's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GaussianNllOptions {
    /// Adds the constant ½·ln 2π, which makes the loss a likelihood in nats.
    pub full: bool,
    /// The least variance that is divided by.
    pub eps: f32,
}

impl Default for GaussianNllOptions {
    fn default() -> Self {
        Self { full: false, eps: 1e-6 }
    }
}

/// The negative log-likelihood of targets t under N(mu, var), in nats; PyTorch's `gaussian_nll_loss`:
///
/// ```text
/// ½ · (ln v + (t − mu)² / v)  [+ ½·ln 2π],   v = max(var, eps)
/// ```
///
/// `mu` and `targets` have one shape (…, D); `var` has the same, or (…, 1) for a variance that all D share. A variance
/// below eps counts as eps, a negative one too (PyTorch refuses those); its gradient is taken at eps, so that it is pushed up again.
/// Source: Nix and Weigend 1994, *Estimating the mean and variance of the target probability distribution*.
///
/// ```
/// use glassbox_autograd::Var;
/// use glassbox_nn::loss::{GaussianNllOptions, Reduction, gaussian_nll};
/// use glassbox_tensor::tensor;
///
/// let (mu, t, var) = (tensor![0.], tensor![2.], tensor![4.]);
/// let [mu, t, var] = [mu, t, var].map(Var::constant);
/// let loss = gaussian_nll(&mu, &t, &var, GaussianNllOptions::default(), Reduction::Sum);
/// assert!((loss.item() - 0.5 * (4f32.ln() + 1.0)).abs() < 1e-6);
/// ```
///
/// # Panics
/// If the shapes don't fit, or eps is not positive.
#[track_caller]
pub fn gaussian_nll(mu: &Var, targets: &Var, var: &Var, options: GaussianNllOptions, reduction: Reduction) -> Var {
    let GaussianNllOptions { full, eps } = options;
    assert_same_shape("gaussian_nll", "mu", mu, "targets", targets);
    let shared = mu.rank() > 0 && [&mu.shape()[..mu.rank() - 1], &[1]].concat() == var.shape();
    assert!(
        var.shape() == mu.shape() || shared,
        "gaussian_nll: var of shape {:?} doesn't fit mu of shape {:?}: it has the same shape, or 1 on the last axis",
        var.shape(),
        mu.shape()
    );
    assert!(eps > 0.0, "gaussian_nll: eps is {eps}; it must be positive");
    let v = var.straight_through(&var.value().clamp(eps, f32::INFINITY));
    let mut elements = &(&v.ln() + &(&(mu - targets).square() / &v)) * 0.5;
    if full {
        elements = &elements + (0.5 * TAU.ln()) as f32;
    }
    reduction.apply(&elements)
}

/// The Kullback–Leibler divergence of N(mu, σ²) from N(0, 1), in nats, with `logvar` = ln σ²:
///
/// ```text
/// −½ · (1 + logvar − mu² − e^logvar)
/// ```
///
/// Both have the shape (B, D); `BatchMean` is the divergence of a whole code, summed over D. Kingma and Welling 2014,
/// appendix B.
///
/// ```
/// use glassbox_autograd::Var;
/// use glassbox_nn::loss::{Reduction, gaussian_kl};
/// use glassbox_tensor::tensor;
///
/// let (mu, logvar) = (Var::constant(tensor![[2., 0.]]), Var::constant(tensor![[0., 0.]]));
/// assert_eq!(gaussian_kl(&mu, &logvar, Reduction::BatchMean).item(), 2.0); // ½·2² and 0
/// ```
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn gaussian_kl(mu: &Var, logvar: &Var, reduction: Reduction) -> Var {
    assert_same_shape("gaussian_kl", "mu", mu, "logvar", logvar);
    reduction.apply(&mu.gaussian_kl(logvar))
}

/// The Kullback–Leibler divergence of the normal distribution p from q, KL(p ‖ q) in nats, each given as
/// `[mu, logvar]` with logvar = ln σ²:
///
/// ```text
/// ½ · (e^d − 1 − d + (mu_p − mu_q)² / σ_q²),   d = logvar_p − logvar_q
/// ```
///
/// All four have the shape (B, D). e^d − 1 is one function, so that the divergence of two distributions that are nearly one keeps
/// its digits: the terms of a diffusion model's bound are of that kind (Ho et al. 2020, equation 5). The formula is that of
/// two diagonal Gaussians.
///
/// ```
/// use glassbox_autograd::Var;
/// use glassbox_nn::loss::{Reduction, gaussian_kl_between};
/// use glassbox_tensor::{Tensor, tensor};
///
/// let normal = |mu, sigma: f32| [mu, 2.0 * sigma.ln()].map(|x| Var::constant(Tensor::full([1, 1], x)));
/// let [p, q] = [normal(3., 1.), normal(1., 2.)];
/// let kl = gaussian_kl_between([&p[0], &p[1]], [&q[0], &q[1]], Reduction::Sum);
/// assert!((kl.item() - (2f32.ln() + (1.0 + 4.0) / 8.0 - 0.5)).abs() < 1e-6);
/// ```
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn gaussian_kl_between([mu_p, logvar_p]: [&Var; 2], [mu_q, logvar_q]: [&Var; 2], reduction: Reduction) -> Var {
    assert_same_shape("gaussian_kl_between", "mu_p", mu_p, "logvar_p", logvar_p);
    assert_same_shape("gaussian_kl_between", "mu_p", mu_p, "mu_q", mu_q);
    assert_same_shape("gaussian_kl_between", "mu_p", mu_p, "logvar_q", logvar_q);
    let d = logvar_p - logvar_q;
    let shift = &(mu_p - mu_q) * &(logvar_q * -0.5).exp(); // in units of σ_q
    reduction.apply(&(&(&(&d.expm1() - &d) + &shift.square()) * 0.5))
}
