//! What an operation is: [`Op`], and what passes between it and the graph.

use crate::info::OpInfo;
use crate::node::Edge;
use crate::var::Var;
use glassbox_tensor::Tensor;
use ndarray::ArrayD;
use smallvec::SmallVec;
use std::fmt::Debug;
use std::ops::Range;

/// Inputs, or what belongs to each: inline for the four that operations have at most, on the heap for a concatenation of more.
pub(crate) type Inline<T> = SmallVec<[T; 4]>;

/// A differentiable operation on tensors. All that is not differentiated (axes, ids, masks, keys) is a field of the type
/// which implements this; the method on [`Var`] fixes how many inputs there are, and reads well.
///
/// ```
/// use glassbox_autograd::{Cost, Derivatives, Grads, Input, Keep, Kept, Op, OpInfo, Sample, Tolerance, Var};
/// use glassbox_autograd::{apply, hessian};
/// use glassbox_tensor::{Tensor, tensor};
/// /// y = x³.
/// #[derive(Clone, Debug)]
/// struct Cube;
/// impl Op for Cube {
///     const INFO: &'static OpInfo<Self> = &INFO;
///     type Extra = ();
///     fn keep(&self, _: &[bool]) -> Keep {
///         Keep::input(0)
///     }
///     fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
///         (&(x[0] * x[0]) * x[0], ())
///     }
///     fn backward(&self, kept: &Kept<'_, ()>, dy: &Var, _: &[bool]) -> Grads {
///         [Some(&(3.0 * &kept.x(0).square()) * dy)].into()
///     }
/// }
/// static INFO: OpInfo<Cube> = OpInfo {
///     name: "cube",
///     formula: "y = x³",
///     gradient: "dx = 3 · x² · dy",
///     source: "definition",
///     reference: |_, x| x[0].mapv(|x| x * x * x),
///     sample: |d| Sample::new(Cube, [Input::new(d.shape2())]),
///     standard: |_| Sample::new(Cube, [Input::new([2048, 2048])]),
///     wrong: &[],
///     tolerance: Tolerance::Units(4.0), // two roundings
///     cost: |_, shapes| Cost::elementwise(2, shapes),
///     derivatives: Derivatives::Any,
/// };
/// let x = Var::input(tensor![2., -1.]);
/// let y = apply(Cube, [&x]);
/// assert_eq!(y.value(), &tensor![8., -1.]);
/// assert_eq!(y.sum_all().backward().of(&x), &tensor![12., 3.]);
/// let h = hessian(|x| apply(Cube, [x]).sum_all(), &tensor![2., -1.]); // 6·x: backward is made of operations
/// assert_eq!(h, tensor![[12., 0.], [0., -6.]]);
/// ```
pub trait Op: Clone + Debug + 'static {
    /// What the registry knows of the operation: its checks, its bench, its row in the book all come from here.
    const INFO: &'static OpInfo<Self>;
    /// What else the forward pass hands to the backward pass, and why; `()` when nothing.
    type Extra: 'static;
    /// How much of the gradient is not zero. A check whose gradient is zero passes for the wrong reason, so the harness counts.
    const GRADIENT: Density = Density::Dense;
    /// The input that is only added to the result, as a bias is: its gradient is a sum of dy, and costs no more than that.
    const ADDED: Option<usize> = None;

    /// Which inputs, and whether the output, backward will read; `needs[i]` says whether input i wants a gradient.
    fn keep(&self, needs: &[bool]) -> Keep;

    /// The value.
    ///
    /// # Panics
    /// When the inputs' shapes don't fit, with one sentence that says so at the caller's line (`#[track_caller]`).
    fn forward(&self, x: &[&Tensor]) -> (Tensor, Self::Extra);

    /// The gradient of every needed input, given `dy`, that of the output. Written in [`Var`] operations: on constants it
    /// records nothing, with a graph it can be differentiated again.
    fn backward(&self, kept: &Kept<'_, Self::Extra>, dy: &Var, needs: &[bool]) -> Grads;

    /// The same gradients in fewer passes over memory; used when no graph is asked for.
    fn backward_fused(&self, kept: &Kept<'_, Self::Extra>, dy: &Tensor, needs: &[bool]) -> Option<TensorGrads> {
        let _ = (kept, dy, needs);
        None
    }

    /// Where the operation takes entries of one axis of its only input, so that the gradient is `dy` there and 0 elsewhere:
    /// the axis, and which entries. Where another use of the input has given a gradient before, and no graph is asked for,
    /// the sweep then adds `dy` to it in place: T steps of one sequence cost its gradient once, and not T times.
    fn part(&self) -> Option<(isize, Range<usize>)> {
        None
    }

    /// For an operation whose gradient is not its derivative (straight-through): the function in f64 whose derivative it is.
    /// Gradients are checked against that, values against the reference.
    fn surrogate(&self, x: &[ArrayD<f64>]) -> Option<ArrayD<f64>> {
        let _ = x;
        None
    }
}

