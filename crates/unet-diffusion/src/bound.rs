//! The variational bound: what a picture costs in nats if it is sent as noise that is undone step by step.

use crate::level::{Level, column};
use glassbox_autograd::Var;
use glassbox_tensor::Tensor;

/// The steps between a picture's values, of which 256 lie in [−1, 1].
const BIN: f32 = 2.0 / 255.0;

/// ln of what no bin is thought to be less likely than.
const LEAST_PROBABILITY: f32 = 1e-12;

/// The step back from t to s, given x0: q(x_s | x_t, x0) = N(of_x0·x0 + of_x·x_t, beta_tilde·I) (Ho et al. 2020, equations 6 and 7; in
/// any units Kingma et al. 2021, appendix A).
///
/// ```
/// use glassbox_unet_diffusion::{Betas, Posterior, Schedule};
/// let schedule = Schedule::new(Betas::DDPM, 1000);
/// let step = Posterior::of(&schedule.level(500), &schedule.level(499));
/// assert!((step.beta - schedule.beta(500)).abs() < 1e-7 && step.beta_tilde < step.beta);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Posterior {
    /// The share of x0 in the mean: alpha_s·beta/sigma_t².
    pub of_x0: f64,
    /// The share of x_t: alpha_t/alpha_s·sigma_s²/sigma_t².
    pub of_x: f64,
    /// Its variance, sigma_s²/sigma_t²·beta: the least that p(x_s | x_t) should have.
    pub beta_tilde: f64,
    /// The variance of x_t given x_s, sigma_t² − (alpha_t/alpha_s)²·sigma_s²: the most. The betas, where s is one timestep before t.
    pub beta: f64,
}

impl Posterior {
    /// The step back from t to s, which is less noisy.
    pub fn of(t: &Level, s: &Level) -> Posterior {
        let beta = t.sigma.powi(2) - (t.alpha / s.alpha * s.sigma).powi(2);
        let kept = (s.sigma / t.sigma).powi(2);
        Posterior {
            of_x0: s.alpha * beta / t.sigma.powi(2),
            of_x: t.alpha / s.alpha * kept,
            beta_tilde: kept * beta,
            beta,
        }
    }

    /// ½ ln of the variance that a model says by `range` in [−1, 1]: halfway between ½ ln beta_tilde and ½ ln beta at 0 (Nichol and
    /// Dhariwal 2021, equation 15), as (middle, half the way).
    pub(crate) fn log_std(&self) -> (f64, f64) {
        let (low, high) = (self.beta_tilde.max(1e-20).ln(), self.beta.ln());
        ((high + low) / 4.0, (high - low) / 4.0)
    }
}

