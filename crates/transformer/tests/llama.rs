//! The Llama has Llama's names, no look into the future, and the gradient of its formula.

mod common;

use common::{SMALL_LLAMA, assert_looks_back_only, opinionated_llama};
use glassbox_autograd::gradcheck;
use glassbox_nn::{Context, Module};
use glassbox_tensor::Ids;
use glassbox_tensor::random::Key;
use glassbox_transformer::{LanguageModel, Llama, LlamaSizes};

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
fn dropout_is_for_training_and_follows_its_key() {
    let (llama, x) = (opinionated_llama(SMALL_LLAMA, 6), Ids::from_vec(vec![1, 2, 3, 4, 5, 6], [2, 3]));
    let with = |llama: &Llama, ctx: Context| llama.forward(&x, &ctx).value().to_vec();
    let (whole, llama) = (with(&llama, Context::eval()), llama.with_dropout(0.5));
    assert_eq!(with(&llama, Context::eval()), whole);
    assert_eq!(with(&llama, Context::train(Key::new(1))), with(&llama, Context::train(Key::new(1))));
    assert_ne!(with(&llama, Context::train(Key::new(1))), with(&llama, Context::train(Key::new(2))));
    assert_ne!(with(&llama, Context::train(Key::new(1))), whole);
}
