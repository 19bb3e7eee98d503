//! Gradient descent by hand: the line through noisy points.
//!
//! cargo run --release -p glassbox-benches --example 03_fit_a_line

use glassbox_autograd::Var;
use glassbox_tensor::Tensor;
use glassbox_tensor::random::Key;

fn main() {
    // 200 points near y = 3x − 1.
    let x = Tensor::randn([200, 1], Key::new(1));
    let noise = &Tensor::randn([200, 1], Key::new(2)) * 0.1;
    let y = &(&(3.0 * &x) - 1.0) + &noise;
    let (x, y) = (Var::constant(x), Var::constant(y));

    let (mut slope, mut offset) = (Tensor::zeros([1, 1]), Tensor::zeros([1]));
    for step in 0..100 {
        let (a, b) = (Var::input(slope.clone()), Var::input(offset.clone()));
        let error = &(&x.matmul(&a) + &b) - &y; // (200, 1)
        let loss = (&error * &error).mean_all();
        if step % 20 == 0 {
            println!("step {step:>3}  loss {:.4}  y = {:.3} x + {:.3}", loss.item(), slope.item(), offset.item());
        }
        let grads = loss.backward();
        slope = &slope - &(grads.of(&a) * 0.1);
        offset = &offset - &(grads.of(&b) * 0.1);
    }
    println!("in the end         y = {:.3} x + {:.3}", slope.item(), offset.item());
    assert!((slope.item() - 3.0).abs() < 0.05 && (offset.item() + 1.0).abs() < 0.05);
}
