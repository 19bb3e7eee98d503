//! A distribution that is known at every level of noise: what samplers and likelihoods are held to.

use crate::level::Level;
use crate::target::Denoised;
use glassbox_tensor::random::Key;
use std::f64::consts::TAU;

/// One Gaussian of a mixture, N(mean, std²·I).
#[derive(Debug, Clone, PartialEq)]
pub struct Component {
    /// Its share; a mixture divides by the sum of all.
    pub weight: f64,
    /// Its centre.
    pub mean: Vec<f64>,
    /// Its width in every direction.
    pub std: f64,
}

/// A mixture of Gaussians in D dimensions.
///
/// With noise it is one again, for a sum of Gaussian variables is Gaussian: at a level,
///
/// ```text
/// p(x) = Σ_k w_k·N(x; alpha·m_k, v_k·I),    v_k = alpha²·s_k² + sigma²
/// r_k  = w_k·N_k(x) / p(x)                                        whose x may be
/// g_k  = (alpha·m_k − x)/v_k                                      ∇ ln N_k
/// ∇ ln p   = Σ_k r_k·g_k                                          the score
/// ∇² ln p  = Σ_k r_k·(g_k·g_kᵀ − I/v_k) − ∇ln p·(∇ln p)ᵀ          its Jacobian
/// ```
///
/// So the best model is known, too: eps = −sigma·∇ ln p (Song et al. 2021; Vincent 2011), x0 by Tweedie's formula.
///
/// ```
/// use glassbox_unet_diffusion::{Component, Level, Mixture};
/// let one = Mixture::new(vec![Component { weight: 1.0, mean: vec![2.0], std: 0.5 }]);
/// let level = Level::exploding(0.0, 1.2); // 0.5² + 1.2² = 1.3²
/// let seen = one.at(&[2.0 + 1.3], &level);
/// assert!((seen.score[0] + 1.0 / 1.3).abs() < 1e-12);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Mixture {
    components: Vec<Component>,
}

/// What is known at one point x.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// ln p(x), in nats.
    pub log_density: f64,
    /// ∇ ln p(x), (D).
    pub score: Vec<f64>,
    /// The divergence of the score, Δ ln p(x).
    pub laplacian: f64,
    /// For each component its share r_k of x, and ∇ ln N_k with its variance.
    parts: Vec<(f64, Vec<f64>, f64)>,
}

