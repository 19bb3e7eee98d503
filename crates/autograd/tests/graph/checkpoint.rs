//! Checkpoints change memory and nothing else.

use glassbox_autograd::{LeafId, Var, checkpoint, grad, gradcheck, graph_text, hessian};
use glassbox_tensor::random::Key;
use glassbox_tensor::{Tensor, tensor};
use std::cell::Cell;

/// Parameters by identity, as a layer owns them: each use makes a leaf.
struct Layers(Vec<(LeafId, Tensor)>);

impl Layers {
    fn new(n: usize) -> Layers {
        Layers((0..n).map(|i| (LeafId::fresh(), &Tensor::randn([4, 4], Key::new(i as u64)) * 0.5)).collect())
    }

    fn layer(&self, i: usize, x: &Var) -> Var {
        let (id, w) = &self.0[i];
        let h = x.matmul(&Var::leaf(*id, w.clone())).tanh();
        &(&h * &h.sigmoid()) + x
    }

    fn plain(&self, x: &Var) -> Var {
        (0..self.0.len()).fold(x.clone(), |h, i| self.layer(i, &h)).square().sum_all()
    }

    fn checkpointed(&self, x: &Var, segment: usize) -> Var {
        let mut h = x.clone();
        for start in (0..self.0.len()).step_by(segment) {
            let end = (start + segment).min(self.0.len());
            h = checkpoint(|| (start..end).fold(h.clone(), |h, i| self.layer(i, &h)));
        }
        h.square().sum_all()
    }

    /// A checkpoint around each half, down to single layers.
    fn nested(&self, x: &Var, from: usize, to: usize) -> Var {
        if to - from == 1 {
            return checkpoint(|| self.layer(from, x));
        }
        let middle = (from + to) / 2;
        checkpoint(|| self.nested(&self.nested(x, from, middle), middle, to))
    }
}

fn bits(x: &Tensor) -> Vec<u32> {
    x.to_vec().iter().map(|v| v.to_bits()).collect()
}

#[test]
fn gradients_are_bit_equal_with_parameters_and_inputs_and_for_every_cut() {
    let layers = Layers::new(7);
    let x = Var::input(Tensor::randn([3, 4], Key::new(100)));
    let plain = layers.plain(&x);
    let expected = plain.backward();
    for segment in [1, 2, 3, 7] {
        let y = layers.checkpointed(&x, segment);
        assert_eq!(y.item().to_bits(), plain.item().to_bits());
        let found = y.backward();
        assert_eq!(found.ids().collect::<Vec<_>>(), expected.ids().collect::<Vec<_>>());
        for (id, g) in found.iter() {
            assert_eq!(bits(g), bits(expected.get(id).unwrap()), "segments of {segment}");
        }
    }
}

#[test]
fn checkpoints_in_checkpoints_give_the_same_bits() {
    let layers = Layers::new(8);
    let x = Var::input(Tensor::randn([3, 4], Key::new(100)));
    let expected = layers.plain(&x).backward();
    let found = layers.nested(&x, 0, 8).square().sum_all().backward();
    assert_eq!(found.ids().count(), 9);
    found.iter().for_each(|(id, g)| assert_eq!(bits(g), bits(expected.get(id).unwrap())));
}

#[test]
fn second_derivatives_are_bit_equal() {
    let layers = Layers::new(4);
    let x = Var::input(Tensor::randn([2, 4], Key::new(100)));
    let second = |y: &Var| {
        let g = grad(y, &[&x]).remove(0);
        g.square().sum_all().backward()
    };
    let expected = second(&layers.plain(&x));
    for y in [layers.checkpointed(&x, 2), layers.nested(&x, 0, 4).square().sum_all()] {
        let found = second(&y);
        assert_eq!(found.ids().count(), 5);
        found.iter().for_each(|(id, g)| assert_eq!(bits(g), bits(expected.get(id).unwrap())));
    }
    // and against a closed form: f = Σ x⁴, H = diag(12x²)
    let h = hessian(|x| checkpoint(|| x.square().square()).sum_all(), &tensor![1., 2.]);
    assert_eq!(h, tensor![[12., 0.], [0., 48.]]);
}

#[test]
fn central_differences_agree() {
    let layers = Layers::new(4);
    let x = [Tensor::randn([2, 4], Key::new(100))];
    gradcheck(|x| layers.checkpointed(&x[0], 2), &x).unwrap();
    gradcheck(|x| layers.nested(&x[0], 0, 4).square().sum_all(), &x).unwrap();
    // a penalty on a gradient through checkpoints
    gradcheck(|x| grad(&layers.checkpointed(&x[0], 2), &[&x[0]])[0].square().sum_all(), &x).unwrap();
}

