//! The losses: their gradients against central differences, closed forms, limits, and what they refuse.

use glassbox_autograd::{Var, gradcheck};
use glassbox_nn::loss::{
    BceWeights, CrossEntropyOptions, GaussianNllOptions, KlTarget, MultiMarginOptions, Reduction, bce_with_logits,
    bce_with_logits_weighted, cross_entropy, cross_entropy_soft, gaussian_kl, gaussian_kl_between, gaussian_nll, hinge,
    hinge_discriminator, hinge_embedding, hinge_generator, huber, kl_div, l1, mse, multi_margin, smooth_l1,
};
use glassbox_tensor::random::Key;
use glassbox_tensor::{Ids, Tensor, assert_close, tensor};

const REDUCED: [Reduction; 3] = [Reduction::Sum, Reduction::Mean, Reduction::BatchMean];

fn constant(t: Tensor) -> Var {
    Var::constant(t)
}

fn signs(shape: [usize; 2]) -> Tensor {
    Tensor::rand(shape, Key::new(8)).greater(&Tensor::scalar(0.5)).affine(2.0, -1.0)
}

#[test]
fn the_gradients_of_all_losses_are_their_derivatives() {
    let shape = [4, 3]; // (B, C)
    let (a, b) = (Tensor::randn(shape, Key::new(1)), Tensor::randn(shape, Key::new(2)));
    let (c, d) = (Tensor::randn(shape, Key::new(3)), Tensor::randn(shape, Key::new(4)));
    let unit = Tensor::rand(shape, Key::new(5)).affine(0.9, 0.05); // probabilities, variances
    let weight = Tensor::rand([3], Key::new(6)).affine(1.0, 0.5);
    let (ids, t) = (Ids::from([2, 0, 1, 0]), signs(shape));
    for r in REDUCED {
        let check = |name: &str, f: &dyn Fn(&[Var]) -> Var, inputs: &[&Tensor]| {
            let inputs: Vec<Tensor> = inputs.iter().map(|&x| x.clone()).collect();
            gradcheck(f, &inputs).unwrap_or_else(|error| panic!("{name}, {r:?}: {error}"));
        };
        check("mse", &|v| mse(&v[0], &v[1], r), &[&a, &b]);
        check("l1", &|v| l1(&v[0], &v[1], r), &[&a, &b]);
        check("huber", &|v| huber(&v[0], &v[1], 0.7, r), &[&a, &b]);
        check("smooth_l1", &|v| smooth_l1(&v[0], &v[1], 0.7, r), &[&a, &b]);
        check("smooth_l1, beta 0", &|v| smooth_l1(&v[0], &v[1], 0.0, r), &[&a, &b]);
        check("bce_with_logits", &|v| bce_with_logits(&v[0], &v[1], r), &[&a, &unit]);
        let weights = BceWeights { weight: Some(&weight), pos_weight: Some(&unit) };
        check("bce_with_logits_weighted", &|v| bce_with_logits_weighted(&v[0], &v[1], weights, r), &[&a, &unit]);
        for (label_smoothing, weight, ignore_index) in
            [(0.0, None, None), (0.2, None, Some(1)), (0.0, Some(&weight), None), (0.2, Some(&weight), Some(1))]
        {
            let options = CrossEntropyOptions { label_smoothing, ignore_index, weight };
            check("cross_entropy", &|v| cross_entropy(&v[0], &ids, options, r), &[&a]);
        }
        check("cross_entropy_soft", &|v| cross_entropy_soft(&v[0], &v[1], r), &[&a, &unit]);
        for options in
            [MultiMarginOptions::default(), MultiMarginOptions { margin: 0.6, squared: true, weight: Some(&weight) }]
        {
            check("multi_margin", &|v| multi_margin(&v[0], &ids, options, r), &[&a]);
        }
        check("hinge", &|v| hinge(&v[0], &constant(t.clone()), r), &[&a]);
        check("hinge_embedding", &|v| hinge_embedding(&v[0], &t, 0.8, r), &[&a]);
        check("hinge_discriminator", &|v| hinge_discriminator(&v[0], &v[1], r), &[&a, &b]);
        check("hinge_generator", &|v| hinge_generator(&v[0], r), &[&a]);
        let full = GaussianNllOptions { full: true, ..Default::default() };
        check("gaussian_nll", &|v| gaussian_nll(&v[0], &v[1], &v[2], full, r), &[&a, &b, &unit]);
        let shared = unit.narrow(1, 0, 1);
        check("gaussian_nll, one variance", &|v| gaussian_nll(&v[0], &v[1], &v[2], full, r), &[&a, &b, &shared]);
        check("gaussian_kl", &|v| gaussian_kl(&v[0], &v[1], r), &[&a, &b]);
        let between = |v: &[Var]| gaussian_kl_between([&v[0], &v[1]], [&v[2], &v[3]], r);
        check("gaussian_kl_between", &between, &[&a, &b, &c, &d]);
        check("kl_div", &|v| kl_div(&v[0], KlTarget::Probabilities(&v[1]), r), &[&a, &unit]);
        check("kl_div of logarithms", &|v| kl_div(&v[0], KlTarget::LogProbabilities(&v[1]), r), &[&a, &b]);
    }
}

