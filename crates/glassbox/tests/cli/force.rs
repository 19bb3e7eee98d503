//! Nothing that existed is overwritten without `--force`, and with it nothing but what was named.

use crate::place::Place;

#[track_caller]
fn succeeds(place: &Place, line: &str) -> String {
    let output = place.glassbox(line.split(' '));
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_run_is_replaced_by_the_run_that_would_have_been_made_beside_it() {
    let place = Place::with_run();
    place.write("run/notes.txt", "of the old run").write("beside.txt", "kept");
    let flags = "--steps 1 --set hidden=4 --seed 9";
    succeeds(&place, &format!("train vae-mlp --out fresh {flags}"));
    succeeds(&place, &format!("train vae-mlp --out run --force {flags}"));
    for file in ["config.toml", "checkpoints/step-1/model.safetensors"] {
        assert!(place.read(&format!("run/{file}")) == place.read(&format!("fresh/{file}")), "{file}");
    }
    assert!(!place.path("run/notes.txt").exists() && !place.path("run/checkpoints/step-2").exists());
    let mut left: Vec<String> = std::fs::read_dir(place.path(""))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, ["beside.txt", "fresh", "run"], "the old run is not left under another name");
    // Where nothing is, --force has nothing to do.
    succeeds(&place, &format!("train vae-mlp --out new --force {flags}"));
}

#[test]
fn a_comparison_is_replaced_with_both_of_its_runs() {
    let place = Place::new();
    succeeds(&place, "train vae --out both --steps 1 --set hidden=4");
    succeeds(&place, "train vae --out both --steps 2 --set hidden=4 --force");
    for run in ["ae", "vae-mlp"] {
        assert!(place.path(&format!("both/{run}/checkpoints/step-2")).is_dir());
    }
}

#[test]
fn a_picture_is_replaced_and_a_name_that_we_choose_is_a_free_one() {
    let place = Place::with_run();
    place.write("x.png", "old");
    succeeds(&place, "sample run -n 1 --out x.png --force");
    assert!(place.read("x.png").starts_with(b"\x89PNG"));
    let names: Vec<String> = (0..3).map(|_| succeeds(&place, "sample run -n 1")).collect();
    assert_eq!(
        names,
        [
            "run/samples/samples-seed-0.png\n",
            "run/samples/samples-seed-0-2.png\n",
            "run/samples/samples-seed-0-3.png\n"
        ]
    );
}
