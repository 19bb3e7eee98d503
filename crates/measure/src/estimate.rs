//! A number with what it may be off.

use glassbox_tensor::counted;
use std::fmt;

/// An estimate from a sample, with its standard error: what the estimate would scatter by over new samples of that size.
///
/// ```
/// use glassbox_measure::Estimate;
/// let mean = Estimate::mean(&[1.0, 2.0, 3.0, 4.0]);
/// assert_eq!(mean.value, 2.5);
/// assert!((mean.standard_error - (5.0f64 / 3.0).sqrt() / 2.0).abs() < 1e-12); // s / √n
/// assert_eq!(format!("{mean:.2}"), "2.50 ± 0.65");
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The number.
    pub value: f64,
    /// The standard deviation of the number over samples.
    pub standard_error: f64,
}

impl Estimate {
    /// The mean of independent values, x̄, with its standard error s/√n, s² = Σ (x − x̄)² / (n − 1).
    ///
    /// # Panics
    /// If there are fewer than two: one value does not say how much it scatters.
    #[track_caller]
    pub fn mean(values: &[f64]) -> Estimate {
        let n = values.len() as f64;
        assert!(values.len() >= 2, "Estimate::mean: {n}; a standard error takes at least 2", n = counted(n, "value"));
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
        Estimate { value: mean, standard_error: (variance / n).sqrt() }
    }

    /// The same in another unit: both numbers times `factor`, which is positive.
    ///
    /// ```
    /// use glassbox_measure::Estimate;
    /// let nats = Estimate { value: 7.0, standard_error: 0.5 };
    /// assert_eq!(nats.times(2.0), Estimate { value: 14.0, standard_error: 1.0 });
    /// ```
    pub fn times(self, factor: f64) -> Estimate {
        Estimate { value: self.value * factor, standard_error: self.standard_error * factor }
    }
}

impl fmt::Display for Estimate {
    /// As `2.50 ± 0.65`, both to the precision that was asked for, or to 3 digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = f.precision().unwrap_or(3);
        write!(f, "{:.digits$} ± {:.digits$}", self.value, self.standard_error)
    }
}
