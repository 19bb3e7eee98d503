//! Sliced Wasserstein distance: how far points have to be carried, seen along random directions.

use crate::points::Points;
use glassbox_tensor::Tensor;
use glassbox_tensor::random::Key;

/// The sliced 2-Wasserstein distance between the points `x` (N, D) and `y` (M, D), over random directions θ of length 1:
///
/// ```text
/// SW² = mean over θ of W²(θ·x, θ·y)
/// W²  = ∫₀¹ (F⁻¹(t) − G⁻¹(t))² dt        on a line: carry the t-th smallest to the t-th smallest
/// ```
///
/// In D dimensions the best way to carry N points is expensive to find; on a line it is to sort both. F⁻¹ and G⁻¹ are steps of
/// 1/N and 1/M, so the integral is a finite sum, exact for any N and M.
///
/// Two clouds of one shape that lie v apart are at |v|/√D, since E[(θ·v)²] = |v|²/D; N(0, σ²I) and N(0, τ²I) at |σ − τ|. The
/// directions are those of `directions` draws from N(0, I) by `key`: with few of them, these are true up to their scatter.
///
/// Source: Rabin et al. 2012, Wasserstein Barycenter and Its Application to Texture Mixing; Bonneel et al. 2015, Sliced and Radon
/// Wasserstein Barycenters of Measures.
///
/// ```
/// use glassbox_measure::sliced_wasserstein;
/// use glassbox_tensor::{random::Key, tensor};
/// // In one dimension there is one direction: 0 goes to 3, 1 goes to 5; (3² + 4²) / 2
/// let distance = sliced_wasserstein(&tensor![[1.], [0.]], &tensor![[3.], [5.]], 4, Key::new(0));
/// assert!((distance - 12.5f64.sqrt()).abs() < 1e-6);
/// ```
///
/// # Panics
/// If they are not (N, D) and (M, D), or there is no direction.
#[track_caller]
pub fn sliced_wasserstein(x: &Tensor, y: &Tensor, directions: usize, key: Key) -> f64 {
    let (n, m) = Points::pair("sliced_wasserstein", x, y);
    let (n, m, d) = (n.n(), m.n(), n.d());
    assert!(directions > 0, "sliced_wasserstein: no directions; 1 is the least, and 256 are usual");
    let theta = Tensor::randn([directions, d], key);
    let theta = &theta / &(&theta * &theta).sum(&[1], true).sqrt(); // (P, D), each row of length 1
    let sorted = |points: &Tensor, n: usize| -> Vec<Vec<f32>> {
        let along = theta.matmul(&points.t()).to_vec(); // (P, D) × (D, N) -> (P, N)
        let sort = |row: &[f32]| {
            let mut row = row.to_vec();
            row.sort_unstable_by(f32::total_cmp);
            row
        };
        along.chunks(n).map(sort).collect()
    };
    let squares = sorted(x, n).iter().zip(&sorted(y, m)).map(|(a, b)| wasserstein_squared(a, b)).sum::<f64>();
    (squares / directions as f64).sqrt()
}

/// ∫₀¹ (F⁻¹(t) − G⁻¹(t))² dt for the sorted points `a` (N) and `b` (M).
fn wasserstein_squared(a: &[f32], b: &[f32]) -> f64 {
    let (n, m) = (a.len(), b.len());
    let (mut i, mut j, mut from, mut sum) = (0, 0, 0, 0.0); // t counted in steps of 1/(N·M)
    while i < n && j < m {
        let to = ((i + 1) * m).min((j + 1) * n); // the next step of either
        sum += (to - from) as f64 * (f64::from(a[i]) - f64::from(b[j])).powi(2);
        i += usize::from(to == (i + 1) * m);
        j += usize::from(to == (j + 1) * n);
        from = to;
    }
    sum / (n * m) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_a_line_steps_of_different_width_are_integrated_exactly() {
        // F⁻¹ is 0 up to ½ and 6 beyond; G⁻¹ is 0, 3, 6 on thirds. They differ by 3 on [⅓, ½] and on [½, ⅔].
        assert!((wasserstein_squared(&[0., 6.], &[0., 3., 6.]) - 9.0 / 3.0).abs() < 1e-12);
        assert_eq!(wasserstein_squared(&[1., 2.], &[1., 1., 2., 2.]), 0.0);
        assert_eq!(wasserstein_squared(&[1.], &[4.]), 9.0);
    }

    #[test]
    fn a_shift_by_v_is_the_length_of_v_over_the_root_of_the_dimensions() {
        let d = 16;
        let x = Tensor::randn([100, d], Key::new(0));
        let v = Tensor::randn([d], Key::new(1));
        let length = f64::from((&v * &v).sum_all().item()).sqrt();
        let distance = sliced_wasserstein(&x, &(&x + &v), 4096, Key::new(2));
        // (θ·v)²/|v|² has mean 1/D and a variance below 2/D²: 4 of its standard errors over 4096 directions, halved by the root
        let expected = length / 4.0;
        assert!((distance / expected - 1.0).abs() < 4.0 * 0.5 * (2.0f64 / 4096.0).sqrt(), "{distance} ≠ {expected}");
    }

    #[test]
    fn gaussians_of_different_width_are_the_difference_of_their_widths_apart() {
        let (x, y) = (Tensor::randn([20_000, 3], Key::new(3)), 2.5 * &Tensor::randn([10_000, 3], Key::new(4)));
        let distance = sliced_wasserstein(&x, &y, 32, Key::new(5));
        assert!((distance - 1.5).abs() < 0.03, "{distance}"); // σ/√2N ≈ 0.018 for the wider one
    }

    #[test]
    fn the_same_key_gives_the_same_directions_and_order_does_not_count() {
        let x = Tensor::randn([50, 4], Key::new(6));
        let y = x.flip(&[0]);
        assert_eq!(sliced_wasserstein(&x, &y, 8, Key::new(7)), 0.0);
        let z = Tensor::randn([60, 4], Key::new(8));
        let there = sliced_wasserstein(&x, &z, 8, Key::new(7));
        assert_eq!(there, sliced_wasserstein(&x, &z, 8, Key::new(7)));
        assert!((there - sliced_wasserstein(&z, &x, 8, Key::new(7))).abs() < 1e-12);
    }
}
