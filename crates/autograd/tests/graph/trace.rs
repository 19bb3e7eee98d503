//! A trace shows what the sweep computes.

use glassbox_autograd::{Var, checkpoint, trace, trace_from};
use glassbox_tensor::random::Key;
use glassbox_tensor::{Tensor, assert_close, tensor};

/// A network with a hidden layer on three points.
fn loss() -> (Vec<Var>, Vec<Var>, Var) {
    let x = Var::constant(Tensor::randn([3, 2], Key::new(1)));
    let target = Var::constant(Tensor::randn([3, 1], Key::new(2)));
    let w1 = Var::input(Tensor::randn([4, 2], Key::new(3))).named("w1");
    let w2 = Var::input(Tensor::randn([1, 4], Key::new(4))).named("w2");
    let h = x.linear(&w1, None).tanh().named("h");
    let e = &h.linear(&w2, None) - &target;
    let loss = e.square().mean_all();
    (vec![w1, w2], vec![h, e], loss)
}

#[test]
fn values_and_gradients_are_those_of_the_graph_and_of_its_sweep() {
    let (leaves, inner, loss) = loss();
    let trace = trace(&loss);
    let numbers: Vec<usize> = trace.steps.iter().map(|step| step.number).collect();
    assert!(numbers.is_sorted_by(|a, b| a > b), "{numbers:?}");
    assert_eq!(trace.steps[0].value.as_ref(), Some(loss.value()));
    let named = |name: &str| trace.steps.iter().find(|step| step.name.as_deref() == Some(name)).unwrap();
    assert_eq!(named("h").value.as_ref(), Some(inner[0].value()));
    let e = trace.steps.iter().find(|step| step.op == "sub").unwrap();
    assert_eq!(e.value.as_ref(), Some(inner[1].value()), "computed again, for nobody keeps it");
    assert_eq!((e.rule.is_empty(), e.constants.len()), (false, 1));
    assert_close!(&e.gradient, &(inner[1].value() * (2.0 / 3.0))); // of the mean of e²
    let [w1, w2] = ["w1", "w2"].map(|name| named(name).gradient.clone());
    assert_eq!(named("w1").value.as_ref(), Some(leaves[0].value()));
    let grads = loss.backward(); // the trace has left the graph as it was
    assert_eq!((grads.of(&leaves[0]), grads.of(&leaves[1])), (&w1, &w2));
}

#[test]
fn a_gradient_says_what_it_was_added_up_from() {
    let x = Var::input(tensor![3.0]);
    let y = (&(&x * &x) * &x).sum_all();
    let text = trace(&y).to_string();
    assert!(
        text.ends_with("%0 = leaf  [1]\n    value  gradient, added up from %1, %1, %2\n    [3.]   [27.]\n"),
        "{text}"
    );
}

#[test]
fn a_seed_takes_the_place_of_the_one() {
    let x = Var::input(tensor![[1.0, 2.0], [3.0, 4.0]]);
    let steps = trace_from(&x.square(), &tensor![[1.0, 0.0], [0.0, -1.0]]).steps;
    assert_eq!(steps[1].gradient, tensor![[2.0, 0.0], [0.0, -8.0]]);
}

#[test]
fn inside_a_checkpoint_values_are_known_and_a_large_constant_is_not() {
    let x = Var::input(tensor![2.0]);
    let y = checkpoint(|| x.square().exp().ln());
    let steps = trace(&y.sum_all()).steps;
    assert!(steps.iter().all(|step| step.value.is_some()));
    let large = Var::constant(Tensor::ones([1001]));
    let y = (&(&x + &large) * 2.0).sum_all();
    let trace = trace(&y);
    let text = trace.to_string();
    let sum = trace.steps.iter().find(|step| step.op == "add").unwrap();
    assert!(sum.value.is_none() && text.contains("not kept"), "{text}");
    assert_eq!(trace.steps.last().unwrap().gradient, tensor![2002.0]);
}

#[test]
#[should_panic(expected = "trace: shape [2] has 2 elements, and a gradient is of one")]
fn a_vector_has_no_trace() {
    trace(&Var::input(tensor![1.0, 2.0]).exp());
}
