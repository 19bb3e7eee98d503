//! The border: from bytes of any origin to a [`Table`], or to what is wrong with them and in which line.

use super::{Cells, Column, CsvError, CsvProblem, MAX_CELLS, MAX_COLUMNS, Table};
use crate::error::FormatError;
use csv::{ErrorKind, ReaderBuilder, StringRecord};

/// Reads a CSV file from memory. `name` is what the errors call it.
///
/// # Errors
/// If the bytes are not a table: see [`CsvProblem`].
pub fn parse(name: &str, bytes: &[u8]) -> Result<Table, CsvError> {
    match columns(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)) {
        // the mark that Excel puts before UTF-8
        Ok((rows, columns)) => Ok(Table { name: name.to_string(), rows, columns }),
        Err(problem) => Err(FormatError { file: name.to_string(), problem }),
    }
}

fn columns(bytes: &[u8]) -> Result<(usize, Vec<Column>), CsvProblem> {
    let mut reader = ReaderBuilder::new().has_headers(false).delimiter(separator(bytes)).from_reader(bytes);
    let mut record = StringRecord::new();
    if !reader.read_record(&mut record).map_err(|e| problem(e, bytes))? {
        return Err(CsvProblem::Empty);
    }
    let names = names(&record)?;
    let mut columns: Vec<Cells> = names.iter().map(|_| Cells::Numbers(Vec::new())).collect();
    let (mut rows, mut lines) = (0, Lines::default());
    while reader.read_record(&mut record).map_err(|e| problem(e, bytes))? {
        rows += 1;
        if rows * columns.len() > MAX_CELLS {
            return Err(CsvProblem::Cells);
        }
        lines.advance(bytes, record.position().map_or(0, |p| p.byte()));
        for (cells, text) in columns.iter_mut().zip(&record) {
            cells.push(text.trim(), lines.line);
        }
    }
    if rows == 0 {
        return Err(CsvProblem::NoRows);
    }
    // A column that turned out to be one of words lost the spelling of its first cells, which were read as numbers.
    let turned: Vec<usize> = (0..columns.len()).filter(|&i| matches!(&columns[i], Cells::Words { .. })).collect();
    if !turned.is_empty() {
        spell_out(bytes, &turned, &mut columns)?;
    }
    Ok((rows, names.into_iter().zip(columns).map(|(name, cells)| Column { name, cells }).collect()))
}

/// The names of the columns; those without one are called after their place.
fn names(record: &StringRecord) -> Result<Vec<String>, CsvProblem> {
    if record.len() > MAX_COLUMNS {
        return Err(CsvProblem::Columns(record.len()));
    }
    if record.iter().all(|cell| number(cell.trim()).is_some_and(|x| !x.is_nan())) {
        return Err(CsvProblem::NoNames);
    }
    let name = |(i, cell): (usize, &str)| match cell.trim() {
        "" => format!("column {}", i + 1),
        name => name.to_string(),
    };
    let names: Vec<String> = record.iter().enumerate().map(name).collect();
    let mut sorted: Vec<&String> = names.iter().collect();
    sorted.sort();
    match sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(CsvProblem::SameName(pair[0].clone())),
        None => Ok(names),
    }
}

impl Cells {
    fn push(&mut self, text: &str, line: u64) {
        match self {
            Cells::Numbers(numbers) => match number(text) {
                Some(number) => numbers.push(number),
                None => *self = Cells::Words { cells: Vec::new(), first: (line, text.to_string()) },
            },
            Cells::Words { .. } => {} // read again at the end
        }
    }
}

/// Reads the columns of words again, from the top.
fn spell_out(bytes: &[u8], turned: &[usize], columns: &mut [Cells]) -> Result<(), CsvProblem> {
    let mut reader = ReaderBuilder::new().has_headers(false).delimiter(separator(bytes)).from_reader(bytes);
    let mut record = StringRecord::new();
    reader.read_record(&mut record).map_err(|e| problem(e, bytes))?; // the names
    while reader.read_record(&mut record).map_err(|e| problem(e, bytes))? {
        for &i in turned {
            if let (Cells::Words { cells, .. }, Some(text)) = (&mut columns[i], record.get(i)) {
                let text = text.trim();
                cells.push(if is_missing(text) { String::new() } else { text.to_string() });
            }
        }
    }
    Ok(())
}

/// A finite number, or NaN for a cell that is missing.
fn number(text: &str) -> Option<f64> {
    if is_missing(text) {
        return Some(f64::NAN);
    }
    text.parse().ok().filter(|x: &f64| x.is_finite())
}

fn is_missing(text: &str) -> bool {
    text.is_empty() || ["na", "n/a", "nan", "null", "none"].iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// The separator: of comma, semicolon and tab the one that there are most of in the first line, the first of equals.
fn separator(bytes: &[u8]) -> u8 {
    let line = bytes.split(|&b| b == b'\n').next().unwrap_or_default();
    let count = |separator: u8| line.iter().filter(|&&b| b == separator).count();
    b",;\t".iter().copied().reduce(|best, next| if count(next) > count(best) { next } else { best }).unwrap_or(b',')
}

/// Which line a place in the bytes is in, for places one after the other. A line ends by `\n`, by `\r\n` or by `\r` alone. (The
/// csv crate counts too, and is one line off after the second.)
#[derive(Default)]
struct Lines {
    at: usize,
    line: u64,
}

impl Lines {
    fn advance(&mut self, bytes: &[u8], to: u64) {
        // A record is said to begin with the rest of the line's end before it.
        let to = (to as usize).min(bytes.len());
        let to = to + bytes[to..].iter().take_while(|&&b| b == b'\r' || b == b'\n').count();
        let ends = |i: &usize| bytes[*i] == b'\n' || bytes[*i] == b'\r' && bytes.get(i + 1) != Some(&b'\n');
        self.line = self.line.max(1) + (self.at..to).filter(ends).count() as u64;
        self.at = to;
    }
}

fn problem(error: csv::Error, bytes: &[u8]) -> CsvProblem {
    let mut lines = Lines::default();
    lines.advance(bytes, error.position().map_or(0, |p| p.byte()));
    let line = lines.line;
    match error.kind() {
        ErrorKind::UnequalLengths { len, expected_len, .. } => {
            CsvProblem::Ragged { line, found: *len, expected: *expected_len }
        }
        // The bytes are in memory, so nothing else can fail than that they are no text.
        _ => CsvProblem::NotText { line },
    }
}
