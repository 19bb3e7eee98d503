//! The one list of what is looser than usual: an operation enters it with its reason, or the test fails.

use glassbox_autograd::ops::registry;
use glassbox_autograd::{Density, Derivatives};

/// The usual bound of a value: 4 units of 2⁻²⁴, two roundings more than a correctly rounded result.
const DEFAULT_UNITS: f64 = 4.0;

/// Tolerances beyond the default, and why.
const LOOSER: &[(&str, &str)] = &[
    ("adam_step", "nine roundings, a square root and two divisions follow one another"),
    ("bce_with_logits", "an exponential, a logarithm and two additions follow one another"),
    ("gated_tanh", "a hyperbolic tangent and a sigmoid, each looser than usual"),
    ("geglu", "a product with gelu, which is looser than usual"),
    ("gelu", "an exponential, a quotient, a polynomial of degree 11 and three products follow one another"),
    ("glu", "a product with a sigmoid, which is looser than usual"),
    ("ndtr", "an exponential, a quotient, a polynomial of degree 11 and two products follow one another"),
    ("resample", "along each of two axes a weight, a product and a sum are rounded"),
    ("resample_adjoint", "along each of two axes a weight and a product are rounded, and elements add up"),
    ("rmsprop_step", "seven roundings, a square root and a division follow one another"),
    ("sigmoid", "an exponential within 2 ULP, an addition and a division; a ULP is up to two units"),
    (
        "softmax",
        "an exponential of a rounded difference, a sum of blocks of 32, a division and a product follow one another",
    ),
    ("swiglu", "two products with a sigmoid, which is looser than usual"),
    ("tanh", "an exponential and a division; a ULP is up to two units"),
    ("var", "a square counts the rounding of its root twice, and long sums of squares add up to 24 more"),
];

/// Operations that can't be differentiated twice, and why.
const NOT_TWICE: &[(&str, &str)] = &[
    ("adam_step", "an optimiser's step"),
    ("argmax", "an index"),
    ("argmin", "an index"),
    ("compare", "a mask is constant wherever it has a derivative"),
    ("lion_step", "an optimiser's step"),
    ("one_hot", "ids are not differentiated"),
    ("rand_like", "a random fill"),
    ("randn_like", "a random fill"),
    ("rmsprop_step", "an optimiser's step"),
    ("sgd_step", "an optimiser's step"),
];

/// Operations whose gradient is mostly or wholly zero, and why.
const MOSTLY_ZERO: &[(&str, &str)] = &[
    ("max", "the gradient goes to the largest elements alone"),
    ("max_pool2d", "a window passes its gradient to its largest element"),
    ("min", "the gradient goes to the smallest elements alone"),
    ("sign", "a sign is constant but for its jump"),
];

#[test]
fn every_looser_tolerance_is_listed_with_its_reason() {
    let loose: Vec<&str> = registry()
        .iter()
        .filter(|op| op.tolerance_units().is_some_and(|units| units > DEFAULT_UNITS))
        .map(|op| op.name())
        .collect();
    assert_eq!(loose, LOOSER.iter().map(|(name, _)| *name).collect::<Vec<_>>());
}

#[test]
fn every_operation_without_a_second_derivative_is_listed_with_its_reason() {
    let found: Vec<(&str, &str)> = registry()
        .iter()
        .filter_map(|op| match op.derivatives() {
            Derivatives::Any => None,
            Derivatives::Once(why) | Derivatives::Never(why) => Some((op.name(), why)),
        })
        .collect();
    assert_eq!(found, NOT_TWICE);
}

#[test]
fn every_gradient_that_is_mostly_zero_is_listed_with_its_reason() {
    let found: Vec<(&str, &str)> = registry()
        .iter()
        .filter_map(|op| match op.density() {
            Density::Dense => None,
            Density::Sparse(why) | Density::Zero(why) => Some((op.name(), why)),
        })
        .collect();
    assert_eq!(found, MOSTLY_ZERO);
}
