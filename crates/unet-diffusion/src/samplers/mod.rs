//! From noise to a picture: one file for each sampler, which reads as its paper's algorithm box.
//!
//! | sampler | what it is | answers for a step | order |
//! | --- | --- | ---: | ---: |
//! | [`Ddpm`] | a draw from p(x_{t−1} ∣ x_t) | 1 | stochastic |
//! | [`Ddim`] | any share η of that noise; none for η = 0 | 1 | 1 |
//! | [`Euler`] | the probability flow along its tangent | 1 | 1 |
//! | [`FlowEuler`] | the same along the line of a rectified flow | 1 | 1 |
//! | [`Heun`] | the mean of two tangents | 2 | 2 |
//! | [`DpmSolver`] | exact but for x0, for which the last two answers stand | 1 | 2 |
//! | [`UniPc`] | the same with up to three, and each step is corrected by the next answer | 1 | p + 1 |
//!
//! A sampler is a plain struct, and what it must remember is a value, the [`Trajectory`]. So a trajectory can be branched, edited
//! (inpainting), or begun in the middle, and two of them never meet.
//!
//! ```
//! use glassbox_unet_diffusion::samplers::{Ddim, Sampler, Trajectory};
//! use glassbox_unet_diffusion::{Betas, End, Schedule, Spacing, Target};
//! let schedule = Schedule::new(Betas::DDPM, 1000);
//! let grid = schedule.grid(&Spacing::Trailing.timesteps(1000, 20), End::Clean);
//! // A "network" that knows that all pictures are 0.5
//! let mut model = Target::X0.seen_by(|x: &Vec<f64>, _t| vec![0.5; x.len()]);
//! let mut at = Trajectory::new(vec![1.3, -0.2]);
//! for _ in 0..20 {
//!     at = Ddim { eta: 0.0 }.step(&grid, at, &mut model, &mut |_| unreachable!("η = 0 draws nothing"));
//! }
//! assert!(at.x.iter().all(|x| (x - 0.5).abs() < 1e-12));
//! ```

mod ddim;
mod ddpm;
mod dpm_solver;
mod euler;
mod heun;
mod uni_pc;

pub use ddim::Ddim;
pub use ddpm::{Ddpm, Variance};
pub use dpm_solver::{DpmSolver, Rule};
pub use euler::{Euler, FlowEuler};
pub use heun::Heun;
pub use uni_pc::{Factor, UniPc};

use crate::level::Level;
use crate::point::Point;
use crate::target::Denoised;

/// A model as samplers see it: what x at a level is made of.
pub type Model<'a, X> = dyn FnMut(&X, &Level) -> Denoised<X> + 'a;

/// The noise of a step, from N(0, I), by the step's number: a function, so that the same trajectory can be walked again.
pub type Noise<'a, X> = dyn FnMut(usize) -> X + 'a;

/// Where a sampler stands, with all that it remembers.
#[derive(Debug, Clone, PartialEq)]
pub struct Trajectory<X> {
    /// The picture at level `step` of the grid.
    pub x: X,
    /// How many steps lie behind.
    pub step: usize,
    /// The last levels at which the model was asked, the latest last; as many as the sampler needs.
    pub past: Vec<Past<X>>,
}

/// What was known at a level that lies behind.
#[derive(Debug, Clone, PartialEq)]
pub struct Past<X> {
    /// The level.
    pub level: Level,
    /// The picture there, after correction.
    pub x: X,
    /// What the model made of it.
    pub x0: X,
    /// The order of the step that went on from there.
    pub order: usize,
}

impl<X> Trajectory<X> {
    /// The beginning: `x` at the grid's first level.
    pub fn new(x: X) -> Self {
        Trajectory { x, step: 0, past: Vec::new() }
    }

    /// One step on, with the `keep` last memories.
    fn next(self, x: X, keep: usize) -> Self {
        let Trajectory { step, mut past, .. } = self;
        past.drain(..past.len().saturating_sub(keep));
        Trajectory { x, step: step + 1, past }
    }

    /// The levels of the step that comes.
    ///
    /// # Panics
    /// If there is none.
    #[track_caller]
    fn levels<'a>(&self, grid: &'a [Level]) -> (&'a Level, &'a Level) {
        let steps = grid.len().saturating_sub(1);
        assert!(self.step < steps, "step {}: the grid has {steps} steps", self.step);
        (&grid[self.step], &grid[self.step + 1])
    }
}

/// A way from noise to a picture.
pub trait Sampler {
    /// One step, from level `at.step` of the grid to the next. `noise` is asked only if the step is random.
    ///
    /// # Panics
    /// If the grid has no such step, or shapes differ.
    fn step<X: Point>(
        &self,
        grid: &[Level],
        at: Trajectory<X>,
        model: &mut Model<'_, X>,
        noise: &mut Noise<'_, X>,
    ) -> Trajectory<X>;

    /// All steps of the grid, from `x` at its first level to the picture at its last.
    ///
    /// # Panics
    /// If shapes differ.
    fn sample<X: Point>(&self, grid: &[Level], x: X, model: &mut Model<'_, X>, noise: &mut Noise<'_, X>) -> X {
        let mut at = Trajectory::new(x);
        while at.step + 1 < grid.len() {
            at = self.step(grid, at, model, noise);
        }
        at.x
    }
}
