//! The model is GPT-2's: its names, its initial weights, its formula, and no look into the future.

mod common;

use common::{TINY, assert_looks_back_only, opinionated};
use glassbox_autograd::gradcheck;
use glassbox_nn::{Context, Module};
use glassbox_tensor::Ids;
use glassbox_tensor::random::Key;
use glassbox_transformer::{Gelu, Gpt, GptSizes, LanguageModel};

fn ids(shape: [usize; 2], words: u32, key: u64) -> Ids {
    Ids::randint(words, shape, Key::new(key))
}

#[test]
fn parameters_are_called_as_in_gpt_2() {
    let gpt = Gpt::new(GptSizes { layers: 1, ..TINY }, Key::new(0));
    let named: Vec<(String, Vec<usize>)> =
        gpt.parameters().into_iter().map(|(name, p)| (name, p.value().shape().to_vec())).collect();
    let expected: [(&str, &[usize]); 16] = [
        ("wte.weight", &[11, 8]),
        ("wpe.weight", &[6, 8]),
        ("h.0.ln_1.weight", &[8]),
        ("h.0.ln_1.bias", &[8]),
        ("h.0.attn.c_attn.weight", &[24, 8]),
        ("h.0.attn.c_attn.bias", &[24]),
        ("h.0.attn.c_proj.weight", &[8, 8]),
        ("h.0.attn.c_proj.bias", &[8]),
        ("h.0.ln_2.weight", &[8]),
        ("h.0.ln_2.bias", &[8]),
        ("h.0.mlp.c_fc.weight", &[32, 8]),
        ("h.0.mlp.c_fc.bias", &[32]),
        ("h.0.mlp.c_proj.weight", &[8, 32]),
        ("h.0.mlp.c_proj.bias", &[8]),
        ("ln_f.weight", &[8]),
        ("ln_f.bias", &[8]),
    ];
    assert_eq!(named.len(), 16);
    for ((name, shape), (their_name, their_shape)) in named.iter().zip(expected) {
        assert_eq!((name.as_str(), &shape[..]), (their_name, their_shape));
    }
    // GPT-2 "small" has 124,439,808 parameters: V·C + P·C + L·(12·C² + 13·C) + 2·C.
    let (v, p, l, c) = (50_257, 1024, 12, 768);
    assert_eq!(v * c + p * c + l * (12 * c * c + 13 * c) + 2 * c, 124_439_808);
    let counted = 11 * 8 + 6 * 8 + (12 * 64 + 13 * 8) + 2 * 8;
    assert_eq!(gpt.num_parameters(), counted);
}

#[test]
fn initial_weights_are_gpt_2s() {
    let sizes = GptSizes { words: 500, context: 200, layers: 8, heads: 4, width: 64, ..TINY };
    let gpt = Gpt::new(sizes, Key::new(3));
    for (name, param) in gpt.parameters() {
        let x = param.value().to_vec();
        let expected = match name.as_str() {
            _ if name.ends_with("bias") => {
                assert!(x.iter().all(|&x| x == 0.0), "{name}");
                continue;
            }
            _ if name.contains("ln_") => {
                assert!(x.iter().all(|&x| x == 1.0), "{name}");
                continue;
            }
            _ if name.contains("c_proj") => 0.02 / 4.0, // √(2·8)
            _ => 0.02,
        };
        let n = x.len() as f64;
        let mean = x.iter().map(|&x| f64::from(x)).sum::<f64>() / n;
        let std = (x.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / n).sqrt();
        // The standard deviation of n normal numbers is known to 1/√(2n) of itself.
        assert!((std / expected - 1.0).abs() < 5.0 / (2.0 * n).sqrt(), "{name}: {std}, not {expected}");
        assert!(mean.abs() < 5.0 * expected / n.sqrt(), "{name}: {mean}");
    }
}

/// Every row of logits, and every row of the input.
#[test]
fn no_prediction_depends_on_what_comes_later() {
    for gelu in [Gelu::Tanh, Gelu::Exact] {
        let gpt = opinionated(GptSizes { gelu, ..TINY }, 1);
        let embedded = gpt.embed(&ids([2, 6], 11, 5), 0).value().clone();
        assert_looks_back_only(&embedded, |x| gpt.logits(x, &Context::eval(), None));
    }
}

/// With respect to every parameter, the embedding as table and as head among them.
#[test]
fn the_gradient_of_the_whole_loss_agrees_with_central_differences() {
    for gelu in [Gelu::Tanh, Gelu::Exact] {
        let gpt = opinionated(GptSizes { gelu, ..TINY }, 2);
        let (x, y) = (ids([2, 5], 11, 8), ids([2, 5], 11, 9));
        gradcheck(|_| gpt.loss(&x, &y, &Context::eval()), &[]).unwrap();
    }
}

