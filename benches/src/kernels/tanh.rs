//! An elementwise kernel with arithmetic in it: tanh. A unit in the last place of y is at most 2·u·|y|, so 4 units are 8·u·|y|.

use super::Family;
use super::add::{AWKWARD, SIZES};
use super::case::{Case, Expected, Run, TINY, U, Work, numbers, replace, within};
use glassbox_tensor::Tensor;
use glassbox_tensor::random::Key;
use ndarray::{ArrayView1, ArrayViewMut1, Zip};
use std::rc::Rc;

/// A hyperbolic tangent.
pub trait Tanh: Sync {
    /// What the table calls it.
    fn name(&self) -> &str;
    /// y = tanh x, both (n): `x.as_slice()` and `y.make_mut()` are their floats.
    fn tanh(&self, x: &Tensor, y: &mut Tensor);
    /// Whether this machine has the instructions.
    fn runs_here(&self) -> bool {
        true
    }
}

/// Who takes part. Yours is one word more.
pub const CONTESTANTS: &[&dyn Tanh] = &[&Naive, &Top, &Ndarray];

/// The family: \[n\].
pub const FAMILY: Family = Family {
    name: "tanh",
    computes: "y = tanh x",
    axis: "elements",
    timed: SIZES,
    awkward: AWKWARD,
    case: |size| case_of(CONTESTANTS, size),
};

/// A loop, with the function of the standard library.
pub struct Naive;

impl Tanh for Naive {
    fn name(&self) -> &str {
        "naive"
    }
    fn tanh(&self, x: &Tensor, y: &mut Tensor) {
        y.make_mut().iter_mut().zip(numbers(x)).for_each(|(y, x)| *y = x.tanh());
    }
}

/// The engine's.
pub struct Top;

impl Tanh for Top {
    fn name(&self) -> &str {
        "Glassbox"
    }
    fn tanh(&self, x: &Tensor, y: &mut Tensor) {
        replace(y, || x.tanh());
    }
}

/// `ndarray`'s `Zip`, with the function of the standard library.
pub struct Ndarray;

impl Tanh for Ndarray {
    fn name(&self) -> &str {
        "ndarray"
    }
    fn tanh(&self, x: &Tensor, y: &mut Tensor) {
        let x = ArrayView1::from(numbers(x));
        Zip::from(ArrayViewMut1::from(y.make_mut())).and(x).for_each(|y, x| *y = x.tanh());
    }
}

/// A case for these contestants.
pub fn case_of(contestants: &[&'static dyn Tanh], size: &[usize]) -> Case {
    let &[n] = size else { panic!("a size of tanh is [n]") };
    let x = Rc::new(Tensor::randn([n], Key::new(1)).affine(2.0, 0.0));
    let runs = contestants.iter().filter(|c| c.runs_here()).map(|&contestant| {
        let x = Rc::clone(&x);
        Run::new(contestant.name(), move |y| contestant.tanh(&x, y))
    });
    let expected = {
        let x = Rc::clone(&x);
        move || -> Vec<Expected> {
            let values = numbers(&x).iter().map(|&x| f64::from(x).tanh());
            values.map(|value| Expected { value, within: 8.0 * U * value.abs() + 4.0 * TINY }).collect()
        }
    };
    Case {
        label: n.to_string(),
        at: Some(n as f64),
        work: Work::Bytes(8 * n as u64),
        shape: vec![n],
        runs: runs.collect(),
        check: Box::new(move |y| within(&expected(), y)),
    }
}
