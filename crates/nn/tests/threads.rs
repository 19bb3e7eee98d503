//! Training gives the same bits on any number of threads, whatever the layer.

use glassbox_autograd::Var;
use glassbox_nn::optim::Adam;
use glassbox_nn::{
    AttentionMasks, BasicBlock, BatchNorm, BlockSizes, Context, Conv1d, Conv2d, ConvTranspose1d, ConvTranspose2d,
    Dropout, Dropout2d, Embedding, GroupNorm, Gru, InstanceNorm, LayerNorm, LearnedPositions, Linear, Lstm, Module,
    MultiHeadAttention, Name, Param, RecurrentOptions, ResnetBlock, ResnetBlockOptions, RmsNorm, Rnn, RotaryPositions,
    SpectralNorm, TransformerBlock, TransformerDecoderLayer, TransformerEncoderLayer, TransformerOptions, WeightNorm,
};
use glassbox_tensor::parallel::{probe, with_serial_threshold};
use glassbox_tensor::random::Key;
use glassbox_tensor::{Conv2dOptions, ConvTranspose2dOptions, Ids, Tensor};

/// A run of training, which gives its bits.
type Run = fn() -> Vec<u32>;

/// Each kind of layer: what it is called, and its run, large enough to be cut into tasks.
const KINDS: &[(&str, Run)] = &[
    ("BasicBlock", || train(&[3, 16, 20, 21], BasicBlock::new(16, 20, 2, key()), |l, x, ctx| l.forward(x, ctx))),
    ("BatchNorm", || train(&[7, 40, 9, 9], BatchNorm::new(40), |l, x, ctx| l.forward(x, ctx))),
    ("Conv1d", || train(&[3, 16, 300], Conv1d::new(16, 33, 3, key()), |l, x, _| l.forward(x))),
    ("Conv2d", || train(&[3, 16, 20, 21], Conv2d::new(16, 33, [3, 3], key()), |l, x, _| l.forward(x))),
    ("Conv2d, depthwise", || {
        let options = Conv2dOptions { groups: 16, ..Conv2dOptions::padded(1) };
        train(&[3, 16, 20, 21], Conv2d::with(16, 16, [3, 3], options, key()), |l, x, _| l.forward(x))
    }),
    ("ConvTranspose1d", || train(&[3, 16, 300], ConvTranspose1d::new(16, 33, 3, key()), |l, x, _| l.forward(x))),
    ("ConvTranspose2d", || {
        let options = ConvTranspose2dOptions { stride: [2, 2], ..Default::default() };
        train(&[3, 16, 11, 10], ConvTranspose2d::with(16, 33, [4, 4], options, key()), |l, x, _| l.forward(x))
    }),
    ("Dropout", || train(&[41, 500], Dropout::new(0.3), |l, x, ctx| l.forward(x, ctx))),
    ("Dropout2d", || train(&[41, 20, 5, 5], Dropout2d::new(0.3), |l, x, ctx| l.forward(x, ctx))),
    ("Embedding", || {
        let ids = Ids::randint(100, [300], key());
        train(&[300, 70], Embedding::new(100, 70, key()).with_padding(3), move |l, x, _| x * &l.forward(&ids))
    }),
    ("GroupNorm", || train(&[5, 40, 9, 11], GroupNorm::new(8, 40), |l, x, _| l.forward(x))),
    ("Gru", || {
        let options = RecurrentOptions { layers: 2, bidirectional: true, dropout: 0.2, ..Default::default() };
        train(&[30, 4, 33], Gru::with(33, 40, options, key()), |l, x, ctx| l.forward(x, None, ctx).0)
    }),
    ("InstanceNorm", || train(&[5, 40, 9, 11], InstanceNorm::new(40), |l, x, ctx| l.forward(x, ctx))),
    ("LayerNorm", || train(&[150, 130], LayerNorm::new([130]), |l, x, _| l.forward(x))),
    ("LearnedPositions", || train(&[8, 70, 40], LearnedPositions::new(73, 40, key()), |l, x, _| l.forward(x, 3))),
    ("Linear", || train(&[150, 130], Linear::new(130, 140, key()), |l, x, _| l.forward(x))),
    ("Lstm", || {
        let options = RecurrentOptions { layers: 2, bidirectional: true, dropout: 0.2, ..Default::default() };
        train(&[30, 4, 33], Lstm::with(33, 40, options, key()), |l, x, ctx| l.forward(x, None, ctx).0)
    }),
    ("MultiHeadAttention", || {
        let attention = MultiHeadAttention::new(48, 6, key());
        train(&[3, 70, 48], attention, |l, x, _| l.forward(x, AttentionMasks::CAUSAL))
    }),
    ("ResnetBlock", || {
        let options = ResnetBlockOptions { groups: 4, dropout: 0.2, ..Default::default() };
        train(&[3, 16, 20, 21], ResnetBlock::with(16, 20, options, key()), |l, x, ctx| l.forward(x, None, ctx))
    }),
    ("RmsNorm", || train(&[150, 130], RmsNorm::new([130]), |l, x, _| l.forward(x))),
    ("Rnn", || {
        let options = RecurrentOptions { layers: 2, bidirectional: true, dropout: 0.2, ..Default::default() };
        train(&[30, 4, 33], Rnn::with(33, 40, options, key()), |l, x, ctx| l.forward(x, None, ctx).0)
    }),
    ("SpectralNorm", || {
        let linear = Linear::new(130, 140, key());
        train(&[150, 130], SpectralNorm::new(linear, key()), |l, x, ctx| l.forward(x, ctx))
    }),
    ("TransformerBlock", || {
        let sizes = BlockSizes { dim: 48, heads: 6, kv_heads: 2, head_dim: 8, feed_forward: 100 };
        let rotary = RotaryPositions::new(70, 8);
        let block = TransformerBlock::new(sizes, key());
        train(&[3, 70, 48], block, move |l, x, _| l.forward(x, &rotary, AttentionMasks::CAUSAL))
    }),
    ("TransformerDecoderLayer", || {
        let options = TransformerOptions { feed_forward: 100, ..Default::default() };
        let memory = Var::constant(Tensor::randn([3, 50, 48], key().fold(9)));
        let layer = TransformerDecoderLayer::with(48, 6, options, key());
        let (causal, all) = (AttentionMasks::CAUSAL, AttentionMasks::NONE);
        train(&[3, 70, 48], layer, move |l, x, ctx| l.forward(x, &memory, causal, all, ctx))
    }),
    ("TransformerEncoderLayer", || {
        let options = TransformerOptions { feed_forward: 100, ..Default::default() };
        let layer = TransformerEncoderLayer::with(48, 6, options, key());
        train(&[3, 70, 48], layer, |l, x, ctx| l.forward(x, AttentionMasks::NONE, ctx))
    }),
    ("WeightNorm", || train(&[150, 130], WeightNorm::new(Linear::new(130, 140, key())), |l, x, _| l.forward(x))),
];

