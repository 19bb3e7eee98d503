//! What `backward` does: gradients are returned, and nothing is stored in the variables.
//!
//! cargo run --release -p glassbox-benches --example 02_gradient

use glassbox_autograd::{Var, graph_text};
use glassbox_tensor::tensor;

fn main() {
    let w = Var::input(tensor![[1., -1.], [2., 0.5]]); // a leaf: we want its gradient
    let x = Var::constant(tensor![[3., 4.]]); // a constant: nothing about it is recorded
    let loss = x.matmul(&w).relu().sum_all(); // (1, 2) × (2, 2) -> (1, 2) -> ()

    // Every operation that ran is a node; a node knows what it came from.
    println!("the graph of the loss, which is {}:\n{}", loss.item(), graph_text(&loss));

    // x · w is [11, −1]; relu stops the second column, so only the first one has a gradient: x itself.
    let grads = loss.backward();
    println!("d loss / d w:\n{}", grads.of(&w));
    assert_eq!(grads.of(&w), &tensor![[3., 0.], [4., 0.]]);
}
