//! Layers for sequences: their gradients are their derivatives, no output sees the future, and a sequence gives the same
//! whether it is read at once or step by step.

use glassbox_autograd::{Var, grad, gradcheck};
use glassbox_nn::{
    Activation, AttentionMasks, BlockSizes, Context, Gru, LearnedPositions, Lstm, LstmState, Module,
    MultiHeadAttention, MultiHeadAttentionOptions, RecurrentOptions, Rnn, RotaryPositions, SinusoidalPositions,
    TimestepOptions, TransformerBlock, TransformerDecoderLayer, TransformerEncoderLayer, TransformerOptions,
    timestep_embedding,
};
use glassbox_tensor::random::Key;
use glassbox_tensor::{Tensor, assert_close, tensor};

fn randn(shape: impl AsRef<[usize]>, seed: u64) -> Tensor {
    Tensor::randn(shape, Key::new(seed))
}

/// A name, and what it makes of x.
type Layer<'a> = (&'a str, &'a dyn Fn(&Var) -> Var);

/// Σ w·y with weights that differ, so that no error of a gradient cancels.
fn weighed(y: &Var, seed: u64) -> Var {
    (y * &Var::constant(Tensor::rand(y.shape(), Key::new(seed)))).sum_all()
}

/// Both directions, two layers and all biases.
fn both() -> RecurrentOptions {
    RecurrentOptions { layers: 2, bidirectional: true, ..Default::default() }
}

fn deep() -> RecurrentOptions {
    RecurrentOptions { layers: 2, ..Default::default() }
}

#[test]
fn the_gradients_of_recurrent_layers_are_their_derivatives() {
    let states = [randn([4, 2, 2], 2), randn([4, 2, 2], 3)];
    let inputs = [randn([2, 3, 3], 1), states[0].clone(), states[1].clone()];
    let lstm = Lstm::with(3, 2, both(), Key::new(4));
    let loss = |v: &[Var]| {
        let state = LstmState { h: v[1].clone(), c: v[2].clone() };
        let (y, LstmState { h, c }) = lstm.forward(&v[0], Some(&state), &Context::eval());
        &(&weighed(&y, 5) + &weighed(&h, 6)) + &weighed(&c, 7)
    };
    gradcheck(loss, &inputs).expect("lstm");

    let gru = Gru::with(3, 2, both(), Key::new(4));
    let loss = |v: &[Var]| {
        let (y, h) = gru.forward(&v[0], Some(&v[1]), &Context::eval());
        &weighed(&y, 5) + &weighed(&h, 6)
    };
    gradcheck(loss, &inputs[..2]).expect("gru");

    let rnn = Rnn::with(3, 2, both(), Key::new(4));
    let loss = |v: &[Var]| {
        let (y, h) = rnn.forward(&v[0], Some(&v[1]), &Context::eval());
        &weighed(&y, 5) + &weighed(&h, 6)
    };
    gradcheck(loss, &inputs[..2]).expect("rnn");

    let dropped = Gru::with(3, 2, RecurrentOptions { dropout: 0.5, ..deep() }, Key::new(4));
    let loss = |v: &[Var]| weighed(&dropped.forward(&v[0], None, &Context::train(Key::new(8))).0, 5);
    gradcheck(loss, &inputs[..1]).expect("with dropout, whose mask depends on the key alone");
}

#[test]
fn the_gradients_of_attention_are_its_derivatives() {
    let attention = MultiHeadAttention::new(4, 2, Key::new(1));
    let x = [randn([2, 3, 4], 2)];
    gradcheck(|v| weighed(&attention.forward(&v[0], AttentionMasks::CAUSAL), 3), &x).expect("causal");

    let padding = tensor![[0., 0., 0.], [0., 0., 1.]];
    let masks = AttentionMasks { key_padding: Some(&padding), ..AttentionMasks::NONE };
    gradcheck(|v| weighed(&attention.forward(&v[0], masks), 3), &x).expect("padded");

    let options = MultiHeadAttentionOptions { kdim: Some(3), vdim: Some(5), ..Default::default() };
    let cross = MultiHeadAttention::with(4, 2, options, Key::new(1));
    let inputs = [randn([2, 3, 4], 2), randn([2, 2, 3], 3), randn([2, 2, 5], 4), randn([2, 1, 3, 2], 5)];
    let loss = |v: &[Var]| {
        let masks = AttentionMasks { mask: Some(&v[3]), ..AttentionMasks::NONE };
        weighed(&cross.attend(&v[0], &v[1], &v[2], masks), 6)
    };
    gradcheck(loss, &inputs).expect("cross-attention with a learned mask");
}

