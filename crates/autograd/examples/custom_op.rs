//! An operation outside the engine's crate, with all that the registry needs to prove it: the Gaussian bump y = exp(−x²) of
//! radial basis functions. `cargo run --example custom_op -p glassbox-autograd` runs it; `cargo test` runs its checks.

use glassbox_autograd::{
    Cost, Derivatives, Grads, Input, Keep, Kept, Op, OpInfo, Sample, Tolerance, Var, apply, graph_text,
};
use glassbox_tensor::simd::{Lanes, Simd, math};
use glassbox_tensor::{Tensor, map_n, tensor};

/// y = exp(−x²); dx = −2·x·y·dy.
#[derive(Clone, Debug)]
struct Bump;

impl Lanes<1> for Bump {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [x]: [S::F; 1]) -> S::F {
        math::exp(s, -(x * x))
    }
}

impl Op for Bump {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();
    fn keep(&self, _: &[bool]) -> Keep {
        Keep::OUTPUT.input_if(0, true)
    }
    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        (map_n(self, [x[0]]), ())
    }
    fn backward(&self, kept: &Kept<'_, ()>, dy: &Var, _: &[bool]) -> Grads {
        [Some(dy * &(-2.0 * &(kept.x(0) * kept.y())))].into()
    }
}

static INFO: OpInfo<Bump> = OpInfo {
    name: "bump",
    formula: "y = exp(−x²)",
    gradient: "dx = −2 · x · y · dy",
    source: "Broomhead & Lowe 1988, Multivariable Functional Interpolation and Adaptive Networks",
    reference: |_, x| x[0].mapv(|x| (-x * x).exp()),
    sample: |d| Sample::new(Bump, [Input::new(d.shape2())]),
    standard: |_| Sample::new(Bump, [Input::new([2048, 2048])]),
    wrong: &[],
    tolerance: Tolerance::Units(8.0), // x² is rounded before the exponential: up to 4 units at |x| = 2
    cost: |_, shapes| Cost::elementwise(2, shapes),
    derivatives: Derivatives::Any,
};

fn main() {
    let x = Var::input(tensor![-1.0, 0.0, 0.5]);
    let y = apply(Bump, [&x]);
    println!("bump({x}) = {y}");
    let loss = y.sum_all();
    print!("{}", graph_text(&loss));
    println!("gradient {}", loss.backward().of(&x));
}

#[cfg(test)]
mod tests {
    use super::*;
    glassbox_autograd::check_op!(bump, INFO);
}
