//! EDM's design: what to multiply inputs and outputs by, which noise to train on, and where to step (Karras et al. 2022, Elucidating the
//! Design Space of Diffusion-Based Generative Models, table 1).

use crate::level::Level;
use crate::point::Point;
use crate::target::Denoised;

/// Preconditioning: a network F that sees and answers numbers of width 1 at every level becomes the denoiser D.
///
/// ```text
/// D(x; σ) = c_skip·x + c_out·F(c_in·x; c_noise)                               equation 7
/// c_skip = σ_data²/(σ² + σ_data²)      c_out = σ·σ_data/√(σ² + σ_data²)
/// c_in   = 1/√(σ² + σ_data²)           c_noise = ¼ ln σ                        table 1
/// loss   = λ(σ)·‖D(x0 + σ·eps; σ) − x0‖²,    λ(σ) = (σ² + σ_data²)/(σ·σ_data)²,    ln σ ~ N(−1.2, 1.2²)
/// ```
///
/// ```
/// use glassbox_unet_diffusion::Edm;
/// let edm = Edm { sigma_data: 0.5 };
/// assert!((edm.c_out(0.001) - 0.001).abs() < 1e-8); // little noise: D is x, and F says what is left
/// assert!(edm.c_skip(1000.0) < 1e-6); // much noise: D is F's answer
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Edm {
    /// The width of the data, √Var(x0); 0.5 for pictures in [−1, 1].
    pub sigma_data: f64,
}

impl Edm {
    /// The share of x in D: σ_data²/(σ² + σ_data²).
    pub fn c_skip(&self, sigma: f64) -> f64 {
        self.variance() / (sigma * sigma + self.variance())
    }

    /// The share of F in D: σ·σ_data/√(σ² + σ_data²).
    pub fn c_out(&self, sigma: f64) -> f64 {
        sigma * self.sigma_data * self.c_in(sigma)
    }

    /// What x is multiplied by: 1/√(σ² + σ_data²).
    pub fn c_in(&self, sigma: f64) -> f64 {
        1.0 / sigma.hypot(self.sigma_data)
    }

    /// What F is told of the noise: ¼ ln σ.
    pub fn c_noise(&self, sigma: f64) -> f64 {
        sigma.ln() / 4.0
    }

    /// The weight of the loss at this noise, λ(σ) = 1/c_out²: the same for F's answer everywhere.
    pub fn loss_weight(&self, sigma: f64) -> f64 {
        self.c_out(sigma).powi(-2)
    }

    /// What F should answer for x = x0 + σ·eps: (x0 − c_skip·x)/c_out.
    pub fn target<X: Point>(&self, x0: &X, x: &X, sigma: f64) -> X {
        let c = 1.0 / self.c_out(sigma);
        X::combine(&[(c, x0), (-c * self.c_skip(sigma), x)])
    }

    /// What an answer of F says of x, at a level in any units.
    ///
    /// ```
    /// use glassbox_unet_diffusion::{Edm, Level};
    /// let (edm, level) = (Edm { sigma_data: 0.5 }, Level::exploding(0.0, 2.0));
    /// let (x0, eps) = (vec![0.3], vec![-1.0]);
    /// let x = level.noised(&x0, &eps);
    /// let found = edm.denoised(&edm.target(&x0, &x, 2.0), &x, &level);
    /// assert!((found.x0[0] - 0.3).abs() < 1e-12 && (found.eps[0] + 1.0).abs() < 1e-12);
    /// ```
    pub fn denoised<X: Point>(&self, answer: &X, x: &X, level: &Level) -> Denoised<X> {
        let (sigma, alpha) = (level.ratio(), level.alpha);
        let x0 = X::combine(&[(self.c_skip(sigma) / alpha, x), (self.c_out(sigma), answer)]);
        let eps = X::combine(&[(1.0 / level.sigma, x), (-1.0 / sigma, &x0)]);
        Denoised { x0, eps, range: None }
    }

    /// A noise to train on, by z ~ N(0, 1): exp(−1.2 + 1.2·z).
    pub fn training_sigma(z: f64) -> f64 {
        (-1.2 + 1.2 * z).exp()
    }

