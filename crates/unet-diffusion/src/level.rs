//! How noisy a picture is: the two numbers that every kind of diffusion is made of.

use crate::point::Point;
use glassbox_tensor::Tensor;

/// A level of noise, at which x0 has become
///
/// ```text
/// x = alpha·x0 + sigma·eps,    eps ~ N(0, I)          q(x | x0) = N(alpha·x0, sigma²·I)
/// ```
///
/// All families are this line with other alpha and sigma: DDPM keeps alpha² + sigma² = 1 (*variance preserving*, Ho et al. 2020,
/// equation 4, where alpha² is alpha_bar), EDM keeps alpha = 1 (*variance exploding*, Karras et al. 2022), a rectified flow keeps
/// alpha + sigma = 1 (Liu et al. 2023). In x / alpha all of them are one: x0 with noise of the width [`ratio`](Level::ratio) on it.
///
/// ```
/// use glassbox_unet_diffusion::Level;
/// let level = Level::preserving(500.0, 0.36); // alpha_bar
/// assert!((level.alpha - 0.6).abs() < 1e-12 && (level.sigma - 0.8).abs() < 1e-12);
/// assert!((level.snr() - 0.36 / 0.64).abs() < 1e-12);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Level {
    /// What a model is told: a timestep of the schedule, or what its preconditioning makes of sigma.
    pub t: f64,
    /// The share of x0.
    pub alpha: f64,
    /// The width of the noise.
    pub sigma: f64,
}

impl Level {
    /// No noise is left: alpha = 1, sigma = 0.
    ///
    /// ```
    /// use glassbox_unet_diffusion::Level;
    /// assert_eq!(Level::CLEAN.noised(&vec![3.0], &vec![100.0]), vec![3.0]);
    /// ```
    pub const CLEAN: Level = Level { t: 0.0, alpha: 1.0, sigma: 0.0 };

    /// alpha = √alpha_bar, sigma = √(1 − alpha_bar).
    ///
    /// ```
    /// use glassbox_unet_diffusion::Level;
    /// assert_eq!(Level::preserving(0.0, 1.0), Level::CLEAN);
    /// ```
    pub fn preserving(t: f64, alpha_bar: f64) -> Level {
        Level { t, alpha: alpha_bar.sqrt(), sigma: (1.0 - alpha_bar).sqrt() }
    }

    /// alpha = 1: noise of width sigma is laid on x0.
    ///
    /// ```
    /// use glassbox_unet_diffusion::Level;
    /// assert_eq!(Level::exploding(0.0, 80.0).ratio(), 80.0);
    /// ```
    pub fn exploding(t: f64, sigma: f64) -> Level {
        Level { t, alpha: 1.0, sigma }
    }

    /// Of a rectified flow, alpha = 1 − s and sigma = s (Liu et al. 2023, equation 1, with time running towards the noise).
    ///
    /// ```
    /// use glassbox_unet_diffusion::Level;
    /// let x = Level::flow(250.0, 0.25).noised(&vec![4.0], &vec![8.0]);
    /// assert_eq!(x, vec![5.0]); // a quarter of the way from x0 to eps
    /// ```
    pub fn flow(t: f64, s: f64) -> Level {
        Level { t, alpha: 1.0 - s, sigma: s }
    }

    /// The noise beside x0, sigma / alpha: the sigma of EDM.
    pub fn ratio(&self) -> f64 {
        self.sigma / self.alpha
    }

    /// The signal to noise ratio, alpha² / sigma² (Kingma et al. 2021, equation 2); infinite where nothing is noise.
    pub fn snr(&self) -> f64 {
        (self.alpha / self.sigma).powi(2)
    }

    /// lambda = ln(alpha / sigma), half the logarithm of the signal to noise ratio (Lu et al. 2022, section 3): the time in which
    /// exponential integrators step.
    ///
    /// ```
    /// use glassbox_unet_diffusion::Level;
    /// let level = Level::preserving(0.0, 0.8); // 0.8 / 0.2 = 4 = 2²
    /// assert!((level.lambda() - 2f64.ln()).abs() < 1e-12);
    /// ```
    pub fn lambda(&self) -> f64 {
        self.alpha.ln() - self.sigma.ln()
    }

    /// The forward process, a draw from q(x | x0) by the noise eps ~ N(0, I) of x0's shape (Ho et al. 2020, equation 4).
    ///
    /// ```
    /// use glassbox_tensor::{Tensor, assert_close, random::Key, tensor};
    /// use glassbox_unet_diffusion::Level;
    /// let x = Level::preserving(500.0, 0.36).noised(&tensor![1., -1.], &tensor![2., 0.]);
    /// assert_close!(x, tensor![2.2, -0.6]); // 0.6·x0 + 0.8·eps
    /// ```
    pub fn noised<X: Point>(&self, x0: &X, eps: &X) -> X {
        X::combine(&[(self.alpha, x0), (self.sigma, eps)])
    }

    /// The same picture in the units in which x0 + ratio·eps is: divided by alpha.
    ///
    /// ```
    /// use glassbox_unet_diffusion::Level;
    /// let level = Level::preserving(7.0, 0.5);
    /// assert_eq!(level.as_exploding(), Level::exploding(7.0, level.ratio()));
    /// ```
    pub fn as_exploding(&self) -> Level {
        Level::exploding(self.t, self.ratio())
    }

