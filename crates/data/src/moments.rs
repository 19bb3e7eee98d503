//! Least, largest, mean and spread of numbers.

/// The extremes, the mean and the standard deviation of some finite numbers.
///
/// ```text
/// mean = Σ x / n        std = √(Σ (x − mean)² / n)
/// ```
///
/// Computed in one pass by Welford's recurrence, which doesn't cancel as Σ x² − n·mean² does. Source: B. P. Welford, *Note
/// on a method for calculating corrected sums of squares and products*, Technometrics 4 (1962).
///
/// ```
/// use glassbox_data::Moments;
/// let m: Moments = [1.0, 2.0, 3.0, 6.0].into_iter().collect();
/// assert_eq!((m.n, m.min, m.max, m.mean), (4, 1.0, 6.0, 3.0));
/// assert_eq!(m.std(), 3.5_f64.sqrt()); // (4 + 1 + 0 + 9) / 4
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moments {
    /// How many there are.
    pub n: u64,
    /// The least; +∞ of none.
    pub min: f64,
    /// The largest; −∞ of none.
    pub max: f64,
    /// The mean; 0 of none.
    pub mean: f64,
    squares: f64, // Σ (x − mean)²
}

impl Moments {
    /// Takes in one number more.
    pub fn add(&mut self, x: f64) {
        self.n += 1;
        self.min = self.min.min(x);
        self.max = self.max.max(x);
        let from_old = x - self.mean;
        self.mean += from_old / self.n as f64;
        self.squares += from_old * (x - self.mean);
    }

    /// The standard deviation, of all the numbers and not estimated from a sample; 0 of none.
    pub fn std(&self) -> f64 {
        (self.squares / self.n.max(1) as f64).sqrt()
    }

    /// The root of the mean square, √(Σ x² / n): the loudness of a sound.
    pub fn rms(&self) -> f64 {
        (self.squares / self.n.max(1) as f64 + self.mean * self.mean).sqrt()
    }
}

impl Default for Moments {
    fn default() -> Moments {
        Moments { n: 0, min: f64::INFINITY, max: f64::NEG_INFINITY, mean: 0.0, squares: 0.0 }
    }
}

impl FromIterator<f64> for Moments {
    fn from_iter<I: IntoIterator<Item = f64>>(numbers: I) -> Moments {
        let mut moments = Moments::default();
        numbers.into_iter().for_each(|x| moments.add(x));
        moments
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_mean_does_not_drown_the_spread() {
        // Σ x² − n·mean² would lose all digits here: 1e9 squared has none left for 1/4.
        let m: Moments = (0..1000).map(|i| 1e9 + f64::from(i % 2)).collect();
        assert_eq!((m.mean, m.std()), (1e9 + 0.5, 0.5));
        let sine: Moments = (0..1000).map(|i| (f64::from(i) * std::f64::consts::TAU / 100.0).sin()).collect();
        assert!((sine.rms() - 0.5_f64.sqrt()).abs() < 1e-12, "{}", sine.rms());
    }
}
