//! Layers and losses against plain f64, PyTorch's numbers, and their own derivatives.

use glassbox_autograd::{Var, gradcheck};
use glassbox_nn::loss::{Reduction, bce_with_logits, gaussian_kl, mse};
use glassbox_nn::optim::Adam;
use glassbox_nn::{
    Context, Conv1d, Conv2d, ConvTranspose1d, ConvTranspose2d, Dropout, Embedding, Linear, ResnetBlock,
    ResnetBlockOptions,
};
use glassbox_tensor::random::Key;
use glassbox_tensor::{Conv2dOptions, ConvTranspose2dOptions, Ids, Tensor, assert_close, tensor};

fn constant(t: Tensor) -> Var {
    Var::constant(t)
}

/// x (B, in), w (out, in), b (out) -> (B, out), three loops in f64.
fn naive_linear(x: &Tensor, w: &Tensor, b: Option<&Tensor>) -> Tensor {
    let (batch, inputs, outputs) = (x.shape()[0], x.shape()[1], w.shape()[0]);
    let mut y = Vec::new();
    for i in 0..batch {
        for o in 0..outputs {
            let sum: f64 = (0..inputs).map(|k| f64::from(x.at([i, k])) * f64::from(w.at([o, k]))).sum();
            y.push((sum + b.map_or(0.0, |b| f64::from(b.at([o])))) as f32);
        }
    }
    Tensor::from_vec(y, [batch, outputs])
}

#[test]
fn linear_is_x_times_w_transposed_plus_b() {
    for (batch, inputs, outputs) in [(1, 1, 1), (3, 5, 2), (32, 100, 40)] {
        let x = Tensor::randn([batch, inputs], Key::new(1));
        let linear = Linear::new(inputs, outputs, Key::new(2));
        let bias = linear.bias.as_ref().map(|bias| bias.value());
        let y = linear.forward(&constant(x.clone()));
        assert_close!(*y.value(), naive_linear(&x, linear.weight.value(), bias), 1e-5, 1e-6);

        let unbiased = Linear::without_bias(inputs, outputs, Key::new(2));
        assert_eq!(unbiased.weight.value(), linear.weight.value());
        let y = unbiased.forward(&constant(x.clone()));
        assert_close!(*y.value(), naive_linear(&x, unbiased.weight.value(), None), 1e-5, 1e-6);
    }
}

#[test]
fn weight_and_bias_are_drawn_independently() {
    let linear = Linear::new(1, 8, Key::new(1)); // with one input, both have the bound 1
    let bias = linear.bias.as_ref().expect("there").value().to_vec();
    assert!(linear.weight.value().to_vec().iter().zip(&bias).all(|(w, b)| w != b));
}

#[test]
fn linear_takes_any_axes_before_the_last() {
    let linear = Linear::new(4, 3, Key::new(1));
    let x = Tensor::randn([2, 5, 4], Key::new(2));
    let y = linear.forward(&constant(x.clone()));
    let flat = linear.forward(&constant(x.reshape([10, 4])));
    assert_eq!(y.shape(), [2, 5, 3]);
    assert_close!(*y.value(), flat.value().reshape([2, 5, 3]));
}

#[test]
fn the_fused_relu_is_relu_after_linear() {
    let linear = Linear::new(7, 5, Key::new(1));
    let x = Var::input(Tensor::randn([6, 7], Key::new(2)));
    let (apart, fused) = (linear.forward(&x).relu(), linear.forward_relu(&x));
    assert_close!(*fused.value(), *apart.value(), 1e-6, 1e-7);
    let (apart, fused) = (apart.square().sum_all().backward(), fused.square().sum_all().backward());
    for id in [linear.weight.id(), linear.bias.as_ref().expect("there").id(), x.leaf_id().expect("a leaf")] {
        assert_close!(*fused.get(id).expect("reached"), *apart.get(id).expect("reached"), 1e-5, 1e-6);
    }
}

