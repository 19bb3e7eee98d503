//! DPM-Solver++: all that is known of the flow is integrated exactly, and only the model's answer is approximated.

use super::{Model, Noise, Past, Sampler, Trajectory};
use crate::level::Level;
use crate::point::Point;

/// DPM-Solver++(2M) (Lu et al. 2022b, algorithm 2), a multistep method for the probability flow.
///
/// In λ = ln(alpha/sigma) the flow has the exact solution (equation 8, from λ_s to λ_t = λ_s + h)
///
/// ```text
/// x_t = sigma_t/sigma_s·x_s + sigma_t·∫ e^λ·x0(x_λ, λ) dλ
/// ```
///
/// so only x0 under the integral needs a guess: what the model says now (D0 = m0), or the line through that and its last answer m1,
///
/// ```text
/// r0 = h_last/h,    D1 = (m0 − m1)/r0
/// x_t = sigma_t/sigma_s·x_s − alpha_t·(e^−h − 1)·D0 − ½·alpha_t·(e^−h − 1)·D1                    midpoint
/// x_t = sigma_t/sigma_s·x_s − alpha_t·(e^−h − 1)·D0 + alpha_t·((e^−h − 1)/h + 1)·D1              heun
/// ```
///
/// One answer for a step, and an error that falls with the square of the steps. The first step has no last answer, and is DDIM's.
/// So is a step to the clean end, where h is infinite.
///
/// ```
/// use glassbox_unet_diffusion::samplers::{DpmSolver, Sampler};
/// use glassbox_unet_diffusion::{Betas, End, Schedule, Spacing, Target};
/// let grid = Schedule::new(Betas::DDPM, 1000).grid(&Spacing::Linspace.multistep(1000, 20), End::Clean);
/// let mut model = Target::X0.seen_by(|_: &Vec<f64>, _t| vec![0.5]);
/// let x = DpmSolver::default().sample(&grid, vec![1.3], &mut model, &mut |_| unreachable!());
/// assert!((x[0] - 0.5).abs() < 1e-12);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DpmSolver {
    /// Answers that a step looks at: 1, which is DDIM, or 2.
    pub order: usize,
    /// How the line through two answers is integrated.
    pub rule: Rule,
    /// Whether the last of fewer than 15 steps looks at one answer only: with large steps, the line leads astray.
    pub lower_order_final: bool,
}

/// How the term of the slope D1 is integrated: both are right to the second order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// As if it were ½·D1 everywhere.
    Midpoint,
    /// As a line, exactly.
    Heun,
}

/// The second order, as diffusers has it unless told otherwise.
impl Default for DpmSolver {
    fn default() -> Self {
        DpmSolver { order: 2, rule: Rule::Midpoint, lower_order_final: true }
    }
}

/// Steps from which on the last needs no lower order.
const MANY: usize = 15;

impl Sampler for DpmSolver {
    /// # Panics
    /// Also if the order is neither 1 nor 2.
    #[track_caller]
    fn step<X: Point>(
        &self,
        grid: &[Level],
        mut at: Trajectory<X>,
        model: &mut Model<'_, X>,
        _: &mut Noise<'_, X>,
    ) -> Trajectory<X> {
        assert!((1..=2).contains(&self.order), "DpmSolver: order {}; there are 1 and 2", self.order);
        let (s, t) = at.levels(grid); // the paper steps from s to t
        let m0 = model(&at.x, s).x0;
        let steps = grid.len() - 1;
        let is_final = at.step + 1 == steps && self.lower_order_final && steps < MANY;
        let h = t.lambda() - s.lambda();
        let (of_x, of_d0) = (t.sigma / s.sigma, -t.alpha * (-h).exp_m1());
        let x = match at.past.last() {
            Some(last) if self.order == 2 && !is_final && t.sigma > 0.0 => {
                let r0 = (s.lambda() - last.level.lambda()) / h;
                let of_d1 = match self.rule {
                    Rule::Midpoint => of_d0 / 2.0,
                    Rule::Heun => t.alpha * ((-h).exp_m1() / h + 1.0),
                } / r0;
                // D0 = m0, D1 = (m0 − m1)/r0
                X::combine(&[(of_x, &at.x), (of_d0 + of_d1, &m0), (-of_d1, &last.x0)])
            }
            _ => X::combine(&[(of_x, &at.x), (of_d0, &m0)]),
        };
        at.past.push(Past { level: *s, x: at.x.clone(), x0: m0, order: self.order });
        at.next(x, 1)
    }
}
