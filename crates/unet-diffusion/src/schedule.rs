//! How the noise grows: betas, alpha_bar, and the levels of a discrete schedule.

use crate::level::Level;
use std::f64::consts::FRAC_PI_2;

/// How large the steps of noise beta_1, …, beta_T are.
///
/// Index t − 1 holds the paper's beta_t, as everywhere in code: timestep 0 has noise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Betas {
    /// From `start` to `end` in equal steps (Ho et al. 2020, section 4: 1e-4 to 0.02 for T = 1000).
    Linear {
        /// beta_1
        start: f64,
        /// beta_T
        end: f64,
    },
    /// Squares of equal steps from √start to √end (Rombach et al. 2022's code, `scaled_linear`).
    ScaledLinear {
        /// beta_1
        start: f64,
        /// beta_T
        end: f64,
    },
    /// alpha_bar falls as a squared cosine (Nichol and Dhariwal 2021, equation 17, with s = 0.008 and beta at most 0.999;
    /// `squaredcos_cap_v2`):
    ///
    /// ```text
    /// alpha_bar(u) = cos²((u + s)/(1 + s)·π/2),    beta_t = min(1 − alpha_bar(t/T) / alpha_bar((t−1)/T), 0.999)
    /// ```
    Cosine,
    /// start + (end − start)·σ(z), z from −6 to 6 in equal steps (Xu et al. 2022, GeoDiff's code; `sigmoid`).
    Sigmoid {
        /// What betas begin above.
        start: f64,
        /// What betas end below.
        end: f64,
    },
}

impl Betas {
    /// DDPM's, linear from 1e-4 to 0.02.
    pub const DDPM: Betas = Betas::Linear { start: 1e-4, end: 0.02 };

    /// beta_1, …, beta_T.
    ///
    /// ```
    /// use glassbox_unet_diffusion::Betas;
    /// let betas = Betas::DDPM.values(1000);
    /// assert!((betas[0] - 1e-4).abs() < 1e-15 && (betas[999] - 0.02).abs() < 1e-15);
    /// ```
    pub fn values(&self, timesteps: usize) -> Vec<f64> {
        let even = |from: f64, to: f64| {
            let gap = (to - from) / timesteps.saturating_sub(1).max(1) as f64;
            (0..timesteps).map(move |t| from + gap * t as f64)
        };
        match *self {
            Betas::Linear { start, end } => even(start, end).collect(),
            Betas::ScaledLinear { start, end } => even(start.sqrt(), end.sqrt()).map(|root| root * root).collect(),
            Betas::Cosine => {
                let alpha_bar = |t: usize| ((t as f64 / timesteps as f64 + 0.008) / 1.008 * FRAC_PI_2).cos().powi(2);
                (0..timesteps).map(|t| (1.0 - alpha_bar(t + 1) / alpha_bar(t)).min(0.999)).collect()
            }
            Betas::Sigmoid { start, end } => {
                even(-6.0, 6.0).map(|z| start + (end - start) / (1.0 + (-z).exp())).collect()
            }
        }
    }
}

/// A discrete schedule: T steps of noise, after which nothing of x0 should be left.
///
/// ```
/// use glassbox_unet_diffusion::{Betas, Schedule};
/// let schedule = Schedule::new(Betas::DDPM, 1000);
/// assert!(schedule.alpha_bar(999) < 5e-5); // √4e-5: 0.6% of x0
/// let x = schedule.level(300).noised(&vec![0.5], &vec![1.0]);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    betas: Vec<f64>,
    alpha_bar: Vec<f64>,
}

impl Schedule {
    /// The schedule of these betas with T = `timesteps`.
    ///
    /// Each beta and each 1 − beta is rounded to f32, as networks have been trained with: all 1000 together are 1e-5 of what is left of x0,
    /// and for the last of a cosine, 0.999, it is 5e-5.
    ///
    /// # Panics
    /// If there is no timestep, or a beta is outside of [0, 1).
    #[track_caller]
    pub fn new(betas: Betas, timesteps: usize) -> Schedule {
        let betas: Vec<f32> = betas.values(timesteps).into_iter().map(|beta| beta as f32).collect();
        let alphas = betas.iter().map(|beta| f64::from(1.0 - beta)).collect();
        Schedule::made(betas.into_iter().map(f64::from).collect(), alphas)
    }

    /// The schedule of any betas, each in [0, 1): `alpha_bar_t = Π_{s ≤ t} (1 − beta_s)` (Ho et al. 2020, equation 4).
    ///
    /// ```
    /// use glassbox_unet_diffusion::Schedule;
    /// assert_eq!(Schedule::of(vec![0.5, 0.5]).alpha_bar(1), 0.25);
    /// ```
    ///
    /// # Panics
    /// If there is none, or one is outside of [0, 1).
    #[track_caller]
    pub fn of(betas: Vec<f64>) -> Schedule {
        let alphas = betas.iter().map(|beta| 1.0 - beta).collect();
        Schedule::made(betas, alphas)
    }