/// The terms of the bound for a batch, in nats for each example, (B): how far the model's step back from t to s is from the true one,
///
/// ```text
/// −ln p(x0) ≤ L_T + Σ_{t > 1} L_{t−1} + L_0                                             Ho et al. 2020, equation 5
/// L_{t−1} = KL(q(x_s | x_t, x0) ‖ p(x_s | x_t)) = ½ Σ [ln v − ln beta_tilde − 1 + (beta_tilde + (mu_q − mu_p)²)/v]
/// L_0 = −ln p(x0 | x_1) = −ln Π [F((x0 + δ − mu_p)/√v) − F((x0 − δ − mu_p)/√v)]          equation 13, δ = 1/255
/// ```
///
/// where s is clean it is L_0. Each example has a step (t, s) of its own, its x0 (B, …) in [−1, 1] in steps of 2/255, and x at t. `x0_theta` is
/// what the model believes x0 to be, and `range` what it says of its variance v, if that is learned; else v = beta. The true step to the
/// clean end has no width, so there v = beta, too.
///
/// Only the width is learned by it, if a mean is learned by [`simple_loss`](crate::simple_loss): hand it `x0_theta.detach()`, times 0.001
/// (Nichol and Dhariwal 2021, section 3.1).
///
/// # Panics
/// If shapes differ, or there isn't a step for each example.
#[track_caller]
pub fn bound_terms(x0: &Tensor, x: &Tensor, x0_theta: &Var, range: Option<&Var>, steps: &[(Level, Level)]) -> Var {
    let (n, shape) = (x0.shape()[0], x0.shape());
    assert!(steps.len() == n, "bound_terms: {} steps for {n} examples", steps.len());
    assert!(x.shape() == shape && x0_theta.shape() == shape, "bound_terms: x0, x and x0_theta have one shape");
    assert!(range.is_none_or(|r| r.shape() == shape), "bound_terms: range has the shape of x0");
    let column = |f: &dyn Fn(&Level, &Level, &Posterior) -> f64| {
        let numbers = steps.iter().map(|(t, s)| f(t, s, &Posterior::of(t, s)));
        Var::constant(column(numbers, shape.len())) // (B, 1, …)
    };
    let is_last = |s: &Level| s.sigma == 0.0;
    let x0 = Var::constant(x0.clone());
    // mu_q − mu_p: x_t is in both
    let difference = &column(&|_, _, p| p.of_x0) * &(&x0 - x0_theta);
    let log_beta = column(&|_, _, p| p.beta.ln());
    let log_v = match range {
        None => log_beta.expand(shape),
        Some(range) => {
            let part = |s: &Level, number: f64, last: f64| if is_last(s) { last } else { 2.0 * number };
            let middle = column(&|_, s, p| part(s, p.log_std().0, p.beta.ln()));
            let way = column(&|_, s, p| part(s, p.log_std().1, 0.0));
            &middle + &(&way * range)
        }
    };
    let to_end = column(&|_, s, _| f64::from(is_last(s)));
    let between = column(&|_, s, _| f64::from(!is_last(s)));
    let beta_tilde = column(&|_, s, p| if is_last(s) { 1.0 } else { p.beta_tilde });
    let spread = &(&beta_tilde + &difference.square()) * &(-&log_v).exp();
    let kl = &(&(&(&log_v - &beta_tilde.ln()) + &spread) - 1.0) * 0.5;

    let inverse_std = (&log_v * -0.5).exp();
    // At the clean end mu_p = of_x0·x0_theta + of_x·x with of_x0 = 1, of_x = 0, so x0 − mu_p is the same difference
    let [above, below] = [BIN / 2.0, -BIN / 2.0].map(|edge| (&(&difference + edge) * &inverse_std).ndtr());
    // The outermost bins reach to infinity
    let mask = |at: &dyn Fn(f32) -> bool| {
        let mask = x0.value().to_vec().into_iter().map(|x| f32::from(at(x))).collect();
        Var::constant(Tensor::from_vec(mask, shape))
    };
    let (top, bottom) = (mask(&|x| x > 0.999), mask(&|x| x < -0.999));
    let above = &above + &(&top * &(&(-&above) + 1.0));
    let below = &below - &(&bottom * &below);
    let decoder = -&(&above - &below).clamp(LEAST_PROBABILITY, 1.0).ln();

    let each = &(&between * &kl) + &(&to_end * &decoder); // (B, …)
    let axes: Vec<isize> = (1..shape.len() as isize).collect();
    each.sum(&axes, false)
}

