//! What the registry knows of an operation: one [`OpInfo`] drives its tests, its bench and its page in the book.

use crate::op::Op;
use glassbox_tensor::Tensor;
use glassbox_tensor::random::Key;
use ndarray::ArrayD;
use std::ops::Range;

/// One operation's entry: what it computes, how it is proven, what it costs.
///
/// ```
/// use glassbox_autograd::{Draw, ops::square::INFO};
/// use ndarray::array;
/// let sample = (INFO.sample)(&mut Draw::new([2, 3])); // the operation, and inputs of shapes near these
/// assert_eq!(sample.inputs[0].shape, [2, 3]);
/// let y = (INFO.reference)(&sample.op, &[array![3.0, -0.5].into_dyn()]);
/// assert_eq!(y, array![9.0, 0.25].into_dyn());
/// assert_eq!((INFO.cost)(&sample.op, &[&[2, 3]]).bytes, 4 * (6 + 6)); // read, and written
/// ```
pub struct OpInfo<O: Op> {
    /// The name, which is the file's.
    pub name: &'static str,
    /// The forward formula.
    pub formula: &'static str,
    /// The backward formulas, in the same names.
    pub gradient: &'static str,
    /// Where the mathematics is from.
    pub source: &'static str,
    /// The value by naive loops in f64: the specification, and what gradients are checked against.
    pub reference: fn(&O, &[ArrayD<f64>]) -> ArrayD<f64>,
    /// Draws a sample: the operation's own fields, and inputs of fitting shapes built from [`Draw::dim`].
    pub sample: fn(&mut Draw) -> Sample<O>,
    /// The sample which is timed, and explained with its costs.
    pub standard: fn(&mut Draw) -> Sample<O>,
    /// Wrong calls, and the sentences that they give.
    pub wrong: &'static [Wrong],
    /// How far from the reference a value may lie.
    pub tolerance: Tolerance<O>,
    /// The arithmetic and the memory traffic that a call must have.
    pub cost: fn(&O, &[&[usize]]) -> Cost,
    /// How often it can be differentiated.
    pub derivatives: Derivatives,
}

/// An operation with inputs to run it on.
pub struct Sample<O> {
    /// The operation's value.
    pub op: O,
    /// Its inputs.
    pub inputs: Vec<Input>,
}

impl<O> Sample<O> {
    /// A sample.
    ///
    /// ```
    /// use glassbox_autograd::{Input, Sample, ops::exp::Exp};
    /// let sample = Sample::new(Exp, [Input::new([2, 3])]);
    /// assert_eq!(sample.inputs[0].shape, [2, 3]);
    /// ```
    pub fn new(op: O, inputs: impl Into<Vec<Input>>) -> Self {
        Self { op, inputs: inputs.into() }
    }
}

/// An input's shape and the range its values are drawn from.
#[derive(Clone, Debug)]
pub struct Input {
    /// The shape.
    pub shape: Vec<usize>,
    /// Values are uniform in this range…
    pub range: Range<f32>,
    /// …but not within 0.05 of a kink, where the derivative jumps.
    pub kinks: &'static [f32],
}

impl Input {
    /// Values in −2…2.
    ///
    /// ```
    /// use glassbox_autograd::Input;
    /// assert_eq!(Input::new([2, 3]).range, -2.0..2.0);
    /// ```
    pub fn new(shape: impl AsRef<[usize]>) -> Self {
        Self::within(shape, -2.0..2.0)
    }

    /// Values in a range.
    ///
    /// ```
    /// use glassbox_autograd::Input;
    /// use glassbox_tensor::random::Key;
    /// let x = Input::within([100], 1.0..4.0).draw(Key::new(0)); // for a logarithm
    /// assert!(x.to_vec().iter().all(|x| (1.0..4.0).contains(x)));
    /// ```
    pub fn within(shape: impl AsRef<[usize]>, range: Range<f32>) -> Self {
        Self { shape: shape.as_ref().to_vec(), range, kinks: &[] }
    }

    /// Staying away from kinks.
    ///
    /// ```
    /// use glassbox_autograd::Input;
    /// use glassbox_tensor::random::Key;
    /// let x = Input::new([1000]).avoiding(&[0.0]).draw(Key::new(0)); // for a rectifier
    /// assert!(x.to_vec().iter().all(|x| x.abs() > 0.049));
    /// ```
    pub fn avoiding(self, kinks: &'static [f32]) -> Self {
        Self { kinks, ..self }
    }

    /// The values: a function of `key` alone.
    ///
    /// ```
    /// use glassbox_autograd::Input;
    /// use glassbox_tensor::random::Key;
    /// let input = Input::new([4]);
    /// assert_eq!(input.draw(Key::new(1)), input.draw(Key::new(1)));
    /// ```
    pub fn draw(&self, key: Key) -> Tensor {
        const MARGIN: f32 = 0.05;
        let mut x = Tensor::rand(&self.shape, key);
        for v in x.make_mut() {
            *v = self.range.start + *v * (self.range.end - self.range.start);
            if let Some(kink) = self.kinks.iter().find(|k| (*v - **k).abs() < MARGIN) {
                *v = if *v < *kink { kink - MARGIN } else { kink + MARGIN };
            }
        }
        x
    }
}

/// Where a sample's dimensions come from: drawn and shrunk by proptest, or set by the harness to go beyond every block.
#[derive(Clone, Debug)]
pub struct Draw {
    dims: Vec<usize>,
    next: usize,
}

