//! The copy of a transposed matrix. Whoever goes along the rows of one goes down the columns of the other.

use super::Family;
use super::case::{Case, Expected, Run, Work, numbers, replace, within};
use glassbox_tensor::Tensor;
use glassbox_tensor::random::Key;
use ndarray::{ArrayView2, ArrayViewMut2};
use std::rc::Rc;

/// A transposed copy.
pub trait Transpose: Sync {
    /// What the table calls it.
    fn name(&self) -> &str;
    /// y (cols, rows) of x (rows, cols), both row-major: `x.as_slice()` and `y.make_mut()` are their floats.
    fn transpose(&self, x: &Tensor, y: &mut Tensor);
    /// Whether this machine has the instructions.
    fn runs_here(&self) -> bool {
        true
    }
}

/// Who takes part. Yours is one word more.
pub const CONTESTANTS: &[&dyn Transpose] = &[&Naive, &Top, &Ndarray];

/// The family: [rows, cols].
pub const FAMILY: Family = Family {
    name: "transpose",
    computes: "y = xᵀ, copied",
    axis: "side of the squares",
    timed: &[
        &[64, 64],
        &[128, 128],
        &[256, 256],
        &[512, 512],
        &[1024, 1024],
        &[2048, 2048],
        &[4096, 4096],
        &[300, 5000],
    ],
    awkward: &[&[1, 1], &[1, 9], &[9, 1], &[15, 17], &[33, 64], &[100, 101], &[7, 1029], &[260, 300]],
    case: |size| case_of(CONTESTANTS, size),
};

/// Two loops, in the order of y.
pub struct Naive;

impl Transpose for Naive {
    fn name(&self) -> &str {
        "naive"
    }
    fn transpose(&self, x: &Tensor, y: &mut Tensor) {
        let (x, rows, cols) = (numbers(x), x.shape()[0], x.shape()[1]);
        for (j, y) in y.make_mut().chunks_exact_mut(rows).enumerate() {
            y.iter_mut().zip(x[j..].iter().step_by(cols)).for_each(|(y, x)| *y = *x);
        }
    }
}

/// The engine's.
pub struct Top;

impl Transpose for Top {
    fn name(&self) -> &str {
        "Glassbox"
    }
    fn transpose(&self, x: &Tensor, y: &mut Tensor) {
        replace(y, || x.t().contiguous());
    }
}

/// `ndarray`'s `assign`.
pub struct Ndarray;

impl Transpose for Ndarray {
    fn name(&self) -> &str {
        "ndarray"
    }
    fn transpose(&self, x: &Tensor, y: &mut Tensor) {
        let (rows, cols) = (x.shape()[0], x.shape()[1]);
        let x = ArrayView2::from_shape((rows, cols), numbers(x)).expect("a matrix");
        ArrayViewMut2::from_shape((cols, rows), y.make_mut()).expect("its transpose").assign(&x.t());
    }
}

/// A case for these contestants.
pub fn case_of(contestants: &[&'static dyn Transpose], size: &[usize]) -> Case {
    let &[rows, cols] = size else { panic!("a size of transpose is [rows, cols]") };
    let x = Rc::new(Tensor::randn([rows, cols], Key::new(1)));
    let runs = contestants.iter().filter(|c| c.runs_here()).map(|&contestant| {
        let x = Rc::clone(&x);
        Run::new(contestant.name(), move |y| contestant.transpose(&x, y))
    });
    let expected = {
        let x = Rc::clone(&x);
        move || -> Vec<Expected> {
            let places = (0..cols).flat_map(|j| (0..rows).map(move |i| i * cols + j));
            places.map(|at| Expected { value: f64::from(numbers(&x)[at]), within: 0.0 }).collect()
        }
    };
    Case {
        label: format!("{rows} × {cols}"),
        at: (rows == cols).then_some(rows as f64),
        work: Work::Bytes(8 * (rows * cols) as u64),
        shape: vec![cols, rows],
        runs: runs.collect(),
        check: Box::new(move |y| within(&expected(), y)),
    }
}
