//! `glassbox sample`: a picture from a trained model.

use super::{open_run, unknown};
use crate::cli::Sample;
use crate::failure::Failure;
use crate::output::print;
use glassbox_data::image::write_png;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Samples in a grid unless -n says otherwise: 8 × 8.
const SAMPLES: usize = 64;

/// Runs `glassbox sample`.
pub fn run(options: &Sample) -> Result<(), Failure> {
    if let Some(out) = &options.out {
        check_out(out)?;
    }
    super::start_threads(options.threads)?;
    let run = open_run(&options.run)?;
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
    let out = options.out.clone().unwrap_or_else(|| run.dir.picture_path(&name));
    // The place was named on the command line, so that it can't be written to is the user's to put right.
    write_png(&out, &image).map_err(Failure::mistake)?;
    print(&format!("{}\n", out.display()))
}

/// Refuses what could only be a mistake, before any work: another kind of file, or one that isn't a picture and would be
/// lost.
fn check_out(out: &Path) -> Result<(), Failure> {
    let shown = out.display();
    if !out.extension().is_some_and(|e| e.eq_ignore_ascii_case("png")) {
        return Err(Failure::mistake(format!(
            "--out {shown}: what is written is a PNG picture; end the name with .png"
        )));
    }
    if out.is_dir() || out.exists() && !is_png(out) {
        return Err(Failure::mistake(format!("--out {shown}: exists and is not a PNG picture; choose another name")));
    }
    Ok(())
}

fn is_png(path: &Path) -> bool {
    let mut head = [0; 8];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut head));
    read.is_ok() && head == *b"\x89PNG\r\n\x1a\n"
}
