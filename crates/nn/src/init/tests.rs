//! Bounds, moments and distributions of the initialisers. A moment may be six standard errors off.

use super::*;

fn f64s(x: &Tensor) -> Vec<f64> {
    x.to_vec().iter().map(|&x| f64::from(x)).collect()
}

/// The mean, and the mean square about 0.
fn moments(x: &[f64]) -> [f64; 2] {
    [x.iter().sum::<f64>() / x.len() as f64, x.iter().map(|x| x * x).sum::<f64>() / x.len() as f64]
}

/// Kolmogorov and Smirnov's distance of the numbers from a distribution function, times √n. Beyond 2.5 lie 7·10⁻⁶ of all
/// samples from it.
fn distance(mut x: Vec<f64>, cdf: impl Fn(f64) -> f64) -> f64 {
    x.sort_by(f64::total_cmp);
    let n = x.len() as f64;
    let at = |(i, x): (usize, &f64)| {
        let (p, i) = (cdf(*x), i as f64);
        (p - i / n).abs().max((p - (i + 1.0) / n).abs())
    };
    x.iter().enumerate().map(at).fold(0.0, f64::max) * n.sqrt()
}

#[test]
fn uniform_initialisers_fill_their_interval_evenly() {
    let (shape, key) = ([400, 784], Key::new(3));
    let relu = Nonlinearity::Relu;
    let cases = [
        ("default_weight", default_weight(shape, 784, key), 1.0 / 28.0), // √784 = 28
        ("default_bias", default_bias([200_000], 100, key), 0.1),
        ("kaiming_uniform, in", kaiming_uniform(shape, Fan::In, relu, key), (6.0f64 / 784.0).sqrt()),
        ("kaiming_uniform, out", kaiming_uniform(shape, Fan::Out, relu, key), (6.0f64 / 400.0).sqrt()),
        ("xavier_uniform", xavier_uniform(shape, 2.0, key), 2.0 * (6.0f64 / 1184.0).sqrt()),
        ("uniform", uniform(shape, 0.3, key), f64::from(0.3f32)),
    ];
    for (name, x, bound) in cases {
        let x = f64s(&x);
        assert!(x.iter().all(|x| x.abs() <= bound * (1.0 + 1e-7)), "{name}");
        let (n, [mean, square]) = (x.len() as f64, moments(&x));
        let variance = bound.powi(2) / 3.0;
        // Standard errors: of the mean √(variance/n), of the mean square bound²·√(4/45)/√n.
        assert!(mean.abs() < 6.0 * (variance / n).sqrt(), "{name}: {mean}");
        assert!((square - variance).abs() < 6.0 * bound.powi(2) * (4.0 / 45.0 / n).sqrt(), "{name}: {square}");
        assert!(distance(x, |x| 0.5 + 0.5 * x / bound) < 2.5, "{name}");
    }
}

#[test]
fn normal_initialisers_have_their_variance() {
    let (shape, key) = ([400, 784], Key::new(4));
    let tanh = Nonlinearity::Tanh;
    let cases = [
        ("normal", normal(shape, 0.02, key), 0.02),
        ("kaiming_normal, in", kaiming_normal(shape, Fan::In, tanh, key), 5.0 / 3.0 / 28.0),
        ("kaiming_normal, out", kaiming_normal(shape, Fan::Out, tanh, key), 5.0 / 3.0 / 20.0),
        ("xavier_normal", xavier_normal(shape, 0.5, key), 0.5 * (2.0f64 / 1184.0).sqrt()),
    ];
    for (name, x, std) in cases {
        let x = f64s(&x);
        let (n, [mean, square]) = (x.len() as f64, moments(&x));
        assert!(mean.abs() < 6.0 * std / n.sqrt(), "{name}: {mean}");
        assert!((square - std * std).abs() < 6.0 * std * std * (2.0 / n).sqrt(), "{name}: {square}");
        assert!(distance(x, |x| glassbox_tensor::testing::ndtr(x / std)) < 2.5, "{name}");
    }
}

