//! Whatever is wrong with what the user gave: one sentence on standard error that says the way out, exit code 2, nothing
//! on standard output, no panic, and every file that existed is as it was.

use crate::place::Place;
use std::process::Command;

/// Runs a line of arguments that must be refused, and looks for each of `parts` in the sentence.
#[track_caller]
fn refused(place: &Place, line: &str, parts: &[&str]) {
    refused_command(place, place.command(line.split_whitespace()), parts);
}

#[track_caller]
fn refused_command(place: &Place, mut command: Command, parts: &[&str]) {
    let before = place.everything();
    let output = command.output().expect("the binary starts");
    let said = String::from_utf8(output.stderr).expect("text");
    let context = format!("{command:?} said: {said}");
    assert_eq!(output.status.code(), Some(2), "{context}");
    assert!(output.stdout.is_empty(), "something on standard output; {context}");
    assert_eq!(said.lines().count(), 1, "not one line; {context}");
    assert!(said.starts_with("glassbox: "), "{context}");
    assert!(!said.contains("panicked") && !said.contains("bug in glassbox"), "{context}");
    for part in parts {
        assert!(said.contains(part), "{part:?} is not in it; {context}");
    }
    assert!(place.everything() == before, "something was changed, made or lost; {context}");
}

// ---- the command line ----

#[test]
fn no_command() {
    refused(&Place::new(), "", &["glassbox train vae"]);
}

#[test]
fn an_unknown_command() {
    refused(&Place::new(), "trian vae", &["\"trian\"", "did you mean train?"]);
}

#[test]
fn an_unknown_flag() {
    refused(&Place::new(), "train vae-mlp --stpes 3", &["--stpes", "did you mean --steps?"]);
}

#[test]
fn a_flag_of_another_command() {
    refused(&Place::new(), "list --steps 3", &["no flag --steps here"]);
}

#[test]
fn a_flag_without_its_value() {
    refused(&Place::new(), "train vae-mlp --seed", &["--seed needs a value"]);
}

#[test]
fn one_argument_too_many() {
    refused(&Place::new(), "train vae-mlp ae", &["\"ae\" is one argument too many"]);
}

#[test]
fn a_flag_twice() {
    refused(&Place::new(), "train vae-mlp --seed 1 --seed 2", &["--seed is there twice"]);
}

#[test]
fn flags_that_contradict_each_other() {
    refused(&Place::new(), "train vae-mlp --steps 5 --minutes 1", &["--steps", "--minutes", "leave one of them out"]);
    refused(&Place::new(), "train vae-mlp --resume run", &["PRESET", "--resume"]);
    refused(&Place::new(), "train --resume run --seed 3", &["--resume", "--seed"]);
}

#[test]
fn training_without_saying_what() {
    refused(&Place::new(), "train", &["Name a preset", "--resume DIR"]);
}

#[cfg(unix)]
#[test]
fn an_argument_that_is_no_text() {
    use std::os::unix::ffi::OsStrExt;
    let place = Place::new();
    refused_command(
        &place,
        place.command([std::ffi::OsStr::from_bytes(b"explain"), std::ffi::OsStr::from_bytes(b"\xff")]),
        &["UTF-8"],
    );
}

#[test]
fn an_instruction_set_that_is_none() {
    let place = Place::new();
    let mut command = place.command(["list"]);
    command.env("GLASSBOX_ISA", "sse9");
    refused_command(&place, command, &["GLASSBOX_ISA=sse9", "this machine has scalar"]);
}

// ---- names ----

#[test]
fn an_unknown_preset() {
    refused(&Place::new(), "train vae-mpl", &["\"vae-mpl\"", "did you mean", "vae-mlp"]);
    refused(
        &Place::new(),
        "train gpt-5",
        &["\"gpt-5\"", "there are ae, vae-mlp, vae-conv, vae-binary, judge, judge-digits, vae"],
    );
}

