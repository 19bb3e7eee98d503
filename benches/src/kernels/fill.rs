//! Random numbers of the normal distribution. There is no right answer, only a right distribution: with n numbers, the distance between
//! theirs and Φ (Kolmogorov's D) is below 3/√n but for 2·e^(−18) of all samples (Massart 1990); from 100 numbers on, their mean is within
//! 6/√n of 0, and the mean of their squares within 6·√(2/n) of 1, six standard deviations each.

use super::Family;
use super::add::{AWKWARD, SIZES};
use super::case::{Case, Run, Verdict, Work};
use glassbox_tensor::Tensor;
use glassbox_tensor::random::{Key, normal_fill};
use glassbox_tensor::testing::ndtr;

/// A source of normal numbers.
pub trait NormalFill: Sync {
    /// What the table calls it.
    fn name(&self) -> &str;
    /// Fills `out` with independent numbers of N(0, 1), the same for the same seed.
    fn fill(&self, seed: u64, out: &mut [f32]);
    /// Whether this machine has the instructions.
    fn runs_here(&self) -> bool {
        true
    }
}

/// Who takes part. Yours is one word more.
pub const CONTESTANTS: &[&dyn NormalFill] = &[&Naive, &Top];

/// The family: \[n\].
pub const FAMILY: Family = Family {
    name: "fill",
    computes: "independent numbers of N(0, 1)",
    axis: "elements",
    timed: SIZES,
    awkward: AWKWARD,
    case: |size| case_of(CONTESTANTS, size),
};

/// Pairs out of two uniform numbers, with the functions of the standard library (Box and Muller 1958).
pub struct Naive;

impl NormalFill for Naive {
    fn name(&self) -> &str {
        "naive"
    }
    fn fill(&self, seed: u64, out: &mut [f32]) {
        let key = Key::new(seed);
        for (at, pair) in (0..).step_by(2).zip(out.chunks_mut(2)) {
            let (u, v) = (1.0 - key.uniform(at), key.uniform(at + 1)); // u is never 0
            let (radius, (sin, cos)) = ((-2.0 * u.ln()).sqrt(), (std::f32::consts::TAU * v).sin_cos());
            pair.iter_mut().zip([radius * cos, radius * sin]).for_each(|(out, z)| *out = z);
        }
    }
}

/// The engine's.
pub struct Top;

impl NormalFill for Top {
    fn name(&self) -> &str {
        "Glassbox"
    }
    fn fill(&self, seed: u64, out: &mut [f32]) {
        normal_fill(Key::new(seed), out);
    }
}

fn distribution(z: &Tensor) -> Verdict {
    let mut z: Vec<f64> = z.to_vec().iter().map(|&z| f64::from(z)).collect();
    if let Some(at) = z.iter().position(|z| !z.is_finite()) {
        return Verdict { share: f64::INFINITY, worst: format!("element {at} is {}", z[at]) };
    }
    let n = z.len() as f64;
    z.sort_by(f64::total_cmp);
    let between = |(i, &z): (usize, &f64)| {
        let below = ndtr(z);
        (below - i as f64 / n).max((i + 1) as f64 / n - below)
    };
    let distance = z.iter().enumerate().map(between).fold(0.0, f64::max);
    let (mean, square) = (z.iter().sum::<f64>() / n, z.iter().map(|z| z * z).sum::<f64>() / n);
    let moments = if n < 100.0 { 0.0 } else { 1.0 };
    let all = [
        (distance / (3.0 / n.sqrt()), format!("Kolmogorov's distance is {distance:.2e}, of {n} numbers")),
        (moments * mean.abs() / (6.0 / n.sqrt()), format!("the mean is {mean:.2e}, of {n} numbers")),
        (
            moments * (square - 1.0).abs() / (6.0 * (2.0 / n).sqrt()),
            format!("the mean square is {square}, of {n} numbers"),
        ),
    ];
    let [first, ..] = &all;
    let (share, worst) = all.iter().fold(first, |a, b| if b.0 > a.0 { b } else { a }).clone();
    Verdict { share, worst }
}

/// A case for these contestants.
pub fn case_of(contestants: &[&'static dyn NormalFill], size: &[usize]) -> Case {
    let &[n] = size else { panic!("a size of fill is [n]") };
    let runs = contestants.iter().filter(|c| c.runs_here());
    let runs = runs.map(|&contestant| Run::new(contestant.name(), move |y| contestant.fill(11, y.make_mut())));
    Case {
        label: n.to_string(),
        at: Some(n as f64),
        work: Work::Bytes(4 * n as u64),
        shape: vec![n],
        runs: runs.collect(),
        check: Box::new(distribution),
    }
}
