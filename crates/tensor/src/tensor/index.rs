//! `x.index((1, .., 2..5))`: an entry or a range of each axis.

use super::Tensor;
use crate::counted;
use std::ops::{Range, RangeFrom, RangeFull, RangeInclusive, RangeTo, RangeToInclusive};

/// What is taken of one axis: an entry, and the axis vanishes; or a range. Made from `3`, `2..5`, `2..`, `..5`, `..`,
/// `2..=4`.
///
/// ```
/// use glassbox_tensor::Pick;
/// assert_eq!(Pick::from(3), Pick::Entry(3));
/// assert_eq!([Pick::from(2..5), Pick::from(..)], [Pick::Span(2, Some(5)), Pick::Span(0, None)]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pick {
    /// One entry.
    Entry(usize),
    /// Entries from the first number up to, but not, the second; to the end without one.
    Span(usize, Option<usize>),
}

/// Ranges that Rust can write, as a [`Pick`]. A list, so a macro.
macro_rules! picks {
    ($($from:ty: $x:pat => $pick:expr;)+) => {$(
        impl From<$from> for Pick {
            fn from($x: $from) -> Pick {
                $pick
            }
        }
    )+};
}

picks! {
    usize: i => Pick::Entry(i);
    Range<usize>: Range { start, end } => Pick::Span(start, Some(end));
    RangeFrom<usize>: RangeFrom { start } => Pick::Span(start, None);
    RangeTo<usize>: RangeTo { end } => Pick::Span(0, Some(end));
    RangeToInclusive<usize>: RangeToInclusive { end } => Pick::Span(0, Some(end.saturating_add(1)));
    RangeInclusive<usize>: range => Pick::Span(*range.start(), Some(range.end().saturating_add(1)));
    RangeFull: _ => Pick::Span(0, None);
}

/// A tuple of up to eight picks, one for each of the first axes; the axes after them stay whole.
pub trait Picks {
    /// The picks in the order of the axes.
    fn picks(self) -> Vec<Pick>;
}

macro_rules! tuples {
    ($(($($name:ident)+))+) => {$(
        impl<$($name: Into<Pick>),+> Picks for ($($name,)+) {
            fn picks(self) -> Vec<Pick> {
                #[allow(non_snake_case)] // the letters are types first
                let ($($name,)+) = self;
                vec![$($name.into()),+]
            }
        }
    )+};
}

tuples! {
    (A) (A B) (A B C) (A B C D) (A B C D E) (A B C D E F) (A B C D E F G) (A B C D E F G H)
}

/// What [`Picks`] take of a shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picked {
    /// (start, length) on each axis of the shape.
    pub ranges: Vec<(usize, usize)>,
    /// The lengths of the axes that stay.
    pub shape: Vec<usize>,
}

impl Picked {
    /// Checks `picks` against a shape.
    ///
    /// ```
    /// use glassbox_tensor::Picked;
    /// let picked = Picked::new((1, 2..), &[3, 4, 5]);
    /// assert_eq!((picked.ranges, picked.shape), (vec![(1, 1), (2, 2), (0, 5)], vec![2, 5]));
    /// ```
    ///
    /// # Panics
    /// When there are more picks than axes, or an axis is shorter than what is taken of it.
    #[track_caller]
    pub fn new(picks: impl Picks, shape: &[usize]) -> Picked {
        let picks = picks.picks();
        let (given, rank) = (picks.len(), shape.len());
        assert!(
            given <= rank,
            "index: {given} picks for shape {shape:?}, which has {rank}; pick once for each axis",
            rank = counted(rank, "axis")
        );
        let mut picked = Picked { ranges: Vec::new(), shape: Vec::new() };
        for (axis, &dim) in shape.iter().enumerate() {
            match picks.get(axis).copied().unwrap_or(Pick::Span(0, None)) {
                Pick::Entry(i) => {
                    assert!(
                        i < dim,
                        "index: entry {i} on axis {axis} of shape {shape:?}, which has {dim}; the first is 0"
                    );
                    picked.ranges.push((i, 1));
                }
                Pick::Span(start, end) => {
                    let end = end.unwrap_or(dim);
                    let fits = start <= end && end <= dim;
                    assert!(
                        fits,
                        "index: entries {start}..{end} on axis {axis} of shape {shape:?}, which has {dim}; end at {dim} or before"
                    );
                    picked.ranges.push((start, end - start));
                    picked.shape.push(end - start);
                }
            }
        }
        picked
    }
}

impl Tensor {
    /// An entry or a range of each of the first axes; the axes after them stay whole. An axis of which one entry is
    /// taken vanishes. A view.
    ///
    /// ```
    /// use glassbox_tensor::tensor;
    /// let x = tensor![[1., 2., 3.], [4., 5., 6.]];
    /// assert_eq!(x.index((1,)), tensor![4., 5., 6.]);
    /// assert_eq!(x.index((.., 1..)), tensor![[2., 3.], [5., 6.]]);
    /// assert_eq!(x.index((0, 2)).item(), 3.0);
    /// ```
    ///
    /// # Panics
    /// When there are more picks than axes, or an axis is shorter than what is taken of it.
    #[track_caller]
    pub fn index(&self, picks: impl Picks) -> Tensor {
        let picked = Picked::new(picks, self.shape());
        let ranges = picked.ranges.iter().enumerate();
        let cut = ranges.fold(self.clone(), |x, (axis, &(start, len))| x.narrow(axis as isize, start, len));
        cut.reshape(picked.shape)
    }
}
