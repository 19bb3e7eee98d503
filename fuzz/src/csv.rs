//! CSV files from anyone: columns of one length with names of their own, or an error.

use super::sentence;
use glassbox_data::table::{self, Cells};

pub fn check(bytes: &[u8]) {
    let table = match table::parse("fuzz", bytes) {
        Ok(table) => table,
        Err(error) => return sentence(error),
    };
    for column in table.columns() {
        let n = match &column.cells {
            Cells::Numbers(numbers) => {
                assert!(numbers.iter().all(|x| !x.is_infinite()));
                assert_eq!(column.moments().map(|m| m.n as usize), Some(numbers.len() - column.missing()));
                numbers.len()
            }
            Cells::Words { cells, first } => {
                assert!(first.0 >= 2, "line 1 has the names");
                cells.len()
            }
        };
        assert_eq!(n, table.rows());
        assert!(std::ptr::eq(table.column(&column.name).expect("it has this name"), column));
    }
}
