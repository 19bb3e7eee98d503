//! The numbers against the closed forms of their distributions: distribution function, moments, tails.

use super::{correlation, filled};
use crate::random::{Key, gumbel_fill, logistic_fill, normal_fill, uniform_fill};

const N: usize = 1 << 18;

/// Kolmogorov's and Smirnov's statistic √n · sup |share of the sample ≤ x − F(x)|. Above 1.95 with probability 0.001.
fn kolmogorov_smirnov(mut x: Vec<f32>, distribution: impl Fn(f64) -> f64) -> f64 {
    x.sort_unstable_by(f32::total_cmp);
    let n = x.len() as f64;
    let distance = |(i, &x): (usize, &f32)| {
        let f = distribution(f64::from(x));
        (f - i as f64 / n).max((i + 1) as f64 / n - f)
    };
    n.sqrt() * x.iter().enumerate().map(distance).fold(0.0, f64::max)
}

/// E[(x − mean)^k].
fn moment(x: &[f32], k: i32, mean: f64) -> f64 {
    x.iter().map(|&x| (f64::from(x) - mean).powi(k)).sum::<f64>() / x.len() as f64
}

/// Φ(x) = ½ + φ(x) (x + x³/3 + x⁵/(3·5) + …), all of one sign, so nothing cancels (Marsaglia 2004).
fn normal_cdf(x: f64) -> f64 {
    let (mut sum, mut term) = (x, x);
    for k in 1..200 {
        term *= x * x / f64::from(2 * k + 1);
        sum += term;
    }
    0.5 + sum * (-0.5 * x * x).exp() / std::f64::consts::TAU.sqrt()
}

#[test]
fn every_fill_has_its_distribution_function() {
    type Case = (&'static str, fn(Key, &mut [f32]), fn(f64) -> f64);
    let cases: [Case; 4] = [
        ("uniform", uniform_fill, |x| x),
        ("normal", normal_fill, normal_cdf),
        ("gumbel", gumbel_fill, |x| (-(-x).exp()).exp()),
        ("logistic", logistic_fill, |x| 1.0 / (1.0 + (-x).exp())),
    ];
    for (name, fill, distribution) in cases {
        let statistic = kolmogorov_smirnov(filled(fill, Key::new(77), N), distribution);
        assert!(statistic < 1.95, "{name}: {statistic}");
        // The test has teeth: a shift by a hundredth of a unit is seen.
        let shifted = filled(fill, Key::new(77), N).into_iter().map(|x| x + 0.01).collect();
        assert!(kolmogorov_smirnov(shifted, distribution) > 1.95, "{name} shifted");
    }
}

#[test]
fn normal_moments_are_those_of_the_standard_normal() {
    let z = filled(normal_fill, Key::new(5), N);
    let n = N as f64;
    // (moment, its value, n times the variance of its estimate)
    for (k, value, variance) in [(1, 0.0, 1.0), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0), (6, 15.0, 10_170.0)] {
        let got = moment(&z, k, 0.0);
        assert!((got - value).abs() < 5.0 * f64::sqrt(variance / n), "E[z^{k}] = {got}, not {value}");
    }
}

#[test]
fn gumbel_and_logistic_moments_are_those_of_their_formulas() {
    let pi2 = std::f64::consts::PI.powi(2);
    // name, numbers, mean, variance, fourth central moment
    let cases = [
        ("gumbel", filled(gumbel_fill, Key::new(6), N), 0.577_215_664_901_532_9, pi2 / 6.0, 5.4 * (pi2 / 6.0).powi(2)),
        ("logistic", filled(logistic_fill, Key::new(7), N), 0.0, pi2 / 3.0, 4.2 * (pi2 / 3.0).powi(2)),
    ];
    for (name, x, mean, variance, fourth) in cases {
        let got = moment(&x, 1, 0.0);
        assert!((got - mean).abs() < 5.0 * (variance / N as f64).sqrt(), "{name}: mean {got}");
        let got = moment(&x, 2, mean);
        let error = ((fourth - variance * variance) / N as f64).sqrt();
        assert!((got - variance).abs() < 5.0 * error, "{name}: variance {got}");
    }
}

#[test]
fn the_tails_are_as_heavy_as_they_should_be() {
    let n = 1 << 22;
    // The share of numbers beyond the limit, on both sides or on the one that is heavy.
    let cases = [
        ("normal", filled(normal_fill, Key::new(8), n), 4.0, 2.0 * (1.0 - normal_cdf(4.0))),
        ("gumbel", filled(gumbel_fill, Key::new(8), n), 10.0, 1.0 - (-f64::exp(-10.0)).exp()),
        ("logistic", filled(logistic_fill, Key::new(8), n), 10.0, 2.0 / (1.0 + f64::exp(10.0))),
    ];
    for (name, x, limit, share) in cases {
        let beyond = x.iter().filter(|x| x.abs() > limit).count() as f64;
        let expected = share * n as f64;
        assert!((beyond - expected).abs() < 5.0 * expected.sqrt(), "{name}: {beyond}, not {expected}");
        assert!(x.iter().all(|x| x.is_finite()), "{name}");
    }
}

#[test]
fn the_two_coordinates_of_a_point_are_independent() {
    // Positions p and p + 16 of a tile are one point of Box and Muller's plane: they share a radius.
    let z = filled(normal_fill, Key::new(9), N);
    let squares: Vec<f32> = z.iter().map(|z| z * z).collect();
    let limit = 5.0 / (N as f64).sqrt();
    for lag in [1, 16, 32, 48, 64] {
        let r = correlation(&z[lag..], &z, 0.0, 1.0);
        assert!(r.abs() < limit, "lag {lag}: {r}");
        let r = correlation(&squares[lag..], &squares, 1.0, 2.0);
        assert!(r.abs() < limit, "squares, lag {lag}: {r}");
    }
}

#[test]
fn the_extreme_words_give_finite_numbers() {
    use crate::random::distribution::{Distribution, Gumbel, Logistic, Normal, Uniform};
    use crate::simd::Scalar;
    fn all(d: impl Distribution) -> Vec<f32> {
        let words = [0, 1, -1, i32::MIN, i32::MAX];
        let blocks = words.iter().flat_map(|&u| words.map(|t| [u, t, t, u]));
        blocks.flat_map(|block| d.numbers(Scalar, block)).collect()
    }
    let largest = |x: Vec<f32>| x.into_iter().fold(0.0, |a: f32, b| if b.is_nan() { b } else { a.max(b.abs()) });
    assert_eq!(largest(all(Uniform)), 1.0 - 1.0 / 16_777_216.0);
    assert!((largest(all(Normal)) - 6.66).abs() < 0.01); // √(2 · 32 · ln 2)
    assert!((largest(all(Gumbel)) - 22.18).abs() < 0.01); // 32 ln 2
    assert!((largest(all(Logistic)) - 22.87).abs() < 0.01); // 33 ln 2
}
