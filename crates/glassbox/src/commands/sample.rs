//! `glassbox sample`: a picture or a text from a trained model.

use super::open_run;
use super::sample_text::{self, Job};
use crate::cli::Sample;
use crate::failure::Failure;
use crate::out_file::{PICTURE, cannot_write, check, next_free};
use crate::output::print;
use glassbox_data::image::write_png;
use glassbox_data::names::unknown;

/// Samples in a grid unless -n says otherwise: 8 × 8.
const SAMPLES: usize = 64;

/// Runs `glassbox sample`.
pub fn run(options: &Sample) -> Result<(), Failure> {
    Job::from(options).check_force()?;
    super::start_threads(options.threads)?;
    let run = open_run(&options.run)?;
    if let Some(writer) = run.experiment.writer() {
        let name = run.config.preset().name;
        if let Some(kind) = &options.kind {
            return Err(Failure::mistake(format!(
                "--kind {kind} is for models that make pictures, and {name} writes text; leave it out"
            )));
        }
        return sample_text::write(writer, name, &Job::from(options));
    }
    sample_text::refuse(run.config.preset().name, options)?;
    if let Some(out) = &options.out {
        check("--out", out, &PICTURE, options.force)?;
    }
    let (name, image) = match options.kind.as_deref() {
        None | Some("samples") => {
            let seed = options.seed.unwrap_or(0);
            let image = run.experiment.sample(options.n.unwrap_or(SAMPLES), seed);
            (format!("samples-seed-{seed}"), image)
        }
        Some(kind) => {
            let mut pictures = run.experiment.pictures();
            let Some(i) = pictures.iter().position(|picture| picture.name == kind) else {
                let kinds: Vec<&str> = pictures.iter().map(|picture| picture.name).collect();
                return Err(Failure::mistake(unknown("picture of this model called", kind, &kinds)));
            };
            (kind.to_string(), pictures.swap_remove(i).image)
        }
    };
    let out = options.out.clone().unwrap_or_else(|| next_free(&run.dir.picture_path(&name)));
    write_png(&out, &image).map_err(|error| cannot_write("--out", &error))?;
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
