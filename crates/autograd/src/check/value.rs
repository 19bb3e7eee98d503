//! The value: against the reference, in every layout, on every instruction set.

use super::draws::{Case, LARGE, for_drawn_cases};
use crate::info::{OpInfo, Tolerance, UNIT};
use crate::op::Op;
use glassbox_tensor::Tensor;
use glassbox_tensor::simd::Isa;
use ndarray::ArrayD;

/// The smallest positive f32, which an exact result can be off by when it underflows.
const TINY: f64 = 1.401298464324817e-45;

/// The worst error of `y`, in the tolerance's units; an error when it is beyond what is allowed.
fn deviation<O: Op>(info: &OpInfo<O>, case: &Case<O>, x: &[Tensor], y: &Tensor) -> Result<f64, String> {
    let x: Vec<ArrayD<f64>> = x.iter().map(Tensor::to_f64).collect();
    let r = (info.reference)(&case.op, &x);
    if r.shape() != y.shape() {
        return Err(format!("{}: shape {:?}, the reference has {:?}", case.describe(), y.shape(), r.shape()));
    }
    // One unit for each element, and how many are allowed.
    let (unit, units) = match &info.tolerance {
        Tolerance::Exact => (r.mapv(|_| 0.0), 0.0),
        Tolerance::Units(units) => (r.mapv(|r| r.abs() * UNIT + TINY), *units),
        Tolerance::UnitsOf(units, magnitude) => (magnitude(&case.op, &x).mapv(|m| m * UNIT + TINY), *units),
        Tolerance::Proven(bound) => (bound(&case.op, &x), 1.0),
    };
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

fn check<O: Op>(info: &OpInfo<O>, case: &Case<O>) -> Result<(), String> {
    deviation(info, case, &case.x, &case.run()).map(drop)
}

/// The value is the reference's, within the tolerance: small shapes drawn by proptest (empty and one-element axes among
/// them), and shapes beyond every block.
pub fn forward<O: Op>(info: &'static OpInfo<O>) {
    for_drawn_cases(info, 48, 0..=7, |case| check(info, case));
    for_drawn_cases(info, 12, 15..=34, |case| check(info, case));
    for dims in LARGE {
        check(info, &Case::new(info, dims, 1)).unwrap_or_else(|error| panic!("{}: {error}", info.name));
    }
}

/// The same on each instruction set of this machine.
pub fn forward_on_every_isa<O: Op>(info: &'static OpInfo<O>) {
    for isa in Isa::available() {
        isa.with(|| {
            for_drawn_cases(info, 24, 0..=7, |case| check(info, case).map_err(|e| format!("on {}: {e}", isa.name())));
            let case = Case::new(info, LARGE[0], 2);
            check(info, &case).unwrap_or_else(|error| panic!("{} on {}: {error}", info.name, isa.name()));
        });
    }
}

/// The reference's value also for inputs that are transposed, lie inside a larger array, or repeat one slice.
pub fn layouts<O: Op>(info: &'static OpInfo<O>) {
    for_drawn_cases(info, 32, 1..=7, |case| {
        for i in 0..case.x.len() {
            for (name, view) in views_of(&case.x[i]) {
                let mut x = case.x.clone();
                x[i] = view;
                deviation(info, case, &x, &case.run_on(&x)).map_err(|e| format!("input {i} {name}: {e}"))?;
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
pub fn tolerance_is_tight<O: Op>(info: &'static OpInfo<O>) {
    let (Tolerance::Units(units) | Tolerance::UnitsOf(units, _)) = info.tolerance else { return };
    let mut worst = 0.0f64;
    for isa in Isa::available() {
        isa.with(|| {
            for seed in 0..20 {
                for dims in [LARGE[0], &[97, 103, 5, seed as usize, 1, 2, 3], &[5, 7, 3, seed as usize, 1, 0]] {
                    let case = Case::new(info, dims, seed);
                    let apart = deviation(info, &case, &case.x, &case.run());
                    worst = worst.max(apart.unwrap_or_else(|error| panic!("{}: {error}", info.name)));
                }
            }
        });
    }
    assert!(
        units <= 8.0 * worst,
        "{}: the tolerance is {units} units, but the largest error measured is {worst:.3}; at most 8 times that is honest",
        info.name
    );
}
