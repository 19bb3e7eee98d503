//! What the parts of the model see of each other, as drawings: three masks, and what attention made of the last.

use crate::encoder_decoder::model::{Encoded, EncoderDecoder, Problems};
use crate::encoder_decoder::training::ProblemTraining;
use crate::encoder_decoder::words::{BEGIN, END, PAD};
use crate::heat_map::{Grid, heat_maps};
use glassbox_nn::{AttentionMasks, Context};
use glassbox_tensor::{Ids, Tensor};
use glassbox_train::Drawing;

/// Questions of the batch whose masks are drawn.
const QUESTIONS: usize = 8;

/// The three masks of one problem in a batch of held-out ones: the shortest, which is filled up most.
pub(crate) fn masks(training: &ProblemTraining) -> Drawing {
    let questions = &training.held_out()[..training.held_out().len().min(QUESTIONS)];
    let shortest = (0..questions.len()).min_by_key(|&i| questions[i].len()).expect("a question is held out");
    let problems = training.with_answers(questions);
    let source = labels(training, row(&problems.source, shortest));
    let read = labels(training, row(&problems.read, shortest));
    let padding = |token: u32| f32::from(token != PAD);
    let keys: Vec<f32> = row(&problems.source, shortest).iter().map(|&token| padding(token)).collect();
    let grid = |title: &str, rows: &[String], columns: &[String], seen: &dyn Fn(usize, usize) -> f32| Grid {
        title: title.to_string(),
        rows: rows.to_vec(),
        columns: columns.to_vec(),
        values: (0..rows.len()).flat_map(|i| (0..columns.len()).map(move |j| seen(i, j))).collect(),
    };
    let grids = [
        grid("encoder: padding mask", &source, &source, &|_, j| keys[j]),
        grid("decoder: causal mask", &read, &read, &|i, j| f32::from(j <= i)),
        grid("decoder to encoder: cross mask", &read, &source, &|_, j| keys[j]),
    ];
    Drawing {
        name: "masks",
        caption: format!(
            "Which tokens (columns) each token (a row) may look at, of {:?} in a batch with longer questions. Dark is seen. · only fills \
             up: no row of the encoder looks at it, nor does the decoder when it looks at the encoder. In the decoder each row sees \
             the answer up to itself; what fills that up comes after all that count, and the loss leaves out its rows.",
            questions[shortest]
        ),
        svg: heat_maps(&grids, grids.len()),
    }
}

/// What each head of each layer of the decoder looks at in the longest of some held-out questions, with the right answer read.
pub(crate) fn cross_attention(training: &ProblemTraining) -> Drawing {
    let question = training.held_out().iter().take(QUESTIONS).max_by_key(|question| question.len());
    let question = question.expect("a question is held out").clone();
    let problems = training.with_answers(std::slice::from_ref(&question));
    let columns = labels(training, row(&problems.source, 0));
    let rows = labels(training, row(&problems.written, 0));
    let heads = training.model.sizes().heads;
    let grid = |(i, weights): (usize, &Tensor)| Grid {
        title: format!("layer {}, head {}", i / heads, i % heads),
        rows: rows.clone(),
        columns: columns.clone(),
        values: weights.to_vec(),
    };
    let grids: Vec<Grid> = training.attention_to_source(&question).iter().enumerate().map(grid).collect();
    Drawing {
        name: "cross-attention",
        caption: format!(
            "Where the decoder looks in {question:?} (columns) as it writes each letter of the answer (rows; ⊣ is its end): the weights of \
             each head, which add up to 1 in a row."
        ),
        svg: heat_maps(&grids, heads),
    }
}

/// The weights of the attention to the source in each layer of the decoder, with the right answers read: (B, H, T, S) each.
pub(crate) fn cross_weights(model: &EncoderDecoder, problems: &Problems) -> Vec<Tensor> {
    let (model, ctx) = (model.frozen(), Context::eval());
    let encoded: Encoded = model.encode(&problems.source, &ctx);
    let &[b, s] = problems.source.shape() else { unreachable!("(B, S)") };
    let hidden = (&Tensor::scalar(1.0) - &encoded.padding).ln().reshape([b, 1, 1, s]); // −∞ where it is padding
    let mut y = model.embed(&problems.read, 0, &ctx);
    let mut all = Vec::new();
    for layer in &model.transformer.decoder.layers {
        let cross = &layer.multihead_attn;
        let [k, v] = cross.keys_and_values(&encoded.rows, &encoded.rows);
        y = layer.forward_by(
            &y,
            &ctx,
            |y| layer.self_attn.forward(y, AttentionMasks::CAUSAL),
            |y| {
                let q = cross.queries(y);
                let scale = 1.0 / (q.shape()[3] as f32).sqrt();
                let scores = &q.matmul(&k.t()) * scale; // (B, H, T, D) × (B, H, D, S) -> (B, H, T, S)
                all.push((scores.value() + &hidden).softmax(-1));
                cross.attend_heads(&q, &k, &v, encoded.masks())
            },
        );
    }
    all
}

fn row(ids: &Ids, i: usize) -> &[u32] {
    let length = ids.shape()[1];
    &ids.as_slice()[i * length..][..length]
}

/// Tokens as labels, with signs for those that are no letters.
fn labels(training: &ProblemTraining, words: &[u32]) -> Vec<String> {
    let label = |&word: &u32| match word {
        PAD => "·".to_string(),
        BEGIN => "⊢".to_string(),
        END => "⊣".to_string(),
        word => training.task.decode(&[word]),
    };
    words.iter().map(label).collect()
}
