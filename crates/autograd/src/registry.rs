//! The registry's entries behind one type: what tests, benches, the book and `explain` ask of any operation.

use crate::gradients::Gradients;
use crate::info::{Cost, Derivatives, Draw, Input, OpInfo, Sample, Tolerance, UNIT, Wrong};
use crate::op::{Density, Op};
use crate::var::{Var, apply_many};
use glassbox_tensor::Tensor;
use glassbox_tensor::random::Key;
use ndarray::ArrayD;
use std::fmt::{self, Debug, Formatter};
use std::rc::Rc;

/// An operation, whatever its type.
///
/// ```
/// use glassbox_autograd::{Closeness, OpEntry, ops};
/// let entries: [&dyn OpEntry; 2] = [&ops::add::INFO, &ops::mul::INFO]; // two types in one list
/// assert_eq!(entries.map(|op| op.formula()), ["y = a + b", "y = a · b, element by element"]);
/// assert!(entries.iter().all(|op| op.closeness() == Closeness::Exact)); // one rounding each
/// ```
pub trait OpEntry: Sync {
    /// The name.
    fn name(&self) -> &'static str;
    /// The forward formula.
    fn formula(&self) -> &'static str;
    /// The backward formulas.
    fn gradient(&self) -> &'static str;
    /// Where the mathematics is from.
    fn source(&self) -> &'static str;
    /// How often it can be differentiated.
    fn derivatives(&self) -> Derivatives;
    /// How close to the reference its values are held.
    fn closeness(&self) -> Closeness;
    /// How much of its gradient is not zero.
    fn density(&self) -> Density;
    /// Calls that are mistakes.
    fn wrong(&self) -> &'static [Wrong];
    /// A sample of the operation, with its inputs drawn from `key`.
    fn sample(&self, draw: &mut Draw, key: Key) -> Drawn;
    /// The standard problem, which is timed.
    fn standard(&self, key: Key) -> Drawn;
}

/// An operation's value, whatever its type. The harness is written against this, so it is compiled once and not for each
/// operation.
pub trait AnyOp: Debug {
    /// The value.
    fn forward(&self, x: &[&Tensor]) -> Tensor;
    /// [`apply`](crate::apply).
    fn apply(&self, x: &[&Var]) -> Var;
    /// The value by the f64 reference.
    fn reference(&self, x: &[ArrayD<f64>]) -> ArrayD<f64>;
    /// What one unit of deviation is for each element of the value, whose reference is `r`, and how many are allowed.
    fn allowed(&self, x: &[ArrayD<f64>], r: &ArrayD<f64>) -> (ArrayD<f64>, f64);
    /// What a call costs.
    fn cost(&self, shapes: &[&[usize]]) -> Cost;
}

/// An operation with inputs to run it on.
pub struct Drawn {
    /// The operation.
    pub op: Box<dyn AnyOp>,
    /// Its inputs.
    pub x: Vec<Tensor>,
}

impl Drawn {
    /// A sample with inputs drawn from `key`: for sizes other than an entry's own.
    ///
    /// ```
    /// use glassbox_autograd::{Drawn, Input, Sample, ops::matmul::MatMul};
    /// use glassbox_tensor::random::Key;
    /// let drawn = Drawn::new(Sample::new(MatMul, [Input::new([3, 4]), Input::new([4, 5])]), Key::new(0));
    /// assert_eq!((drawn.run().shape(), drawn.cost().flops), (&[3, 5][..], 2 * 3 * 4 * 5));
    /// ```
    pub fn new<O: Op>(sample: Sample<O>, key: Key) -> Drawn {
        Drawn { op: Box::new(Erased(sample.op)), x: values(&sample.inputs, key) }
    }

    /// The value.
    ///
    /// ```
    /// use glassbox_autograd::{Draw, OpEntry, ops::relu};
    /// use glassbox_tensor::random::Key;
    /// let drawn = relu::INFO.sample(&mut Draw::new([2, 3]), Key::new(0));
    /// assert_eq!(drawn.run(), drawn.x[0].relu());
    /// ```
    pub fn run(&self) -> Tensor {
        self.run_on(&self.x)
    }

    /// The value for other inputs.
    ///
    /// ```
    /// use glassbox_autograd::{Draw, OpEntry, ops::relu};
    /// use glassbox_tensor::{random::Key, tensor};
    /// let drawn = relu::INFO.sample(&mut Draw::new([2, 3]), Key::new(0));
    /// assert_eq!(drawn.run_on(&[tensor![-1., 2.]]), tensor![0., 2.]);
    /// ```
    pub fn run_on(&self, x: &[Tensor]) -> Tensor {
        self.op.forward(&x.iter().collect::<Vec<_>>())
    }

