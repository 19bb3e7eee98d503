//! The plainest elementwise kernel: x + y. It is bound by memory, or by the cache that holds all three.

use super::Family;
use super::case::{Case, Expected, Run, U, Work, numbers, replace, within};
use glassbox_tensor::Tensor;
use glassbox_tensor::random::Key;
use ndarray::{ArrayView1, ArrayViewMut1, Zip};
use std::rc::Rc;

/// An addition.
pub trait Add: Sync {
    /// What the table calls it.
    fn name(&self) -> &str;
    /// out = x + y, all (n): `x.as_slice()` and `out.make_mut()` are their floats.
    fn add(&self, x: &Tensor, y: &Tensor, out: &mut Tensor);
    /// Whether this machine has the instructions.
    fn runs_here(&self) -> bool {
        true
    }
}

/// Who takes part. Yours is one word more.
pub const CONTESTANTS: &[&dyn Add] = &[&Naive, &Top, &Ndarray];

/// Sizes of the families of one pass over an array.
pub(super) const SIZES: &[&[usize]] =
    &[&[1 << 10], &[1 << 12], &[1 << 14], &[1 << 16], &[1 << 18], &[1 << 20], &[1 << 22], &[1 << 24]];

/// Sizes that no vector divides.
pub(super) const AWKWARD: &[&[usize]] = &[&[1], &[7], &[15], &[17], &[100], &[1029], &[16383], &[70001]];

/// The family: \[n\].
pub const FAMILY: Family = Family {
    name: "add",
    computes: "x + y",
    axis: "elements",
    timed: SIZES,
    awkward: AWKWARD,
    case: |size| case_of(CONTESTANTS, size),
};

/// A loop.
pub struct Naive;

impl Add for Naive {
    fn name(&self) -> &str {
        "naive"
    }
    fn add(&self, x: &Tensor, y: &Tensor, out: &mut Tensor) {
        out.make_mut().iter_mut().zip(numbers(x)).zip(numbers(y)).for_each(|((out, x), y)| *out = x + y);
    }
}

/// The engine's.
pub struct Top;

impl Add for Top {
    fn name(&self) -> &str {
        "Glassbox"
    }
    fn add(&self, x: &Tensor, y: &Tensor, out: &mut Tensor) {
        replace(out, || x + y);
    }
}

/// `ndarray`'s `Zip`.
pub struct Ndarray;

impl Add for Ndarray {
    fn name(&self) -> &str {
        "ndarray"
    }
    fn add(&self, x: &Tensor, y: &Tensor, out: &mut Tensor) {
        let [x, y] = [x, y].map(|x| ArrayView1::from(numbers(x)));
        Zip::from(ArrayViewMut1::from(out.make_mut())).and(x).and(y).for_each(|out, x, y| *out = x + y);
    }
}

/// A case for these contestants.
pub fn case_of(contestants: &[&'static dyn Add], size: &[usize]) -> Case {
    let &[n] = size else { panic!("a size of add is [n]") };
    let both = Rc::new([1, 2].map(|seed| Tensor::randn([n], Key::new(seed))));
    let runs = contestants.iter().filter(|c| c.runs_here()).map(|&contestant| {
        let both = Rc::clone(&both);
        Run::new(contestant.name(), move |y| contestant.add(&both[0], &both[1], y))
    });
    let expected = {
        let both = Rc::clone(&both);
        move || -> Vec<Expected> {
            let sums = numbers(&both[0]).iter().zip(numbers(&both[1])).map(|(&x, &y)| f64::from(x) + f64::from(y));
            sums.map(|value| Expected { value, within: U * value.abs() }).collect()
        }
    };
    Case {
        label: n.to_string(),
        at: Some(n as f64),
        work: Work::Bytes(12 * n as u64),
        shape: vec![n],
        runs: runs.collect(),
        check: Box::new(move |y| within(&expected(), y)),
    }
}
