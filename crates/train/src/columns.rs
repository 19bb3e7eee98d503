//! What pages for people are written with: text in columns, and numbers with a unit that fits.

/// Rows of cells as text with aligned columns, two spaces apart; `right` says which columns are numbers. No spaces at line ends.
///
/// ```
/// let rows = [["op", "calls"], ["softmax", "12"]].map(|row| row.map(String::from).to_vec());
/// assert_eq!(glassbox_train::columns(&rows, &[false, true]), "op       calls\nsoftmax     12\n");
/// ```
pub fn columns(rows: &[Vec<String>], right: &[bool]) -> String {
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

/// A number with the unit or the thousand, million or billion of it that fits.
///
/// ```
/// use glassbox_train::quantity;
/// assert_eq!([12, 3_400, 999_999_999].map(|n| quantity(n, "B")), ["12 B", "3.400 kB", "1.000 GB"]);
/// ```
pub fn quantity(n: u64, unit: &str) -> String {
    // What rounds to a thousand is one of the next unit.
    match n as f64 {
        x if x < 1e3 => format!("{n} {unit}"),
        x if x < 999.9995e3 => format!("{:.3} k{unit}", x / 1e3),
        x if x < 999.9995e6 => format!("{:.3} M{unit}", x / 1e6),
        x => format!("{:.3} G{unit}", x / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_by_characters_not_bytes() {
        let rows = [["µ", "1"], ["softmax", "10"]].map(|r| r.map(String::from).to_vec());
        assert_eq!(columns(&rows, &[false, true]), "µ         1\nsoftmax  10\n");
    }

    #[test]
    fn quantities_have_a_unit_that_fits() {
        assert_eq!(quantity(1_020_000_000, "FLOP"), "1.020 GFLOP");
        assert_eq!(
            [999, 1_000, 999_999, 999_999_499].map(|n| quantity(n, "B")),
            ["999 B", "1.000 kB", "999.999 kB", "999.999 MB"]
        );
        assert_eq!(quantity(999_999_500, "B"), "1.000 GB");
    }
}
