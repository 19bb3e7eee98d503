//! Reverse-mode differentiation: one iterative sweep from a value back to what it depends on.
//!
//! Nodes wait in a map by id; the largest is taken first. Ids grow with creation, so when a node is taken, everything that
//! used it has already added to its gradient (Griewank & Walther, *Evaluating Derivatives*, 2008, chapter 3).

use crate::op::Inline;
use crate::var::{Content, LeafId, Node, Record, Var};
use glassbox_tensor::Tensor;
use std::collections::{BTreeMap, HashSet};
use std::rc::Rc;

/// The gradients of a scalar, by leaf.
#[derive(Clone, Debug, Default)]
pub struct Gradients(BTreeMap<LeafId, Tensor>);

impl Gradients {
    /// The gradient of a leaf; `None` when the scalar doesn't depend on it.
    pub fn get(&self, id: LeafId) -> Option<&Tensor> {
        self.0.get(&id)
    }

    /// The gradient of a leaf variable.
    ///
    /// # Panics
    /// When `x` is not a leaf, or the scalar doesn't depend on it.
    #[track_caller]
    pub fn of(&self, x: &Var) -> &Tensor {
        let id = x.leaf_id().expect("Gradients::of: not a leaf; make it one with Var::input, or use grad(&y, &[&x])");
        self.get(id).expect("Gradients::of: the differentiated value does not depend on this leaf")
    }

    /// Takes the gradient of a leaf out.
    pub fn remove(&mut self, id: LeafId) -> Option<Tensor> {
        self.0.remove(&id)
    }

    /// Every leaf that has a gradient.
    pub fn ids(&self) -> impl Iterator<Item = LeafId> + '_ {
        self.0.keys().copied()
    }

    fn add(&mut self, id: LeafId, g: Tensor) {
        match self.0.get_mut(&id) {
            Some(sum) => *sum += &g,
            None => drop(self.0.insert(id, g)),
        }
    }
}

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
        self.sweep_leaves("backward", None)
    }

    /// As [`backward`](Self::backward), for these leaves alone: no gradient is computed that only others need.
    ///
    /// # Panics
    /// As [`backward`](Self::backward).
    #[track_caller]
    pub fn backward_for(&self, leaves: &[LeafId]) -> Gradients {
        self.sweep_leaves("backward_for", Some(leaves))
    }

    #[track_caller]
    fn sweep_leaves(&self, call: &str, leaves: Option<&[LeafId]>) -> Gradients {
        let root = root(self, call);
        let useful = leaves.map(|leaves| {
            leading_to(root, |node| matches!(&*node.content.borrow(), Content::Leaf(id, _) if leaves.contains(id)))
        });
        gradients_of_leaves(root, useful.as_ref(), Mode::Consume)
    }
}

/// The gradients of every leaf by the differentiable backward, keeping the graph: what `gradcheck` compares.
#[track_caller]
pub(crate) fn gradients_keeping_graph(y: &Var) -> Gradients {
    gradients_of_leaves(root(y, "gradcheck"), None, Mode::Graph)
}

#[track_caller]
fn gradients_of_leaves(root: &Rc<Node>, useful: Option<&HashSet<u64>>, mode: Mode) -> Gradients {
    let mut gradients = Gradients::default();
    let seed = Var::constant(Tensor::ones(root.shape));
    sweep(root, seed, useful, mode, |node, g| {
        if let Content::Leaf(id, _) = &*node.content.borrow() {
            gradients.add(*id, g.value().clone());
        }
    });
    gradients
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
    let root = root(y, "grad");
    let ids: Vec<u64> =
        xs.iter().map(|x| x.node().expect("grad: an x is a constant; make it a leaf with Var::input").id).collect();
    let useful = leading_to(root, |node| ids.contains(&node.id));
    let mut found: Vec<Option<Var>> = vec![None; xs.len()];
    let seed = Var::constant(Tensor::ones(y.shape()));
    sweep(root, seed, Some(&useful), Mode::Graph, |node, g| {
        for (slot, _) in found.iter_mut().zip(&ids).filter(|(_, id)| **id == node.id) {
            *slot = Some(g.clone());
        }
    });
    found.into_iter().zip(xs).map(|(g, x)| g.unwrap_or_else(|| Var::constant(Tensor::zeros(x.shape())))).collect()
}

