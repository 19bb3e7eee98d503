//! What the steps of all optimisers share: p, what is kept beside it, and g, read and written in one pass.
//!
//! An operation doesn't write into its inputs. So a step stands in the registry, where it is held to its formula, as an
//! operation whose output is the new p and the new state along a new first axis; optimisers call [`in_place`].

use crate::op::Grads;
use glassbox_tensor::simd::UpdateLanes;
use glassbox_tensor::{Tensor, update_n};
use ndarray::ArrayD;

/// Overwrites the state, of which p is the first array.
pub(crate) fn in_place<const M: usize>(f: &impl UpdateLanes<M, 1>, state: [&mut Tensor; M], g: &Tensor) {
    let g = g.contiguous();
    let g = g.as_slice().expect("contiguous() makes it so");
    update_n(f, state.map(Tensor::make_mut), [g]);
}

/// The operation: the inputs are the state and then g, the output is the new state, (M, …).
pub(crate) fn stacked<const M: usize>(f: &impl UpdateLanes<M, 1>, x: &[&Tensor]) -> Tensor {
    let x: Vec<Tensor> = x.iter().map(|x| x.contiguous()).collect();
    let slices: Vec<&[f32]> = x.iter().map(|x| x.as_slice().expect("contiguous() makes it so")).collect();
    let (g, state) = slices.split_last().expect("g is the last input");
    let mut out = Tensor::from_vec(state.concat(), [&[M], x[0].shape()].concat());
    let mut rest = out.make_mut();
    let state = std::array::from_fn(|_| {
        let (one, others) = std::mem::take(&mut rest).split_at_mut(g.len());
        rest = others;
        one
    });
    update_n(f, state, [g]);
    out
}

/// The naive loop: `f` turns one element's state into the next, given its g.
pub(crate) fn reference(x: &[ArrayD<f64>], f: impl Fn(&mut [f64], f64)) -> ArrayD<f64> {
    let (g, state) = x.split_last().expect("g is the last input");
    let mut after: Vec<Vec<f64>> = state.iter().map(|x| x.iter().copied().collect()).collect();
    for (i, &g) in g.iter().enumerate() {
        let mut element: Vec<f64> = after.iter().map(|x| x[i]).collect();
        f(&mut element, g);
        after.iter_mut().zip(element).for_each(|(x, new)| x[i] = new);
    }
    let shape = [&[state.len()], g.shape()].concat();
    ArrayD::from_shape_vec(shape, after.concat()).expect("as many elements as before")
}

/// Panics unless all have one shape. The names are the formula's letters, g's the last.
#[track_caller]
pub(crate) fn check_shapes(op: &str, names: &[&str], x: &[&Tensor]) {
    if x.iter().any(|t| t.shape() != x[0].shape()) {
        let said: Vec<String> = names.iter().zip(x).map(|(name, t)| format!("{name} {:?}", t.shape())).collect();
        let (last, others) = said.split_last().expect("p and g at least");
        panic!("{op}: the shapes of {} and {last} differ; all are of one parameter", others.join(", "));
    }
}

/// A step passes no gradient on.
pub(crate) fn no_gradients(inputs: usize) -> Grads {
    (0..inputs).map(|_| None).collect()
}