#[test]
fn an_unknown_setting() {
    refused(&Place::new(), "train vae-mlp --set bacth=3", &["\"bacth\"", "did you mean", "batch"]);
}

#[test]
fn a_setting_without_a_value() {
    refused(&Place::new(), "train vae-mlp --set batch", &["key=value"]);
}

#[test]
fn an_unknown_data_set() {
    refused(
        &Place::new(),
        "train vae-mlp --data fashion-mnits",
        &["\"fashion-mnits\"", "did you mean", "fashion-mnist"],
    );
    refused(&Place::new(), "data fetch fashion-mnits", &["did you mean fashion-mnist?"]);
}

#[test]
fn an_unknown_operation() {
    refused(&Place::new(), "explain sofmax", &["\"sofmax\"", "did you mean softmax?"]);
    refused(&Place::new(), "explain sofmax --numbers", &["\"sofmax\"", "did you mean softmax?"]);
    refused(&Place::new(), "explain vae-mpl --graph svg", &["\"vae-mpl\"", "did you mean vae-mlp?"]);
}

#[test]
fn a_way_of_explaining_that_the_subject_has_not() {
    refused(&Place::new(), "explain softmax --graph svg", &["softmax is an operation", "explain softmax --numbers"]);
    refused(&Place::new(), "explain vae-mlp --numbers", &["vae-mlp is a preset", "explain softmax --numbers"]);
    refused(&Place::new(), "explain vae --graph svg", &["vae is two models", "ae or vae-mlp"]);
    refused(&Place::new(), "explain ae --graph png", &["--graph can't be \"png\"", "text, dot or svg"]);
    refused(&Place::new(), "explain ae --graph svg --numbers", &["--graph", "--numbers", "leave one of them out"]);
}

// ---- values ----

#[test]
fn steps_out_of_range() {
    refused(&Place::new(), "train vae-mlp --steps 0", &["--steps can't be \"0\"", "at least 1"]);
    refused(&Place::new(), "train vae-mlp --steps -3", &["--steps can't be \"-3\""]);
    refused(&Place::new(), "train vae-mlp --steps 99999999999999999999", &["--steps can't be"]);
}

#[test]
fn minutes_out_of_range() {
    for minutes in ["0", "-1", "nan", "inf", "soon"] {
        refused(&Place::new(), &format!("train vae-mlp --minutes {minutes}"), &["--minutes can't be", "above 0"]);
    }
}

#[test]
fn a_seed_that_is_no_number_or_too_large_to_note() {
    refused(&Place::new(), "train vae-mlp --seed lucky", &["--seed can't be \"lucky\""]);
    refused(&Place::new(), "train vae-mlp --seed 18446744073709551615", &["seed"]);
}

#[test]
fn threads_out_of_range() {
    refused(&Place::new(), "train vae-mlp --threads 0", &["--threads can't be \"0\"", "from 1 to 1024"]);
    refused(&Place::new(), "train vae-mlp --threads 1000000", &["--threads can't be", "from 1 to 1024"]);
}

#[test]
fn a_setting_out_of_range() {
    refused(&Place::new(), "train vae-mlp --set batch=0", &["batch", "a whole number from 1"]);
    refused(&Place::new(), "train vae-mlp --set hidden=99999999999", &["hidden", "a whole number from 1"]);
    refused(&Place::new(), "train vae-mlp --set lr=-1", &["lr", "a number from"]);
}

#[test]
fn a_setting_of_the_wrong_kind() {
    refused(&Place::new(), "train vae-mlp --set batch=1.5", &["batch", "a whole number"]);
    refused(&Place::new(), "train vae-mlp --set lr=nan", &["lr", "a number from"]);
    refused(&Place::new(), "train vae-mlp --set lr=fast", &["lr", "a number from"]);
}

