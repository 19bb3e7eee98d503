//! Operations that can be differentiated once: a second derivative through them is refused, never silently zero.
//!
//! Such an operation's backward may compute on plain tensors, and its gradients then depend on nothing, as far as a graph
//! can tell. So where a graph of the gradients is asked for, each is given a node that depends on all that it was made of
//! and that no sweep gets past (PyTorch: `once_differentiable`).

use crate::info::Cost;
use crate::node::{Applied, Content, Edge, Node, Record};
use crate::op::Grads;
use crate::registry::OpEntry;
use crate::var::Var;
use glassbox_tensor::Tensor;
use glassbox_tensor::shape::Dims;
use ndarray::ArrayD;
use std::rc::Rc;

/// Gradients of an operation that can't be differentiated again.
pub(crate) fn guard(grads: Grads, record: &Record, dy: &Var, reason: &'static str) -> Grads {
    let guard = |g: Var| {
        let edge = |x: &Var| Edge {
            node: x.node().cloned(),
            shape: Dims::new(x.shape()),
            read: false,
            value: Some(x.value().clone()),
        };
        let of_input = |input: &Edge| Edge { node: input.node.clone(), shape: input.shape, read: false, value: None };
        let recorded = record.inputs.iter().filter(|input| input.node.is_some());
        let inputs = [edge(&g), edge(dy)].into_iter().chain(recorded.map(of_input)).collect();
        let applied = Box::new(Guard { of: record.applied.entry(), reason });
        let node = Node::new(g.shape(), Content::Op(Record { inputs, applied, segment: None }));
        Var::at(g.into_value(), Some(node))
    };
    grads.0.into_iter().map(|g| g.map(guard)).collect()
}

struct Guard {
    of: &'static dyn OpEntry,
    reason: &'static str,
}

impl Applied for Guard {
    fn entry(&self) -> &'static dyn OpEntry {
        self.of
    }

    fn describe(&self) -> String {
        format!("the gradient of {}", self.of.name())
    }

    fn cost(&self, _: &[&[usize]]) -> Cost {
        Cost::VIEW
    }

    fn forward(&self, x: &[&Tensor]) -> Tensor {
        x[0].clone()
    }

    fn restore(&mut self, x: &[&Tensor], _: &[bool]) -> Tensor {
        self.forward(x)
    }

    fn refusal(&self) -> Option<String> {
        let (name, reason) = (self.of.name(), self.reason);
        Some(format!("{name}: it can be differentiated once ({reason}), and this is its gradient's gradient"))
    }

    fn backward(&self, _: &Rc<Node>, _: &[Edge], _: &Var, _: &[bool], _: bool) -> Grads {
        unreachable!("the sweep heeds the refusal")
    }

    fn replay(&self, inputs: &[ArrayD<f64>], _: bool) -> ArrayD<f64> {
        inputs[0].clone()
    }
}
