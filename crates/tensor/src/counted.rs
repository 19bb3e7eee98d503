//! Numbers in sentences.

use std::fmt::Display;

/// A number with its noun, which is plural unless the number is 1. What is wrong with shapes and files is said in sentences.
///
/// ```
/// use glassbox_tensor::counted;
/// assert_eq!([counted(1, "axis"), counted(3, "axis"), counted(0, "entry")], ["1 axis", "3 axes", "0 entries"]);
/// assert_eq!([counted(2u8, "class"), counted(2u64, "row")], ["2 classes", "2 rows"]);
/// ```
pub fn counted<N: Display + PartialEq + From<u8>>(n: N, noun: &str) -> String {
    if n == N::from(1) {
        return format!("{n} {noun}");
    }
    if let Some(stem) = noun.strip_suffix("is") {
        return format!("{n} {stem}es"); // axis
    }
    match noun.strip_suffix('y') {
        Some(stem) => format!("{n} {stem}ies"),                  // entry
        None if noun.ends_with("ss") => format!("{n} {noun}es"), // class
        None => format!("{n} {noun}s"),
    }
}
