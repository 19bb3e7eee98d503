//! Presets as TOML: printed, edited, passed back.

use crate::place::{Place, stdout};

/// Runs a line that must succeed; returns what it printed.
#[track_caller]
fn printed(place: &Place, line: &str) -> String {
    let output = place.glassbox(line.split(' '));
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    stdout(&output)
}

/// Everything that two steps of training leave that is a function of the configuration.
fn bits(place: &Place, run: &str) -> Vec<Vec<u8>> {
    let files = ["config.toml", "checkpoints/step-2/model.safetensors", "checkpoints/step-2/optimizer.safetensors"];
    files.iter().map(|file| place.read(&format!("{run}/{file}"))).collect()
}

#[test]
fn a_preset_that_is_printed_and_passed_back_is_the_same_run_bit_for_bit() {
    let place = Place::new();
    for preset in ["ae", "vae-mlp", "vae-conv", "vae-binary", "judge", "judge-digits"] {
        let text = printed(&place, &format!("list {preset} --toml"));
        // What toml reads there, which knows nothing of settings, is what the preset's page says.
        let table: toml::Table = toml::from_str(&text).unwrap();
        assert_eq!(table["preset"].as_str(), Some(preset));
        let page: serde_json::Value = serde_json::from_str(&printed(&place, &format!("list {preset} --json"))).unwrap();
        let settings = page["settings"].as_array().unwrap();
        assert_eq!(table["settings"].as_table().unwrap().len(), settings.len());
        for setting in settings {
            let name = setting["name"].as_str().unwrap();
            let value = &table["settings"][name];
            let value = value.as_float().unwrap_or_else(|| value.as_integer().unwrap() as f64);
            assert_eq!(Some(value), setting["default"].as_f64(), "{name} of {preset}");
            let line = text.lines().find(|line| line.starts_with(&format!("{name} = "))).unwrap();
            assert!(line.contains(setting["about"].as_str().unwrap()) && line.contains(" from "), "{line}");
        }
        place.write(&format!("{preset}.toml"), text);
    }
    for preset in ["vae-mlp", "judge"] {
        // Small pictures of them, so that the test is quick: the flags are the same for both.
        let flags = "--steps 2 --set batch=4";
        printed(&place, &format!("train {preset} --out {preset}-a {flags}"));
        printed(&place, &format!("train {preset}.toml --out {preset}-b {flags}"));
        assert!(bits(&place, &format!("{preset}-a")) == bits(&place, &format!("{preset}-b")), "{preset}");
        // And so is the run's own configuration.
        printed(&place, &format!("train {preset}-a/config.toml --out {preset}-c"));
        assert!(bits(&place, &format!("{preset}-a")) == bits(&place, &format!("{preset}-c")), "{preset}");
    }
}

#[test]
fn a_file_that_is_edited_counts_and_flags_override_it() {
    let place = Place::new();
    let text = printed(&place, "list vae-mlp --toml");
    let edited = text
        .replace("hidden = 400", "hidden = 8 ")
        .replace("seed = 0", "seed = 7")
        .replace("# steps = 1", "steps = 3  ")
        .replace("epochs = 10", "epochs = 1 ");
    place.write("my.toml", &edited);
    printed(&place, "train my.toml --out file");
    printed(&place, "train my.toml --out flags --set hidden=4 --seed 1 --steps 2");
    // The length of the run is the file's steps, unless its epochs are asked for: 10,000 pictures in batches of 8,192.
    printed(&place, "train my.toml --out epochs --set epochs=1 --set batch=8192");
    for (run, hidden, seed, steps) in [("file", 8, 7, 3), ("flags", 4, 1, 2), ("epochs", 8, 7, 2)] {
        let config: toml::Table =
            toml::from_str(&String::from_utf8(place.read(&format!("{run}/config.toml"))).unwrap()).unwrap();
        let numbers = [&config["settings"]["hidden"], &config["seed"], &config["steps"]].map(|n| n.as_integer());
        assert_eq!(numbers, [Some(hidden), Some(seed), Some(steps)], "{run}");
        assert!(place.path(&format!("{run}/checkpoints/step-{steps}")).is_dir());
    }
    // Without --out the run is called as the preset.
    assert!(printed(&place, "train my.toml").contains("runs/vae-mlp/report.html"));
}

/// `glassbox list vae-mlp --toml | glassbox train /dev/stdin`
#[cfg(unix)]
#[test]
fn settings_may_come_through_a_pipe() {
    use std::io::Write;
    use std::process::Stdio;
    let place = Place::new();
    let text = printed(&place, "list ae --toml");
    let line = "train /dev/stdin --out run --steps 1 --set hidden=4";
    let mut child = place.command(line.split(' ')).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
