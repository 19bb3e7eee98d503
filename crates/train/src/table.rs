//! The metrics of runs as a table for other programs: CSV (RFC 4180), one column for each metric.

use crate::recorded::{Recorded, metric_names};
use csv::{Terminator, WriterBuilder};

/// The lines of `metrics.jsonl` of these runs, one after the other: `step`, every metric that one of them has, `seconds` and
/// `examples`; before them `run`, if there are several. A metric that a step doesn't have is empty there. Numbers are written so
/// that reading them gives the same bits.
///
/// ```text
/// step,loss,grad_norm,test_loss,seconds,examples
/// 1,543.4,91.2,,0.1,128
/// 2,521.7,88.0,519.3,0.2,256
/// ```
pub fn metrics_csv(runs: &[Recorded]) -> Vec<u8> {
    let names = metric_names(runs.iter().map(|run| run.records.as_slice()));
    let several = runs.len() > 1;
    let mut table = WriterBuilder::new().terminator(Terminator::Any(b'\n')).from_writer(Vec::new());
    let mut row = |cells: Vec<String>| table.write_record(cells).expect("rows of equal length into memory");
    let head = names.iter().copied();
    row(several
        .then_some("run")
        .into_iter()
        .chain(["step"])
        .chain(head)
        .chain(["seconds", "examples"])
        .map(String::from)
        .collect());
    for run in runs {
        for record in &run.records {
            let mut cells: Vec<String> = several.then(|| run.name.clone()).into_iter().collect();
            cells.push(record.step.to_string());
            cells.extend(names.iter().map(|name| record.metrics.get(name).map_or(String::new(), |v| v.to_string())));
            cells.extend([record.seconds.to_string(), record.examples.to_string()]);
            row(cells);
        }
    }
    table.into_inner().expect("memory takes everything")
}