#[test]
fn training_is_bit_equal_on_any_number_of_threads() {
    for (kind, run) in KINDS {
        let (mut first, mut most_workers) = (None, 0);
        for threads in [1, 2, 3, 7] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let (bits, workers) = pool.install(|| with_serial_threshold(0, || probe(run)));
            assert!(*first.get_or_insert_with(|| bits.clone()) == bits, "{kind}: {threads} threads change bits");
            most_workers = most_workers.max(workers);
        }
        assert!(most_workers > 1, "{kind}: no task ever went to a second worker");
    }
}

/// A layer whose input is learned too, so that no part of its backward pass is left out.
#[derive(Module)]
struct Learned<L> {
    layer: L,
    x: Param,
}

/// The bits of all that ten steps of Adam leave: parameters, buffers, and the last output.
fn train<L: Module>(x: &[usize], layer: L, forward: impl Fn(&L, &Var, &Context) -> Var) -> Vec<u32> {
    let mut model = Learned { layer, x: Param::new(Tensor::randn(x, key().fold(1))) };
    let (mut adam, mut bits) = (Adam::new(0.01), Vec::new());
    for step in 0..10 {
        let y = forward(&model.layer, &model.x.var(), &Context::train(key().fold(step)));
        let target = Tensor::randn(y.shape(), key().fold(2));
        let loss = (&y - &Var::constant(target)).square().mean_all();
        adam.step(&mut model, &loss.backward()).unwrap();
        bits = bits_of(y.value());
    }
    model.visit(Name::root(), &mut |_, slot| bits.extend(bits_of(&slot.value())));
    bits
}

fn bits_of(x: &Tensor) -> Vec<u32> {
    x.to_vec().iter().map(|x| x.to_bits()).collect()
}

fn key() -> Key {
    Key::new(5)
}