#[test]
fn the_mean_of_a_normal_likelihood_is_the_entropy() {
    // E −ln p(t) over t ~ N(mu, σ²) is ½·ln(2πeσ²); here σ = 3, by 200,000 draws, whose mean has the standard error √½/√n.
    let n = 200_000;
    let t = Tensor::randn([n], Key::new(1)).affine(3.0, -2.0);
    let [mu, var] = [-2.0, 9.0].map(|x| constant(Tensor::full([n], x)));
    let full = GaussianNllOptions { full: true, ..Default::default() };
    let nats = gaussian_nll(&mu, &constant(t), &var, full, Reduction::Mean).item();
    let entropy = 0.5 * (std::f32::consts::TAU * std::f32::consts::E * 9.0).ln();
    assert!((nats - entropy).abs() < 6.0 * (0.5 / n as f32).sqrt(), "{nats} {entropy}");
}

#[test]
fn a_variance_below_eps_counts_as_eps_and_is_pushed_up() {
    let (mu, t) = (constant(tensor![0.]), constant(tensor![1.]));
    let options = GaussianNllOptions { eps: 0.25, ..Default::default() };
    for below in [0.1, 0.0, -3.0] {
        let var = Var::input(tensor![below]);
        let loss = gaussian_nll(&mu, &t, &var, options, Reduction::Sum);
        assert_close!(*loss.value(), Tensor::scalar(0.5 * (0.25f32.ln() + 4.0)), 1e-6);
        assert_close!(*loss.backward().of(&var), tensor![0.5 * (4.0 - 16.0)], 1e-6); // ½·(1/v − 1/v²) at 0.25
    }
}

#[test]
fn nearly_equal_normals_are_apart_by_nearly_nothing() {
    // KL = ½·(e^d − 1 − d) = d²/4 + d³/12 + …, of two variances that differ by a thousandth; f32 has it to 3 digits at least.
    let [zero, d] = [0.0, 1e-3].map(|x| constant(tensor![x]));
    let kl = gaussian_kl_between([&zero, &d], [&zero, &zero], Reduction::Sum).item();
    assert!((f64::from(kl) / (0.25e-6 + 1e-9 / 12.0) - 1.0).abs() < 1e-3, "{kl}");
    assert_eq!(gaussian_kl_between([&d, &d], [&d, &d], Reduction::Sum).item(), 0.0);
}

#[test]
fn the_divergence_from_the_standard_normal_is_one_between_two() {
    let (mu, logvar) = (constant(Tensor::randn([5, 3], Key::new(1))), constant(Tensor::randn([5, 3], Key::new(2))));
    let zero = constant(Tensor::zeros([5, 3]));
    let between = gaussian_kl_between([&mu, &logvar], [&zero, &zero], Reduction::None);
    assert_close!(*between.value(), *gaussian_kl(&mu, &logvar, Reduction::None).value(), 1e-5, 1e-6);
}