#[track_caller]
fn root<'a>(y: &'a Var, call: &str) -> &'a Rc<Node> {
    let count = y.value().numel();
    assert!(
        count == 1,
        "{call}: shape {:?} has {count} elements, and a gradient is of one; sum or mean first",
        y.shape()
    );
    y.node().unwrap_or_else(|| panic!("{call}: this value depends on no leaf; make one with Var::input or a parameter"))
}

/// All nodes that y depends on, itself included, in the order of their creation.
pub(crate) fn ancestors(root: &Rc<Node>) -> Vec<Rc<Node>> {
    let mut seen = HashSet::from([root.id]);
    let mut pending = vec![root.clone()];
    let mut all = Vec::new();
    while let Some(node) = pending.pop() {
        if let Content::Op(record) = &*node.content.borrow() {
            let parents = record.inputs.iter().filter_map(|edge| edge.node.clone());
            pending.extend(parents.filter(|parent| seen.insert(parent.id)));
        }
        all.push(node);
    }
    all.sort_by_key(|node| node.id);
    all
}

/// The ids of the nodes through which a target is reached.
fn leading_to(root: &Rc<Node>, is_target: impl Fn(&Node) -> bool) -> HashSet<u64> {
    let mut useful = HashSet::new();
    for node in ancestors(root) {
        let leads = match &*node.content.borrow() {
            Content::Op(record) => {
                record.inputs.iter().any(|edge| edge.node.as_ref().is_some_and(|parent| useful.contains(&parent.id)))
            }
            _ => false,
        };
        if leads || is_target(&node) {
            useful.insert(node.id);
        }
    }
    useful
}

#[derive(Clone, Copy, PartialEq)]
enum Mode {
    /// Gradients are constants, and the graph is freed on the way.
    Consume,
    /// Gradients are recorded, and the graph stays.
    Graph,
}

/// Calls `arrived` with every node's finished gradient, from the root down.
#[track_caller]
fn sweep(root: &Rc<Node>, seed: Var, useful: Option<&HashSet<u64>>, mode: Mode, mut arrived: impl FnMut(&Node, &Var)) {
    let wanted = |node: &Rc<Node>| useful.is_none_or(|ids| ids.contains(&node.id));
    let mut pending: BTreeMap<u64, (Rc<Node>, Var)> = BTreeMap::new();
    if wanted(root) {
        pending.insert(root.id, (root.clone(), seed));
    }
    while let Some((_, (node, dy))) = pending.pop_last() {
        arrived(&node, &dy);
        let taken = match mode {
            Mode::Consume => take_record(&node),
            Mode::Graph => None,
        };
        let content = node.content.borrow();
        let record = match (&taken, &*content) {
            (Some(record), _) => record,
            (None, Content::Op(record)) => record,
            (None, Content::Leaf(..)) => continue,
            (None, Content::Consumed) => panic!(
                "backward: part of this graph was consumed by an earlier backward; run forward again, or use grad(), \
                 which keeps the graph"
            ),
        };
        let needs: Inline<bool> = record.inputs.iter().map(|edge| edge.node.as_ref().is_some_and(wanted)).collect();
        if !needs.contains(&true) {
            continue;
        }
        let grads = record.applied.backward(&node, &record.inputs, &dy, &needs, mode == Mode::Graph);
        drop(dy);
        for (i, (edge, g)) in record.inputs.iter().zip(grads.0).enumerate().filter(|(i, _)| needs[*i]) {
            let name = record.applied.name();
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
                Some((_, sum)) if mode == Mode::Graph => *sum = &*sum + &g,
                Some((_, sum)) => {
                    let mut total = std::mem::replace(sum, Var::constant(Tensor::scalar(0.0))).into_value();
                    total += g.value();
                    *sum = Var::constant(total);
                }
            }
        }
    }
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
