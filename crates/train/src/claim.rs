//! What the book states in numbers, so that a program can measure it again: `glassbox repro`.

use crate::experiment::Preset;

/// A result: which runs it comes from, and the numbers that came out. A family names its own in a list beside its presets.
#[derive(Debug)]
pub struct Claim {
    /// The name on the command line.
    pub name: &'static str,
    /// What is shown by it, in a few words.
    pub what: &'static str,
    /// What is trained.
    pub preset: &'static Preset,
    /// What is set, each as `--set` takes it.
    pub settings: &'static [&'static str],
    /// The seeds, one run each.
    pub seeds: &'static [u64],
    /// How many held-out examples each number is a mean over.
    pub n: u64,
    /// How long it takes.
    pub pace: Pace,
    /// Whether 2,000 samples are judged besides.
    pub judged: bool,
    /// The numbers.
    pub numbers: &'static [Number],
}

/// How long a result takes to be measured again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Minutes.
    Slow,
    /// Seconds, so that every change can be held to it.
    Fast,
    /// Seconds, because the schedule is shorter than the preset's. Its numbers are those of that schedule and of no other.
    Shortened,
}

/// A number of a [`Claim`]: what it was when it was stated, beside what others found, and how far it may be off.
///
/// With a peer, the claim is that ours is the peer's: the mean over the seeds must be near the peer's mean. Without one, it is
/// that ours stays what it was.
///
/// ```
/// use glassbox_train::Number;
/// static LOSS: Number = Number::of("loss", &[10.0, 11.0, 12.0]).peer(&[11.0, 12.0, 13.0]);
/// assert_eq!((LOSS.target(), LOSS.tolerance()), (12.0, 3.0)); // both have a standard deviation of 1
/// assert!(LOSS.holds(&[9.5, 10.0, 10.5]) && !LOSS.holds(&[8.0, 8.9, 9.5]));
/// ```
#[derive(Debug)]
pub struct Number {
    /// What the evaluation, or the judge, calls it.
    pub metric: &'static str,
    /// What it was when it was stated, in the order of the seeds.
    pub ours: &'static [f64],
    /// What a peer found, each seed's; most often PyTorch with the same model and data.
    pub peer: &'static [f64],
    /// A published number. It is shown and not compared with, for no paper has these data.
    pub paper: Option<Paper>,
    /// A tolerance that doesn't come from the spread over seeds, with the reason.
    pub given: Option<(f64, &'static str)>,
}

/// A published number.
#[derive(Debug, Clone, Copy)]
pub struct Paper {
    /// The number.
    pub value: f64,
    /// Where it stands, and what differs there.
    pub source: &'static str,
}

/// Standard deviations of the seeds that a mean may be off.
const DEVIATIONS: f64 = 3.0;

impl Number {
    /// A number with what it was when it was stated.
    pub const fn of(metric: &'static str, ours: &'static [f64]) -> Number {
        Number { metric, ours, peer: &[], paper: None, given: None }
    }

    /// With what a peer found.
    #[must_use]
    pub const fn peer(self, peer: &'static [f64]) -> Number {
        Number { peer, ..self }
    }

    /// With a published number.
    #[must_use]
    pub const fn paper(self, value: f64, source: &'static str) -> Number {
        Number { paper: Some(Paper { value, source }), ..self }
    }

    /// With a tolerance that doesn't come from the spread, for a reason.
    #[must_use]
    pub const fn within(self, tolerance: f64, reason: &'static str) -> Number {
        Number { given: Some((tolerance, reason)), ..self }
    }

    /// What the mean over the seeds is held against: the peer's mean, or what ours was.
    pub fn target(&self) -> f64 {
        mean(if self.peer.is_empty() { self.ours } else { self.peer })
    }

    /// How far the mean over the seeds may be from the target: 3 standard deviations of one seed, pooled over ours and the
    /// peer's, √((s₁² + s₂²)/2), unless another is given. NaN, which nothing is within, if there is no spread to take it from.
    pub fn tolerance(&self) -> f64 {
        if let Some((tolerance, _)) = self.given {
            return tolerance;
        }
        let spreads: Vec<f64> = [self.ours, self.peer].into_iter().filter(|v| v.len() > 1).map(deviation).collect();
        DEVIATIONS * (spreads.iter().map(|s| s * s).sum::<f64>() / spreads.len() as f64).sqrt()
    }

    /// Whether these values, one for each seed, bear the claim out.
    pub fn holds(&self, measured: &[f64]) -> bool {
        // Not the last bits: a mean of equal numbers may be off by one rounding.
        (mean(measured) - self.target()).abs() <= self.tolerance() + 1e-12 * self.target().abs()
    }
}

/// The mean.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The standard deviation of one value, √(Σ (x − x̄)² / (n − 1)); NaN for fewer than two.
pub fn deviation(values: &[f64]) -> f64 {
    let centre = mean(values);
    let squares = values.iter().map(|x| (x - centre).powi(2)).sum::<f64>();
    if values.len() < 2 { f64::NAN } else { (squares / (values.len() - 1) as f64).sqrt() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deviation_is_that_of_a_sample() {
        // 2, 4, 4, 4, 5, 5, 7, 9: the mean is 5, the squares add up to 32
        let values = [2., 4., 4., 4., 5., 5., 7., 9.];
        assert_eq!((mean(&values), deviation(&values)), (5.0, (32.0f64 / 7.0).sqrt()));
        assert!(deviation(&[3.0]).is_nan());
    }

    #[test]
    fn without_a_peer_a_number_is_held_to_what_it_was() {
        let number = Number::of("loss", &[1.0, 2.0, 3.0]);
        assert_eq!((number.target(), number.tolerance()), (2.0, 3.0));
        assert!(number.holds(&[5.0]) && !number.holds(&[5.1]) && !number.holds(&[f64::NAN]));
    }

    #[test]
    fn a_tolerance_that_is_given_counts_and_without_any_nothing_holds() {
        let single = Number::of("loss", &[1.0]);
        assert!(!single.holds(&[1.0]), "one seed says nothing about the spread");
        assert!(Number::of("loss", &[1.0]).within(0.5, "for a reason").holds(&[1.5]));
    }

    #[test]
    fn the_spread_is_pooled_over_both() {
        let number = Number::of("loss", &[0.0, 0.0]).peer(&[-1.0, 1.0]); // variances 0 and 2
        assert_eq!((number.target(), number.tolerance()), (0.0, 3.0));
    }
}
