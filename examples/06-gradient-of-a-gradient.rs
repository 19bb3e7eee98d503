//! Gradients of gradients: `grad` gives variables, which can be differentiated again.
//!
//! cargo run --release -p glassbox-benches --example 06-gradient-of-a-gradient

use glassbox_autograd::{Var, grad, hessian, hvp};
use glassbox_tensor::{Tensor, assert_close, tensor};

fn main() {
    // `backward` gives tensors. `grad` runs the same rules on recorded variables, so its results have a graph of their own.
    let x = Var::input(tensor![0.5, 1., 2.]);
    let mut y = (&(&x * &x) * &x).exp().ln(); // x³, the long way round
    for order in 0..4 {
        println!("derivative {order} of x³ at {} is {}", x.value(), y.value());
        if order < 3 {
            y = grad(&y.sum_all(), &[&x]).remove(0); // elements don't meet, so the gradient of the sum is each one's derivative
        }
    }
    assert_close!(y.value(), tensor![6., 6., 6.]);

    // Rosenbrock's valley f = (1 − x)² + 100·(y − x²)²: steep sides, a floor that is nearly flat, the bottom at (1, 1).
    // The matrix of its second derivatives says how steep and how flat:
    let bottom = tensor![1., 1.];
    let h = hessian(rosenbrock, &bottom); // (2, 2)
    println!("\nat the bottom the second derivatives are\n{h}");
    assert_close!(h, tensor![[802., -400.], [-400., 200.]]);
    let [largest, smallest] = eigenvalues(&h);
    println!(
        "across the valley it curves by {largest:.1}, along it by {smallest:.3}: {:.0} times less",
        largest / smallest
    );

    // Newton's method goes to the bottom of the parabola that has this gradient and these second derivatives: it solves
    // H·step = ∇f. Near the bottom the number of right digits doubles with each step.
    println!("\nNewton's method from (−1.2, 1):\n\nstep         x         y         f");
    let mut p = tensor![-1.2, 1.];
    for step in 0..7 {
        let f = rosenbrock(&Var::constant(p.clone())).item();
        println!("{step:>4}  {:8.5}  {:8.5}  {f:8.1e}", p.at([0]), p.at([1]));
        let leaf = Var::input(p.clone());
        let gradient = rosenbrock(&leaf).backward().of(&leaf).clone();
        p = &p - &solve(&hessian(rosenbrock, &p), &gradient);
    }
    assert_close!(p, bottom, 1e-3, 0.0);

    // For a million parameters the matrix has 10¹² numbers. Its product with a vector never needs it: H·v is the gradient
    // of ⟨∇f, v⟩, one sweep through the sweep.
    let v = Var::constant(tensor![1., 2.]);
    let (_, products) = hvp(|p| rosenbrock(&p[0]), &[&Var::input(bottom)], &[&v]); // one for each input
    println!("\nH · {} without H: {}", v.value(), products[0].value());
    assert_close!(*products[0].value(), h.matmul(&v.value().unsqueeze(1)).squeeze(1), 1e-5, 0.0);

    // Models use it, too: WGAN-GP asks that its critic's slope be near 1, by a penalty on the gradient (‖∇ₓ critic‖ − 1)².
    // To learn from it is to differentiate a gradient.
    let w = Var::input(tensor![[3., 4.]]);
    let x = Var::input(tensor![[0.5, -1.]]);
    let critic = x.linear(&w, None).sum_all(); // w · x, whose slope is w
    let slope = grad(&critic, &[&x]).remove(0);
    let penalty = (&slope.square().sum_all().sqrt() - 1.0).square(); // (5 − 1)²
    let grads = penalty.backward();
    println!("\nthe penalty {} has the gradient {}", penalty.item(), grads.of(&w));
    assert_eq!(grads.of(&w), &tensor![[4.8, 6.4]]); // 2·(‖w‖ − 1)·w/‖w‖
}

/// f of p = (x, y).
fn rosenbrock(p: &Var) -> Var {
    let (x, y) = (p.narrow(0, 0, 1), p.narrow(0, 1, 1));
    let valley = &y - &x.square();
    (&(1.0 - &x).square() + &(100.0 * &valley.square())).sum_all()
}

/// The solution s of A·s = b for a 2 × 2 matrix, by Cramer's rule.
fn solve(a: &Tensor, b: &Tensor) -> Tensor {
    let determinant = a.at([0, 0]) * a.at([1, 1]) - a.at([0, 1]) * a.at([1, 0]);
    let x = b.at([0]) * a.at([1, 1]) - a.at([0, 1]) * b.at([1]);
    let y = a.at([0, 0]) * b.at([1]) - b.at([0]) * a.at([1, 0]);
    tensor![x / determinant, y / determinant]
}

/// The eigenvalues of a symmetric 2 × 2 matrix: m ± √(m² − det), m half of the trace. In f64, since the smaller one cancels.
fn eigenvalues(a: &Tensor) -> [f64; 2] {
    let [a, b, d] = [a.at([0, 0]), a.at([0, 1]), a.at([1, 1])].map(f64::from);
    let (m, determinant) = ((a + d) / 2.0, a * d - b * b);
    let root = (m * m - determinant).sqrt();
    [m + root, determinant / (m + root)]
}