#[test]
fn a_number_of_samples_out_of_range() {
    refused(&Place::with_run(), "sample run -n 0", &["-n can't be \"0\"", "from 1 to 4096"]);
    refused(&Place::with_run(), "sample run -n 5000", &["-n can't be \"5000\""]);
}

// ---- data ----

/// An IDX file of bytes with these dimensions.
fn idx(dims: &[u32], values: usize) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, dims.len() as u8];
    dims.iter().for_each(|d| bytes.extend(d.to_be_bytes()));
    bytes.resize(bytes.len() + values, 0);
    bytes
}

/// A folder `data` with four files that belong together: 3 training pictures of 28 × 28 and 2 for the test.
fn with_data() -> Place {
    let place = Place::new();
    place.write("data/train-images-idx3-ubyte", idx(&[3, 28, 28], 3 * 784));
    place.write("data/train-labels-idx1-ubyte", idx(&[3], 3));
    place.write("data/t10k-images-idx3-ubyte", idx(&[2, 28, 28], 2 * 784));
    place.write("data/t10k-labels-idx1-ubyte", idx(&[2], 2));
    place
}

const ON_DATA: &str = "train vae-mlp --data ./data --out run --steps 1";

#[test]
fn the_data_that_the_next_tests_spoil_are_accepted() {
    assert!(with_data().glassbox(ON_DATA.split(' ')).status.success());
}

#[test]
fn a_data_folder_that_is_not_there_or_is_a_file() {
    refused(&Place::new(), ON_DATA, &["./data: not a folder"]);
    let place = Place::new();
    refused(place.write("data", "x"), ON_DATA, &["./data: not a folder"]);
}

#[test]
fn a_data_folder_that_lacks_a_file() {
    let place = with_data();
    std::fs::remove_file(place.path("data/t10k-labels-idx1-ubyte")).unwrap();
    refused(&place, ON_DATA, &["no t10k-labels-idx1-ubyte"]);
    refused(&place, "data verify ./data", &["no t10k-labels-idx1-ubyte"]);
}

#[test]
fn a_truncated_file() {
    let place = with_data();
    let whole = place.read("data/train-images-idx3-ubyte");
    for length in [0, 3, 10, whole.len() - 1] {
        place.write("data/train-images-idx3-ubyte", &whole[..length]);
        refused(&place, ON_DATA, &["train-images-idx3-ubyte"]);
    }
}

#[test]
fn a_header_that_claims_more_than_there_is() {
    let place = with_data();
    place.write("data/train-images-idx3-ubyte", idx(&[u32::MAX, u32::MAX, u32::MAX], 100));
    refused(&place, ON_DATA, &["train-images-idx3-ubyte"]);
}

#[test]
fn a_file_that_is_not_what_its_name_says() {
    let place = with_data();
    place.write("data/train-images-idx3-ubyte", "\u{89}PNG\r\n\u{1a}\n, or so it says, and goes on for a while");
    refused(&place, ON_DATA, &["train-images-idx3-ubyte"]);
    let place = with_data();
    place.write("data/train-images-idx3-ubyte", idx(&[3], 3));
    refused(&place, ON_DATA, &["train-images-idx3-ubyte", "dimensions"]);
}

