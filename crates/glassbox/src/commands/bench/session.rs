//! Everything that was measured in one go, with what it was measured on.

use super::limits::Limits;
use super::machine::Machine;
use super::measure::Row;
use glassbox_tensor::ceiling::{Ceilings, Floor};
use glassbox_tensor::simd::Isa;

/// A run of `glassbox bench`.
#[derive(Clone, Debug)]
pub struct Session {
    /// What it ran on.
    pub machine: Machine,
    /// What was computed with.
    pub isa: Isa,
    /// Threads of the pool.
    pub threads: usize,
    /// Whether the caches were emptied before each sample.
    pub cold: bool,
    /// The ceilings for their own sake.
    pub limits: Limits,
    /// The rows with their floors.
    pub rows: Vec<(Row, Floor)>,
}

/// How often a ceiling that was exceeded is measured again.
const AGAIN: usize = 3;

/// Puts the floor under each row. A row above its ceiling says that something disturbed the measurement of the ceiling, which is
/// the best of several runs; so it is measured again, a few times, and the best of all counts.
pub fn with_floors(rows: Vec<Row>, isa: Isa, ceilings: &mut Ceilings) -> Vec<(Row, Floor)> {
    for _ in 0..AGAIN {
        let above: Vec<&Row> = rows.iter().filter(|row| exceeds(row, row.floor(ceilings))).collect();
        if above.is_empty() {
            break;
        }
        above.iter().for_each(|row| ceilings.again(isa, row.flops, row.traffic, row.set()));
    }
    rows.into_iter()
        .map(|row| {
            let floor = row.floor(ceilings);
            (row, floor)
        })
        .collect()
}

/// Whether a row took less time than it can.
pub fn exceeds(row: &Row, floor: Floor) -> bool {
    row.share(floor).is_some_and(|share| share > 1.0)
}

impl Session {
    /// What a person must know who reads the numbers.
    pub fn warnings(&self) -> Vec<String> {
        let above = self.rows.iter().filter(|(row, floor)| exceeds(row, *floor)).map(|(row, floor)| {
            format!(
                "ceiling exceeded: {} {} reaches {:.1} % of what {} allows, so that ceiling is wrong here; measure again on a quiet \
                 machine",
                super::rows::title(row.name, row.size.as_deref()),
                row.pass.name(),
                100.0 * row.share(*floor).unwrap_or(f64::NAN),
                floor.bound.name()
            )
        });
        let changing = self.rows.iter().filter(|(row, _)| !row.same_bits).map(|(row, _)| {
            let title = super::rows::title(row.name, row.size.as_deref());
            format!(
                "{title} {} gave other bits in one round than in another: this is a bug in glassbox, please report it",
                row.pass.name()
            )
        });
        above.chain(changing).collect()
    }
}

/// A session of these rows on an invented machine, for tests.
#[cfg(test)]
pub fn session(rows: Vec<(Row, Floor)>) -> Session {
    let machine = Machine { processor: Some("a test".into()), governor: None, busy: Some(0.0) };
    Session { machine, isa: Isa::Scalar, threads: 2, cold: false, limits: super::limits::invented(), rows }
}

#[cfg(test)]
mod tests {
    use super::super::measure::row_of;
    use super::*;
    use glassbox_tensor::ceiling::Traffic;
    use glassbox_tensor::ceiling::traffic::{Rate, Stores};
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn a_row_above_its_ceiling_is_told_loudly_and_not_clipped() {
        let mut ceilings = Ceilings::new(100e9, |_, _| Rate { bytes_per_second: 10e9, stores: Stores::Plain });
        let traffic = Traffic { read: 5_000_000, written: 5_000_000 }; // 1 ms
        let rows = vec![row_of("exp", 1, traffic, &[0.8e-3; 15]), row_of("tanh", 1, traffic, &[1.5e-3; 15])];
        let rows = with_floors(rows, Isa::Scalar, &mut ceilings);
        assert_eq!(rows[0].0.share(rows[0].1).map(|share| (share * 100.0).round()), Some(125.0));
        let warnings = session(rows).warnings();
        assert_eq!(warnings.len(), 1);
        assert!(
            warnings[0].starts_with("ceiling exceeded: exp forward reaches 125.0 % of what memory allows"),
            "{warnings:?}"
        );
    }

    #[test]
    fn a_ceiling_that_was_exceeded_is_measured_again() {
        static CALLS: AtomicUsize = AtomicUsize::new(0);
        let mut ceilings = Ceilings::new(100e9, |_, _| {
            // disturbed at first, then as fast as it is
            let disturbed = CALLS.fetch_add(1, Ordering::SeqCst) == 0;
            Rate { bytes_per_second: if disturbed { 5e9 } else { 10e9 }, stores: Stores::Plain }
        });
        let row = row_of("exp", 1, Traffic { read: 5_000_000, written: 5_000_000 }, &[1.25e-3; 15]);
        let rows = with_floors(vec![row], Isa::Scalar, &mut ceilings);
        assert_eq!(rows[0].0.share(rows[0].1).map(|share| (share * 100.0).round()), Some(80.0));
        assert!(session(rows).warnings().is_empty());
        assert_eq!(CALLS.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn other_bits_in_another_round_are_told() {
        let mut row = row_of("exp", 1, Traffic::default(), &[1.0]);
        row.same_bits = false;
        let mut ceilings = Ceilings::new(1.0, |_, _| Rate { bytes_per_second: 1.0, stores: Stores::Plain });
        let warnings = session(with_floors(vec![row], Isa::Scalar, &mut ceilings)).warnings();
        assert!(warnings.iter().any(|w| w.starts_with("exp forward gave other bits")), "{warnings:?}");
    }
}
