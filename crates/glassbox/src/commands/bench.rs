//! `glassbox bench`: every operation against what this machine can do at best.

use crate::cli::Bench;
use crate::failure::Failure;
use crate::machine::{Ceilings, LARGEST_SET, best, peak_flops};
use crate::output::{print, print_json, table};
use glassbox_autograd::OpEntry;
use glassbox_autograd::ops::registry;
use glassbox_data::names::unknown;
use glassbox_tensor::counted;
use glassbox_tensor::simd::Isa;
use serde_json::{Value, json};
use std::hint::black_box;
use std::time::Duration;

/// How long an operation is run for: long enough for the clock, short enough for a coffee to stay hot.
const PATIENCE: Duration = Duration::from_millis(150);

/// One operation at its standard size.
struct Row {
    name: &'static str,
    shapes: Vec<Vec<usize>>,
    flops: u64,
    bytes: u64,
    forward: f64,
    /// Seconds of the value and all gradients; `None` for what has no gradient.
    with_gradient: Option<f64>,
}

/// Runs `glassbox bench`.
pub fn run(options: &Bench) -> Result<(), Failure> {
    let operations = choose(options.filter.as_deref())?;
    if cfg!(debug_assertions) {
        return Err(Failure::mistake(
            "this build is for finding mistakes, its times would mislead; run `cargo run --release -- bench`",
        ));
    }
    super::start_threads(options.threads)?;
    let peaks: Vec<(Isa, f64)> = Isa::available().into_iter().map(|isa| (isa, peak_flops(isa))).collect();
    let isa = Isa::current();
    let flops = peaks.iter().find(|(i, _)| *i == isa).map_or(f64::NAN, |&(_, peak)| peak);
    let mut ceilings = Ceilings::new(flops);
    let memory = ceilings.bandwidth(LARGEST_SET);
    if options.json {
        let rows: Vec<Value> = operations.iter().map(|op| measure(*op).json(&mut ceilings)).collect();
        let peaks: serde_json::Map<_, _> = peaks.iter().map(|(i, p)| (i.name().to_string(), json!(p / 1e9))).collect();
        return print_json(&json!({
            "machine": {
                "threads": rayon::current_num_threads(), "isa": isa.name(),
                "peak_gflops": peaks, "bandwidth_gb_per_s": memory / 1e9,
            },
            "operations": rows,
        }));
    }
    print(&heading(&peaks, isa, memory))?;
    let mut rows = vec![Row::TITLES.map(String::from).to_vec()];
    rows.extend(operations.iter().map(|op| measure(*op).cells(&mut ceilings)));
    print(&table(&rows, &[false, false, true, true, true, true, false, true]))
}

fn choose(filter: Option<&str>) -> Result<Vec<&'static dyn OpEntry>, Failure> {
    let filter = filter.unwrap_or("");
    let chosen: Vec<_> = registry().iter().copied().filter(|op| op.name().contains(filter)).collect();
    if chosen.is_empty() {
        let names: Vec<&str> = registry().iter().map(|op| op.name()).collect();
        return Err(Failure::mistake(unknown("operation with a name like", filter, &names)));
    }
    Ok(chosen)
}

fn heading(peaks: &[(Isa, f64)], isa: Isa, memory: f64) -> String {
    let peaks: Vec<String> = peaks.iter().map(|(i, p)| format!("{} {:.0} GFLOP/s", i.name(), p / 1e9)).collect();
    format!(
        "{}; multiply-add peak: {}; memory: {:.1} GB/s\n\
         A share is of the ceiling that binds: the peak of {}, or what a plain a + k·b reaches on as many bytes.\n\n",
        counted(rayon::current_num_threads(), "thread"),
        peaks.join(", "),
        memory / 1e9,
        isa.name()
    )
}

fn measure(op: &dyn OpEntry) -> Row {
    let timed = op.timed();
    let forward = seconds(|| drop(black_box((timed.forward)())));
    let with_gradient = timed.forward_backward.as_ref().map(seconds);
    let (flops, bytes) = (timed.cost.flops, timed.cost.bytes);
    Row { name: op.name(), shapes: timed.shapes, flops, bytes, forward, with_gradient }
}

/// The shortest time of as many runs as [`PATIENCE`] allows, at least three.
fn seconds(mut run: impl FnMut()) -> f64 {
    let once = best(1, &mut run);
    let times = (PATIENCE.as_secs_f64() / once.as_secs_f64().max(1e-9)).clamp(3.0, 10_000.0) as usize;
    best(times, run).as_secs_f64()
}

impl Row {
    const TITLES: [&str; 8] = ["operation", "inputs", "time", "with gradient", "GFLOP/s", "GB/s", "bound by", "share"];

    fn giga_per_second(&self, n: u64) -> f64 {
        n as f64 / self.forward / 1e9
    }

    fn json(&self, ceilings: &mut Ceilings) -> Value {
        let (least, bound) = ceilings.least_seconds(self.flops, self.bytes);
        json!({
            "name": self.name, "shapes": self.shapes, "flops": self.flops, "bytes": self.bytes,
            "seconds": self.forward, "seconds_with_gradient": self.with_gradient,
            "gflops": self.giga_per_second(self.flops), "gb_per_s": self.giga_per_second(self.bytes),
            "bound": bound, "share": least / self.forward,
        })
    }

    fn cells(&self, ceilings: &mut Ceilings) -> Vec<String> {
        let shapes: Vec<String> = self.shapes.iter().map(|s| format!("{s:?}")).collect();
        let (least, bound) = ceilings.least_seconds(self.flops, self.bytes);
        let moves_nothing = self.flops + self.bytes == 0;
        let or_dash = |text: String| if moves_nothing { "-".to_string() } else { text };
        vec![
            self.name.to_string(),
            shapes.join(" "),
            time(self.forward),
            self.with_gradient.map_or("-".to_string(), time),
            or_dash(format!("{:.1}", self.giga_per_second(self.flops))),
            or_dash(format!("{:.1}", self.giga_per_second(self.bytes))),
            if moves_nothing { "a view".to_string() } else { bound.to_string() },
            or_dash(format!("{:.0} %", 100.0 * least / self.forward)),
        ]
    }
}

fn time(seconds: f64) -> String {
    match seconds {
        s if s < 1e-6 => format!("{:.0} ns", 1e9 * s),
        s if s < 1e-3 => format!("{:.1} µs", 1e6 * s),
        s => format!("{:.2} ms", 1e3 * s),
    }
}
