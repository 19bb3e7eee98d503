//! `Var`: a tensor with a place in the graph.

use crate::node::{Content, Node, record};
use crate::op::{Inline, Op};
use crate::profile::{Span, Work};
use glassbox_tensor::Tensor;
use std::rc::Rc;
use std::sync::Arc;
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

    /// A value and its place in the graph.
    pub(crate) fn at(value: Tensor, node: Option<Rc<Node>>) -> Var {
        Var { value, node }
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
    #[track_caller]
    pub fn leaf(id: LeafId, value: Tensor) -> Var {
        let node = Node::new(value.shape(), Content::Leaf(id));
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
    #[track_caller]
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
            Content::Leaf(id) => Some(*id),
            _ => None,
        }
    }

    /// With a name, by which pictures of the graph, traces and anomaly reports call this place; every clone sees it. A
    /// constant has no place in the graph, and keeps no name.
    ///
    /// ```
    /// use glassbox_autograd::{Var, graph_text};
    /// use glassbox_tensor::tensor;
    /// let w = Var::input(tensor![1., 2.]).named("w");
    /// assert_eq!(graph_text(&w.exp()), "%0 = leaf w  [2]\n%1 = exp(w)  [2]\n");
    /// ```
    pub fn named(self, name: impl Into<Arc<str>>) -> Var {
        if let Some(node) = &self.node {
            node.notes.borrow_mut().get_or_insert_default().name = Some(name.into());
        }
        self
    }

    /// Its name, if it has one.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::tensor;
    /// let w = Var::input(tensor![1.]).named("w");
    /// assert_eq!((w.name().as_deref(), w.exp().name()), (Some("w"), None));
    /// ```
    pub fn name(&self) -> Option<Arc<str>> {
        self.node.as_ref()?.name()
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
    let mut span = Span::operation(O::INFO.name);
    let (value, extra) = op.forward(&values(inputs));
    span.costs(|| work(&op, inputs, &value), value.shape());
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
    let mut span = Span::operation(O::INFO.name);
    let (value, extra) = op.forward(&values(inputs));
    span.costs(|| work(&op, inputs, &value), value.shape());
    let seen = look(&extra);
    (record(op, inputs, value, extra), seen)
}

fn work<O: Op>(op: &O, inputs: &[&Var], y: &Tensor) -> Work {
    let shapes: Inline<&[usize]> = inputs.iter().map(|x| x.shape()).collect();
    Work::writing(y.numel(), (O::INFO.cost)(op, &shapes))
}

fn values<'a>(inputs: &[&'a Var]) -> Inline<&'a Tensor> {
    inputs.iter().map(|x| &x.value).collect()
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
                Content::Leaf(id) => format!("leaf {}", id.0),
                Content::Op(record) => format!("from {}", record.applied.entry().name()),
                Content::Consumed => "its graph was consumed by backward".to_string(),
            },
        };
        write!(f, "Var {:?} ({from})\n{}", self.shape(), self.value)
    }
}
