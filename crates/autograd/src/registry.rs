//! The registry's entries behind one type: what tests, benches, the book and `explain` ask of any operation.

use crate::info::{Cost, Derivatives, Draw, OpInfo};
use crate::op::Op;
use crate::var::Var;
use glassbox_tensor::Tensor;
use glassbox_tensor::random::Key;

/// An operation, whatever its type.
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
    /// How close to the reference its values are held, in words.
    fn tolerance(&self) -> String;
    /// The tolerance in units of [`UNIT`](crate::UNIT) where it is a measured one; `None` where it is exact or proven.
    fn tolerance_units(&self) -> Option<f64>;
    /// The sentences of its wrong calls.
    fn wrong_calls(&self) -> Vec<&'static str>;
    /// A small worked example, of shapes near these dimensions.
    fn example(&self, dims: &[usize]) -> Example;
    /// The standard problem, ready to be timed.
    fn timed(&self) -> Timed;
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
    /// Computes the value and all gradients of Σ y; `None` when there is no gradient.
    pub forward_backward: Option<Box<dyn Fn()>>,
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

    fn tolerance(&self) -> String {
        match self.tolerance {
            crate::Tolerance::Exact => "exact".into(),
            crate::Tolerance::Units(units) => format!("{units} u·|y|"),
            crate::Tolerance::UnitsOf(units, _) => format!("{units} u·(sum of magnitudes)"),
            crate::Tolerance::Proven(_) => "proven bound".into(),
        }
    }

    fn tolerance_units(&self) -> Option<f64> {
        match self.tolerance {
            crate::Tolerance::Units(units) | crate::Tolerance::UnitsOf(units, _) => Some(units),
            crate::Tolerance::Exact | crate::Tolerance::Proven(_) => None,
        }
    }

    fn wrong_calls(&self) -> Vec<&'static str> {
        self.wrong.iter().map(|wrong| wrong.says).collect()
    }

    fn example(&self, dims: &[usize]) -> Example {
        let sample = (self.sample)(&mut Draw::new(dims));
        let inputs: Vec<Tensor> =
            sample.inputs.iter().enumerate().map(|(i, input)| input.draw(Key::new(i as u64))).collect();
        let refs: Vec<&Tensor> = inputs.iter().collect();
        let output = sample.op.forward(&refs).0;
        let shapes: Vec<&[usize]> = inputs.iter().map(Tensor::shape).collect();
        let cost = (self.cost)(&sample.op, &shapes);
        Example { op: format!("{:?}", sample.op), output, cost, inputs }
    }

    fn timed(&self) -> Timed {
        let sample = (self.standard)(&mut Draw::new([64, 64, 64]));
        let inputs: Vec<Tensor> =
            sample.inputs.iter().enumerate().map(|(i, input)| input.draw(Key::new(i as u64))).collect();
        let shapes: Vec<Vec<usize>> = inputs.iter().map(|x| x.shape().to_vec()).collect();
        let slices: Vec<&[usize]> = shapes.iter().map(Vec::as_slice).collect();
        let cost = (self.cost)(&sample.op, &slices);
        let (op, x) = (sample.op.clone(), inputs.clone());
        let forward = Box::new(move || op.forward(&x.iter().collect::<Vec<_>>()).0);
        let differentiable = !matches!(self.derivatives, Derivatives::Never(_));
        let forward_backward = differentiable.then(|| -> Box<dyn Fn()> {
            Box::new(move || {
                let leaves: Vec<Var> = inputs.iter().map(|x| Var::input(x.clone())).collect();
                drop(apply_slice(sample.op.clone(), &leaves).sum_all().backward());
            })
        });
        Timed { shapes, cost, forward, forward_backward }
    }
}

/// [`apply`](crate::apply) for a number of inputs that is only known when it runs.
///
/// # Panics
/// For no inputs, or more than [`MAX_ARITY`](crate::MAX_ARITY).
#[track_caller]
pub(crate) fn apply_slice<O: Op>(op: O, x: &[Var]) -> Var {
    match x {
        [a] => crate::apply(op, [a]),
        [a, b] => crate::apply(op, [a, b]),
        [a, b, c] => crate::apply(op, [a, b, c]),
        [a, b, c, d] => crate::apply(op, [a, b, c, d]),
        _ => panic!("{}: {} inputs; an operation has 1 to 4", O::INFO.name, x.len()),
    }
}
