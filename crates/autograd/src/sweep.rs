//! Reverse-mode differentiation: one iterative sweep from a value back to what it depends on.
//!
//! Nodes wait in a map by id; the largest is taken first. Ids grow with creation, so when a node is taken, everything that
//! used it has already added to its gradient (Griewank & Walther, *Evaluating Derivatives*, 2008, chapter 3).

use crate::gradients::Gradients;
use crate::info::{Cost, Derivatives};
use crate::node::{Content, Node, Record};
use crate::op::{Grads, Inline};
use crate::profile::{Phase, Span, Work};
use crate::var::{LeafId, Var};
use crate::{anomaly, checkpoint, hook, once};
use glassbox_tensor::parallel::for_each_chunk;
use glassbox_tensor::shape::axis_index;
use glassbox_tensor::{List, Tensor};
use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;

impl Var {
    /// The gradient of this scalar with respect to every leaf that it depends on. Consumes the graph: what the sweep has
    /// passed is freed at once, and afterwards nothing of it holds a parameter's memory.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::tensor;
    /// let x = Var::input(tensor![1., 2., 3.]);
    /// let y = (&x * &x).sum_all(); // Σ x²
    /// assert_eq!(y.backward().of(&x), &tensor![2., 4., 6.]);
    /// ```
    ///
    /// # Panics
    /// When this is not a single element, not recorded, or its graph has been consumed already.
    #[track_caller]
    pub fn backward(&self) -> Gradients {
        Sweep::of(self, "backward").gradients(Mode::Consume)
    }

    /// As [`backward`](Self::backward), for these leaves alone: no gradient is computed that only others need.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::tensor;
    /// let (generator, critic) = (Var::input(tensor![2.]), Var::input(tensor![3.]));
    /// let score = (&generator * &critic).sum_all();
    /// let grads = score.backward_for(&[generator.leaf_id().unwrap()]);
    /// assert_eq!(grads.of(&generator), &tensor![3.]);
    /// assert_eq!(grads.get(critic.leaf_id().unwrap()), None);
    /// ```
    ///
    /// # Panics
    /// As [`backward`](Self::backward).
    #[track_caller]
    pub fn backward_for(&self, leaves: &[LeafId]) -> Gradients {
        let is_wanted = |node: &Node| matches!(&*node.content.borrow(), Content::Leaf(id) if leaves.contains(id));
        Sweep::of(self, "backward_for").towards(is_wanted).gradients(Mode::Consume)
    }

    /// As [`backward`](Self::backward), of Σ dy·y for a value y of any shape: the product of `dy` with the Jacobian
    /// matrix, dyᵀ·∂y/∂leaf, and the `gradient` argument of PyTorch's `backward`.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::tensor;
    /// let x = Var::input(tensor![1., 2., 3.]);
    /// let grads = x.square().backward_from(&tensor![1., 0., -1.]);
    /// assert_eq!(grads.of(&x), &tensor![2., 0., -6.]); // dy · 2x
    /// ```
    ///
    /// # Panics
    /// When `dy` has another shape than this, this is not recorded, or its graph has been consumed already.
    #[track_caller]
    pub fn backward_from(&self, dy: &Tensor) -> Gradients {
        Sweep::from(self, &Var::constant(dy.clone()), "backward_from").gradients(Mode::Consume)
    }
}

/// The gradients of a scalar y with respect to `xs` (leaves or any recorded values), as variables which can be
/// differentiated again. The graph stays. An x that y doesn't depend on gets zeros.
///
/// ```
/// use glassbox_autograd::{Var, grad};
/// use glassbox_tensor::tensor;
/// let x = Var::input(tensor![3.0]);
/// let y = (&(&x * &x) * &x).sum_all(); // x³
/// let dy = &grad(&y, &[&x])[0]; // 3x²
/// let ddy = &grad(&dy.sum_all(), &[&x])[0]; // 6x
/// assert_eq!((dy.item(), ddy.item()), (27.0, 18.0));
/// ```
///
/// # Panics
/// When y is not a single element or not recorded, its graph was consumed, or an x is a constant.
#[track_caller]
pub fn grad(y: &Var, xs: &[&Var]) -> Vec<Var> {
    Sweep::of(y, "grad").gradients_of(xs, Mode::Graph)
}

