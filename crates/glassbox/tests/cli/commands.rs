//! What the commands print and leave behind when all is well.

use crate::place::{Place, stdout};
use serde_json::Value;

/// Runs a line that must succeed; returns what it printed.
#[track_caller]
fn printed(place: &Place, line: &str) -> String {
    let output = place.glassbox(line.split(' '));
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    stdout(&output)
}

/// Runs a line that must print one JSON document and nothing else.
#[track_caller]
fn json(place: &Place, line: &str) -> Value {
    serde_json::from_str(&printed(place, line)).unwrap_or_else(|e| panic!("{line}: {e}"))
}

#[test]
fn list_shows_presets_and_data_sets_as_text_and_as_json() {
    let (text, document) = (printed(&Place::new(), "list"), json(&Place::new(), "list --json"));
    for key in ["presets", "data"] {
        for entry in document[key].as_array().unwrap() {
            assert!(text.contains(entry["name"].as_str().unwrap()), "{entry} is not in {text}");
        }
    }
    assert_eq!(document["data"][0]["installed"], true);
}

#[test]
fn a_run_explains_itself_and_the_paths_that_are_printed_exist() {
    let place = Place::new();
    let text = printed(&place, "train vae-mlp --out run --steps 2 --set hidden=8");
    let paths: Vec<&str> = text
        .lines()
        .filter_map(|l| l.split_once("  "))
        .filter(|(w, _)| ["picture", "report"].contains(&w.trim()))
        .map(|(_, p)| p.trim())
        .collect();
    assert!(paths.len() >= 2, "{text}");
    for path in paths.into_iter().chain(["run/config.toml", "run/metrics.jsonl", "run/checkpoints/step-2/state.json"]) {
        assert!(place.path(path).is_file(), "{path} is not there");
    }
    let config = String::from_utf8(place.read("run/config.toml")).unwrap();
    assert!(config.contains("hidden = 8") && config.contains("steps = 2"), "{config}");
}

#[test]
fn without_out_the_next_free_directory_is_taken() {
    let place = Place::new();
    for _ in 0..2 {
        printed(&place, "train ae --steps 1 --set hidden=8");
    }
    assert!(place.path("runs/ae/report.html").is_file() && place.path("runs/ae-2/report.html").is_file());
}

#[test]
fn evaluation_is_a_function_of_the_checkpoint() {
    let place = Place::with_run();
    let document = json(&place, "eval run --json");
    let [loss, reconstruction, kl] = ["loss", "reconstruction", "kl"].map(|key| document[key].as_f64().unwrap());
    assert!((loss - reconstruction - kl).abs() < 1e-3 * loss, "{document}");
    assert_eq!(document["step"], 2);
    assert_eq!(json(&place, "eval run --json --threads 3"), document);
}

#[test]
fn the_seed_decides_the_samples_and_threads_do_not() {
    let place = Place::with_run();
    for (line, name) in [("--seed 5", "a"), ("--seed 5 --threads 3", "b"), ("--seed 6", "c")] {
        printed(&place, &format!("sample run -n 4 {line} --out {name}.png"));
    }
    assert_eq!(place.read("a.png"), place.read("b.png"));
    assert_ne!(place.read("a.png"), place.read("c.png"));
}

#[test]
fn every_kind_of_picture_is_made() {
    let place = Place::with_run();
    for kind in ["samples", "reconstructions", "interpolations"] {
        let path = printed(&place, &format!("sample run --kind {kind}"));
        assert!(place.read(path.trim()).starts_with(b"\x89PNG"), "{path}");
    }
}

#[test]
fn a_resumed_run_is_the_run_that_was_never_interrupted() {
    let place = Place::new();
    let flags = "--set hidden=8 --set batch=16 --seed 3";
    printed(&place, &format!("train vae-mlp --out whole --steps 6 {flags}"));
    printed(&place, &format!("train vae-mlp --out parts --steps 3 {flags}"));
    printed(&place, "train --resume parts --steps 6");
    for name in ["model.safetensors", "optimizer.safetensors"] {
        let [whole, parts] = ["whole", "parts"].map(|run| place.read(&format!("{run}/checkpoints/step-6/{name}")));
        assert!(whole == parts, "{name} differs");
    }
}

/// At a thousand times the usual learning rate the network's log variances overflow the exponential within a few steps.
#[test]
fn a_loss_that_is_no_number_any_more_is_traced_to_its_operation_and_costs_no_checkpoint() {
    let place = Place::new();
    let line = "train vae-mlp --out run --steps 300 --set lr=1 --set hidden=64 --set batch=8";
    let output = place.glassbox(line.split(' '));
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    for part in ["glassbox: step ", " because of ", "called at crates/vae/src/", "resume from the last checkpoint"] {
        assert!(said.contains(part), "{part:?} is not in {said}");
    }
    assert!(!said.contains("panicked") && json(&place, "eval run --json")["loss"].is_f64(), "{said}");
}

