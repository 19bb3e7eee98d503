//! `Var`: a tensor with a place in the graph, and the graph itself.

use crate::op::{Grads, Inline, Keep, Kept, KeptVars, Op};
use glassbox_tensor::Tensor;
use glassbox_tensor::shape::Dims;
use ndarray::ArrayD;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The identity of a leaf: what a gradient is asked for by. A parameter keeps its own for life; using it twice in one
/// graph gives two leaf nodes whose gradients are added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeafId(u64);

impl LeafId {
    /// An identity that nobody has had.
    ///
    /// ```
    /// use glassbox_autograd::LeafId;
    /// assert_ne!(LeafId::fresh(), LeafId::fresh());
    /// ```
    pub fn fresh() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        LeafId(NEXT.fetch_add(1, Relaxed))
    }
}

/// A tensor that may have a place in the graph.
///
/// A constant has none and records nothing, so there is no "gradient mode": what depends on no leaf costs no memory.
#[derive(Clone)]
pub struct Var {
    value: Tensor,
    node: Option<Rc<Node>>,
}

/// A place in the graph.
pub(crate) struct Node {
    /// Grows with each node of this thread, so it is a topological order: a node's inputs have smaller ids.
    pub(crate) id: u64,
    pub(crate) shape: Dims,
    pub(crate) content: RefCell<Content>,
}

pub(crate) enum Content {
    /// The identity; and the value, while tracing for a replay in f64.
    Leaf(LeafId, Option<Tensor>),
    Op(Record),
    /// A sweep has taken what was here.
    Consumed,
}

/// One application of an operation.
pub(crate) struct Record {
    pub(crate) inputs: Vec<Edge>,
    pub(crate) applied: Box<dyn Applied>,
}

/// An input of a recorded operation.
pub(crate) struct Edge {
    /// Its node; `None` for a constant.
    pub(crate) node: Option<Rc<Node>>,
    pub(crate) shape: Dims,
    /// Its value, where backward reads it.
    pub(crate) kept: Option<Tensor>,
    /// A constant's value, while tracing for a replay in f64.
    pub(crate) constant: Option<Tensor>,
}

/// An operation with what it kept, behind one type for all.
pub(crate) trait Applied {
    fn name(&self) -> &'static str;
    fn backward(&self, node: &Rc<Node>, inputs: &[Edge], dy: &Var, needs: &[bool], graph: bool) -> Grads;
    /// The value in f64: of the reference, or of the function whose derivative the gradient is, where that is another one.
    fn replay(&self, inputs: &[ArrayD<f64>], surrogate: bool) -> ArrayD<f64>;
}

struct ApplyOf<O: Op> {
    op: O,
    extra: O::Extra,
    /// A tensor, not a `Var`: that would be a cycle which never frees.
    output: Option<Tensor>,
}

impl<O: Op> Applied for ApplyOf<O> {
    fn name(&self) -> &'static str {
        O::INFO.name
    }

    fn backward(&self, node: &Rc<Node>, inputs: &[Edge], dy: &Var, needs: &[bool], graph: bool) -> Grads {
        let kept =
            Kept { vars: kept_vars(O::INFO.name, node, inputs, self.output.as_ref(), graph), extra: &self.extra };
        if !graph && let Some(grads) = self.op.backward_fused(&kept, dy.value(), needs) {
            return grads.into_constants();
        }
        self.op.backward(&kept, dy, needs)
    }

    fn replay(&self, inputs: &[ArrayD<f64>], surrogate: bool) -> ArrayD<f64> {
        let other = if surrogate { self.op.surrogate(inputs) } else { None };
        other.unwrap_or_else(|| (O::INFO.reference)(&self.op, inputs))
    }
}

/// The kept tensors as variables: in their places in the graph, or as constants.
fn kept_vars<'a>(
    name: &'static str,
    node: &Rc<Node>,
    edges: &'a [Edge],
    output: Option<&Tensor>,
    graph: bool,
) -> KeptVars<'a> {
    let var = |value: &Tensor, node: Option<&Rc<Node>>| Var {
        value: value.clone(),
        node: if graph { node.cloned() } else { None },
    };
    let inputs = edges.iter().map(|edge| edge.kept.as_ref().map(|value| var(value, edge.node.as_ref()))).collect();
    KeptVars { name, edges, inputs, output: output.map(|value| var(value, Some(node))) }
}

thread_local! {
    static NEXT_NODE: Cell<u64> = const { Cell::new(0) };
    static TRACING: Cell<bool> = const { Cell::new(false) };
}