/// As [`grad`], of Σ dy·y for a value y of any shape. The result can be differentiated with respect to `dy`, too, in which
/// it is linear.
///
/// ```
/// use glassbox_autograd::{Var, grad_from};
/// use glassbox_tensor::tensor;
/// let x = Var::input(tensor![1., 2.]);
/// let dy = Var::input(tensor![10., 100.]);
/// let dx = &grad_from(&x.square(), &dy, &[&x])[0]; // dy · 2x
/// assert_eq!(dx.value(), &tensor![20., 400.]);
/// assert_eq!(dx.sum_all().backward().of(&dy), &tensor![2., 4.]); // 2x
/// ```
///
/// # Panics
/// When `dy` has another shape than y, y is not recorded, its graph was consumed, or an x is a constant.
#[track_caller]
pub fn grad_from(y: &Var, dy: &Var, xs: &[&Var]) -> Vec<Var> {
    Sweep::from(y, dy, "grad_from").gradients_of(xs, Mode::Graph)
}

/// The gradients of every leaf by the differentiable backward, keeping the graph: what `gradcheck` compares.
#[track_caller]
pub(crate) fn gradients_keeping_graph(y: &Var) -> Gradients {
    Sweep::of(y, "gradcheck").gradients(Mode::Graph)
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Mode {
    /// Gradients are constants, and the graph is freed on the way.
    Consume,
    /// Gradients are constants, and the graph stays.
    Keep,
    /// Gradients are recorded, and the graph stays.
    Graph,
}

/// What a sweep begins with.
pub(crate) struct Sweep<'a> {
    root: &'a Rc<Node>,
    seed: Var,
    /// The nodes through which something wanted is reached; `None` for all.
    useful: Option<Useful>,
}

impl<'a> Sweep<'a> {
    /// From a scalar.
    #[track_caller]
    pub(crate) fn of(y: &'a Var, call: &str) -> Self {
        let count = y.value().numel();
        assert!(
            count == 1,
            "{call}: shape {:?} has {count} elements, and a gradient is of one; sum or mean first, or say with backward_from \
             or grad_from what the gradient of each is",
            y.shape()
        );
        Self::from(y, &Var::constant(Tensor::ones(y.shape())), call)
    }

    /// From a value of any shape whose gradient is `dy`.
    #[track_caller]
    pub(crate) fn from(y: &'a Var, dy: &Var, call: &str) -> Self {
        let (is, was) = (dy.shape(), y.shape());
        assert!(is == was, "{call}: dy {is:?} is not of the shape of y {was:?}; each element of y has one gradient");
        let root = y.node().unwrap_or_else(|| {
            panic!("{call}: this value depends on no leaf; make one with Var::input or a parameter")
        });
        Sweep { root, seed: dy.clone(), useful: None }
    }

    /// Only through nodes that lead to a target.
    pub(crate) fn towards(self, is_target: impl Fn(&Node) -> bool) -> Self {
        let useful = Some(leading_to(self.root, is_target));
        Sweep { useful, ..self }
    }

    /// To every leaf.
    #[track_caller]
    fn gradients(self, mode: Mode) -> Gradients {
        let mut gradients = Gradients::default();
        self.run(mode, |node, g| gradients.collect(node, g));
        gradients
    }

    /// To these values; zeros for those that it doesn't come to.
    #[track_caller]
    pub(crate) fn gradients_of(self, xs: &[&Var], mode: Mode) -> Vec<Var> {
        let id = |x: &&Var| x.node().expect("grad: an x is a constant; make it a leaf with Var::input").id;
        let ids: Vec<u64> = xs.iter().map(id).collect();
        let mut found: Vec<Option<Var>> = vec![None; xs.len()];
        self.towards(|node| ids.contains(&node.id)).run(mode, |node, g| {
            for (slot, _) in found.iter_mut().zip(&ids).filter(|(_, id)| **id == node.id) {
                *slot = Some(g.clone());
            }
        });
        found.into_iter().zip(xs).map(|(g, x)| g.unwrap_or_else(|| Var::constant(Tensor::zeros(x.shape())))).collect()
    }

