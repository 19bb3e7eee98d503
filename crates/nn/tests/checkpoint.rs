//! Checkpoints: what is saved is what is loaded, and no file can do harm.

use glassbox_nn::checkpoint::{CheckpointError, SafetensorsFile, write_safetensors};
use glassbox_nn::{Buffer, Linear, Module, Name, Param, load_safetensors, load_safetensors_partial, save_safetensors};
use glassbox_tensor::Tensor;
use glassbox_tensor::random::Key;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

#[derive(Module, Clone)]
struct Model {
    fc1: Linear,
    #[module(name = "to_out.0")]
    to_out: Linear,
    running_mean: Buffer,
    scale: Param,
}

fn model(seed: u64) -> Model {
    let key = Key::new(seed);
    Model {
        fc1: Linear::new(3, 4, key.fold(1)),
        to_out: Linear::without_bias(4, 2, key.fold(2)),
        running_mean: Buffer::new(Tensor::randn([5], key.fold(3))),
        scale: Param::new(Tensor::randn([], key.fold(4))),
    }
}

fn values(module: &impl Module) -> BTreeMap<String, Tensor> {
    let mut values = BTreeMap::new();
    module.visit(Name::root(), &mut |name, slot| {
        values.insert(name.to_string(), slot.value().clone());
    });
    values
}

/// A folder, and the path of a file in it.
fn place(file: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join(file);
    (folder, path)
}

/// A file put together by hand: a header of this JSON, then these bytes.
fn write_raw(path: &Path, header: &str, data: &[u8]) {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    fs::write(path, bytes).expect("written");
}

#[test]
fn what_is_saved_is_loaded_bit_for_bit() {
    let (_folder, path) = place("model.safetensors");
    let saved = model(1);
    save_safetensors(&saved, &path).expect("saved");
    let mut loaded = model(2);
    let ids = loaded.leaf_ids();
    assert_ne!(values(&saved), values(&loaded));
    load_safetensors(&mut loaded, &path).expect("loaded");
    assert_eq!(values(&saved), values(&loaded));
    assert_eq!(loaded.leaf_ids(), ids, "an optimiser still knows the parameters");
}

#[test]
fn equal_states_are_equal_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let tensors = [Tensor::ones([3]), Tensor::zeros([2, 2])];
    let bytes = |file: &str| {
        let named = tensors.iter().zip(["b", "a"]).map(|(t, name)| (name.to_string(), t));
        let metadata = (0..50).map(|i| (format!("step.{i}"), i.to_string()));
        glassbox_nn::checkpoint::write_safetensors(folder.path().join(file), named, metadata).unwrap();
        std::fs::read(folder.path().join(file)).unwrap()
    };
    assert_eq!(bytes("one"), bytes("two"));
}

#[test]
fn the_file_is_what_the_format_says() {
    // Read by the crate that defines the format, not by our own reader.
    let (_folder, path) = place("model.safetensors");
    let saved = model(1);
    save_safetensors(&saved, &path).expect("saved");
    let bytes = fs::read(&path).expect("read");
    let file = safetensors::SafeTensors::deserialize(&bytes).expect("the format");
    let mut names = file.names();
    names.sort_unstable();
    assert_eq!(names, ["fc1.bias", "fc1.weight", "running_mean", "scale", "to_out.0.weight"]);
    let weight = file.tensor("fc1.weight").expect("there");
    assert_eq!(weight.shape(), [4, 3]);
    let expected: Vec<u8> = saved.fc1.weight.value().to_vec().into_iter().flat_map(f32::to_le_bytes).collect();
    assert_eq!(weight.data(), expected);
}

#[test]
fn a_view_is_saved_as_what_it_shows() {
    let (_folder, path) = place("view.safetensors");
    let x = Tensor::randn([3, 4], Key::new(5));
    write_safetensors(&path, [("x".to_owned(), &x.t())], []).expect("saved");
    assert_eq!(SafetensorsFile::open(&path).expect("open").read("x").expect("read"), x.t());
}

