//! Folders: what is saved loads again, and what is wrong is named with its file.

use crate::case;
use glassbox_nn::Module;
use glassbox_nn::checkpoint::{SafetensorsFile, write_safetensors};
use glassbox_unet_diffusion::unet::UNet2d;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const WEIGHTS: &str = "diffusion_pytorch_model.safetensors";

fn copied() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in ["config.json", WEIGHTS] {
        fs::copy(case("saved").join(file), folder.path().join(file)).unwrap();
    }
    folder
}

fn said(folder: &Path) -> String {
    UNet2d::load(folder).unwrap_err().to_string()
}

/// The folder with some settings changed.
fn with(settings: Value) -> tempfile::TempDir {
    let (folder, file) = (copied(), "config.json");
    let mut all: Value = serde_json::from_slice(&fs::read(folder.path().join(file)).unwrap()).unwrap();
    all.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    fs::write(folder.path().join(file), all.to_string()).unwrap();
    folder
}

#[test]
fn what_is_saved_loads_again() {
    let unet = UNet2d::load(case("saved")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("pipeline").join("unet"); // as in a pipeline's folder
    unet.save(&inner).unwrap();
    let again = UNet2d::load(folder.path().join("pipeline")).unwrap();
    assert_eq!(again.config(), unet.config());
    for ((name, a), (_, b)) in unet.parameters().into_iter().zip(again.parameters()) {
        assert_eq!(a.value(), b.value(), "{name}");
    }
    let [ours, theirs] = [inner, case("saved")].map(|folder| {
        let file = SafetensorsFile::open(folder.join(WEIGHTS)).unwrap();
        file.names().map(str::to_owned).collect::<BTreeSet<String>>()
    });
    assert_eq!(ours, theirs);
}

#[test]
fn older_names_of_attention_are_read() {
    let folder = copied();
    let file = SafetensorsFile::open(folder.path().join(WEIGHTS)).unwrap();
    let older = |name: &str| {
        let pairs = [("to_q", "query"), ("to_k", "key"), ("to_v", "value"), ("to_out.0", "proj_attn")];
        pairs.iter().fold(name.to_string(), |name, (new, old)| name.replace(new, old))
    };
    let tensors: Vec<_> = file.names().map(|name| (older(name), file.read(name).unwrap())).collect();
    assert!(tensors.iter().any(|(name, _)| name == "mid_block.attentions.0.proj_attn.weight"));
    write_safetensors(folder.path().join(WEIGHTS), tensors.iter().map(|(name, t)| (name.clone(), t)), []).unwrap();
    let (old, new) = (UNet2d::load(folder.path()).unwrap(), UNet2d::load(case("saved")).unwrap());
    for ((name, a), (_, b)) in old.parameters().into_iter().zip(new.parameters()) {
        assert_eq!(a.value(), b.value(), "{name}");
    }

    // One less is missed by its name of today; one more is named as it stands in the file.
    let fewer = tensors.iter().filter(|(name, _)| name != "conv_in.bias");
    let more = fewer.map(|(name, t)| (name.clone(), t)).chain([("more.query.weight".to_string(), &tensors[0].1)]);
    write_safetensors(folder.path().join(WEIGHTS), more, []).unwrap();
    let said = said(folder.path());
    assert!(said.contains("missing from the file: conv_in.bias; not in the model: more.query.weight"), "{said}");
}

#[test]
fn what_is_wrong_with_a_folder_is_named() {
    let folder = tempfile::tempdir().unwrap();
    assert!(said(folder.path()).contains("no config.json in this folder"));
    fs::copy(case("saved").join("config.json"), folder.path().join("config.json")).unwrap();
    assert!(said(folder.path()).contains(&format!("no {WEIGHTS} in this folder")));
    fs::write(folder.path().join("diffusion_pytorch_model.bin"), "").unwrap();
    assert!(said(folder.path()).contains("its weights are pickled"));
    fs::write(folder.path().join(format!("{WEIGHTS}.index.json")), "").unwrap();
    assert!(said(folder.path()).contains("its weights are in several files"));
    fs::write(folder.path().join(WEIGHTS), "short").unwrap();
    assert!(said(folder.path()).contains(WEIGHTS));
}

#[test]
fn what_is_wrong_with_the_settings_is_named_with_its_file() {
    let table = [
        (
            json!({"down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D"]}),
            "unknown variant `CrossAttnDownBlock2D`",
        ),
        (
            json!({"_class_name": "UNet2DConditionModel"}),
            "_class_name is UNet2DConditionModel, and UNet2DModel is read",
        ),
        (json!({"cross_attention_dim": 8}), "cross_attention_dim is 8, and no setting of UNet2DModel is called so"),
        (json!({"resnet_time_scale_shift": "spatial"}), "unknown variant `spatial`"),
        (json!({"act_fn": "tanh"}), "unknown variant `tanh`"),
        (json!({"norm_num_groups": 3}), "norm_num_groups: 3 groups don't divide 4 channels"),
        (json!({"layers_per_block": 1_000_000_000}), "layers_per_block is 1000000000"),
        (json!({"layers_per_block": 1_000}), "describes a network of"),
        (json!({"block_out_channels": [4, 1_000_000]}), "describes a network of"),
        (json!({"block_out_channels": [u64::MAX, 8]}), "block_out_channels is"),
        (json!({"num_class_embeds": 1_000_000_000}), "describes a network of"),
        (json!({"time_embedding_dim": 1_000_000}), "describes a network of"),
        (json!({"in_channels": 1_000_000_000}), "describes a network of"),
    ];
    for (settings, part) in table {
        let folder = with(settings);
        let said = said(folder.path());
        assert!(said.contains(part) && said.contains("config.json"), "{said:?} does not say {part:?}");
    }
    // Where no number is wrong, but a weight has another shape or is not there.
    let said_of = |settings| said(with(settings).path());
    assert!(said_of(json!({"in_channels": 2})).contains("tensor conv_in.weight has shape [4, 1, 3, 3]"));
    assert!(said_of(json!({"num_class_embeds": 2})).contains("missing from the file: class_embedding.weight"));
    // Averages of weights say how they were made, beside the settings.
    UNet2d::load(with(json!({"decay": 0.999, "_name_or_path": "here"})).path()).unwrap();
}

#[test]
fn text_that_is_no_configuration_is_named_with_its_place() {
    let folder = copied();
    fs::write(folder.path().join("config.json"), "{\n  \"in_channels\": 1,\n").unwrap();
    assert!(said(folder.path()).contains("line 3"), "{}", said(folder.path()));
    fs::write(folder.path().join("config.json"), "{\n  \"in_channels\": \"one\"\n}").unwrap();
    assert!(said(folder.path()).contains("line 2"), "{}", said(folder.path()));
}
