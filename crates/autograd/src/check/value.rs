//! The value: against the reference, in every layout, on every instruction set.

use super::draws::{LARGE, case, for_drawn_cases};
use crate::registry::{Drawn, OpEntry};
use glassbox_tensor::Tensor;
use glassbox_tensor::simd::Isa;
use ndarray::ArrayD;

/// The worst error of `y`, in the tolerance's units; an error when it is beyond what is allowed.
fn deviation(case: &Drawn, x: &[Tensor], y: &Tensor) -> Result<f64, String> {
    let x: Vec<ArrayD<f64>> = x.iter().map(Tensor::to_f64).collect();
    let r = case.op.reference(&x);
    if r.shape() != y.shape() {
        return Err(format!("{}: shape {:?}, the reference has {:?}", case.describe(), y.shape(), r.shape()));
    }
    let (unit, units) = case.op.allowed(&x, &r);
    let mut worst = 0.0f64;
    for (i, ((&y, &r), &unit)) in y.to_vec().iter().zip(&r).zip(&unit).enumerate() {
        let same = y as f64 == r || y == r as f32 || (y.is_nan() && r.is_nan());
        let apart = if same { 0.0 } else { (y as f64 - r).abs() / unit };
        if apart.is_nan() || apart > units {
            return Err(format!(
                "{}: element {i} is {y:e}, the f64 reference {r:e}: {apart:.3} units apart, {units} are allowed",
                case.describe()
            ));
        }
        worst = worst.max(apart);
    }
    Ok(worst)
}

fn check(case: &Drawn) -> Result<(), String> {
    deviation(case, &case.x, &case.run()).map(drop)
}

/// The value is the reference's, within the tolerance: small shapes drawn by proptest (empty and one-element axes among
/// them), and shapes beyond every block.
///
/// ```
/// glassbox_autograd::check::forward(&glassbox_autograd::ops::tanh::INFO);
/// ```
pub fn forward(op: &dyn OpEntry) {
    for_drawn_cases(op, 48, 0..=7, check);
    for_drawn_cases(op, 12, 15..=34, check);
    for dims in LARGE {
        check(&case(op, dims, 1)).unwrap_or_else(|error| panic!("{}: {error}", op.name()));
    }
}

/// The same on each instruction set of this machine.
///
/// ```
/// glassbox_autograd::check::forward_on_every_isa(&glassbox_autograd::ops::tanh::INFO);
/// ```
pub fn forward_on_every_isa(op: &dyn OpEntry) {
    for isa in Isa::available() {
        isa.with(|| {
            for_drawn_cases(op, 24, 0..=7, |case| check(case).map_err(|e| format!("on {}: {e}", isa.name())));
            check(&case(op, LARGE[0], 2)).unwrap_or_else(|error| panic!("{} on {}: {error}", op.name(), isa.name()));
        });
    }
}

/// The reference's value also for inputs that are transposed, lie inside a larger array, or repeat one slice.
///
/// ```
/// glassbox_autograd::check::layouts(&glassbox_autograd::ops::tanh::INFO);
/// ```
pub fn layouts(op: &dyn OpEntry) {
    for_drawn_cases(op, 32, 1..=7, |case| {
        for i in 0..case.x.len() {
            for (name, view) in views_of(&case.x[i]) {
                let mut x = case.x.clone();
                x[i] = view;
                deviation(case, &x, &case.run_on(&x)).map_err(|e| format!("input {i} {name}: {e}"))?;
            }
        }
        Ok(())
    });
}

fn views_of(x: &Tensor) -> Vec<(&'static str, Tensor)> {
    let mut views = Vec::new();
    if x.rank() == 0 {
        return views;
    }
    let reversed: Vec<usize> = (0..x.rank()).rev().collect();
    views.push(("transposed", x.permute(&reversed).contiguous().permute(&reversed)));
    // As the middle of a larger array, whose margin is NaN: reading it would show.
    let mut outer = x.shape().to_vec();
    let last = outer.len() - 1;
    let len = outer[last];
    outer[last] += 3;
    let mut data = Vec::new();
    let rows = x.to_vec();
    for row in rows.chunks(len.max(1)) {
        data.push(f32::NAN);
        data.extend(row);
        data.extend([f32::NAN; 2]);
    }
    views.push(("inside a larger array", Tensor::from_vec(data, outer).narrow(-1, 1, len)));
    for axis in 0..x.rank() {
        views.push(("repeated along an axis", x.narrow(axis as isize, 0, 1).expand(x.shape())));
    }
    views
}

/// A tolerance in units is at most 8 times the largest error that any instruction set of this machine shows.
///
/// ```
/// glassbox_autograd::check::tolerance_is_tight(&glassbox_autograd::ops::tanh::INFO);
/// ```
pub fn tolerance_is_tight(op: &dyn OpEntry) {
    let Some(units) = op.tolerance_units() else { return };
    let mut worst = 0.0f64;
    for isa in Isa::available() {
        isa.with(|| {
            for seed in 0..20 {
                for dims in [LARGE[0], &[97, 103, 5, seed as usize, 1, 2, 3], &[5, 7, 3, seed as usize, 1, 0]] {
                    let case = case(op, dims, seed);
                    let apart = deviation(&case, &case.x, &case.run());
                    worst = worst.max(apart.unwrap_or_else(|error| panic!("{}: {error}", op.name())));
                }
            }
        });
    }
    assert!(
        units <= 8.0 * worst,
        "{}: the tolerance is {units} units, but the largest error measured is {worst:.3}; at most 8 times that is honest",
        op.name()
    );
}
