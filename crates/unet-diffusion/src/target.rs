//! What a model predicts, and what follows from it.

use crate::level::{Level, columns};
use crate::point::Point;
use glassbox_tensor::Tensor;

/// What a network is trained to answer when it sees x = alpha·x0 + sigma·eps.
///
/// Each answer gives the others, since x is known. What differs is the weight that an error has at each level, and which
/// division by a small number is spared.
///
/// ```
/// use glassbox_unet_diffusion::{Level, Target};
/// let (level, x0, eps) = (Level::preserving(0.0, 0.36), vec![1.0], vec![-2.0]);
/// let x = level.noised(&x0, &eps);
/// for target in Target::ALL {
///     let answer = target.of(&x0, &eps, &level);
///     let found = target.denoised(&answer, &x, &level);
///     assert!((found.x0[0] - 1.0).abs() < 1e-12 && (found.eps[0] + 2.0).abs() < 1e-12);
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The noise, eps (Ho et al. 2020, section 3.2); `epsilon` in diffusers.
    Epsilon,
    /// The picture, x0; `sample` in diffusers.
    X0,
    /// v = alpha·eps − sigma·x0 (Salimans and Ho 2022, section 4 and appendix D), where alpha² + sigma² = 1: the velocity of x along
    /// the circle from x0 to eps. `v_prediction` in diffusers.
    V,
    /// eps − x0, the velocity of x along the line from x0 to eps (Liu et al. 2023, equation 1; Lipman et al. 2023).
    Velocity,
}

/// What a model says about x: x = alpha·x0 + sigma·eps with these x0 and eps.
#[derive(Debug, Clone, PartialEq)]
pub struct Denoised<X> {
    /// The picture: the mean of all that x may have come from.
    pub x0: X,
    /// The noise.
    pub eps: X,
    /// For a model that learns its variance, where between its bounds the logarithm lies: −1 is the lower, 1 the upper (Nichol and
    /// Dhariwal 2021, equation 15, with v = (range + 1)/2).
    pub range: Option<X>,
}

impl<X: Point> Denoised<X> {
    /// With each element of x0 in [−limit, limit], as pixels are; eps stays what the model said.
    ///
    /// ```
    /// use glassbox_unet_diffusion::{Level, Target};
    /// let found = Target::X0.denoised(&vec![1.5, 0.3], &vec![1.0, 1.0], &Level::preserving(0.0, 0.5));
    /// assert_eq!(found.clipped(1.0).x0, vec![1.0, 0.3]);
    /// ```
    #[must_use]
    pub fn clipped(self, limit: f64) -> Self {
        Denoised { x0: self.x0.clamp(-limit, limit), ..self }
    }
}

impl Target {
    /// All four.
    pub const ALL: [Target; 4] = [Target::Epsilon, Target::X0, Target::V, Target::Velocity];

    /// What the model should answer.
    pub fn of<X: Point>(self, x0: &X, eps: &X, level: &Level) -> X {
        match self {
            Target::Epsilon => eps.clone(),
            Target::X0 => x0.clone(),
            Target::V => X::combine(&[(level.alpha, eps), (-level.sigma, x0)]),
            Target::Velocity => X::combine(&[(1.0, eps), (-1.0, x0)]),
        }
    }

    /// What the model should answer of a batch in which each example has a level of its own: levels (B), x0 and eps (B, …) -> (B, …).
    ///
    /// ```
    /// use glassbox_tensor::tensor;
    /// use glassbox_unet_diffusion::{Level, Target};
    /// let (x0, eps) = (tensor![[3.], [3.]], tensor![[5.], [5.]]);
    /// let levels = [Level::CLEAN, Level { t: 999.0, alpha: 0.0, sigma: 1.0 }];
    /// assert_eq!(Target::V.of_each(&levels, &x0, &eps), tensor![[5.], [-3.]]); // all of eps, then nothing of it
    /// ```
    ///
    /// # Panics
    /// If shapes differ, or there isn't a level for each example.
    #[track_caller]
    pub fn of_each(self, levels: &[Level], x0: &Tensor, eps: &Tensor) -> Tensor {
        let [alpha, sigma] = columns(levels, x0, eps); // (B, 1, …)
        match self {
            Target::Epsilon => eps.clone(),
            Target::X0 => x0.clone(),
            Target::V => &(&alpha * eps) - &(&sigma * x0),
            Target::Velocity => eps - x0,
        }
    }

