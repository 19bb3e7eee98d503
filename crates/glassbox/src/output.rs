//! Standard output: text for people and JSON for programs, without the panic of `println!` when the reader has gone.

use crate::failure::Failure;
use std::io::{self, Write};

/// Writes `text` to standard output.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(Failure::OutputClosed),
        Err(error) => Err(anyhow::Error::new(error).context("can't write to standard output").into()),
    }
}

/// Writes `document` and nothing else, as one JSON document with a line break at its end.
pub fn print_json(document: &serde_json::Value) -> Result<(), Failure> {
    print(&format!("{document:#}\n"))
}

/// Writes a sentence to standard error, beside what the command does.
pub fn note(sentence: &str) {
    // If standard error is closed there is nobody to tell.
    let _ = writeln!(io::stderr(), "glassbox: {sentence}");
}

/// Rows of cells as text with aligned columns; `right` says which columns are numbers. No spaces at line ends.
pub fn table(rows: &[Vec<String>], right: &[bool]) -> String {
    let mut widths = vec![0; right.len()];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for ((cell, &width), &right) in row.iter().zip(&widths).zip(right) {
            let cell = if right { format!("{cell:>width$}  ") } else { format!("{cell:<width$}  ") };
            line.push_str(&cell);
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_by_characters_not_bytes() {
        let rows = [["µ", "1"], ["softmax", "10"]].map(|r| r.map(String::from).to_vec());
        assert_eq!(table(&rows, &[false, true]), "µ         1\nsoftmax  10\n");
    }
}
