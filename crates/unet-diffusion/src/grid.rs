//! Through which levels a sampler goes: a few of the schedule's timesteps, noisiest first.

use crate::level::Level;
use crate::schedule::Schedule;

/// How n of T timesteps are chosen (Lin et al. 2024, Common Diffusion Noise Schedules and Sample Steps are Flawed, table 2; the
/// names are diffusers').
///
/// ```
/// use glassbox_unet_diffusion::Spacing;
/// assert_eq!(Spacing::Leading.timesteps(1000, 4), [750., 500., 250., 0.]);
/// assert_eq!(Spacing::Trailing.timesteps(1000, 4), [999., 749., 499., 249.]);
/// assert_eq!(Spacing::Linspace.timesteps(1000, 4), [999., 666., 333., 0.]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spacing {
    /// 0, T/n, 2T/n, …: never the noisiest.
    Leading,
    /// Both ends, and what lies evenly between them.
    Linspace,
    /// T, T − T/n, …, each less 1: never the cleanest. What the paper recommends.
    Trailing,
}

impl Spacing {
    /// n timesteps for samplers of one step of memory, such as DDPM and DDIM. Rounded to whole timesteps.
    ///
    /// # Panics
    /// If n is 0 or more than T.
    #[track_caller]
    pub fn timesteps(self, total: usize, n: usize) -> Vec<f64> {
        self.continuous(total, n).into_iter().map(f64::round_ties_even).collect()
    }

    /// The same without rounding, for samplers whose levels lie between timesteps, too: Euler and Heun.
    ///
    /// ```
    /// use glassbox_unet_diffusion::Spacing;
    /// assert_eq!(Spacing::Linspace.continuous(1000, 3)[1], 499.5);
    /// ```
    ///
    /// # Panics
    /// If n is 0 or more than T.
    #[track_caller]
    pub fn continuous(self, total: usize, n: usize) -> Vec<f64> {
        assert!((1..=total).contains(&n), "Spacing: {n} steps of {total} timesteps; choose from 1 to {total}");
        let (t, last) = (total as f64, (total - 1) as f64);
        let descending = (0..n).rev();
        match self {
            Spacing::Leading => descending.map(|i| (i * (total / n)) as f64).collect(),
            Spacing::Linspace if n == 1 => vec![0.0], // numpy's linspace begins at the clean end
            Spacing::Linspace => descending.map(|i| last * i as f64 / (n - 1) as f64).collect(),
            Spacing::Trailing => (0..n).map(|i| (t - i as f64 * (t / n as f64)).round_ties_even() - 1.0).collect(),
        }
    }

    /// n timesteps for samplers which take the clean end for one point more of the grid: DPM-Solver++ and UniPC.
    ///
    /// ```
    /// use glassbox_unet_diffusion::Spacing;
    /// assert_eq!(Spacing::Linspace.multistep(1000, 3), [999., 666., 333.]);
    /// ```
    ///
    /// # Panics
    /// If n is 0, or n + 1 is more than T.
    #[track_caller]
    pub fn multistep(self, total: usize, n: usize) -> Vec<f64> {
        match self {
            Spacing::Trailing => self.timesteps(total, n),
            Spacing::Leading | Spacing::Linspace => {
                let mut all = self.timesteps(total, n + 1);
                all.truncate(n);
                all
            }
        }
    }
}

/// Where the last step ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Without noise.
    Clean,
    /// With the noise of timestep 0 (`set_alpha_to_one=False`, `final_sigmas_type="sigma_min"` in diffusers).
    First,
}

impl Schedule {
    /// The levels at these timesteps and the end: n + 1 levels for n steps, in units that keep the variance.
    ///
    /// ```
    /// use glassbox_unet_diffusion::{Betas, End, Level, Schedule, Spacing};
    /// let schedule = Schedule::new(Betas::DDPM, 1000);
    /// let grid = schedule.grid(&Spacing::Trailing.timesteps(1000, 50), End::Clean);
    /// assert_eq!((grid.len(), grid[0], grid[50]), (51, schedule.level(999), Level::CLEAN));
    /// ```
    pub fn grid(&self, timesteps: &[f64], end: End) -> Vec<Level> {
        let at = |&t: &f64| if t.fract() == 0.0 && t >= 0.0 { self.level(t as usize) } else { self.between(t) };
        let end = match end {
            End::Clean => Level::CLEAN,
            End::First => self.level(0),
        };
        timesteps.iter().map(at).chain([end]).collect()
    }

    /// The time at which the noise beside x0 is `ratio`: the inverse of [`between`](Schedule::between), with ln ratio interpolated
    /// instead of the ratio, as diffusers does for a network that was trained on whole timesteps. Beyond the schedule its ends.
    ///
    /// ```
    /// use glassbox_unet_diffusion::{Betas, Schedule};
    /// let schedule = Schedule::new(Betas::DDPM, 1000);
    /// assert!((schedule.time_of(schedule.level(300).ratio()) - 300.0).abs() < 1e-9);
    /// ```
    pub fn time_of(&self, ratio: f64) -> f64 {
        let logarithm = |t: usize| self.level(t).ratio().ln();
        let beyond = self.levels().take_while(|level| level.ratio() <= ratio).count();
        let low = beyond.saturating_sub(1).min(self.timesteps().saturating_sub(2));
        if self.timesteps() == 1 {
            return 0.0;
        }
        let (from, to) = (logarithm(low), logarithm(low + 1));
        low as f64 + ((ratio.ln() - from) / (to - from)).clamp(0.0, 1.0)
    }

