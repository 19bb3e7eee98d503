//! An operation outside the engine's crate, with all that the registry needs to prove it: swish(x) = x·σ(x)
//! (Ramachandran, Zoph & Le 2017). Run with `cargo run --example custom_op`, test with `cargo test --example custom_op`.

use glassbox_autograd::{
    Cost, Derivatives, Grads, Input, Keep, Kept, Op, OpInfo, Sample, Tolerance, Var, apply, graph_text,
};
use glassbox_tensor::simd::{Lanes, Simd, math};
use glassbox_tensor::{Tensor, map_n, tensor};

/// y = x·σ(x); dx = dy·(y + σ(x)·(1 − y)).
#[derive(Clone, Debug)]
struct Swish;

impl Lanes<1> for Swish {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [x]: [S::F; 1]) -> S::F {
        x * math::sigmoid(s, x)
    }
}

impl Op for Swish {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();
    fn keep(&self, _: &[bool]) -> Keep {
        Keep::input(0)
    }
    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        (map_n(self, [x[0]]), ())
    }
    fn backward(&self, kept: &Kept<'_, ()>, dy: &Var, _: &[bool]) -> Grads {
        let sigma = kept.x(0).sigmoid();
        let y = kept.x(0) * &sigma;
        [Some(dy * &(&y + &(&sigma * &(1.0 - &y))))].into()
    }
}

static INFO: OpInfo<Swish> = OpInfo {
    name: "custom_op",
    formula: "y = x · σ(x)",
    gradient: "dx = dy · (y + σ(x)·(1 − y))",
    source: "Ramachandran, Zoph & Le 2017, Searching for Activation Functions",
    reference: |_, x| x[0].mapv(|x| x / (1.0 + (-x).exp())),
    sample: |d| Sample::new(Swish, [Input::within(d.shape2(), -6.0..6.0)]),
    standard: |_| Sample::new(Swish, [Input::new([2048, 2048])]),
    wrong: &[],
    tolerance: Tolerance::Units(10.0),
    cost: |_, shapes| Cost::elementwise(2, shapes),
    derivatives: Derivatives::Any,
};

fn main() {
    let x = Var::input(tensor![-2.0, 0.0, 2.0]);
    let y = apply(Swish, [&x]);
    println!("swish({x}) = {y}");
    let loss = y.sum_all();
    print!("{}", graph_text(&loss));
    println!("gradient {}", loss.backward().of(&x));
}

#[cfg(test)]
mod tests {
    use super::*;
    glassbox_autograd::check_op!(swish, INFO);
}
