//! One size of one family: the same inputs for every contestant, what the work counts as, and what an answer is held to.

use glassbox_tensor::Tensor;

/// One size of a family.
pub struct Case {
    /// The size in words: "512 × 512 × 512".
    pub label: String,
    /// Where the size stands on the plot's axis; `None` for a size of another kind than the others.
    pub at: Option<f64>,
    /// What the work counts as.
    pub work: Work,
    /// The shape of the answer.
    pub shape: Vec<usize>,
    /// Who runs it, in the order of the list.
    pub runs: Vec<Run>,
    /// Holds an answer to the family's bound, with a reference in f64.
    pub check: Box<dyn Fn(&Tensor) -> Verdict>,
}

/// A contestant with its inputs.
pub struct Run {
    /// What the table calls it.
    pub name: String,
    /// Computes the answer into a tensor of the case's shape.
    pub run: Box<dyn Fn(&mut Tensor)>,
}

impl Run {
    /// A contestant of this name.
    pub fn new(name: &str, run: impl Fn(&mut Tensor) + 'static) -> Run {
        Run { name: name.into(), run: Box::new(run) }
    }
}

/// What the work of a case counts as: what anybody must do for it, whatever they do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Work {
    /// Floating-point operations; a multiply-add is two.
    Flops(u64),
    /// Bytes that must be read or written.
    Bytes(u64),
}

impl Work {
    /// How much of it.
    pub fn amount(self) -> f64 {
        match self {
            Work::Flops(n) | Work::Bytes(n) => n as f64,
        }
    }

    /// The unit of a billion of it in a second.
    pub fn unit(self) -> &'static str {
        match self {
            Work::Flops(_) => "GFLOP/s",
            Work::Bytes(_) => "GB/s",
        }
    }
}

/// How an answer stands to the bound.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The largest error as a share of what the bound allows there: beyond 1 the answer is wrong.
    pub share: f64,
    /// The worst place in words.
    pub worst: String,
}

/// The exact value of an element, and how far an answer may be from it.
#[derive(Clone, Copy, Debug)]
pub struct Expected {
    /// In f64.
    pub value: f64,
    /// The bound on |answer − value|.
    pub within: f64,
}

impl Case {
    /// The answer of contestant `i` (into a tensor of NaN, so that what it leaves out is seen) and how it stands to the bound.
    pub fn verdict(&self, i: usize) -> Verdict {
        let mut y = Tensor::full(&self.shape, f32::NAN);
        (self.runs[i].run)(&mut y);
        if y.shape() != self.shape {
            return Verdict {
                share: f64::INFINITY,
                worst: format!("the shape is {:?}, not {:?}", y.shape(), self.shape),
            };
        }
        (self.check)(&y)
    }
}

/// Holds each element to its bound.
///
/// ```
/// use glassbox_benches::kernels::case::{Expected, within};
/// use glassbox_tensor::tensor;
/// let expected = [Expected { value: 1.0, within: 0.5 }, Expected { value: 2.0, within: 0.0 }];
/// assert_eq!(within(&expected, &tensor![1.25, 2.0]).share, 0.5);
/// assert_eq!(within(&expected, &tensor![1.0, f32::NAN]).share, f64::INFINITY);
/// ```
pub fn within(expected: &[Expected], y: &Tensor) -> Verdict {
    let y = y.to_vec();
    assert_eq!(y.len(), expected.len(), "an answer of {} elements, {} expected", y.len(), expected.len());
    let mut worst = Verdict { share: 0.0, worst: String::from("no error") };
    for (i, (&y, &Expected { value, within })) in y.iter().zip(expected).enumerate() {
        let error = (f64::from(y) - value).abs();
        let share = match error / within {
            _ if error == 0.0 => 0.0,
            share if share.is_nan() => f64::INFINITY,
            share => share,
        };
        if share > worst.share {
            let worst_is = format!("element {i} is {y:e}, exactly {value:e}: off by {error:.2e}, {within:.2e} allowed");
            worst = Verdict { share, worst: worst_is };
        }
    }
    worst
}

/// Half a unit in the last place of 1.
pub const U: f64 = 1.0 / (1u64 << 24) as f64;

/// The least number that an f32 can tell from 0.
pub const TINY: f64 = 1.0 / (1u128 << 127) as f64 / (1u64 << 22) as f64;

/// γₙ = n·u / (1 − n·u), by which the roundings of a sum of n products are bounded (Higham 2002, section 3.1).
///
/// ```
/// assert!(glassbox_benches::kernels::case::gamma(1.0) > 2f64.powi(-24));
/// ```
pub fn gamma(n: f64) -> f64 {
    n * U / (1.0 - n * U)
}

/// A tensor's numbers; those that a case makes lie in one piece.
pub fn numbers(x: &Tensor) -> &[f32] {
    x.as_slice().expect("the inputs of a case are contiguous")
}

/// Puts the engine's own tensor in y's place. The one before is given back first, so that its buffer is used again, as it is
/// where somebody computes step after step.
pub fn replace(y: &mut Tensor, f: impl FnOnce() -> Tensor) {
    *y = Tensor::zeros([0]);
    *y = f();
}
