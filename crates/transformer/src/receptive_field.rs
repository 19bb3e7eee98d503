//! What a prediction depends on, asked of its derivative.
//!
//! A causal model must not look ahead. That is a statement about derivatives, so it can be checked without looking at the code:
//!
//! ```text
//! ∂logits[t]/∂x[s] = 0    for all s > t             nothing comes from the future
//! ∂logits[t]/∂x[s] ≠ 0    for t − R < s ≤ t         the last R tokens are seen: the receptive field
//! ```
//!
//! Gradients through a mask are zero exactly, not nearly, so a leak of any size is found.

use crate::heat_map::{Grid, heat_maps, shown};
use crate::model::LanguageModel;
use glassbox_autograd::Var;
use glassbox_nn::Context;
use glassbox_tensor::random::Key;
use glassbox_tensor::{Ids, Tensor};
use glassbox_train::Drawing;

/// Directions in which the logits are looked at; each finds what is zero, and more make the size surer.
const DIRECTIONS: u64 = 4;

/// How much the logits at each position depend on the vector at each: ‖∂logits\[t\]/∂x\[s\]‖, (T, T) with a row for each t.
///
/// The norm is Frobenius'. With w from N(0, 1), E‖Jᵀw‖² = ‖J‖²; it is the mean over four such w, so its sizes are estimates, and what is
/// zero is zero. Row t of `x` is copy t of the sequence, of which only logits t are asked: one backward pass answers for all.
///
/// ```
/// use glassbox_tensor::{Tensor, random::Key};
/// use glassbox_transformer::sensitivity;
/// let x = Tensor::randn([3, 2], Key::new(0)); // three tokens with vectors of two numbers
/// let sums = sensitivity(&x, |x| x.cumsum(1)); // a model that adds up what came
/// assert!(sums.at([2, 0]) > 0.0 && sums.at([1, 1]) > 0.0 && sums.at([0, 2]) == 0.0);
/// ```
///
/// # Panics
/// If `x` is not (T, E), or the model gives no (T, T, V) for it.
#[track_caller]
pub fn sensitivity(x: &Tensor, model: impl Fn(&Var) -> Var) -> Tensor {
    let &[t, e] = x.shape() else { panic!("sensitivity: x {:?} is not (T, E)", x.shape()) };
    let copies = x.reshape([1, t, e]).expand([t, t, e]).contiguous();
    let mut squares = vec![0f64; t * t];
    for direction in 0..DIRECTIONS {
        let x = Var::input(copies.clone());
        let logits = model(&x); // (T, T, E) -> (T, T, V)
        let words = logits.shape()[2];
        let own = Ids::from_vec((0..t as u32).map(|i| i * (t as u32 + 1)).collect(), [t]);
        let own = logits.reshape([t * t, words]).index_select(0, &own); // logits t of copy t: (T, V)
        let w = Var::constant(Tensor::randn([t, words], Key::new(direction)));
        let dx = (&own * &w).sum_all().backward().of(&x).to_vec();
        let rows = squares.iter_mut().zip(dx.chunks(e));
        rows.for_each(|(square, row)| *square += row.iter().map(|&dx| f64::from(dx).powi(2)).sum::<f64>());
    }
    let norms = squares.into_iter().map(|square| (square / DIRECTIONS as f64).sqrt() as f32).collect();
    Tensor::from_vec(norms, [t, t])
}

/// The [`sensitivity`] of a language model to the tokens of a text, (T, T).
///
/// ```
/// use glassbox_tensor::random::Key;
/// use glassbox_transformer::{Gpt, GptSizes, receptive_field};
/// let field = receptive_field(&Gpt::new(GptSizes::CHAR, Key::new(0)), &[3, 1, 4, 1, 5]);
/// for t in 0..5 {
///     assert!((0..5).all(|s| (field.at([t, s]) == 0.0) == (s > t)));
/// }
/// ```
///
/// # Panics
/// If a token is no word, or there are more than the context.
#[track_caller]
pub fn receptive_field<M: LanguageModel>(model: &M, tokens: &[u32]) -> Tensor {
    let model = model.frozen();
    let x = model.vectors(&Ids::from_slice(tokens, [1, tokens.len()]));
    let x = x.value().select(0, 0); // (1, T, E) -> (T, E)
    sensitivity(&x, |x| model.predict(x, &Context::eval()))
}

/// It as a drawing: a row for each prediction, with the shares of the largest in it, in decades.
pub(crate) fn receptive_field_drawing<M: LanguageModel>(
    model: &M,
    tokens: &[u32],
    said: impl Fn(u32) -> String,
) -> Drawing {
    let field = receptive_field(model, tokens);
    let names: Vec<String> = tokens.iter().map(|&token| shown(&said(token))).collect();
    let t = tokens.len();
    let mut values = field.to_vec();
    for row in values.chunks_mut(t) {
        let largest = row.iter().copied().fold(0.0, f32::max);
        row.iter_mut().filter(|value| **value > 0.0).for_each(|value| *value = decades(*value / largest));
    }
    let grid = Grid { title: "‖∂logits[t] / ∂x[s]‖".to_string(), rows: names.clone(), columns: names, values };
    Drawing {
        name: "receptive-field",
        caption: "How much the prediction after each token (a row) depends on each token (a column): the norm of the derivative of its \
                  logits, as a share of the largest in the row, a shade for each decade. Where it is zero there is nothing: no row \
                  depends on what comes later."
            .to_string(),
        svg: heat_maps(&[grid], 1),
    }
}

/// From 10⁻⁴ and below, which is 0.1, to 1.
fn decades(share: f32) -> f32 {
    (1.0 + share.max(1e-9).log10() / 4.0 * 0.9).clamp(0.1, 1.0)
}
