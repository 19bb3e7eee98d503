//! Models that others trained: their numbers, their texts, and a sentence for whatever is wrong with their files.

use glassbox_data::files::write_atomically;
use glassbox_train::{Sampling, Writer};
use glassbox_transformer::Pretrained;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/hugging_face").join(name)
}

fn expected() -> Value {
    serde_json::from_str(include_str!("data/hugging_face/expected.json")).unwrap()
}

fn ids(value: &Value) -> Vec<u32> {
    value.as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect()
}

#[test]
fn logits_are_those_of_hugging_faces_library() {
    let expected = expected();
    for name in ["gpt2", "llama"] {
        let model = Pretrained::open(&folder(name), None).unwrap();
        let prompt = model.encode(expected["prompt"].as_str().unwrap()).unwrap();
        assert_eq!(prompt, ids(&expected["ids"]), "{name}");
        let logits = model.logits(&prompt).to_vec();
        let theirs = expected[name]["logits"].as_array().unwrap().iter().flat_map(|row| row.as_array().unwrap());
        let theirs: Vec<f32> = theirs.map(|x| x.as_f64().unwrap() as f32).collect();
        assert_eq!(logits.len(), theirs.len());
        let largest = logits.iter().zip(&theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(largest < 1e-4, "{name}: {largest}");
    }
}

#[test]
fn greedy_text_is_that_of_hugging_faces_library() {
    let expected = expected();
    let prompt = expected["prompt"].as_str().unwrap();
    for name in ["gpt2", "llama"] {
        let model = Pretrained::open(&folder(name), None).unwrap();
        let tokenizer = glassbox_transformer::tokenizer::Tokenizer::open(&folder(name)).unwrap();
        let theirs = ids(&expected[name]["greedy"]);
        let sampling = Sampling { tokens: theirs.len(), ..Sampling::greedy() };
        assert_eq!(model.written(prompt, &sampling).unwrap(), tokenizer.decode(&theirs).unwrap(), "{name}");
    }
}

/// What `stories260K.bin` tells greedily, as llama2.c's `doc/stories260K.md` prints it.
const STORY: &str = "Once upon a time, there was a little girl named Lily. She loved to play outside in the park. One day, she \
saw a big, red ball. She wanted to play with it, but it was too high.\n\
Lily's mom said, \"Lily, let's go to the park.\" Lily was sad and didn't know what to do. She said, \"I want to play with your \
ball, but I can't find it.\"\n\
Lily was sad and didn't know what to do. She said, \"I'm sorry, Lily. I didn't know what to do.\"\n\
Lily didn't want to help her mom, so she said, \"I'm sorry, mom. I didn't know what to do.\" Her mom said, \"Don't worry, Lily. \
We can help you.";

#[test]
fn stories260k_tells_the_story_that_its_authors_print() {
    let Some(shared) = std::env::var_os("GLASSBOX_SHARED") else {
        eprintln!("skipped: GLASSBOX_SHARED names no folder with weights/stories260K.bin");
        return;
    };
    let file = Path::new(&shared).join("weights/stories260K.bin");
    let model = Pretrained::open(&file, None).unwrap();
    let sampling = Sampling { tokens: 256, ..Sampling::greedy() };
    assert_eq!(model.written("", &sampling).unwrap(), STORY);
    // A prompt that is the beginning of the story is gone on with.
    let beginning = "Once upon a time, there was";
    let rest = model.written(beginning, &Sampling { tokens: 100, ..sampling }).unwrap();
    assert!(STORY.starts_with(&format!("{beginning}{rest}")), "{rest:?}");
}

/// A copy of a folder with one change in its settings, and what is said about it.
fn said_after(name: &str, key: &str, value: Value) -> String {
    let place = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(folder(name)).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), place.path().join(entry.file_name())).unwrap();
    }
    let config = place.path().join("config.json");
    let mut all: Value = serde_json::from_slice(&fs::read(&config).unwrap()).unwrap();
    all[key] = value;
    write_atomically(&config, all.to_string().as_bytes()).unwrap();
    let error = Pretrained::open(place.path(), None).unwrap_err().to_string();
    error.replace(&place.path().display().to_string(), name)
}

#[test]
fn a_setting_that_is_not_done_is_refused_by_name() {
    for (name, key, value, sentence) in [
        (
            "gpt2",
            "model_type",
            json!("bert"),
            "gpt2/config.json: model_type is \"bert\", and gpt2 and llama are read; give another folder",
        ),
        ("gpt2", "n_inner", json!(7), "gpt2/config.json: n_inner is 7, and only 64 is done here; give another model"),
        (
            "gpt2",
            "activation_function",
            json!("relu"),
            "gpt2/config.json: activation_function is \"relu\", and gelu_new and gelu are done here; give another model",
        ),
        (
            "gpt2",
            "n_head",
            json!(3),
            "gpt2/config.json: 3 heads can't share 16 numbers evenly; correct n_head or n_embd",
        ),
        (
            "gpt2",
            "n_layer",
            json!(0),
            "gpt2/config.json: n_layer is 0; it must be a size, so copy the file or download it again",
        ),
        (
            "gpt2",
            "n_layer",
            json!(3),
            "gpt2/config.json: describes a model of 3 layers and 14704 weights or more, and gpt2/model.safetensors has 11456; \
             copy both files again",
        ),
        (
            "gpt2",
            "n_layer",
            json!(1),
            "gpt2/model.safetensors: the names differ from the model's; not in the model: transformer.h.1.attn.c_attn.bias, \
             transformer.h.1.attn.c_attn.weight, transformer.h.1.attn.c_proj.bias, transformer.h.1.attn.c_proj.weight, \
             transformer.h.1.ln_1.bias and 7 more; give the weights that belong to config.json",
        ),
        (
            "gpt2",
            "vocab_size",
            json!(270),
            "gpt2/model.safetensors: tensor transformer.wte.weight has shape [280, 16], but the model's has [270, 16]; build the \
             model with the configuration that the file was saved with",
        ),
        (
            "llama",
            "attention_bias",
            json!(true),
            "llama/config.json: attention_bias is true, and only false is done here; give another model",
        ),
        (
            "llama",
            "rope_parameters",
            json!({"rope_type": "llama3", "factor": 8}),
            "llama/config.json: rope_parameters: rope_type is \"llama3\", and only \"default\" is done here; give another model",
        ),
        (
            "llama",
            "head_dim",
            json!(8),
            "llama/config.json: head_dim is 8, and only 4 is done here; give another model",
        ),
        (
            "llama",
            "hidden_size",
            json!(1u64 << 40),
            "llama/config.json: hidden_size is 1099511627776; it must be a size, so copy the file or download it again",
        ),
        (
            "llama",
            "vocab_size",
            json!((1u64 << 31) - 1),
            "llama/config.json: describes a model of 2 layers and 68719480160 weights or more, and llama/model.safetensors has \
             12496; copy both files again",
        ),
        (
            "llama",
            "eos_token_id",
            json!([0, 999]),
            "llama/config.json: eos_token_id says 999, which is none of the 280 words; correct it",
        ),
        (
            "llama",
            "rms_norm_eps",
            json!(-1.0),
            "llama/config.json: rms_norm_eps is -1, which is no positive number; copy the file or download it again",
        ),
    ] {
        assert_eq!(said_after(name, key, value), sentence);
    }
}
