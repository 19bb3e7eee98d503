//! `glassbox train … --profile`: what the steps of a sitting cost, operation by operation.
//!
//! Three files in the run directory tell of the last sitting that was profiled: `profile.md`, a table to read, `profile.json`,
//! the same with every number, and `trace.json`, the last steps event by event, for <https://ui.perfetto.dev> or
//! `chrome://tracing`. [`table`] and [`trace`] say what is in them.

mod table;
mod trace;

use crate::error::TrainError;
use crate::observer::Observer;
use crate::sitting::Outcome;
use crate::trained::Trained;
use glassbox_autograd::profile;
use glassbox_data::files::write_atomically;
use glassbox_tensor::ceiling::Ceilings;
use glassbox_tensor::simd::Isa;
use std::path::PathBuf;

pub use table::profile_table;

/// Events in a trace at most: about 3 MB.
const EVENTS: usize = 16_000;

/// Profiles a run as it trains, and writes what it saw when the sitting ends. No number of the run depends on it.
///
/// A graph lives on one thread, and so does what is recorded: it looks at operations, not at the workers that share one.
#[derive(Debug, Default)]
pub struct Profiler {
    run: Option<About>,
}

/// The run that is profiled, as the files name it.
#[derive(Debug)]
struct About {
    preset: &'static str,
    /// The step that the sitting began at.
    from: u64,
    table: PathBuf,
    json: PathBuf,
    trace: PathBuf,
}

impl Profiler {
    /// Of no run yet.
    pub fn new() -> Profiler {
        Profiler::default()
    }
}

impl Observer for Profiler {
    fn begin(&mut self, run: &Trained, _: u64) -> Result<(), TrainError> {
        self.run = Some(About {
            preset: run.config.preset().name,
            from: run.step,
            table: run.dir.profile_path(),
            json: run.dir.profile_json_path(),
            trace: run.dir.trace_path(),
        });
        profile::start(EVENTS);
        Ok(())
    }

    fn end(&mut self, outcome: &Outcome) -> Result<(), TrainError> {
        let profile = profile::stop();
        let Some(about) = self.run.take() else { return Ok(()) };
        let steps = about.from..outcome.step;
        // After the run, so that measuring heats no cache and takes no turn while it trains.
        let ceilings = &mut Ceilings::measure(Isa::current());
        write_atomically(&about.table, profile_table(&profile, about.preset, &steps, ceilings).as_bytes())?;
        let json = table::json(&profile, about.preset, &steps, ceilings);
        write_atomically(&about.json, format!("{json:#}\n").as_bytes())?;
        Ok(write_atomically(&about.trace, trace::json(&profile, about.preset).as_bytes())?)
    }
}

/// A sitting that ends in an error tells no more, and nothing is recorded after it.
impl Drop for Profiler {
    fn drop(&mut self) {
        if self.run.take().is_some() {
            profile::stop();
        }
    }
}
