//! Every layer's gradients are its derivatives: of its inputs and of all its parameters, by central differences in f64.

use glassbox_autograd::{Var, gradcheck};
use glassbox_nn::{
    BasicBlock, BatchNorm, BatchNormOptions, Context, Conv1d, Conv2d, ConvTranspose1d, ConvTranspose2d, Dropout,
    Dropout2d, Embedding, GroupNorm, InstanceNorm, InstanceNormOptions, LayerNorm, Linear, Module, Name, ResnetBlock,
    ResnetBlockOptions, RmsNorm, SlotMut, SpectralNorm, SpectralNormOptions, WeightNorm, Weighted,
};
use glassbox_tensor::random::Key;
use glassbox_tensor::{Conv1dOptions, Conv2dOptions, ConvTranspose1dOptions, ConvTranspose2dOptions, Ids, Tensor};

fn key() -> Key {
    Key::new(3)
}

fn training() -> Context {
    Context::train(key())
}

/// Checks Σ (y − c)² with random c at random inputs and parameters: what a layer begins with, such as 0 and 1, hides
/// mistakes.
#[track_caller]
fn check<L: Module>(what: &str, mut layer: L, inputs: &[&[usize]], forward: impl Fn(&L, &[Var]) -> Var) {
    let mut count = 0;
    layer.visit_mut(Name::root(), &mut |_, slot| {
        if let SlotMut::Param(param) = slot {
            count += 1;
            param.set_value(&Tensor::randn(param.value().shape(), key().fold(count)) * 0.5);
        }
    });
    layer.name_parameters();
    let x: Vec<Tensor> = (100..).zip(inputs).map(|(i, shape)| Tensor::randn(shape, key().fold(i))).collect();
    let loss = |x: &[Var]| {
        let y = forward(&layer, x);
        (&y - &Var::constant(Tensor::randn(y.shape(), key().fold(200)))).square().mean_all()
    };
    gradcheck(loss, &x).unwrap_or_else(|error| panic!("{what}: {error}"));
}

#[test]
fn convolutions() {
    let strided = Conv1dOptions { stride: 2, padding: (2, 1), dilation: 2, groups: 2 };
    check("Conv1d", Conv1d::new(3, 5, 3, key()), &[&[2, 3, 9]], |l, x| l.forward(&x[0]));
    check("Conv1d", Conv1d::with(4, 6, 3, strided, key()), &[&[2, 4, 11]], |l, x| l.forward(&x[0]));
    let strided = Conv2dOptions { stride: [2, 1], padding: [(1, 0), (2, 1)], dilation: [1, 2], groups: 2, taps: None };
    check("Conv2d", Conv2d::new(3, 5, [3, 2], key()), &[&[2, 3, 5, 6]], |l, x| l.forward(&x[0]));
    check("Conv2d", Conv2d::with(4, 6, [3, 3], strided, key()), &[&[2, 4, 6, 7]], |l, x| l.forward(&x[0]));
    let (stride, padding, dilation, groups) = (3, (1, 2), 2, 2);
    let strided = ConvTranspose1dOptions { stride, padding, output_padding: 2, dilation, groups };
    check("ConvTranspose1d", ConvTranspose1d::new(3, 5, 3, key()), &[&[2, 3, 7]], |l, x| l.forward(&x[0]));
    check("ConvTranspose1d", ConvTranspose1d::with(4, 6, 3, strided, key()), &[&[2, 4, 5]], |l, x| l.forward(&x[0]));
    let strided = ConvTranspose2dOptions { stride: [2, 3], output_padding: [1, 2], groups: 2, ..Default::default() };
    check("ConvTranspose2d", ConvTranspose2d::new(3, 5, [3, 2], key()), &[&[2, 3, 4, 5]], |l, x| l.forward(&x[0]));
    let strided = ConvTranspose2d::with(4, 6, [3, 3], strided, key()).without_bias();
    check("ConvTranspose2d", strided, &[&[2, 4, 3, 2]], |l, x| l.forward(&x[0]));
}

