//! The graph's nodes: where a value comes from, and what its operation kept for the way back.

use crate::anomaly;
use crate::checkpoint::{self, Segment};
use crate::edges::Edges;
use crate::hook::Hook;
use crate::info::Cost;
use crate::op::{Grads, Inline, Keep, Kept, KeptVars, Op};
use crate::registry::OpEntry;
use crate::var::{LeafId, Var};
use glassbox_tensor::Tensor;
use glassbox_tensor::shape::Dims;
use ndarray::ArrayD;
use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::panic::Location;
use std::rc::Rc;
use std::sync::Arc;

/// A place in the graph.
pub(crate) struct Node {
    /// Grows with each node of this thread, so it is a topological order: a node's inputs have smaller ids.
    pub(crate) id: u64,
    pub(crate) shape: Dims,
    pub(crate) content: RefCell<Content>,
    pub(crate) notes: RefCell<Option<Box<Notes>>>,
    /// The line that made it.
    pub(crate) at: &'static Location<'static>,
}

/// What few nodes have.
#[derive(Default)]
pub(crate) struct Notes {
    pub(crate) name: Option<Arc<str>>,
    pub(crate) hooks: Vec<Hook>,
}

pub(crate) enum Content {
    Leaf(LeafId),
    Op(Record),
    /// A sweep has taken what was here.
    Consumed,
}

/// One application of an operation.
pub(crate) struct Record {
    pub(crate) inputs: Edges,
    pub(crate) applied: Box<dyn Applied>,
    /// The innermost checkpoint that it was made in.
    pub(crate) segment: Option<Rc<Segment>>,
}

/// An input of a recorded operation.
pub(crate) struct Edge {
    /// Its node; `None` for a constant.
    pub(crate) node: Option<Rc<Node>>,
    pub(crate) shape: Dims,
    /// Whether backward reads its value.
    pub(crate) read: bool,
    /// Its value: where backward reads it, and where the graph could not compute it again (see [`holds`]).
    pub(crate) value: Option<Tensor>,
}

/// A constant or a leaf of at most so many elements is held by every edge that it enters, so that `trace` can show a small
/// graph: as many as are printed in full. A larger one is held where backward reads it.
const SMALL: usize = 1000;

/// Whether an edge from `x` holds its value: backward reads it there; or the graph can't compute it again, and somebody will
/// want to: `trace`, a replay in f64, or the checkpoint `dropped`, in which the edge ends and which keeps nothing else.
fn holds(x: &Var, read: bool, dropped: Option<&Segment>) -> bool {
    let given = || x.node().is_none_or(|node| node.is_leaf());
    match dropped {
        Some(dropped) => x.node().is_none_or(|node| !node.is_inside(dropped)),
        None => read || (given() && (TRACING.get() || x.value().numel() <= SMALL)),
    }
}

/// An operation with what it kept, behind one type for all.
pub(crate) trait Applied {
    /// What the registry knows of it.
    fn entry(&self) -> &'static dyn OpEntry;
    /// The operation's value, as Rust prints it.
    fn describe(&self) -> String;
    /// What it costs.
    fn cost(&self, shapes: &[&[usize]]) -> Cost;
    /// [`Op::ADDED`].
    fn added(&self) -> Option<usize> {
        None
    }
    /// The value again.
    fn forward(&self, x: &[&Tensor]) -> Tensor;
    /// As forward, and keeps for backward what was not kept the first time.
    fn restore(&mut self, x: &[&Tensor], needs: &[bool]) -> Tensor;
    fn backward(&self, node: &Rc<Node>, inputs: &[Edge], dy: &Var, needs: &[bool], graph: bool) -> Grads;
    /// [`Op::part`].
    fn part(&self) -> Option<(isize, Range<usize>)> {
        None
    }
    /// Why no sweep gets past it, where that is so.
    fn refusal(&self) -> Option<String> {
        None
    }
    /// The value in f64: of the reference, or of the function whose derivative the gradient is, where that is another one.
    fn replay(&self, inputs: &[ArrayD<f64>], surrogate: bool) -> ArrayD<f64>;
}

struct ApplyOf<O: Op> {
    op: O,
    /// `None` inside a checkpoint, until backward comes there.
    kept: Option<ForBackward<O>>,
}

struct ForBackward<O: Op> {
    extra: O::Extra,
    /// A tensor, not a `Var`: that would be a cycle which never frees.
    output: Option<Tensor>,
}

impl<O: Op> ApplyOf<O> {
    fn keep(&mut self, keep: Keep, output: &Tensor, extra: O::Extra) {
        self.kept = Some(ForBackward { extra, output: keep.keeps_output().then(|| output.clone()) });
    }
}

