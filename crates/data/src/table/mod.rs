//! Tables of numbers with names over their columns, from CSV files.
//!
//! ```text
//! month,passengers,note
//! 1949-01,112,
//! 1949-02,,"missing, as the cell is empty"
//! ```
//!
//! The first line names the columns. A cell that is empty or says `NA`, `N/A`, `NaN`, `null` or `none`, in whichever case, is
//! missing. A column whose other cells are all finite numbers is one of numbers, with NaN where a cell is missing; any other
//! is one of words, such as dates. The separator is the comma, the semicolon or the tab, whichever there are most of in the
//! first line.

use crate::error::{DataError, FormatError};
use crate::files;
use crate::moments::Moments;
use crate::names::unknown;
use std::path::Path;

mod parse;
mod problem;

pub use parse::parse;
pub use problem::CsvProblem;

/// The largest file: 256 MiB.
pub const MAX_CSV_BYTES: u64 = 1 << 28;

/// The most cells: 2²⁵, such as a million lines of 33. A cell of words takes 24 bytes besides its letters, so that a table takes
/// at most 800 MiB more than its file.
pub const MAX_CELLS: usize = 1 << 25;

/// The most columns.
pub const MAX_COLUMNS: usize = 1 << 16;

/// A file that is not a whole table.
pub type CsvError = FormatError<CsvProblem>;

/// Columns of one length, each with a name.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    name: String,
    rows: usize,
    columns: Vec<Column>,
}

/// One column.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// What stands over it.
    pub name: String,
    /// Its cells, from top to bottom.
    pub cells: Cells,
}

/// The cells of a column.
#[derive(Debug, Clone, PartialEq)]
pub enum Cells {
    /// All finite, but for NaN where a cell is missing.
    Numbers(Vec<f64>),
    /// As they are written; empty where a cell is missing.
    Words {
        /// The cells.
        cells: Vec<String>,
        /// The line of the first that is no number, counted from 1, and its text.
        first: (u64, String),
    },
}

impl Table {
    /// What the table is called: the file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The number of lines below the names.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The columns, from left to right.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The column of this name.
    ///
    /// # Errors
    /// If there is none; the nearest is named.
    pub fn column(&self, name: &str) -> Result<&Column, DataError> {
        let names: Vec<&str> = self.columns.iter().map(|c| c.name.as_str()).collect();
        self.columns.iter().find(|c| c.name == name).ok_or_else(|| DataError::Inconsistent {
            name: self.name.clone(),
            problem: unknown("column", name, &names),
        })
    }

    /// The numbers of the column of this name, NaN where one is missing.
    ///
    /// ```
    /// let table = glassbox_data::table::parse("air.csv", b"month,passengers\n1949-01,112\n1949-02,NA\n")?;
    /// let passengers = table.numbers("passengers")?;
    /// assert!(passengers[0] == 112.0 && passengers[1].is_nan());
    ///
    /// let error = table.numbers("month").unwrap_err().to_string();
    /// assert_eq!(error, "air.csv: column \"month\" is not one of numbers: line 2 says \"1949-01\"");
    /// # Ok::<(), glassbox_data::DataError>(())
    /// ```
    ///
    /// # Errors
    /// If there is none of that name, or one of its cells is no number.
    pub fn numbers(&self, name: &str) -> Result<&[f64], DataError> {
        match &self.column(name)?.cells {
            Cells::Numbers(numbers) => Ok(numbers),
            Cells::Words { first: (line, text), .. } => Err(DataError::Inconsistent {
                name: self.name.clone(),
                problem: format!("column {name:?} is not one of numbers: line {line} says {text:?}"),
            }),
        }
    }
}

impl Column {
    /// How many cells are missing.
    pub fn missing(&self) -> usize {
        match &self.cells {
            Cells::Numbers(numbers) => numbers.iter().filter(|x| x.is_nan()).count(),
            Cells::Words { cells, .. } => cells.iter().filter(|cell| cell.is_empty()).count(),
        }
    }

    /// Extremes, mean and spread of the numbers that are there; none for a column of words.
    pub fn moments(&self) -> Option<Moments> {
        match &self.cells {
            Cells::Numbers(numbers) => Some(numbers.iter().copied().filter(|x| !x.is_nan()).collect()),
            Cells::Words { .. } => None,
        }
    }
}

/// Reads a CSV file.
///
/// # Errors
/// If it cannot be read, is larger than [`MAX_CSV_BYTES`], or is not a table: see [`CsvProblem`].
pub fn read(path: &Path) -> Result<Table, DataError> {
    let bytes = files::read_at_most(path, MAX_CSV_BYTES)?;
    Ok(parse(&path.display().to_string(), &bytes)?)
}