impl Draw {
    /// Hands out these dimensions one after the other, then from the beginning again.
    ///
    /// ```
    /// use glassbox_autograd::Draw;
    /// let mut draw = Draw::new([5, 7]);
    /// assert_eq!([draw.dim(), draw.dim(), draw.dim()], [5, 7, 5]);
    /// ```
    pub fn new(dims: impl Into<Vec<usize>>) -> Self {
        Self { dims: dims.into(), next: 0 }
    }

    /// The next dimension; may be 0 or 1.
    ///
    /// ```
    /// assert_eq!(glassbox_autograd::Draw::new([5]).dim(), 5);
    /// ```
    pub fn dim(&mut self) -> usize {
        let dim = self.dims[self.next % self.dims.len()];
        self.next += 1;
        dim
    }

    /// A choice among `n`.
    ///
    /// ```
    /// assert_eq!(glassbox_autograd::Draw::new([5]).choice(3), 2); // one of 0, 1, 2
    /// ```
    pub fn choice(&mut self, n: usize) -> usize {
        self.dim() % n
    }

    /// Two dimensions.
    ///
    /// ```
    /// assert_eq!(glassbox_autograd::Draw::new([5, 7]).shape2(), [5, 7]);
    /// ```
    pub fn shape2(&mut self) -> [usize; 2] {
        [self.dim(), self.dim()]
    }

    /// Two shapes that broadcast against each other, and not always trivially: (a, b) with one of (a, b), (b), (1, b), (a, 1).
    ///
    /// ```
    /// use glassbox_autograd::Draw;
    /// use glassbox_tensor::shape::broadcast;
    /// let [a, b] = Draw::new([5, 7, 2, 0]).broadcast_pair();
    /// assert_eq!(*broadcast(&a, &b).unwrap(), [5, 7]);
    /// ```
    pub fn broadcast_pair(&mut self) -> [Vec<usize>; 2] {
        let [a, b] = self.shape2();
        let other = match self.choice(4) {
            0 => vec![a, b],
            1 => vec![b],
            2 => vec![1, b],
            _ => vec![a, 1],
        };
        if self.choice(2) == 0 { [vec![a, b], other] } else { [other, vec![a, b]] }
    }
}

/// A call which is a mistake, and the sentence that it panics with.
pub struct Wrong {
    /// The call.
    pub call: fn(),
    /// The sentence, exactly.
    pub says: &'static str,
}

/// How far a value y may lie from the reference r, with u = 2⁻²⁴ (half a unit in the last place of 1).
pub enum Tolerance<O> {
    /// Bit for bit the reference rounded to f32.
    Exact,
    /// |y − r| ≤ units · u · |r| (and 2⁻¹⁴⁹, the smallest float). At most 8 times the largest error measured.
    Units(f64),
    /// |y − r| ≤ units · u · magnitude, where cancellation makes the result smaller than what went into it. At most 8
    /// times the largest error measured.
    UnitsOf(f64, fn(&O, &[ArrayD<f64>]) -> ArrayD<f64>),
    /// |y − r| ≤ bound, which is a theorem and not a measurement.
    Proven(fn(&O, &[ArrayD<f64>]) -> ArrayD<f64>),
}

/// 2⁻²⁴, the unit roundoff of f32.
pub const UNIT: f64 = 1.0 / (1u64 << 24) as f64;

/// γₙ = n·u/(1 − n·u): n roundings one after the other move a value by no more than this share of it, whatever their order
/// (Higham 2002, Accuracy and Stability of Numerical Algorithms, lemma 3.1).
///
/// ```
/// use glassbox_autograd::gamma;
/// assert_eq!(gamma(1048576.0), 1.0 / 15.0); // n·u = 2²⁰·2⁻²⁴ = 1/16
/// ```
pub fn gamma(n: f64) -> f64 {
    n * UNIT / (1.0 - n * UNIT)
}

/// What a call must do, whoever computes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Additions, multiplications and their like; a transcendental function counts once.
    pub flops: u64,
    /// Bytes that must be read and written. A view costs nothing.
    pub bytes: u64,
}

impl Cost {
    /// Of an elementwise operation that broadcasts: each input read once, the output written once.
    ///
    /// ```
    /// use glassbox_autograd::Cost;
    /// let cost = Cost::elementwise(1, &[&[8, 4], &[4]]); // a sum: 32 additions; 32 + 4 floats read, 32 written
    /// assert_eq!((cost.flops, cost.bytes), (32, 4 * 68));
    /// ```
    pub fn elementwise(flops_per_element: u64, shapes: &[&[usize]]) -> Cost {
        let count = |shape: &[usize]| shape.iter().product::<usize>() as u64;
        let out = shapes.iter().fold(glassbox_tensor::shape::Dims::new(&[]), |out, s| {
            glassbox_tensor::shape::broadcast(&out, s).unwrap_or(out)
        });
        let read: u64 = shapes.iter().map(|s| count(s)).sum();
        Cost { flops: flops_per_element * count(&out), bytes: 4 * (read + count(&out)) }
    }

    /// Of a view: nothing.
    pub const VIEW: Cost = Cost { flops: 0, bytes: 0 };
}

/// The cost of several.
impl std::iter::Sum for Cost {
    fn sum<I: Iterator<Item = Cost>>(costs: I) -> Cost {
        costs.fold(Cost::VIEW, |sum, cost| Cost { flops: sum.flops + cost.flops, bytes: sum.bytes + cost.bytes })
    }
}

/// How often an operation can be differentiated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Derivatives {
    /// As often as one likes.
    Any,
    /// Once, for this reason.
    Once(&'static str),
    /// Not at all, for this reason: an optimiser's step, a random fill.
    Never(&'static str),
}
