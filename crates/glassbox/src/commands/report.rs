//! `glassbox report`: one run's report anew, several runs on one page, or their metrics as a table.

use super::{PRESETS, check_is_one_run, open_run};
use crate::cli::Report;
use crate::failure::Failure;
use crate::out_file::{PAGE, TABLE, cannot_write, check, next_free};
use crate::output::print;
use glassbox_data::files::write_atomically;
use glassbox_train::{Recorded, comparison, metrics_csv, report};
use std::path::{Path, PathBuf};

/// Where the comparison of several runs goes unless `--out` says otherwise.
const COMPARISON: &str = "comparison.html";

/// Runs `glassbox report`.
pub fn run(options: &Report) -> Result<(), Failure> {
    for (i, run) in options.runs.iter().enumerate() {
        check_is_one_run(run)?;
        if options.runs[..i].contains(run) {
            return Err(Failure::mistake(format!("{}: is named twice; name each run once", run.display())));
        }
    }
    if let Some(csv) = &options.csv {
        return table(&options.runs, csv, options.force);
    }
    if let Some(out) = &options.out {
        check("--out", out, &PAGE, options.force)?;
    }
    let (page, out) = match options.runs.as_slice() {
        [one] => {
            super::start_threads(None)?;
            let run = open_run(one)?;
            (report(&run)?, options.out.clone().unwrap_or_else(|| run.dir.report_path()))
        }
        several => {
            let out = options.out.clone().unwrap_or_else(|| next_free(Path::new(COMPARISON)));
            (comparison(&recorded(several)?)?, out)
        }
    };
    page.write(&out).map_err(|error| cannot_write("--out", &error))?;
    print(&format!("{}\n", out.display()))
}

fn recorded(runs: &[PathBuf]) -> Result<Vec<Recorded>, Failure> {
    runs.iter().map(|run| Ok(Recorded::read(run, &PRESETS)?)).collect()
}

fn table(runs: &[PathBuf], csv: &Path, force: bool) -> Result<(), Failure> {
    let to_standard_output = csv == Path::new("-");
    if !to_standard_output {
        check("--csv", csv, &TABLE, force)?;
    }
    let table = metrics_csv(&recorded(runs)?);
    if to_standard_output {
        return print(&String::from_utf8_lossy(&table));
    }
    write_atomically(csv, &table).map_err(|error| cannot_write("--csv", &error))?;
    print(&format!("{}\n", csv.display()))
}