#[test]
fn cross_entropy_is_the_divergence_from_its_target_and_the_targets_entropy() {
    // H(p, q) = H(p) + KL(p ‖ q), with the classes on axis 1 of (B, C, T).
    let logits = constant(Tensor::randn([2, 5, 3], Key::new(1)));
    let p = constant(Tensor::randn([2, 5, 3], Key::new(2))).softmax(1);
    let cross = cross_entropy_soft(&logits, &p, Reduction::Sum).item();
    let entropy = -(&p * &p.ln()).sum_all().item();
    let kl = kl_div(&logits.log_softmax(1), KlTarget::Probabilities(&p), Reduction::Sum).item();
    assert!((cross - (entropy + kl)).abs() < 1e-5 * cross, "{cross} {entropy} {kl}");
    // and against classes it is that against their one-hot rows
    let ids = Ids::from([[4, 0, 2], [1, 1, 3]]); // (B, T)
    let hard = cross_entropy(&logits, &ids, CrossEntropyOptions::default(), Reduction::None); // (B, T)
    let one_hot = constant(ids.one_hot(5).transpose(1, 2)); // (B, T, C) -> (B, C, T)
    assert_close!(*hard.value(), *cross_entropy_soft(&logits, &one_hot, Reduction::None).value(), 1e-5, 1e-6);
}

#[test]
fn what_does_not_count_has_no_loss_and_no_gradient_even_at_infinity() {
    let x = Var::input(tensor![[f32::NEG_INFINITY, 0.], [1., 3.]]);
    let weight = tensor![1., 2.];
    for (label_smoothing, weight) in [(0.0, None), (0.1, None), (0.0, Some(&weight)), (0.1, Some(&weight))] {
        let options = CrossEntropyOptions { label_smoothing, ignore_index: Some(7), weight };
        let each = cross_entropy(&x, &Ids::from([7, 1]), options, Reduction::None);
        assert_eq!(each.value().at([0]), 0.0, "{options:?}");
        assert!(each.value().at([1]).is_finite());
        let grads = each.sum_all().backward();
        assert_eq!(grads.of(&x).narrow(0, 0, 1), tensor![[0., 0.]], "{options:?}");
        assert!(grads.of(&x).at([1, 0]) > 0.0);
    }
}

#[test]
fn weighted_binary_cross_entropy_neither_overflows_nor_loses_digits() {
    let pos_weight = tensor![3.0];
    let weights = BceWeights { pos_weight: Some(&pos_weight), ..Default::default() };
    let z = Var::input(tensor![1e4, -1e4, 30.0, -30.0]);
    let loss = bce_with_logits_weighted(&z, &constant(tensor![1., 1., 1., 0.]), weights, Reduction::None);
    let tiny = (-30f64).exp() as f32; // ln(1 + e^−30), which 1 + e^−30 in f32 doesn't hold
    assert_close!(*loss.value(), tensor![0.0, 3e4, 3.0 * tiny, tiny], 1e-5);
    assert_close!(*loss.sum_all().backward().of(&z), tensor![0., -3., -3.0 * tiny, tiny], 1e-5);
}

#[test]
fn huber_is_the_square_near_and_the_absolute_value_far_away() {
    let (x, t) = (constant(Tensor::randn([50], Key::new(1))), constant(Tensor::zeros([50])));
    let square = mse(&x, &t, Reduction::None);
    assert_close!(*(&huber(&x, &t, 1e3, Reduction::None) * 2.0).value(), *square.value(), 1e-6);
    // far beyond its threshold δ it is δ·|x| but for δ²/2
    let absolute = l1(&x, &t, Reduction::Mean).item();
    let thin = huber(&x, &t, 1e-4, Reduction::Mean).item() / 1e-4;
    assert!((thin - absolute).abs() < 1e-4, "{thin} {absolute}");
    assert!((smooth_l1(&x, &t, 1e-4, Reduction::Mean).item() - absolute).abs() < 1e-4);
}

