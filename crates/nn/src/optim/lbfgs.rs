//! L-BFGS: minimises a smooth function of a few or many numbers, in f64.

use super::line_search::{Point, dot, strong_wolfe};
use std::collections::VecDeque;

/// When [`lbfgs`](lbfgs()) stops, and how much it remembers.
///
/// ```
/// let careful = glassbox_nn::optim::LbfgsOptions { gradient: 1e-10, ..Default::default() };
/// assert_eq!(careful.memory, 10);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct LbfgsOptions {
    /// m: how many steps of the past the curvature is estimated from.
    pub memory: usize,
    /// Done when no |∂f/∂xᵢ| is larger.
    pub gradient: f64,
    /// Done when a step makes f smaller by no more than this part of max(|f|, 1).
    pub decrease: f64,
    /// Given up after so many steps.
    pub iterations: usize,
}

/// m = 10; |∂f/∂xᵢ| ≤ 10⁻⁸, or a decrease by 10⁻¹⁴; 1000 steps.
impl Default for LbfgsOptions {
    fn default() -> Self {
        Self { memory: 10, gradient: 1e-8, decrease: 1e-14, iterations: 1000 }
    }
}

/// What [`lbfgs`](lbfgs()) came to.
#[derive(Debug, Clone, PartialEq)]
pub struct LbfgsOutcome {
    /// f there, which is never larger than it was.
    pub value: f64,
    /// The largest |∂f/∂xᵢ| there.
    pub gradient: f64,
    /// How many steps were taken.
    pub iterations: usize,
    /// How often f was called.
    pub evaluations: usize,
    /// Why it stopped.
    pub stop: LbfgsStop,
}

/// Why [`lbfgs`](lbfgs()) stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LbfgsStop {
    /// The gradient is small enough: a minimum, or a saddle.
    Gradient,
    /// The last step hardly made f smaller, or the next would not.
    Decrease,
    /// No step along the gradient makes f as much smaller as it promises: f has a kink there, or its gradient is wrong.
    NoDescent,
    /// That was the last of the steps.
    Iterations,
    /// f or its gradient is NaN or infinite where it was to begin.
    NotFinite,
}

impl LbfgsOutcome {
    /// Whether it found what it looked for.
    ///
    /// ```
    /// use glassbox_nn::optim::{LbfgsOptions, lbfgs};
    /// let mut x = [5.0];
    /// let outcome = lbfgs(|x, g| { g[0] = x[0]; x[0] * x[0] / 2.0 }, &mut x, &LbfgsOptions::default());
    /// assert!(outcome.converged() && x[0].abs() < 1e-8);
    /// ```
    pub fn converged(&self) -> bool {
        matches!(self.stop, LbfgsStop::Gradient | LbfgsStop::Decrease)
    }
}

/// Minimises f from `x` on, and leaves in `x` the best that it found (Nocedal and Wright 2006, Numerical Optimization,
/// algorithm 7.5). `f(x, g)` returns the value at x and writes all of the gradient into g.
///
/// ```text
/// d = −H·g                             H ≈ the inverse of the Hessian, by the last m steps and changes of the gradient
/// x ← x + α·d                          α by the strong Wolfe conditions
/// ```
///
/// Where f is NaN or infinite, a step is too long: so f may refuse what lies outside its domain.
///
/// ```
/// use glassbox_nn::optim::{LbfgsOptions, lbfgs};
/// // Rosenbrock's valley, (1 − a)² + 100·(b − a²)², whose minimum is at (1, 1).
/// let rosenbrock = |x: &[f64], g: &mut [f64]| {
///     let (a, b) = (x[0], x[1]);
///     g[0] = -2.0 * (1.0 - a) - 400.0 * a * (b - a * a);
///     g[1] = 200.0 * (b - a * a);
///     (1.0 - a).powi(2) + 100.0 * (b - a * a).powi(2)
/// };
/// let mut x = [-1.2, 1.0];
/// let outcome = lbfgs(rosenbrock, &mut x, &LbfgsOptions::default());
/// assert!(outcome.converged());
/// assert!((x[0] - 1.0).abs() < 1e-7 && (x[1] - 1.0).abs() < 1e-7);
/// ```
///
/// # Panics
/// If the memory is 0.
#[track_caller]
pub fn lbfgs(mut f: impl FnMut(&[f64], &mut [f64]) -> f64, x: &mut [f64], options: &LbfgsOptions) -> LbfgsOutcome {
    assert!(options.memory > 0, "lbfgs: a memory of 0 steps; it takes 1 at least, and 5 to 20 are usual");
    let mut evaluations = 0;
    let mut evaluate = |x: Vec<f64>| {
        evaluations += 1;
        let mut g = vec![0.0; x.len()];
        Point { value: f(&x, &mut g), x, g }
    };
    let mut here = evaluate(x.to_vec());
    let mut memory = Memory { steps: VecDeque::new(), most: options.memory };
    let mut iterations = 0;
    let stop = loop {
        if !here.is_finite() {
            break LbfgsStop::NotFinite;
        }
        if largest(&here.g) <= options.gradient {
            break LbfgsStop::Gradient;
        }
        if iterations == options.iterations {
            break LbfgsStop::Iterations;
        }
        // Newton's step has length 1; the first is along the gradient, of length at most 1.
        let total: f64 = here.g.iter().map(|g| g.abs()).sum();
        let alpha = if memory.steps.is_empty() { (1.0 / total).min(1.0) } else { 1.0 };
        let enough = |value: f64| options.decrease * value.abs().max(1.0);
        let Some(next) = strong_wolfe(&mut evaluate, &here, &memory.direction(&here.g), alpha) else {
            if !memory.steps.is_empty() {
                memory.steps.clear(); // what it remembers misleads: once more along the gradient
                continue;
            }
            let promised = alpha * dot(&here.g, &here.g);
            break if promised <= enough(here.value) { LbfgsStop::Decrease } else { LbfgsStop::NoDescent };
        };
        iterations += 1;
        memory.push(difference(&next.x, &here.x), difference(&next.g, &here.g));
        let decrease = here.value - next.value;
        here = next;
        if decrease <= enough(here.value) && largest(&here.g) > options.gradient {
            break LbfgsStop::Decrease;
        }
    };
    x.copy_from_slice(&here.x);
    LbfgsOutcome { value: here.value, gradient: largest(&here.g), iterations, evaluations, stop }
}

