//! Diffusion from the command line: what is trained is drawn, judged by the truth, explained and resumed.

use crate::place::{Place, stdout};
use serde_json::Value;

/// Runs a line that must succeed; returns what it printed.
#[track_caller]
fn printed(place: &Place, line: &str) -> String {
    let output = place.glassbox(line.split(' '));
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    stdout(&output)
}

#[test]
fn points_of_the_plane_are_learned_drawn_and_judged() {
    let place = Place::new();
    let small = "--set width=16 --set layers=1 --set batch=32 --set sample_steps=5";
    printed(&place, &format!("train diffusion-2d --out run --steps 4 {small} --set shape=ring"));
    for (line, name) in [("-n 3 --seed 5", "a"), ("-n 3 --seed 5 --threads 3", "b"), ("-n 3 --seed 6", "c")] {
        printed(&place, &format!("sample run {line} --out {name}.png"));
    }
    assert!(place.read("a.png").starts_with(b"\x89PNG"));
    assert_eq!(place.read("a.png"), place.read("b.png"));
    assert_ne!(place.read("a.png"), place.read("c.png"));
    let drawing = printed(&place, "sample run --kind points");
    assert!(place.read(drawing.trim()).starts_with(b"<svg"), "{drawing}");

    let judged = printed(&place, "eval run --json");
    assert_eq!(printed(&place, "eval run --json --threads 3"), judged);
    let judged: Value = serde_json::from_str(&judged).unwrap();
    for key in ["loss", "sliced_wasserstein", "sliced_wasserstein_of_truth", "nats", "nats_of_truth"] {
        assert!(judged[key].is_f64(), "{key} in {judged}");
    }

    printed(&place, &format!("train diffusion-2d --out parts --steps 2 {small} --set shape=ring"));
    printed(&place, "train --resume parts --steps 4");
    assert!(place.path("parts/checkpoints/step-4/model.safetensors").is_file());
}

#[test]
fn it_is_listed_and_explained() {
    let place = Place::new();
    assert!(printed(&place, "list").contains("diffusion-2d"));
    assert!(printed(&place, "list diffusion-2d --toml").contains("shape = \"moons\""));
    let page = printed(&place, "explain diffusion-2d");
    for part in ["alpha_t·x0 + sigma_t·eps", "sample_steps", "time1.weight", "silu"] {
        assert!(page.contains(part), "{part:?} is not in {page}");
    }
}
