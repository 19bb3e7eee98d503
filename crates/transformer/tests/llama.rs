//! The Llama has Llama's names, no look into the future, and the gradient of its formula.

mod common;

use common::with_opinions;
use common::{SMALL_LLAMA, assert_looks_back_only, opinionated_llama};
use glassbox_autograd::{Var, gradcheck};
use glassbox_nn::{AttentionMasks, Context, Module, RotaryPositions};
use glassbox_tensor::random::Key;
use glassbox_tensor::{Ids, Tensor};
use glassbox_transformer::{LanguageModel, Llama, LlamaSizes, LoraSizes};

#[test]
fn parameters_are_called_as_in_llamas_files() {
    let llama = Llama::new(LlamaSizes { layers: 1, ..SMALL_LLAMA }, Key::new(0));
    let named: Vec<(String, Vec<usize>)> =
        llama.parameters().into_iter().map(|(name, p)| (name, p.value().shape().to_vec())).collect();
    let expected: [(&str, &[usize]); 11] = [
        ("model.embed_tokens.weight", &[11, 8]),
        ("model.layers.0.self_attn.q_proj.weight", &[8, 8]),
        ("model.layers.0.self_attn.k_proj.weight", &[4, 8]),
        ("model.layers.0.self_attn.v_proj.weight", &[4, 8]),
        ("model.layers.0.self_attn.o_proj.weight", &[8, 8]),
        ("model.layers.0.mlp.gate_proj.weight", &[12, 8]),
        ("model.layers.0.mlp.up_proj.weight", &[12, 8]),
        ("model.layers.0.mlp.down_proj.weight", &[8, 12]),
        ("model.layers.0.input_layernorm.weight", &[8]),
        ("model.layers.0.post_attention_layernorm.weight", &[8]),
        ("model.norm.weight", &[8]),
    ];
    assert_eq!(named.len(), expected.len());
    for ((name, shape), (their_name, their_shape)) in named.iter().zip(expected) {
        assert_eq!((name.as_str(), &shape[..]), (their_name, their_shape));
    }
}

#[test]
fn no_prediction_depends_on_what_comes_later() {
    let llama = opinionated_llama(SMALL_LLAMA, 1);
    let embedded = llama.embed(&Ids::randint(11, [2, 6], Key::new(5))).value().clone();
    assert_looks_back_only(&embedded, |x| llama.logits(x, &Context::eval()));
}

#[test]
fn the_gradient_of_the_whole_loss_agrees_with_central_differences() {
    let llama = opinionated_llama(SMALL_LLAMA, 2);
    let [x, y] = [8, 9].map(|key| Ids::randint(11, [2, 5], Key::new(key)));
    gradcheck(|_| llama.loss(&x, &y, &Context::eval()), &[]).unwrap();
}

#[test]
fn its_blocks_are_those_of_the_floor_below() {
    let llama = opinionated_llama(SMALL_LLAMA, 3);
    let rotary = RotaryPositions::new(6, 2);
    let x = Var::constant(Tensor::randn([2, 6, 8], Key::new(4)));
    let rows = llama.layers.iter().fold(x.clone(), |x, block| block.forward(&x, &rotary, AttentionMasks::CAUSAL));
    let logits = llama.norm.forward(&rows).linear(&llama.embed_tokens.weight.var(), None);
    assert_eq!(llama.logits(&x, &Context::eval()).value(), logits.value(), "bit for bit");
}

#[test]
fn dropout_is_for_training_and_follows_its_key() {
    let (llama, x) = (opinionated_llama(SMALL_LLAMA, 6), Ids::from_vec(vec![1, 2, 3, 4, 5, 6], [2, 3]));
    let with = |llama: &Llama, ctx: Context| llama.forward(&x, &ctx).value().to_vec();
    let (whole, llama) = (with(&llama, Context::eval()), llama.with_dropout(0.5));
    assert_eq!(with(&llama, Context::eval()), whole);
    assert_eq!(with(&llama, Context::train(Key::new(1))), with(&llama, Context::train(Key::new(1))));
    assert_ne!(with(&llama, Context::train(Key::new(1))), with(&llama, Context::train(Key::new(2))));
    assert_ne!(with(&llama, Context::train(Key::new(1))), whole);
}

fn dropping(dropout: f32) -> Llama {
    opinionated_llama(SMALL_LLAMA, 1).with_dropout(dropout)
}

#[test]
fn training_drops_from_the_embedding_and_from_both_branches_of_each_block() {
    let [x, y] = [8, 9].map(|key| Ids::randint(11, [2, 5], Key::new(key)));
    let loss = |llama: &Llama, ctx: &Context| llama.loss(&x, &y, ctx).item();
    let (all, none) = (dropping(0.3), dropping(0.0));
    // Without training nothing is dropped, and where nothing is to be dropped nothing is drawn.
    assert_eq!(loss(&all, &Context::eval()), loss(&none, &Context::eval()));
    let ctx = Context::train(Key::new(5));
    assert_eq!(loss(&none, &ctx), loss(&none, &Context::eval()));
    assert_eq!(ctx.key(), Key::new(5).fold(0));
    // One draw for the embedding and two for each of the two blocks.
    let ctx = Context::train(Key::new(5));
    let once = loss(&all, &ctx);
    assert_eq!(ctx.key(), Key::new(5).fold(1 + 2 * 2));
    assert_ne!(once, loss(&none, &Context::eval()));
    let again = all.clone().with_checkpointing(true);
    assert_eq!(once, loss(&again, &Context::train(Key::new(5))));
    // If nothing at all is left, every word is as likely: no branch gets past what was dropped.
    let nothing = dropping(1.0 - f32::EPSILON / 2.0);
    assert!((loss(&nothing, &Context::train(Key::new(5))) - 11f32.ln()).abs() < 1e-6);
}

#[test]
fn with_dropout_and_lora_the_gradient_agrees_with_central_differences_too() {
    let lora = LoraSizes { rank: 2, alpha: 3.0, feed_forward: true };
    let llama = with_opinions(dropping(0.2).with_lora(lora, Key::new(2)), 0.2, 3);
    let [x, y] = [8, 9].map(|key| Ids::randint(11, [2, 5], Key::new(key)));
    gradcheck(|_| llama.loss(&x, &y, &Context::train(Key::new(6))), &[]).unwrap();
}