/// Runs `f` while every leaf holds its value and every recorded operation its constant inputs, so that the graph can be
/// replayed.
pub(crate) fn traced<R>(f: impl FnOnce() -> R) -> R {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            TRACING.set(self.0);
        }
    }
    let _restore = Restore(TRACING.replace(true));
    f()
}

fn new_node(shape: &[usize], content: Content) -> Rc<Node> {
    let id = NEXT_NODE.get();
    NEXT_NODE.set(id + 1);
    Rc::new(Node { id, shape: Dims::new(shape), content: RefCell::new(content) })
}

impl Var {
    /// A tensor outside the graph.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::tensor;
    /// assert!(!Var::constant(tensor![1., 2.]).exp().is_recorded()); // nothing to differentiate, nothing to remember
    /// ```
    pub fn constant(value: Tensor) -> Var {
        Var { value, node: None }
    }

    /// A leaf of a given identity.
    ///
    /// ```
    /// use glassbox_autograd::{LeafId, Var};
    /// use glassbox_tensor::tensor;
    /// let (id, w) = (LeafId::fresh(), tensor![2.]); // a parameter: it keeps its identity, each use makes a leaf
    /// let y = (&Var::leaf(id, w.clone()) * &Var::leaf(id, w)).sum_all(); // w²
    /// assert_eq!(y.backward().get(id), Some(&tensor![4.])); // 2w: both uses in one gradient
    /// ```
    pub fn leaf(id: LeafId, value: Tensor) -> Var {
        let traced = TRACING.get().then(|| value.clone());
        let node = new_node(value.shape(), Content::Leaf(id, traced));
        Var { value, node: Some(node) }
    }

    /// A leaf of its own, whose gradient can be asked for.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::tensor;
    /// let x = Var::input(tensor![3.]);
    /// assert_eq!(x.square().sum_all().backward().of(&x), &tensor![6.]);
    /// ```
    pub fn input(value: Tensor) -> Var {
        Var::leaf(LeafId::fresh(), value)
    }

    /// The value.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::tensor;
    /// assert_eq!(Var::input(tensor![1., -2.]).relu().value(), &tensor![1., 0.]);
    /// ```
    pub fn value(&self) -> &Tensor {
        &self.value
    }

    /// The value, without the graph.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::tensor;
    /// assert_eq!(Var::constant(tensor![4.]).square().into_value(), tensor![16.]);
    /// ```
    pub fn into_value(self) -> Tensor {
        self.value
    }

    /// The same value as a constant: no gradient flows through it.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::tensor;
    /// let x = Var::input(tensor![3.]);
    /// let y = (&x.detach() * &x).sum_all(); // as if one of the factors were a number
    /// assert_eq!(y.backward().of(&x), &tensor![3.]);
    /// ```
    pub fn detach(&self) -> Var {
        Var::constant(self.value.clone())
    }

    /// The length of each axis.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::Tensor;
    /// assert_eq!(Var::constant(Tensor::ones([2, 3])).t().shape(), [3, 2]);
    /// ```
    pub fn shape(&self) -> &[usize] {
        self.value.shape()
    }

    /// The number of axes.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::Tensor;
    /// assert_eq!(Var::constant(Tensor::ones([2, 3])).sum_all().rank(), 0);
    /// ```
    pub fn rank(&self) -> usize {
        self.value.rank()
    }

    /// The only element.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::tensor;
    /// assert_eq!(Var::constant(tensor![1., 2.]).sum_all().item(), 3.0);
    /// ```
    ///
    /// # Panics
    /// When there is not exactly one.
    #[track_caller]
    pub fn item(&self) -> f32 {
        self.value.item()
    }

    /// Whether gradients flow through it.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::tensor;
    /// let x = Var::input(tensor![1.]);
    /// assert!(x.exp().is_recorded() && !x.exp().detach().is_recorded());
    /// ```
    pub fn is_recorded(&self) -> bool {
        self.node.is_some()
    }

    /// The identity, for a leaf.
    ///
    /// ```
    /// use glassbox_autograd::{LeafId, Var};
    /// use glassbox_tensor::tensor;
    /// let id = LeafId::fresh();
    /// let x = Var::leaf(id, tensor![1.]);
    /// assert_eq!((x.leaf_id(), x.exp().leaf_id()), (Some(id), None));
    /// ```
    pub fn leaf_id(&self) -> Option<LeafId> {
        match &*self.node.as_ref()?.content.borrow() {
            Content::Leaf(id, _) => Some(*id),
            _ => None,
        }
    }

    pub(crate) fn node(&self) -> Option<&Rc<Node>> {
        self.node.as_ref()
    }
}