#[test]
fn the_graph_is_the_same_graph() {
    let layers = Layers::new(2);
    let x = Var::input(Tensor::ones([1, 4]));
    assert_eq!(graph_text(&layers.checkpointed(&x, 1)), graph_text(&layers.plain(&x)));
}

#[test]
fn the_function_runs_once() {
    let runs = Cell::new(0);
    let x = Var::input(tensor![1., 2.]);
    let y = checkpoint(|| {
        runs.set(runs.get() + 1);
        x.exp().square()
    });
    y.sum_all().backward();
    assert_eq!(runs.get(), 1);
}

#[test]
fn several_results_and_values_of_another_checkpoint_are_used_freely() {
    let x = Var::input(tensor![0.5, -1.5]);
    let with = |checkpointed: bool| {
        let first = || {
            let h = x.exp();
            (h.square(), h.tanh())
        };
        let (a, b) = if checkpointed { checkpoint(first) } else { first() };
        let second = || &(&a * &b).sigmoid() * &x;
        let c = if checkpointed { checkpoint(second) } else { second() };
        (&(&c * &a).square() + &b).sum_all().backward().remove(x.leaf_id().unwrap()).unwrap()
    };
    assert_eq!(bits(&with(true)), bits(&with(false)));
}

#[test]
fn a_gradient_taken_inside_is_right_inside_and_outside() {
    // a gradient penalty computed in a checkpoint: the sweep inside makes the segment keep its values
    let penalty = |x: &Var, outside: &Var| {
        let y = (&x.square() * &(x * outside)).sum_all(); // Σ x³·o
        &grad(&y, &[x])[0].square().sum_all() * 0.5 // ½ Σ (3x²·o)²
    };
    let (x, o) = (Var::input(tensor![1.0, -2.0]), Var::input(tensor![0.5, 2.0]));
    let y = checkpoint(|| checkpoint(|| &penalty(&x.square(), &o) + &o.sum_all()));
    let g = y.backward();
    // h = x²: ½·9·h⁴·o² -> dx = 18·h³·o²·2x, do = 9·h⁴·o + 1
    assert_eq!(g.of(&x), &tensor![18. * 0.25 * 2., 18. * 64. * 4. * -4.]);
    assert_eq!(g.of(&o), &tensor![9. * 0.5 + 1., 9. * 256. * 2. + 1.]);
}

#[test]
fn a_backward_inside_consumes_what_is_inside_alone() {
    let x = Var::input(tensor![3.0]);
    let y = checkpoint(|| {
        let inner = Var::input(tensor![2.0]);
        let step = inner.square().sum_all().backward(); // 2·2
        &x.square() * step.of(&inner).to_vec()[0]
    });
    assert_eq!(y.sum_all().backward().of(&x), &tensor![24.0]); // 4·2x
}

#[test]
fn only_what_was_asked_for_is_computed() {
    let (a, b) = (Var::input(tensor![2.0]), Var::input(tensor![3.0]));
    let y = checkpoint(|| (&a.square() * &b.square()).sum_all());
    let grads = y.backward_for(&[a.leaf_id().unwrap()]);
    assert_eq!(grads.of(&a), &tensor![36.0]);
    assert_eq!(grads.ids().count(), 1);
}

#[test]
fn a_tied_parameter_inside_and_outside_adds_up() {
    let id = LeafId::fresh();
    let w = || Var::leaf(id, tensor![2.0]);
    let y = &checkpoint(|| w().square()) * &w(); // w³
    assert_eq!(y.sum_all().backward().get(id), Some(&tensor![12.0]));
}

#[test]
fn constants_and_detached_values_stay_what_they_were() {
    let x = Var::input(tensor![3.0]);
    let y = checkpoint(|| &(&x * &x.detach().square()) + &Var::constant(tensor![1.0]));
    assert_eq!(y.value(), &tensor![28.0]);
    assert_eq!(y.sum_all().backward().of(&x), &tensor![9.0]);
    assert!(!checkpoint(|| Var::constant(tensor![1.0]).exp()).is_recorded());
}

#[test]
fn after_a_panic_inside_nothing_is_left_open() {
    let x = Var::input(tensor![1.0]);
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        checkpoint(|| {
            let _ = x.exp();
            panic!("inside")
        })
    }));
    assert!(caught.is_err());
    assert_eq!(x.exp().ln().sum_all().backward().of(&x), &tensor![1.0]);
}