    #[track_caller]
    fn made(betas: Vec<f64>, alphas: Vec<f64>) -> Schedule {
        assert!(!betas.is_empty(), "Schedule: no betas; a schedule has at least one step");
        let wrong = betas.iter().find(|beta| !(0.0..1.0).contains(*beta));
        assert!(wrong.is_none(), "Schedule: beta = {wrong:?}; each is in [0, 1)");
        let alpha_bar = alphas.into_iter().scan(1.0, |product, alpha| {
            *product *= alpha;
            Some(*product)
        });
        Schedule { alpha_bar: alpha_bar.collect(), betas }
    }

    /// T.
    pub fn timesteps(&self) -> usize {
        self.betas.len()
    }

    /// beta of timestep t, counted from 0.
    pub fn beta(&self, t: usize) -> f64 {
        self.betas[t]
    }

    /// alpha_bar of timestep t, counted from 0.
    pub fn alpha_bar(&self, t: usize) -> f64 {
        self.alpha_bar[t]
    }

    /// The level of timestep t, counted from 0.
    ///
    /// # Panics
    /// If there is no such timestep.
    #[track_caller]
    pub fn level(&self, t: usize) -> Level {
        assert!(t < self.timesteps(), "Schedule::level: timestep {t}; the last is {}", self.timesteps() - 1);
        Level::preserving(t as f64, self.alpha_bar[t])
    }

    /// All levels, in the order of time.
    ///
    /// ```
    /// use glassbox_unet_diffusion::{Betas, Schedule};
    /// let snr: Vec<f64> = Schedule::new(Betas::Cosine, 100).levels().map(|level| level.snr()).collect();
    /// assert!(snr.windows(2).all(|pair| pair[1] < pair[0]));
    /// ```
    pub fn levels(&self) -> impl Iterator<Item = Level> {
        (0..self.timesteps()).map(|t| self.level(t))
    }

    /// The level of a time between two timesteps: their ratios sigma / alpha are interpolated linearly, as diffusers does. It keeps
    /// the variance.
    ///
    /// ```
    /// use glassbox_unet_diffusion::{Betas, Schedule};
    /// let schedule = Schedule::new(Betas::DDPM, 1000);
    /// let mean = 0.5 * (schedule.level(10).ratio() + schedule.level(11).ratio());
    /// assert!((schedule.between(10.5).ratio() - mean).abs() < 1e-12);
    /// ```
    pub fn between(&self, t: f64) -> Level {
        let last = self.timesteps() - 1;
        let low = (t.max(0.0).floor() as usize).min(last);
        let weight = (t - low as f64).clamp(0.0, 1.0);
        let (from, to) = (self.level(low).ratio(), self.level((low + 1).min(last)).ratio());
        let (level, _) = Level::exploding(t, from + weight * (to - from)).as_preserving();
        level
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn betas_grow_from_the_first_to_the_last() {
        let (start, end) = (1e-4, 0.02);
        for betas in [Betas::DDPM, Betas::ScaledLinear { start, end }, Betas::Cosine, Betas::Sigmoid { start, end }] {
            let values = betas.values(1000);
            assert!(values.windows(2).all(|pair| pair[0] <= pair[1]), "{betas:?}");
            assert!(values.iter().all(|beta| (0.0..1.0).contains(beta)));
        }
        let logistic = Betas::Sigmoid { start, end }.values(3)[1];
        assert!((logistic - 0.01005).abs() < 1e-15); // halfway at z = 0
        assert!((Betas::ScaledLinear { start: 0.04, end: 0.16 }.values(3)[1] - 0.09).abs() < 1e-15);
    }

    #[test]
    fn the_cosine_is_the_papers_until_its_beta_is_capped() {
        let schedule = Schedule::new(Betas::Cosine, 1000);
        let f = |u: f64| ((u + 0.008) / 1.008 * FRAC_PI_2).cos().powi(2);
        for t in [0, 1, 100, 500, 900, 998] {
            // equation 17: alpha_bar_t = f(t)/f(0), t counted from 1
            let paper = f((t + 1) as f64 / 1000.0) / f(0.0);
            assert!((schedule.alpha_bar(t) / paper - 1.0).abs() < 2e-5, "{t}"); // 1 − beta in f32
        }
        assert_eq!(schedule.beta(999), f64::from(0.999f32)); // 1 − 0/f
    }

    #[test]
    fn alpha_bar_is_the_product_of_what_every_step_leaves() {
        let betas = Betas::DDPM.values(1000);
        let (schedule, exact) = (Schedule::new(Betas::DDPM, 1000), Schedule::of(betas));
        for t in [0, 7, 250, 999] {
            let logarithm: f64 = (0..=t).map(|s| (-(1e-4 + (0.02 - 1e-4) * s as f64 / 999.0)).ln_1p()).sum();
            assert!((exact.alpha_bar(t).ln() - logarithm).abs() < 1e-12);
            assert!((schedule.alpha_bar(t).ln() - logarithm).abs() < 2e-5); // rounded to f32, each
        }
    }

    #[test]
    fn times_on_the_grid_are_the_timesteps_and_times_beyond_it_its_ends() {
        let schedule = Schedule::new(Betas::DDPM, 1000);
        for t in [0usize, 1, 500, 999] {
            let (between, level) = (schedule.between(t as f64), schedule.level(t));
            assert!((between.alpha - level.alpha).abs() < 1e-14 && (between.sigma - level.sigma).abs() < 1e-14);
        }
        assert!((schedule.between(2000.0).sigma - schedule.level(999).sigma).abs() < 1e-14);
    }
}
