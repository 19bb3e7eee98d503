//! What can be wrong with a CSV file, in words.

use super::{MAX_CELLS, MAX_COLUMNS};
use glassbox_tensor::counted;
use thiserror::Error;

/// What is wrong with the bytes.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CsvProblem {
    /// There is no first line.
    #[error("no table: the file is empty; the first line names the columns")]
    Empty,

    /// There is nothing below the names.
    #[error("no lines below the names of the columns")]
    NoRows,

    /// The first line has no names.
    #[error("line 1 has numbers where the names of the columns should be; write a line of names above it")]
    NoNames,

    /// Two columns of one name.
    #[error("two columns are called {0:?}; give each a name of its own")]
    SameName(String),

    /// More columns than are read.
    #[error("{0} columns; at most {MAX_COLUMNS} are read")]
    Columns(usize),

    /// More cells than are read.
    #[error("more than {MAX_CELLS} cells; cut the table into files")]
    Cells,

    /// A line of another length.
    #[error(
        "line {line} has {} and the first has {expected}; a cell with a separator in it wants quotes around",
        counted(*found, "cell")
    )]
    Ragged {
        /// The line, counted from 1.
        line: u64,
        /// Its cells.
        found: u64,
        /// The cells of the first line.
        expected: u64,
    },

    /// Bytes that are no text.
    #[error("line {line} is not UTF-8 text; save the table as UTF-8")]
    NotText {
        /// The line, counted from 1.
        line: u64,
    },
}
