//! The rows of a profile: a table for people, and JSON for programs.
//!
//! With n steps that took T seconds, an operation in a phase with t seconds, f FLOPs and b bytes has
//!
//! ```text
//! calls and ms of a step = calls / n, 1000·t / n       share = t / T
//! GFLOP/s = 10⁻⁹·f / t                                 GB/s = 10⁻⁹·b / t
//! ```
//!
//! The share of the roofline is floor / t, where no machine with these ceilings needs less than the floor: all FLOPs at the peak
//! of its arithmetic, or all bytes at the bandwidth of a working set as large as that of a mean call, whichever takes longer.
//!
//! f and b are what the operation's formula asks for ([`Cost`](glassbox_autograd::Cost)), not what a kernel happened to do.

use glassbox_autograd::profile::{Phase, Profile, Row};
use glassbox_tensor::HeapCount;
use glassbox_tensor::ceiling::{Ceilings, Traffic};
use glassbox_tensor::simd::Isa;
use serde_json::{Value, json};
use std::ops::Range;

/// What a training step consists of; evaluations and checkpoints lie between the steps.
const IN_STEPS: [Phase; 3] = [Phase::Forward, Phase::Backward, Phase::Optimiser];

/// The table for people, the file `profile.md`: what each operation of these steps of `what` cost.
///
/// ```
/// use glassbox_autograd::{Var, profile};
/// use glassbox_tensor::{Tensor, ceiling::Ceilings, simd::Isa};
/// profile::start(0);
/// let step = profile::Span::step();
/// Var::input(Tensor::ones([64, 64])).exp().sum_all().backward();
/// drop(step);
/// let table = glassbox_train::profile_table(&profile::stop(), "an exponential", &(0..1), &mut Ceilings::measure(Isa::current()));
/// assert!(table.starts_with("Profile of an exponential, steps 1 to 1: ") && table.contains("| backward | exp "));
/// ```
pub fn profile_table(profile: &Profile, what: &str, steps: &Range<u64>, ceilings: &mut Ceilings) -> String {
    let seconds = seconds(profile.nanoseconds);
    let each = 1e3 * seconds / profile.steps.max(1) as f64;
    let mut text = format!(
        "Profile of {what}, steps {} to {}: {each:.3} ms a step on {} with {}\n\n",
        steps.start + 1,
        steps.end,
        glassbox_tensor::counted(threads(), "thread"),
        Isa::current().name(),
    );
    let per = per_step(profile);
    let (inside, outside): (Vec<&Row>, Vec<&Row>) = profile.rows.iter().partition(|row| IN_STEPS.contains(&row.phase));
    let mut rows = vec![HEAD.map(String::from).to_vec()];
    rows.extend(inside.iter().map(|row| cells(row, per, seconds, ceilings)));
    let between = profile.nanoseconds.saturating_sub(inside.iter().map(|row| row.nanoseconds).sum());
    let name = "between operations".to_string();
    rows.push(
        [vec![String::new(), name, String::new()], times(between, per, seconds).to_vec(), vec![String::new(); 6]]
            .concat(),
    );
    text.push_str(&markdown(&rows));
    text.push_str("\nOf a step:");
    for phase in IN_STEPS {
        let total: u64 = inside.iter().filter(|row| row.phase == phase).map(|row| row.nanoseconds).sum();
        text.push_str(&format!(" {} {:.0}%,", phase.name(), 100.0 * ratio(total as f64, profile.nanoseconds as f64)));
    }
    let share = 100.0 * ratio(between as f64, profile.nanoseconds as f64);
    text.push_str(&format!(" between operations {share:.0}%.\n"));
    if !outside.is_empty() {
        let total: u64 = outside.iter().map(|row| row.nanoseconds).sum();
        text.push_str(&format!("\nOutside of the steps, all together ({:.3} s):\n\n", self::seconds(total)));
        let mut rows = vec![OUTSIDE.map(String::from).to_vec()];
        rows.extend(outside.iter().map(|row| {
            let (name, calls) = (row.name.to_string(), row.calls.to_string());
            let ms = format!("{:.3}", 1e3 * self::seconds(row.nanoseconds));
            vec![row.phase.name().to_string(), name, calls, ms]
        }));
        text.push_str(&markdown(&rows));
    }
    text
}

const HEAD: [&str; 11] = [
    "phase",
    "operation",
    "calls",
    "ms",
    "share",
    "GFLOP/s",
    "GB/s",
    "roofline",
    "allocations",
    "pool hits",
    "pool misses",
];
const OUTSIDE: [&str; 4] = ["phase", "operation", "calls", "ms"];

