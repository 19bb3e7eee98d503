//! Replaying a recorded graph in f64, through the operations' own references.
//!
//! Central differences of an f32 function drown in its rounding. So the graph is recorded once in f32, and its nodes are
//! evaluated again in f64, in the order of their creation: a second precision without a second engine.

use crate::node::{Content, Edge};
use crate::sweep::ancestors;
use crate::var::{LeafId, Var};
use ndarray::ArrayD;
use std::collections::{BTreeMap, HashMap};

/// The leaves that `y` was computed from, with the values that they had. `y` was recorded under
/// [`traced`](crate::node::traced).
pub(crate) fn leaf_values(y: &Var) -> BTreeMap<LeafId, ArrayD<f64>> {
    let mut values = BTreeMap::new();
    values.extend(y.leaf_id().map(|id| (id, y.value().to_f64())));
    for node in &y.node().map(ancestors).unwrap_or_default() {
        let Content::Op(record) = &*node.content.borrow() else { continue };
        for edge in &record.inputs {
            let from = edge.node.as_ref().map(|from| from.content.borrow());
            if let (Some(Content::Leaf(id)), Some(value)) = (from.as_deref(), &edge.value) {
                values.entry(*id).or_insert_with(|| value.to_f64());
            }
        }
    }
    values
}

/// What a leaf of the graph is called, if it has a name.
pub(crate) fn leaf_name(y: &Var, id: LeafId) -> Option<String> {
    let nodes = y.node().map(ancestors).unwrap_or_default();
    let of_id = |content: &Content| matches!(content, Content::Leaf(leaf) if *leaf == id);
    nodes.iter().filter(|node| of_id(&node.content.borrow())).find_map(|node| node.name()).map(|name| name.to_string())
}

/// The value of `y` in f64, where the leaves have these values. `y` was recorded under [`traced`](crate::node::traced). With
/// `surrogates`, an operation whose gradient is not its derivative is replaced by the function whose derivative it is.
///
/// # Errors
/// When the graph was consumed, a leaf has no value, or a constant was not traced; names the operation.
pub(crate) fn replay(y: &Var, leaves: &BTreeMap<LeafId, ArrayD<f64>>, surrogates: bool) -> Result<ArrayD<f64>, String> {
    let Some(root) = y.node() else { return Ok(y.value().to_f64()) };
    let mut values: HashMap<u64, ArrayD<f64>> = HashMap::new();
    for node in &ancestors(root) {
        let value = match &*node.content.borrow() {
            Content::Leaf(id) => leaves.get(id).cloned().ok_or("a leaf of the graph was not traced")?,
            Content::Consumed => return Err("the graph has been consumed by backward".into()),
            Content::Op(record) => {
                let input = |edge: &Edge| match (&edge.node, &edge.value) {
                    (Some(parent), _) => Ok(values[&parent.id].clone()),
                    (None, Some(constant)) => Ok(constant.to_f64()),
                    (None, None) => Err(format!("{}: a constant input was not traced", record.applied.entry().name())),
                };
                let inputs: Vec<_> = record.inputs.iter().map(input).collect::<Result<_, _>>()?;
                record.applied.replay(&inputs, surrogates)
            }
        };
        values.insert(node.id, value);
    }
    Ok(values.remove(&root.id).expect("the root is its own ancestor"))
}
