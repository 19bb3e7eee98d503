//! The graph as text.

use glassbox_autograd::{Var, graph_text};
use glassbox_tensor::tensor;

#[test]
fn a_consumed_graph_says_so() {
    let x = Var::input(tensor![1.0]);
    let y = x.exp().sum_all();
    y.backward();
    assert_eq!(graph_text(&y), "%0 = consumed by backward  []\n");
}
