//! Shapes, strides and broadcasting: the arithmetic of indices, without any data.

use crate::counted;
use std::fmt;
use std::ops::Deref;

/// The most axes that a tensor can have.
pub const MAX_RANK: usize = 8;

/// Up to [`MAX_RANK`] numbers, inline: a shape or strides without an allocation.
///
/// ```
/// use glassbox_tensor::shape::Dims;
/// let shape = Dims::new(&[2, 3]);
/// let mut transposed = shape; // a copy, without an allocation
/// transposed.swap(0, 1); // all that a slice can
/// assert_eq!((&shape[..], &transposed[..]), (&[2, 3][..], &[3, 2][..]));
/// ```
#[derive(Clone, Copy)]
pub struct Dims {
    len: u8,
    dims: [usize; MAX_RANK],
}

impl Dims {
    /// From a slice.
    ///
    /// ```
    /// use glassbox_tensor::shape::Dims;
    /// assert_eq!(*Dims::new(&[2, 3]), [2, 3]); // a slice of up to eight numbers, without an allocation
    /// ```
    ///
    /// # Panics
    /// With more than [`MAX_RANK`] numbers.
    #[track_caller]
    pub fn new(dims: &[usize]) -> Self {
        assert!(
            dims.len() <= MAX_RANK,
            "shape {dims:?} has {}; a tensor has at most {MAX_RANK}",
            counted(dims.len(), "axis")
        );
        let mut all = [0; MAX_RANK];
        all[..dims.len()].copy_from_slice(dims);
        Self { len: dims.len() as u8, dims: all }
    }

    /// `len` times `x`.
    ///
    /// ```
    /// use glassbox_tensor::shape::Dims;
    /// assert_eq!(*Dims::repeat(1, 3), [1, 1, 1]);
    /// ```
    pub fn repeat(x: usize, len: usize) -> Self {
        Self::new(&[x; MAX_RANK][..len])
    }

    /// The strides of a row-major array of this shape.
    ///
    /// ```
    /// use glassbox_tensor::shape::Dims;
    /// assert_eq!(*Dims::new(&[2, 3, 4]).row_major_strides(), [12, 4, 1]);
    /// ```
    pub fn row_major_strides(&self) -> Dims {
        let mut strides = *self;
        let mut step = 1;
        for axis in (0..self.len()).rev() {
            strides.dims[axis] = step;
            step *= self.dims[axis].max(1);
        }
        strides
    }

    /// Without `axis`.
    ///
    /// ```
    /// use glassbox_tensor::shape::Dims;
    /// assert_eq!(*Dims::new(&[2, 3, 4]).without(1), [2, 4]);
    /// ```
    pub fn without(&self, axis: usize) -> Dims {
        let mut dims = Dims::new(&[]);
        (0..self.len()).filter(|&a| a != axis).for_each(|a| dims.push(self[a]));
        dims
    }

    /// Adds a last axis.
    ///
    /// ```
    /// use glassbox_tensor::shape::Dims;
    /// let mut dims = Dims::new(&[2]);
    /// dims.push(3);
    /// assert_eq!(*dims, [2, 3]);
    /// ```
    #[track_caller]
    pub fn push(&mut self, x: usize) {
        assert!(self.len() < MAX_RANK, "shape {self:?} has {MAX_RANK} axes already; a tensor has at most {MAX_RANK}");
        self.dims[self.len()] = x;
        self.len += 1;
    }
}

impl Deref for Dims {
    type Target = [usize];
    fn deref(&self) -> &[usize] {
        &self.dims[..self.len as usize]
    }
}

impl std::ops::DerefMut for Dims {
    fn deref_mut(&mut self) -> &mut [usize] {
        &mut self.dims[..self.len as usize]
    }
}

impl AsRef<[usize]> for Dims {
    fn as_ref(&self) -> &[usize] {
        self
    }
}

