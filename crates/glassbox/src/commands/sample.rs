//! `glassbox sample`: a picture or a text from a trained model.

use super::open_run;
use super::sample_text::{self, Job};
use crate::cli::Sample;
use crate::failure::Failure;
use crate::out_file::{DRAWING, PICTURE, cannot_write, check, next_free};
use crate::output::print;
use glassbox_data::files::write_atomically;
use glassbox_data::image::write_png;
use glassbox_data::names::unknown;
use glassbox_train::Trained;
use std::path::Path;

/// Samples in a grid unless -n says otherwise: 8 × 8.
const SAMPLES: usize = 64;

/// Runs `glassbox sample`.
pub fn run(options: &Sample) -> Result<(), Failure> {
    Job::from(options).check_force()?;
    super::start_threads(options.threads)?;
    let run = open_run(&options.run)?;
    let (writer, name) = (run.experiment.writer(), run.config.preset().name);
    match (options.kind.as_deref(), writer) {
        (None, Some(writer)) => return sample_text::write(writer, name, &Job::from(options)),
        (Some(kind), _) if kind != "samples" || writer.is_some() => return show(&run, kind, options),
        _ => sample_text::refuse(name, options)?,
    }
    if let Some(out) = &options.out {
        check("--out", out, &PICTURE, options.force)?;
    }
    let seed = options.seed.unwrap_or(0);
    let image = run.experiment.sample(options.n.unwrap_or(SAMPLES), seed);
    let name = format!("samples-seed-{seed}");
    save(options, &run.dir.picture_path(&name), |out| write_png(out, &image))
}

/// What else the model has to show than samples: a picture or a drawing.
fn show(run: &Trained, kind: &str, options: &Sample) -> Result<(), Failure> {
    let (pictures, drawings) = (run.experiment.pictures(), run.experiment.drawings());
    let written = if drawings.iter().any(|drawing| drawing.name == kind) { &DRAWING } else { &PICTURE };
    if let Some(out) = &options.out {
        check("--out", out, written, options.force)?;
    }
    if let Some(picture) = pictures.iter().find(|picture| picture.name == kind) {
        return save(options, &run.dir.picture_path(kind), |out| write_png(out, &picture.image));
    }
    if let Some(drawing) = drawings.iter().find(|drawing| drawing.name == kind) {
        return save(options, &run.dir.drawing_path(kind), |out| write_atomically(out, drawing.svg.as_bytes()));
    }
    let kinds: Vec<&str> =
        pictures.iter().map(|picture| picture.name).chain(drawings.iter().map(|drawing| drawing.name)).collect();
    Err(Failure::mistake(unknown("picture of this model called", kind, &kinds)))
}

/// Writes the file that was asked for, or else one of a name that is free, and says which.
fn save(
    options: &Sample,
    usual: &Path,
    write: impl FnOnce(&Path) -> Result<(), glassbox_data::DataError>,
) -> Result<(), Failure> {
    let out = options.out.clone().unwrap_or_else(|| next_free(usual));
    write(&out).map_err(|error| cannot_write("--out", &error))?;
    print(&format!("{}\n", out.display()))
}

impl<'a> From<&'a Sample> for Job<'a> {
    fn from(options: &'a Sample) -> Job<'a> {
        let Sample { n, seed, texts, prefix, suffix, out, force, .. } = options;
        let prefix = prefix.as_deref();
        let suffix = suffix.as_deref().or(prefix.map(|_| ""));
        Job { n: *n, seed: *seed, texts, prefix, suffix, out: out.as_deref(), force: *force }
    }
}