/// L_T of each example (B), in nats: KL(q(x_T | x0) ‖ N(0, I)), what the schedule's last level still tells of x0. Nothing learns it.
///
/// ```
/// use glassbox_tensor::tensor;
/// use glassbox_unet_diffusion::{Betas, Schedule, prior_term};
/// let schedule = Schedule::new(Betas::DDPM, 1000);
/// assert!(prior_term(&tensor![[1.0, -1.0]], &schedule.level(999))[0] < 1e-4);
/// ```
pub fn prior_term(x0: &Tensor, last: &Level) -> Vec<f64> {
    let variance = last.sigma * last.sigma;
    let constant = variance - 1.0 - variance.ln();
    let numbers = x0.to_vec();
    let rows = numbers.chunks(numbers.len() / x0.shape()[0].max(1));
    rows.map(|row| 0.5 * row.iter().map(|&x| constant + (last.alpha * f64::from(x)).powi(2)).sum::<f64>()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::{Betas, Schedule};
    use glassbox_tensor::random::Key;
    use glassbox_tensor::tensor;
    use std::f64::consts::{E, TAU};

    #[test]
    fn a_term_is_the_divergence_that_an_integral_gives() {
        let schedule = Schedule::new(Betas::Cosine, 100);
        let (t, s) = (schedule.level(40), schedule.level(33));
        let p = Posterior::of(&t, &s);
        for (range, v) in
            [(-1.0, p.beta_tilde), (1.0, p.beta), (0.2, (0.4 * p.beta_tilde.ln() + 0.6 * p.beta.ln()).exp())]
        {
            let (mu_q, mu_p) = (p.of_x0 * 0.5 + p.of_x * 0.1, p.of_x0 * 0.2 + p.of_x * 0.1);
            let log_normal = |x: f64, mu: f64, v: f64| -0.5 * ((TAU * v).ln() + (x - mu).powi(2) / v);
            let h = p.beta_tilde.sqrt() / 200.0;
            let kl: f64 = (-2000..2000)
                .map(|i| mu_q + (f64::from(i) + 0.5) * h)
                .map(|x| {
                    log_normal(x, mu_q, p.beta_tilde).exp()
                        * (log_normal(x, mu_q, p.beta_tilde) - log_normal(x, mu_p, v))
                        * h
                })
                .sum();
            let theta = Var::constant(tensor![[0.2]]);
            let range = Var::constant(tensor![[range]]);
            let ours = bound_terms(&tensor![[0.5]], &tensor![[0.1]], &theta, Some(&range), &[(t, s)]).item();
            assert!((f64::from(ours) / kl - 1.0).abs() < 1e-4, "{ours} and {kl}");
        }
    }

    #[test]
    fn the_last_step_spreads_a_probability_over_all_values() {
        let schedule = Schedule::new(Betas::DDPM, 1000);
        let step = (schedule.level(3), Level::CLEAN);
        let values: Vec<f32> = (0..256).map(|k| k as f32 / 127.5 - 1.0).collect();
        let x0 = Tensor::from_vec(values, [256, 1]);
        for believed in [-1.0, 0.013, 0.9] {
            let theta = Var::constant(Tensor::full([256, 1], believed));
            let nats = bound_terms(&x0, &x0, &theta, None, &[step; 256]).value().to_vec();
            let sum: f64 = nats.iter().map(|&nats| f64::from(-nats).exp()).sum();
            assert!((sum - 1.0).abs() < 1e-4, "{sum}");
        }
    }

    #[test]
    fn with_the_best_model_the_bound_comes_close_to_the_entropy() {
        // Data N(0, 0.25²) in steps of 2/255: its entropy is ½ ln(2πe·0.25²) − ln(2/255), and no bound lies below it
        let (std, n) = (0.25f64, 4000);
        let entropy = 0.5 * (TAU * E * std * std).ln() - (2.0f64 / 255.0).ln();
        let x0: Vec<f32> =
            (0..n as u64).map(|i| (Key::new(1).normal(i) * std as f32 * 127.5 + 127.5).round() / 127.5 - 1.0).collect();
        let x0 = Tensor::from_vec(x0, [n, 1]);
        let bound = |timesteps: usize| {
            let schedule = Schedule::new(Betas::Cosine, timesteps);
            let mut nats = prior_term(&x0, &schedule.level(timesteps - 1)).iter().sum::<f64>() / n as f64;
            for t in 0..timesteps {
                let level = schedule.level(t);
                let s = if t == 0 { Level::CLEAN } else { schedule.level(t - 1) };
                let x = level.noised(&x0, &Tensor::randn([n, 1], Key::new(2).fold(t as u64)));
                let share =
                    level.alpha * std * std / (level.alpha * level.alpha * std * std + level.sigma * level.sigma);
                let theta = Var::constant(&x * (share as f32)); // E[x0 | x]
                let range = Var::constant(Tensor::full([n, 1], 0.0));
                nats += f64::from(bound_terms(&x0, &x, &theta, Some(&range), &vec![(level, s); n]).mean_all().item());
            }
            nats - entropy
        };
        let (few, many) = (bound(50), bound(400));
        assert!(
            few > many && (-0.03..0.15).contains(&many),
            "above the entropy by {few} with 50 steps, {many} with 400"
        );
    }
}