impl fmt::Debug for Dims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl PartialEq for Dims {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Dims {}

/// Whether elements with these strides lie in row-major order without gaps. An axis of length 1 is never walked along,
/// so its stride doesn't matter.
///
/// ```
/// use glassbox_tensor::shape::is_row_major;
/// assert!(is_row_major(&[2, 3], &[3, 1]) && !is_row_major(&[2, 3], &[1, 2]));
/// ```
pub fn is_row_major(shape: &[usize], strides: &[usize]) -> bool {
    let mut step = 1;
    shape.contains(&0)
        || shape.iter().zip(strides).rev().all(|(&dim, &stride)| {
            let fits = dim == 1 || stride == step;
            step *= dim;
            fits
        })
}

/// How many elements an array of this shape has.
///
/// ```
/// assert_eq!(glassbox_tensor::shape::numel(&[2, 3, 4]), 24);
/// assert_eq!(glassbox_tensor::shape::numel(&[]), 1); // a number has no axes
/// ```
///
/// # Panics
/// When the product does not fit in memory's address range.
#[track_caller]
pub fn numel(shape: &[usize]) -> usize {
    match shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d)) {
        Some(count) => count,
        None => panic!("a tensor of shape {shape:?} is beyond any machine's memory"),
    }
}

/// The shape of two arrays that are broadcast against each other, as NumPy does it: shapes are aligned at their last
/// axis, and an axis of length 1 (or a missing one) is repeated. `None` when they don't fit.
///
/// ```
/// use glassbox_tensor::shape::broadcast;
/// assert_eq!(*broadcast(&[5, 1], &[3]).unwrap(), [5, 3]);
/// assert!(broadcast(&[5, 2], &[3]).is_none());
/// ```
pub fn broadcast(a: &[usize], b: &[usize]) -> Option<Dims> {
    let rank = a.len().max(b.len());
    let dim = |shape: &[usize], axis: usize| (axis + shape.len()).checked_sub(rank).map_or(1, |i| shape[i]);
    let mut out = Dims::repeat(1, rank);
    for axis in 0..rank {
        out[axis] = match (dim(a, axis), dim(b, axis)) {
            (x, y) if x == y => x,
            (1, y) => y,
            (x, 1) => x,
            _ => return None,
        };
    }
    Some(out)
}

/// As [`broadcast`], with the sentence that a user of `op` reads when the shapes don't fit.
///
/// ```
/// use glassbox_tensor::shape::broadcast_or_panic;
/// assert_eq!(*broadcast_or_panic("add", &[5, 1], &[3]), [5, 3]);
/// ```
///
/// # Panics
/// When they don't fit: names the operation, both shapes, the axis and the two numbers.
#[track_caller]
pub fn broadcast_or_panic(op: &str, a: &[usize], b: &[usize]) -> Dims {
    if let Some(shape) = broadcast(a, b) {
        return shape;
    }
    let back = (1..=a.len().min(b.len()))
        .find(|&i| a[a.len() - i] != b[b.len() - i] && a[a.len() - i] != 1 && b[b.len() - i] != 1)
        .expect("shapes that don't fit differ on an axis that both have");
    let (x, y) = (a[a.len() - back], b[b.len() - back]);
    // Here and elsewhere: a panic inside a closure would name the closure's line, not the caller's.
    panic!(
        "{op}: shapes {a:?} and {b:?} don't broadcast: axis -{back} has {x} and {y}, and neither is 1; reshape one of \
         them, or insert an axis with unsqueeze"
    )
}

/// Turns `axes` (negative ones count from the end) into a mask over `rank` axes.
///
/// ```
/// use glassbox_tensor::shape::axis_mask;
/// assert_eq!(axis_mask("sum", &[0, -1], 3)[..3], [true, false, true]);
/// ```
///
/// # Panics
/// For an axis that the shape doesn't have, or one that is named twice.
#[track_caller]
pub fn axis_mask(op: &str, axes: &[isize], rank: usize) -> [bool; MAX_RANK] {
    let mut mask = [false; MAX_RANK];
    for &axis in axes {
        let at = axis_index(op, axis, rank);
        assert!(!mask[at], "{op}: axis {axis} is named twice in {axes:?}; name each axis once");
        mask[at] = true;
    }
    mask
}

