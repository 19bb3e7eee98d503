//! Numbers in sentences.

use std::fmt::{Display, Formatter, Result};

/// A number with its noun, which is plural unless the number is 1: what is wrong with shapes and files is said in sentences.
///
/// ```
/// use glassbox_tensor::counted;
/// assert_eq!(format!("{}, {}", counted(1, "axis"), counted(3, "axis")), "1 axis, 3 axes");
/// assert_eq!(format!("{}, {}", counted(0u8, "entry"), counted(2u64, "class")), "0 entries, 2 classes");
/// ```
pub fn counted<N: Display + PartialEq + From<u8>>(n: N, noun: &str) -> Counted<'_, N> {
    Counted { n, noun }
}

/// What [`counted`] returns. It becomes text only when it is shown, which most sentences never are.
#[derive(Debug, Clone, Copy)]
pub struct Counted<'a, N> {
    n: N,
    noun: &'a str,
}

impl<N: Display + PartialEq + From<u8>> Display for Counted<'_, N> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let Counted { n, noun } = self;
        if *n == N::from(1) {
            return write!(f, "{n} {noun}");
        }
        match (noun.strip_suffix("is"), noun.strip_suffix('y')) {
            (Some(stem), _) => write!(f, "{n} {stem}es"),           // axis
            (_, Some(stem)) => write!(f, "{n} {stem}ies"),          // entry
            _ if noun.ends_with("ss") => write!(f, "{n} {noun}es"), // class
            _ => write!(f, "{n} {noun}s"),
        }
    }
}