#[test]
fn a_file_that_pytorch_wrote_loads_exactly() {
    // By torch 2.15 and safetensors 0.8, with r = lambda *s: (torch.arange(float(Size(s).numel())).reshape(s) - 2) / 8:
    // save_file({"fc1.weight": r(4, 3).half(), "fc1.bias": r(4).bfloat16(), "to_out.0.weight": r(2, 4),
    //            "running_mean": r(5).half(), "scale": r().bfloat16()}, "torch.safetensors", metadata={"format": "pt"})
    let mut loaded = model(1);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/torch.safetensors");
    load_safetensors(&mut loaded, path).expect("loaded");
    for (name, value) in values(&loaded) {
        let expected: Vec<f32> = (0..value.numel()).map(|i| (i as f32 - 2.0) / 8.0).collect();
        assert_eq!(value.to_vec(), expected, "{name}");
    }
}

#[test]
fn pytorchs_counters_load_where_f32_holds_them() {
    let read = |count: i64| {
        let (_folder, path) = place("counter.safetensors");
        let header = r#"{"num_batches_tracked":{"dtype":"I64","shape":[],"data_offsets":[0,8]}}"#;
        write_raw(&path, header, &count.to_le_bytes());
        SafetensorsFile::open(&path).expect("open").read("num_batches_tracked")
    };
    assert_eq!(read(16_777_216).expect("2²⁴").item(), 16_777_216.0);
    let error = read(-16_777_217).expect_err("no f32");
    assert!(error.to_string().contains("num_batches_tracked is I64 with numbers beyond 2²⁴; "), "{error}");
}

#[test]
fn a_hugging_face_file_of_16_bit_numbers_loads() {
    let (_folder, path) = place("hf.safetensors");
    // 1, −2, 0.5 as F16 and BF16; unaligned, unordered, and with a tensor of a dtype that nobody asks for.
    let header = r#"{"__metadata__":{"format":"pt"},
        "bf16":{"dtype":"BF16","shape":[3],"data_offsets":[9,15]},
        "flag":{"dtype":"BOOL","shape":[3],"data_offsets":[0,3]},
        "f16":{"dtype":"F16","shape":[3,1],"data_offsets":[3,9]}}"#;
    let halves = [0x3c00u16, 0xc000, 0x3800, 0x3f80, 0xc000, 0x3f00];
    let mut data = vec![1, 0, 1];
    data.extend(halves.iter().flat_map(|x| x.to_le_bytes()));
    write_raw(&path, header, &data);

    let file = SafetensorsFile::open(&path).expect("open");
    assert_eq!(file.names().collect::<Vec<_>>(), ["bf16", "f16", "flag"]);
    assert_eq!(file.metadata("format"), Some("pt"));
    assert_eq!(file.read("f16").expect("F16"), Tensor::from_slice(&[1.0, -2.0, 0.5], [3, 1]));
    assert_eq!(file.read("bf16").expect("BF16"), Tensor::from_slice(&[1.0, -2.0, 0.5], [3]));
    let error = file.read("flag").expect_err("BOOL");
    assert!(matches!(&error, CheckpointError::Dtype { tensor, found, .. } if tensor == "flag" && found == "BOOL"));
    assert!(error.to_string().contains("tensor flag is BOOL; F32, F16, BF16 and small I64 can be read"), "{error}");
    let error = file.read("bf15").expect_err("no such tensor");
    assert!(error.to_string().ends_with("no tensor bf15; did you mean bf16?"), "{error}");
}

#[test]
fn names_that_differ_are_all_listed_with_the_nearest() {
    let (_folder, path) = place("names.safetensors");
    let ones = Tensor::ones([4]);
    let names = ["fc1.wieght", "fc1.bias", "running_mean", "scale", "to_out.0.weight"];
    write_safetensors(&path, names.map(|name| (name.to_owned(), &ones)), []).expect("saved");
    let error = load_safetensors(&mut model(1), &path).expect_err("names differ");
    let CheckpointError::Names { missing, unexpected, .. } = &error else { panic!("{error}") };
    assert_eq!(missing.len(), 1);
    assert_eq!(missing[0].name, "fc1.weight");
    assert_eq!(missing[0].nearest.as_deref(), Some("fc1.wieght"));
    assert_eq!(unexpected, &["fc1.wieght"]);
    let text = error.to_string();
    assert!(text.contains("missing from the file: fc1.weight (the file has fc1.wieght)"), "{text}");
    assert!(text.contains("not in the model: fc1.wieght"), "{text}");
}

