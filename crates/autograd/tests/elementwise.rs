//! Elementwise operations where two choices would be reasonable: at kinks, at the ends of domains, for NaN. The choices are PyTorch's,
//! whose values these are, but for gelu(−∞).

use glassbox_autograd::{Var, grad};
use glassbox_tensor::{Tensor, tensor};

const NAN: f32 = f32::NAN;
const INF: f32 = f32::INFINITY;

/// Value and gradient of Σ f(x).
fn at(x: Tensor, f: impl Fn(&Var) -> Var) -> (Vec<f32>, Vec<f32>) {
    let x = Var::input(x);
    let y = f(&x);
    let value = y.value().to_vec();
    (value, y.sum_all().backward().of(&x).to_vec())
}

/// The same with a graph, by the differentiable backward.
fn at_with_graph(x: Tensor, f: impl Fn(&Var) -> Var) -> Vec<f32> {
    let x = Var::input(x);
    grad(&f(&x).sum_all(), &[&x])[0].value().to_vec()
}

#[track_caller]
fn same(have: &[f32], want: &[f32]) {
    let equal = |(a, b): (&f32, &f32)| (a.is_nan() && b.is_nan()) || a == b;
    assert!(have.len() == want.len() && have.iter().zip(want).all(equal), "{have:?}, not {want:?}");
}

#[track_caller]
fn check(x: Tensor, f: impl Fn(&Var) -> Var, value: &[f32], gradient: &[f32]) {
    let (y, dx) = at(x.clone(), &f);
    same(&y, value);
    same(&dx, gradient);
    same(&at_with_graph(x, &f), gradient);
}

#[test]
fn rectifiers_at_their_kink_and_at_nan() {
    let x = tensor![-0.0, 0.0, NAN, INF];
    check(x.clone(), Var::relu, &[0.0, 0.0, NAN, INF], &[0.0, 0.0, 1.0, 1.0]);
    check(x.clone(), |x| x.leaky_relu(0.5), &[0.0, 0.0, NAN, INF], &[0.5, 0.5, 0.5, 1.0]);
    check(tensor![0.0, INF, -INF], |x| x.elu(2.0), &[0.0, INF, -2.0], &[2.0, 1.0, 0.0]);
    check(x, Var::abs, &[0.0, 0.0, NAN, INF], &[0.0, 0.0, 0.0, 1.0]);
}

#[test]
fn clamp_passes_the_gradient_at_its_bounds_and_not_at_nan() {
    let x = tensor![-2.0, -1.0, 1.0, 2.0, NAN];
    check(x, |x| x.clamp(-1.0, 1.0), &[-1.0, -1.0, 1.0, 1.0, NAN], &[0.0, 1.0, 1.0, 0.0, 0.0]);
}

#[test]
fn equal_numbers_share_the_gradient_and_nan_wins() {
    let b = Var::constant(tensor![1.0, 1.0, 1.0, 1.0]);
    let a = tensor![0.0, 1.0, 2.0, NAN];
    check(a.clone(), |a| a.minimum(&b), &[0.0, 1.0, 1.0, NAN], &[1.0, 0.5, 0.0, 1.0]);
    check(a.clone(), |a| b.minimum(a), &[0.0, 1.0, 1.0, NAN], &[1.0, 0.5, 0.0, 1.0]);
    check(a.clone(), |a| a.maximum(&b), &[1.0, 1.0, 2.0, NAN], &[0.0, 0.5, 1.0, 1.0]);
    check(a, |a| b.maximum(a), &[1.0, 1.0, 2.0, NAN], &[0.0, 0.5, 1.0, 1.0]);
}

#[test]
fn powers_of_zero_and_of_negative_numbers() {
    let b = Var::constant(tensor![0.0, 1.0, 2.0, 3.0, 0.5, 0.0]);
    let a = tensor![0.0, 0.0, 0.0, -2.0, -4.0, -3.0];
    check(a, |a| a.pow(&b), &[1.0, 0.0, 0.0, -8.0, NAN, 1.0], &[0.0, 1.0, 0.0, 12.0, NAN, 0.0]);
    let a = Var::constant(tensor![0.0, 0.0, 0.0, 2.0]);
    let b = tensor![0.0, 2.0, -1.0, 0.0];
    check(b, |b| a.pow(b), &[1.0, 0.0, INF, 1.0], &[0.0, 0.0, -INF, std::f32::consts::LN_2]);
    check(tensor![0.0, -1.0], |x| x.powf(0.0), &[1.0, 1.0], &[0.0, 0.0]);
    check(tensor![0.0, -1.0], |x| x.powf(1.0), &[0.0, -1.0], &[1.0, 1.0]);
    check(tensor![0.0, -3.0], |x| x.powf(2.0), &[0.0, 9.0], &[0.0, -6.0]);
    check(tensor![0.0, -2.0], |x| x.powf(3.0), &[0.0, -8.0], &[0.0, 12.0]);
    check(tensor![0.0, 4.0], |x| x.powf(0.5), &[0.0, 2.0], &[INF, 0.25]);
}

#[test]
fn roots_and_logarithms_at_the_ends_of_their_domains() {
    check(tensor![0.0, -1.0, INF], Var::sqrt, &[0.0, NAN, INF], &[INF, NAN, 0.0]);
    check(tensor![0.0, INF], Var::rsqrt, &[INF, 0.0], &[-INF, -0.0]);
    check(tensor![-1.0, -2.0], Var::log1p, &[-INF, NAN], &[INF, -1.0]);
    check(tensor![-INF, INF], Var::expm1, &[-1.0, INF], &[0.0, INF]);
}

/// Φ is computed without 1 − something, so the value keeps its digits where f32's erf is −1.
#[test]
fn gelu_keeps_its_digits_far_to_the_left() {
    let (y, dx) = at(tensor![-5.0, -10.0, -INF, INF], Var::gelu);
    // Of 60 digits: −5 Φ(−5), −10 Φ(−10); Φ(−5) − 5 φ(5), Φ(−10) − 10 φ(10).
    glassbox_tensor::assert_close!(tensor![y[0], y[1]], tensor![-1.433_258e-6, -7.619_853e-23], 1e-6, 0.0);
    glassbox_tensor::assert_close!(tensor![dx[0], dx[1]], tensor![-7.146_948e-6, -7.618_4e-22], 1e-5, 0.0);
    same(&y[2..], &[0.0, INF]);
    same(&dx[2..], &[0.0, 1.0]);
}