#[test]
fn normalisations() {
    check("LayerNorm", LayerNorm::new([7]), &[&[5, 7]], |l, x| l.forward(&x[0]));
    check("LayerNorm", LayerNorm::new([3, 4]).without_bias(), &[&[2, 3, 4]], |l, x| l.forward(&x[0]));
    check("LayerNorm", LayerNorm::new([7]).without_affine(), &[&[5, 7]], |l, x| l.forward(&x[0]));
    check("RmsNorm", RmsNorm::new([7]), &[&[5, 7]], |l, x| l.forward(&x[0]));
    check("GroupNorm", GroupNorm::new(2, 6), &[&[3, 6, 4, 3]], |l, x| l.forward(&x[0]));
    check("GroupNorm", GroupNorm::new(2, 6).without_affine(), &[&[3, 6, 5]], |l, x| l.forward(&x[0]));
    for ctx in [training(), Context::eval()] {
        for (affine, track_running_stats) in [(true, true), (true, false), (false, true), (false, false)] {
            let options = BatchNormOptions { affine, track_running_stats, ..Default::default() };
            check("BatchNorm", BatchNorm::with(3, options), &[&[7, 3]], |l, x| l.forward(&x[0], &ctx));
            check("BatchNorm", BatchNorm::with(3, options), &[&[2, 3, 4, 3]], |l, x| l.forward(&x[0], &ctx));
            let options = InstanceNormOptions { affine, track_running_stats, ..Default::default() };
            check("InstanceNorm", InstanceNorm::with(3, options), &[&[2, 3, 7]], |l, x| l.forward(&x[0], &ctx));
        }
    }
}

#[test]
fn linear_embedding_and_dropout() {
    check("Linear", Linear::new(5, 3, key()), &[&[4, 5]], |l, x| l.forward(&x[0]));
    check("Linear", Linear::without_bias(5, 3, key()), &[&[2, 2, 5]], |l, x| l.forward(&x[0]));
    let ids = Ids::from([[0, 3, 3], [1, 0, 4]]);
    check("Embedding", Embedding::new(5, 3, key()), &[], |l, _| l.forward(&ids));
    check("Embedding", Embedding::new(5, 3, key()).with_padding(3), &[], |l, _| l.forward(&ids));
    check("Dropout", Dropout::new(0.3), &[&[5, 7]], |l, x| l.forward(&x[0], &training()));
    check("Dropout2d", Dropout2d::new(0.3), &[&[3, 4, 2, 3]], |l, x| l.forward(&x[0], &training()));
}

#[test]
fn normalised_weights() {
    fn both<L: Weighted + Clone>(what: &str, layer: L, x: &[usize]) {
        for ctx in [training(), Context::eval()] {
            for axis in [None, Some(1)] {
                let options = SpectralNormOptions { axis, ..Default::default() };
                let layer = SpectralNorm::with(layer.clone(), options, key());
                check(what, layer, &[x], |l, x| {
                    l.weight(&training()); // u and v of the weights that were drawn
                    l.forward(&x[0], &ctx)
                });
            }
        }
        for axis in [None, Some(0), Some(1)] {
            check(what, WeightNorm::along(layer.clone(), axis), &[x], |l, x| l.forward(&x[0]));
        }
    }
    both("Linear", Linear::new(5, 3, key()), &[4, 5]);
    both("Conv1d", Conv1d::new(3, 4, 3, key()), &[2, 3, 7]);
    both("Conv2d", Conv2d::new(3, 4, [3, 2], key()).without_bias(), &[2, 3, 5, 4]);
    both("ConvTranspose1d", ConvTranspose1d::new(3, 4, 3, key()), &[2, 3, 5]);
    both("ConvTranspose2d", ConvTranspose2d::new(3, 4, [3, 2], key()), &[2, 3, 4, 3]);
}

#[test]
fn residual_blocks() {
    for (outputs, time, scale_shift) in [(4, None, false), (6, Some(5), false), (6, Some(5), true)] {
        let options = ResnetBlockOptions { groups: 2, dropout: 0.2, time, scale_shift, ..Default::default() };
        let block = || ResnetBlock::with(4, outputs, options, key());
        for ctx in [training(), Context::eval()] {
            let inputs: [&[usize]; 2] = [&[2, 4, 4, 3], &[2, 5]];
            let inputs = &inputs[..1 + usize::from(time.is_some())];
            check("ResnetBlock", block(), inputs, |l, x| l.forward(&x[0], x.get(1), &ctx));
        }
    }
    for (outputs, stride) in [(3, 1), (4, 2)] {
        for ctx in [training(), Context::eval()] {
            let block = BasicBlock::new(3, outputs, stride, key());
            check("BasicBlock", block, &[&[3, 3, 5, 4]], |l, x| l.forward(&x[0], &ctx));
        }
    }
}
