//! A BERT of somebody else's gives their numbers, and a sentence for whatever is wrong with its files.

use glassbox_data::files::write_atomically;
use glassbox_nn::{Context, Module};
use glassbox_tensor::{Ids, Tensor};
use glassbox_transformer::BertModel;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

fn tiny() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/hugging_face/bert")
}

/// The numbers of an array of arrays, with its shape.
fn numbers(value: &Value) -> (Vec<f64>, Vec<usize>) {
    let Some(all) = value.as_array() else { return (vec![value.as_f64().unwrap()], Vec::new()) };
    let parts: Vec<_> = all.iter().map(numbers).collect();
    let shape = [&[all.len()][..], &parts[0].1].concat();
    (parts.into_iter().flat_map(|(numbers, _)| numbers).collect(), shape)
}

/// The mean of the rows that aren't padding, of length 1: what models of sentences compare.
fn sentence(rows: &[f64], padding: &[f64]) -> Vec<f64> {
    let width = rows.len() / padding.len();
    let seen = rows.chunks(width).zip(padding).filter(|(_, padding)| **padding == 0.0);
    let mut sum = vec![0.0; width];
    seen.for_each(|(row, _)| sum.iter_mut().zip(row).for_each(|(sum, x)| *sum += x));
    let norm = sum.iter().map(|x| x * x).sum::<f64>().sqrt();
    sum.into_iter().map(|x| x / norm).collect()
}

fn cosine(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Holds what each token that is no padding has become to the library's; returns the vectors of the sentences.
fn held(folder: &Path) -> Vec<Vec<f64>> {
    let bert = BertModel::open(folder).unwrap();
    let theirs: Value = serde_json::from_slice(&fs::read(folder.join("expected.json")).unwrap()).unwrap();
    let ids = |name: &str| {
        let (ids, shape) = numbers(&theirs[name]);
        Ids::from_vec(ids.into_iter().map(|id| id as u32).collect(), [shape[0], shape[1]])
    };
    let (padding, shape) = numbers(&theirs["padding"]);
    let mask = Tensor::from_vec(padding.iter().map(|&p| p as f32).collect(), [shape[0], shape[1]]);
    let x = bert.forward(&ids("ids"), &ids("types"), Some(&mask), &Context::eval());
    let (hidden, shape) = numbers(&theirs["hidden"]);
    assert_eq!(x.shape(), shape);
    let own: Vec<f64> = x.value().to_vec().into_iter().map(f64::from).collect();
    let (width, mut largest) = (shape[2], 0f64);
    for (i, (own, theirs)) in own.chunks(width).zip(hidden.chunks(width)).enumerate() {
        if padding[i] == 0.0 {
            largest = own.iter().zip(theirs).map(|(a, b)| (a - b).abs()).fold(largest, f64::max);
        }
    }
    assert!(largest < 1e-4, "{}: {largest}", folder.display());
    let of = |all: &[f64]| -> Vec<Vec<f64>> {
        all.chunks(shape[1] * width).zip(padding.chunks(shape[1])).map(|(x, p)| sentence(x, p)).collect()
    };
    let (own, theirs) = (of(&own), of(&hidden));
    let least = own.iter().zip(&theirs).map(|(a, b)| cosine(a, b)).fold(1.0, f64::min);
    assert!(least > 1.0 - 1e-6, "{}: {least}", folder.display());
    eprintln!(
        "{}: tokens differ by {largest:.1e} at most, sentences by a cosine of {:.1e}",
        folder.display(),
        1.0 - least
    );
    own
}

#[test]
fn what_tokens_become_is_what_hugging_faces_library_says() {
    assert_eq!(held(&tiny()).len(), 2);
    assert!(BertModel::open(&tiny()).unwrap().parameters().iter().all(|(_, p)| p.is_frozen()));
}

/// With GLASSBOX_BERT, the folder of a trained model of sentences, such as all-MiniLM-L6-v2, and the numbers that
/// tools/torch/transformer/bert_folder.py has put there.
#[test]
fn a_trained_model_of_sentences_too() {
    let Some(folder) = std::env::var_os("GLASSBOX_BERT") else {
        eprintln!("skipped: GLASSBOX_BERT names no folder of a trained BERT with expected.json");
        return;
    };
    let sentences = held(Path::new(&folder));
    let near = |a: usize, b: usize| cosine(&sentences[a], &sentences[b]);
    eprintln!("the first sentence by the others: {:?}", [1, 2, 3, 4].map(|other| near(0, other)));
    assert!([2, 3, 4].iter().all(|&other| near(0, 1) > near(0, other) + 0.2), "two cats are nearer than anything else");
}

/// A copy of the folder with one change in its settings, and what is said about it.
fn said_after(key: &str, value: Value) -> String {
    let place = tempfile::tempdir().unwrap();
    for name in ["config.json", "model.safetensors"] {
        fs::copy(tiny().join(name), place.path().join(name)).unwrap();
    }
    let config = place.path().join("config.json");
    let mut all: Value = serde_json::from_slice(&fs::read(&config).unwrap()).unwrap();
    all[key] = value;
    write_atomically(&config, all.to_string().as_bytes()).unwrap();
    BertModel::open(place.path()).unwrap_err().to_string().replace(&place.path().display().to_string(), "bert")
}

#[test]
fn a_setting_that_is_not_done_is_refused_by_name() {
    for (key, value, sentence) in [
        (
            "model_type",
            json!("roberta"),
            "bert/config.json: model_type is \"roberta\", and it is a bert that is wanted; give another folder",
        ),
        (
            "hidden_act",
            json!("relu"),
            "bert/config.json: hidden_act is \"relu\", and only \"gelu\" is done here; give another model",
        ),
        (
            "position_embedding_type",
            json!("relative_key"),
            "bert/config.json: position_embedding_type is \"relative_key\", and only \"absolute\" is done here; give another model",
        ),
        (
            "num_attention_heads",
            json!(3),
            "bert/config.json: 3 heads can't share 8 numbers evenly; correct num_attention_heads or hidden_size",
        ),
        (
            "vocab_size",
            json!(1u64 << 30),
            "bert/config.json: describes a model of 2 layers and 8589935560 weights or more, and bert/model.safetensors has 1312; \
             copy both files again",
        ),
    ] {
        assert_eq!(said_after(key, value), sentence);
    }
    let fewer = said_after("num_hidden_layers", json!(1));
    assert!(fewer.contains("not in the model: encoder.layer.1.attention"), "{fewer}");
    let nowhere = BertModel::open(Path::new("no/such/folder")).unwrap_err().to_string();
    assert!(nowhere.starts_with("no/such/folder/config.json: cannot read"), "{nowhere}");
}