fn cells(row: &Row, per: f64, seconds: f64, ceilings: &mut Ceilings) -> Vec<String> {
    let names = [row.phase.name().to_string(), row.name.to_string(), number(row.calls as f64 * per)];
    let [flops, bytes] = rates(row).map(|rate| rate.map_or(String::new(), number));
    let roofline = roofline(row, ceilings).map_or(String::new(), |share| format!("{:.0}%", 100.0 * share));
    let memory = row.memory;
    let allocations = if counts_allocations() { number(memory.allocations as f64 * per) } else { String::new() };
    let pool = [memory.hits, memory.misses].map(|n| number(n as f64 * per));
    [&names[..], &times(row.nanoseconds, per, seconds), &[flops, bytes, roofline, allocations], &pool].concat()
}

/// ms of a step, and the share of the steps.
fn times(nanoseconds: u64, per: f64, seconds: f64) -> [String; 2] {
    let own = self::seconds(nanoseconds);
    [format!("{:.3}", 1e3 * own * per), format!("{:.1}%", 100.0 * ratio(own, seconds))]
}

/// The share of the roofline; none for a view, and for what isn't an operation with a cost.
fn roofline(row: &Row, ceilings: &mut Ceilings) -> Option<f64> {
    let traffic = Traffic { read: row.cost.bytes - row.written, written: row.written };
    let set = row.cost.bytes / row.calls.max(1);
    let floor = ceilings.floor(row.cost.flops, traffic, set as usize).seconds;
    (floor > 0.0 && row.nanoseconds > 0).then(|| floor / seconds(row.nanoseconds))
}

/// GFLOP/s and GB/s; none for a view, which does nothing and moves nothing.
fn rates(row: &Row) -> [Option<f64>; 2] {
    let rate = |work: u64| (work > 0 && row.nanoseconds > 0).then(|| work as f64 / row.nanoseconds as f64);
    [rate(row.cost.flops), rate(row.cost.bytes)]
}

/// Three digits that count, and no zeros after them.
fn number(x: f64) -> String {
    match x {
        x if x >= 100.0 || x == x.trunc() => format!("{x:.0}"),
        x if x >= 10.0 => format!("{x:.1}"),
        x => format!("{x:.2}"),
    }
}

/// The file `profile.json`.
pub(super) fn json(profile: &Profile, preset: &str, steps: &Range<u64>, ceilings: &mut Ceilings) -> Value {
    let allocations = |n: u64| if counts_allocations() { json!(n) } else { Value::Null };
    let peak = ceilings.peak;
    let row = |row: &Row| {
        let [gflops, gbps] = rates(row);
        json!({
            "phase": row.phase.name(),
            "operation": row.name,
            "calls": row.calls,
            "seconds": seconds(row.nanoseconds),
            "flops": row.cost.flops,
            "bytes": row.cost.bytes,
            "gflop_per_second": gflops,
            "gbyte_per_second": gbps,
            "roofline_share": roofline(row, ceilings),
            "allocations": allocations(row.memory.allocations),
            "pool_hits": row.memory.hits,
            "pool_misses": row.memory.misses,
        })
    };
    json!({
        "preset": preset,
        "first_step": steps.start + 1,
        "last_step": steps.end,
        "steps": profile.steps,
        "seconds": seconds(profile.nanoseconds),
        "threads": threads(),
        "instruction_set": Isa::current().name(),
        "peak_flops": peak,
        "allocations": allocations(profile.memory.allocations),
        "pool_hits": profile.memory.hits,
        "pool_misses": profile.memory.misses,
        "conventions": {
            "flops": "additions, multiplications and their like that the formula asks for; a transcendental function counts once",
            "bytes": "each input read once, the output written once; a view moves nothing",
            "backward": "as much as the forward pass, for each gradient that is wanted",
            "roofline_share": "the least time that the FLOPs or the bytes can take on this machine, by the time that was taken",
            "allocations": "of all threads while the operation ran; null where they are not counted",
        },
        "operations": profile.rows.iter().map(row).collect::<Vec<_>>(),
    })
}

fn seconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e9
}

/// What turns a sum over all steps into the mean of one.
fn per_step(profile: &Profile) -> f64 {
    1.0 / profile.steps.max(1) as f64
}

/// a / b, and 0 where nothing was measured.
fn ratio(a: f64, b: f64) -> f64 {
    if b > 0.0 { a / b } else { 0.0 }
}

/// Threads that kernels share their work among.
fn threads() -> usize {
    glassbox_tensor::parallel::threads()
}

/// Whether this program's allocator counts.
fn counts_allocations() -> bool {
    HeapCount::now().allocations > 0
}

