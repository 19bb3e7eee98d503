//! The JSON files of a run directory after anyone has edited them: the run is opened and goes on, or an error says which file
//! is damaged. The first byte says which file the others become: a checkpoint's `manifest.json` or `state.json`, the
//! `best.json` beside the checkpoints, or `metrics.jsonl`.

use super::sentence;
use glassbox_data::idx::{self, IdxArray};
use glassbox_train::{RunConfig, Runner, Trained, find_preset, read_metrics};
use glassbox_vae::PRESETS;
use std::cell::OnceCell;
use std::fs;
use std::path::{Path, PathBuf};

const FILES: [&str; 4] =
    ["checkpoints/step-0/manifest.json", "checkpoints/step-0/state.json", "checkpoints/best.json", "metrics.jsonl"];

pub fn check(bytes: &[u8]) {
    let Some((&which, content)) = bytes.split_first() else { return };
    thread_local! { static RUN: OnceCell<PathBuf> = const { OnceCell::new() } }
    RUN.with(|run| {
        let run = run.get_or_init(a_run);
        restore(run);
        let file = run.join(FILES[usize::from(which) % FILES.len()]);
        if !file.ends_with("manifest.json") {
            // Otherwise its checksums notice everything.
            fs::remove_file(run.join(FILES[0])).expect("it was restored");
        }
        fs::write(&file, content).expect("the temporary folder can be written");
        read_metrics(&run.join("metrics.jsonl")).map(drop).unwrap_or_else(sentence);
        Trained::open(run, PRESETS).map(drop).unwrap_or_else(sentence);
        match Runner::resume(run, PRESETS) {
            Ok(runner) => assert_eq!(runner.run_so_far().step, 0),
            Err(error) => sentence(error),
        }
    });
}

/// A run of a network of a few weights on four pictures, which has a checkpoint of step 0; its files are kept in `saved/`.
fn a_run() -> PathBuf {
    let name = format!("glassbox-fuzz-{}-{:?}", std::process::id(), std::thread::current().id());
    let folder = std::env::temp_dir().join(name.replace(['(', ')'], "-"));
    let (data, run) = (folder.join("data"), folder.join("run"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&data).expect("the temporary folder can be written");
    for part in ["train", "t10k"] {
        let pictures = IdxArray::new(&[2, 1, 1], vec![10, 200]);
        idx::write(&data.join(format!("{part}-images-idx3-ubyte")), &pictures).expect("a small file is written");
        let labels = IdxArray::new(&[2], vec![0, 1]);
        idx::write(&data.join(format!("{part}-labels-idx1-ubyte")), &labels).expect("a small file is written");
    }
    let mut config = RunConfig::new(find_preset(PRESETS, "vae-mlp").expect("it is a preset"));
    for setting in ["hidden=1", "latents=1"] {
        config.set(setting).expect("it is a setting");
    }
    config.data = data.to_str().expect("it is text").to_string();
    drop(Runner::start(config, &run).expect("a small run starts"));
    copy(&run, &folder.join("saved"));
    run
}

/// Puts every file back that a damaged one may have led to be changed.
fn restore(run: &Path) {
    fs::remove_dir_all(run).expect("the temporary folder can be written");
    copy(&run.with_file_name("saved"), run);
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("the temporary folder can be written");
    for entry in fs::read_dir(from).expect("the folder is there") {
        let entry = entry.expect("the folder can be read");
        match entry.path().is_dir() {
            true => copy(&entry.path(), &to.join(entry.file_name())),
            false => drop(fs::copy(entry.path(), to.join(entry.file_name())).expect("a small file is copied")),
        }
    }
}