    /// What an answer says of x.
    ///
    /// ```text
    /// epsilon:    x0 = (x − sigma·eps)/alpha                            (Ho et al. 2020, equation 15)
    /// x0:         eps = (x − alpha·x0)/sigma
    /// v:          x0 = (alpha·x − sigma·v)/(alpha² + sigma²),    eps = (sigma·x + alpha·v)/(alpha² + sigma²)
    /// velocity:   x0 = (x − sigma·u)/(alpha + sigma),            eps = (x + alpha·u)/(alpha + sigma)
    /// ```
    pub fn denoised<X: Point>(self, answer: &X, x: &X, level: &Level) -> Denoised<X> {
        let Level { alpha, sigma, .. } = *level;
        let (x0, eps) = match self {
            Target::Epsilon => (X::combine(&[(1.0 / alpha, x), (-sigma / alpha, answer)]), answer.clone()),
            Target::X0 => (answer.clone(), X::combine(&[(1.0 / sigma, x), (-alpha / sigma, answer)])),
            Target::V => {
                let c = 1.0 / (alpha * alpha + sigma * sigma);
                let x0 = X::combine(&[(c * alpha, x), (-c * sigma, answer)]);
                (x0, X::combine(&[(c * sigma, x), (c * alpha, answer)]))
            }
            Target::Velocity => {
                let c = 1.0 / (alpha + sigma);
                let x0 = X::combine(&[(c, x), (-c * sigma, answer)]);
                (x0, X::combine(&[(c, x), (c * alpha, answer)]))
            }
        };
        Denoised { x0, eps, range: None }
    }

    /// A network as samplers see it, whatever their units: it is shown x in the units in which its variance is kept, and t. Those
    /// are the units that a network of a discrete schedule was trained in.
    ///
    /// ```
    /// use glassbox_unet_diffusion::{Level, Target};
    /// // A network that believes everything to be noise: eps = x, of a picture of which half the variance is noise
    /// let mut denoiser = Target::Epsilon.seen_by(|x: &Vec<f64>, _t| x.clone());
    /// let found = denoiser(&vec![2.0], &Level::exploding(7.0, 1.0));
    /// assert!((found.eps[0] - 2f64.sqrt()).abs() < 1e-12);
    /// ```
    pub fn seen_by<X: Point>(self, mut network: impl FnMut(&X, f64) -> X) -> impl FnMut(&X, &Level) -> Denoised<X> {
        move |x, level| {
            let (level, scale) = level.as_preserving();
            let x = if scale == 1.0 { x.clone() } else { X::combine(&[(scale, x)]) };
            self.denoised(&network(&x, level.t), &x, &level)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noised_each;
    use glassbox_tensor::assert_close;
    use glassbox_tensor::random::Key;

    /// By another way than `denoised`: solve the two equations x = alpha·x0 + sigma·eps and answer = a·x0 + b·eps by Cramer's rule.
    fn solved((a, b): (f64, f64), answer: f64, x: f64, level: &Level) -> (f64, f64) {
        let determinant = level.alpha * b - level.sigma * a;
        ((x * b - level.sigma * answer) / determinant, (level.alpha * answer - a * x) / determinant)
    }

    #[test]
    fn every_answer_solves_the_two_equations_that_define_it() {
        for level in [Level::preserving(0.0, 0.1), Level::exploding(0.0, 3.0), Level::flow(0.0, 0.3)] {
            let (answer, x) = (0.7, -1.3);
            let rows = [(0.0, 1.0), (1.0, 0.0), (-level.sigma, level.alpha), (-1.0, 1.0)];
            for (target, row) in Target::ALL.into_iter().zip(rows) {
                let found = target.denoised(&vec![answer], &vec![x], &level);
                let (x0, eps) = solved(row, answer, x, &level);
                assert!((found.x0[0] - x0).abs() < 1e-12, "{target:?}: {} and {x0}", found.x0[0]);
                assert!((found.eps[0] - eps).abs() < 1e-12, "{target:?}: {} and {eps}", found.eps[0]);
            }
        }
    }

    #[test]
    fn a_batch_is_its_examples() {
        let levels = [Level::preserving(0.0, 0.1), Level::exploding(0.0, 3.0), Level::flow(0.0, 0.3)];
        let [x0, eps] = [1, 2].map(|key| Tensor::randn([3, 2, 5], Key::new(key)));
        let row = |x: &Tensor, i: usize| x.select(0, i);
        let x = noised_each(&levels, &x0, &eps);
        for (i, level) in levels.iter().enumerate() {
            assert_close!(row(&x, i), level.noised(&row(&x0, i), &row(&eps, i)));
            for target in Target::ALL {
                let batch = target.of_each(&levels, &x0, &eps);
                assert_close!(row(&batch, i), target.of(&row(&x0, i), &row(&eps, i), level));
            }
        }
    }

    #[test]
    fn v_is_the_velocity_along_the_circle_and_the_velocity_that_along_the_line() {
        let (x0, eps, h) = (0.4, -1.1, 1e-6);
        let along = |x: &dyn Fn(f64) -> Level, s: f64| {
            let at = |s: f64| x(s).noised(&vec![x0], &vec![eps])[0];
            (at(s + h) - at(s - h)) / (2.0 * h)
        };
        let circle = |phi: f64| Level { t: 0.0, alpha: phi.cos(), sigma: phi.sin() };
        let v = Target::V.of(&vec![x0], &vec![eps], &circle(0.6))[0];
        assert!((along(&circle, 0.6) - v).abs() < 1e-8);
        let line = |s: f64| Level::flow(0.0, s);
        let u = Target::Velocity.of(&vec![x0], &vec![eps], &line(0.3))[0];
        assert!((along(&line, 0.3) - u).abs() < 1e-8);
    }
}