#[test]
fn a_gzip_file_that_is_cut() {
    let place = with_data();
    std::fs::remove_file(place.path("data/t10k-labels-idx1-ubyte")).unwrap();
    place.write("data/t10k-labels-idx1-ubyte.gz", b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff\x63");
    refused(&place, ON_DATA, &["t10k-labels-idx1-ubyte.gz"]);
}

#[test]
fn pictures_and_labels_that_differ_in_number() {
    let place = with_data();
    place.write("data/train-labels-idx1-ubyte", idx(&[5], 5));
    refused(&place, ON_DATA, &["3 pictures but 5 labels"]);
}

#[test]
fn training_and_test_pictures_of_different_sizes() {
    let place = with_data();
    place.write("data/t10k-images-idx3-ubyte", idx(&[2, 14, 14], 2 * 196));
    refused(&place, ON_DATA, &["28 × 28", "14 × 14"]);
}

// ---- where the output goes ----

#[test]
fn an_output_folder_with_something_in_it() {
    let place = Place::new();
    place.write("run/mine.txt", "kept");
    refused(&place, "train vae-mlp --out run --steps 1", &["run: exists and is not empty", "--out"]);
    refused(&Place::with_run(), "train vae-mlp --out run --steps 1", &["run: exists and is not empty", "--resume"]);
}

#[test]
fn an_output_folder_that_is_a_file() {
    let place = Place::new();
    place.write("run", "kept");
    refused(&place, "train vae-mlp --out run --steps 1", &["run", "--out"]);
}

#[test]
fn an_output_folder_that_cannot_be_made() {
    let place = Place::new();
    place.write("file", "kept");
    refused(&place, "train vae-mlp --out file/run --steps 1", &["file/run", "--out"]);
    if cfg!(target_os = "linux") {
        refused(&place, "train vae-mlp --out /proc/run --steps 1", &["/proc/run", "--out"]);
    }
}

#[test]
fn a_picture_that_would_replace_something_else() {
    let place = Place::with_run();
    place.write("notes.txt", "kept").write("notes.png", "kept, too");
    refused(&place, "sample run --out notes.txt", &["notes.txt", "end the name with .png"]);
    refused(&place, "sample run --out notes.png", &["notes.png", "exists and is not a PNG picture"]);
    refused(&place, "sample run --out run", &[".png"]);
}

#[test]
fn a_picture_that_cannot_be_written() {
    let place = Place::with_run();
    place.write("file", "kept");
    refused(&place, "sample run --out file/x.png", &["file/x.png"]);
    refused(&place, "sample run --out nowhere/x.png", &["nowhere/x.png"]);
}

// ---- runs ----

#[test]
fn a_folder_of_two_runs() {
    let place = Place::new();
    place.write("run/ae/config.toml", "").write("run/vae-mlp/config.toml", "");
    for line in READERS {
        refused(&place, line, &["holds two runs", "run/ae or run/vae-mlp"]);
    }
}

/// Every command that reads a run.
const READERS: [&str; 3] = ["eval run", "sample run --out x.png", "train --resume run --steps 5"];

#[track_caller]
fn spoiled(spoil: impl Fn(&Place), parts: &[&str]) {
    for line in READERS {
        let place = Place::with_run();
        spoil(&place);
        refused(&place, line, parts);
    }
}

#[test]
fn a_run_that_is_none() {
    for line in READERS {
        refused(&Place::new(), line, &["run: not a run"]);
        let place = Place::new();
        refused(place.write("run/other.txt", "kept"), line, &["run: not a run"]);
        let place = Place::new();
        refused(place.write("run", "kept"), line, &["run: not a run"]);
    }
}

#[test]
fn a_configuration_that_is_broken() {
    spoiled(|place| replace(place, "run/config.toml", "preset = \"vae-mlp\nseed"), &["config.toml"]);
    spoiled(|place| replace(place, "run/config.toml", ""), &["config.toml"]);
    spoiled(|place| replace(place, "run/config.toml", b"\xff\xfe\x00"), &["config.toml"]);
}

/// Replaces a file.
fn replace(place: &Place, name: &str, content: impl AsRef<[u8]>) {
    place.write(name, content);
}

/// Replaces text in the configuration of the run.
fn edit(place: &Place, from: &str, to: &str) {
    let text = String::from_utf8(place.read("run/config.toml")).expect("text");
    assert!(text.contains(from), "{from:?} is not in {text}");
    place.write("run/config.toml", text.replace(from, to));
}

#[test]
fn a_configuration_with_an_unknown_preset_key_or_value() {
    spoiled(|place| edit(place, "\"vae-mlp\"", "\"vae-mpl\""), &["config.toml", "vae-mpl", "did you mean"]);
    spoiled(|place| edit(place, "hidden =", "hiden ="), &["config.toml", "hiden", "did you mean"]);
    spoiled(|place| edit(place, "hidden = 8", "hidden = 0"), &["config.toml", "hidden"]);
    spoiled(|place| edit(place, "hidden = 8", "hidden = \"eight\""), &["config.toml"]);
}

#[test]
fn a_checkpoint_of_another_model() {
    spoiled(|place| edit(place, "hidden = 8", "hidden = 9"), &["safetensors"]);
}

#[test]
fn data_of_a_run_that_have_gone() {
    spoiled(|place| edit(place, "\"fashion-mnist\"", "\"/no/such/folder\""), &["/no/such/folder: not a folder"]);
}

/// The checkpoint's files with parameters.
fn safetensors(place: &Place) -> Vec<String> {
    let folder = std::fs::read_dir(place.path("run/checkpoints/step-2")).expect("the checkpoint of step 2");
    let names = folder.map(|entry| entry.expect("an entry").file_name().into_string().expect("text"));
    let names: Vec<String> = names.filter(|name| name.ends_with(".safetensors")).collect();
    assert!(!names.is_empty());
    names.iter().map(|name| format!("run/checkpoints/step-2/{name}")).collect()
}

#[test]
fn a_truncated_checkpoint() {
    for keep in [0, 7, 100] {
        let spoil = |place: &Place| {
            for file in safetensors(place) {
                place.write(&file, &place.read(&file)[..keep]);
            }
        };
        spoiled(spoil, &["safetensors"]);
    }
}

#[test]
fn a_checkpoint_that_claims_more_than_there_is() {
    let spoil = |place: &Place| {
        for file in safetensors(place) {
            let mut bytes = place.read(&file);
            bytes[..8].copy_from_slice(&u64::MAX.to_le_bytes()); // the length of the header
            place.write(&file, bytes);
        }
    };
    spoiled(spoil, &["safetensors"]);
}

#[test]
fn a_checkpoint_that_lacks_a_file() {
    let spoil =
        |place: &Place| safetensors(place).iter().for_each(|file| std::fs::remove_file(place.path(file)).unwrap());
    spoiled(spoil, &["safetensors"]);
    spoiled(|place| std::fs::remove_file(place.path("run/checkpoints/step-2/state.json")).unwrap(), &["state.json"]);
}

#[test]
fn a_state_that_is_broken() {
    spoiled(|place| replace(place, "run/checkpoints/step-2/state.json", "{\"step\": 2,"), &["state.json"]);
}

#[test]
fn a_run_without_a_checkpoint() {
    spoiled(|place| std::fs::remove_dir_all(place.path("run/checkpoints/step-2")).unwrap(), &["no checkpoint yet"]);
}

#[test]
fn metrics_that_are_broken() {
    let place = Place::with_run();
    place.write(
        "run/metrics.jsonl",
        "{\"step\":1,\"loss\":\n{\"step\":2,\"loss\":3.0,\"seconds\":1.0,\"examples\":2}\n",
    );
    refused(&place, "train --resume run --steps 5", &["metrics.jsonl", "line 1"]);
}

#[test]
fn a_resume_that_has_nothing_left_to_do() {
    refused(&Place::with_run(), "train --resume run --steps 2", &["2 steps already"]);
    refused(&Place::with_run(), "train --resume run --steps 1", &["counts from the start of the run"]);
}

#[test]
fn a_picture_that_the_model_does_not_make() {
    let place = Place::with_run();
    refused(&place, "sample run --kind reconstuctions", &["\"reconstuctions\"", "did you mean reconstructions?"]);
    refused(&place, "sample run --kind reconstructions -n 3", &["-n", "--kind"]);
}

#[cfg(debug_assertions)]
#[test]
fn a_bench_of_a_slow_build() {
    refused(&Place::new(), "bench", &["--release"]);
}
