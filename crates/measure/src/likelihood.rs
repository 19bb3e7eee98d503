//! Tables of likelihoods: what held-out examples cost under each model, in nats and in bits.

use crate::Estimate;
use std::f64::consts::LN_2;

/// What a model that has a likelihood is known to reach on held-out examples.
///
/// ```
/// use glassbox_measure::{Estimate, Likelihood};
/// // A coin for each of 784 pixels costs a bit for each
/// let nats = Estimate { value: 784.0 * 2f64.ln(), standard_error: 0.0 };
/// let coins = Likelihood { model: "coins".into(), nats, dimensions: 784, bound: false };
/// assert!((coins.bits_per_dimension().value - 1.0).abs() < 1e-12);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Likelihood {
    /// The model's name.
    pub model: String,
    /// The mean of −ln p(x) over the examples.
    pub nats: Estimate,
    /// The numbers of an example, D.
    pub dimensions: usize,
    /// Whether the nats are an upper bound, as an ELBO's are, and not −ln p(x) itself.
    pub bound: bool,
}

impl Likelihood {
    /// From the nats of each example, −ln p(x) (or its bound): their mean and its standard error over the examples.
    ///
    /// ```
    /// use glassbox_measure::Likelihood;
    /// let exact = Likelihood::of("flow", &[90.0, 110.0], 784, false);
    /// assert_eq!((exact.nats.value, exact.nats.standard_error), (100.0, 10.0));
    /// ```
    ///
    /// # Panics
    /// If there are fewer than two examples.
    #[track_caller]
    pub fn of(model: &str, nats: &[f64], dimensions: usize, bound: bool) -> Likelihood {
        Likelihood { model: model.to_string(), nats: Estimate::mean(nats), dimensions, bound }
    }

    /// nats / (D · ln 2).
    ///
    /// It compares models of one kind of data only. Of values that are cut to 256 steps, p is a probability and the bits are
    /// those that a lossless coder needs; of binary pixels likewise, with at most 1; a density of real numbers has neither
    /// bound, and depends on the unit.
    pub fn bits_per_dimension(&self) -> Estimate {
        self.nats.times(1.0 / (self.dimensions as f64 * LN_2))
    }
}

/// The likelihoods as a table in Markdown, in the order given.
///
/// ```
/// use glassbox_measure::{Likelihood, likelihood_table};
/// let rows = [Likelihood::of("flow", &[90.0, 110.0], 784, false), Likelihood::of("vae", &[95.0, 96.0], 784, true)];
/// assert_eq!(likelihood_table(&rows), "\
/// | model | −ln p(x), nats | bits per dimension |
/// | --- | ---: | ---: |
/// | flow | 100.00 ± 10.00 | 0.1840 ± 0.0184 |
/// | vae | ≤ 95.50 ± 0.50 | ≤ 0.1757 ± 0.0009 |
/// ");
/// ```
pub fn likelihood_table(rows: &[Likelihood]) -> String {
    let mut table = "| model | −ln p(x), nats | bits per dimension |\n| --- | ---: | ---: |\n".to_string();
    for row in rows {
        let sign = if row.bound { "≤ " } else { "" };
        let (model, nats, bits) = (row.model.replace('|', "\\|"), row.nats, row.bits_per_dimension());
        table += &format!("| {model} | {sign}{nats:.2} | {sign}{bits:.4} |\n");
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use glassbox_tensor::Tensor;
    use glassbox_tensor::random::Key;

    #[test]
    fn draws_from_a_gaussian_cost_its_entropy() {
        // −ln p(x) = ½ ln(2πσ²) + x²/2σ², whose mean is the entropy ½ ln(2πeσ²) and whose variance is ½
        let sigma = 0.7f64;
        let half_log = 0.5 * (std::f64::consts::TAU * sigma * sigma).ln();
        let draws = Tensor::randn([20_000], Key::new(0)).to_vec(); // x/σ
        let nats: Vec<f64> = draws.iter().map(|&x| half_log + 0.5 * f64::from(x).powi(2)).collect();
        let row = Likelihood::of("gaussian", &nats, 1, false);
        assert!((row.nats.value - half_log - 0.5).abs() < 4.0 * row.nats.standard_error);
        assert!((row.nats.standard_error / (0.5f64 / 20_000.0).sqrt() - 1.0).abs() < 0.05);
        assert!((row.bits_per_dimension().value - row.nats.value / 2f64.ln()).abs() < 1e-12);
    }

    #[test]
    fn a_name_with_a_bar_stays_in_its_column() {
        let row = Likelihood::of("p(x|z)", &[1.0, 1.0], 2, true);
        assert!(likelihood_table(&[row]).ends_with("| p(x\\|z) | ≤ 1.00 ± 0.00 | ≤ 0.7213 ± 0.0000 |\n"));
    }
}
