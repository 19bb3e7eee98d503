//! The distance of a number from what it should be: squared, absolute, or one near zero and the other far away.
//!
//! Let d = x − t. The square's gradient 2d grows with the error, so a single wild target can outweigh a whole batch; that of
//! |d| is ±1 however small the error, so a step of fixed size never settles. Huber (1964) takes the square inside and
//! the absolute value outside of a threshold, with equal value and slope where they meet.

use super::{Reduction, assert_same_shape};
use glassbox_autograd::Var;

/// The squared error, of x and targets t of one shape (B, …); PyTorch's `mse_loss`:
///
/// ```text
/// (x − t)²
/// ```
///
/// ```
/// use glassbox_autograd::Var;
/// use glassbox_nn::loss::{Reduction, mse};
/// use glassbox_tensor::tensor;
///
/// let (x, t) = (Var::input(tensor![1., 5.]), Var::constant(tensor![1., 2.]));
/// let loss = mse(&x, &t, Reduction::Mean);
/// assert_eq!(loss.item(), 4.5); // (0² + 3²) / 2
/// assert_eq!(loss.backward().of(&x), &tensor![0., 3.]);
/// ```
///
/// # Panics
/// If the shapes differ: broadcasting here is nearly always a mistake, such as (B, 1) against (B).
#[track_caller]
pub fn mse(x: &Var, targets: &Var, reduction: Reduction) -> Var {
    assert_same_shape("mse", "x", x, "targets", targets);
    reduction.apply(&(x - targets).square())
}

/// The absolute error, of x and targets t of one shape (B, …); PyTorch's `l1_loss`:
///
/// ```text
/// |x − t|
/// ```
///
/// Where x = t the gradient is 0, the middle of −1 and 1.
///
/// ```
/// use glassbox_autograd::Var;
/// use glassbox_nn::loss::{Reduction, l1};
/// use glassbox_tensor::tensor;
///
/// let (x, t) = (Var::input(tensor![1., 5., -4.]), Var::constant(tensor![1., 2., -2.]));
/// let loss = l1(&x, &t, Reduction::Sum);
/// assert_eq!(loss.item(), 5.0);
/// assert_eq!(loss.backward().of(&x), &tensor![0., 1., -1.]);
/// ```
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn l1(x: &Var, targets: &Var, reduction: Reduction) -> Var {
    assert_same_shape("l1", "x", x, "targets", targets);
    reduction.apply(&(x - targets).abs())
}

/// Huber's loss, of x and targets t of one shape (B, …), with d = x − t; PyTorch's `huber_loss`:
///
/// ```text
/// ½·d²            where |d| ≤ delta
/// delta·(|d| − ½·delta)   elsewhere
/// ```
///
/// Its gradient is d, cut off at ±delta. Source: Huber 1964, *Robust Estimation of a Location Parameter*.
///
/// ```
/// use glassbox_autograd::Var;
/// use glassbox_nn::loss::{Reduction, huber};
/// use glassbox_tensor::tensor;
///
/// let (x, t) = (Var::input(tensor![0.5, 10., -10.]), Var::constant(tensor![0., 0., 0.]));
/// let loss = huber(&x, &t, 2.0, Reduction::Sum);
/// assert_eq!(loss.item(), 0.125 + 2.0 * (10.0 - 1.0) + 2.0 * (10.0 - 1.0));
/// assert_eq!(loss.backward().of(&x), &tensor![0.5, 2., -2.]);
/// ```
///
/// # Panics
/// If the shapes differ, or delta is not positive.
#[track_caller]
pub fn huber(x: &Var, targets: &Var, delta: f32, reduction: Reduction) -> Var {
    assert_same_shape("huber", "x", x, "targets", targets);
    assert!(delta > 0.0, "huber: delta is {delta}; it must be positive");
    reduction.apply(&huber_elements(x, targets, delta))
}

/// Huber's loss divided by its threshold, so that its gradient ends at ±1, of x and targets t of one shape (B, …), with
/// d = x − t; PyTorch's `smooth_l1_loss`:
///
/// ```text
/// ½·d²/beta     where |d| < beta
/// |d| − ½·beta   elsewhere
/// ```
///
/// With beta = 0 it is [`l1`]. Source: Girshick 2015, *Fast R-CNN*, equation 3, for beta = 1.
///
/// ```
/// use glassbox_autograd::Var;
/// use glassbox_nn::loss::{Reduction, smooth_l1};
/// use glassbox_tensor::tensor;
///
/// let (x, t) = (Var::input(tensor![0.5, 10., -10.]), Var::constant(tensor![0., 0., 0.]));
/// let loss = smooth_l1(&x, &t, 2.0, Reduction::Sum);
/// assert_eq!(loss.item(), 0.0625 + (10.0 - 1.0) + (10.0 - 1.0));
/// assert_eq!(loss.backward().of(&x), &tensor![0.25, 1., -1.]);
/// ```
///
/// # Panics
/// If the shapes differ, or beta is negative.
#[track_caller]
pub fn smooth_l1(x: &Var, targets: &Var, beta: f32, reduction: Reduction) -> Var {
    assert_same_shape("smooth_l1", "x", x, "targets", targets);
    assert!(beta >= 0.0, "smooth_l1: beta is {beta}; it must be at least 0");
    if beta == 0.0 {
        return l1(x, targets, reduction);
    }
    reduction.apply(&(&huber_elements(x, targets, beta) * (1.0 / beta)))
}

/// c·(|d| − ½·c) with c = min(|d|, delta): both cases in one, and no square that could overflow far away.
#[track_caller]
fn huber_elements(x: &Var, targets: &Var, delta: f32) -> Var {
    let distance = (x - targets).abs();
    let c = distance.clamp(0.0, delta);
    &c * &(&distance - &(&c * 0.5))
}