impl<O: Op> Applied for ApplyOf<O> {
    fn entry(&self) -> &'static dyn OpEntry {
        O::INFO
    }

    fn describe(&self) -> String {
        format!("{:?}", self.op)
    }

    fn cost(&self, shapes: &[&[usize]]) -> Cost {
        (O::INFO.cost)(&self.op, shapes)
    }

    fn added(&self) -> Option<usize> {
        O::ADDED
    }

    fn forward(&self, x: &[&Tensor]) -> Tensor {
        self.op.forward(x).0
    }

    fn restore(&mut self, x: &[&Tensor], needs: &[bool]) -> Tensor {
        let (value, extra) = self.op.forward(x);
        self.keep(self.op.keep(needs), &value, extra);
        value
    }

    fn backward(&self, node: &Rc<Node>, inputs: &[Edge], dy: &Var, needs: &[bool], graph: bool) -> Grads {
        let ForBackward { extra, output } =
            self.kept.as_ref().expect("the sweep restores a checkpoint when it comes to it");
        let kept = Kept { vars: kept_vars(O::INFO.name, node, inputs, output.as_ref(), graph), extra };
        if !graph && let Some(grads) = self.op.backward_fused(&kept, dy.value(), needs) {
            return grads.into_constants();
        }
        self.op.backward(&kept, dy, needs)
    }

    fn part(&self) -> Option<(isize, Range<usize>)> {
        self.op.part()
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
    let var =
        |value: &Tensor, node: Option<&Rc<Node>>| Var::at(value.clone(), if graph { node.cloned() } else { None });
    let input = |edge: &Edge| match &edge.value {
        Some(value) if edge.read => Some(var(value, edge.node.as_ref())),
        _ => None,
    };
    let inputs = edges.iter().map(input).collect();
    KeptVars { name, edges, inputs, output: output.map(|value| var(value, Some(node))) }
}

/// How many nodes this thread has recorded since it started: leaves, and operations of which an input is recorded.
///
/// ```
/// use glassbox_autograd::{Var, recorded_nodes};
/// use glassbox_tensor::tensor;
/// let before = recorded_nodes();
/// let y = (&Var::input(tensor![3.]) * 2.0).square(); // a leaf and two operations
/// let constant = Var::constant(tensor![3.]).square(); // none
/// assert_eq!(recorded_nodes() - before, 3);
/// ```
pub fn recorded_nodes() -> u64 {
    NEXT_NODE.get()
}

thread_local! {
    static NEXT_NODE: Cell<u64> = const { Cell::new(0) };
    static TRACING: Cell<bool> = const { Cell::new(false) };
}

/// Sets a thread's flag while `f` runs, also when it panics.
pub(crate) fn with_flag<R>(flag: &'static std::thread::LocalKey<Cell<bool>>, value: bool, f: impl FnOnce() -> R) -> R {
    struct Restore(&'static std::thread::LocalKey<Cell<bool>>, bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            self.0.set(self.1);
        }
    }
    let _restore = Restore(flag, flag.replace(value));
    f()
}

/// Runs `f` while the graph holds the value of every leaf and constant that enters an operation, so that it can be replayed.
pub(crate) fn traced<R>(f: impl FnOnce() -> R) -> R {
    with_flag(&TRACING, true, f)
}

impl Node {
    #[track_caller]
    pub(crate) fn new(shape: &[usize], content: Content) -> Rc<Node> {
        let id = NEXT_NODE.get();
        NEXT_NODE.set(id + 1);
        let (content, notes) = (RefCell::new(content), RefCell::new(None));
        Rc::new(Node { id, shape: Dims::new(shape), content, notes, at: Location::caller() })
    }

    pub(crate) fn name(&self) -> Option<Arc<str>> {
        self.notes.borrow().as_ref()?.name.clone()
    }

    pub(crate) fn is_leaf(&self) -> bool {
        matches!(&*self.content.borrow(), Content::Leaf(_))
    }

    /// Whether it is an operation that was made in this checkpoint, or in one inside it.
    pub(crate) fn is_inside(&self, segment: &Segment) -> bool {
        match &*self.content.borrow() {
            Content::Op(record) => record.segment.as_ref().is_some_and(|own| own.is_inside(segment)),
            _ => false,
        }
    }
}

/// The value with its place in the graph, if an input has one.
#[track_caller]
pub(crate) fn record<O: Op>(op: O, inputs: &[&Var], value: Tensor, extra: O::Extra) -> Var {
    anomaly::check_forward(O::INFO.name, inputs, &value);
    let needs: Inline<bool> = inputs.iter().map(|x| x.is_recorded()).collect();
    if !needs.contains(&true) {
        return Var::constant(value);
    }
    let keep = op.keep(&needs);
    let segment = checkpoint::open();
    let mut applied = ApplyOf { op, kept: None };
    if segment.is_none() {
        applied.keep(keep, &value, extra);
    }
    let node = connect(inputs, keep, Box::new(applied), segment, value.shape());
    Var::at(value, Some(node))
}

// Apart, so that it is compiled once and not for each operation.
#[track_caller]
fn connect(
    inputs: &[&Var],
    keep: Keep,
    applied: Box<dyn Applied>,
    segment: Option<Rc<Segment>>,
    shape: &[usize],
) -> Rc<Node> {
    let dropped = segment.as_ref().and_then(Segment::outermost_dropped);
    let edge = |(i, x): (usize, &&Var)| {
        let read = keep.keeps_input(i);
        let value = holds(x, read, dropped.as_deref()).then(|| x.value().clone());
        Edge { node: x.node().cloned(), shape: Dims::new(x.shape()), read, value }
    };
    let inputs = inputs.iter().enumerate().map(edge).collect();
    let node = Node::new(shape, Content::Op(Record { inputs, applied, segment: segment.clone() }));
    if let Some(segment) = segment {
        segment.add(&node);
    }
    node
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