#[test]
fn linears_gradients_are_its_derivatives() {
    let shapes: [&[usize]; 3] = [&[3, 5], &[4, 5], &[4]];
    let inputs: Vec<Tensor> = shapes.iter().zip(0..).map(|(s, i)| Tensor::randn(s, Key::new(i))).collect();
    let f = |v: &[Var]| v[0].linear(&v[1], Some(&v[2])).tanh().sum_all();
    gradcheck(f, &inputs).expect("x, weight and bias");

    // Through the layer itself: with respect to x and to its own parameters.
    let linear = Linear::new(5, 4, Key::new(9));
    gradcheck(|v| linear.forward(&v[0]).tanh().sum_all(), &inputs[..1]).expect("forward");
    gradcheck(|v| linear.forward_relu(&v[0]).square().sum_all(), &inputs[..1]).expect("forward_relu");

    // And against the closed forms dx = dy · W, dW = dyᵀ · x, db = Σ dy.
    let x = Var::input(inputs[0].clone());
    let grads = linear.forward(&x).sum_all().backward();
    let dy = Tensor::ones([3, 4]);
    assert_close!(*grads.of(&x), dy.matmul(linear.weight.value()), 1e-5, 1e-6);
    assert_close!(*grads.get(linear.weight.id()).expect("reached"), dy.t().matmul(&inputs[0]), 1e-5, 1e-6);
    let bias = linear.bias.as_ref().expect("there");
    assert_close!(*grads.get(bias.id()).expect("reached"), Tensor::full([4], 3.0));
}

#[test]
fn losses_agree_with_pytorch() {
    // torch 2.15: binary_cross_entropy_with_logits, mse_loss, and −½(1 + logvar − mu² − exp(logvar)).
    let z = constant(tensor![[-3.0, 0.5, 100.0], [2.0, -0.25, -100.0]]);
    let t = constant(tensor![[0.0, 0.3, 1.0], [1.0, 0.75, 1.0]]);
    assert_close!(*bce_with_logits(&z, &t, Reduction::Sum).value(), Tensor::scalar(101.763_03), 1e-6);
    assert_close!(*bce_with_logits(&z, &t, Reduction::Mean).value(), Tensor::scalar(16.960_504), 1e-6);
    assert_close!(*bce_with_logits(&z, &t, Reduction::BatchMean).value(), Tensor::scalar(101.763_03 / 2.0), 1e-6);
    assert_close!(*mse(&z, &t, Reduction::Sum).value(), Tensor::scalar(20_013.04), 1e-6);
    assert_close!(*mse(&z, &t, Reduction::Mean).value(), Tensor::scalar(3_335.506_6), 1e-6);
    let (mu, logvar) = (&z * 0.1, &(&t * 2.0) - 1.0);
    assert_close!(*gaussian_kl(&mu, &logvar, Reduction::Sum).value(), Tensor::scalar(101.437_45), 1e-6);
}

#[test]
fn the_divergence_from_oneself_is_nothing() {
    let zeros = constant(Tensor::zeros([3, 2]));
    assert_eq!(gaussian_kl(&zeros, &zeros, Reduction::Sum).item(), 0.0);
}

#[test]
fn reductions_divide_by_what_they_say() {
    let elements = constant(Tensor::full([4, 3, 2], 5.0));
    assert_eq!(Reduction::Sum.apply(&elements).item(), 120.0);
    assert_close!(*Reduction::Mean.apply(&elements).value(), Tensor::scalar(5.0));
    assert_close!(*Reduction::BatchMean.apply(&elements).value(), Tensor::scalar(30.0));
}

#[test]
fn the_losses_gradients_are_their_derivatives() {
    let a = Tensor::randn([4, 3], Key::new(1));
    let b = Tensor::rand([4, 3], Key::new(2));
    for reduction in [Reduction::Sum, Reduction::Mean, Reduction::BatchMean] {
        let inputs = [a.clone(), b.clone()];
        gradcheck(|v| bce_with_logits(&v[0], &v[1], reduction), &inputs).expect("bce_with_logits");
        gradcheck(|v| mse(&v[0], &v[1], reduction), &inputs).expect("mse");
        gradcheck(|v| gaussian_kl(&v[0], &v[1], reduction), &inputs).expect("gaussian_kl");
    }
}

#[test]
#[should_panic(expected = "mse: the shapes of x [4, 1] and targets [4] differ; a loss never broadcasts")]
fn a_loss_never_broadcasts() {
    mse(&constant(Tensor::zeros([4, 1])), &constant(Tensor::zeros([4])), Reduction::Mean);
}

