//! `--judge`: the samples of a run beside the pictures of its data set, by the protocol that is the same for all families.

use crate::failure::Failure;
use glassbox_data::image::write_png;
use glassbox_measure::{JUDGED, PROTOCOL, Report, Scores, Weights, judge_samples};
use glassbox_train::{SAMPLE_SEED, Trained};
use serde_json::{Value, json};
use std::path::PathBuf;

/// What the judge says of a run, and where the picture of the nearest training pictures lies.
pub struct Judged {
    pub report: Report,
    pub picture: PathBuf,
}

/// Judges 2,000 samples of the run's last checkpoint, and leaves a picture of 16 of them with the training pictures nearest to
/// each in the run.
pub fn of_run(run: &Trained) -> Result<Judged, Failure> {
    if !run.experiment.makes_pictures() {
        return Err(Failure::mistake(format!(
            "{}: {} makes no pictures that could be judged; --judge is for models that do, such as vae-mlp",
            run.dir.path().display(),
            run.config.preset().name
        )));
    }
    // Before 2,000 pictures are made.
    let judge = Weights::of(&run.config.data).map_err(Failure::mistake)?;
    let samples = run.experiment.samples(JUDGED, SAMPLE_SEED);
    let report = judge_samples(judge.set, &samples).map_err(Failure::mistake)?;
    let picture = run.dir.picture_path("nearest");
    write_png(&picture, &report.picture.scale(2)).map_err(Failure::mistake)?;
    Ok(Judged { report, picture })
}

/// The protocol's table, and where the picture lies.
pub fn as_text(Judged { report, picture }: &Judged) -> String {
    format!("{report}picture  {}\n", picture.display())
}

/// The same as JSON, with all digits.
pub fn as_json(Judged { report, picture }: &Judged) -> Value {
    let nearest: Vec<Value> =
        report.nearest.iter().map(|n| json!({ "index": n.index, "distance": n.distance })).collect();
    json!({
        "protocol": PROTOCOL, "set": report.weights.set, "sha256": report.weights.sha256, "n": JUDGED,
        "seed": SAMPLE_SEED, "samples": scores(&report.samples), "floor": scores(&report.floor),
        "nearest": nearest, "picture": picture.display().to_string(),
    })
}

fn scores(scores: &Scores) -> Value {
    json!({
        "frechet": scores.frechet, "kernel": scores.kernel.value, "kernel_standard_error": scores.kernel.standard_error,
        "precision": scores.found.precision, "recall": scores.found.recall, "sliced": scores.sliced,
        "nearest": scores.nearest,
    })
}
