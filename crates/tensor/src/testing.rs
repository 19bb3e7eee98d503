//! Comparing tensors in tests: `assert_close!` and what it prints; and functions in f64 that Rust's library lacks.

use crate::counted;
use crate::tensor::Tensor;
use std::fmt::Write;

/// The element where two tensors differ most.
///
/// ```
/// use glassbox_tensor::{tensor, testing::worst};
/// let far = worst(&tensor![[1., 2.], [3., 9.]], &tensor![[1., 2.5], [3., 8.]], 0.0, 0.25).unwrap();
/// assert_eq!((far.left, far.right, far.share, far.beyond), (9., 8., 4., 2)); // 1 apart is 4 times 0.25
/// assert_eq!(far.index, [1, 1]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Worst {
    /// Where it is.
    pub index: Vec<usize>,
    /// The left tensor's value there.
    pub left: f32,
    /// The right tensor's value there.
    pub right: f32,
    /// |left − right| / (absolute + relative·|right|): beyond 1 is too far.
    pub share: f32,
    /// How many elements are too far.
    pub beyond: usize,
}

/// Finds the worst element of |left − right| ≤ absolute + relative·|right|, NumPy's rule. Equal infinities and two NaNs
/// count as equal.
///
/// ```
/// use glassbox_tensor::{tensor, testing::worst};
/// let far = worst(&tensor![1., 2.5], &tensor![1., 2.], 0.1, 0.0).unwrap();
/// assert_eq!((&far.index[..], far.beyond), (&[1][..], 1)); // 0.5 apart, 0.2 allowed
/// ```
///
/// # Panics
/// When the shapes differ.
#[track_caller]
pub fn worst(left: &Tensor, right: &Tensor, relative: f32, absolute: f32) -> Option<Worst> {
    assert!(left.shape() == right.shape(), "assert_close: shapes {:?} and {:?} differ", left.shape(), right.shape());
    let share = |a: f32, b: f32| match (a - b).abs() / (absolute + relative * b.abs()) {
        _ if a == b || (a.is_nan() && b.is_nan()) => 0.0,
        share if share.is_nan() => f32::INFINITY,
        share => share,
    };
    let (a, b) = (left.to_vec(), right.to_vec());
    let shares: Vec<f32> = a.iter().zip(&b).map(|(&a, &b)| share(a, b)).collect();
    let at = (0..shares.len()).max_by(|&i, &j| shares[i].total_cmp(&shares[j]))?;
    let mut index = vec![0; left.rank()];
    let mut rest = at;
    for axis in (0..left.rank()).rev() {
        index[axis] = rest % left.shape()[axis];
        rest /= left.shape()[axis];
    }
    let beyond = shares.iter().filter(|&&s| s > 1.0).count();
    Some(Worst { index, left: a[at], right: b[at], share: shares[at], beyond })
}

/// What [`assert_close!`](crate::assert_close) does.
///
/// ```
/// use glassbox_tensor::{tensor, testing::assert_close};
/// assert_close(&tensor![1.001], &tensor![1.], 0.01, 0.0);
/// ```
#[track_caller]
pub fn assert_close(left: &Tensor, right: &Tensor, relative: f32, absolute: f32) {
    let Some(worst) = worst(left, right, relative, absolute).filter(|w| w.beyond > 0) else { return };
    let mut text = String::new();
    let _ = write!(
        text,
        "tensors of shape {:?} differ in {} of {}; the worst is {:?}: {} and {}, {:.3e} apart, {:.1} times what \
         {relative:e} relative + {absolute:e} absolute allow",
        left.shape(),
        worst.beyond,
        counted(left.numel(), "element"),
        worst.index,
        worst.left,
        worst.right,
        (worst.left - worst.right).abs(),
        worst.share
    );
    panic!("{text}");
}

/// Asserts that two tensors agree: |left − right| ≤ absolute + relative·|right| for each element. The message names the
/// worst one.
///
/// ```
/// use glassbox_tensor::{assert_close, tensor};
/// assert_close!(tensor![1.0, 2.0], tensor![1.0, 2.000001]); // 1e-5 relative, 1e-8 absolute
/// assert_close!(tensor![1.0, 2.0], tensor![1.0, 2.1], 0.1);
/// assert_close!(tensor![0.0], tensor![0.01], 0.0, 0.1);
/// ```
#[macro_export]
macro_rules! assert_close {
    ($left:expr, $right:expr $(,)?) => {
        $crate::assert_close!($left, $right, 1e-5)
    };
    ($left:expr, $right:expr, $relative:expr $(,)?) => {
        $crate::assert_close!($left, $right, $relative, 1e-8)
    };
    ($left:expr, $right:expr, $relative:expr, $absolute:expr $(,)?) => {
        $crate::testing::assert_close(&$left, &$right, $relative, $absolute)
    };
}

/// erf x = 2/√π ∫₀ˣ e^(−t²) dt in f64, for references; error about 10⁻¹⁵ relative.
///
/// ```
/// assert!((glassbox_tensor::testing::erf(0.5) - 0.520_499_877_813_046_5).abs() < 1e-15);
/// ```
pub fn erf(x: f64) -> f64 {
    if x.abs() > 2.0 {
        return (1.0 - erfc_beyond_2(x.abs())).copysign(x);
    }
    // 2/√π e^(−x²) Σₙ 2ⁿ x²ⁿ⁺¹ / (1 · 3 · … · (2n + 1)): no term is negative, so nothing cancels (DLMF 7.6.2).
    let (mut term, mut sum, mut n) = (x, x, 0.0);
    while term.abs() > 1e-18 * sum.abs() {
        n += 1.0;
        term *= 2.0 * x * x / (2.0 * n + 1.0);
        sum += term;
    }
    std::f64::consts::FRAC_2_SQRT_PI * (-x * x).exp() * sum
}

/// The standard normal distribution function Φ(x) = ½ erfc(−x / √2) in f64, for references; error about 10⁻¹⁴ relative in the
/// left tail too.
///
/// ```
/// assert!((glassbox_tensor::testing::ndtr(-10.0) / 7.619_853_024_160_527e-24 - 1.0).abs() < 1e-14);
/// ```
pub fn ndtr(x: f64) -> f64 {
    let z = -x / std::f64::consts::SQRT_2;
    0.5 * if z > 2.0 { erfc_beyond_2(z) } else { 1.0 - erf(z) }
}

/// erfc x = e^(−x²) / √π / (x + ½ / (x + 1 / (x + 3/2 / (x + …)))), the continued fraction of DLMF 7.9.1.
fn erfc_beyond_2(x: f64) -> f64 {
    if x > 28.0 {
        return 0.0; // e^(−784) is less than any f64
    }
    let fraction = (1..=80).rev().fold(x, |below, n| x + 0.5 * f64::from(n) / below);
    0.5 * std::f64::consts::FRAC_2_SQRT_PI * (-x * x).exp() / fraction
}
