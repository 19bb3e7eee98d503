//! Precision and recall: how much of what a model makes is real, and how much of what is real it can make.

use crate::points::{Points, squared_distance};
use glassbox_tensor::Tensor;

/// What [`precision_recall`] gives, both in 0..1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PrecisionRecall {
    /// The share of the generated points that lie where real ones are: fidelity.
    pub precision: f64,
    /// The share of the real points that lie where generated ones are: variety.
    pub recall: f64,
}

/// Precision and recall of the `generated` (M, D) points against the `real` (N, D) ones.
///
/// A set Φ is said to cover the balls around its points that reach to each one's k-th neighbour in Φ:
///
/// ```text
/// f(φ, Φ) = 1 if |φ − φ'| ≤ |φ' − NN_k(φ', Φ)| for a φ' in Φ, else 0
/// precision = mean of f(g, real) over the generated g
/// recall    = mean of f(r, generated) over the real r
/// ```
///
/// Blurred pictures of all kinds have low precision and some recall; a model that always makes the same good picture has
/// precision 1 and next to no recall. The Fréchet distance can't tell one from the other.
///
/// A real point far from all others has a large ball, and whatever falls into it counts as real: noise, which a classifier may
/// see as one odd thing, can have a high precision (Naeem et al. 2020, Reliable Fidelity and Diversity Metrics). Its recall is 0.
///
/// Even two halves of one data set fall short of 1: with few points the balls don't cover everything. So the numbers compare
/// at equal N, M and k. A point with a NaN is covered by nothing.
///
/// Source: Kynkäänniemi et al. 2019, Improved Precision and Recall Metric for Assessing Generative Models, with k = 3.
///
/// ```
/// use glassbox_measure::precision_recall;
/// use glassbox_tensor::{Tensor, random::Key};
/// let cloud = |at: f32, key| &(0.1 * &Tensor::randn([50, 2], Key::new(key))) + &Tensor::full([2], at);
/// let both = Tensor::cat(&[&cloud(0.0, 0), &cloud(9.0, 1)], 0);
/// let one = both.narrow(0, 0, 50);
/// let found = precision_recall(&both, &one, 3); // all that it makes is real, but it makes only one half
/// assert_eq!((found.precision, found.recall), (1.0, 0.5));
/// ```
///
/// # Panics
/// If they are not (N, D) and (M, D), or a set has no k-th neighbours: k must be at least 1, and below N and M.
#[track_caller]
pub fn precision_recall(real: &Tensor, generated: &Tensor, k: usize) -> PrecisionRecall {
    let (real, generated) = Points::pair("precision_recall", real, generated);
    let (n, m) = (real.n(), generated.n());
    assert!(k > 0 && k < n.min(m), "precision_recall: k is {k} with {n} and {m} points; use 1 to {}", n.min(m) - 1);
    let (reach_of_real, reach_of_generated) = (reaches(&real, k), reaches(&generated, k));
    let (mut is_real, mut is_made) = (vec![false; m], vec![false; n]);
    for (i, r) in real.rows().enumerate() {
        for (j, g) in generated.rows().enumerate() {
            let distance = squared_distance(r, g);
            is_real[j] |= distance <= reach_of_real[i];
            is_made[i] |= distance <= reach_of_generated[j];
        }
    }
    let share = |covered: &[bool]| covered.iter().filter(|&&c| c).count() as f64 / covered.len() as f64;
    PrecisionRecall { precision: share(&is_real), recall: share(&is_made) }
}

/// The squared distance of each point to its k-th neighbour among the others.
fn reaches(points: &Points, k: usize) -> Vec<f64> {
    let reach = |(i, p): (usize, &[f64])| {
        let others = points.rows().enumerate().filter(|&(j, _)| j != i);
        let mut distances: Vec<f64> = others.map(|(_, q)| squared_distance(p, q)).collect();
        *distances.select_nth_unstable_by(k - 1, f64::total_cmp).1 // NaN is farthest
    };
    points.rows().enumerate().map(reach).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use glassbox_tensor::random::Key;

    fn line(points: &[f32]) -> Tensor {
        Tensor::from_vec(points.to_vec(), [points.len(), 1])
    }

    fn both(real: &Tensor, generated: &Tensor, k: usize) -> (f64, f64) {
        let PrecisionRecall { precision, recall } = precision_recall(real, generated, k);
        (precision, recall)
    }

    #[test]
    fn disjoint_supports_have_neither_and_equal_sets_have_both() {
        let x = Tensor::randn([60, 3], Key::new(0));
        let away = &x + &Tensor::full([3], 100.0);
        assert_eq!(both(&x, &away, 3), (0.0, 0.0));
        assert_eq!(both(&x, &x, 3), (1.0, 1.0));
    }

    #[test]
    fn half_of_what_is_made_is_real_and_half_of_what_is_real_is_made() {
        let cloud = |at: f32, key: u64| &(0.1 * &Tensor::randn([40, 2], Key::new(key))) + &Tensor::full([2], at);
        let (a, b, c) = (cloud(0.0, 0), cloud(10.0, 1), cloud(20.0, 2));
        assert_eq!(both(&Tensor::cat(&[&a, &b], 0), &Tensor::cat(&[&b, &c], 0), 3), (0.5, 0.5));
    }

    /// Real at 0, 1, 2, 3: with k = 1 all reach 1, so they cover [−1, 4]; with k = 2 the outer ones reach 2: [−2, 5].
    #[test]
    fn a_ball_reaches_to_the_kth_neighbour_and_its_border_belongs_to_it() {
        let real = line(&[0., 1., 2., 3.]);
        let generated = line(&[-1., -1.25, 4., 4.25]); // with k = 1 each reaches ¼ and covers no real one
        assert_eq!(both(&real, &generated, 1), (0.5, 0.0));
        // with k = 2 all four are covered; −1 and −1.25 reach 5 and 5.25, so all of real is
        assert_eq!(both(&real, &generated, 2), (1.0, 1.0));
    }

    /// For points on a line the covered set is a union of intervals; 1000 uniform ones cover their own interval and little more.
    #[test]
    fn a_uniform_distribution_of_half_the_width_has_precision_1_and_recall_one_half() {
        let real = Tensor::rand([1000, 1], Key::new(5));
        let generated = 0.5 * &Tensor::rand([1000, 1], Key::new(6));
        let (precision, recall) = both(&real, &generated, 3);
        assert!(precision > 0.98, "{precision}");
        // k = 3 covers all but a few per mille inside; a binomial share of 1000 scatters by 0.016
        assert!((recall - 0.5).abs() < 0.05, "{recall}");
    }

    #[test]
    #[should_panic(expected = "precision_recall: k is 3 with 3 and 9 points; use 1 to 2")]
    fn a_set_without_kth_neighbours_is_refused() {
        precision_recall(&Tensor::zeros([3, 2]), &Tensor::zeros([9, 2]), 3);
    }
}
