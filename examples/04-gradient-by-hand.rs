//! The gradient of a small network, three times: on paper, by `backward`, and by differences.
//!
//!     a = x·W₁ + b₁      (B, 1) × (1, H) + (H) -> (B, H)
//!     h = tanh(a)        (B, H)
//!     y = h·W₂ + b₂      (B, H) × (H, 1) + (1) -> (B, 1)
//!     L = 1/B · Σ (y − t)²
//!
//! Write dy for ∂L/∂y, and so on for every letter. The chain rule, from the end to the beginning:
//!
//!     dy  = 2/B · (y − t)
//!     dW₂ = hᵀ·dy            y(b, j) = Σₖ h(b, k)·W₂(k, j), so W₂(k, j) is met by h(b, k) and dy(b, j) for every b
//!     db₂ = Σ_b dy           b₂ is added to every row
//!     dh  = dy·W₂ᵀ           h(b, k) is met by W₂(k, j) and dy(b, j) for every j
//!     da  = dh · (1 − h²)    tanh′ = 1 − tanh²
//!     dW₁ = xᵀ·da,   db₁ = Σ_b da
//!
//! cargo run --release -p glassbox-benches --example 04-gradient-by-hand

use glassbox_autograd::Var;
use glassbox_tensor::random::Key;
use glassbox_tensor::{Tensor, assert_close};

/// W₁, b₁, W₂, b₂.
type Parameters = [Tensor; 4];

fn main() {
    let x = Tensor::linspace(-2.0, 4.0, 64).reshape([64, 1]);
    let t = x.sin(); // what the network shall learn
    let key = Key::new(1);
    let mut p: Parameters = [
        Tensor::randn([1, 16], key.fold(0)),
        Tensor::randn([16], key.fold(2)),
        &Tensor::randn([16, 1], key.fold(1)) * 0.25,
        Tensor::zeros([1]),
    ];

    let (_, by_hand) = loss_and_gradient(&p, &x, &t);
    let by_machine = machine(&p, &x, &t);
    println!("parameter   by hand  by machine  by differences");
    for (i, name) in ["W₁", "b₁", "W₂", "b₂"].into_iter().enumerate() {
        assert_close!(by_hand[i], by_machine[i], 1e-5, 1e-6);
        for element in 0..p[i].numel().min(3) {
            // (L(p + ε) − L(p − ε)) / 2ε moves one number, and costs two losses for each. `backward` costs two or three in all.
            let moved = |by: f32| {
                let mut p = p.clone();
                p[i].make_mut()[element] += by;
                loss_and_gradient(&p, &x, &t).0
            };
            let by_differences = (moved(1e-2) - moved(-1e-2)) / 2e-2;
            let [hand, machine] = [&by_hand[i], &by_machine[i]].map(|g| g.to_vec()[element]);
            println!("{name}[{element:2}]  {hand:10.6}  {machine:10.6}  {by_differences:14.6}");
            assert!((hand - by_differences).abs() < 1e-3);
        }
    }

    // A gradient says which way is up. Downhill, with the gradient from paper alone:
    println!("\nstep  loss");
    for step in 0..=2000 {
        let (loss, gradient) = loss_and_gradient(&p, &x, &t);
        if step % 400 == 0 {
            println!("{step:>4}  {loss:.6}");
        }
        for (p, dp) in p.iter_mut().zip(&gradient) {
            *p = &*p - &(dp * 0.05);
        }
    }
    let (loss, _) = loss_and_gradient(&p, &x, &t);
    assert!(loss < 2e-3, "the loss is still {loss}");

    println!("\n    x    sin x  network");
    let y = forward(&p, &x).1;
    for i in (0..64).step_by(9) {
        println!("{:5.2}  {:7.3}  {:7.3}", x.at([i, 0]), t.at([i, 0]), y.at([i, 0]));
    }
}

/// h and y.
fn forward([w1, b1, w2, b2]: &Parameters, x: &Tensor) -> (Tensor, Tensor) {
    let h = (&x.matmul(w1) + b1).tanh(); // (B, 1) × (1, H) -> (B, H)
    let y = &h.matmul(w2) + b2; // (B, H) × (H, 1) -> (B, 1)
    (h, y)
}

/// L, and the gradient as it is derived above.
fn loss_and_gradient(p: &Parameters, x: &Tensor, t: &Tensor) -> (f32, Parameters) {
    let (h, y) = forward(p, x);
    let [_, _, w2, _] = p;
    let error = &y - t; // (B, 1)
    let loss = (&error * &error).mean(&[0, 1], false).item();

    let dy = &error * (2.0 / x.shape()[0] as f32); // (B, 1)
    let dw2 = h.t().matmul(&dy); // (H, B) × (B, 1) -> (H, 1)
    let db2 = dy.sum(&[0], false); // (1)
    let dh = dy.matmul(&w2.t()); // (B, 1) × (1, H) -> (B, H)
    let da = &dh * &(1.0 - &(&h * &h)); // (B, H)
    let dw1 = x.t().matmul(&da); // (1, B) × (B, H) -> (1, H)
    let db1 = da.sum(&[0], false); // (H)
    (loss, [dw1, db1, dw2, db2])
}

/// The same gradient with the forward pass alone: `backward` does the rest.
fn machine(p: &Parameters, x: &Tensor, t: &Tensor) -> Parameters {
    let [x, t] = [x, t].map(|constant| Var::constant(constant.clone()));
    let leaves = p.each_ref().map(|p| Var::input(p.clone()));
    let [w1, b1, w2, b2] = &leaves;
    let h = (&x.matmul(w1) + b1).tanh();
    let y = &h.matmul(w2) + b2;
    let loss = (&y - &t).square().mean_all();
    let grads = loss.backward();
    leaves.each_ref().map(|leaf| grads.of(leaf).clone())
}