    fn variance(&self) -> f64 {
        self.sigma_data * self.sigma_data
    }
}

/// The widths of noise to step through, from max to min, denser where there is little (equation 5; ρ = 7, 0.002 and 80 there):
///
/// ```text
/// σ_i = (σ_max^(1/ρ) + i/(n−1)·(σ_min^(1/ρ) − σ_max^(1/ρ)))^ρ,    i = 0, …, n − 1
/// ```
///
/// ```
/// use glassbox_unet_diffusion::karras_sigmas;
/// let sigmas = karras_sigmas(18, 0.002, 80.0, 7.0);
/// assert!((sigmas[0] - 80.0).abs() < 1e-9 && (sigmas[17] - 0.002).abs() < 1e-12);
/// ```
pub fn karras_sigmas(n: usize, min: f64, max: f64, rho: f64) -> Vec<f64> {
    let (low, high) = (min.powf(1.0 / rho), max.powf(1.0 / rho));
    let last = n.saturating_sub(1).max(1) as f64;
    (0..n).map(|i| (high + i as f64 / last * (low - high)).powf(rho)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use glassbox_tensor::Tensor;
    use glassbox_tensor::random::Key;

    #[test]
    fn inputs_and_targets_of_the_network_have_width_1_at_every_level() {
        // What the constants were chosen for (appendix B.6): Var(c_in·x) = 1 and Var(F's target) = 1
        let (n, edm) = (40_000, Edm { sigma_data: 0.5 });
        let x0 = &Tensor::randn([n], Key::new(0)) * 0.5;
        let eps = Tensor::randn([n], Key::new(1));
        for sigma in [0.01, 0.3, 1.0, 20.0] {
            let x = Level::exploding(0.0, sigma).noised(&x0, &eps);
            let target = edm.target(&x0, &x, sigma);
            let seen = Point::combine(&[(edm.c_in(sigma), &x)]);
            for numbers in [seen, target] {
                let squares: f64 = numbers.to_vec().iter().map(|&x| f64::from(x).powi(2)).sum();
                assert!((squares / n as f64 - 1.0).abs() < 5.0 * (2.0 / n as f64).sqrt(), "σ = {sigma}: {squares}");
            }
        }
    }

    #[test]
    fn the_denoiser_is_equation_7_and_the_weighted_loss_is_that_of_the_network() {
        let (edm, sigma, x0, x, answer) = (Edm { sigma_data: 0.7 }, 1.9, 0.2, 1.1, -0.4);
        let (s2, d2) = (sigma * sigma, 0.49);
        let d: f64 = d2 / (s2 + d2) * x + sigma * 0.7 / f64::sqrt(s2 + d2) * answer;
        let found = edm.denoised(&vec![answer], &vec![x], &Level::exploding(0.0, sigma));
        assert!((found.x0[0] - d).abs() < 1e-12);
        let of_d = (s2 + d2) / (sigma * 0.7).powi(2) * (d - x0).powi(2);
        let of_f = (answer - edm.target(&vec![x0], &vec![x], sigma)[0]).powi(2);
        assert!((of_d - of_f).abs() < 1e-12);
        assert!((edm.loss_weight(sigma) - (s2 + d2) / (s2 * d2)).abs() < 1e-12);
        assert!((edm.c_noise(sigma) - 0.25 * 1.9f64.ln()).abs() < 1e-15);
    }

    #[test]
    fn in_units_that_keep_the_variance_the_denoiser_is_the_same() {
        let edm = Edm { sigma_data: 0.5 };
        let level = Level::exploding(0.0, 3.0);
        let (preserving, scale) = level.as_preserving();
        let there = edm.denoised(&vec![0.3], &vec![2.0], &level);
        let here = edm.denoised(&vec![0.3], &vec![2.0 * scale], &preserving);
        assert!((there.x0[0] - here.x0[0]).abs() < 1e-12 && (there.eps[0] - here.eps[0]).abs() < 1e-12);
    }
}
