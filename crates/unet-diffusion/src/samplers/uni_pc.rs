//! UniPC: a multistep predictor whose every step is corrected by the answer that the next one asks for anyway.

use super::{Model, Noise, Past, Sampler, Trajectory};
use crate::level::Level;
use crate::point::Point;

/// UniPC-p (Zhao et al. 2023, algorithms 5 to 7: the prediction of x0, from several answers), a predictor-corrector for the probability
/// flow.
///
/// From x at λ_s, with m0 = x0(x_s, λ_s), h = λ_t − λ_s, and older answers m_i at r_i = (λ_i − λ_s)/h < 0, D_i = (m_i − m0)/r_i:
///
/// ```text
/// x_t = sigma_t/sigma_s·x_s − alpha_t·(e^−h − 1)·m0 − alpha_t·B(h)·Σᵢ ρᵢ·Dᵢ        equation 3 for x0
/// Σᵢ rᵢ^(k−1)·ρᵢ = b_k,    k = 1, 2, …                                              matches Taylor's series of x0 (theorem 3.1)
/// b_k = k!·φ_{k+1}(−h)·(−h)/B(h),        B(h) = −h (bh1) or e^−h − 1 (bh2)
/// ```
///
/// The predictor sums over the p − 1 older answers. The corrector does the same step again when the answer at x_t is known, with that
/// as a further D at r = 1, and costs nothing: the answer serves the next step as it is, though x_t has moved (section 3.2).
///
/// **Order.** The predictor alone is of order p, with the corrector of order p + 1; a test measures both. The first steps, which
/// have no older answers, are of lower order.
///
/// ```
/// use glassbox_unet_diffusion::samplers::{Sampler, UniPc};
/// use glassbox_unet_diffusion::{Betas, End, Schedule, Spacing, Target};
/// let grid = Schedule::new(Betas::DDPM, 1000).grid(&Spacing::Linspace.multistep(1000, 10), End::Clean);
/// let mut model = Target::X0.seen_by(|_: &Vec<f64>, _t| vec![0.5]);
/// let x = UniPc::default().sample(&grid, vec![1.3], &mut model, &mut |_| unreachable!());
/// assert!((x[0] - 0.5).abs() < 1e-12);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UniPc {
    /// p: answers that a prediction looks at, from 1 to 3.
    pub order: usize,
    /// B(h).
    pub factor: Factor,
    /// Whether steps are corrected.
    pub corrector: bool,
    /// Whether the last steps look at fewer answers: the last at one, the one before at two.
    pub lower_order_final: bool,
}

/// B(h), any function that behaves as h does for small h.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Factor {
    /// −h
    Bh1,
    /// e^−h − 1
    Bh2,
}

/// The second order with B₂, as diffusers has it unless told otherwise.
impl Default for UniPc {
    fn default() -> Self {
        UniPc { order: 2, factor: Factor::Bh2, corrector: true, lower_order_final: true }
    }
}

/// The coefficients of a step from s to t: of x_s, of m0, and of the other answers, whose r are given.
struct Coefficients {
    of_x: f64,
    of_m0: f64,
    of_others: Vec<f64>,
}

impl UniPc {
    /// `r` holds the places of the other answers. A single equation is not solved but answered with ½, its limit for small h (section
    /// 3.4): so it is for the predictor of order 2 and the corrector of order 1.
    fn coefficients(&self, s: &Level, t: &Level, r: &[f64]) -> Coefficients {
        let h = t.lambda() - s.lambda();
        let e = (-h).exp_m1(); // e^−h − 1
        let b_h = match self.factor {
            Factor::Bh1 => -h,
            Factor::Bh2 => e,
        };
        let rho = match r {
            [] => vec![],
            [_] => vec![0.5],
            _ => solve(&vandermonde(r), &right_side(-h, b_h, r.len())),
        };
        // −alpha_t·B(h)·Σ ρ·(m − m0)/r
        let of_others: Vec<f64> = rho.iter().zip(r).map(|(rho, r)| -t.alpha * b_h * rho / r).collect();
        let of_m0 = -t.alpha * e - of_others.iter().sum::<f64>();
        Coefficients { of_x: t.sigma / s.sigma, of_m0, of_others }
    }

    /// How many answers the step from level `step` looks at.
    fn order_of(&self, step: usize, steps: usize, known: usize) -> usize {
        let order = if self.lower_order_final { self.order.min(steps - step) } else { self.order };
        order.min(known)
    }
}

/// b_k = k!·φ_{k+1}(z)·z/B, k = 1, …, n, with z·φ₁(z) = e^z − 1 and φ_{k+1}(z) = (φ_k(z) − 1/k!)/z.
fn right_side(z: f64, b_h: f64, n: usize) -> Vec<f64> {
    let mut z_phi = z.exp_m1() / z - 1.0; // z·φ₂
    let mut factorial = 1.0;
    let mut b = Vec::with_capacity(n);
    for k in 1..=n {
        b.push(z_phi * factorial / b_h);
        factorial *= (k + 1) as f64;
        z_phi = z_phi / z - 1.0 / factorial;
    }
    b
}

/// Row k has r_i^(k−1).
fn vandermonde(r: &[f64]) -> Vec<Vec<f64>> {
    (0..r.len()).map(|k| r.iter().map(|r| r.powi(k as i32)).collect()).collect()
}

