//! What a graph costs: each operation, each kind of operation, and all together.

use crate::info::Cost;
use crate::node::{Content, Edge};
use crate::sweep::ancestors;
use crate::var::{LeafId, Var};
use std::collections::HashMap;

/// An operation of a graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GraphOperation {
    /// Its name.
    pub name: &'static str,
    /// The shape of its value.
    pub shape: Vec<usize>,
    /// What it costs on the way forward.
    pub cost: Cost,
    /// What it was computed from.
    pub inputs: Vec<GraphInput>,
}

/// Where an operation's input comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GraphInput {
    /// A constant, or what has been consumed by backward.
    Constant,
    /// A leaf of this identity.
    Leaf(LeafId),
    /// The value of the operation at this place of the list.
    Operation(usize),
}

/// The operations of the graph that `y` was computed by, in the order of computation. The graph must not have been consumed; what
/// was computed from constants alone is not in it.
///
/// ```
/// use glassbox_autograd::{GraphInput, LeafId, Var, graph_operations};
/// use glassbox_tensor::Tensor;
/// let id = LeafId::fresh();
/// let w = Var::leaf(id, Tensor::ones([4, 3]));
/// let operations = graph_operations(&Var::constant(Tensor::ones([2, 4])).matmul(&w).exp()); // (2, 4) × (4, 3) -> (2, 3)
/// let names: Vec<&str> = operations.iter().map(|operation| operation.name).collect();
/// assert_eq!(names, ["matmul", "exp"]);
/// assert_eq!(operations[0].inputs, [GraphInput::Constant, GraphInput::Leaf(id)]);
/// assert_eq!(operations[1].inputs, [GraphInput::Operation(0)]);
/// assert_eq!((operations[1].cost.flops, &operations[1].shape[..]), (6, &[2, 3][..]));
/// ```
pub fn graph_operations(y: &Var) -> Vec<GraphOperation> {
    let mut operations = Vec::new();
    let mut places: HashMap<u64, GraphInput> = HashMap::new();
    for node in &y.node().map(ancestors).unwrap_or_default() {
        let place = match &*node.content.borrow() {
            Content::Consumed => GraphInput::Constant,
            Content::Leaf(id) => GraphInput::Leaf(*id),
            Content::Op(record) => {
                let from = |edge: &Edge| edge.node.as_ref().map_or(GraphInput::Constant, |node| places[&node.id]);
                let shapes: Vec<&[usize]> = record.inputs.iter().map(|edge| &*edge.shape).collect();
                operations.push(GraphOperation {
                    name: record.applied.entry().name(),
                    shape: node.shape.to_vec(),
                    cost: record.applied.cost(&shapes),
                    inputs: record.inputs.iter().map(from).collect(),
                });
                GraphInput::Operation(operations.len() - 1)
            }
        };
        places.insert(node.id, place);
    }
    operations
}

/// What the operations of the graph that `y` was computed by cost together on the way forward, and each kind of
/// operation with how often it stands there, the most arithmetic first. The graph must not have been consumed; what was
/// computed from constants alone is not in it.
///
/// ```
/// use glassbox_autograd::{Var, graph_cost};
/// use glassbox_tensor::Tensor;
/// let w = Var::input(Tensor::ones([4, 3]));
/// let cost = graph_cost(&Var::constant(Tensor::ones([2, 4])).matmul(&w).sum_all()); // (2, 4) × (4, 3) -> (2, 3) -> ()
/// assert_eq!(cost.all.flops, 2 * 2 * 4 * 3 + 6);
/// assert_eq!(cost.by_operation[0].0, "matmul");
/// ```
pub fn graph_cost(y: &Var) -> GraphCost {
    let mut kinds: HashMap<&'static str, (u64, Cost)> = HashMap::new();
    for operation in graph_operations(y) {
        let (times, cost) = kinds.entry(operation.name).or_default();
        *times += 1;
        *cost = plus(*cost, operation.cost);
    }
    let all = kinds.values().fold(Cost::default(), |all, (_, cost)| plus(all, *cost));
    let mut by_operation: Vec<_> = kinds.into_iter().map(|(name, (times, cost))| (name, times, cost)).collect();
    by_operation.sort_by_key(|(name, _, cost)| (std::cmp::Reverse((cost.flops, cost.bytes)), *name));
    GraphCost { all, by_operation }
}

fn plus(a: Cost, b: Cost) -> Cost {
    Cost { flops: a.flops + b.flops, bytes: a.bytes + b.bytes }
}

/// What a graph costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GraphCost {
    /// All operations together.
    pub all: Cost,
    /// Each kind of operation: its name, how often it stands in the graph, and what all of these cost.
    pub by_operation: Vec<(&'static str, u64, Cost)>,
}