    /// The grid of widths σ such as [`karras_sigmas`](crate::karras_sigmas) for a network of this schedule, and the clean end: alpha is
    /// 1, and t is the time at which the schedule is as noisy.
    ///
    /// ```
    /// use glassbox_unet_diffusion::{Betas, Schedule, karras_sigmas};
    /// let schedule = Schedule::new(Betas::DDPM, 1000);
    /// let grid = schedule.grid_of_sigmas(&karras_sigmas(10, 0.03, 150.0, 7.0));
    /// assert!(grid[0].sigma > 149.0 && grid[10].sigma == 0.0);
    /// ```
    pub fn grid_of_sigmas(&self, sigmas: &[f64]) -> Vec<Level> {
        let at = |&sigma: &f64| Level::exploding(self.time_of(sigma), sigma);
        sigmas.iter().map(at).chain([Level::CLEAN]).collect()
    }
}

/// The same grid in the units of x / alpha, in which Euler and Heun step: alpha = 1, sigma = ratio.
///
/// ```
/// use glassbox_unet_diffusion::{Betas, End, Schedule, exploding};
/// let grid = exploding(&Schedule::new(Betas::DDPM, 1000).grid(&[999., 500.], End::Clean));
/// assert!(grid[0].alpha == 1.0 && grid[0].sigma > 150.0);
/// ```
pub fn exploding(grid: &[Level]) -> Vec<Level> {
    grid.iter().map(Level::as_exploding).collect()
}

/// The same grid in units that keep the variance, in which DDPM, DPM-Solver++ and UniPC are written.
///
/// ```
/// use glassbox_unet_diffusion::{Level, preserving};
/// let grid = preserving(&[Level::exploding(0.0, 0.75), Level::CLEAN]);
/// assert_eq!((grid[0].alpha, grid[1]), (0.8, Level::CLEAN));
/// ```
pub fn preserving(grid: &[Level]) -> Vec<Level> {
    grid.iter().map(|level| level.as_preserving().0).collect()
}

/// The grid of a rectified flow: n even steps of s, from 1 to the clean end, as `FlowMatchEulerDiscreteScheduler` of diffusers has them:
/// the last of n points before the end is s = 1/T. A shift above 1 stays longer where there is much noise (Esser et al. 2024, equation
/// 23):
///
/// ```text
/// s ← shift·s / (1 + (shift − 1)·s),        t = T·s
/// ```
///
/// ```
/// use glassbox_unet_diffusion::{Level, flow_grid};
/// let grid = flow_grid(3, 1000, 1.0);
/// assert_eq!((grid[0].sigma, grid[0].t, grid[3]), (1.0, 1000.0, Level::CLEAN));
/// ```
pub fn flow_grid(n: usize, total: usize, shift: f64) -> Vec<Level> {
    let shifted = |s: f64| shift * s / (1.0 + (shift - 1.0) * s);
    let (first, last) = (1.0, shifted(1.0 / total as f64)); // diffusers shifts the ends first, and then all
    let at = |i: usize| {
        let s = shifted(first + (last - first) * i as f64 / n.saturating_sub(1).max(1) as f64);
        Level::flow(s * total as f64, s)
    };
    (0..n).map(at).chain([Level::CLEAN]).collect()
}

/// n steps from one width of noise to another, even in λ = −ln σ: the grid on which orders of convergence are measured. It ends at
/// `to`, which is above 0.
///
/// ```
/// use glassbox_unet_diffusion::geometric_grid;
/// let grid = geometric_grid(2, 9.0, 1.0);
/// assert!((grid[1].sigma - 3.0).abs() < 1e-12);
/// ```
pub fn geometric_grid(n: usize, from: f64, to: f64) -> Vec<Level> {
    let at = |i: usize| Level::exploding(0.0, from * (to / from).powf(i as f64 / n as f64));
    (0..=n).map(at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::Betas;

    #[test]
    fn every_spacing_goes_down_and_stays_on_the_schedule() {
        for spacing in [Spacing::Leading, Spacing::Linspace, Spacing::Trailing] {
            for n in [1, 2, 7, 50, 333, 998] {
                for timesteps in [spacing.timesteps(1000, n), spacing.multistep(1000, n)] {
                    assert_eq!(timesteps.len(), n);
                    assert!(timesteps.windows(2).all(|pair| pair[1] < pair[0]), "{spacing:?} {n}");
                    assert!(timesteps.iter().all(|t| (0.0..1000.0).contains(t) && t.fract() == 0.0));
                }
            }
            assert_eq!(spacing.timesteps(1000, 1000), (0..1000).rev().map(f64::from).collect::<Vec<_>>());
        }
    }

    #[test]
    #[should_panic(expected = "1001 steps of 1000 timesteps; choose from 1 to 1000")]
    fn more_steps_than_timesteps_are_refused() {
        Spacing::Leading.timesteps(1000, 1001);
    }

    #[test]
    fn a_grid_of_sigmas_tells_the_network_the_time_that_is_as_noisy() {
        let schedule = Schedule::new(Betas::Cosine, 100);
        let sigmas: Vec<f64> = [90, 40, 3].map(|t| schedule.level(t).ratio()).into();
        for (level, t) in schedule.grid_of_sigmas(&sigmas).iter().zip([90.0, 40.0, 3.0]) {
            assert!((level.t - t).abs() < 1e-9, "{} and {t}", level.t);
        }
        assert_eq!((schedule.time_of(1e-9), schedule.time_of(1e9)), (0.0, 99.0));
    }
}
