//! The graph: its size, its memory, what it refuses.

use glassbox_autograd::{Gradients, LeafId, Var, detect_anomaly, grad};
use glassbox_tensor::random::Key;
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

/// Pieces that overlap, on each axis, of a value that is used whole as well, before and after them.
#[test]
fn the_gradients_of_pieces_add_up_in_place_as_they_do_padded() {
    let x = Var::input(Tensor::rand([3, 4, 5], Key::new(1)));
    let loss = || {
        let y = x.exp().permute(&[2, 0, 1]); // a strided view
        let pieces = (0..3isize).flat_map(|axis| [(axis, 0, 2), (axis - 3, 1, 2), (axis, 2, 1), (axis, 0, 0)]);
        let weighed = pieces.zip(2..).map(|((axis, start, len), seed)| {
            let piece = y.narrow(axis, start, len);
            (&piece.square() * &Var::constant(Tensor::rand(piece.shape(), Key::new(seed)))).sum_all()
        });
        &weighed.fold(y.square().sum_all(), |a, b| &a + &b) + &y.sin().sum_all()
    };
    let padded = grad(&loss(), &[&x]).remove(0); // with a graph, each piece's gradient is padded
    assert_close!(*loss().backward().of(&x), *padded.value(), 1e-6, 1e-6);
    let checked = detect_anomaly(|| loss().backward()); // and where each gradient is looked at
    assert_close!(*checked.of(&x), *padded.value(), 1e-6, 1e-6);
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

/// A tied parameter w in three places, on two branches that share the node s, one of them cut off by detach:
/// y = Σ w·s + s·w·stop(s)  with  s = w·x.
struct Tied {
    id: LeafId,
    w: Tensor,
    x: Var,
}

impl Tied {
    fn new() -> Tied {
        Tied { id: LeafId::fresh(), w: tensor![2.0, -1.0], x: Var::input(tensor![3.0, 0.5]) }
    }

    fn w(&self) -> Var {
        Var::leaf(self.id, self.w.clone())
    }

    fn loss(&self) -> Var {
        let s = &self.w() * &self.x;
        (&(&self.w() * &s) + &(&(&s * &self.w()) * &s.detach())).sum_all()
    }

    /// y = w²x + w²x·c with c = wx held fast: dw = 2wx·(1 + c), dx = w²·(1 + c).
    fn expected(&self) -> [Tensor; 2] {
        let element = |i: usize| {
            let (w, x) = (self.w.at([i]), self.x.value().at([i]));
            [2.0 * w * x * (1.0 + w * x), w * w * (1.0 + w * x)]
        };
        let all = [element(0), element(1)];
        [tensor![all[0][0], all[1][0]], tensor![all[0][1], all[1][1]]]
    }
}

#[test]
fn tying_shared_nodes_and_detach_together() {
    let tied = Tied::new();
    let [dw, dx] = tied.expected();
    let grads = tied.loss().backward();
    assert_eq!((grads.get(tied.id), grads.of(&tied.x)), (Some(&dw), &dx));
}

#[test]
fn backward_for_of_a_tied_leaf_and_of_what_shares_its_nodes() {
    let tied = Tied::new();
    let [dw, dx] = tied.expected();
    let x = tied.x.leaf_id().unwrap();
    let grads = tied.loss().backward_for(&[tied.id]);
    assert_eq!((grads.get(tied.id), grads.get(x)), (Some(&dw), None));
    let grads = tied.loss().backward_for(&[x]);
    assert_eq!((grads.get(tied.id), grads.get(x)), (None, Some(&dx)));
    let grads = tied.loss().backward_for(&[x, tied.id]);
    assert_eq!((grads.get(tied.id), grads.get(x)), (Some(&dw), Some(&dx)));
    assert_eq!(tied.loss().backward_for(&[LeafId::fresh()]).ids().count(), 0, "a leaf of another graph");
}

#[test]
fn backward_for_leaves_out_what_only_others_need() {
    // the sweep for `a` never enters the branch of `b`: its nodes are still whole, and can be swept later
    let (a, b) = (Var::input(tensor![2.0]), Var::input(tensor![3.0]));
    let branch = b.exp();
    let loss = (&a * &branch).sum_all();
    loss.backward_for(&[a.leaf_id().unwrap()]);
    assert_close!(branch.sum_all().backward().of(&b), tensor![3f32.exp()]);
}

#[test]
fn parts_of_a_batch_add_up_to_the_whole() {
    // integers: sums are exact in any order, so equal means equal
    let integers = |shape: [usize; 2], salt: u64| {
        let u = Tensor::rand(shape, glassbox_tensor::random::Key::new(salt)).to_vec();
        Tensor::from_vec(u.iter().map(|u| (u * 9.0).floor() - 4.0).collect(), shape)
    };
    let (x, w, b) = (integers([12, 5], 1), Var::input(integers([3, 5], 2)), Var::input(integers([1, 3], 3)));
    let loss = |x: Tensor| (&Var::constant(x).linear(&w, None) + &b).square().sum_all();
    let whole = loss(x.clone()).backward();
    let mut parts = Gradients::default();
    for start in (0..12).step_by(4) {
        parts += loss(x.narrow(0, start, 4)).backward();
    }
    assert_eq!((parts.of(&w), parts.of(&b)), (whole.of(&w), whole.of(&b)));
    parts *= 0.25;
    assert_eq!(parts.of(&w), &(whole.of(&w) * 0.25));
}

#[test]
fn gradients_of_different_leaves_join() {
    let (a, b) = (Var::input(tensor![2.0]), Var::input(tensor![3.0]));
    let mut grads = a.square().sum_all().backward();
    grads += b.square().sum_all().backward();
    assert_eq!((grads.of(&a).item(), grads.of(&b).item()), (4.0, 6.0));
    assert_eq!(grads.iter().map(|(_, g)| g.item()).collect::<Vec<_>>(), [4.0, 6.0]);
}

#[test]
fn a_seed_weighs_the_elements() {
    let x = Var::input(Tensor::arange(6).reshape([2, 3]));
    let dy = tensor![[1.0, 0.0, -2.0], [0.5, 3.0, 0.0]];
    let expected = (&x.exp() * &Var::constant(dy.clone())).sum_all().backward();
    assert_eq!(x.exp().backward_from(&dy).of(&x), expected.of(&x));
}

#[test]
#[should_panic(expected = "backward_from: dy [3] is not of the shape of y [2]; each element of y has one gradient")]
fn a_seed_of_another_shape_is_refused() {
    Var::input(tensor![1.0, 2.0]).exp().backward_from(&tensor![1.0, 2.0, 3.0]);
}

mod once {
    use super::*;
    use glassbox_autograd::*;

    /// x² whose backward computes on plain tensors.
    #[derive(Clone, Debug)]
    struct Plain;
    static INFO: OpInfo<Plain> = OpInfo {
        name: "plain_square",
        formula: "y = x²",
        gradient: "dx = 2 · x · dy",
        source: "definition",
        reference: |_, x| x[0].mapv(|x| x * x),
        sample: |d| Sample::new(Plain, [Input::new(d.shape2())]),
        standard: |_| Sample::new(Plain, [Input::new([512, 512])]),
        wrong: &[],
        tolerance: Tolerance::Exact,
        cost: |_, shapes| Cost::elementwise(1, shapes),
        derivatives: Derivatives::Once("its backward is a kernel without a graph"),
    };
    impl Op for Plain {
        const INFO: &'static OpInfo<Self> = &INFO;
        type Extra = ();
        fn keep(&self, _: &[bool]) -> Keep {
            Keep::input(0)
        }
        fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
            (x[0] * x[0], ())
        }
        fn backward(&self, kept: &Kept<'_, ()>, dy: &Var, _: &[bool]) -> Grads {
            let g = &(kept.x(0).value() * 2.0) * dy.value();
            [Some(Var::constant(g))].into()
        }
    }

    #[test]
    fn the_first_derivative_is_there_in_every_kind_of_sweep() {
        let x = Var::input(tensor![3.0]);
        assert_eq!(apply(Plain, [&x]).backward_from(&tensor![1.0]).of(&x), &tensor![6.0]);
        assert_eq!(grad(&apply(Plain, [&x]).sum_all(), &[&x])[0].value(), &tensor![6.0]);
        gradcheck(|x| apply(Plain, [&x[0]]).sum_all(), &[tensor![3.0, -1.0]]).unwrap();
    }

    #[test]
    #[should_panic(expected = "plain_square: it can be differentiated once (its backward is a kernel without a graph)")]
    fn the_second_is_refused_with_respect_to_the_input() {
        let x = Var::input(tensor![3.0]);
        let g = grad(&apply(Plain, [&x]).sum_all(), &[&x]).remove(0);
        grad(&(&g * &x).sum_all(), &[&x]);
    }

    #[test]
    #[should_panic(expected = "plain_square: it can be differentiated once")]
    fn and_with_respect_to_dy() {
        let x = Var::constant(tensor![3.0]);
        jvp(|x| apply(Plain, [&x[0]]), &[&x], &[&x]);
    }
}
