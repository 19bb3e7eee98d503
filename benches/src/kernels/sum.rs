//! The sum of all elements. Any order of the n − 1 additions errs by at most γ(n − 1)·Σ|x|.

use super::Family;
use super::add::{AWKWARD, SIZES};
use super::case::{Case, Expected, Run, U, Work, gamma, numbers, within};
use glassbox_tensor::Tensor;
use glassbox_tensor::random::Key;
use ndarray::ArrayView1;
use std::rc::Rc;

/// A sum.
pub trait Sum: Sync {
    /// What the table calls it.
    fn name(&self) -> &str;
    /// Σ x of x (n), whose floats are `x.as_slice()`.
    fn sum(&self, x: &Tensor) -> f32;
    /// Whether this machine has the instructions.
    fn runs_here(&self) -> bool {
        true
    }
}

/// Who takes part. Yours is one word more.
pub const CONTESTANTS: &[&dyn Sum] = &[&Naive, &Top, &Ndarray];

/// The family: \[n\].
pub const FAMILY: Family = Family {
    name: "sum",
    computes: "Σ x",
    axis: "elements",
    timed: SIZES,
    awkward: AWKWARD,
    case: |size| case_of(CONTESTANTS, size),
};

/// A loop: one chain of additions.
pub struct Naive;

impl Sum for Naive {
    fn name(&self) -> &str {
        "naive"
    }
    fn sum(&self, x: &Tensor) -> f32 {
        numbers(x).iter().sum()
    }
}

/// The engine's.
pub struct Top;

impl Sum for Top {
    fn name(&self) -> &str {
        "Glassbox"
    }
    fn sum(&self, x: &Tensor) -> f32 {
        x.sum_all().item()
    }
}

/// `ndarray`'s, in eight chains.
pub struct Ndarray;

impl Sum for Ndarray {
    fn name(&self) -> &str {
        "ndarray"
    }
    fn sum(&self, x: &Tensor) -> f32 {
        ArrayView1::from(numbers(x)).sum()
    }
}

/// A case for these contestants.
pub fn case_of(contestants: &[&'static dyn Sum], size: &[usize]) -> Case {
    let &[n] = size else { panic!("a size of sum is [n]") };
    let x = Rc::new(Tensor::randn([n], Key::new(1)));
    let runs = contestants.iter().filter(|c| c.runs_here()).map(|&contestant| {
        let x = Rc::clone(&x);
        Run::new(contestant.name(), move |y| y.make_mut()[0] = contestant.sum(&x))
    });
    let expected = {
        let x = Rc::clone(&x);
        move || {
            let terms = || numbers(&x).iter().map(|&x| f64::from(x));
            let (value, size) = (terms().sum(), terms().map(f64::abs).sum::<f64>());
            let roundings = (n - 1) as f64;
            let within = if roundings * U < 1.0 { gamma(roundings) * size } else { f64::INFINITY };
            [Expected { value, within }]
        }
    };
    Case {
        label: n.to_string(),
        at: Some(n as f64),
        work: Work::Bytes(4 * n as u64),
        shape: vec![1],
        runs: runs.collect(),
        check: Box::new(move |y| within(&expected(), y)),
    }
}