#[test]
fn as_many_checkpoints_are_kept_as_are_asked_for_and_the_best_is_marked() {
    let place = Place::new();
    let kept = || {
        let entries = std::fs::read_dir(place.path("run/checkpoints")).unwrap();
        let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    printed(&place, "train vae-mlp --out run --steps 5 --keep 3 --set hidden=8 --set checkpoint_every=1");
    assert_eq!(kept(), ["best.json", "step-3", "step-4", "step-5"]);
    let best: Value = serde_json::from_slice(&place.read("run/checkpoints/best.json")).unwrap();
    // A network that has just begun to learn gets better with every step.
    assert_eq!((&best["step"], &best["loss"]), (&Value::from(5), &json(&place, "eval run --json")["loss"]));
    printed(&place, "train --resume run --steps 7 --keep 1");
    assert_eq!(kept(), ["best.json", "step-7"]);
}

/// Ctrl-C as a terminal sends it.
#[cfg(unix)]
#[test]
fn an_interrupted_run_saves_and_can_go_on() {
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};
    let place = Place::new();
    let line = "train vae-mlp --out run --steps 100000 --set hidden=8";
    let run = place.command(line.split(' ')).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let begun = Instant::now();
    while std::fs::metadata(place.path("run/metrics.jsonl")).map_or(0, |m| m.len()) == 0 {
        assert!(begun.elapsed() < Duration::from_secs(60), "no step was taken in a minute");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(Command::new("kill").args(["-INT", &run.id().to_string()]).status().unwrap().success());
    let output = run.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(stdout(&output).contains("not finished; go on with  glassbox train --resume run"), "{}", stdout(&output));

    let step = json(&place, "eval run --json")["step"].as_u64().unwrap();
    printed(&place, &format!("train --resume run --steps {}", step + 1));
    assert_eq!(json(&place, "eval run --json")["step"], step + 1);
}

#[test]
fn both_models_are_trained_and_compared() {
    let place = Place::new();
    let text = printed(&place, "train vae --steps 1 --set hidden=8");
    for path in text.lines().filter_map(|line| line.split_once("  ")).map(|(_, path)| path.trim()) {
        assert!(!path.starts_with("runs/") || place.path(path).is_file(), "{path} is not there; {text}");
    }
    assert!(text.contains("runs/vae/ae/report.html") && text.contains("runs/vae/vae-mlp/report.html"), "{text}");
    assert!(text.ends_with("report   runs/vae/report.html\n"), "{text}");
}

#[test]
fn a_preset_is_explained_with_its_settings_parameters_and_graph() {
    let text = printed(&Place::new(), "explain vae-mlp");
    for part in ["kl = ", "latents", "fc21.weight  [20, 400]", "652824", "MFLOP", "gaussian_kl("] {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
}

#[test]
fn the_embedded_data_are_what_was_published() {
    assert!(printed(&Place::new(), "data verify fashion-mnist").ends_with("whole, and as it was published\n"));
}

#[test]
fn help_names_every_command() {
    let help = printed(&Place::new(), "--help");
    for command in
        ["list", "train", "sample", "generate", "eval", "explain", "bench", "data", "repro", "completions", "man"]
    {
        assert!(help.contains(&format!("\n  {command} ")), "{help}");
    }
}

#[test]
fn an_operation_is_explained_with_the_numbers_of_both_passes() {
    let text = printed(&Place::new(), "explain mul --numbers");
    for part in ["forward", "a [2, 3]", "b [2, 3]", "backward", "dy [2, 3]", "da [2, 3]", "db [2, 3]", "da = dy · b"] {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
}

#[test]
fn the_graph_of_a_preset_is_shown_in_three_ways() {
    let place = Place::new();
    let text = printed(&place, "explain ae --graph text");
    assert!(
        text.starts_with("%0 = leaf fc1.weight") && text.contains("linear(constant [128, 784], fc1.weight"),
        "{text}"
    );
    let nodes = text.lines().count();
    let dot = printed(&place, "explain ae --graph dot");
    assert!(dot.starts_with("digraph {\n") && dot.ends_with("}\n") && dot.contains("fc4.bias"), "{dot}");
    let svg = printed(&place, "explain ae --graph svg");
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"), "{svg}");
    // every node is a box in the picture, and every constant one more
    let constants = text.matches("constant [").count();
    assert_eq!(svg.matches("<g><title>").count(), nodes + constants);
    assert_eq!(dot.matches("[label=").count(), nodes + constants);
    let lines = dot.matches(" -> ").count();
    assert_eq!(svg.matches("<path d=\"M").count(), lines + 1, "one is the tip of the others");
}