#[test]
#[should_panic(expected = "BatchMean of a loss of shape [0, 3]: there is nothing to average")]
fn the_mean_of_nothing_is_refused() {
    Reduction::BatchMean.apply(&constant(Tensor::zeros([0, 3])));
}

#[test]
fn convolutions_begin_as_pytorchs() {
    // U[−1/√fan_in, 1/√fan_in), fan_in from the axes of the weight after the first, also of a transposed convolution's.
    let grouped = Conv2dOptions { groups: 2, ..Default::default() };
    let transposed = ConvTranspose2dOptions { groups: 2, ..Default::default() };
    let key = Key::new(1);
    let conv1d = Conv1d::new(30, 40, 5, key);
    let conv2d = Conv2d::with(30, 40, [3, 5], grouped, key);
    let up1d = ConvTranspose1d::new(30, 40, 5, key);
    let up2d = ConvTranspose2d::with(30, 40, [3, 5], transposed, key);
    for (weight, bias, shape, fan_in) in [
        (conv1d.weight, conv1d.bias, &[40, 30, 5][..], 30 * 5),
        (conv2d.weight, conv2d.bias, &[40, 15, 3, 5], 15 * 3 * 5),
        (up1d.weight, up1d.bias, &[30, 40, 5], 40 * 5),
        (up2d.weight, up2d.bias, &[30, 20, 3, 5], 20 * 3 * 5),
    ] {
        let bound = 1.0 / f64::from(fan_in as u16).sqrt();
        let (w, b) = (weight.value().to_vec(), bias.expect("there").value().to_vec());
        assert_eq!((weight.value().shape(), b.len()), (shape, 40));
        assert!(w.iter().chain(&b).all(|x| f64::from(x.abs()) <= bound));
        let variance = w.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / w.len() as f64;
        let (expected, deviation) = (bound.powi(2) / 3.0, bound.powi(2) * (4.0 / 45.0 / w.len() as f64).sqrt());
        assert!((variance - expected).abs() < 6.0 * deviation, "{variance} {expected}"); // six standard errors
        assert!(f64::from(b.iter().fold(0f32, |a, b| a.max(b.abs()))) > 0.8 * bound); // of 40, none above with 10⁻⁴
        assert!(w[..40] != b[..], "weight and bias have numbers of their own");
    }
}

#[test]
fn an_embedding_begins_as_a_standard_normal() {
    let w = Embedding::new(500, 40, Key::new(1)).weight.value().to_vec();
    let n = w.len() as f64;
    let mean = w.iter().map(|&x| f64::from(x)).sum::<f64>() / n;
    let variance = w.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() / n;
    assert!(mean.abs() < 6.0 / n.sqrt() && (variance - 1.0).abs() < 6.0 * (2.0 / n).sqrt(), "{mean} {variance}");
}

#[test]
fn a_padding_row_is_read_as_it_is_and_never_moves() {
    let mut table = Embedding::new(4, 3, Key::new(1)).with_padding(2);
    table.weight.set_value(Tensor::randn([4, 3], Key::new(2))); // as a file might have it
    let before = table.weight.value().select(0, 2).to_vec();
    let ids = Ids::from([[2, 1], [0, 2]]);
    let mut adam = Adam::new(0.1);
    for _ in 0..3 {
        let y = table.forward(&ids);
        assert_eq!(y.value().select(0, 0).select(0, 0).to_vec(), before);
        adam.step(&mut table, &y.square().sum_all().backward()).expect("reached");
    }
    assert_eq!(table.weight.value().select(0, 2).to_vec(), before);
}

#[test]
fn dropout_is_the_mask_of_its_key() {
    let (p, key) = (0.3f32, Key::new(5));
    let x = Tensor::randn([37, 23], Key::new(1));
    let dropped = Dropout::new(p).forward(&Var::constant(x.clone()), &Context::train(key));
    let mask = Context::train(key).key(); // the first that the layer took
    for (i, (y, x)) in dropped.value().to_vec().iter().zip(x.to_vec()).enumerate() {
        let expected = if mask.uniform(i as u64) < p { 0.0 } else { x * (1.0 / (1.0 - p)) };
        assert_eq!(*y, expected, "{i}");
    }
}