    /// The same picture in units in which its variance is kept, and what it is multiplied by to be in them: 1 / √(alpha² + sigma²).
    /// EDM's c_in of data whose width is 1, and what diffusers calls `scale_model_input`.
    ///
    /// ```
    /// use glassbox_unet_diffusion::Level;
    /// let (level, scale) = Level::exploding(7.0, 0.75).as_preserving();
    /// assert_eq!((level.alpha, level.sigma, scale), (0.8, 0.6000000000000001, 0.8));
    /// ```
    pub fn as_preserving(&self) -> (Level, f64) {
        let scale = 1.0 / self.alpha.hypot(self.sigma);
        (Level { t: self.t, alpha: scale * self.alpha, sigma: scale * self.sigma }, scale)
    }
}

/// [`Level::noised`] of a batch in which each example has a level of its own, as in training: levels (B), x0 and eps (B, …) -> (B, …).
///
/// ```
/// use glassbox_tensor::{assert_close, tensor};
/// use glassbox_unet_diffusion::{Level, noised_each};
/// let levels = [Level::CLEAN, Level::preserving(500.0, 0.36)];
/// let x = noised_each(&levels, &tensor![[1., -1.], [1., -1.]], &tensor![[2., 0.], [2., 0.]]);
/// assert_close!(x, tensor![[1., -1.], [2.2, -0.6]]);
/// ```
///
/// # Panics
/// If shapes differ, or there isn't a level for each example.
#[track_caller]
pub fn noised_each(levels: &[Level], x0: &Tensor, eps: &Tensor) -> Tensor {
    let [alpha, sigma] = columns(levels, x0, eps);
    &(&alpha * x0) + &(&sigma * eps)
}

/// alpha and sigma of each example, (B, 1, …) beside x0 and eps (B, …).
#[track_caller]
pub(crate) fn columns(levels: &[Level], x0: &Tensor, eps: &Tensor) -> [Tensor; 2] {
    let (a, b, n) = (x0.shape(), eps.shape(), levels.len());
    assert!(a == b && a.first() == Some(&n), "{n} levels, x0 {a:?} and eps {b:?}; each example has one of each");
    [column(levels.iter().map(|level| level.alpha), a.len()), column(levels.iter().map(|level| level.sigma), a.len())]
}

/// A number for each example of a batch, to be multiplied with (B, …) of that rank: (B, 1, …).
pub(crate) fn column(numbers: impl Iterator<Item = f64>, rank: usize) -> Tensor {
    let numbers: Vec<f32> = numbers.map(|x| x as f32).collect();
    let mut shape = vec![1; rank];
    shape[0] = numbers.len();
    Tensor::from_vec(numbers, shape)
}

#[cfg(test)]
mod tests {
    use super::*;
    use glassbox_tensor::random::Key;

    #[test]
    fn draws_from_q_have_its_mean_and_its_width() {
        let (n, level) = (40_000, Level::preserving(0.0, 0.3));
        let x0 = Tensor::full([n], 2.0);
        let x = level.noised(&x0, &Tensor::randn([n], Key::new(1))).to_vec();
        let mean = x.iter().map(|&x| f64::from(x)).sum::<f64>() / n as f64;
        let variance = x.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / n as f64;
        assert!((mean - 2.0 * 0.3f64.sqrt()).abs() < 4.0 * (0.7 / n as f64).sqrt(), "{mean}");
        assert!((variance - 0.7).abs() < 4.0 * 0.7 * (2.0 / n as f64).sqrt(), "{variance}");
    }

    #[test]
    fn one_step_of_noise_after_another_is_one_step_of_both() {
        // x_t = √(1 − β)·x + √β·eps, ten times (Ho et al. 2020, equation 2): the variances are those of equation 4
        let (mut alpha, mut variance) = (1.0, 0.0);
        let betas: Vec<f64> = (1..=10).map(|t| 0.01 * f64::from(t)).collect();
        for beta in &betas {
            (alpha, variance) = (alpha * (1.0 - beta).sqrt(), (1.0 - beta) * variance + beta);
        }
        let level = Level::preserving(10.0, betas.iter().map(|beta| 1.0 - beta).product());
        assert!((level.alpha - alpha).abs() < 1e-14 && (level.sigma.powi(2) - variance).abs() < 1e-14);
    }

    #[test]
    fn other_units_change_neither_the_ratio_nor_the_picture() {
        for level in [Level::preserving(3.0, 0.2), Level::exploding(3.0, 5.0), Level::flow(3.0, 0.9)] {
            let (preserving, scale) = level.as_preserving();
            assert!((preserving.alpha.powi(2) + preserving.sigma.powi(2) - 1.0).abs() < 1e-14);
            assert!((preserving.ratio() / level.ratio() - 1.0).abs() < 1e-14);
            assert!((level.as_exploding().lambda() - level.lambda()).abs() < 1e-14);
            let (x0, eps) = (vec![0.3, -1.0], vec![1.5, 0.2]);
            let x = level.noised(&x0, &eps);
            for (x, y) in x.iter().zip(preserving.noised(&x0, &eps)) {
                assert!((scale * x - y).abs() < 1e-14);
            }
        }
    }
}
