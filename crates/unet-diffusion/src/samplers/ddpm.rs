//! Ancestral sampling: each step undoes one step of noise, by a draw.

use super::{Model, Noise, Sampler, Trajectory};
use crate::bound::Posterior;
use crate::level::Level;
use crate::point::Point;

/// DDPM's sampler (Ho et al. 2020, algorithm 2), also over steps that leave timesteps out.
///
/// From x_t, with x0 as the model sees it, x_s of the next level s is drawn from the posterior q(x_s | x_t, x0) (equations 6 and 7;
/// `alpha_bar = alpha²`, `alpha_ts = alpha_bar_t/alpha_bar_s`, `beta_ts = 1 − alpha_ts`):
///
/// ```text
/// mu  = √alpha_bar_s·beta_ts/(1 − alpha_bar_t)·x0 + √alpha_ts·(1 − alpha_bar_s)/(1 − alpha_bar_t)·x_t
/// x_s = mu + √variance·z,    z ~ N(0, I), none from timestep 0 to the clean end
/// ```
///
/// ```
/// use glassbox_tensor::{Tensor, random::Key};
/// use glassbox_unet_diffusion::samplers::{Ddpm, Sampler, Variance};
/// use glassbox_unet_diffusion::{Betas, End, Schedule, Spacing, Target};
/// let grid = Schedule::new(Betas::DDPM, 100).grid(&Spacing::Leading.timesteps(100, 100), End::Clean);
/// let mut model = Target::Epsilon.seen_by(|x: &Tensor, _t| x.clone());
/// let x = Tensor::randn([2, 3], Key::new(0));
/// let x = Ddpm { variance: Variance::FixedSmall }.sample(&grid, x, &mut model, &mut |i| Tensor::randn([2, 3], Key::new(1).fold(i as u64)));
/// assert_eq!(x.shape(), [2, 3]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ddpm {
    /// How wide the draw is.
    pub variance: Variance,
}

/// The variance of p(x_s | x_t). The true one depends on the data: it lies between these two (Ho et al. 2020, section 3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variance {
    /// The posterior's, `beta_tilde = (1 − alpha_bar_s)/(1 − alpha_bar_t)·beta_ts`: right if all pictures were one.
    FixedSmall,
    /// `beta_ts`: right if pictures were N(0, I).
    FixedLarge,
    /// What the model says of each element: exp(v·ln beta_ts + (1 − v)·ln beta_tilde) (Nichol and Dhariwal 2021, equation 15).
    LearnedRange,
}

impl Sampler for Ddpm {
    /// # Panics
    /// Also if the variance is learned and the model says nothing of it.
    #[track_caller]
    fn step<X: Point>(
        &self,
        grid: &[Level],
        at: Trajectory<X>,
        model: &mut Model<'_, X>,
        noise: &mut Noise<'_, X>,
    ) -> Trajectory<X> {
        let (t, s) = at.levels(grid);
        let found = model(&at.x, t);
        let posterior = Posterior::of(t, s);
        let mu = X::combine(&[(posterior.of_x0, &found.x0), (posterior.of_x, &at.x)]);
        if t.t == 0.0 && s.sigma == 0.0 {
            return at.next(mu, 0);
        }
        // x_s = mu + √variance·z
        let z = noise(at.step);
        let x = match self.variance {
            Variance::FixedSmall => X::combine(&[(1.0, &mu), (posterior.beta_tilde.sqrt(), &z)]),
            Variance::FixedLarge => X::combine(&[(1.0, &mu), (posterior.beta.sqrt(), &z)]),
            Variance::LearnedRange => {
                let Some(range) = &found.range else {
                    panic!("Ddpm: the variance is learned, but the model says nothing of it; give Denoised a range")
                };
                // √variance = e^(middle + way·range), range from −1 to 1
                let (middle, way) = posterior.log_std();
                let spread = X::combine(&[(way, range)]).exp();
                X::combine(&[(1.0, &mu), (middle.exp(), &spread.times(&z))])
            }
        };
        at.next(x, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::{Betas, Schedule};

    #[test]
    fn the_draw_has_the_mean_and_variance_of_the_posterior_by_bayes_rule() {
        // q(x_s | x_t, x0) ∝ N(x_t; √alpha_ts·x_s, beta_ts)·N(x_s; alpha_s·x0, sigma_s²): precisions add
        let schedule = Schedule::new(Betas::DDPM, 1000);
        let grid = [schedule.level(700), schedule.level(650)];
        let (t, s, x0, x_t) = (grid[0], grid[1], 0.4, -0.9);
        let beta_ts = 1.0 - (t.alpha / s.alpha).powi(2);
        let precision = (t.alpha / s.alpha).powi(2) / beta_ts + 1.0 / s.sigma.powi(2);
        let mean = ((t.alpha / s.alpha) * x_t / beta_ts + s.alpha * x0 / s.sigma.powi(2)) / precision;
        let step = |z: f64| {
            let mut model = |x: &Vec<f64>, level: &Level| crate::Target::X0.denoised(&vec![x0], x, level);
            let sampler = Ddpm { variance: Variance::FixedSmall };
            sampler.step(&grid, Trajectory::new(vec![x_t]), &mut model, &mut |_| vec![z]).x[0]
        };
        assert!((step(0.0) - mean).abs() < 1e-12);
        assert!(((step(1.0) - mean).powi(2) * precision - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_learned_variance_reaches_from_the_small_to_the_large() {
        let schedule = Schedule::new(Betas::Cosine, 100);
        let grid = [schedule.level(70), schedule.level(60)];
        let drawn = |variance, range: f64| {
            let mut model = |x: &Vec<f64>, level: &Level| crate::Denoised {
                range: Some(vec![range]),
                ..crate::Target::Epsilon.denoised(&vec![0.1], x, level)
            };
            Ddpm { variance }.step(&grid, Trajectory::new(vec![1.0]), &mut model, &mut |_| vec![1.0]).x[0]
        };
        let learned = |range| drawn(Variance::LearnedRange, range);
        assert!((learned(-1.0) - drawn(Variance::FixedSmall, 0.0)).abs() < 1e-12);
        assert!((learned(1.0) - drawn(Variance::FixedLarge, 0.0)).abs() < 1e-12);
    }
}