/// Gauss's elimination with the largest pivot of each column; at most 3 × 3.
fn solve(a: &[Vec<f64>], b: &[f64]) -> Vec<f64> {
    let n = b.len();
    let mut rows: Vec<Vec<f64>> = a.iter().zip(b).map(|(row, &b)| [row.as_slice(), &[b]].concat()).collect();
    for i in 0..n {
        let pivot = (i..n).max_by(|&p, &q| rows[p][i].abs().total_cmp(&rows[q][i].abs())).expect("rows are left");
        rows.swap(i, pivot);
        let (done, below) = rows.split_at_mut(i + 1);
        for row in below {
            let factor = row[i] / done[i][i];
            row.iter_mut().zip(&done[i]).for_each(|(a, pivot)| *a -= factor * pivot);
        }
    }
    let mut x = vec![0.0; n];
    for i in (0..n).rev() {
        let known: f64 = (i + 1..n).map(|j| rows[i][j] * x[j]).sum();
        x[i] = (rows[i][n] - known) / rows[i][i];
    }
    x
}

impl Sampler for UniPc {
    /// # Panics
    /// Also if the order is not 1, 2 or 3.
    #[track_caller]
    fn step<X: Point>(
        &self,
        grid: &[Level],
        mut at: Trajectory<X>,
        model: &mut Model<'_, X>,
        _: &mut Noise<'_, X>,
    ) -> Trajectory<X> {
        assert!((1..=3).contains(&self.order), "UniPc: order {}; there are 1, 2 and 3", self.order);
        let (s, t) = at.levels(grid);
        let m = model(&at.x, s).x0;
        // UniC: the step that led here, once more, with the answer here
        let x = match at.past.last() {
            Some(last) if self.corrector => self.corrected(&at.past, last, s, &m),
            _ => at.x.clone(),
        };
        // UniP: on from the corrected x
        let order = self.order_of(at.step, grid.len() - 1, at.past.len() + 1);
        at.past.push(Past { level: *s, x, x0: m, order });
        let x = self.predicted(&at.past, order, t);
        at.next(x, self.order)
    }
}

impl UniPc {
    /// The prediction at t from the last level of the past, by `order` answers.
    fn predicted<X: Point>(&self, past: &[Past<X>], order: usize, t: &Level) -> X {
        let (s, older) = past.split_last().expect("the answer at s was pushed");
        let others = &older[older.len() + 1 - order..];
        let r = places(others, &s.level, t);
        let c = self.coefficients(&s.level, t, &r);
        let mut terms = vec![(c.of_x, &s.x), (c.of_m0, &s.x0)];
        terms.extend(c.of_others.iter().zip(others).map(|(&c, past)| (c, &past.x0)));
        X::combine(&terms)
    }

    /// The same step from `last` to t, which was of `last.order`, with the answer m at t.
    fn corrected<X: Point>(&self, past: &[Past<X>], last: &Past<X>, t: &Level, m: &X) -> X {
        let older = &past[..past.len() - 1];
        let others = &older[older.len() + 1 - last.order..];
        let mut r = places(others, &last.level, t);
        r.push(1.0);
        let c = self.coefficients(&last.level, t, &r);
        let mut terms = vec![(c.of_x, &last.x), (c.of_m0, &last.x0)];
        let answers = others.iter().map(|past| &past.x0).chain([m]);
        terms.extend(c.of_others.iter().copied().zip(answers));
        X::combine(&terms)
    }
}

/// r_i = (λ_i − λ_s)/h of the answers of the past.
fn places<X>(others: &[Past<X>], s: &Level, t: &Level) -> Vec<f64> {
    let h = t.lambda() - s.lambda();
    others.iter().map(|past| (past.level.lambda() - s.lambda()) / h).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_right_side_is_the_integral_that_it_stands_for() {
        // z·φ_{k+1}(z)·k! = z·∫₀¹ e^((1−u)·z)·u^k du (Hochbruck and Ostermann 2010, equation 2.10)
        for z in [-0.3, -1.7] {
            for (k, b) in right_side(z, 1.0, 3).into_iter().enumerate() {
                let n = 100_000;
                let f = |i: usize| {
                    let u = (i as f64 + 0.5) / n as f64;
                    ((1.0 - u) * z).exp() * u.powi(k as i32 + 1)
                };
                let integral = z * (0..n).map(f).sum::<f64>() / n as f64;
                assert!((b - integral).abs() < 1e-9, "k = {}: {b} and {integral}", k + 1);
            }
        }
    }

    #[test]
    fn an_answer_that_is_a_parabola_in_lambda_is_integrated_exactly() {
        // The exact solution for x0(λ) = q(λ), by Simpson's rule of its integral sigma_t·∫ e^λ·q(λ) dλ
        let q = |l: f64| 0.3 - 0.8 * l + 0.5 * l * l;
        let level = |l: f64| Level { t: 0.0, alpha: 1.0, sigma: (-l).exp() };
        let past: Vec<Past<Vec<f64>>> =
            [-1.0, -0.6, -0.1].map(|l| Past { level: level(l), x: vec![1.4], x0: vec![q(l)], order: 3 }).into();
        let (s, t, n) = (-0.1, 0.35, 2000);
        let f = |i: usize| {
            let l = s + (t - s) * i as f64 / n as f64;
            l.exp()
                * q(l)
                * if i == 0 || i == n {
                    1.0
                } else if i % 2 == 1 {
                    4.0
                } else {
                    2.0
                }
        };
        let integral = (0..=n).map(f).sum::<f64>() * (t - s) / n as f64 / 3.0;
        let exact = f64::exp(s - t) * 1.4 + f64::exp(-t) * integral;
        for factor in [Factor::Bh1, Factor::Bh2] {
            let sampler = UniPc { order: 3, factor, corrector: true, lower_order_final: false };
            let predicted = sampler.predicted(&past, 3, &level(t))[0];
            let corrected = sampler.corrected(&past, &past[2], &level(t), &vec![q(t)])[0];
            assert!((predicted - exact).abs() < 1e-10, "{predicted} and {exact}");
            assert!((corrected - exact).abs() < 1e-10, "{corrected} and {exact}");
        }
    }
}
