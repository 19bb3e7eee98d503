//! A session as a person reads it.

use super::limits::{Limits, Peak};
use super::machine::{COMMIT, RUSTC};
use super::rows::title;
use super::session::{Session, exceeds};
use glassbox_tensor::ceiling::{Bound, Floor, Mix};
use glassbox_tensor::counted;
use glassbox_train::columns;

use super::measure::Row;

/// All of it.
pub fn text(session: &Session) -> String {
    let rows: Vec<Vec<String>> = std::iter::once(TITLES.map(String::from).to_vec())
        .chain(session.rows.iter().map(|(row, floor)| cells(row, *floor)))
        .collect();
    format!("{}\n{}", heading(session), columns(&rows, &[false, false, false, true, true, true, true, false, true]))
}

const TITLES: [&str; 9] = ["work", "", "inputs", "time", "spread", "GFLOP/s", "GB/s", "bound by", "share"];

fn heading(session: &Session) -> String {
    let Session { machine, isa, threads, cold, limits, .. } = session;
    let governor =
        machine.governor.as_ref().map_or("frequencies are not ours to see".to_string(), |g| format!("governor {g}"));
    let caches = if *cold { "; caches emptied before each call" } else { "" };
    format!(
        "{}, {}, {}; {governor}; {RUSTC}, commit {COMMIT}{caches}\n\n{}\n\
         A share is of the ceiling that binds: the multiply-adds of {}, or the bandwidth of as many bytes, read and written in the \
         same mix.\n",
        machine.processor(),
        isa.name(),
        counted(*threads, "thread"),
        ceilings(limits),
        isa.name(),
    )
}

fn ceilings(limits: &Limits) -> String {
    let peak = |&Peak { isa, one, all }: &Peak| {
        vec![isa.name().to_string(), format!("{:.1}", one / 1e9), format!("{:.1}", all / 1e9)]
    };
    let head = vec![["multiply-adds, GFLOP/s", "one thread", "all threads"].map(String::from).to_vec()];
    let peaks =
        columns(&head.into_iter().chain(limits.peaks.iter().map(peak)).collect::<Vec<_>>(), &[false, true, true]);
    let names = Mix::ALL.iter().map(|mix| match *mix {
        Mix::READ => "read".to_string(),
        Mix::COPY => "copy".to_string(),
        Mix::WRITE => "write".to_string(),
        other => other.name(),
    });
    let mut levels = vec![["bandwidth, GB/s".to_string()].into_iter().chain(names).collect::<Vec<_>>()];
    for level in &limits.levels {
        let rates = level.rates.iter().map(|rate| format!("{:.1}", rate.bytes_per_second / 1e9));
        levels.push([format!("{}, {}", level.name, bytes(level.set))].into_iter().chain(rates).collect());
    }
    let levels = columns(&levels, &[false, true, true, true, true, true, true]);
    let hand_over = limits.hand_over.map_or(String::new(), |h| {
        format!(
            "work reaches all threads in {} when they are awake, and in {} when they sleep\n",
            time(h.awake),
            time(h.parked)
        )
    });
    format!("{peaks}\n{levels}{hand_over}")
}

fn cells(row: &Row, floor: Floor) -> Vec<String> {
    let seconds = row.seconds();
    let shapes: Vec<String> = row.shapes.iter().map(|s| format!("{s:?}")).collect();
    let or_dash = |text: String| if floor.bound == Bound::Nothing { "-".to_string() } else { text };
    let share = row.share(floor).map_or("-".to_string(), |share| format!("{:.0} %", 100.0 * share));
    vec![
        title(row.name, row.size.as_deref()),
        row.pass.name().to_string(),
        if row.size.is_some() { String::new() } else { shapes.join(" ") },
        time(seconds),
        format!("{:.1} %", 100.0 * row.spread()),
        or_dash(format!("{:.1}", row.flops as f64 / seconds / 1e9)),
        or_dash(format!("{:.1}", row.traffic.bytes() as f64 / seconds / 1e9)),
        floor.bound.name().to_string(),
        if exceeds(row, floor) { format!("{share} (!)") } else { share },
    ]
}

/// Seconds in the unit that reads best.
pub fn time(seconds: f64) -> String {
    match seconds {
        s if s < 1e-6 => format!("{:.0} ns", 1e9 * s),
        s if s < 1e-3 => format!("{:.1} µs", 1e6 * s),
        s => format!("{:.2} ms", 1e3 * s),
    }
}

fn bytes(n: usize) -> String {
    match n {
        n if n >= 1 << 20 => format!("{} MiB", n >> 20),
        n => format!("{} KiB", n >> 10),
    }
}

#[cfg(test)]
mod tests {
    use super::super::measure::row_of;
    use super::super::session::{session, with_floors};
    use super::*;
    use glassbox_tensor::ceiling::traffic::{Rate, Stores};
    use glassbox_tensor::ceiling::{Ceilings, Traffic};
    use glassbox_tensor::simd::Isa;

    #[test]
    fn a_row_says_time_spread_rates_and_the_share_of_its_ceiling() {
        let mut ceilings = Ceilings::new(100e9, |_, _| Rate { bytes_per_second: 10e9, stores: Stores::Plain });
        let traffic = Traffic { read: 10_000_000, written: 10_000_000 };
        let rows = vec![
            row_of("exp", 4_000_000, traffic, &[4e-3; 15]),
            row_of("narrow", 0, Traffic::default(), &[1e-7; 15]),
            row_of("tanh", 0, traffic, &[1e-3; 15]),
        ];
        let text = text(&session(with_floors(rows, Isa::Scalar, &mut ceilings)));
        let line = |name: &str| {
            let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{text}"));
            line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect::<Vec<_>>()
        };
        assert_eq!(line("exp"), ["exp", "forward", "[2, 3]", "4.00 ms", "0.0 %", "1.0", "5.0", "memory", "50 %"]);
        assert_eq!(line("narrow"), ["narrow", "forward", "[2, 3]", "100 ns", "0.0 %", "-", "-", "a view", "-"]);
        assert_eq!(line("tanh").last(), Some(&"200 % (!)"));
        assert!(text.starts_with("a test, scalar, 2 threads; frequencies are not ours to see; "), "{text}");
        assert!(
            text.contains("memory, 256 MiB") && text.contains("in 1.0 µs when they are awake, and in 20.0 µs"),
            "{text}"
        );
    }
}
