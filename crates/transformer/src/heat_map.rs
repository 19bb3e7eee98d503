//! Matrices between tokens as drawings: masks, attention, derivatives.

use std::fmt::Write;

/// A square, its label's size, and the room around, in pixels.
const CELL: usize = 17;
const FONT: usize = 11;
const MARGIN: usize = 12;

/// A matrix with a token for each row and each column.
pub(crate) struct Grid {
    /// What it is.
    pub title: String,
    /// The tokens of the rows: who looks.
    pub rows: Vec<String>,
    /// The tokens of the columns: what is looked at.
    pub columns: Vec<String>,
    /// Row by row: 0 for nothing, which is left empty, else up to 1, the darkest.
    pub values: Vec<f32>,
}

impl Grid {
    fn width(&self) -> usize {
        let titled = self.title.chars().count() * FONT * 6 / 10;
        (label_room(&self.rows) + self.columns.len() * CELL).max(titled) + MARGIN
    }

    fn height(&self) -> usize {
        2 * FONT + label_room(&self.columns) + self.rows.len() * CELL + 2 * MARGIN
    }

    /// Draws it with its left upper corner there.
    fn draw(&self, svg: &mut String, [x, y]: [usize; 2]) {
        assert_eq!(self.values.len(), self.rows.len() * self.columns.len(), "{}: a value for each square", self.title);
        let (left, top) = (x + label_room(&self.rows), y + 2 * FONT + label_room(&self.columns));
        let (wide, high) = (self.columns.len() * CELL, self.rows.len() * CELL);
        let _ =
            writeln!(svg, "<text x=\"{x}\" y=\"{}\" font-weight=\"bold\">{}</text>", y + FONT, escaped(&self.title));
        let _ = writeln!(svg, "<rect x=\"{left}\" y=\"{top}\" width=\"{wide}\" height=\"{high}\" fill=\"#eceff4\"/>");
        for (i, label) in self.columns.iter().enumerate() {
            let (x, y) = (left + i * CELL + CELL / 2, top - 4);
            // One letter stands upright, a word is turned.
            let (anchor, turned) = match label.chars().count() {
                1 => ("middle", String::new()),
                _ => ("start", format!(" transform=\"rotate(-90 {} {y})\"", x + FONT / 3)),
            };
            let x = if turned.is_empty() { x } else { x + FONT / 3 };
            let label = escaped(label);
            let _ = writeln!(svg, "<text x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\"{turned}>{label}</text>");
        }
        for (i, label) in self.rows.iter().enumerate() {
            let (x, y) = (left - 5, top + i * CELL + CELL / 2 + FONT / 3);
            let _ = writeln!(svg, "<text x=\"{x}\" y=\"{y}\" text-anchor=\"end\">{}</text>", escaped(label));
        }
        for (i, &value) in self.values.iter().enumerate().filter(|(_, value)| **value > 0.0) {
            let (x, y) = (left + i % self.columns.len() * CELL, top + i / self.columns.len() * CELL);
            let (size, colour) = (CELL - 1, colour(value));
            let _ = writeln!(svg, "<rect x=\"{x}\" y=\"{y}\" width=\"{size}\" height=\"{size}\" fill=\"{colour}\"/>");
        }
    }
}

/// The grids as one SVG document, `across` of them in a row.
pub(crate) fn heat_maps(grids: &[Grid], across: usize) -> String {
    let (mut body, mut width, mut y) = (String::new(), 0, MARGIN);
    for row in grids.chunks(across) {
        let mut x = MARGIN;
        for grid in row {
            grid.draw(&mut body, [x, y]);
            x += grid.width() + MARGIN;
        }
        width = width.max(x);
        y += row.iter().map(Grid::height).max().unwrap_or(0);
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{y}\" viewBox=\"0 0 {width} {y}\" \
         font-family=\"monospace\" font-size=\"{FONT}\" fill=\"#1c2330\">\n\
         <rect width=\"{width}\" height=\"{y}\" fill=\"white\"/>\n{body}</svg>\n"
    )
}

/// The room that the longest of the labels takes.
fn label_room(labels: &[String]) -> usize {
    labels.iter().map(|label| label.chars().count()).max().unwrap_or(0) * FONT * 6 / 10 + 8
}

/// From a light yellow by orange to a dark violet, so that a print without colours has the same order.
fn colour(value: f32) -> String {
    const STOPS: [[f32; 3]; 4] = [[255.0, 244.0, 200.0], [250.0, 176.0, 92.0], [200.0, 62.0, 90.0], [66.0, 14.0, 92.0]];
    let at = value.clamp(0.0, 1.0) * (STOPS.len() - 1) as f32;
    let i = (at as usize).min(STOPS.len() - 2);
    let mix = |c: usize| (STOPS[i][c] + (STOPS[i + 1][c] - STOPS[i][c]) * (at - i as f32)).round() as u8;
    format!("#{:02x}{:02x}{:02x}", mix(0), mix(1), mix(2))
}

/// A token as a label: spaces and line ends are seen.
pub(crate) fn shown(token: &str) -> String {
    let plain = |c: char| match c {
        ' ' => '␣',
        '\n' => '↵',
        '\t' => '⇥',
        c if c.is_control() => char::REPLACEMENT_CHARACTER,
        c => c,
    };
    token.chars().map(plain).collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(values: &[f32]) -> Grid {
        let names = |names: &[&str]| names.iter().map(|name| name.to_string()).collect();
        Grid {
            title: "a < b".into(),
            rows: names(&["a", "&"]),
            columns: names(&["x", "y", "end"]),
            values: values.to_vec(),
        }
    }

    #[test]
    fn what_is_zero_is_left_empty_and_what_is_more_is_darker() {
        let svg = heat_maps(&[grid(&[0.0, 0.1, 0.5, 1.0, 0.0, 0.0])], 1);
        assert_eq!(svg.matches("width=\"16\"").count(), 3);
        let brightness = |value: f32| {
            let n = u32::from_str_radix(&colour(value)[1..], 16).unwrap();
            3 * (n >> 16) + 6 * (n >> 8 & 255) + (n & 255)
        };
        assert!((0..20).all(|i| brightness(i as f32 / 20.0) > brightness((i + 1) as f32 / 20.0)));
        assert!(svg.contains("a &lt; b") && svg.contains(">&amp;<") && svg.contains("rotate(-90"));
    }

    #[test]
    fn grids_stand_beside_and_below_each_other() {
        let one = || grid(&[1.0; 6]);
        let size = |svg: String| {
            let number = |name: &str| {
                svg.split(&format!(" {name}=\"")).nth(1).unwrap().split('"').next().unwrap().parse::<usize>()
            };
            [number("width").unwrap(), number("height").unwrap()]
        };
        let [[w1, h1], [w2, h2], [w3, h3]] = [
            size(heat_maps(&[one()], 2)),
            size(heat_maps(&[one(), one()], 2)),
            size(heat_maps(&[one(), one(), one()], 2)),
        ];
        assert!(w2 > 3 * w1 / 2 && h2 == h1 && w3 == w2 && h3 > 3 * h1 / 2);
    }

    #[test]
    fn spaces_and_ends_of_lines_are_seen() {
        assert_eq!(shown(" a\n\u{1b}"), "␣a↵\u{fffd}");
    }
}
