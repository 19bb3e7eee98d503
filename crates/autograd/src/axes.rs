//! Axes that are reduced: backward, where a gradient is repeated along them, and in the f64 references.

use crate::var::Var;
use glassbox_tensor::Tensor;
use glassbox_tensor::shape::{Dims, axis_index};
use ndarray::{ArrayD, IxDyn};

/// All axes of that many.
pub(crate) fn all(rank: usize) -> &'static [isize] {
    &[0, 1, 2, 3, 4, 5, 6, 7][..rank]
}

/// The shape with the axes at length 1.
pub(crate) fn kept(shape: &[usize], axes: &[isize]) -> Dims {
    let mut kept = Dims::new(shape);
    axes.iter().for_each(|&axis| kept[axis_index("reduction", axis, shape.len())] = 1);
    kept
}

/// How many elements are reduced to one.
pub(crate) fn count(shape: &[usize], axes: &[isize]) -> usize {
    axes.iter().map(|&axis| shape[axis_index("reduction", axis, shape.len())]).product()
}

/// The result of a reduction, or its gradient, with the reduced axes again, at length 1.
pub(crate) fn with_axes(y: &Var, shape: &[usize], axes: &[isize]) -> Var {
    y.reshape(kept(shape, axes))
}

/// `f` of all elements that are reduced together, in row-major order, for each place that stays.
pub(crate) fn reduce(x: &ArrayD<f64>, axes: &[isize], keepdim: bool, f: impl Fn(&[f64]) -> f64) -> ArrayD<f64> {
    let reduced: Vec<usize> = axes.iter().map(|&axis| axis_index("reduction", axis, x.ndim())).collect();
    let stay: Vec<usize> = (0..x.ndim()).filter(|axis| !reduced.contains(axis)).collect();
    let mut last = reduced.clone();
    last.sort();
    let order: Vec<usize> = stay.iter().chain(&last).copied().collect();
    let rows: Vec<f64> = x.view().permuted_axes(order).iter().copied().collect();
    let shape: Vec<usize> = match keepdim {
        true => kept(x.shape(), axes).to_vec(),
        false => stay.iter().map(|&axis| x.shape()[axis]).collect(),
    };
    let length = count(x.shape(), axes);
    let y = (0..shape.iter().product()).map(|i: usize| f(&rows[i * length..][..length]));
    ArrayD::from_shape_vec(IxDyn(&shape), y.collect()).expect("one for each place that stays")
}

/// The larger of two numbers; NaN if one of them is, and not the other one as [`f64::max`] has it.
pub(crate) fn larger(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() { f64::NAN } else { a.max(b) }
}

/// The smaller of two numbers; NaN if one of them is.
pub(crate) fn smaller(a: f64, b: f64) -> f64 {
    -larger(-a, -b)
}

/// y, with 1 where it is 0: what may be divided by where the numerator is 0 too.
pub(crate) fn nonzero(y: &Var) -> Var {
    y + &Var::constant(y.value().equal(&Tensor::scalar(0.0)))
}
