//! `glassbox bench`: every operation and kernel against what this machine can do at best.
//!
//! | file | thought |
//! | --- | --- |
//! | `rows.rs`, `kernels.rs` | what is measured; how sizes are written |
//! | `sampling.rs`, `measure.rs` | how often something is run; one row of the table |
//! | `limits.rs`, `machine.rs` | the ceilings that are shown; what was measured on |
//! | `session.rs` | all of it together, and what is wrong with it |
//! | `text.rs`, `document.rs`, `picture.rs`, `labels.rs` | the table, the JSON document, the drawing |
//! | `saved.rs`, `compare.rs`, `statistics.rs` | two documents, and what changed beyond the noise |

mod compare;
mod document;
mod kernels;
mod labels;
mod limits;
mod machine;
mod measure;
mod picture;
mod progress;
mod rows;
mod sampling;
mod saved;
mod session;
mod statistics;
mod text;

use crate::cli::Bench;
use crate::failure::Failure;
use crate::out_file::{DRAWING, cannot_write, check, check_free};
use crate::output::{note, print, print_json};
use glassbox_data::files::write_atomically;
use glassbox_tensor::simd::Isa;
use limits::Limits;
use machine::Machine;
use measure::{Row, measure};
use progress::Progress;
use rows::Problem;
use sampling::{Flush, ROUNDS};
use session::{Session, with_floors};
use std::path::PathBuf;

/// Runs `glassbox bench`.
pub fn run(options: &Bench) -> Result<(), Failure> {
    if let [a, b] = &options.compare[..] {
        return compare::run([a, b], options.json);
    }
    let problems = rows::choose(&options.filter, &options.sizes)?;
    let saved = options.save.as_ref().map(|name| PathBuf::from(format!("bench-{name}.json")));
    if options.force && saved.is_none() && options.svg.is_none() {
        return Err(Failure::mistake(
            "--force replaces what --save or --svg names; give one of them too, or leave --force out",
        ));
    }
    saved.iter().try_for_each(|file| check_free("--save", file, options.force))?;
    options.svg.iter().try_for_each(|file| check("--svg", file, &DRAWING, options.force))?;
    if cfg!(debug_assertions) {
        return Err(Failure::mistake(
            "this build is for finding mistakes, its times would mislead; run `cargo run --release -- bench`",
        ));
    }
    super::start_threads(options.threads)?;
    let isa = options.isa.unwrap_or_else(Isa::current);
    let session = isa.with(|| measured(&problems, isa, options.cold));
    session.warnings().iter().for_each(|warning| note(warning));

    let document = document::document(&session);
    let write = |flag: &str, file: &PathBuf, text: &str| {
        write_atomically(file, text.as_bytes()).map_err(|error| cannot_write(flag, &error))
    };
    saved.iter().try_for_each(|file| write("--save", file, &format!("{document:#}\n")))?;
    options.svg.iter().try_for_each(|file| write("--svg", file, &picture::svg(&session)))?;
    if options.json {
        return print_json(&document);
    }
    let files: String = saved.iter().chain(&options.svg).map(|file| format!("written  {}\n", file.display())).collect();
    print(&format!("{}{files}", text::text(&session)))
}

/// Measures the ceilings, and then all rows in turns.
fn measured(problems: &[Problem], isa: Isa, cold: bool) -> Session {
    let machine = Machine::look();
    machine.warning().iter().for_each(|warning| note(warning));
    let progress = Progress::new(ROUNDS * problems.len());
    progress.stage("measuring the ceilings of this machine");
    let (limits, mut ceilings) = Limits::measure(isa);
    let flush = cold.then(Flush::new);
    let flush = flush.as_ref().map(|flush| || flush.run());
    let mut rows: Vec<Row> = Vec::new();
    for round in 1..=ROUNDS {
        progress.stage(&format!("round {round} of {ROUNDS}"));
        for problem in problems {
            progress.row(&problem.title());
            let Some(timed) = problem.ready() else { continue };
            let flush = flush.as_ref().map(|flush| flush as &dyn Fn());
            for row in measure(problem.name, problem.size.as_deref(), &timed, flush) {
                let is_it = |other: &&mut Row| (other.name, &other.size, other.pass) == (row.name, &row.size, row.pass);
                match rows.iter_mut().find(is_it) {
                    Some(before) => before.add(row),
                    None => rows.push(row),
                }
            }
            progress.done();
        }
    }
    progress.stage("measuring the ceilings of each size");
    let rows = with_floors(rows, isa, &mut ceilings);
    progress.end();
    Session { machine, isa, threads: rayon::current_num_threads(), cold, limits, rows }
}