/// The truncated distribution function at x by Simpson's rule over the density: nothing of it comes from Φ.
fn truncated_cdf(mean: f64, std: f64, a: f64, b: f64) -> impl Fn(f64) -> f64 {
    let (a, b) = (a.max(mean - 12.0 * std), b.min(mean + 12.0 * std));
    let mass = move |to: f64| {
        let (pieces, density) = (2000, |x: f64| (-0.5 * ((x - mean) / std).powi(2)).exp());
        let h = (to - a) / f64::from(pieces);
        let weight = |i| if i == 0 || i == pieces { 1.0 } else { [2.0, 4.0][i as usize % 2] };
        (0..=pieces).map(|i| weight(i) * density(a + h * f64::from(i))).sum::<f64>() * h / 3.0
    };
    let all = mass(b);
    move |x| mass(x) / all
}

#[test]
fn a_truncated_normal_is_the_normal_between_its_bounds() {
    let cases = [
        (0.0, 1.0, -2.0..2.0),                        // PyTorch's default
        (0.0, 0.02, -0.04..0.04),                     // ViT's weights
        (1.0, 0.5, 0.0..1.25),                        // not symmetric
        (0.0, 1.0, 3.0..4.0),                         // the upper tail alone
        (-1.0, 2.0, -9.0..-7.0),                      // the lower tail alone
        (0.5, 1.0, f32::NEG_INFINITY..0.0),           // one side
        (0.5, 1.0, f32::NEG_INFINITY..f32::INFINITY), // no bound
        (0.0, 1.0, 10.0..11.0),                       // where 1 − Φ is 10⁻²³
    ];
    for (i, (mean, std, bounds)) in cases.into_iter().enumerate() {
        let x = trunc_normal([40, 250], mean, std, bounds.clone(), Key::new(i as u64));
        assert!(x.to_vec().iter().all(|x| (bounds.start..=bounds.end).contains(x)), "{bounds:?}");
        let [mean, std, a, b] = [mean, std, bounds.start, bounds.end].map(f64::from);
        let ks = distance(f64s(&x), truncated_cdf(mean, std, a, b));
        assert!(ks < 2.5, "{bounds:?}: {ks}");
    }
}

/// One uniform number of 2²⁴ is 0, whose quantile would be −∞.
#[test]
fn a_normal_without_bounds_is_finite_where_the_uniform_number_is_zero() {
    let (key, position) = (Key::new(7158), 5160);
    assert_eq!(key.uniform(position as u64), 0.0);
    let x = trunc_normal([position + 1], 0.0, 1.0, f32::NEG_INFINITY..f32::INFINITY, key).at([position]);
    let p = glassbox_tensor::testing::ndtr(f64::from(x));
    assert!((p * f64::from(1 << 25) - 1.0).abs() < 1e-5, "{x}"); // the middle of the first step
}

/// What a test by the distance would be worth if it let everything pass: bounds that are multiples of std, and no truncation.
#[test]
fn the_distance_tells_a_truncated_normal_from_others() {
    let cdf = || truncated_cdf(0.0, 0.5, -0.5, 0.5);
    let key = Key::new(1);
    assert!(distance(f64s(&trunc_normal([10_000], 0.0, 0.5, -0.5..0.5, key)), cdf()) < 2.5);
    assert!(distance(f64s(&trunc_normal([10_000], 0.0, 0.5, -0.25..0.25, key)), cdf()) > 2.5);
    assert!(distance(f64s(&normal([10_000], 0.5, key)), cdf()) > 2.5);
}

#[test]
fn the_orthogonal_initialiser_is_orthogonal() {
    let key = Key::new(5);
    for (shape, gain) in [
        (vec![5, 5], 1.0),
        (vec![3, 37], 1.0),       // wide
        (vec![37, 3], 2.5),       // tall
        (vec![128, 96], 0.1),     // tall
        (vec![8, 3, 3, 3], 1.5),  // (8, 27)
        (vec![16, 1, 2, 3], 1.0), // (16, 6)
        (vec![1, 1], 1.0),
        (vec![3, 0], 1.0),
    ] {
        let w = orthogonal(&shape, gain, key);
        assert_eq!(w.shape(), shape);
        let (rows, columns) = (shape[0], shape[1..].iter().product());
        let m = f64s(&w);
        let (few, at): (usize, Box<dyn Fn(usize, usize) -> f64>) = if rows <= columns {
            (rows, Box::new(|i, k| m[i * columns + k]))
        } else {
            (columns, Box::new(|i, k| m[k * columns + i]))
        };
        for i in 0..few {
            for j in 0..few {
                let product: f64 = (0..rows.max(columns)).map(|k| at(i, k) * at(j, k)).sum();
                let expected = if i == j { f64::from(gain).powi(2) } else { 0.0 };
                assert!((product - expected).abs() < 1e-5 * f64::from(gain).powi(2), "{shape:?}: {i} {j}: {product}");
            }
        }
    }
}

