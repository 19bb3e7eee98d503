//! Checkpoints that a disk has damaged: wherever it is, it is noticed.

use crate::place::{Place, stdout};
use glassbox_train::{TrainError, Trained};
use glassbox_vae::PRESETS;
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};

/// A run of the smallest network, with checkpoints of the steps 2 and 4: some 20 kB each.
fn small_run() -> Place {
    let place = Place::new();
    let line =
        "train vae-mlp --out run --steps 4 --set hidden=1 --set latents=1 --set batch=2 --set checkpoint_every=2";
    let output = place.glassbox(line.split(' '));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    place
}

/// The files of the last checkpoint, the manifest among them.
fn files(run: &Path) -> Vec<PathBuf> {
    let folder = fs::read_dir(run.join("checkpoints/step-4")).unwrap();
    let mut files: Vec<PathBuf> = folder.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let names: Vec<&str> = files.iter().map(|f| f.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(names, ["manifest.json", "model.safetensors", "optimizer.safetensors", "state.json"]);
    files
}

/// Opens a run which is damaged; which file the error names.
#[track_caller]
fn noticed(run: &Path, what: &str) -> PathBuf {
    match Trained::open(run, PRESETS).err() {
        Some(TrainError::DamagedCheckpoint(damage)) => damage.file,
        other => panic!("{what}: {other:?}"),
    }
}

#[test]
fn a_file_of_a_checkpoint_that_is_truncated_at_any_length_is_noticed() {
    let place = small_run();
    let run = place.path("run");
    for path in files(&run) {
        let whole = fs::read(&path).unwrap();
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        for length in (0..whole.len() as u64).rev() {
            file.set_len(length).unwrap();
            assert_eq!(noticed(&run, &format!("{length} bytes of {}", path.display())), path);
        }
        fs::write(&path, whole).unwrap();
    }
    assert_eq!(Trained::open(&run, PRESETS).unwrap().step, 4);
}

/// Steele, Lea and Flood 2014: numbers that look random, the same in every run of the test.
pub fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[test]
fn a_flipped_bit_is_noticed_at_each_of_a_thousand_places() {
    let place = small_run();
    let run = place.path("run");
    let files = files(&run);
    let mut random = 1;
    for i in 0..1000 {
        // Every file has its turn: drawn over all bytes, the small ones would hardly have one.
        let path = &files[i % files.len()];
        let whole = fs::read(path).unwrap();
        let mut spoilt = whole.clone();
        let bit = splitmix(&mut random) as usize % (8 * whole.len());
        spoilt[bit / 8] ^= 1 << (bit % 8);
        fs::write(path, spoilt).unwrap();
        // A flip in the manifest may be in the name or the sum of another file; that one is named then, or the manifest.
        let named = noticed(&run, &format!("bit {bit} of {}", path.display()));
        assert!(named == *path || path.ends_with("manifest.json"), "{} instead of {}", named.display(), path.display());
        fs::write(path, whole).unwrap();
    }
    assert_eq!(Trained::open(&run, PRESETS).unwrap().step, 4);
}

#[test]
fn a_file_too_many_and_a_file_too_few_are_noticed() {
    let place = small_run();
    let run = place.path("run");
    let extra = run.join("checkpoints/step-4/notes.txt");
    fs::write(&extra, "mine").unwrap();
    assert_eq!(noticed(&run, "one more"), extra);
    fs::remove_file(extra).unwrap();
    for path in files(&run).into_iter().filter(|path| !path.ends_with("manifest.json")) {
        let whole = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        assert_eq!(noticed(&run, "one less"), path);
        fs::write(&path, whole).unwrap();
    }
}

#[test]
fn resume_says_which_checkpoint_is_damaged_and_ends_with_the_bits_of_the_run_that_was_not() {
    let (whole, spoilt) = (small_run(), small_run());
    let file = "run/checkpoints/step-4/model.safetensors";
    let bytes = spoilt.read(file);
    spoilt.write(file, &bytes[..bytes.len() - 1]);

    let refused = spoilt.glassbox(["eval", "run"]);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(2), "{said}");
    assert!(said.contains("model.safetensors: is damaged: ") && said.contains("train --resume"), "{said}");

    for place in [&whole, &spoilt] {
        let output = place.glassbox(["train", "--resume", "run", "--steps", "7"]);
        let said = String::from_utf8(output.stderr.clone()).unwrap();
        assert!(output.status.success() && stdout(&output).starts_with("step 7  "), "{said}");
        assert_eq!(
            said.contains("step-4.damaged and not used, and the run goes on from step 2"),
            place.path("run") == spoilt.path("run"),
            "{said}"
        );
    }
    for name in ["model.safetensors", "optimizer.safetensors"] {
        let file = format!("run/checkpoints/step-7/{name}");
        assert!(whole.read(&file) == spoilt.read(&file), "{name} differs");
    }
    assert_eq!(spoilt.read("run/checkpoints/step-4.damaged/model.safetensors"), &bytes[..bytes.len() - 1]);
}
