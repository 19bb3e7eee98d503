//! The probability flow by the mean of two tangents.

use super::{Model, Noise, Sampler, Trajectory};
use crate::level::Level;
use crate::point::Point;

/// Heun's method, EDM's deterministic sampler (Karras et al. 2022, algorithm 1), in y = x / alpha and ρ = sigma / alpha:
///
/// ```text
/// d  = eps(y; ρ)
/// y′ = y + (ρ′ − ρ)·d                           as Euler
/// if ρ′ ≠ 0:  d′ = eps(y′; ρ′)
///             y′ = y + (ρ′ − ρ)·(d + d′)/2
/// ```
///
/// Two answers for each step but the last, and an error that falls with the square of the steps.
///
/// ```
/// use glassbox_unet_diffusion::samplers::{Heun, Sampler};
/// use glassbox_unet_diffusion::{Level, Target};
/// let grid = [Level::exploding(0.0, 80.0), Level::exploding(0.0, 1.0), Level::CLEAN];
/// let mut asked = 0;
/// let mut model = Target::X0.seen_by(|_: &Vec<f64>, _t| {
///     asked += 1;
///     vec![0.5]
/// });
/// Heun.sample(&grid, vec![40.0], &mut model, &mut |_| unreachable!());
/// drop(model);
/// assert_eq!(asked, 3);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heun;

impl Sampler for Heun {
    #[track_caller]
    fn step<X: Point>(
        &self,
        grid: &[Level],
        at: Trajectory<X>,
        model: &mut Model<'_, X>,
        _: &mut Noise<'_, X>,
    ) -> Trajectory<X> {
        let (t, s) = at.levels(grid);
        let (scale, d_rho) = (s.alpha / t.alpha, s.alpha * (s.ratio() - t.ratio())); // of x = alpha·y
        let d = model(&at.x, t).eps;
        let mut x = X::combine(&[(scale, &at.x), (d_rho, &d)]);
        if s.sigma != 0.0 {
            let d_next = model(&x, s).eps;
            x = X::combine(&[(scale, &at.x), (d_rho / 2.0, &d), (d_rho / 2.0, &d_next)]);
        }
        at.next(x, 0)
    }
}
