//! What normalisations keep from one call to the next, and normalised weights: against f64 and closed forms.

use glassbox_autograd::{Var, checkpoint};
use glassbox_nn::{
    BatchNorm, BatchNormOptions, Context, Conv2d, ConvTranspose2d, Dropout, GroupNorm, InstanceNorm,
    InstanceNormOptions, Linear, Module, SpectralNorm, SpectralNormOptions, WeightNorm, load_safetensors,
};
use glassbox_tensor::random::Key;
use glassbox_tensor::{Tensor, assert_close, tensor};
use safetensors::Dtype;
use safetensors::tensor::TensorView;

fn training() -> Context {
    Context::train(Key::new(0))
}

/// Mean and unbiased variance of each channel of x (N, C, L), in f64.
fn moments(x: &Tensor) -> (Vec<f64>, Vec<f64>) {
    let &[batch, channels, length] = x.shape() else { panic!("(N, C, L)") };
    let of = |c: usize| -> Vec<f64> {
        (0..batch).flat_map(|n| (0..length).map(move |l| f64::from(x.at([n, c, l])))).collect()
    };
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    let var = |v: &[f64]| v.iter().map(|x| (x - mean(v)).powi(2)).sum::<f64>() / (v.len() - 1) as f64;
    (0..channels).map(|c| (mean(&of(c)), var(&of(c)))).unzip()
}

fn to_tensor(x: &[f64]) -> Tensor {
    Tensor::from_vec(x.iter().map(|x| *x as f32).collect(), [x.len()])
}

#[test]
fn batch_norm_without_momentum_keeps_plain_means_over_batches() {
    let norm = BatchNorm::with(3, BatchNormOptions { momentum: None, ..Default::default() });
    let (mut mean, mut var) = (vec![0.0; 3], vec![0.0; 3]);
    for batch in 0..4 {
        let x = &Tensor::randn([2 + batch, 3, 5], Key::new(batch as u64)) * (1.0 + batch as f32);
        norm.forward(&Var::constant(x.clone()), &training());
        let of_batch = moments(&x);
        for c in 0..3 {
            mean[c] += of_batch.0[c] / 4.0;
            var[c] += of_batch.1[c] / 4.0;
        }
    }
    let stats = norm.stats.as_ref().expect("kept");
    assert_close!(stats.running_mean.value(), to_tensor(&mean), 1e-5, 1e-6);
    assert_close!(stats.running_var.value(), to_tensor(&var), 1e-5, 1e-6);
    assert_eq!(stats.num_batches_tracked.value().item(), 4.0);
}

#[test]
fn running_averages_forget_by_the_momentum() {
    let norm = BatchNorm::with(2, BatchNormOptions { momentum: Some(0.25), ..Default::default() });
    let x = Tensor::randn([3, 2, 7], Key::new(1));
    for _ in 0..3 {
        norm.forward(&Var::constant(x.clone()), &training());
    }
    let (mean, var) = moments(&x);
    let left = 0.75f64.powi(3); // of what they began with, 0 and 1
    let stats = norm.stats.as_ref().expect("kept");
    let mean: Vec<f64> = mean.iter().map(|m| (1.0 - left) * m).collect();
    let var: Vec<f64> = var.iter().map(|v| left + (1.0 - left) * v).collect();
    assert_close!(stats.running_mean.value(), to_tensor(&mean), 1e-5, 1e-6);
    assert_close!(stats.running_var.value(), to_tensor(&var), 1e-5, 1e-6);
}