/// Haar's measure on O(n) has E Qᵢⱼ = 0, E Qᵢⱼ² = 1/n, E tr Q = 0 and E (tr Q)² = 1 (Diaconis and Shahshahani 1994). A QR that
/// leaves the sign of R's diagonal as Householder's reflections make it has Q₁₁ < 0 in every draw.
#[test]
fn no_orthogonal_matrix_is_preferred() {
    const N: usize = 3;
    const DRAWS: u64 = 4000;
    let draws: Vec<Vec<f64>> = (0..DRAWS).map(|i| f64s(&orthogonal([N, N], 1.0, Key::new(7).fold(i)))).collect();
    let error = 6.0 / (DRAWS as f64).sqrt();
    for element in 0..N * N {
        let [mean, square] = moments(&draws.iter().map(|q| q[element]).collect::<Vec<_>>());
        assert!(mean.abs() < error * (1.0 / N as f64).sqrt(), "element {element}: {mean}");
        // x² of a coordinate of the sphere has the variance 2(n − 1) / (n²(n + 2)): 4/45
        assert!((square - 1.0 / N as f64).abs() < error * (4.0f64 / 45.0).sqrt(), "element {element}: {square}");
    }
    let trace = draws.iter().map(|q| (0..N).map(|i| q[i * N + i]).sum()).collect::<Vec<f64>>();
    let [mean, square] = moments(&trace);
    assert!(mean.abs() < error, "{mean}");
    assert!((square - 1.0).abs() < error * 2f64.sqrt(), "{square}"); // E (tr Q)⁴ = 3 at most
}

#[test]
fn weight_and_bias_have_the_same_bound() {
    let key = Key::new(9);
    for fan_in in [1, 3, 784] {
        glassbox_tensor::assert_close!(default_weight([64], fan_in, key), default_bias([64], fan_in, key), 1e-6);
    }
}

#[test]
fn a_key_determines_the_values_and_a_position_its_element() {
    type Initialiser = fn([usize; 2], Key) -> Tensor;
    let all: [Initialiser; 8] = [
        |shape, key| default_weight(shape, 4, key),
        |shape, key| default_bias(shape, 4, key),
        |shape, key| normal(shape, 1.0, key),
        |shape, key| trunc_normal(shape, 0.0, 1.0, -2.0..2.0, key),
        |shape, key| kaiming_uniform(shape, Fan::In, Nonlinearity::Relu, key),
        |shape, key| kaiming_normal(shape, Fan::In, Nonlinearity::Relu, key),
        |shape, key| xavier_normal(shape, 1.0, key),
        |shape, key| orthogonal(shape, 1.0, key),
    ];
    for (i, init) in all.iter().enumerate() {
        assert_eq!(init([20, 6], Key::new(1)), init([20, 6], Key::new(1)), "{i}");
        assert_ne!(init([20, 6], Key::new(1)), init([20, 6], Key::new(2)), "{i}");
    }
    // Those that don't look at other elements: the first rows of a longer tensor are the shorter one.
    for (i, init) in all[..6].iter().enumerate() {
        assert_eq!(init([20, 6], Key::new(1)).narrow(0, 0, 7), init([7, 6], Key::new(1)), "{i}");
    }
}

#[test]
#[should_panic(expected = "init: a weight of shape [3] has no fan; it needs two axes at least, (out, in, …)")]
fn a_bias_has_no_fan() {
    xavier_uniform([3], 1.0, Key::new(0));
}

#[test]
#[should_panic(expected = "init::kaiming_normal: the shape [3, 0] has a fan of 0; a layer needs inputs and outputs")]
fn no_inputs_have_no_scale() {
    kaiming_normal([3, 0], Fan::In, Nonlinearity::Relu, Key::new(0));
}

#[test]
#[should_panic(expected = "init::trunc_normal: the bounds 2..-2 are not in order")]
fn bounds_are_in_order() {
    trunc_normal([3], 0.0, 1.0, 2.0..-2.0, Key::new(0));
}

#[test]
#[should_panic(expected = "init::trunc_normal: nothing of N(0, 1²) lies in 50..51; use bounds nearer to it")]
fn nothing_can_be_drawn_where_nothing_is() {
    trunc_normal([3], 0.0, 1.0, 50.0..51.0, Key::new(0));
}
