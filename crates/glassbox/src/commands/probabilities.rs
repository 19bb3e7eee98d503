//! `--show-probabilities`: how likely each token was, in colours or as a list.

use glassbox_train::Piece;

/// From which probability on a token has which of the 256 colours of terminals: red is a surprise, green was expected.
const SHADES: [(f64, u8); 5] = [(0.5, 34), (0.2, 148), (0.05, 220), (0.01, 208), (0.0, 196)];

/// Shows tokens with their probabilities.
pub struct Probabilities {
    coloured: bool,
}

impl Probabilities {
    /// In colours, or as a line for each token.
    pub fn new(coloured: bool) -> Self {
        Self { coloured }
    }

    /// Whether it is in colours.
    pub fn coloured(&self) -> bool {
        self.coloured
    }

    /// What is to be written of a token, `text` being what can be said of it now.
    pub fn say(&mut self, piece: &Piece<'_>, text: &str) -> String {
        match (self.coloured, piece.token) {
            (false, Some(token)) => format!("{token:?} {:.4}\n", piece.probability()),
            (false, None) => String::new(),
            (true, Some(_)) if !text.is_empty() => painted(piece.probability(), text),
            (true, _) => text.to_string(),
        }
    }

    /// What the colours mean; nothing if there are none.
    pub fn legend(&self) -> String {
        if !self.coloured {
            return String::new();
        }
        let shades = SHADES.iter().rev().map(|&(least, _)| painted(least, &format!("{least}")));
        format!("probability from {}\n", shades.collect::<Vec<_>>().join(" "))
    }
}

fn painted(probability: f64, text: &str) -> String {
    let (_, colour) = SHADES.iter().find(|(least, _)| probability >= *least).unwrap_or(&SHADES[SHADES.len() - 1]);
    format!("\x1b[38;5;{colour}m{text}\x1b[0m")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_the_colour_of_its_probability_or_a_line_of_its_own() {
        let piece = Piece::new(" b\n", " b\n", &|| 0.25);
        assert_eq!(Probabilities::new(true).say(&piece, " b\n"), "\x1b[38;5;148m b\n\x1b[0m");
        assert_eq!(Probabilities::new(false).say(&piece, " b\n"), "\" b\\n\" 0.2500\n");
        assert_eq!(Probabilities::new(true).say(&Piece::new("", "\u{fffd}", &|| 0.25), ""), "");
        assert_eq!(Probabilities::new(false).say(&Piece::rest("ab"), "ab"), "");
        assert!(painted(f64::NAN, "x").contains("196"));
        assert!(Probabilities::new(true).legend().contains("\x1b[38;5;34m0.5"));
    }
}