#[test]
fn a_partial_load_takes_what_is_common_and_says_what_is_not() {
    let (_folder, path) = place("partial.safetensors");
    let (bias, extra) = (Tensor::full([4], 3.0), Tensor::zeros([1]));
    write_safetensors(&path, [("fc1.bias".to_owned(), &bias), ("lm_head.weight".to_owned(), &extra)], [])
        .expect("saved");
    let mut partly = model(1);
    let before = values(&partly);
    let loaded = load_safetensors_partial(&mut partly, &path).expect("loaded");
    let missing: Vec<&str> = loaded.missing.iter().map(|missing| missing.name.as_str()).collect();
    assert_eq!(missing, ["fc1.weight", "to_out.0.weight", "running_mean", "scale"]);
    assert_eq!(loaded.unexpected, ["lm_head.weight"]);
    let changed: Vec<String> =
        values(&partly).into_iter().filter(|(name, value)| before[name] != *value).map(|(name, _)| name).collect();
    assert_eq!(changed, ["fc1.bias"]);
}

#[test]
fn a_shape_that_differs_names_both_and_changes_nothing() {
    let (_folder, path) = place("shape.safetensors");
    let saved = model(1);
    let mut tensors = values(&saved);
    tensors.insert("to_out.0.weight".into(), Tensor::zeros([4, 2]));
    write_safetensors(&path, tensors.iter().map(|(name, t)| (name.clone(), t)), []).expect("saved");
    let mut target = model(2);
    let before = values(&target);
    let error = load_safetensors(&mut target, &path).expect_err("shapes differ");
    let text = error.to_string();
    assert!(text.contains("tensor to_out.0.weight has shape [4, 2], but the model's has [2, 4]"), "{text}");
    assert_eq!(values(&target), before, "a load that fails changes nothing");
}

#[test]
fn two_tensors_of_one_name_are_not_saved() {
    #[derive(Module)]
    struct Clash {
        #[module(name = "a.0")]
        first: Param,
        a: Vec<Param>,
    }
    let param = || Param::new(Tensor::zeros([1]));
    let (_folder, path) = place("clash.safetensors");
    let error = save_safetensors(&Clash { first: param(), a: vec![param()] }, &path).expect_err("one name twice");
    assert!(error.to_string().contains("two tensors are called a.0"), "{error}");
    assert!(!path.exists());
}

#[test]
fn a_file_cut_at_any_length_or_lengthened_is_an_error() {
    let (_folder, path) = place("cut.safetensors");
    save_safetensors(&model(1), &path).expect("saved");
    let whole = fs::read(&path).expect("read");
    let mut target = model(2);
    let before = values(&target);
    for length in 0..whole.len() {
        fs::write(&path, &whole[..length]).expect("written");
        let error = load_safetensors(&mut target, &path).expect_err("cut off");
        let cut = matches!(error, CheckpointError::Malformed { .. } | CheckpointError::Length { .. });
        assert!(cut, "{length} bytes: {error}");
        assert!(error.to_string().contains("cut.safetensors"), "{error}");
    }
    fs::write(&path, [whole.as_slice(), b"!"].concat()).expect("written");
    let error = load_safetensors(&mut target, &path).expect_err("too long");
    assert!(matches!(error, CheckpointError::Length { .. }), "{error}");
    assert_eq!(values(&target), before);
}

#[test]
fn a_file_with_any_byte_of_its_header_changed_never_panics() {
    let (_folder, path) = place("flipped.safetensors");
    write_safetensors(&path, [("w".to_owned(), &Tensor::zeros([2, 3]))], []).expect("saved");
    let whole = fs::read(&path).expect("read");
    let header = 8 + u64::from_le_bytes(whole[..8].try_into().expect("8 bytes")) as usize;
    let mut read = 0;
    for at in 0..header {
        for flip in [0x01, 0x02, 0x04, 0x10, 0x80, 0xff] {
            let mut bytes = whole.clone();
            bytes[at] ^= flip;
            fs::write(&path, bytes).expect("written");
            if let Ok(file) = SafetensorsFile::open(&path) {
                file.names().for_each(|name| read += usize::from(file.read(name).is_ok()));
            }
        }
    }
    assert!(read > 0, "some changes, as those of a name, leave a good file");
}