/// Runs an operation, and records it when an input is recorded. This is what every method on [`Var`] ends in.
///
/// ```
/// use glassbox_autograd::{Var, apply, ops::exp::Exp};
/// use glassbox_tensor::tensor;
/// let x = Var::input(tensor![0.]);
/// assert_eq!(apply(Exp, [&x]).value(), x.exp().value()); // all of `Var::exp`
/// ```
///
/// # Panics
/// When the inputs' shapes don't fit.
#[track_caller]
pub fn apply<O: Op, const N: usize>(op: O, inputs: [&Var; N]) -> Var {
    apply_many(op, &inputs)
}

/// [`apply`] for a number of inputs that is only known when it runs: a concatenation.
///
/// ```
/// use glassbox_autograd::{Var, apply_many, ops::add::Add};
/// use glassbox_tensor::tensor;
/// let x = [Var::input(tensor![1.]), Var::input(tensor![2.])];
/// let inputs: Vec<&Var> = x.iter().collect();
/// assert_eq!(apply_many(Add, &inputs).item(), 3.0);
/// ```
///
/// # Panics
/// As [`apply`].
#[track_caller]
pub fn apply_many<O: Op>(op: O, inputs: &[&Var]) -> Var {
    let (value, extra) = op.forward(&values(inputs));
    record(op, inputs, value, extra)
}

/// [`apply`], with a look at what forward left for backward: the order of a sort, the statistics of a batch.
///
/// ```
/// use glassbox_autograd::{Var, apply_with, ops::exp::Exp};
/// use glassbox_tensor::tensor;
/// let (y, seen) = apply_with(Exp, &[&Var::constant(tensor![0.])], |extra| format!("{extra:?}"));
/// assert_eq!((y.item(), &seen[..]), (1.0, "()")); // exp leaves nothing behind
/// ```
///
/// # Panics
/// As [`apply`].
#[track_caller]
pub fn apply_with<O: Op, R>(op: O, inputs: &[&Var], look: impl FnOnce(&O::Extra) -> R) -> (Var, R) {
    let (value, extra) = op.forward(&values(inputs));
    let seen = look(&extra);
    (record(op, inputs, value, extra), seen)
}

fn values<'a>(inputs: &[&'a Var]) -> Inline<&'a Tensor> {
    inputs.iter().map(|x| &x.value).collect()
}

/// The value with its place in the graph, if an input has one.
fn record<O: Op>(op: O, inputs: &[&Var], value: Tensor, extra: O::Extra) -> Var {
    let needs: Inline<bool> = inputs.iter().map(|x| x.node.is_some()).collect();
    if !needs.contains(&true) {
        return Var::constant(value);
    }
    let keep = op.keep(&needs);
    let output = keep.keeps_output().then(|| value.clone());
    let node = new_node(value.shape(), Content::Op(edges(inputs, keep, Box::new(ApplyOf { op, extra, output }))));
    Var { value, node: Some(node) }
}

fn edges(inputs: &[&Var], keep: Keep, applied: Box<dyn Applied>) -> Record {
    let tracing = TRACING.get();
    let edge = |(i, x): (usize, &&Var)| Edge {
        node: x.node.clone(),
        shape: Dims::new(x.shape()),
        kept: keep.keeps_input(i).then(|| x.value.clone()),
        constant: (tracing && x.node.is_none()).then(|| x.value.clone()),
    };
    Record { inputs: inputs.iter().enumerate().map(edge).collect(), applied }
}

/// Frees a chain of nodes in a loop: recursion would overflow the stack of a graph a million nodes deep.
impl Drop for Node {
    fn drop(&mut self) {
        fn take(content: &mut Content, pending: &mut Vec<Rc<Node>>) {
            if let Content::Op(record) = content {
                pending.extend(record.inputs.drain(..).filter_map(|edge| edge.node));
            }
        }
        let mut pending = Vec::new();
        take(self.content.get_mut(), &mut pending);
        while let Some(node) = pending.pop() {
            // The last owner takes the node's inputs, so that its own drop finds none.
            if let Some(mut node) = Rc::into_inner(node) {
                take(node.content.get_mut(), &mut pending);
            }
        }
    }
}

impl std::fmt::Display for Var {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.value.fmt(f)
    }
}

/// The shape, the value, and where it comes from.
impl std::fmt::Debug for Var {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let from = match self.node.as_ref().map(|node| node.content.borrow()) {
            None => "constant".to_string(),
            Some(content) => match &*content {
                Content::Leaf(id, _) => format!("leaf {}", id.0),
                Content::Op(record) => format!("from {}", record.applied.name()),
                Content::Consumed => "its graph was consumed by backward".to_string(),
            },
        };
        write!(f, "Var {:?} ({from})\n{}", self.shape(), self.value)
    }
}
