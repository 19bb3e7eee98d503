//! `glassbox eval`: what the last checkpoint of a run is worth on data that it wasn't trained on.

use super::{judge, open_run};
use crate::cli::Eval;
use crate::failure::Failure;
use crate::output::{print, print_json};
use glassbox_train::columns;
use serde_json::{Map, Value, json};

/// Runs `glassbox eval`. The same checkpoint gives the same numbers every time: the noise comes from one fixed seed.
pub fn run(options: &Eval) -> Result<(), Failure> {
    super::start_threads(options.threads)?;
    let run = open_run(&options.run)?;
    let judged = if options.judge { Some(judge::of_run(&run)?) } else { None };
    let metrics = run.experiment.evaluate();
    let (preset, run_path) = (run.config.preset().name, options.run.display());
    if options.json {
        let mut document = Map::new();
        document.insert("run".into(), json!(run_path.to_string()));
        document.insert("preset".into(), json!(preset));
        document.insert("data".into(), json!(run.config.data));
        document.insert("step".into(), json!(run.step));
        for (name, value) in metrics.iter() {
            document.insert(name.into(), json!(value));
        }
        if let Some(judged) = &judged {
            document.insert("judge".into(), judge::as_json(judged));
        }
        return print_json(&Value::Object(document));
    }
    let rows: Vec<_> = metrics.iter().map(|(name, value)| vec![name.to_string(), format!("{value:.4}")]).collect();
    let about = format!("{preset} in {run_path}, step {}, held out of {}", run.step, run.config.data);
    let judged = judged.map_or(String::new(), |judged| format!("\n{}", judge::as_text(&judged)));
    print(&format!("{about}\n{}{judged}", columns(&rows, &[false, true])))
}
