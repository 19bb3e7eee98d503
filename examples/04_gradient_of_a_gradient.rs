//! `grad` gives gradients that are variables themselves, so they can be differentiated again.
//!
//! cargo run --release -p glassbox-benches --example 04_gradient_of_a_gradient

use glassbox_autograd::{Var, grad};
use glassbox_tensor::{assert_close, tensor};

fn main() {
    let x = Var::input(tensor![0.5, 1.0, 2.0]);
    let mut y = (&(&x * &x) * &x).exp().ln(); // x³, the long way round
    for order in 0..4 {
        println!("derivative {order} of x³ at {} is {}", x.value(), y.value());
        if order < 3 {
            y = grad(&y.sum_all(), &[&x]).remove(0);
        }
    }
    assert_close!(y.value(), tensor![6., 6., 6.]);
}