impl Seen {
    /// ∇² ln p(x)·z.
    pub fn hessian_times(&self, z: &[f64]) -> Vec<f64> {
        let along = dot(&self.score, z);
        let mut product: Vec<f64> = self.score.iter().map(|s| -s * along).collect();
        for (r, g, v) in &self.parts {
            let along = dot(g, z);
            for ((p, g), z) in product.iter_mut().zip(g).zip(z) {
                *p += r * (g * along - z / v);
            }
        }
        product
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

impl Mixture {
    /// The mixture of these; weights needn't sum to 1.
    ///
    /// # Panics
    /// If there is none, if their dimensions differ, or a weight or a width isn't above 0.
    #[track_caller]
    pub fn new(mut components: Vec<Component>) -> Mixture {
        let d = components.first().map_or(0, |c| c.mean.len());
        assert!(d > 0, "Mixture: no component, or one of no dimensions");
        assert!(components.iter().all(|c| c.mean.len() == d), "Mixture: means of different dimensions");
        assert!(components.iter().all(|c| c.weight > 0.0 && c.std > 0.0), "Mixture: weights and widths are above 0");
        let sum: f64 = components.iter().map(|c| c.weight).sum();
        components.iter_mut().for_each(|c| c.weight /= sum);
        Mixture { components }
    }

    /// Its Gaussians, whose weights sum to 1.
    pub fn components(&self) -> &[Component] {
        &self.components
    }

    /// D.
    pub fn dimensions(&self) -> usize {
        self.components[0].mean.len()
    }

    /// What is known of x (D) at a level.
    ///
    /// # Panics
    /// If x isn't (D).
    #[track_caller]
    pub fn at(&self, x: &[f64], level: &Level) -> Seen {
        let d = self.dimensions();
        assert!(x.len() == d, "Mixture::at: {} numbers, not {d}", x.len());
        let logarithms: Vec<(f64, Vec<f64>, f64)> = self
            .components
            .iter()
            .map(|c| {
                let v = (level.alpha * c.std).powi(2) + level.sigma.powi(2);
                let g: Vec<f64> = c.mean.iter().zip(x).map(|(m, x)| (level.alpha * m - x) / v).collect();
                (c.weight.ln() - 0.5 * (d as f64 * (TAU * v).ln() + v * dot(&g, &g)), g, v)
            })
            .collect();
        let most = logarithms.iter().map(|(l, ..)| *l).fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = logarithms.iter().map(|(l, ..)| (l - most).exp()).sum();
        let log_density = most + sum.ln();
        let parts: Vec<_> = logarithms.into_iter().map(|(l, g, v)| ((l - log_density).exp(), g, v)).collect();
        let mut score = vec![0.0; d];
        let mut laplacian = 0.0;
        for (r, g, v) in &parts {
            score.iter_mut().zip(g).for_each(|(s, g)| *s += r * g);
            laplacian += r * (dot(g, g) - d as f64 / v);
        }
        laplacian -= dot(&score, &score);
        Seen { log_density, score, laplacian, parts }
    }

    /// ln p of each row of x, (N, D) -> (N).
    pub fn log_density(&self, x: &[f64], level: &Level) -> Vec<f64> {
        x.chunks_exact(self.dimensions()).map(|x| self.at(x, level).log_density).collect()
    }

    /// The best model: what each row of x (N, D) is made of, in the mean over all that it may have come from.
    ///
    /// ```text
    /// eps = −sigma·∇ ln p(x),    x0 = (x − sigma·eps)/alpha
    /// ```
    pub fn denoised(&self, x: &[f64], level: &Level) -> Denoised<Vec<f64>> {
        let rows = x.chunks_exact(self.dimensions());
        let eps: Vec<f64> = rows.flat_map(|x| self.at(x, level).score).map(|s| -level.sigma * s).collect();
        let x0 = x.iter().zip(&eps).map(|(x, eps)| (x - level.sigma * eps) / level.alpha).collect();
        Denoised { x0, eps, range: None }
    }

    /// n draws from p at the clean level, (n, D).
    ///
    /// ```
    /// use glassbox_tensor::random::Key;
    /// use glassbox_unet_diffusion::Toy;
    /// assert_eq!(Toy::Ring.mixture().draw(5, Key::new(0)).len(), 10);
    /// ```
    pub fn draw(&self, n: usize, key: Key) -> Vec<f64> {
        let (d, which, eps) = (self.dimensions(), key.fold(0), key.fold(1));
        let mut x = Vec::with_capacity(n * d);
        for i in 0..n {
            let mut left = f64::from(which.uniform(i as u64));
            let chosen = self.components.iter().find(|c| {
                left -= c.weight;
                left < 0.0
            });
            let c = chosen.unwrap_or(&self.components[self.components.len() - 1]);
            let z = |j: usize| f64::from(eps.normal((i * d + j) as u64));
            x.extend(c.mean.iter().enumerate().map(|(j, m)| m + c.std * z(j)));
        }
        x
    }

    /// The mean (D) and the covariance (D, D) at a level.
    pub fn moments(&self, level: &Level) -> (Vec<f64>, Vec<f64>) {
        let d = self.dimensions();
        let (mut mean, mut second) = (vec![0.0; d], vec![0.0; d * d]);
        for c in &self.components {
            for i in 0..d {
                mean[i] += c.weight * level.alpha * c.mean[i];
                second[i * d + i] += c.weight * ((level.alpha * c.std).powi(2) + level.sigma.powi(2));
                for j in 0..d {
                    second[i * d + j] += c.weight * level.alpha.powi(2) * c.mean[i] * c.mean[j];
                }
            }
        }
        let covariance = (0..d * d).map(|k| second[k] - mean[k / d] * mean[k % d]).collect();
        (mean, covariance)
    }
}

/// A picture of points in the plane, of width about 1, which is a mixture: its density is known to the last digit.
///
/// Curves are rows of Gaussians that stand closer than they are wide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Toy {
    /// A circle.
    Ring,
    /// Five by five dots.
    Grid,
    /// Two half circles that reach into each other.
    Moons,
    /// A spiral, the cut through a rolled-up sheet.
    SwissRoll,
}

impl Toy {
    /// All four.
    pub const ALL: [Toy; 4] = [Toy::Ring, Toy::Grid, Toy::Moons, Toy::SwissRoll];