/// The last steps s and the changes y of the gradient along them, the newest last.
struct Memory {
    steps: VecDeque<Step>,
    most: usize,
}

struct Step {
    s: Vec<f64>,
    y: Vec<f64>,
    /// 1 / (y·s)
    rho: f64,
}

impl Memory {
    /// Remembers a step, unless f has no positive curvature along it, which would make H indefinite.
    fn push(&mut self, s: Vec<f64>, y: Vec<f64>) {
        let (curvature, square) = (dot(&y, &s), dot(&y, &y));
        if curvature > f64::EPSILON * square {
            if self.steps.len() == self.most {
                self.steps.pop_front();
            }
            self.steps.push_back(Step { s, y, rho: 1.0 / curvature });
        }
    }

    /// −H·g by the two loops of algorithm 7.4, with H₀ = (s·y)/(y·y) of the last step (equation 7.20).
    fn direction(&self, g: &[f64]) -> Vec<f64> {
        let mut q: Vec<f64> = g.iter().map(|g| -g).collect();
        let mut alphas = Vec::with_capacity(self.steps.len());
        for Step { s, y, rho } in self.steps.iter().rev() {
            let alpha = rho * dot(s, &q);
            add(&mut q, -alpha, y);
            alphas.push(alpha);
        }
        if let Some(Step { y, rho, .. }) = self.steps.back() {
            let gamma = 1.0 / (rho * dot(y, y));
            q.iter_mut().for_each(|q| *q *= gamma);
        }
        for (Step { s, y, rho }, alpha) in self.steps.iter().zip(alphas.into_iter().rev()) {
            let beta = rho * dot(y, &q);
            add(&mut q, alpha - beta, s);
        }
        q
    }
}

/// x ← x + a·y
fn add(x: &mut [f64], a: f64, y: &[f64]) {
    x.iter_mut().zip(y).for_each(|(x, y)| *x += a * y);
}

fn difference(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

/// max |xᵢ|
fn largest(x: &[f64]) -> f64 {
    x.iter().fold(0.0, |largest, x| x.abs().max(largest))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// H ← (I − ρ·s·yᵀ)·H·(I − ρ·y·sᵀ) + ρ·s·sᵀ (equation 6.17), with a whole matrix.
    fn bfgs_update(h: &[Vec<f64>], s: &[f64], y: &[f64]) -> Vec<Vec<f64>> {
        let n = s.len();
        let rho = 1.0 / dot(s, y);
        let eye = |i: usize, j: usize| f64::from(u8::from(i == j));
        let v = |i: usize, j: usize| eye(i, j) - rho * s[i] * y[j];
        let entry = |i: usize, j: usize| {
            let sum: f64 =
                (0..n).flat_map(|k| (0..n).map(move |l| (k, l))).map(|(k, l)| v(i, k) * h[k][l] * v(j, l)).sum();
            sum + rho * s[i] * s[j]
        };
        (0..n).map(|i| (0..n).map(|j| entry(i, j)).collect()).collect()
    }

    #[test]
    fn the_two_loops_are_the_product_with_the_bfgs_matrix() {
        let steps = [
            (vec![0.5, -1.0, 0.25], vec![1.0, -2.5, 0.5]),
            (vec![-0.3, 0.2, 1.0], vec![-0.1, 0.9, 3.0]),
            (vec![1.0, 0.1, -0.4], vec![2.0, 0.3, -0.2]),
        ];
        let g = [0.7, -0.2, 1.1];
        for most in [1, 2, 3, 5] {
            let mut memory = Memory { steps: VecDeque::new(), most };
            steps.iter().for_each(|(s, y)| memory.push(s.clone(), y.clone()));
            let (s, y) = &steps[2];
            let gamma = dot(s, y) / dot(y, y);
            let mut h: Vec<Vec<f64>> =
                (0..3).map(|i| (0..3).map(|j| if i == j { gamma } else { 0.0 }).collect()).collect();
            for (s, y) in &steps[3usize.saturating_sub(most)..] {
                h = bfgs_update(&h, s, y);
            }
            for (found, row) in memory.direction(&g).iter().zip(&h) {
                assert!((found + dot(row, &g)).abs() < 1e-12, "memory of {most}: {found} and {}", -dot(row, &g));
            }
        }
    }

    #[test]
    fn a_step_without_curvature_is_not_remembered() {
        let mut memory = Memory { steps: VecDeque::new(), most: 3 };
        memory.push(vec![1.0, 0.0], vec![0.0, 1.0]);
        memory.push(vec![1.0, 0.0], vec![-1.0, 0.0]);
        assert!(memory.steps.is_empty());
        assert_eq!(memory.direction(&[2.0, -3.0]), [-2.0, 3.0]);
    }
}