    /// Calls `arrived` with every node's finished gradient, from the root down.
    #[track_caller]
    pub(crate) fn run(self, mode: Mode, mut arrived: impl FnMut(&Node, &Var)) {
        let _span = Span::phase(Phase::Backward, "backward");
        let wanted = |node: &Rc<Node>| self.useful.as_ref().is_none_or(|useful| useful.contains(node));
        let mut pending: BTreeMap<u64, (Rc<Node>, Var)> = BTreeMap::new();
        if wanted(self.root) {
            pending.insert(self.root.id, (self.root.clone(), self.seed));
        }
        while let Some((_, (node, dy))) = pending.pop_last() {
            let dy = hook::run(&node, dy);
            arrived(&node, &dy);
            checkpoint::restore(&node);
            let taken = if mode == Mode::Consume { take_record(&node) } else { None };
            let content = node.content.borrow();
            let record = match (&taken, &*content) {
                (Some(record), _) => record,
                (None, Content::Op(record)) => record,
                (None, Content::Leaf(_)) => continue,
                (None, Content::Consumed) => panic!(
                    "backward: part of this graph was consumed by an earlier backward; run forward again, or use grad(), \
                     which keeps the graph"
                ),
            };
            let needs: Inline<bool> = record.inputs.iter().map(|edge| edge.node.as_ref().is_some_and(wanted)).collect();
            if !needs.contains(&true) {
                continue;
            }
            if let Some((axis, range)) = record.applied.part().filter(|_| mode != Mode::Graph && !anomaly::is_on())
                && let Some((_, sum)) = record.inputs[0].node.as_ref().and_then(|parent| pending.get_mut(&parent.id))
            {
                add_to_part(sum, axis, range, dy.value());
                continue;
            }
            let grads = backward(&node, record, &dy, &needs, mode == Mode::Graph);
            drop(dy);
            for (i, (edge, g)) in record.inputs.iter().zip(grads.0).enumerate().filter(|(i, _)| needs[*i]) {
                let name = record.applied.entry().name();
                let g = g.unwrap_or_else(|| panic!("{name}: backward gave no gradient for input {i}, which needs one"));
                assert!(
                    g.shape() == &*edge.shape,
                    "{name}: backward gave input {i} of shape {:?} a gradient of shape {:?}",
                    edge.shape,
                    g.shape()
                );
                let parent = edge.node.as_ref().expect("an input that needs a gradient has a node");
                match pending.get_mut(&parent.id) {
                    None => drop(pending.insert(parent.id, (parent.clone(), g))),
                    Some((_, sum)) => add(parent, sum, g, mode),
                }
            }
        }
    }
}

/// One operation's gradients.
#[track_caller]
fn backward(node: &Rc<Node>, record: &Record, dy: &Var, needs: &[bool], graph: bool) -> Grads {
    if let Some(refusal) = record.applied.refusal() {
        panic!("{refusal}");
    }
    let mut span = Span::operation(record.applied.entry().name());
    let grads = anomaly::not_inside(|| record.applied.backward(node, &record.inputs, dy, needs, graph));
    span.costs(|| work(record, dy, &grads), &node.shape);
    drop(span);
    anomaly::check_backward(node, record, dy, &grads);
    match record.applied.entry().derivatives() {
        Derivatives::Once(reason) if graph => once::guard(grads, record, dy, reason),
        _ => grads,
    }
}

/// That of the forward pass for each gradient, but for those that are dy itself, or a sum of it.
fn work(record: &Record, dy: &Var, grads: &Grads) -> Work {
    let shapes: Inline<&[usize]> = record.inputs.iter().map(|edge| &*edge.shape).collect();
    let one = record.applied.cost(&shapes);
    let computed = |(i, g): (usize, &Option<Var>)| {
        let g = g.as_ref().filter(|g| !g.value().shares_memory_with(dy.value()))?;
        let (terms, sums) = (dy.value().numel(), g.value().numel());
        let sum = Cost { flops: terms as u64, bytes: 4 * (terms + sums) as u64 };
        Some((sums, if record.applied.added() == Some(i) { sum } else { one }))
    };
    let (mut written, mut cost) = (0, Cost::VIEW);
    for (floats, of_one) in grads.0.iter().enumerate().filter_map(computed) {
        written += floats;
        cost = [cost, of_one].into_iter().sum();
    }
    Work::writing(written, cost)
}

