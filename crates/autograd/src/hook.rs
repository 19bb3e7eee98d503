//! Looking at gradients while they are computed, and changing them on the way.
//!
//! Two things, which PyTorch calls by one name. [`Var::backward_with`] shows every gradient of one sweep as it arrives, and
//! changes nothing: for a histogram, or to find where gradients vanish. [`Var::register_hook`] stands at one place of the
//! graph and may pass on another gradient than the one that arrived: to clip it, scale it, turn it round.

use crate::gradients::Gradients;
use crate::node::{Content, Node};
use crate::sweep::{Mode, Sweep};
use crate::var::{LeafId, Var};
use glassbox_tensor::Tensor;
use std::rc::Rc;

/// What stands at a place of the graph and sees its gradient.
pub(crate) type Hook = Rc<dyn Fn(&Var) -> Option<Var>>;

impl Var {
    /// Calls `hook` with the gradient of this value in every sweep that comes through here, as soon as it is complete. If
    /// the hook returns another one, that goes on in its stead. Several hooks run in the order of their registration, each
    /// on what the one before returned.
    ///
    /// In `backward` the gradient is a constant; in [`grad`](crate::grad) it has a graph, and so has what the hook makes
    /// of it. A leaf that a parameter makes for each use sees the gradient of that use.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::tensor;
    /// let x = Var::input(tensor![1., 2.]);
    /// let h = x.square();
    /// h.register_hook(|dh| Some(-dh)); // the gradient reversal of domain adaptation
    /// assert_eq!(h.sum_all().backward().of(&x), &tensor![-2., -4.]); // −2x
    /// ```
    ///
    /// The graph owns the hook. A hook that owns this variable, or one which is computed from it, keeps the graph alive for
    /// ever; it can hold such a variable weakly:
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::tensor;
    /// use std::rc::Rc;
    /// let x = Rc::new(Var::input(tensor![2.]).named("x"));
    /// let weak = Rc::downgrade(&x);
    /// x.register_hook(move |dx| {
    ///     let x = weak.upgrade()?; // None once x is gone: the gradient goes on as it came
    ///     println!("the gradient of {:?} is {}", x.name(), dx.value());
    ///     None
    /// });
    /// x.exp().sum_all().backward();
    /// ```
    ///
    /// # Panics
    /// For a constant, through which no gradient flows. The sweep panics if the hook returns another shape.
    #[track_caller]
    pub fn register_hook(&self, hook: impl Fn(&Var) -> Option<Var> + 'static) {
        let node = self.node().expect(
            "register_hook: this is a constant, through which no gradient flows; make it a leaf with Var::input, or use a \
             value that depends on one",
        );
        node.notes.borrow_mut().get_or_insert_default().hooks.push(Rc::new(hook));
    }

    /// As [`backward`](Self::backward), and shows every gradient as it arrives: that of this value first, those of the
    /// leaves last, each complete. A leaf that is used twice by its identity, as a tied parameter, arrives twice.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::tensor;
    /// let w = Var::input(tensor![3., 4.]).named("w");
    /// let mut seen = Vec::new();
    /// w.square().sum_all().backward_with(|arrival| {
    ///     seen.push(format!("{arrival} {}", arrival.gradient()));
    /// });
    /// assert_eq!(seen, ["sum [] 1.0", "square [2] [1. 1.]", "leaf w [2] [6. 8.]"]);
    /// ```
    ///
    /// # Panics
    /// As [`backward`](Self::backward).
    #[track_caller]
    pub fn backward_with(&self, mut show: impl FnMut(&Arrival<'_>)) -> Gradients {
        let sweep = Sweep::of(self, "backward_with");
        let mut gradients = Gradients::default();
        sweep.run(Mode::Consume, |node, gradient| {
            show(&Arrival { node, gradient: gradient.value() });
            gradients.collect(node, gradient);
        });
        gradients
    }
}

/// A gradient that is complete: its place in the graph, and its value. Displayed as operation or leaf, name and shape.
///
/// ```
/// use glassbox_autograd::Var;
/// use glassbox_tensor::tensor;
/// let x = Var::input(tensor![3., 4.]).named("x");
/// let h = x.square();
/// let mut arrivals = 0;
/// h.sum_all().backward_with(|arrival| {
///     arrivals += 1;
///     if arrival.is_of(&h) {
///         assert_eq!((arrival.op(), arrival.name()), ("square", None));
///         assert_eq!(arrival.gradient(), &tensor![1., 1.]);
///     }
///     if arrival.leaf_id() == x.leaf_id() {
///         assert_eq!((arrival.op(), arrival.name().as_deref()), ("leaf", Some("x")));
///         assert_eq!(arrival.gradient(), &tensor![6., 8.]);
///     }
/// });
/// assert_eq!(arrivals, 3); // the sum, h, x
/// ```
pub struct Arrival<'a> {
    node: &'a Node,
    gradient: &'a Tensor,
}

impl Arrival<'_> {
    /// The gradient, of the place's shape; after the hooks of the place.
    pub fn gradient(&self) -> &Tensor {
        self.gradient
    }

    /// The name of the operation whose value this is the gradient of, or `leaf`.
    pub fn op(&self) -> &'static str {
        match &*self.node.content.borrow() {
            Content::Op(record) => record.applied.entry().name(),
            Content::Leaf(_) | Content::Consumed => "leaf",
        }
    }

    /// The name of the place, if it has one.
    pub fn name(&self) -> Option<String> {
        self.node.name().map(|name| name.to_string())
    }

    /// The identity, for a leaf.
    pub fn leaf_id(&self) -> Option<LeafId> {
        match &*self.node.content.borrow() {
            Content::Leaf(id) => Some(*id),
            _ => None,
        }
    }

    /// Whether it is the gradient of `x`, or of a clone.
    pub fn is_of(&self, x: &Var) -> bool {
        x.node().is_some_and(|node| node.id == self.node.id)
    }
}

impl std::fmt::Display for Arrival<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = self.name().map_or(String::new(), |name| format!(" {name}"));
        write!(f, "{}{name} {:?}", self.op(), self.gradient.shape())
    }
}

/// What the hooks of a node make of its gradient.
#[track_caller]
pub(crate) fn run(node: &Node, dy: Var) -> Var {
    // Cloned, for a hook may look at its own variable.
    let hooks = node.notes.borrow().as_ref().map_or(Vec::new(), |notes| notes.hooks.clone());
    hooks.iter().fold(dy, |dy, hook| match hook(&dy) {
        None => dy,
        Some(other) => {
            let (is, was) = (other.shape(), dy.shape());
            assert!(
                is == was,
                "register_hook: a hook returned shape {is:?} for a gradient of shape {was:?}; keep the shape"
            );
            other
        }
    })
}