#[test]
fn names_and_hooks_inside_work() {
    let x = Var::input(tensor![1.0, 2.0]).named("x");
    let y = checkpoint(|| {
        let h = x.square().named("h");
        h.register_hook(|g| Some(g * 10.0));
        h.square()
    });
    assert!(graph_text(&y).contains("square(x) h"), "{}", graph_text(&y));
    assert_eq!(y.sum_all().backward().of(&x), &tensor![40.0, 320.0]); // 10 · 4x³
}

#[test]
fn a_deep_checkpoint_needs_no_stack() {
    let x = Var::input(tensor![1.0]);
    let y = checkpoint(|| (0..200_000).fold(x.clone(), |h, _| &h * 1.0));
    assert_eq!(y.sum_all().backward().of(&x), &tensor![1.0]);
    // and many in a row, each reading the last
    let mut y = x.clone();
    for _ in 0..100_000 {
        y = checkpoint(|| y.square());
    }
    assert_eq!(y.sum_all().backward().of(&x).to_vec()[0], f32::INFINITY); // 2¹⁰⁰⁰⁰⁰
}

/// Programs and cuts drawn by chance: values are used across the borders of checkpoints, which lie beside and inside one
/// another.
mod drawn {
    use super::*;

    struct Random(u64);

    impl Random {
        fn below(&mut self, n: usize) -> usize {
            self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (self.0 >> 33) as usize % n
        }
    }

    /// An operation and the values that it reads.
    type Step = (usize, [usize; 2]);

    fn program(inputs: usize, steps: usize, random: &mut Random) -> Vec<Step> {
        let mut reach = |at: usize| (inputs + at).saturating_sub(1 + random.below(6));
        (0..steps).map(|at| (reach(at) * 7 + at, [reach(at), reach(at)])).collect()
    }

    fn compute((kind, [a, b]): Step, values: &[Var]) -> Var {
        let (a, b) = (&values[a], &values[b]);
        match kind % 6 {
            0 => a * b,
            1 => a + b,
            2 => a.tanh(),
            3 => a.sigmoid(),
            4 => a.matmul(b),
            _ => &(a + &b.detach()) * 0.5,
        }
    }

    fn run(program: &[Step], values: &mut Vec<Var>, cuts: &mut Option<Random>) {
        let half = match cuts {
            Some(random) if program.len() > 1 => 1 + random.below(program.len() - 1),
            _ => return program.iter().for_each(|step| values.push(compute(*step, values).tanh())),
        };
        for part in [&program[..half], &program[half..]] {
            if cuts.as_mut().is_some_and(|random| random.below(2) == 0) {
                checkpoint(|| run(part, values, cuts));
            } else {
                run(part, values, cuts);
            }
        }
    }

    /// Every gradient's bits: of the first order, or of a penalty on that.
    fn gradients(program: &[Step], mut cuts: Option<Random>, second: bool) -> Vec<Vec<u32>> {
        let inputs: Vec<Var> = (0..3).map(|i| Var::input(Tensor::randn([2, 2], Key::new(i)))).collect();
        let mut values = inputs.clone();
        run(program, &mut values, &mut cuts);
        let loss = values.iter().rev().take(3).map(|v| v.square().sum_all()).reduce(|a, b| &a + &b).unwrap();
        drop(values);
        let loss = match second {
            false => loss,
            true => {
                let g = grad(&loss, &inputs.iter().collect::<Vec<_>>());
                &g.iter().map(|g| g.square().sum_all()).reduce(|a, b| &a + &b).unwrap() + &loss
            }
        };
        let grads = loss.backward();
        inputs.iter().map(|x| grads.get(x.leaf_id().unwrap()).map(bits).unwrap_or_default()).collect()
    }

    #[test]
    fn every_bit_of_every_gradient_is_that_without_checkpoints() {
        for seed in 0..150 {
            let random = &mut Random(seed);
            let steps = 3 + random.below(25);
            let program = program(3, steps, random);
            for second in [false, true] {
                let plain = gradients(&program, None, second);
                assert!(plain.iter().any(|g| g.iter().any(|bits| f32::from_bits(*bits) != 0.0)));
                for cut in 0..3 {
                    let cuts = Some(Random(1000 * seed + cut));
                    assert_eq!(gradients(&program, cuts, second), plain, "seed {seed}, cut {cut}, second: {second}");
                }
            }
        }
    }
}
