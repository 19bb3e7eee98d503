//! What happens in `backward`: the graph, every number of the sweep, and the first operation that makes a NaN.
//!
//! cargo run --release -p glassbox-benches --example 06_inside_backward

use glassbox_autograd::{Var, detect_anomaly, graph_text, trace};
use glassbox_tensor::tensor;

fn main() {
    let x = Var::constant(tensor![[1., 2.], [3., -1.]]); // two examples
    let w = Var::input(tensor![[1., 0.5], [-1., 1.]]).named("w");
    let v = Var::input(tensor![[2., 1.]]).named("v");
    let target = Var::constant(tensor![[4.], [6.]]);
    let h = x.linear(&w, None).relu(); // (2, 2) × (2, 2) -> (2, 2)
    let y = h.linear(&v, None); // (2, 2) × (2, 1) -> (2, 1)
    let loss = (&y - &target).square().sum_all();

    println!("The graph, in the order in which it was computed:\n\n{}", graph_text(&loss));
    println!("The sweep, from the loss down:\n\n{}", trace(&loss));

    println!("Gradients as they arrive:\n");
    let grads = loss.backward_with(|arrival| println!("{arrival}"));
    assert_eq!(grads.of(&w), &tensor![[-8., 12.], [2., 4.]]);
    assert_eq!(grads.of(&v), &tensor![[-1., 2.]]);

    println!("\nIn anomaly mode the first operation that makes a NaN or an infinity ends the program:\n");
    let ended = std::panic::catch_unwind(|| {
        let sigma = Var::input(tensor![0.5, 0.]).named("sigma");
        detect_anomaly(|| sigma.ln().mean_all())
    });
    println!("{}", ended.expect_err("ln 0").downcast::<String>().expect("a sentence"));
}