    /// What a call costs.
    ///
    /// ```
    /// use glassbox_autograd::{Draw, OpEntry, ops::add};
    /// use glassbox_tensor::random::Key;
    /// let drawn = add::INFO.standard(Key::new(0)); // 2048² each
    /// assert_eq!(drawn.cost().bytes, 3 * 4 * 2048 * 2048);
    /// ```
    pub fn cost(&self) -> Cost {
        self.op.cost(&self.x.iter().map(Tensor::shape).collect::<Vec<_>>())
    }

    /// The operation and its inputs' shapes.
    ///
    /// ```
    /// use glassbox_autograd::{Draw, OpEntry, ops::exp};
    /// use glassbox_tensor::random::Key;
    /// let drawn = exp::INFO.sample(&mut Draw::new([2, 3]), Key::new(0));
    /// assert_eq!(drawn.describe(), "Exp on shapes [[2, 3]]");
    /// ```
    pub fn describe(&self) -> String {
        let shapes: Vec<_> = self.x.iter().map(Tensor::shape).collect();
        format!("{:?} on shapes {shapes:?}", self.op)
    }
}

/// An operation on given inputs, with what it costs.
#[derive(Clone, Debug)]
pub struct Example {
    /// The operation's value, as Rust prints it.
    pub op: String,
    /// The inputs.
    pub inputs: Vec<Tensor>,
    /// The output.
    pub output: Tensor,
    /// What it costs.
    pub cost: Cost,
}

/// What a benchmark runs.
pub struct Timed {
    /// The inputs' shapes.
    pub shapes: Vec<Vec<usize>>,
    /// The forward pass' costs.
    pub cost: Cost,
    /// Computes the value.
    pub forward: Box<dyn Fn() -> Tensor>,
    /// Computes the value and all gradients of Σ y, in the order of the inputs; `None` when there is no gradient.
    pub forward_backward: Option<Box<dyn Fn() -> Gradients>>,
}

impl Timed {
    /// An operation on given inputs, with the gradients of all of them if it has any.
    ///
    /// ```
    /// use glassbox_autograd::{Drawn, Input, Sample, Timed, ops::square::Square};
    /// use glassbox_tensor::random::Key;
    /// let drawn = Drawn::new(Sample::new(Square, [Input::new([2, 3])]), Key::new(0));
    /// let dx = &drawn.x[0] * &glassbox_tensor::tensor![2.0];
    /// let timed = Timed::new(drawn, true);
    /// let grads = (timed.forward_backward.unwrap())();
    /// assert_eq!(grads.iter().next().unwrap().1, &dx);
    /// ```
    pub fn new(drawn: Drawn, differentiable: bool) -> Timed {
        let drawn = Rc::new(drawn);
        let shapes = drawn.x.iter().map(|x| x.shape().to_vec()).collect();
        let forward_backward = differentiable.then(|| -> Box<dyn Fn() -> Gradients> {
            let drawn = drawn.clone();
            Box::new(move || {
                let leaves: Vec<Var> = drawn.x.iter().map(|x| Var::input(x.clone())).collect();
                drawn.op.apply(&leaves.iter().collect::<Vec<_>>()).sum_all().backward()
            })
        });
        let cost = drawn.cost();
        Timed { shapes, cost, forward: Box::new(move || drawn.run()), forward_backward }
    }
}