/// What the profile calls it when a gradient is added to that of another use.
const SUM: &str = "sum of gradients";

/// sum += g
#[track_caller]
fn add(node: &Node, sum: &mut Var, g: Var, mode: Mode) {
    let mut span = Span::operation(SUM);
    span.costs(|| Work::writing(g.value().numel(), Cost::elementwise(1, &[g.shape(), g.shape()])), g.shape());
    let before = anomaly::is_on().then(|| sum.value().clone());
    if mode == Mode::Graph {
        *sum = anomaly::not_inside(|| &*sum + &g);
    } else {
        let part = before.is_some().then(|| g.value().clone());
        let total = std::mem::replace(sum, Var::constant(Tensor::scalar(0.0))).into_value();
        *sum = Var::constant(total.plus(g.into_value()));
        if let (Some(before), Some(part)) = (before, part) {
            anomaly::check_sum(node, [&before, &part], sum.value());
        }
        return;
    }
    if let Some(before) = before {
        anomaly::check_sum(node, [&before, g.value()], sum.value());
    }
}

/// sum[…, range, …] += g along `axis`, in place.
fn add_to_part(sum: &mut Var, axis: isize, range: Range<usize>, g: &Tensor) {
    let mut span = Span::operation(SUM);
    span.costs(|| Work::writing(g.numel(), Cost::elementwise(1, &[g.shape(), g.shape()])), g.shape());
    let mut total = std::mem::replace(sum, Var::constant(Tensor::scalar(0.0))).into_value();
    let shape = total.shape();
    let at = axis_index("narrow", axis, shape.len());
    let inner: usize = shape[at + 1..].iter().product();
    let (row, start, len) = (shape[at] * inner, range.start * inner, range.len() * inner);
    let (g, work) = (g.contiguous(), g.numel());
    let g = g.as_slice().expect("contiguous() makes it so");
    for_each_chunk(total.make_mut(), row, work, |i, row| {
        row[start..start + len].iter_mut().zip(&g[i * len..]).for_each(|(sum, g)| *sum += g);
    });
    *sum = Var::constant(total);
}

/// Takes what a node recorded; a leaf keeps its identity.
fn take_record(node: &Node) -> Option<Record> {
    let mut content = node.content.borrow_mut();
    match &*content {
        Content::Op(_) => match std::mem::replace(&mut *content, Content::Consumed) {
            Content::Op(record) => Some(record),
            _ => unreachable!("matched above"),
        },
        _ => None,
    }
}

/// All nodes that y depends on, itself included, in the order of their creation.
pub(crate) fn ancestors(root: &Rc<Node>) -> List<Rc<Node>> {
    // The newest first, as a sweep goes: whatever uses a node has been met before it.
    let mut pending = BTreeMap::from([(root.id, root.clone())]);
    let mut all = List::new();
    while let Some((_, node)) = pending.pop_last() {
        if let Content::Op(record) = &*node.content.borrow() {
            pending.extend(record.inputs.iter().filter_map(|edge| edge.node.clone()).map(|node| (node.id, node)));
        }
        all.push(node);
    }
    all.reverse();
    all
}

/// The ids of the nodes through which a target is reached, in ascending order.
struct Useful(List<u64>);

impl Useful {
    fn contains(&self, node: &Node) -> bool {
        self.0.binary_search(&node.id).is_ok()
    }
}

fn leading_to(root: &Rc<Node>, is_target: impl Fn(&Node) -> bool) -> Useful {
    let mut useful = Useful(List::new());
    for node in &ancestors(root) {
        let leads = match &*node.content.borrow() {
            Content::Op(record) => {
                record.inputs.iter().any(|edge| edge.node.as_ref().is_some_and(|parent| useful.contains(parent)))
            }
            _ => false,
        };
        if leads || is_target(node) {
            useful.0.push(node.id);
        }
    }
    useful
}