#[test]
fn the_gradients_of_positions_are_their_derivatives() {
    let x = [randn([2, 3, 4], 1)];
    let (learned, fixed) = (LearnedPositions::new(7, 4, Key::new(2)), SinusoidalPositions::new(7, 4));
    gradcheck(|v| weighed(&learned.forward(&v[0], 2).square(), 3), &x).expect("learned");
    gradcheck(|v| weighed(&fixed.forward(&v[0], 2).square(), 3), &x).expect("sinusoidal");
    gradcheck(|v| weighed(&RotaryPositions::new(7, 4).forward(&v[0], 2).square(), 3), &x).expect("rotary");
}

fn transformer(norm_first: bool, dropout: f32) -> TransformerOptions {
    TransformerOptions { feed_forward: 5, activation: Activation::Gelu, norm_first, dropout, ..Default::default() }
}

const SIZES: BlockSizes = BlockSizes { dim: 4, heads: 4, kv_heads: 2, head_dim: 2, feed_forward: 5 };

#[test]
fn the_gradients_of_transformers_are_their_derivatives() {
    let inputs = [randn([2, 3, 4], 1), randn([2, 2, 4], 2)];
    for (norm_first, dropout) in [(false, 0.0), (true, 0.0), (false, 0.5)] {
        let options = transformer(norm_first, dropout);
        let ctx = || Context::train(Key::new(3));
        let encoder = TransformerEncoderLayer::with(4, 2, options, Key::new(4));
        let loss = |v: &[Var]| weighed(&encoder.forward(&v[0], AttentionMasks::CAUSAL, &ctx()), 5);
        gradcheck(loss, &inputs[..1]).unwrap_or_else(|error| panic!("encoder, {options:?}: {error}"));

        let decoder = TransformerDecoderLayer::with(4, 2, options, Key::new(4));
        let (masks, all) = (AttentionMasks::CAUSAL, AttentionMasks::NONE);
        let loss = |v: &[Var]| weighed(&decoder.forward(&v[0], &v[1], masks, all, &ctx()), 5);
        gradcheck(loss, &inputs).unwrap_or_else(|error| panic!("decoder, {options:?}: {error}"));
    }
    let (block, rotary) = (TransformerBlock::new(SIZES, Key::new(4)), RotaryPositions::new(3, 2));
    gradcheck(|v| weighed(&block.forward(&v[0], &rotary, AttentionMasks::CAUSAL), 5), &inputs[..1]).expect("block");
}

#[test]
fn evaluation_drops_nothing_and_training_by_its_key_alone() {
    let encoder = TransformerEncoderLayer::with(4, 2, transformer(true, 0.5), Key::new(1));
    let whole = TransformerEncoderLayer::with(4, 2, transformer(true, 0.0), Key::new(1));
    let x = Var::constant(randn([2, 3, 4], 2));
    let run = |layer: &TransformerEncoderLayer, ctx| layer.forward(&x, AttentionMasks::NONE, &ctx).into_value();
    assert_eq!(run(&encoder, Context::eval()), run(&whole, Context::train(Key::new(3))));
    assert_eq!(run(&encoder, Context::train(Key::new(3))), run(&encoder, Context::train(Key::new(3))));
    assert_ne!(run(&encoder, Context::train(Key::new(3))), run(&encoder, Context::train(Key::new(4))));
}

