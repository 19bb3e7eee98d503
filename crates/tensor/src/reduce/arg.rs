//! Where the largest or the smallest element stands.

use super::extreme::Extreme;
use super::{COLUMNS, Columns, Fold, reduce_into, reduced_shape};
use crate::ids::Ids;
use crate::shape::axis_mask;
use crate::simd::{Simd, UpdateLanes, update_lanes};
use crate::tensor::Tensor;

/// The place of the extreme: the first of equal ones, and of NaNs, which win as they do in [`Extreme`].
#[derive(Clone, Copy)]
struct Arg<const MIN: bool>;

/// An extreme and its place; no place when there is no element.
#[derive(Clone, Copy)]
struct Place {
    value: f32,
    index: Option<u32>,
}

impl<const MIN: bool> Arg<MIN> {
    fn beats(self, a: f32, b: f32) -> bool {
        (if MIN { a < b } else { a > b }) || (a.is_nan() && !b.is_nan())
    }
}

impl<const MIN: bool> Fold for Arg<MIN> {
    type Part = Place;
    type Out = u32;

    fn nothing(self) -> Place {
        Place { value: 0.0, index: None }
    }
    #[inline(always)]
    fn row<S: Simd>(self, s: S, x: &[f32], at: usize) -> Place {
        // First in which stretch the extreme is, by vectors, then where in that stretch.
        let length = 16 * S::LANES;
        let (mut value, mut stretch) = (Extreme::<MIN>.of_row(s, &x[..length.min(x.len())]), 0);
        for (i, part) in x.chunks(length).enumerate().skip(1) {
            let extreme = Extreme::<MIN>.of_row(s, part);
            if self.beats(extreme, value) {
                (value, stretch) = (extreme, i * length);
            }
        }
        let found = x[stretch..].iter().position(|&x| x == value || (x.is_nan() && value.is_nan()));
        Place { value, index: found.map(|i| (at + stretch + i) as u32) }
    }
    fn join(self, a: Place, b: Place) -> Place {
        if a.index.is_none() || (b.index.is_some() && self.beats(b.value, a.value)) { b } else { a }
    }
    fn finish(self, place: Place) -> u32 {
        place.index.unwrap_or(0)
    }
    #[inline(always)]
    fn columns<S: Simd, T>(self, s: S, x: Columns<'_>, at: usize, out: &mut [T], emit: impl Fn(Place) -> T) {
        let (mut value, mut index) = ([0.0f32; COLUMNS], [0.0f32; COLUMNS]);
        let (value, index) = (&mut value[..x.width], &mut index[..x.width]);
        value.copy_from_slice(x.row(0));
        for row in 1..x.rows {
            update_lanes(s, &Challenge::<MIN> { row: row as f32 }, [&mut *value, &mut *index], [x.row(row)]);
        }
        for (out, (&mut value, &mut index)) in out.iter_mut().zip(value.iter_mut().zip(index)) {
            *out = emit(Place { value, index: Some((at + index as usize) as u32) });
        }
    }
}

/// The extremes of the rows above and where they stand, against the next row. Its number within a block is exact as an f32.
struct Challenge<const MIN: bool> {
    row: f32,
}

impl<const MIN: bool> UpdateLanes<2, 1> for Challenge<MIN> {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [value, index]: [S::F; 2], [x]: [S::F; 1]) -> [S::F; 2] {
        let beats = if MIN { s.lt(x, value) } else { s.gt(x, value) };
        let row = s.splat(self.row);
        let (better, at) = (s.select(beats, x, value), s.select(beats, row, index));
        // NaN beats all numbers, and nothing beats NaN
        let (better, at) = (s.select(s.is_nan(x), x, better), s.select(s.is_nan(x), row, at));
        [s.select(s.is_nan(value), value, better), s.select(s.is_nan(value), index, at)]
    }
}

#[track_caller]
fn arg<F: Fold<Out = u32>>(x: &Tensor, op: &str, f: F, axis: isize, keepdim: bool) -> Ids {
    let mask = axis_mask(op, &[axis], x.rank());
    let shape = reduced_shape(x.shape(), &mask, keepdim);
    let count = shape.iter().product();
    assert!(
        x.numel() > 0 || count == 0,
        "{op}: axis {axis} of shape {:?} has no elements, so none of them is it; name an axis that has some",
        x.shape()
    );
    let mut out = vec![0; count];
    reduce_into(x, &mask, f, &mut out);
    Ids::from_vec(out, shape)
}

impl Tensor {
    /// The index of the largest element along `axis`: the first of equal ones; NaN counts as the largest, as in PyTorch. The
    /// axis keeps length 1 with `keepdim`, or vanishes.
    ///
    /// ```
    /// use glassbox_tensor::tensor;
    /// assert_eq!(tensor![[1., 5., 5.], [3., 2., 1.]].argmax(-1, false).as_slice(), [1, 0]);
    /// ```
    ///
    /// # Panics
    /// For an axis that doesn't exist, or has no elements.
    #[track_caller]
    pub fn argmax(&self, axis: isize, keepdim: bool) -> Ids {
        arg(self, "argmax", Arg::<false>, axis, keepdim)
    }

    /// The index of the smallest element along `axis`, as [`argmax`](Self::argmax); NaN counts as the smallest.
    ///
    /// ```
    /// use glassbox_tensor::tensor;
    /// assert_eq!(tensor![[1., 5., 1.], [3., 2., 1.]].argmin(-1, false).as_slice(), [0, 2]);
    /// ```
    ///
    /// # Panics
    /// For an axis that doesn't exist, or has no elements.
    #[track_caller]
    pub fn argmin(&self, axis: isize, keepdim: bool) -> Ids {
        arg(self, "argmin", Arg::<true>, axis, keepdim)
    }
}