#[test]
fn dropout_keeps_its_share_and_the_mean() {
    let n = 200_000;
    let ones = Var::constant(Tensor::ones([n]));
    for p in [0.1f32, 0.5, 0.9] {
        let y = Dropout::new(p).forward(&ones, &Context::train(Key::new(7))).value().to_vec();
        let kept = y.iter().filter(|y| **y != 0.0).count() as f64 / n as f64;
        let (keep, deviation) = (1.0 - f64::from(p), (f64::from(p) * (1.0 - f64::from(p)) / n as f64).sqrt());
        assert!((kept - keep).abs() < 6.0 * deviation, "{p}: {kept}");
        let mean = y.iter().map(|&y| f64::from(y)).sum::<f64>() / n as f64;
        assert!((mean - 1.0).abs() < 6.0 * deviation / keep, "{p}: {mean}");
    }
}

#[test]
fn dropout_of_nothing_of_all_and_in_evaluation() {
    let x = Var::input(Tensor::randn([4, 5], Key::new(1)));
    let training = || Context::train(Key::new(2));
    assert_eq!(Dropout::new(0.0).forward(&x, &training()).value(), x.value());
    assert_eq!(Dropout::new(0.7).forward(&x, &Context::eval()).value(), x.value());
    let all = Dropout::new(1.0).forward(&x, &training());
    assert!(all.value().to_vec().iter().all(|y| *y == 0.0));
    assert!(all.sum_all().backward().of(&x).to_vec().iter().all(|dx| *dx == 0.0));
}

#[test]
fn dropout_lets_the_gradient_through_where_it_let_the_value_through() {
    let x = Var::input(Tensor::ones([8, 9]));
    let y = Dropout::new(0.4).forward(&x, &Context::train(Key::new(2)));
    assert_eq!(y.sum_all().backward().of(&x), y.value()); // both are the mask
}

#[test]
fn two_dropouts_of_one_pass_draw_their_own_masks() {
    let (x, dropout) = (Var::constant(Tensor::ones([100])), Dropout::new(0.5));
    let ctx = Context::train(Key::new(2));
    let (first, second) = (dropout.forward(&x, &ctx), dropout.forward(&x, &ctx));
    assert_ne!(first.value(), second.value());
}

#[test]
#[should_panic(expected = "Dropout: p is 1.5, the probability of dropping; it is from 0 to 1")]
fn a_probability_is_at_most_one() {
    Dropout::new(1.5);
}

#[test]
#[should_panic(expected = "Conv2d: 4 groups don't divide 6 outputs; groups divide both inputs and outputs")]
fn groups_divide_the_outputs_of_a_convolution() {
    Conv2d::with(8, 6, [3, 3], Conv2dOptions { groups: 4, ..Default::default() }, Key::new(0));
}

#[test]
#[should_panic(expected = "ResnetBlock: this block is told the time, and t is None; pass Some(t), which is (N, T)")]
fn a_block_that_is_told_the_time_asks_for_it() {
    let options = ResnetBlockOptions { groups: 2, time: Some(3), ..Default::default() };
    let block = ResnetBlock::with(4, 4, options, Key::new(0));
    block.forward(&constant(Tensor::zeros([1, 4, 2, 2])), None, &Context::eval());
}

#[test]
#[should_panic(expected = "Embedding: the padding id 5 names no row of 5; use one below 5")]
fn a_padding_id_names_a_row() {
    let _ = Embedding::new(5, 2, Key::new(0)).with_padding(5);
}

#[test]
fn a_block_drops_before_its_second_convolution_in_training_alone() {
    let options = ResnetBlockOptions { groups: 2, dropout: 1.0, ..Default::default() };
    let block = ResnetBlock::with(4, 4, options, Key::new(0));
    let x = constant(Tensor::randn([2, 4, 3, 5], Key::new(1)));
    let bias = block.conv2.bias.as_ref().expect("there").value().reshape([4, 1, 1]);
    let all_dropped = x.value() + &bias; // a convolution of zeros
    assert_close!(*block.forward(&x, None, &Context::train(Key::new(2))).value(), all_dropped, 1e-6, 1e-6);
    let evaluated = block.forward(&x, None, &Context::eval());
    assert!(evaluated.value().to_vec().iter().zip(all_dropped.to_vec()).any(|(a, b)| (a - b).abs() > 0.1));
}