#[test]
fn gradients_can_be_differentiated_again() {
    let (lstm, gru) = (Lstm::new(4, 3, Key::new(1)), Gru::new(4, 3, Key::new(1)));
    let attention = MultiHeadAttention::new(4, 2, Key::new(1));
    let layers: [Layer<'_>; 3] = [
        ("lstm", &|x| lstm.forward(x, None, &Context::eval()).0),
        ("gru", &|x| gru.forward(x, None, &Context::eval()).0),
        ("attention", &|x| attention.forward(x, AttentionMasks::CAUSAL)),
    ];
    for (name, forward) in layers {
        // How steep the output is, as a gradient penalty has it.
        let penalty = |v: &[Var]| grad(&weighed(&forward(&v[0]), 2), &[&v[0]])[0].square().sum_all();
        gradcheck(penalty, &[randn([2, 3, 4], 3)]).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

/// The steps s of x (1, T, C) on which y (1, T, …) at step t depends.
fn seen(x: &Var, y: &Var, t: usize) -> Vec<usize> {
    let dx = weighed(&y.select(1, t), 9).backward().of(x).clone();
    (0..x.shape()[1]).filter(|&s| dx.select(1, s).to_vec().iter().any(|g| *g != 0.0)).collect()
}

#[test]
fn no_output_depends_on_the_future() {
    let t = 5;
    let lstm = Lstm::with(4, 3, deep(), Key::new(1));
    let gru = Gru::with(4, 3, deep(), Key::new(1));
    let rnn = Rnn::with(4, 3, deep(), Key::new(1));
    let attention = MultiHeadAttention::new(4, 2, Key::new(1));
    let encoder = TransformerEncoderLayer::with(4, 2, transformer(false, 0.0), Key::new(1));
    let decoder = TransformerDecoderLayer::with(4, 2, transformer(true, 0.0), Key::new(1));
    let memory = Var::constant(randn([1, 3, 4], 3));
    let (block, rotary) = (TransformerBlock::new(SIZES, Key::new(1)), RotaryPositions::new(t, 2));
    let (causal, all) = (AttentionMasks::CAUSAL, AttentionMasks::NONE);
    let layers: [Layer<'_>; 7] = [
        ("lstm", &|x| lstm.forward(x, None, &Context::eval()).0),
        ("gru", &|x| gru.forward(x, None, &Context::eval()).0),
        ("rnn", &|x| rnn.forward(x, None, &Context::eval()).0),
        ("attention", &|x| attention.forward(x, causal)),
        ("encoder", &|x| encoder.forward(x, causal, &Context::eval())),
        ("decoder", &|x| decoder.forward(x, &memory, causal, all, &Context::eval())),
        ("block", &|x| block.forward(x, &rotary, causal)),
    ];
    for (name, forward) in layers {
        for i in 0..t {
            let x = Var::input(randn([1, t, 4], 2));
            assert_eq!(seen(&x, &forward(&x), i), Vec::from_iter(0..=i), "{name}, output {i}");
        }
    }
}

#[test]
fn a_direction_from_the_end_is_the_other_one_on_the_reversed_sequence() {
    let x = randn([2, 4, 3], 1);
    let reversed = Var::constant(x.flip(&[1]));
    let lstm = Lstm::with(3, 5, RecurrentOptions { bidirectional: true, ..Default::default() }, Key::new(2));
    let mut forwards = Lstm::new(3, 5, Key::new(3));
    let values: Vec<Tensor> = lstm.parameters()[4..].iter().map(|(_, p)| p.value().clone()).collect();
    let mut values = values.into_iter();
    forwards.visit_mut(glassbox_nn::Name::root(), &mut |_, mut slot| slot.set_value(values.next().expect("four")));
    let (y, state) = lstm.forward(&Var::constant(x), None, &Context::eval());
    let (expected, last) = forwards.forward(&reversed, None, &Context::eval());
    assert_eq!(y.value().narrow(-1, 5, 5).contiguous(), expected.value().flip(&[1]));
    assert_eq!(state.c.value().select(0, 1), last.c.value().select(0, 0));
}

#[test]
fn a_sequence_in_two_parts_is_the_sequence() {
    let x = Var::constant(randn([2, 6, 3], 1));
    let (first, second) = (x.narrow(1, 0, 4), x.narrow(1, 4, 2));
    let lstm = Lstm::with(3, 5, deep(), Key::new(2));
    let (whole, end) = lstm.forward(&x, None, &Context::eval());
    let (a, state) = lstm.forward(&first, None, &Context::eval());
    let (b, state) = lstm.forward(&second, Some(&state), &Context::eval());
    assert_close!(*Var::cat(&[&a, &b], 1).value(), *whole.value(), 1e-6, 1e-6);
    assert_close!(*state.c.value(), *end.c.value(), 1e-6, 1e-6);

    let gru = Gru::with(3, 5, deep(), Key::new(2));
    let (whole, end) = gru.forward(&x, None, &Context::eval());
    let (a, state) = gru.forward(&first, None, &Context::eval());
    let (b, state) = gru.forward(&second, Some(&state), &Context::eval());
    assert_close!(*Var::cat(&[&a, &b], 1).value(), *whole.value(), 1e-6, 1e-6);
    assert_close!(*state.value(), *end.value(), 1e-6, 1e-6);
}

#[test]
fn what_padding_hides_changes_nothing() {
    let attention = MultiHeadAttention::new(4, 2, Key::new(1));
    let (query, memory) = (Var::constant(randn([1, 2, 4], 2)), randn([1, 5, 4], 3));
    let padding = tensor![[0., 0., 0., 1., 1.]];
    let masks = AttentionMasks { key_padding: Some(&padding), ..AttentionMasks::NONE };
    let padded = Var::constant(memory.clone());
    let short = Var::constant(memory.narrow(1, 0, 3));
    let y = attention.attend(&query, &padded, &padded, masks);
    assert_close!(*y.value(), *attention.attend(&query, &short, &short, AttentionMasks::NONE).value(), 1e-6, 1e-6);
    // Where all is hidden, what attention gives is 0, and the bias of the last product remains.
    let all = AttentionMasks { key_padding: Some(&Tensor::ones([1, 5])), ..AttentionMasks::NONE };
    assert_eq!(attention.attend(&query, &padded, &padded, all).value(), &Tensor::zeros([1, 2, 4]));
}

#[test]
fn dropout_lies_between_layers_and_in_training_alone() {
    let gru = Gru::with(3, 50, RecurrentOptions { dropout: 0.5, ..deep() }, Key::new(1));
    let x = Var::constant(randn([4, 6, 3], 2));
    let run = |ctx: Context| gru.forward(&x, None, &ctx).1.into_value(); // h of both layers
    let (first, again) = (run(Context::train(Key::new(3))), run(Context::train(Key::new(3))));
    assert_eq!(first, again, "the same key drops the same");
    let (other, whole) = (run(Context::train(Key::new(4))), run(Context::eval()));
    assert_eq!(first.select(0, 0), whole.select(0, 0), "the first layer reads x whole");
    assert_ne!(first.select(0, 1), other.select(0, 1));
    assert_ne!(first.select(0, 1), whole.select(0, 1));
}

#[test]
fn timesteps_are_told_apart_by_waves_from_2_pi_to_the_longest() {
    let e = timestep_embedding(&tensor![0., 10000.], 6, TimestepOptions::default());
    assert_close!(e.select(0, 0), tensor![0., 0., 0., 1., 1., 1.]);
    let row = e.select(0, 1).to_vec();
    assert!((row[0] - 10000f32.sin()).abs() < 1e-6 && (row[2] - 1f32.sin()).abs() < 1e-6, "ω₀ = 1, and ω₂ = 1/10000");
}

#[test]
fn layers_begin_with_pytorchs_distributions() {
    let largest = |x: &Tensor| x.to_vec().iter().fold(0f32, |top, x| top.max(x.abs()));
    let just_below = |x: &Tensor, bound: f32| (0.95 * bound..=bound).contains(&largest(x)); // of 1000 numbers and more
    let gru = Gru::new(20, 30, Key::new(1));
    let w = &gru.weights()[0];
    assert!(just_below(w.weight_ih.value(), 1.0 / 30f32.sqrt()) && just_below(w.weight_hh.value(), 1.0 / 30f32.sqrt()));
    assert!(largest(w.bias_ih.as_ref().expect("there").value()) <= 1.0 / 30f32.sqrt());

    let attention = MultiHeadAttention::new(40, 4, Key::new(1));
    let [weight, bias] =
        [&attention.in_proj_weight, &attention.in_proj_bias].map(|p| p.as_ref().expect("there").value());
    assert!(just_below(weight, (6.0f32 / (40.0 + 120.0)).sqrt()));
    assert!(just_below(attention.out_proj.weight.value(), 1.0 / 40f32.sqrt()));
    assert_eq!((largest(bias), largest(attention.out_proj.bias.as_ref().expect("there").value())), (0.0, 0.0));
    let options = MultiHeadAttentionOptions { kdim: Some(60), ..Default::default() };
    let apart = MultiHeadAttention::with(40, 4, options, Key::new(1));
    let bounds = [(&apart.q_proj_weight, 80.0), (&apart.k_proj_weight, 100.0), (&apart.v_proj_weight, 80.0f32)];
    for (weight, both) in bounds {
        assert!(just_below(weight.as_ref().expect("there").value(), (6.0 / both).sqrt()));
    }
}

#[test]
#[should_panic(expected = "Lstm: x [2, 3] is not (B, T, 3) with at least one step; the batch comes first")]
fn a_sequence_has_three_axes() {
    Lstm::new(3, 2, Key::new(0)).forward(&Var::constant(Tensor::zeros([2, 3])), None, &Context::eval());
}

#[test]
#[should_panic(expected = "Gru: a state of shape [1, 3, 2] where x [2, 4, 3] needs [1, 2, 2], which is (L, B, H)")]
fn a_state_is_of_the_batch() {
    let h = Var::constant(Tensor::zeros([1, 3, 2]));
    Gru::new(3, 2, Key::new(0)).forward(&Var::constant(Tensor::zeros([2, 4, 3])), Some(&h), &Context::eval());
}

#[test]
#[should_panic(expected = "MultiHeadAttention: 4 heads can't share 6 numbers evenly; make dim a multiple of heads")]
fn heads_share_evenly() {
    MultiHeadAttention::new(6, 4, Key::new(0));
}

#[test]
#[should_panic(expected = "LearnedPositions: x [1, 5, 4] has positions 3 to 8, the table only 7; make it longer")]
fn a_table_ends() {
    LearnedPositions::new(7, 4, Key::new(0)).forward(&Var::constant(Tensor::zeros([1, 5, 4])), 3);
}

#[test]
#[should_panic(expected = "LearnedPositions: x [1, 5, 3] has rows of 3 numbers, the table [7, 4] of 4")]
fn a_table_has_rows_of_one_length() {
    LearnedPositions::new(7, 4, Key::new(0)).forward(&Var::constant(Tensor::zeros([1, 5, 3])), 0);
}

#[test]
#[should_panic(expected = "Lstm::step: a bidirectional layer reads the end first; call forward")]
fn a_bidirectional_layer_takes_no_steps() {
    let lstm = Lstm::with(3, 2, both(), Key::new(0));
    lstm.step(&Var::constant(Tensor::zeros([1, 3])), &lstm.zero_state(1));
}

#[test]
#[should_panic(expected = "Gru: 1 layer of 0 numbers; both are at least 1")]
fn a_state_has_numbers() {
    Gru::new(3, 0, Key::new(0));
}

#[test]
#[should_panic(expected = "Gru: x [2, 0, 3] is not (B, T, 3) with at least one step; the batch comes first")]
fn a_sequence_has_a_step() {
    Gru::new(3, 2, Key::new(0)).forward(&Var::constant(Tensor::zeros([2, 0, 3])), None, &Context::eval());
}

#[test]
#[should_panic(expected = "attention: key_padding [2, 3] is not (B, S) = [1, 3]; it has a number for each key")]
fn padding_is_of_each_key() {
    let padding = Tensor::zeros([2, 3]);
    let masks = AttentionMasks { key_padding: Some(&padding), ..AttentionMasks::NONE };
    MultiHeadAttention::new(4, 2, Key::new(0)).forward(&Var::constant(Tensor::zeros([1, 3, 4])), masks);
}

#[test]
#[should_panic(expected = "attention: x [3, 12] has 2 axes; it is (B, T, E), the batch first")]
fn attention_is_of_a_batch() {
    MultiHeadAttention::new(4, 2, Key::new(0)).forward(&Var::constant(Tensor::zeros([3, 4])), AttentionMasks::NONE);
}

#[test]
#[should_panic(
    expected = "GroupedQueryAttention: 4 heads of queries can't share 3 of keys evenly; heads is a multiple"
)]
fn grouped_heads_share_evenly() {
    TransformerBlock::new(BlockSizes { kv_heads: 3, ..SIZES }, Key::new(0));
}

#[test]
#[should_panic(expected = "Dropout: p is 1.5, the probability of dropping; it is from 0 to 1")]
fn a_transformers_dropout_is_a_probability() {
    TransformerEncoderLayer::with(4, 2, transformer(true, 1.5), Key::new(0));
}

#[test]
#[should_panic(expected = "timestep_embedding: half of 2 is not above the shift 1; make dim larger")]
fn waves_need_room() {
    timestep_embedding(&tensor![1.], 2, TimestepOptions::default());
}
