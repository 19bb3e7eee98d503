//! The words that are no letters.

/// Fills up what is shorter than the longest of a batch.
pub(crate) const PAD: u32 = 0;
/// Stands before an answer.
pub(crate) const BEGIN: u32 = 1;
/// Stands after it.
pub(crate) const END: u32 = 2;
/// How many there are: letters come after them.
pub(crate) const MARKS: usize = 3;