    /// Its name on a command line.
    pub fn name(self) -> &'static str {
        match self {
            Toy::Ring => "ring",
            Toy::Grid => "grid",
            Toy::Moons => "moons",
            Toy::SwissRoll => "swiss-roll",
        }
    }

    /// The toy of that name.
    ///
    /// ```
    /// use glassbox_unet_diffusion::Toy;
    /// assert_eq!((Toy::named("moons"), Toy::named("square")), (Some(Toy::Moons), None));
    /// ```
    pub fn named(name: &str) -> Option<Toy> {
        Toy::ALL.into_iter().find(|toy| toy.name() == name)
    }

    /// Its distribution.
    ///
    /// ```
    /// use glassbox_unet_diffusion::{Level, Toy};
    /// for toy in Toy::ALL {
    ///     let (mean, covariance) = toy.mixture().moments(&Level::CLEAN);
    ///     assert!(mean.iter().all(|m| m.abs() < 0.05)); // around 0
    ///     assert!((0.5 * (covariance[0] + covariance[3]) - 1.0).abs() < 0.05); // of width 1
    /// }
    /// ```
    pub fn mixture(self) -> Mixture {
        let equal = |points: Vec<[f64; 2]>, std: f64| {
            Mixture::new(points.into_iter().map(|p| Component { weight: 1.0, mean: p.to_vec(), std }).collect())
        };
        let along = |n: usize| (0..n).map(move |i| (i as f64 + 0.5) / n as f64);
        match self {
            Toy::Ring => {
                equal(along(160).map(|u| [2f64.sqrt() * (TAU * u).cos(), 2f64.sqrt() * (TAU * u).sin()]).collect(), 0.1)
            }
            Toy::Grid => {
                let at = |i: usize| 0.7 * (i as f64 - 2.0); // 0.7²·2 = 0.98
                equal((0..25).map(|k| [at(k / 5), at(k % 5)]).collect(), 0.1)
            }
            Toy::Moons => {
                let upper = |u: f64| [(TAU / 2.0 * u).cos(), (TAU / 2.0 * u).sin()];
                let moons = along(80).map(upper).chain(along(80).map(|u| [1.0 - upper(u)[0], 0.5 - upper(u)[1]]));
                equal(moons.map(|[x, y]| [1.4 * (x - 0.5), 1.4 * (y - 0.25)]).collect(), 0.1)
            }
            Toy::SwissRoll => {
                let turn = |u: f64| {
                    let angle = 1.5 * TAU / 2.0 * (1.0 + 2.0 * u.sqrt()); // √ keeps the points evenly apart
                    [angle * angle.cos() / 9.6, angle * angle.sin() / 9.6]
                };
                let mut points: Vec<[f64; 2]> = along(200).map(turn).collect();
                let mean = [0, 1].map(|k| points.iter().map(|p| p[k]).sum::<f64>() / 200.0);
                points.iter_mut().for_each(|p| *p = [1.25 * (p[0] - mean[0]), 1.25 * (p[1] - mean[1])]);
                equal(points, 0.08)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mixture() -> Mixture {
        Mixture::new(vec![
            Component { weight: 2.0, mean: vec![1.0, -0.5], std: 0.3 },
            Component { weight: 1.0, mean: vec![-1.2, 0.8], std: 0.7 },
        ])
    }

    #[test]
    fn score_and_laplacian_are_the_differences_of_the_log_density() {
        let (mixture, h) = (mixture(), 1e-4);
        for level in [Level::CLEAN, Level::preserving(0.0, 0.4), Level::exploding(0.0, 2.0)] {
            let x = [0.3, 0.4];
            let at = |dx: f64, dy: f64| mixture.at(&[x[0] + dx, x[1] + dy], &level).log_density;
            let seen = mixture.at(&x, &level);
            let score = [(at(h, 0.0) - at(-h, 0.0)) / (2.0 * h), (at(0.0, h) - at(0.0, -h)) / (2.0 * h)];
            assert!(seen.score.iter().zip(score).all(|(a, b)| (a - b).abs() < 1e-5), "{:?} {score:?}", seen.score);
            let laplacian = (at(h, 0.0) + at(-h, 0.0) + at(0.0, h) + at(0.0, -h) - 4.0 * at(0.0, 0.0)) / (h * h);
            assert!((seen.laplacian - laplacian).abs() < 1e-4 * (1.0 + laplacian.abs()));
            let columns = [seen.hessian_times(&[1.0, 0.0]), seen.hessian_times(&[0.0, 1.0])];
            assert!((columns[0][0] + columns[1][1] - seen.laplacian).abs() < 1e-10);
            let mixed = (at(h, h) - at(h, -h) - at(-h, h) + at(-h, -h)) / (4.0 * h * h);
            assert!((columns[0][1] - mixed).abs() < 1e-4 * (1.0 + mixed.abs()));
        }
    }

    #[test]
    fn densities_integrate_to_1_and_draws_have_the_moments() {
        let (mixture, level) = (mixture(), Level::CLEAN);
        let (cell, n) = (0.1, 160);
        let at = |i: usize| (i as f64 - n as f64 / 2.0) * cell;
        let mass: f64 = (0..n * n).map(|k| mixture.at(&[at(k / n), at(k % n)], &level).log_density.exp()).sum();
        assert!((mass * cell * cell - 1.0).abs() < 1e-6, "{}", mass * cell * cell);
        let draws = mixture.draw(40_000, Key::new(3));
        let (mean, covariance) = mixture.moments(&level);
        for j in 0..2 {
            let ours = draws.iter().skip(j).step_by(2).sum::<f64>() / 4e4;
            assert!((ours - mean[j]).abs() < 4.0 * (covariance[3 * j] / 4e4).sqrt());
        }
        let cross = draws.chunks(2).map(|x| (x[0] - mean[0]) * (x[1] - mean[1])).sum::<f64>() / 4e4;
        assert!((cross - covariance[1]).abs() < 0.02, "{cross} and {}", covariance[1]);
    }

    #[test]
    fn the_best_model_is_the_mean_of_what_x_may_have_come_from() {
        // E[x0 | x] by brute force: draws of x0, weighted by N(x; alpha·x0, sigma²)
        let (mixture, level, x) = (mixture(), Level::preserving(0.0, 0.5), [0.2, 0.1]);
        let (mut sum, mut mean) = (0.0, [0.0; 2]);
        for x0 in mixture.draw(200_000, Key::new(8)).chunks(2) {
            let far: f64 = x.iter().zip(x0).map(|(x, x0)| ((x - level.alpha * x0) / level.sigma).powi(2)).sum();
            let weight = (-0.5 * far).exp();
            sum += weight;
            (0..2).for_each(|j| mean[j] += weight * x0[j]);
        }
        let found = mixture.denoised(&x, &level).x0;
        assert!((0..2).all(|j| (found[j] - mean[j] / sum).abs() < 0.01), "{found:?} and {mean:?}/{sum}");
    }
}