#[test]
fn evaluation_changes_nothing_that_is_kept() {
    let x = Var::constant(Tensor::randn([3, 2, 4, 5], Key::new(1)));
    let tracking = InstanceNormOptions { track_running_stats: true, ..Default::default() };
    let norms = (BatchNorm::new(2), InstanceNorm::with(2, tracking));
    let spectral = SpectralNorm::new(Conv2d::new(2, 3, [3, 3], Key::new(2)), Key::new(3));
    let kept = || {
        let all = [norms.0.buffers(), norms.1.buffers(), spectral.buffers()].into_iter().flatten();
        all.flat_map(|(_, buffer)| buffer.value().to_vec()).collect::<Vec<f32>>()
    };
    let run = |ctx: &Context| {
        norms.0.forward(&x, ctx);
        norms.1.forward(&x, ctx);
        spectral.forward(&x, ctx);
    };
    let before = kept();
    run(&Context::eval());
    assert_eq!(kept(), before);
    run(&training());
    assert_ne!(kept(), before);
}

#[test]
fn evaluation_sees_each_example_alone() {
    let norm = BatchNorm::new(3);
    let x = Tensor::randn([4, 3, 5], Key::new(1));
    norm.forward(&Var::constant(x.clone()), &training());
    let all = norm.forward(&Var::constant(x.clone()), &Context::eval());
    let one = norm.forward(&Var::constant(x.narrow(0, 2, 1)), &Context::eval());
    assert_eq!(&all.value().narrow(0, 2, 1), one.value());
}

#[test]
fn the_count_of_batches_that_pytorch_saves_as_whole_numbers_is_read() {
    let floats: Vec<u8> = [0.5f32, 2.0].iter().flat_map(|x| x.to_le_bytes()).collect();
    let count = 1_234i64.to_le_bytes();
    let float = || TensorView::new(Dtype::F32, vec![2], &floats).expect("two numbers");
    let mut tensors: Vec<(&str, TensorView<'_>)> =
        ["weight", "bias", "running_mean", "running_var"].map(|name| (name, float())).into();
    tensors.push(("num_batches_tracked", TensorView::new(Dtype::I64, vec![], &count).expect("one number")));
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("state.safetensors");
    std::fs::write(&file, safetensors::serialize(tensors, None).expect("they fit")).expect("written");

    let mut norm = BatchNorm::new(2);
    load_safetensors(&mut norm, &file).expect("the names are PyTorch's");
    let stats = norm.stats.as_ref().expect("kept");
    assert_eq!((stats.count_batch(), stats.running_var.value().to_vec()), (1_235.0, vec![0.5, 2.0]));
}

#[test]
#[should_panic(expected = "batch_norm: x [1, 3] has 1 number of each channel, and a variance is of two at least")]
fn a_batch_of_one_number_has_no_variance() {
    BatchNorm::new(3).forward(&Var::constant(Tensor::zeros([1, 3])), &training());
}

#[test]
fn a_batch_of_one_number_is_evaluated() {
    let y = BatchNorm::new(3).forward(&Var::constant(Tensor::ones([1, 3])), &Context::eval());
    assert_close!(*y.value(), Tensor::ones([1, 3]), 1e-5);
}

#[test]
#[should_panic(
    expected = "BatchNorm: x [2, 5, 3] doesn't have the 3 channels of this layer on axis 1; it is (N, 3, …)"
)]
fn channels_are_on_axis_one() {
    BatchNorm::new(3).forward(&Var::constant(Tensor::zeros([2, 5, 3])), &training());
}

#[test]
#[should_panic(expected = "GroupNorm: 4 groups don't divide 6 channels; take a divisor, such as all of them, or 1")]
fn groups_divide_channels() {
    GroupNorm::new(4, 6);
}

/// The largest singular value of w (h, w), in f64: the root of the largest eigenvalue of WᵀW, by many power steps.
fn largest_singular_value(w: &Tensor) -> f64 {
    let &[rows, columns] = w.shape() else { panic!("a matrix") };
    let at = |i: usize, j: usize| f64::from(w.at([i, j]));
    let mut v: Vec<f64> = (0..columns).map(|j| 1.0 + j as f64).collect();
    let mut sigma = 0.0;
    for _ in 0..10_000 {
        let u: Vec<f64> = (0..rows).map(|i| (0..columns).map(|j| at(i, j) * v[j]).sum()).collect();
        v = (0..columns).map(|j| (0..rows).map(|i| at(i, j) * u[i]).sum()).collect();
        let norm = v.iter().map(|x| x * x).sum::<f64>().sqrt();
        sigma = norm.sqrt(); // ‖WᵀW·v‖ of a unit vector v
        v.iter_mut().for_each(|x| *x /= norm);
    }
    sigma
}

