//! The probability flow, straight on along its tangent.

use super::{Model, Noise, Sampler, Trajectory};
use crate::level::Level;
use crate::point::Point;

/// Euler's method for the probability flow (Karras et al. 2022, algorithm 1 without its correction; Song et al. 2021, equation 13).
///
/// In y = x / alpha and ρ = sigma / alpha, the flow that carries noise into pictures is
///
/// ```text
/// dy/dρ = (y − x0(y; ρ)) / ρ = eps(y; ρ)                    equation 3 with s(t) = 1, σ(t) = t
/// ```
///
/// and a step follows it from ρ to ρ′: y′ = y + (ρ′ − ρ)·eps. Written with alpha_s·x0 + sigma_s·eps in place of y it is DDIM with
/// η = 0, whatever the units; a test says so.
///
/// ```
/// use glassbox_unet_diffusion::samplers::{Euler, Sampler};
/// use glassbox_unet_diffusion::{Level, Target};
/// let grid = [Level::exploding(0.0, 80.0), Level::exploding(0.0, 1.0), Level::CLEAN];
/// let mut model = Target::X0.seen_by(|_: &Vec<f64>, _t| vec![0.5]);
/// let x = Euler.sample(&grid, vec![40.0], &mut model, &mut |_| unreachable!());
/// assert!((x[0] - 0.5).abs() < 1e-12);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Euler;

impl Sampler for Euler {
    #[track_caller]
    fn step<X: Point>(
        &self,
        grid: &[Level],
        at: Trajectory<X>,
        model: &mut Model<'_, X>,
        _: &mut Noise<'_, X>,
    ) -> Trajectory<X> {
        let (t, s) = at.levels(grid);
        let d = model(&at.x, t).eps; // dy/dρ
        // y′ = y + (ρ′ − ρ)·d,    x = alpha·y
        let x = X::combine(&[(s.alpha / t.alpha, &at.x), (s.alpha * (s.ratio() - t.ratio()), &d)]);
        at.next(x, 0)
    }
}

/// Euler's method for a rectified flow (Liu et al. 2023, section 2.2): x = (1 − s)·x0 + s·eps moves with the velocity eps − x0.
///
/// ```text
/// x′ = x + (s′ − s)·(eps − x0)
/// ```
///
/// It begins at s = 1, where there is no x0 in x and [`Euler`]'s ρ would be infinite.
///
/// ```
/// use glassbox_unet_diffusion::samplers::{FlowEuler, Sampler};
/// use glassbox_unet_diffusion::{Target, flow_grid};
/// // A velocity that is straight needs one step
/// let mut model = |x: &Vec<f64>, level: &_| Target::Velocity.denoised(&vec![x[0] - 0.5], x, level);
/// let x = FlowEuler.sample(&flow_grid(1, 1000, 1.0), vec![2.0], &mut model, &mut |_| unreachable!());
/// assert_eq!(x, vec![0.5]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlowEuler;

impl Sampler for FlowEuler {
    #[track_caller]
    fn step<X: Point>(
        &self,
        grid: &[Level],
        at: Trajectory<X>,
        model: &mut Model<'_, X>,
        _: &mut Noise<'_, X>,
    ) -> Trajectory<X> {
        let (t, s) = at.levels(grid);
        let found = model(&at.x, t);
        let ds = s.sigma - t.sigma;
        let x = X::combine(&[(1.0, &at.x), (ds, &found.eps), (-ds, &found.x0)]);
        at.next(x, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samplers::Ddim;
    use crate::{Betas, End, Schedule, Spacing, Target, flow_grid};

    /// Of a model that is smooth and no straight line.
    fn sampled(sampler: impl Sampler, grid: &[Level], x: f64) -> f64 {
        let mut model = Target::Epsilon.seen_by(|x: &Vec<f64>, t| vec![(x[0] + 0.003 * t).sin()]);
        sampler.sample(grid, vec![x], &mut model, &mut |_| unreachable!("nothing is drawn"))[0]
    }

    #[test]
    fn euler_is_ddim_without_noise_in_every_unit() {
        let schedule = Schedule::new(Betas::DDPM, 1000);
        let grid = schedule.grid(&Spacing::Trailing.timesteps(1000, 12), End::Clean);
        let ddim = sampled(Ddim { eta: 0.0 }, &grid, 0.7);
        assert!((sampled(Euler, &grid, 0.7) - ddim).abs() < 1e-12);
        let exploding = crate::exploding(&grid);
        let x = 0.7 / grid[0].alpha;
        assert!((sampled(Euler, &exploding, x) - ddim).abs() < 1e-12);
        assert!((sampled(Ddim { eta: 0.0 }, &exploding, x) - ddim).abs() < 1e-12);
    }

    #[test]
    fn along_a_rectified_flow_ddim_is_the_same_step() {
        let grid = &flow_grid(9, 1000, 3.0)[1..]; // from where there is something of x0
        assert!((sampled(FlowEuler, grid, 0.7) - sampled(Ddim { eta: 0.0 }, grid, 0.7)).abs() < 1e-12);
    }
}