/// How much of an operation's gradient is not zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Density {
    /// At least a quarter of the elements, for every input.
    Dense,
    /// Less, for this reason: a maximum passes its gradient to one element.
    Sparse(&'static str),
    /// None of them, for this reason: a sign is constant but for a jump.
    Zero(&'static str),
}

/// Which tensors an operation keeps for its backward pass. What is not kept is freed as soon as nobody else needs it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keep {
    inputs: u32,
    output: bool,
}

impl Keep {
    /// Nothing: shapes are always known.
    pub const NOTHING: Keep = Keep { inputs: 0, output: false };
    /// The output.
    pub const OUTPUT: Keep = Keep { inputs: 0, output: true };

    /// Input `i`, if `wanted`.
    ///
    /// ```
    /// use glassbox_autograd::Keep;
    /// let needs = [true, false]; // a product: da = dy·b and db = dy·a, and nobody wants db
    /// let keep = Keep::NOTHING.input_if(1, needs[0]).input_if(0, needs[1]);
    /// assert!(keep.keeps_input(1) && !keep.keeps_input(0));
    /// ```
    pub fn input_if(self, i: usize, wanted: bool) -> Keep {
        Keep { inputs: self.inputs | (wanted as u32) << i, ..self }
    }

    /// Input `i`.
    ///
    /// ```
    /// use glassbox_autograd::Keep;
    /// assert_eq!(Keep::input(1), Keep::NOTHING.input_if(1, true));
    /// ```
    pub fn input(i: usize) -> Keep {
        Keep::NOTHING.input_if(i, true)
    }

    /// Whether input `i` is kept.
    ///
    /// ```
    /// use glassbox_autograd::Keep;
    /// assert!(Keep::input(0).keeps_input(0) && !Keep::OUTPUT.keeps_input(0));
    /// ```
    pub fn keeps_input(self, i: usize) -> bool {
        self.inputs.checked_shr(i as u32).is_some_and(|bits| bits & 1 == 1)
    }

    /// Whether the output is kept.
    ///
    /// ```
    /// use glassbox_autograd::Keep;
    /// assert!(Keep::OUTPUT.keeps_output() && !Keep::input(0).keeps_output());
    /// ```
    pub fn keeps_output(self) -> bool {
        self.output
    }
}

/// What backward finds: the kept tensors as [`Var`]s (in the graph or constants, as the sweep asks), every input's shape,
/// and the extra that forward left.
pub struct Kept<'a, Extra> {
    pub(crate) vars: KeptVars<'a>,
    /// What forward left.
    pub extra: &'a Extra,
}

/// What of [`Kept`] is the same for every operation.
pub(crate) struct KeptVars<'a> {
    pub(crate) name: &'static str,
    pub(crate) edges: &'a [Edge],
    pub(crate) inputs: Inline<Option<Var>>,
    pub(crate) output: Option<Var>,
}

impl<Extra> Kept<'_, Extra> {
    /// Input `i`.
    ///
    /// # Panics
    /// When `keep` did not ask for it.
    pub fn x(&self, i: usize) -> &Var {
        self.vars.input(i)
    }

    /// The output.
    ///
    /// # Panics
    /// When `keep` did not ask for it.
    pub fn y(&self) -> &Var {
        self.vars.output()
    }

    /// The shape of input `i`.
    ///
    /// # Panics
    /// When there is no such input.
    pub fn shape(&self, i: usize) -> &[usize] {
        self.vars.shape(i)
    }
}

impl KeptVars<'_> {
    fn input(&self, i: usize) -> &Var {
        let kept = self.inputs.get(i).and_then(Option::as_ref);
        kept.unwrap_or_else(|| panic!("{}: backward reads input {i}, which keep() did not ask for", self.name))
    }

    fn output(&self) -> &Var {
        let kept = self.output.as_ref();
        kept.unwrap_or_else(|| panic!("{}: backward reads the output, which keep() did not ask for", self.name))
    }

    fn shape(&self, i: usize) -> &[usize] {
        let edge = self.edges.get(i).unwrap_or_else(|| panic!("{}: there is no input {i}", self.name));
        &edge.shape
    }
}

/// One gradient, or none, for each input; written as `[dx, dw].into()`.
pub type Grads = Each<Var>;
/// As [`Grads`], from a fused backward.
pub type TensorGrads = Each<Tensor>;

/// One `T`, or none, for each input; collected from an iterator where their number is only known when it runs.
#[derive(Debug)]
pub struct Each<T>(pub(crate) Inline<Option<T>>);

impl<T, const N: usize> From<[Option<T>; N]> for Each<T> {
    fn from(some: [Option<T>; N]) -> Self {
        some.into_iter().collect()
    }
}

impl<T> FromIterator<Option<T>> for Each<T> {
    fn from_iter<I: IntoIterator<Item = Option<T>>>(some: I) -> Self {
        Each(some.into_iter().collect())
    }
}

impl Grads {
    /// The same without their graph.
    pub(crate) fn into_values(self) -> TensorGrads {
        self.0.into_iter().map(|g| g.map(Var::into_value)).collect()
    }
}

impl TensorGrads {
    /// The same as constants.
    pub(crate) fn into_constants(self) -> Grads {
        self.0.into_iter().map(|g| g.map(Var::constant)).collect()
    }
}
