//! What every causal model sees and what it doesn't, asked of its derivatives.

mod common;

use common::{small, text};
use glassbox_autograd::Var;
use glassbox_nn::Context;
use glassbox_tensor::{Ids, Tensor};
use glassbox_train::{Experiment, Preset};
use glassbox_transformer::{
    BIGRAM, Bigram, GPT, Gpt, LLAMA_SMALL, LanguageModel, Llama, MLP_LM, MlpLm, RNN_LM, RnnLm, Trainable, Training,
    receptive_field,
};

/// A model that has learned for a few steps, so that no weight is zero.
fn trained<M: Trainable>(preset: &'static Preset) -> Training<M> {
    let mut config = small(preset);
    config.steps = Some(3);
    let mut training: Training<M> = Training::new(&config, text()).unwrap();
    (0..3).for_each(|step| drop(training.train_step(step).unwrap()));
    training
}

#[test]
fn no_derivative_comes_from_the_future_and_the_receptive_field_is_what_is_claimed() {
    fn check<M: Trainable>(preset: &'static Preset, seen: usize) {
        let training = trained::<M>(preset);
        assert_eq!(training.model.receptive_field(), seen, "{}", preset.name);
        let field = receptive_field(&training.model, &training.text().train()[..16]);
        for t in 0..16 {
            for s in 0..16 {
                let (norm, depends) = (field.at([t, s]), s <= t && t - s < seen);
                assert_eq!(norm > 0.0, depends, "{}: logits {t} by token {s}: {norm}", preset.name);
            }
        }
    }
    check::<Bigram>(&BIGRAM, 1);
    check::<MlpLm>(&MLP_LM, 8);
    check::<RnnLm>(&RNN_LM, 16);
    check::<Gpt>(&GPT, 16);
    check::<Llama>(&LLAMA_SMALL, 16);
}

/// Row by row of the Jacobian: one backward pass for each logit.
#[test]
fn the_norms_are_those_of_the_jacobian() {
    let training = trained::<Gpt>(&GPT);
    let tokens = &training.text().train()[..6];
    let estimated = receptive_field(&training.model, tokens);
    let model = training.model.frozen();
    let x = Var::input(model.vectors(&Ids::from_slice(tokens, [1, 6])).value().clone());
    for t in 0..6 {
        let mut squares = Tensor::zeros([6]);
        for word in 0..training.text().tokenizer().vocab_size() {
            let logit = model.predict(&x, &Context::eval()).select(1, t).select(1, word); // (1)
            let dx = logit.sum_all().backward().of(&x).clone();
            let dx = dx.select(0, 0); // (1, T, E) -> (T, E)
            squares = &squares + &(&dx * &dx).sum(&[-1], false);
        }
        for s in 0..=t {
            let (is, exact) = (estimated.at([t, s]), squares.at([s]).sqrt());
            assert!(is > 0.4 * exact && is < 2.5 * exact, "logits {t} by token {s}: {is}, exactly {exact}");
        }
    }
}

#[test]
fn the_drawing_has_a_square_for_each_token_that_is_seen_and_none_above_the_diagonal() {
    for (drawings, squares) in
        [(trained::<Gpt>(&GPT).drawings(), 16 * 17 / 2), (trained::<Bigram>(&BIGRAM).drawings(), 16)]
    {
        let [drawing] = &drawings[..] else { panic!("one drawing") };
        assert_eq!(drawing.name, "receptive-field");
        assert_eq!(drawing.svg.matches("width=\"16\" height=\"16\"").count(), squares);
    }
}
