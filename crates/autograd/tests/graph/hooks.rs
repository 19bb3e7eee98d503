//! Hooks, names, and the gradients as they arrive.

use glassbox_autograd::{LeafId, Var, grad};
use glassbox_tensor::{Tensor, tensor};
use std::cell::RefCell;
use std::rc::Rc;

#[test]
fn every_gradient_arrives_once_complete_and_in_the_order_of_the_sweep() {
    let x = Var::input(tensor![1.0, 2.0]).named("x");
    let h = x.square().named("h");
    let y = (&h * &h).sum_all(); // Σ x⁴; h is used twice
    let mut seen = Vec::new();
    let grads = y.backward_with(|a| {
        seen.push((a.to_string(), a.gradient().clone(), a.is_of(&h), a.leaf_id()));
    });
    let expected = [
        ("sum []".to_string(), Tensor::scalar(1.0), false, None),
        ("mul [2]".to_string(), tensor![1.0, 1.0], false, None),
        ("square h [2]".to_string(), tensor![2.0, 8.0], true, None), // 2h
        ("leaf x [2]".to_string(), tensor![4.0, 32.0], false, x.leaf_id()), // 4x³
    ];
    assert_eq!(seen, expected);
    assert_eq!(grads.of(&x), &tensor![4.0, 32.0]);
}

#[test]
fn a_tied_leaf_arrives_once_for_each_use_and_adds_up() {
    let id = LeafId::fresh();
    let w = || Var::leaf(id, tensor![3.0]);
    let mut seen = Vec::new();
    let grads = (&w().square() * &w()).sum_all().backward_with(|a| {
        if a.leaf_id() == Some(id) {
            seen.push(a.gradient().item());
        }
    });
    assert_eq!(seen, [9.0, 18.0]); // of the later use, and of the earlier: w² and 2w·w
    assert_eq!(grads.get(id).unwrap().item(), 27.0);
}

#[test]
fn hooks_see_the_complete_gradient_and_pass_on_another() {
    let x = Var::input(tensor![3.0, -0.5]);
    let h = x.square();
    let seen = Rc::new(RefCell::new(Vec::new()));
    let keep = seen.clone();
    h.register_hook(move |g| {
        keep.borrow_mut().push(g.value().clone());
        None
    });
    h.register_hook(|g| Some(g * 2.0));
    h.register_hook(|g| Some(&g.detach() + 1.0)); // sees what the one before returned
    let y = (&h + &h).sum_all();
    assert_eq!(y.backward().of(&x), &tensor![30.0, -5.0]); // (2·2 + 1) · 2x
    assert_eq!(*seen.borrow(), [tensor![2.0, 2.0]]);
}

#[test]
fn a_hook_on_a_leaf_changes_its_gradient() {
    let x = Var::input(tensor![3.0, 4.0]);
    x.register_hook(|g| Some(g * (1.0 / g.square().sum_all().item().sqrt())));
    assert_eq!(x.square().sum_all().backward().of(&x), &tensor![0.6, 0.8]); // scaled to length 1
}

#[test]
fn with_a_graph_the_gradient_in_a_hook_has_one_too_and_every_sweep_passes_the_hook() {
    let x = Var::input(tensor![2.0]);
    let h = x.square();
    h.register_hook(|g| Some(g * 2.0));
    let g = grad(&h.square().sum_all(), &[&x]).remove(0); // (2 · 2h) · 2x = 8x³
    assert_eq!(g.value(), &tensor![64.0]);
    // g = 4h · 2x: what comes through h is doubled again, (2 · 8x) · 2x, and the rest is not, 4h · 2: together 40x²
    assert_eq!(grad(&g.sum_all(), &[&x])[0].value(), &tensor![160.0]);
}

#[test]
fn a_hook_may_look_at_its_own_variable() {
    let x = Rc::new(Var::input(tensor![2.0]).named("x"));
    let seen = Rc::new(RefCell::new(None));
    let (weak, keep) = (Rc::downgrade(&x), seen.clone()); // weak: the graph owns the hook
    x.register_hook(move |_| {
        *keep.borrow_mut() = weak.upgrade()?.name();
        None
    });
    x.exp().sum_all().backward();
    assert_eq!(seen.borrow().as_deref(), Some("x"));
}

#[test]
#[should_panic(expected = "register_hook: a hook returned shape [] for a gradient of shape [2]; keep the shape")]
fn a_hook_that_changes_the_shape_is_refused() {
    let x = Var::input(tensor![2.0, 3.0]);
    x.register_hook(|g| Some(g.sum_all()));
    x.exp().sum_all().backward();
}

#[test]
#[should_panic(expected = "register_hook: this is a constant, through which no gradient flows")]
fn a_constant_takes_no_hook() {
    Var::constant(tensor![2.0]).register_hook(|_| None);
}
