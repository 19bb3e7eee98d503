//! Activation checkpoints: less memory for more arithmetic.
//!
//! A network of L layers keeps what each layer's backward reads, O(L) activations. Cut into segments of √L layers, of each
//! of which only the inputs are kept, it holds √L inputs, and while backward is inside a segment the √L activations of
//! that one, which it computes again: O(√L) memory for one more forward pass (Chen et al. 2016, *Training Deep Nets with
//! Sublinear Memory Cost*).
//!
//! The function runs once. What is recorded are its operations, without what they keep; when the sweep comes to one of
//! them, [`restore`] runs all operations of the segment again, in their order, and they keep what they would have kept.
//! The graph, its order and therefore every bit of the gradients are those of the graph without the checkpoint, and so are
//! second derivatives, names and hooks. Nobody's code runs twice, so a running mean in it is updated once.

use crate::node::{Content, Edge, Node, Record};
use crate::op::Inline;
use crate::profile::{Phase, Span};
use glassbox_tensor::Tensor;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::{Rc, Weak};

/// A stretch of the graph that keeps nothing of its own until backward comes to it.
pub(crate) struct Segment {
    /// The checkpoint around this one.
    parent: Option<Rc<Segment>>,
    /// Whether its operations have dropped what backward reads.
    dropped: Cell<bool>,
    /// Its operations, those of the checkpoints inside it included, in the order of their creation.
    nodes: RefCell<Vec<Weak<Node>>>,
}

thread_local! {
    static INNERMOST: RefCell<Option<Rc<Segment>>> = const { RefCell::new(None) };
}

/// Runs `f`, and keeps for backward only what it reads from outside: values that were computed before, leaves, constants.
/// Everything between is computed again when backward comes to it. Gradients, of any order, are bit for bit those without
/// the checkpoint.
///
/// `f` may return several values, and may hold checkpoints itself. A constant that is computed inside (of a value that was
/// detached, say) is kept: only recorded operations are computed again.
///
/// ```
/// use glassbox_autograd::{Var, checkpoint};
/// use glassbox_tensor::tensor;
/// let x = Var::input(tensor![1., 2.]);
/// let layer = |h: &Var| h.square().exp().ln(); // backward reads three values of each layer
/// let plain = layer(&layer(&x)).sum_all().backward();
///
/// let h = checkpoint(|| layer(&x)); // keeps x
/// let y = checkpoint(|| layer(&h)); // keeps h
/// let grads = y.sum_all().backward();
/// assert_eq!(grads.of(&x), plain.of(&x)); // 4x³
/// ```
pub fn checkpoint<R>(f: impl FnOnce() -> R) -> R {
    struct Close(Option<Rc<Segment>>);
    impl Drop for Close {
        fn drop(&mut self) {
            INNERMOST.set(self.0.take());
        }
    }
    let parent = open();
    let segment = Segment { parent, dropped: Cell::new(true), nodes: RefCell::default() };
    let _close = Close(INNERMOST.replace(Some(Rc::new(segment))));
    f()
}

/// The checkpoint that an operation which is recorded now belongs to: the innermost, unless a sweep inside it has made
/// everything around keep its values already.
pub(crate) fn open() -> Option<Rc<Segment>> {
    INNERMOST.with_borrow(|segment| segment.as_ref().filter(|s| s.outermost_dropped().is_some()).cloned())
}

impl Segment {
    /// The outermost of this checkpoint and those around it that has dropped its values: what must be restored first.
    pub(crate) fn outermost_dropped(self: &Rc<Self>) -> Option<Rc<Segment>> {
        let chain = std::iter::successors(Some(self), |segment| segment.parent.as_ref());
        chain.filter(|segment| segment.dropped.get()).last().cloned()
    }

    /// Whether this is `other`, or lies in it.
    pub(crate) fn is_inside(&self, other: &Segment) -> bool {
        std::iter::successors(Some(self), |segment| segment.parent.as_deref()).any(|s| std::ptr::eq(s, other))
    }

    /// An operation that was recorded in it.
    pub(crate) fn add(self: &Rc<Self>, node: &Rc<Node>) {
        for segment in std::iter::successors(Some(self), |segment| segment.parent.as_ref()) {
            segment.nodes.borrow_mut().push(Rc::downgrade(node));
        }
    }
}

/// Makes a node hold what its backward reads, by running the checkpoints around it again, the outermost first.
pub(crate) fn restore(node: &Node) {
    let dropped = || match &*node.content.borrow() {
        Content::Op(record) => record.segment.as_ref()?.outermost_dropped(),
        _ => None,
    };
    while let Some(segment) = dropped() {
        restore_segment(&segment);
    }
}

/// Runs the operations of a segment again. Its own keep what backward reads; those of a checkpoint inside it keep what
/// comes from outside of that.
fn restore_segment(segment: &Segment) {
    segment.dropped.set(false);
    let _span = Span::phase(Phase::Forward, "checkpoint, computed again");
    let nodes: Vec<Rc<Node>> = segment.nodes.take().iter().filter_map(Weak::upgrade).collect();
    let mut values = Values::new(&nodes);
    for node in nodes {
        let mut content = node.content.borrow_mut();
        let Content::Op(Record { inputs, applied, segment }) = &mut *content else { continue };
        let x: Inline<Tensor> = inputs.iter().map(|edge| values.take(edge)).collect();
        let still_dropped = segment.as_ref().and_then(Segment::outermost_dropped);
        let y = {
            let _span = Span::operation(applied.entry().name());
            let x: Inline<&Tensor> = x.iter().collect();
            let needs: Inline<bool> = inputs.iter().map(|edge| edge.node.is_some()).collect();
            if still_dropped.is_some() { applied.forward(&x) } else { applied.restore(&x, &needs) }
        };
        for (edge, x) in inputs.iter_mut().zip(x) {
            let holds = match &still_dropped {
                Some(dropped) => edge.node.as_ref().is_none_or(|from| !from.is_inside(dropped)),
                None => edge.read,
            };
            if holds {
                edge.value = Some(x);
            }
        }
        values.put(node.id, y);
    }
}

/// The values that pass between the operations of a segment, each for as long as one of them still reads it.
struct Values(HashMap<u64, (usize, Option<Tensor>)>);

impl Values {
    fn new(nodes: &[Rc<Node>]) -> Self {
        let mut readers: HashMap<u64, (usize, Option<Tensor>)> = HashMap::new();
        for node in nodes {
            let Content::Op(record) = &*node.content.borrow() else { continue };
            for edge in record.inputs.iter().filter(|edge| edge.value.is_none()) {
                let from = edge.node.as_ref().expect("a constant in a checkpoint is held by its edge");
                readers.entry(from.id).or_default().0 += 1;
            }
        }
        Values(readers)
    }

    fn put(&mut self, id: u64, value: Tensor) {
        if let Some((_, slot)) = self.0.get_mut(&id) {
            *slot = Some(value);
        }
    }

    fn take(&mut self, edge: &Edge) -> Tensor {
        if let Some(value) = &edge.value {
            return value.clone();
        }
        let id = edge.node.as_ref().expect("a constant in a checkpoint is held by its edge").id;
        let (readers, value) = self.0.get_mut(&id).expect("counted above");
        *readers -= 1;
        let value = if *readers == 0 { value.take() } else { value.clone() };
        value.expect("an operation of the segment comes after those that it reads")
    }
}
