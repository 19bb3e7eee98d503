//! An operation of one's own, with a kernel of one's own, and with all the tests that the house's operations have.
//!
//! Snake, y = x + sin²(a·x) / a, is an activation for what repeats: sounds, seasons. The engine doesn't have it. What it
//! needs to become a differentiable operation stands here: a function of vectors, the rule of its gradient, and an entry
//! that says what it should be. `cargo test -p glassbox-benches --example 07-an-operation` makes eleven tests of the entry.
//!
//! cargo run --release -p glassbox-benches --example 07-an-operation

use glassbox_autograd::{
    Cost, Derivatives, Grads, Input, Keep, Kept, Op, OpInfo, Sample, Tolerance, Var, apply, check, gradcheck,
    graph_text,
};
use glassbox_tensor::random::Key;
use glassbox_tensor::simd::{Isa, Lanes, Simd, math};
use glassbox_tensor::{Tensor, assert_close, map_n, tensor};

/// y = x + sin²(a·x) / a. What is not differentiated, here a, is a field.
#[derive(Clone, Debug)]
struct Snake {
    a: f32,
}

/// The kernel: one function of one vector. `S` is an instruction set, and the function is compiled for each; broadcasting,
/// strides, threads and the tail that fills no vector are done around it.
impl Lanes<1> for Snake {
    #[inline(always)] // it has to become part of the function that is compiled for the instruction set
    fn lanes<S: Simd>(&self, s: S, [x]: [S::F; 1]) -> S::F {
        let sine = math::sin(s, s.splat(self.a) * x);
        s.mul_add(sine * sine, s.splat(1.0 / self.a), x)
    }
}

/// The way there and back.
impl Op for Snake {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = (); // nothing but tensors is kept in between

    fn keep(&self, _: &[bool]) -> Keep {
        Keep::input(0) // the way back reads x; what is not kept is freed
    }

    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        (map_n(self, [x[0]]), ())
    }

    /// dy/dx = 1 + 2·sin(a·x)·cos(a·x) = 1 + sin(2·a·x). Written in operations, so that it can be differentiated again.
    fn backward(&self, kept: &Kept<'_, ()>, dy: &Var, _: &[bool]) -> Grads {
        let slope = &(2.0 * self.a * kept.x(0)).sin() + 1.0;
        [Some(dy * &slope)].into()
    }
}

/// The entry. The reference is the formula again, in f64 and in the plainest way; everything is held to it.
static INFO: OpInfo<Snake> = OpInfo {
    name: "snake",
    formula: "y = x + sin²(a · x) / a",
    gradient: "dx = dy · (1 + sin(2 · a · x))",
    source: "Ziyin, Hartwig & Ueda 2020, Neural Networks Fail to Learn Periodic Functions and How to Fix It",
    reference: |snake, x| x[0].mapv(|x| x + (f64::from(snake.a) * x).sin().powi(2) / f64::from(snake.a)),
    sample: |d| Sample::new(Snake { a: [0.5, 1.0, 2.0][d.choice(3)] }, [Input::new(d.shape2())]),
    standard: |_| Sample::new(Snake { a: 1.0 }, [Input::new([2048, 2048])]),
    wrong: &[],
    // For negative x the two terms cancel, so the error is measured against the larger of them.
    tolerance: Tolerance::UnitsOf(4.0, |snake, x| x[0].mapv(|x| x.abs() + 1.0 / f64::from(snake.a))),
    cost: |_, shapes| Cost::elementwise(5, shapes), // two products, a sine, a multiply-add
    derivatives: Derivatives::Any,
};

impl Snake {
    fn of(x: &Var) -> Var {
        apply(Snake { a: 2.0 }, [x])
    }
}

fn main() -> Result<(), String> {
    let x = Var::input(tensor![-1., 0., 0.5, 1.]).named("x");
    let y = Snake::of(&x);
    println!("snake({}) = {}\n\nThe graph of its sum:\n{}", x.value(), y.value(), graph_text(&y.sum_all()));
    let grads = y.sum_all().backward();
    println!("its gradient: {}", grads.of(&x));
    println!("1 + sin(4x):  {}\n", &(4.0 * x.value()).sin() + 1.0);
    assert_close!(*grads.of(&x), &(4.0 * x.value()).sin() + 1.0, 1e-5, 1e-6);

    // The same function of vectors, on every instruction set of this machine.
    let large = Tensor::randn([1000, 1000], Key::new(1));
    for isa in Isa::available() {
        let run = || isa.with(|| map_n(&Snake { a: 2.0 }, [&large]));
        let times = (0..5).map(|_| {
            let start = std::time::Instant::now();
            run();
            start.elapsed().as_secs_f64()
        });
        println!("a million elements on {:<7} {:7.0} µs", isa.name(), times.fold(f64::INFINITY, f64::min) * 1e6);
        assert_close!(run(), &large + &(&(&(2.0 * &large).sin() * &(2.0 * &large).sin()) * 0.5), 1e-4, 1e-5);
    }

    // Three of the checks that `check_op!` makes tests of; they panic at what is wrong.
    check::forward_on_every_isa(&INFO);
    check::bits_do_not_depend_on_threads(&INFO);
    check::gradient(&INFO);
    println!("\nvalue, bits and gradient: as the entry says");

    // And inside of something larger: the gradient of the whole against central differences in f64.
    let layer = [Tensor::randn([5, 3], Key::new(2)), Tensor::randn([2, 3], Key::new(3))]; // x (5, 3), W (2, 3)
    gradcheck(|v| Snake::of(&v[0].linear(&v[1], None)).square().mean_all(), &layer)?;
    println!("behind a linear layer, too");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    glassbox_autograd::check_op!(snake, INFO);
}
