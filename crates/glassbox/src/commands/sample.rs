//! `glassbox sample`: a picture from a trained model.

use super::open_run;
use crate::cli::Sample;
use crate::failure::Failure;
use crate::output::{check_out, next_free, print};
use glassbox_data::DataError;
use glassbox_data::image::write_png;
use glassbox_train::unknown;
use std::io::ErrorKind;

/// Samples in a grid unless -n says otherwise: 8 × 8.
const SAMPLES: usize = 64;

/// Runs `glassbox sample`.
pub fn run(options: &Sample) -> Result<(), Failure> {
    if let Some(out) = &options.out {
        if !out.extension().is_some_and(|e| e.eq_ignore_ascii_case("png")) {
            let shown = out.display();
            return Err(Failure::mistake(format!(
                "--out {shown}: what is written is a PNG picture; end the name with .png"
            )));
        }
        check_out(out, options.force)?;
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
    let out = options.out.clone().unwrap_or_else(|| next_free(&run.dir.picture_path(&name)));
    write_png(&out, &image).map_err(|error| cannot_write(&error))?;
    print(&format!("{}\n", out.display()))
}

/// The place was named on the command line, so that it can't be written to is the user's to put right, but for a disk that is
/// full.
fn cannot_write(error: &DataError) -> Failure {
    let sentence = format!("{error}; name another place with --out");
    let full = [ErrorKind::StorageFull, ErrorKind::QuotaExceeded, ErrorKind::FileTooLarge];
    match error {
        DataError::Io { source, .. } if full.contains(&source.kind()) => Failure::Failed(anyhow::Error::msg(sentence)),
        _ => Failure::Mistake(sentence),
    }
}
