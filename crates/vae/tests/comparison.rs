//! The job that trains both models leaves what it promises.

mod common;

use common::small;
use glassbox_data::image::read_png;
use glassbox_train::Limits;
use glassbox_vae::compare::{configs, train_both};
use glassbox_vae::{AE, VAE_MLP};
use std::fs;
use std::sync::atomic::AtomicBool;

#[test]
fn both_runs_and_the_pictures_that_compare_them_are_there() {
    let parent = tempfile::tempdir().unwrap();
    let out = parent.path().join("vae");
    let limits = Limits { end: Some(6), ..Limits::default() };
    let comparison = train_both([small(&AE), small(&VAE_MLP)], &out, &limits, &mut ()).unwrap();
    assert_eq!(
        comparison.runs.iter().map(|(name, o)| (*name, o.step)).collect::<Vec<_>>(),
        [("ae", 6), ("vae-mlp", 6)]
    );
    for (name, outcome) in &comparison.runs {
        assert!(outcome.report.is_file() && outcome.report.starts_with(out.join(name)));
        let names: Vec<_> = outcome.pictures.iter().map(|p| p.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["samples.png", "reconstructions.png", "interpolations.png", "plane.png"]);
    }
    let rows = read_png(&comparison.rows.unwrap()).unwrap();
    assert_eq!((rows.width(), rows.height()), (2 * (12 * 30 + 2), 3 * 2 * 32 + 2 * 16), "three rows with gaps");
    let codes = fs::read_to_string(comparison.codes.unwrap()).unwrap();
    assert_eq!(codes.matches("r=\"2\"").count(), 2 * 2000, "a dot for each test picture and model");
    let report = fs::read_to_string(comparison.report.unwrap()).unwrap();
    assert_eq!(report.matches("data:image/png").count(), 3);
    assert!(report.contains("<svg") && !report.contains("src=\"http"));

    let error = train_both(configs(), &out, &limits, &mut ()).unwrap_err();
    assert!(error.is_mistake() && error.to_string().contains("exists and is no empty folder"), "{error}");
}

#[test]
fn an_interrupt_ends_the_job_with_the_first_run_saved() {
    let parent = tempfile::tempdir().unwrap();
    let out = parent.path().join("vae");
    let limits = Limits { interrupt: Some(&AtomicBool::new(true)), ..Limits::default() };
    let comparison = train_both([small(&AE), small(&VAE_MLP)], &out, &limits, &mut ()).unwrap();
    assert_eq!((comparison.runs.len(), comparison.report), (1, None));
    assert!(out.join("ae/checkpoints/step-0/model.safetensors").is_file());
    assert!(!out.join("vae-mlp").exists());
}
