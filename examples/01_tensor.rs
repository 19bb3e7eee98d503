//! Arrays without gradients: how they are made, viewed, broadcast and multiplied.
//!
//! cargo run --release -p glassbox-benches --example 01_tensor

use glassbox_tensor::random::Key;
use glassbox_tensor::{Tensor, tensor};

fn main() {
    let x = tensor![[1., 2., 3.], [4., 5., 6.]];
    println!("x has the shape {:?}:\n{x}\n", x.shape());

    // A view has a shape and strides of its own, and x's memory.
    println!("x.t() is a view of it:\n{}\n", x.t());

    // (2, 3) + (3): the second is repeated for every row of the first.
    println!("x + [10, 20, 30]:\n{}\n", &x + &tensor![10., 20., 30.]);

    println!("its column sums: {}\n", x.sum(&[0], false));

    // Random numbers are a function of (key, position): the same key gives the same numbers, on any number of threads.
    let a = Tensor::randn([2, 4], Key::new(7));
    println!("a, from N(0, 1):\n{a}\n");
    let product = a.t().matmul(&x); // (4, 2) × (2, 3) -> (4, 3)
    println!("a.t().matmul(&x):\n{product}");
}
