//! Random operations have the distributions that their formulas say.

use glassbox_autograd::Var;
use glassbox_tensor::{Tensor, random::Key};

const N: usize = 100_000;

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// The largest distance of the empirical distribution function from `cdf`, in units of 1 / √n. Above 2.3 lies 5 · 10⁻⁵ of
/// Kolmogorov's distribution.
fn kolmogorov(x: &[f32], cdf: impl Fn(f64) -> f64) -> f64 {
    let mut x = x.to_vec();
    x.sort_by(f32::total_cmp);
    let n = x.len() as f64;
    let apart = |(i, &x): (usize, &f32)| {
        let p = cdf(f64::from(x));
        (p - i as f64 / n).abs().max(((i + 1) as f64 / n - p).abs())
    };
    x.iter().enumerate().map(apart).fold(0.0, f64::max) * n.sqrt()
}

/// Pearson's χ² of counts with given probabilities.
fn chi_square(counts: &[f32], p: &[f64]) -> f64 {
    let n: f64 = counts.iter().map(|&c| f64::from(c)).sum();
    counts.iter().zip(p).map(|(&c, p)| (f64::from(c) - n * p).powi(2) / (n * p)).sum()
}

#[test]
fn logistic_draws_have_the_logistic_distribution_function() {
    for (mu, log_scale) in [(0.0f32, 0.0f32), (3.0, 1.0), (-2.0, -1.5)] {
        let at = |v: f32| Var::constant(Tensor::full([N], v));
        let z = at(mu).logistic_sample(&at(log_scale), Key::new(1)).into_value().to_vec();
        let scale = f64::from(log_scale).exp();
        let distance = kolmogorov(&z, |z| sigmoid((z - f64::from(mu)) / scale));
        assert!(distance < 2.3, "mu {mu}, log_scale {log_scale}: {distance}");
    }
}

#[test]
fn hard_draws_come_as_often_as_softmax_says() {
    let logits = [0.5f32, -1.0, 2.0, 0.0, 1.0];
    let total: f64 = logits.iter().map(|&x| f64::from(x).exp()).sum();
    let p = logits.map(|x| f64::from(x).exp() / total);
    for temperature in [0.3, 1.0, 4.0] {
        let x = Var::constant(Tensor::from_slice(&logits, [5]).expand([N, 5]));
        let y = x.gumbel_softmax(temperature, -1, true, Key::new(2)).into_value();
        let chi = chi_square(&y.sum(&[0], false).to_vec(), &p);
        assert!(chi < 27.9, "temperature {temperature}: χ² = {chi} with 4 degrees of freedom"); // 10⁻⁵ lies beyond
        assert_eq!(y.sum(&[-1], false), Tensor::ones([N]), "one category a row");
    }
}

/// Of two categories with logits that are d apart, the first one's share is σ((d + l) / τ) with a logistic l: the difference of two
/// Gumbel numbers (Maddison, Mnih & Teh 2017, section 3).
#[test]
fn soft_draws_have_the_concrete_distribution() {
    for (d, temperature) in [(0.0f32, 1.0f32), (1.5, 0.5), (-0.7, 2.0)] {
        let x = Var::constant(Tensor::from_slice(&[d, 0.0], [2]).expand([N, 2]));
        let first = x.gumbel_softmax(temperature, -1, false, Key::new(3)).into_value().select(-1, 0).to_vec();
        let (d, t) = (f64::from(d), f64::from(temperature));
        let distance = kolmogorov(&first, |y| sigmoid(t * (y / (1.0 - y)).ln() - d));
        assert!(distance < 2.3, "d {d}, temperature {t}: {distance}");
    }
}

#[test]
fn a_draw_is_a_function_of_inputs_and_key_and_hard_is_the_largest_of_soft() {
    let x = Var::constant(Tensor::randn([50, 7], Key::new(4)));
    let draw = |hard, key| x.gumbel_softmax(0.8, -1, hard, Key::new(key)).into_value();
    assert_eq!(draw(false, 5), draw(false, 5));
    assert_ne!(draw(false, 5), draw(false, 6));
    assert_eq!(draw(false, 5).argmax(-1, false).as_slice(), draw(true, 5).argmax(-1, false).as_slice());
}

#[test]
fn the_hard_draw_has_the_gradient_of_the_soft_one() {
    let weights = Var::constant(Tensor::randn([50, 7], Key::new(7)));
    let gradient = |hard| {
        let x = Var::input(Tensor::randn([50, 7], Key::new(4)));
        let y = x.gumbel_softmax(0.8, -1, hard, Key::new(5));
        (&y * &weights).sum_all().backward().of(&x).clone()
    };
    glassbox_tensor::assert_close!(gradient(true), gradient(false), 1e-5, 1e-7);
}
