//! The graph, looked at from outside: as text, as DOT, as a picture, and what it costs.

mod cost;
mod dot;
mod layout;
mod svg;

pub use cost::{GraphCost, GraphInput, GraphOperation, graph_cost, graph_operations};
pub use dot::graph_dot;
pub use svg::{GraphTooLarge, graph_svg};

use crate::node::{Content, Node, Record};
use crate::registry::OpEntry;
use crate::sweep::ancestors;
use crate::var::Var;
use glassbox_tensor::shape::Dims;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

/// One node of a graph, as all pictures show it.
pub(crate) struct Item {
    node: Rc<Node>,
    pub(crate) name: Option<Arc<str>>,
    pub(crate) shape: Dims,
    pub(crate) kind: Kind,
    pub(crate) inputs: Vec<Source>,
}

pub(crate) enum Kind {
    Leaf,
    Op(&'static dyn OpEntry),
    Consumed,
}

/// Where an input comes from.
pub(crate) enum Source {
    /// The node of this number.
    Node(usize),
    Constant(Dims),
}

impl Item {
    /// The operation's name, or what else it is.
    pub(crate) fn what(&self) -> &'static str {
        match self.kind {
            Kind::Leaf => "leaf",
            Kind::Op(op) => op.name(),
            Kind::Consumed => "consumed by backward",
        }
    }

    /// What there is to know of an operation: its value as Rust prints it, and its formulas.
    pub(crate) fn formulas(&self) -> Option<[String; 3]> {
        match &*self.node.content.borrow() {
            Content::Op(Record { applied, .. }) => {
                let op = applied.entry();
                Some([applied.describe(), op.formula().to_string(), op.gradient().to_string()])
            }
            _ => None,
        }
    }

    /// Its name, or its number.
    pub(crate) fn called(&self, number: usize) -> String {
        self.name.as_ref().map_or(format!("%{number}"), |name| name.to_string())
    }
}

/// All nodes that `root` depends on, itself last: numbered in the order of their creation.
pub(crate) fn list(root: &Rc<Node>) -> Vec<Item> {
    let nodes = ancestors(root);
    let numbers: HashMap<u64, usize> = nodes.iter().enumerate().map(|(number, node)| (node.id, number)).collect();
    let item = |node: &Rc<Node>| {
        let mut inputs = Vec::new();
        let kind = match &*node.content.borrow() {
            Content::Leaf(_) => Kind::Leaf,
            Content::Consumed => Kind::Consumed,
            Content::Op(record) => {
                inputs.extend(record.inputs.iter().map(|edge| match &edge.node {
                    Some(from) => Source::Node(numbers[&from.id]),
                    None => Source::Constant(edge.shape),
                }));
                Kind::Op(record.applied.entry())
            }
        };
        Item { node: node.clone(), name: node.name(), shape: node.shape, kind, inputs }
    };
    nodes.iter().map(item).collect()
}

/// The graph that `y` was computed by, one line a node in the order of computation: leaves by their names, constants by
/// their shapes.
///
/// ```
/// use glassbox_autograd::{Var, graph_text};
/// use glassbox_tensor::tensor;
/// let w = Var::input(tensor![1., 2.]).named("w");
/// let text = graph_text(&(&w.exp() * &Var::constant(tensor![3., 4.])).sum_all());
/// assert_eq!(text, "\
/// %0 = leaf w                 [2]
/// %1 = exp(w)                 [2]
/// %2 = mul(%1, constant [2])  [2]
/// %3 = sum(%2)                []
/// ");
/// ```
pub fn graph_text(y: &Var) -> String {
    let Some(root) = y.node() else { return format!("constant {:?}\n", y.shape()) };
    let items = list(root);
    let line = |(number, item): (usize, &Item)| {
        let mut line = format!("%{number} = {}", item.what());
        if let Kind::Op(_) = item.kind {
            let input = |source: &Source| match source {
                Source::Node(from) => items[*from].called(*from),
                Source::Constant(shape) => format!("constant {shape:?}"),
            };
            line.push_str(&format!("({})", item.inputs.iter().map(input).collect::<Vec<_>>().join(", ")));
        }
        item.name.iter().for_each(|name| line.push_str(&format!(" {name}")));
        line
    };
    let lines: Vec<String> = items.iter().enumerate().map(line).collect();
    let width = lines.iter().map(|line| line.chars().count()).max().unwrap_or(0) + 2;
    lines.iter().zip(&items).map(|(line, item)| format!("{line:<width$}{:?}\n", item.shape)).collect()
}