/// The formulas of the paper, one number at a time in f64.
#[test]
fn logits_are_those_that_plain_loops_compute() {
    let gpt = opinionated(TINY, 4);
    let tokens = [3u32, 10, 0, 7, 7];
    let ours = gpt.forward(&Ids::from_slice(&tokens, [1, 5]), &Context::eval());
    let theirs = plain::logits(&gpt, &tokens);
    for (t, row) in theirs.iter().enumerate() {
        for (v, &expected) in row.iter().enumerate() {
            let is = f64::from(ours.value().at([0, t, v]));
            assert!((is - expected).abs() < 1e-4 * (1.0 + expected.abs()), "row {t}, word {v}: {is}, not {expected}");
        }
    }
}

mod plain {
    use super::*;
    use glassbox_nn::{LayerNorm, Linear, Param};

    type Row = Vec<f64>;

    fn values(param: &Param) -> Row {
        param.value().to_vec().into_iter().map(f64::from).collect()
    }

    fn linear(layer: &Linear, x: &Row) -> Row {
        let (w, b) = (values(&layer.weight), values(layer.bias.as_ref().unwrap()));
        let rows = w.chunks(x.len()).zip(b);
        rows.map(|(row, b)| b + row.iter().zip(x).map(|(w, x)| w * x).sum::<f64>()).collect()
    }

    fn norm(layer: &LayerNorm, x: &Row) -> Row {
        let n = x.len() as f64;
        let mean = x.iter().sum::<f64>() / n;
        let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
        let (w, b) = (values(layer.weight.as_ref().unwrap()), values(layer.bias.as_ref().unwrap()));
        x.iter().zip(w).zip(b).map(|((x, w), b)| (x - mean) / (variance + 1e-5).sqrt() * w + b).collect()
    }

    fn gelu(x: f64) -> f64 {
        0.5 * x * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x.powi(3))).tanh())
    }

    pub fn logits(gpt: &Gpt, tokens: &[u32]) -> Vec<Row> {
        let GptSizes { heads, width: c, .. } = *gpt.sizes();
        let d = c / heads;
        let (wte, wpe) = (values(&gpt.wte.weight), values(&gpt.wpe.weight));
        let mut x: Vec<Row> = tokens
            .iter()
            .enumerate()
            .map(|(t, &id)| (0..c).map(|i| wte[id as usize * c + i] + wpe[t * c + i]).collect())
            .collect();
        for block in &gpt.h {
            let qkv: Vec<Row> = x.iter().map(|x| linear(&block.attn.c_attn, &norm(&block.ln_1, x))).collect();
            for t in 0..x.len() {
                let mut seen = vec![0.0; c];
                for h in 0..heads {
                    let part = |t: usize, which: usize| &qkv[t][which * c + h * d..][..d];
                    let dot = |s: usize| part(t, 0).iter().zip(part(s, 1)).map(|(q, k)| q * k).sum::<f64>();
                    let e: Row = (0..=t).map(|s| (dot(s) / (d as f64).sqrt()).exp()).collect();
                    let sum: f64 = e.iter().sum();
                    for (s, e) in e.iter().enumerate() {
                        (0..d).for_each(|i| seen[h * d + i] += e / sum * part(s, 2)[i]);
                    }
                }
                let added = linear(&block.attn.c_proj, &seen);
                x[t].iter_mut().zip(added).for_each(|(x, y)| *x += y);
            }
            for x in &mut x {
                let h: Row = linear(&block.mlp.c_fc, &norm(&block.ln_2, x)).into_iter().map(gelu).collect();
                let added = linear(&block.mlp.c_proj, &h);
                x.iter_mut().zip(added).for_each(|(x, y)| *x += y);
            }
        }
        let head = |x: &Row| {
            let x = norm(&gpt.ln_f, x);
            (0..gpt.sizes().words).map(|v| (0..c).map(|i| x[i] * wte[v * c + i]).sum()).collect()
        };
        x.iter().map(head).collect()
    }
}

#[test]
fn dropout_is_for_training_and_follows_its_key() {
    let gpt = opinionated(GptSizes { dropout: 0.5, ..TINY }, 6);
    let x = ids([2, 6], 11, 1);
    let with = |ctx: Context| gpt.forward(&x, &ctx).value().to_vec();
    assert_eq!(with(Context::eval()), opinionated(TINY, 6).forward(&x, &Context::eval()).value().to_vec());
    assert_eq!(with(Context::train(Key::new(1))), with(Context::train(Key::new(1))));
    assert_ne!(with(Context::train(Key::new(1))), with(Context::train(Key::new(2))));
    assert_ne!(with(Context::train(Key::new(1))), with(Context::eval()));
}

#[test]
#[should_panic(expected = "Gpt: 3 heads can't share 8 numbers evenly; make the width a multiple of the heads")]
fn heads_that_do_not_divide_the_width_are_refused() {
    Gpt::new(GptSizes { heads: 3, ..TINY }, Key::new(0));
}
