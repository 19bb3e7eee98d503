//! Linear and the losses against plain f64, PyTorch's numbers, and their own derivatives.

use glassbox_autograd::{Var, gradcheck};
use glassbox_nn::Linear;
use glassbox_nn::loss::{Reduction, bce_with_logits, gaussian_kl, mse};
use glassbox_tensor::random::Key;
use glassbox_tensor::{Tensor, assert_close, tensor};

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
