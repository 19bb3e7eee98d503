//! The graph: its size, its memory, what it refuses.

use glassbox_autograd::{LeafId, Var, grad};
use glassbox_tensor::{Tensor, assert_close, tensor};

#[test]
fn a_million_nodes_run_and_drop() {
    let x = Var::input(Tensor::ones([1]));
    let mut y = x.clone();
    for _ in 0..1_000_000 {
        y = &y + &x;
    }
    let loss = y.sum_all();
    drop(y);
    assert_eq!(loss.backward().of(&x).item(), 1_000_001.0);
    // and one that is dropped without a sweep
    let mut y = x.clone();
    for _ in 0..1_000_000 {
        y = y.exp();
    }
    drop(y);
}

#[test]
fn third_derivatives_are_right() {
    let x = Var::input(tensor![0.5, -1.0]);
    let y = (&(&x * &x) * &(&x * &x)).sum_all(); // x⁴
    let d1 = grad(&y, &[&x]).remove(0);
    let d2 = grad(&d1.sum_all(), &[&x]).remove(0);
    let d3 = grad(&d2.sum_all(), &[&x]).remove(0);
    assert_close!(d1.value(), tensor![0.5, -4.0]); // 4x³
    assert_close!(d2.value(), tensor![3.0, 12.0]); // 12x²
    assert_close!(d3.value(), tensor![12.0, -24.0]); // 24x
}

#[test]
fn two_uses_of_one_leaf_add_into_one_gradient() {
    let id = LeafId::fresh();
    let w = tensor![2.0, 3.0];
    let y = (&Var::leaf(id, w.clone()) * &Var::leaf(id, w.clone())).sum_all();
    assert_eq!(y.backward().get(id), Some(&tensor![4.0, 6.0]));
}

#[test]
fn gradients_of_shared_nodes_are_complete_before_they_are_used() {
    // y = s² + s with s = Σx used twice at different depths: dy/dx = 2s + 1
    let x = Var::input(tensor![1.0, 2.0]);
    let s = x.sum_all();
    let y = &(&s * &s) + &s;
    assert_eq!(y.backward().of(&x), &tensor![7.0, 7.0]);
}

#[test]
fn backward_for_computes_only_what_was_asked() {
    let (a, b) = (Var::input(tensor![2.0]), Var::input(tensor![3.0]));
    let grads = (&a * &b).sum_all().backward_for(&[a.leaf_id().unwrap()]);
    assert_eq!(grads.of(&a), &tensor![3.0]);
    assert_eq!(grads.get(b.leaf_id().unwrap()), None);
}

#[test]
fn a_constant_and_a_detached_value_record_nothing() {
    let x = Var::input(tensor![1.0]);
    assert!(!Var::constant(tensor![1.0]).exp().is_recorded());
    assert!(!x.exp().detach().exp().is_recorded());
    let y = (&x.detach() * &x).sum_all();
    assert_eq!(y.backward().of(&x), &tensor![1.0]);
}

#[test]
fn after_backward_nothing_holds_the_leafs_memory() {
    let id = LeafId::fresh();
    let mut w = Tensor::ones([64, 64]);
    let loss = Var::constant(Tensor::ones([8, 64])).matmul(&Var::leaf(id, w.clone()).t()).exp().sum_all();
    let grads = loss.backward();
    let before = glassbox_tensor::copied_bytes();
    w.make_mut()[0] = 2.0; // loss and grads are still in scope
    assert_eq!(glassbox_tensor::copied_bytes(), before);
    assert_eq!(grads.get(id).unwrap().shape(), [64, 64]);
    assert!(loss.item().is_finite());
}

#[test]
#[should_panic(expected = "backward: shape [2] has 2 elements, and a gradient is of one; sum or mean first")]
fn a_vector_has_no_gradient() {
    Var::input(tensor![1.0, 2.0]).exp().backward();
}

#[test]
#[should_panic(expected = "part of this graph was consumed by an earlier backward")]
fn a_consumed_graph_is_refused() {
    let x = Var::input(tensor![1.0]);
    let y = x.exp();
    let (a, b) = (y.sum_all(), (&y * &y).sum_all());
    a.backward();
    b.backward();
}

#[test]
#[should_panic(expected = "backward: this value depends on no leaf")]
fn a_constant_has_no_gradient() {
    Var::constant(tensor![1.0]).backward();
}