/// Turns one axis (negative: from the end) into an index below `rank`.
///
/// ```
/// use glassbox_tensor::shape::axis_index;
/// assert_eq!(axis_index("softmax", -1, 3), 2);
/// ```
///
/// # Panics
/// For an axis that the shape doesn't have.
#[track_caller]
pub fn axis_index(op: &str, axis: isize, rank: usize) -> usize {
    let at = if axis < 0 { axis + rank as isize } else { axis };
    assert!(rank > 0, "{op}: axis {axis} is out of range for a tensor without axes; reshape it to [1] first");
    assert!(
        (0..rank as isize).contains(&at),
        "{op}: axis {axis} is out of range for a tensor with {counted_rank}; use -{rank} to {}",
        rank as isize - 1,
        counted_rank = counted(rank, "axis")
    );
    at as usize
}

/// Turns the place of a new axis (negative: from the end of the result) into an index of 0 to `rank`.
///
/// ```
/// assert_eq!(glassbox_tensor::shape::new_axis_index("unsqueeze", -1, 2), 2);
/// ```
///
/// # Panics
/// When the result has no such axis.
#[track_caller]
pub fn new_axis_index(op: &str, axis: isize, rank: usize) -> usize {
    let end = rank as isize;
    let at = if axis < 0 { axis + end + 1 } else { axis };
    assert!(
        (0..=end).contains(&at),
        "{op}: a new axis {axis} for a tensor with {rank}; use {} to {end}",
        -end - 1,
        rank = counted(rank, "axis")
    );
    at as usize
}

/// Where pieces of these lengths begin on `axis` of a shape; what `split` checks.
///
/// ```
/// assert_eq!(glassbox_tensor::shape::split_starts(&[2, 6], &[1, 2, 3], -1), [0, 1, 3]);
/// ```
///
/// # Panics
/// When there is no such axis, or the lengths don't add up to its own.
#[track_caller]
pub fn split_starts(shape: &[usize], lengths: &[usize], axis: isize) -> Vec<usize> {
    let dim = shape[axis_index("split", axis, shape.len())];
    let mut starts = Vec::with_capacity(lengths.len());
    let mut end = 0usize;
    for &len in lengths {
        starts.push(end);
        end = end.saturating_add(len);
    }
    assert!(
        end == dim,
        "split: the lengths {lengths:?} add up to {end}, but axis {axis} of shape {shape:?} has {dim}; they make up the whole axis"
    );
    starts
}

/// The length of each of `n` equal pieces of `axis` of a shape; what `chunk` checks.
///
/// ```
/// assert_eq!(glassbox_tensor::shape::chunk_lengths(&[2, 6], 3, 1), [2, 2, 2]);
/// ```
///
/// # Panics
/// When there is no such axis, or n doesn't divide its length.
#[track_caller]
pub fn chunk_lengths(shape: &[usize], n: usize, axis: isize) -> Vec<usize> {
    let dim = shape[axis_index("chunk", axis, shape.len())];
    assert!(
        n > 0 && dim.is_multiple_of(n),
        "chunk: axis {axis} of shape {shape:?} has {dim}, which don't make {n} equal chunks; use split, which \
         takes any lengths",
        dim = counted(dim, "entry")
    );
    vec![dim / n; n]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broadcasting_follows_numpy() {
        assert_eq!(broadcast(&[2, 3], &[3]).unwrap(), Dims::new(&[2, 3]));
        assert_eq!(broadcast(&[4, 1, 3], &[5, 1]).unwrap(), Dims::new(&[4, 5, 3]));
        assert_eq!(broadcast(&[], &[7]).unwrap(), Dims::new(&[7]));
        assert_eq!(broadcast(&[0, 1], &[1, 5]).unwrap(), Dims::new(&[0, 5]));
        assert!(broadcast(&[2, 3], &[2]).is_none());
    }

    #[test]
    #[should_panic(expected = "add: shapes [2, 3] and [2] don't broadcast: axis -1 has 3 and 2")]
    fn a_mismatch_names_the_axis_and_both_numbers() {
        broadcast_or_panic("add", &[2, 3], &[2]);
    }
}