#[test]
fn headers_that_lie_are_refused_in_words() {
    let (_folder, path) = place("lie.safetensors");
    let tensor = |dtype: &str, shape: &str, offsets: &str| {
        format!(r#"{{"w":{{"dtype":"{dtype}","shape":{shape},"data_offsets":{offsets}}}}}"#)
    };
    let nine_axes = tensor("F32", "[1,1,1,1,1,1,1,1,1]", "[0,4]");
    let hollow = tensor("F32", "[0,9223372036854775807,9223372036854775807]", "[0,0]");
    let cases: [(String, usize, &str); 10] = [
        ("".into(), 0, "not a safetensors file"),
        ("not json".into(), 0, "not a safetensors file"),
        ("[1, 2]".into(), 0, "not a safetensors file"),
        (tensor("F32", "[2]", "[0,4]"), 4, "not a safetensors file"),
        (tensor("F32", "[1]", "[4,8]"), 8, "not a safetensors file"),
        (tensor("F32", "[1]", "[4,0]"), 4, "not a safetensors file"),
        (tensor("F33", "[1]", "[0,4]"), 4, "not a safetensors file"),
        (tensor("F32", "[4611686018427387904,4]", "[0,0]"), 0, "not a safetensors file"),
        (tensor("F32", "[250000000]", "[0,1000000000]"), 16, "the header describes a file of 1000000"),
        (nine_axes.clone(), 3, "the header describes a file of"),
    ];
    for (header, data, expected) in cases {
        write_raw(&path, &header, &vec![0; data]);
        let error = SafetensorsFile::open(&path).expect_err(&header);
        assert!(error.to_string().contains(expected), "{header}: {error}");
    }
    for (header, data) in [(nine_axes, 4), (hollow, 0)] {
        write_raw(&path, &header, &vec![0; data]);
        let error = SafetensorsFile::open(&path).and_then(|file| file.read("w")).expect_err(&header);
        assert!(error.to_string().contains("which no tensor of this library can have"), "{header}: {error}");
    }
    // A header of 2⁶³ bytes, and one a little longer than the format allows: refused before memory is asked for.
    for length in [1u64 << 63, 100_000_001] {
        fs::write(&path, [&length.to_le_bytes()[..], b"{}"].concat()).expect("written");
        let error = SafetensorsFile::open(&path).expect_err("too long").to_string();
        assert!(error.contains("at most 100000000 are allowed"), "{error}");
    }
}

#[test]
fn a_save_that_fails_leaves_the_old_file_and_no_other() {
    let (folder, path) = place("kept.safetensors");
    save_safetensors(&model(1), &path).expect("saved");
    let before = fs::read(&path).expect("read");
    save_safetensors(&model(1), &path).expect("replaces a file");
    assert_eq!(fs::read(&path).expect("read"), before, "equal models are equal files");

    let missing_folder = folder.path().join("no/such/folder.safetensors");
    let error = save_safetensors(&model(1), &missing_folder).expect_err("no folder");
    assert!(error.to_string().contains("folder.safetensors: cannot write: "), "{error}");
    // A folder in the file's place: the rename fails, after all was written.
    let occupied = folder.path().join("occupied");
    fs::create_dir_all(occupied.join("inside")).expect("made");
    save_safetensors(&model(1), &occupied).expect_err("a folder is in the way");
    save_safetensors(&model(1), "/").expect_err("names no file");
    let mut left: Vec<_> =
        fs::read_dir(folder.path()).expect("read").map(|entry| entry.expect("entry").file_name()).collect();
    left.sort();
    assert_eq!(left, ["kept.safetensors", "occupied"]);
}

#[test]
fn a_file_that_is_none_is_named() {
    let error = load_safetensors(&mut model(1), "no-such.safetensors").expect_err("not there").to_string();
    assert!(error.starts_with("no-such.safetensors: cannot read: "), "{error}");
    let error = load_safetensors(&mut model(1), env!("CARGO_MANIFEST_DIR")).expect_err("a folder").to_string();
    assert!(
        error.ends_with("not a safetensors file: it is not a regular file; copy it or download it again"),
        "{error}"
    );
}