#[test]
fn a_generator_gains_by_what_a_discriminator_no_longer_minds() {
    // At −2, beyond its margin, the discriminator is content; the generator is not.
    let fake = Var::input(tensor![-2.0]);
    let discriminator = hinge_discriminator(&constant(tensor![2.0]), &fake, Reduction::Mean);
    assert_eq!((discriminator.item(), discriminator.backward().of(&fake).item()), (0.0, 0.0));
    let generator = hinge_generator(&fake, Reduction::Mean);
    assert_eq!((generator.item(), generator.backward().of(&fake).item()), (2.0, -1.0));
}

/// The sentence that a call panics with.
fn sentence(call: impl FnOnce() -> Var + std::panic::UnwindSafe) -> String {
    let panic = std::panic::catch_unwind(|| drop(call())).expect_err("a mistake");
    *panic.downcast::<String>().expect("a sentence")
}

#[test]
fn mistakes_are_named() {
    let x = |shape: &[usize]| constant(Tensor::ones(shape));
    let mean = Reduction::Mean;
    let says = [
        (sentence(|| huber(&x(&[2]), &x(&[2]), 0.0, mean)), "huber: delta is 0; it must be positive"),
        (sentence(|| smooth_l1(&x(&[2]), &x(&[2]), -1.0, mean)), "smooth_l1: beta is -1; it must be at least 0"),
        (
            sentence(|| cross_entropy(&x(&[2, 3, 4]), &Ids::from([0, 1]), CrossEntropyOptions::default(), mean)),
            "cross_entropy: ids of shape [2] don't fit logits of shape [2, 3, 4]: there is one for each place, so they are [2, 4]",
        ),
        (
            sentence(|| {
                let options = CrossEntropyOptions { weight: Some(&tensor![1., 1.]), ..Default::default() };
                cross_entropy(&x(&[2, 3]), &Ids::from([0, 1]), options, mean)
            }),
            "cross_entropy: a weight of shape [2] for 3 classes; use [3]",
        ),
        (
            sentence(|| {
                let options = CrossEntropyOptions { weight: Some(&tensor![1., 1., 1.]), ..Default::default() };
                cross_entropy(&x(&[2, 3]), &Ids::from([0, 5]), options, mean)
            }),
            "cross_entropy: id 5 at [1] is out of range for 3 classes; use ids below 3, or name it as ignore_index",
        ),
        (
            sentence(|| multi_margin(&x(&[2, 3]), &Ids::from([0]), MultiMarginOptions::default(), mean)),
            "multi_margin: ids of shape [1] don't fit x of shape [2, 3]: there is one for each row, so they are [2]",
        ),
        (
            sentence(|| multi_margin(&x(&[3]), &Ids::from([0]), MultiMarginOptions::default(), mean)),
            "multi_margin: x of shape [3]; it must be (B, C)",
        ),
        (
            sentence(|| hinge_embedding(&x(&[2]), &tensor![1., 0.], 1.0, mean)),
            "hinge_embedding: 0 among the signs; use 1 for what belongs together and -1 for what doesn't",
        ),
        (
            sentence(|| hinge_discriminator(&x(&[2]), &x(&[3]), Reduction::None)),
            "hinge_discriminator: the shapes of real [2] and fake [3] differ; a loss never broadcasts",
        ),
        (
            sentence(|| gaussian_nll(&x(&[2, 3]), &x(&[2, 3]), &x(&[3]), GaussianNllOptions::default(), mean)),
            "gaussian_nll: var of shape [3] doesn't fit mu of shape [2, 3]: it has the same shape, or 1 on the last axis",
        ),
        (
            sentence(|| {
                let weights = BceWeights { weight: Some(&Tensor::ones([4, 2])), ..Default::default() };
                bce_with_logits_weighted(&x(&[2]), &x(&[2]), weights, mean)
            }),
            "bce_with_logits_weighted: with these weights a loss of logits [2] has the shape [4, 2]; a weight must broadcast \
             to the logits",
        ),
    ];
    for (ours, expected) in says {
        assert_eq!(ours, expected);
    }
}