/// A table of Markdown whose columns are aligned, so that it is as readable before it is rendered. The first two columns are
/// words, the others numbers.
fn markdown(rows: &[Vec<String>]) -> String {
    let columns = rows[0].len();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0).max(3);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for (i, row) in rows.iter().enumerate() {
        let cells = row.iter().zip(&widths).enumerate();
        let cells: Vec<String> = cells
            .map(
                |(column, (cell, &width))| {
                    if column < 2 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
                },
            )
            .collect();
        text.push_str(&format!("| {} |\n", cells.join(" | ")));
        if i == 0 {
            let rule = |column: usize| {
                let dashes = "-".repeat(widths[column] - 1);
                if column < 2 { format!("{dashes}-") } else { format!("{dashes}:") }
            };
            let rules: Vec<String> = (0..columns).map(rule).collect();
            text.push_str(&format!("| {} |\n", rules.join(" | ")));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use glassbox_autograd::Cost;
    use glassbox_autograd::profile::Memory;
    use glassbox_tensor::ceiling::traffic::{Rate, Stores};

    /// Two steps of 10 ms each: a product of 4 ms and 8 GFLOP in each, a sum of gradients of 1 ms, and an evaluation.
    fn profile() -> Profile {
        let row = |phase, name, calls, nanoseconds, flops, bytes| Row {
            phase,
            name,
            calls,
            nanoseconds,
            cost: Cost { flops, bytes },
            written: bytes / 2,
            memory: Memory { allocations: 0, hits: 3 * calls, misses: 0 },
        };
        Profile {
            steps: 2,
            nanoseconds: 20_000_000,
            rows: vec![
                row(Phase::Forward, "matmul", 2, 8_000_000, 16_000_000_000, 80_000_000),
                row(Phase::Backward, "sum of gradients", 5, 2_000_000, 1_000_000, 24_000_000),
                row(Phase::Evaluation, "matmul", 1, 1_500_000, 1, 1),
                row(Phase::Forward, "reshape", 4, 1_000, 0, 0),
            ],
            ..Profile::default()
        }
    }

    /// 10 TFLOP/s and 100 GB/s.
    fn ceilings() -> Ceilings {
        Ceilings::new(10e12, |_, _| Rate { bytes_per_second: 100e9, stores: Stores::Plain })
    }

    #[test]
    fn the_table_says_what_a_step_costs() {
        let text = profile_table(&profile(), "vae", &(3..5), &mut ceilings());
        assert!(text.starts_with("Profile of vae, steps 4 to 5: 10.000 ms a step on "), "{text}");
        let cells = |name: &str| -> Vec<String> {
            let line = text.lines().find(|line| line.contains(name)).unwrap_or_else(|| panic!("no {name} in {text}"));
            line.trim_matches('|').split('|').map(|cell| cell.trim().to_string()).collect()
        };
        assert_eq!(cells("matmul"), ["forward", "matmul", "1", "4.000", "40.0%", "2000", "10", "20%", "", "3", "0"]);
        let sum = ["backward", "sum of gradients", "2.50", "1.000", "10.0%", "0.50", "12", "12%", "", "7.50", "0"];
        assert_eq!(cells("sum of gradients"), sum);
        assert_eq!(cells("reshape")[5..8], ["", "", ""], "a view has no rate");
        assert_eq!(cells("between operations")[3..5], ["4.999", "50.0%"]);
        assert!(
            text.contains("Of a step: forward 40%, backward 10%, optimiser 0%, between operations 50%.\n"),
            "{text}"
        );
        assert!(text.contains("\nOutside of the steps, all together (0.002 s):\n"), "{text}");
        let widths: Vec<usize> = text.lines().filter(|l| l.starts_with('|')).map(|l| l.chars().count()).collect();
        assert!(widths[..6].iter().all(|w| *w == widths[0]), "columns are aligned:\n{text}");
    }

    #[test]
    fn the_json_has_every_number() {
        let json = json(&profile(), "vae", &(3..5), &mut ceilings());
        assert_eq!((&json["steps"], &json["seconds"], &json["first_step"]), (&json!(2), &json!(0.02), &json!(4)));
        let matmul = &json["operations"][0];
        assert_eq!((&matmul["gflop_per_second"], &matmul["seconds"]), (&json!(2000.0), &json!(0.008)));
        assert_eq!(json["operations"][3]["gbyte_per_second"], Value::Null);
    }

    #[test]
    fn no_steps_are_no_division_by_zero() {
        let text = profile_table(&Profile::default(), "vae", &(0..0), &mut ceilings());
        assert!(text.contains("0.000 ms a step") && !text.contains("NaN"), "{text}");
    }
}
