//! `glassbox report`: one run's report anew, several runs on one page, or their metrics as a table.

use super::{PRESETS, check_is_one_run, open_run};
use crate::cli::Report;
use crate::failure::Failure;
use crate::output::print;
use glassbox_data::files::write_atomically;
use glassbox_train::{Recorded, comparison, metrics_csv, report};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Where the comparison of several runs goes unless `--out` says otherwise.
const COMPARISON: &str = "comparison.html";

/// What a page of ours begins with, and what a table of ours does.
const PAGE_HEADS: &[&str] = &["<!doctype html>"];
const TABLE_HEADS: &[&str] = &["step,", "run,step,"];

/// Runs `glassbox report`.
pub fn run(options: &Report) -> Result<(), Failure> {
    for (i, run) in options.runs.iter().enumerate() {
        check_is_one_run(run)?;
        if options.runs[..i].contains(run) {
            return Err(Failure::mistake(format!("{}: is named twice; name each run once", run.display())));
        }
    }
    if let Some(csv) = &options.csv {
        return table(&options.runs, csv);
    }
    if let Some(out) = &options.out {
        check_out("--out", out, "html", "a page", PAGE_HEADS)?;
    }
    let (page, out) = match options.runs.as_slice() {
        [one] => {
            super::start_threads(None)?;
            let run = open_run(one)?;
            (report(&run)?, options.out.clone().unwrap_or_else(|| run.dir.report_path()))
        }
        several => {
            let out = options.out.clone().unwrap_or_else(|| PathBuf::from(COMPARISON));
            check_out("--out", &out, "html", "a page", PAGE_HEADS)?;
            (comparison(&recorded(several)?)?, out)
        }
    };
    // The place was named on the command line, so that it can't be written to is the user's to put right.
    page.write(&out).map_err(Failure::mistake)?;
    print(&format!("{}\n", out.display()))
}

fn recorded(runs: &[PathBuf]) -> Result<Vec<Recorded>, Failure> {
    runs.iter().map(|run| Ok(Recorded::read(run, &PRESETS)?)).collect()
}

fn table(runs: &[PathBuf], csv: &Path) -> Result<(), Failure> {
    let to_standard_output = csv == Path::new("-");
    if !to_standard_output {
        check_out("--csv", csv, "csv", "a table", TABLE_HEADS)?;
    }
    let table = metrics_csv(&recorded(runs)?);
    if to_standard_output {
        return print(&String::from_utf8_lossy(&table));
    }
    write_atomically(csv, &table).map_err(Failure::mistake)?;
    print(&format!("{}\n", csv.display()))
}

/// Refuses what could only be a mistake, before any work: another kind of name, or a file that isn't one of ours and would be
/// lost.
fn check_out(flag: &str, out: &Path, extension: &str, what: &str, heads: &[&str]) -> Result<(), Failure> {
    let shown = out.display();
    if !out.extension().is_some_and(|e| e.eq_ignore_ascii_case(extension)) {
        return Err(Failure::mistake(format!(
            "{flag} {shown}: what is written is {what}; end the name with .{extension}"
        )));
    }
    if out.is_dir() || out.exists() && !begins_with(out, heads) {
        return Err(Failure::mistake(format!(
            "{flag} {shown}: exists and is not {what} of glassbox; choose another name with {flag}"
        )));
    }
    Ok(())
}

fn begins_with(path: &Path, heads: &[&str]) -> bool {
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| file.take(64).read_to_end(&mut start));
    read.is_ok() && heads.iter().any(|head| start.starts_with(head.as_bytes()))
}
