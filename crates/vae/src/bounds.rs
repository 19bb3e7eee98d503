//! How good is a model of binary pictures? Bounds on the likelihood, and how many latents it uses.
//!
//! The ELBO is a bound on ln p(x) by one draw of z. With k draws there is a tighter one (Burda, Grosse and Salakhutdinov 2016,
//! equation 8):
//!
//! ```text
//! L_k = E[ ln 1/k Σᵢ wᵢ ],   wᵢ = p(x|zᵢ)·p(zᵢ) / q(zᵢ|x),   z₁ … z_k ~ q(z|x)
//! ELBO = L_1 ≤ L_2 ≤ … ≤ ln p(x)
//! ```
//!
//! Each wᵢ is an unbiased estimate of p(x), so is their mean, and the logarithm of a mean is at most the mean of logarithms
//! (Jensen): that makes it a bound. More draws make the mean more certain, and the bound tighter.

use crate::model::Autoencoder;
use glassbox_autograd::Var;
use glassbox_tensor::Tensor;
use glassbox_tensor::random::Key;

/// Rows that are decoded at once; it bounds memory, not the result.
const ROWS: usize = 4096;

/// −L_k of each of the pictures `x` (B, D), in nats: an upper bound of −ln p(x), from `k` draws of each code.
///
/// ```
/// use glassbox_tensor::{Tensor, random::Key};
/// use glassbox_vae::{Autoencoder, Sizes, VaeBinary, bounds::importance_weighted};
///
/// let model = VaeBinary::new(Sizes { image: [1, 4, 4], hidden: 8, latents: 2 }, Key::new(0));
/// let x = Tensor::ones([3, 16]);
/// let nll = importance_weighted(&model, &x, 20, Key::new(1));
/// assert_eq!(nll.shape(), [3]);
/// ```
///
/// # Panics
/// If the code is a point and not a distribution, or `k` is 0.
pub fn importance_weighted(model: &impl Autoencoder, x: &Tensor, k: usize, key: Key) -> Tensor {
    assert!(k > 0, "importance_weighted: 0 draws give no bound; 1 gives the ELBO");
    let b = x.shape()[0];
    let code = model.encode(&Var::constant(x.clone()));
    let logvar = code.logvar.as_ref().expect("a code that is a distribution");
    let l = logvar.shape()[1];
    let repeat = |t: &Tensor, n: usize| t.unsqueeze(1).expand([b, n, t.shape()[1]]).reshape([b * n, t.shape()[1]]);
    let mut log_w = Vec::new(); // parts of (B, k) along k
    let at_once = (ROWS / b).clamp(1, k);
    for first in (0..k).step_by(at_once) {
        let n = at_once.min(k - first);
        let eps = Var::constant(Tensor::randn([b * n, l], key.fold(first as u64))); // (B·n, L)
        let [mu, logvar] = [code.mu.value(), logvar.value()].map(|t| Var::constant(repeat(t, n)));
        let z = mu.reparameterize(&logvar, &eps);
        let logits = model.decode(&z); // (B·n, L) -> (B·n, D)
        let pixels = Var::constant(repeat(x, n));
        // ln p(x|z) + ln p(z) − ln q(z|x); both normal densities have the factor (2π)^(−L/2), which cancels
        let reconstruction = logits.bce_with_logits(&pixels).sum(&[1], false); // (B·n)
        let prior = z.square().sum(&[1], false); // Σ z², (B·n)
        let posterior = (&eps.square() + &logvar).sum(&[1], false); // Σ eps² + ln σ², (B·n)
        let w = &(0.5 * &(&posterior - &prior)) - &reconstruction;
        log_w.push(w.reshape([b, n]));
    }
    let sum = Var::cat(&log_w.iter().collect::<Vec<_>>(), 1).logsumexp(&[1], false); // ln Σᵢ wᵢ, (B, k) -> (B)
    ((k as f32).ln() - &sum).value().clone()
}

/// The latents that the model uses: those whose mean code varies by more than 0.01 over the pictures,
///
/// ```text
/// A_j = Var_x( E_q(z|x)[ z_j ] ) = Var_x( mu_j(x) ) > 0.01
/// ```
///
/// (Burda, Grosse and Salakhutdinov 2016, section 5.2.1, where nearly all latents have either far more or far less). `mu` is (N, L),
/// one row a picture.
///
/// ```
/// use glassbox_tensor::tensor;
/// // The first latent tells the pictures apart; the second says the same of all, and costs nothing.
/// assert_eq!(glassbox_vae::bounds::active_units(&tensor![[1., 0.001], [-1., 0.], [0.5, 0.]]), 1);
/// ```
pub fn active_units(mu: &Tensor) -> usize {
    mu.var(&[0], 1, false).to_vec().iter().filter(|&&variance| variance > 0.01).count()
}
