//! A graph as text.

use crate::sweep::ancestors;
use crate::var::{Content, Edge, Var};
use std::collections::HashMap;

/// The graph that `y` was computed by, one line a node in the order of computation. Constants are named by their shape.
///
/// ```
/// use glassbox_autograd::{Var, graph_text};
/// use glassbox_tensor::tensor;
/// let x = Var::input(tensor![1., 2.]);
/// let text = graph_text(&x.exp().sum_all());
/// assert_eq!(text, "%0 = leaf     [2]\n%1 = exp(%0)  [2]\n%2 = sum(%1)  []\n");
/// ```
pub fn graph_text(y: &Var) -> String {
    let Some(root) = y.node() else { return format!("constant {:?}\n", y.shape()) };
    let mut lines = Vec::new();
    let mut numbers = HashMap::new();
    for (number, node) in ancestors(root).into_iter().enumerate() {
        numbers.insert(node.id, number);
        let input = |edge: &Edge| match &edge.node {
            Some(parent) => format!("%{}", numbers[&parent.id]),
            None => format!("constant {:?}", edge.shape),
        };
        let from = match &*node.content.borrow() {
            Content::Leaf(..) => "leaf".to_string(),
            Content::Consumed => "consumed by backward".to_string(),
            Content::Op(record) => {
                let inputs: Vec<String> = record.inputs.iter().map(input).collect();
                format!("{}({})", record.applied.name(), inputs.join(", "))
            }
        };
        lines.push((format!("%{number} = {from}"), format!("{:?}", node.shape)));
    }
    let width = lines.iter().map(|(line, _)| line.len()).max().unwrap_or(0) + 2;
    lines.iter().map(|(line, shape)| format!("{line:<width$}{shape}\n")).collect()
}
