//! Implicit models: the same marginals with less noise in each step, or none.

use super::{Model, Noise, Sampler, Trajectory};
use crate::level::Level;
use crate::point::Point;

/// DDIM's sampler (Song, Meng and Ermon 2021, equations 12 and 16), from level t to level s; alpha² is what the paper calls α:
///
/// ```text
/// std = η·√((1 − alpha_bar_s)/(1 − alpha_bar_t))·√(1 − alpha_bar_t/alpha_bar_s)
/// x_s = alpha_s·x0 + √(sigma_s² − std²)·eps + std·z,    z ~ N(0, I)
/// ```
///
/// η = 1 is DDPM's posterior variance; η = 0 draws nothing, and a picture is a function of its noise. With ρ = sigma/alpha the product
/// of the roots is √(1 − ρ_s²/ρ_t²)·sigma_s, which holds in any units.
///
/// ```
/// use glassbox_unet_diffusion::samplers::{Ddim, Sampler};
/// use glassbox_unet_diffusion::{Level, Target};
/// let grid = [Level::preserving(999.0, 0.01), Level::CLEAN];
/// let mut model = Target::X0.seen_by(|_: &Vec<f64>, _t| vec![0.5]);
/// let x = Ddim { eta: 0.0 }.sample(&grid, vec![1.0], &mut model, &mut |_| unreachable!());
/// assert_eq!(x, vec![0.5]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ddim {
    /// η: how much of DDPM's noise a step draws anew, from 0 to 1.
    pub eta: f64,
}

impl Sampler for Ddim {
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
        let std = self.eta * s.sigma * (1.0 - (s.ratio() / t.ratio()).powi(2)).sqrt();
        let direction = (s.sigma * s.sigma - std * std).max(0.0).sqrt(); // points to x_t
        // x_s = alpha_s·x0 + √(sigma_s² − std²)·eps + std·z
        let x = if self.eta == 0.0 {
            X::combine(&[(s.alpha, &found.x0), (direction, &found.eps)])
        } else {
            X::combine(&[(s.alpha, &found.x0), (direction, &found.eps), (std, &noise(at.step))])
        };
        at.next(x, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samplers::{Ddpm, Variance};
    use crate::{Betas, Schedule, Target};

    #[test]
    fn with_all_of_the_noise_it_is_the_small_variance_of_ddpm() {
        let schedule = Schedule::new(Betas::DDPM, 1000);
        let grid = [schedule.level(600), schedule.level(420), schedule.level(7)];
        let mut model = |x: &Vec<f64>, level: &Level| Target::Epsilon.denoised(&vec![x[0].sin()], x, level);
        let mut z = |step: usize| vec![0.3 - step as f64];
        let ddim = Ddim { eta: 1.0 }.sample(&grid, vec![0.8], &mut model, &mut z);
        let ddpm = Ddpm { variance: Variance::FixedSmall }.sample(&grid, vec![0.8], &mut model, &mut z);
        assert!((ddim[0] - ddpm[0]).abs() < 1e-12);
    }

    #[test]
    fn its_std_is_that_of_equation_16() {
        let schedule = Schedule::new(Betas::Cosine, 100);
        let grid = [schedule.level(80), schedule.level(30)];
        let (a_t, a_s) = (schedule.alpha_bar(80), schedule.alpha_bar(30));
        let std = 0.4 * ((1.0 - a_s) / (1.0 - a_t)).sqrt() * (1.0 - a_t / a_s).sqrt();
        let mut model = |x: &Vec<f64>, level: &Level| Target::Epsilon.denoised(&vec![0.7], x, level);
        let x = Ddim { eta: 0.4 }.sample(&grid, vec![0.8], &mut model, &mut |_| vec![-1.5]);
        let x0 = (0.8 - (1.0 - a_t).sqrt() * 0.7) / a_t.sqrt(); // equation 9
        let expected = a_s.sqrt() * x0 + (1.0 - a_s - std * std).sqrt() * 0.7 - 1.5 * std; // equation 12
        assert!((x[0] - expected).abs() < 1e-12);
    }
}