impl dyn OpEntry + '_ {
    /// How close to the reference its values are held, in words.
    ///
    /// ```
    /// use glassbox_autograd::{OpEntry, ops::{add, matmul}};
    /// let entries: [&dyn OpEntry; 2] = [&add::INFO, &matmul::INFO];
    /// assert_eq!(entries.map(|op| op.tolerance()), ["exact", "proven bound"]);
    /// ```
    pub fn tolerance(&self) -> String {
        match self.closeness() {
            Closeness::Exact => "exact".into(),
            Closeness::Units(units) => format!("{units} u·|y|"),
            Closeness::UnitsOf(units) => format!("{units} u·(sum of magnitudes)"),
            Closeness::Proven => "proven bound".into(),
        }
    }

    /// The tolerance in units of [`UNIT`] where it is a measured one; `None` where it is exact or proven.
    ///
    /// ```
    /// use glassbox_autograd::{OpEntry, ops::matmul};
    /// let op: &dyn OpEntry = &matmul::INFO;
    /// assert_eq!(op.tolerance_units(), None); // a theorem, not a measurement
    /// ```
    pub fn tolerance_units(&self) -> Option<f64> {
        match self.closeness() {
            Closeness::Units(units) | Closeness::UnitsOf(units) => Some(units),
            Closeness::Exact | Closeness::Proven => None,
        }
    }

    /// The sentences of its wrong calls.
    ///
    /// ```
    /// use glassbox_autograd::{OpEntry, ops::softmax};
    /// let op: &dyn OpEntry = &softmax::INFO;
    /// assert!(op.wrong_calls()[0].starts_with("softmax: axis 2 is out of range"));
    /// ```
    pub fn wrong_calls(&self) -> Vec<&'static str> {
        self.wrong().iter().map(|wrong| wrong.says).collect()
    }

    /// A small worked example, of shapes near these dimensions.
    ///
    /// ```
    /// use glassbox_autograd::{OpEntry, ops::relu};
    /// let op: &dyn OpEntry = &relu::INFO;
    /// let example = op.example(&[2, 3]);
    /// assert_eq!(example.output, example.inputs[0].relu());
    /// ```
    pub fn example(&self, dims: &[usize]) -> Example {
        let drawn = self.sample(&mut Draw::new(dims), Key::new(0));
        Example { op: format!("{:?}", drawn.op), output: drawn.run(), cost: drawn.cost(), inputs: drawn.x }
    }

    /// The standard problem, ready to be timed.
    ///
    /// ```
    /// use glassbox_autograd::{OpEntry, ops::relu};
    /// let op: &dyn OpEntry = &relu::INFO;
    /// let timed = op.timed();
    /// assert_eq!((timed.forward)().shape(), timed.shapes[0]);
    /// ```
    pub fn timed(&self) -> Timed {
        Timed::new(self.standard(Key::new(0)), !matches!(self.derivatives(), Derivatives::Never(_)))
    }
}

/// [`Tolerance`] without the operation's type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Closeness {
    /// Bit for bit.
    Exact,
    /// Units of the value.
    Units(f64),
    /// Units of a magnitude.
    UnitsOf(f64),
    /// A theorem.
    Proven,
}

impl<O: Op> OpEntry for OpInfo<O> {
    fn name(&self) -> &'static str {
        self.name
    }
    fn formula(&self) -> &'static str {
        self.formula
    }
    fn gradient(&self) -> &'static str {
        self.gradient
    }
    fn source(&self) -> &'static str {
        self.source
    }
    fn derivatives(&self) -> Derivatives {
        self.derivatives
    }
    fn closeness(&self) -> Closeness {
        match self.tolerance {
            Tolerance::Exact => Closeness::Exact,
            Tolerance::Units(units) => Closeness::Units(units),
            Tolerance::UnitsOf(units, _) => Closeness::UnitsOf(units),
            Tolerance::Proven(_) => Closeness::Proven,
        }
    }
    fn density(&self) -> Density {
        O::GRADIENT
    }
    fn wrong(&self) -> &'static [Wrong] {
        self.wrong
    }
    fn sample(&self, draw: &mut Draw, key: Key) -> Drawn {
        Drawn::new((self.sample)(draw), key)
    }
    fn standard(&self, key: Key) -> Drawn {
        Drawn::new((self.standard)(&mut Draw::new([64, 64, 64])), key)
    }
}

fn values(inputs: &[Input], key: Key) -> Vec<Tensor> {
    inputs.iter().enumerate().map(|(i, input)| input.draw(key.fold(i as u64))).collect()
}

/// An operation whose type nobody needs to know.
struct Erased<O>(O);

impl<O: Op> Debug for Erased<O> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<O: Op> AnyOp for Erased<O> {
    fn forward(&self, x: &[&Tensor]) -> Tensor {
        self.0.forward(x).0
    }
    fn apply(&self, x: &[&Var]) -> Var {
        apply_many(self.0.clone(), x)
    }
    fn reference(&self, x: &[ArrayD<f64>]) -> ArrayD<f64> {
        (O::INFO.reference)(&self.0, x)
    }
    fn allowed(&self, x: &[ArrayD<f64>], r: &ArrayD<f64>) -> (ArrayD<f64>, f64) {
        /// The smallest positive f32, which an exact result can be off by when it underflows.
        const TINY: f64 = 1.401298464324817e-45;
        match &O::INFO.tolerance {
            Tolerance::Exact => (r.mapv(|_| 0.0), 0.0),
            Tolerance::Units(units) => (r.mapv(|r| r.abs() * UNIT + TINY), *units),
            Tolerance::UnitsOf(units, magnitude) => (magnitude(&self.0, x).mapv(|m| m * UNIT + TINY), *units),
            Tolerance::Proven(bound) => (bound(&self.0, x), 1.0),
        }
    }
    fn cost(&self, shapes: &[&[usize]]) -> Cost {
        (O::INFO.cost)(&self.0, shapes)
    }
}