#[test]
fn a_spectrally_normalised_weight_has_the_largest_singular_value_one() {
    let steps = SpectralNormOptions { n_power_iterations: 50, ..Default::default() };
    let linear = SpectralNorm::with(Linear::new(7, 5, Key::new(1)), steps, Key::new(2));
    let conv = SpectralNorm::with(Conv2d::new(3, 5, [2, 3], Key::new(1)), steps, Key::new(2));
    let transposed = SpectralNorm::with(ConvTranspose2d::new(3, 5, [2, 3], Key::new(1)), steps, Key::new(2));
    for _ in 0..5 {
        linear.weight(&training());
        conv.weight(&training());
        transposed.weight(&training());
    }
    let ctx = Context::eval();
    let matrices = [
        linear.weight(&ctx).into_value(),
        conv.weight(&ctx).into_value().reshape([5, 18]),
        transposed.weight(&ctx).into_value().transpose(0, 1).reshape([5, 18]), // outputs first
    ];
    for w in matrices {
        assert!((largest_singular_value(&w) - 1.0).abs() < 1e-5, "{}", largest_singular_value(&w));
    }
}

#[test]
fn scale_has_no_gradient_through_a_spectrally_normalised_weight() {
    // W / σ(W) is the same for 2W, so the gradient has no part along W.
    let layer = SpectralNorm::new(Linear::without_bias(6, 4, Key::new(1)), Key::new(2));
    let x = Var::constant(Tensor::randn([3, 6], Key::new(3)));
    let grads = layer.forward(&x, &training()).square().sum_all().backward();
    let (dw, w) = (grads.get(layer.original.id()).expect("reached"), layer.original.value());
    let along = (dw * w).sum(&[0, 1], false).item();
    assert!(along.abs() < 1e-4 * dw.norm(2.0, &[0, 1], false).item(), "{along}");
}

#[test]
fn a_weight_normalised_weight_has_the_lengths_that_are_learned() {
    let mut layer = WeightNorm::new(Linear::new(7, 3, Key::new(1)));
    layer.g.set_value(tensor![[1.], [2.], [0.5]]);
    assert_close!(layer.weight().value().norm(2.0, &[1], false), tensor![1., 2., 0.5], 1e-6);
}

#[test]
fn a_checkpoint_around_layers_that_draw_and_keep_changes_no_bit() {
    let key = Key::new(1);
    let conv = Conv2d::new(2, 4, [3, 3], key.fold(0));
    let (conv, norm) = (SpectralNorm::new(conv, key.fold(1)), BatchNorm::new(4));
    let (conv_again, norm_again) = (conv.clone(), norm.clone());
    let x = Var::input(Tensor::randn([3, 2, 6, 5], key.fold(2)));
    let run = |conv: &SpectralNorm<Conv2d>, norm: &BatchNorm, checkpointed: bool| {
        let ctx = Context::train(key);
        let block = || Dropout::new(0.3).forward(&norm.forward(&conv.forward(&x, &ctx), &ctx), &ctx).tanh();
        let y = if checkpointed { checkpoint(block) } else { block() };
        let dx = y.square().sum_all().backward().of(&x).to_vec();
        let kept = [conv.buffers(), norm.buffers()].into_iter().flatten();
        (y.value().to_vec(), dx, kept.map(|(_, buffer)| buffer.value().to_vec()).collect::<Vec<_>>())
    };
    assert_eq!(run(&conv, &norm, false), run(&conv_again, &norm_again, true));
}
