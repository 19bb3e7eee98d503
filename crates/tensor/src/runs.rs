//! Copies that read each axis in runs: flipped, padded with a constant, by reflection or by the edge.
//!
//! Along each axis the output is a few runs, which read the input forwards, backwards, at one place, or not at all:
//!
//! ```text
//! flip            [n−1 … 0]
//! pad, constant   [c … c] [0 … n−1] [c … c]
//! pad, reflect    [b … 1] [0 … n−1] [n−2 … n−1−a]        b before, a after
//! pad, edge       [0 … 0] [0 … n−1] [n−1 … n−1]
//! ```
//!
//! The last axis that is so read, together with the whole axes after it, is a row: its forward runs are copied as
//! slices.

use crate::counted;
use crate::parallel::{CHUNK, for_each_chunk};
use crate::shape::{Dims, MAX_RANK, axis_mask, is_row_major, numel};
use crate::tensor::Tensor;

/// What stands in the margin of a padded axis.
///
/// ```
/// use glassbox_tensor::{Padding, tensor};
/// let x = tensor![[1., 2., 3.], [4., 5., 6.]];
/// assert_eq!(x.pad(&[(1, 0), (0, 0)], Padding::Reflect), tensor![[4., 5., 6.], [1., 2., 3.], [4., 5., 6.]]);
/// assert_eq!(x.pad(&[(0, 2)], Padding::Edge), tensor![[1., 2., 3., 3., 3.], [4., 5., 6., 6., 6.]]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Padding {
    /// This number.
    Constant(f32),
    /// The entries next to the edge, mirrored at it; the edge itself stands once: 3 2 | 1 2 3 | 2 1.
    Reflect,
    /// The entry at the edge: 1 1 | 1 2 3 | 3 3.
    Edge,
}

/// `len` entries of the output: entry i is entry `from + i·step` of the input, or the fill where there is no `from`.
#[derive(Clone, Copy)]
struct Run {
    len: usize,
    from: Option<usize>,
    step: isize,
}

impl Run {
    fn entry(&self, i: usize) -> Option<usize> {
        self.from.map(|from| from.wrapping_add_signed(i as isize * self.step))
    }
}

impl Tensor {
    /// The entries of each of `axes` in reverse order. A copy, since a tensor's strides don't go backwards.
    ///
    /// ```
    /// use glassbox_tensor::tensor;
    /// let x = tensor![[1., 2., 3.], [4., 5., 6.]];
    /// assert_eq!(x.flip(&[-1]), tensor![[3., 2., 1.], [6., 5., 4.]]);
    /// ```
    ///
    /// # Panics
    /// For an axis that doesn't exist or is named twice.
    #[track_caller]
    pub fn flip(&self, axes: &[isize]) -> Tensor {
        let mask = axis_mask("flip", axes, self.rank());
        let runs = |axis: usize| {
            let len = self.shape()[axis];
            mask[axis].then(|| vec![Run { len, from: Some(len.saturating_sub(1)), step: -1 }])
        };
        copy_runs(self, (0..self.rank()).map(runs).collect(), 0.0)
    }

    /// With `(before, after)` more entries on each of the last axes: the pairs stand in the order of the axes, and the
    /// last one is for the last axis.
    ///
    /// ```
    /// use glassbox_tensor::{Padding, tensor};
    /// let x = tensor![1., 2., 3.];
    /// assert_eq!(x.pad(&[(1, 2)], Padding::Constant(0.)), tensor![0., 1., 2., 3., 0., 0.]);
    /// assert_eq!(x.pad(&[(2, 1)], Padding::Reflect), tensor![3., 2., 1., 2., 3., 2.]);
    /// assert_eq!(x.pad(&[(1, 1)], Padding::Edge), tensor![1., 1., 2., 3., 3.]);
    /// ```
    ///
    /// # Panics
    /// With more pairs than axes; for a reflection that reaches beyond the other edge; and for the edge of an axis
    /// without entries.
    #[track_caller]
    pub fn pad(&self, pads: &[(usize, usize)], padding: Padding) -> Tensor {
        check_pad(self.shape(), pads, padding);
        let first = self.rank() - pads.len();
        let runs = |axis: usize| {
            let (before, after) = *pads.get(axis.wrapping_sub(first))?;
            let n = self.shape()[axis];
            let run = |len, from, step| Run { len, from, step };
            let [left, right] = match padding {
                Padding::Constant(_) => [run(before, None, 0), run(after, None, 0)],
                Padding::Reflect => [run(before, Some(before), -1), run(after, Some(n.saturating_sub(2)), -1)],
                Padding::Edge => [run(before, Some(0), 0), run(after, Some(n.saturating_sub(1)), 0)],
            };
            (before > 0 || after > 0).then(|| vec![left, run(n, Some(0), 1), right])
        };
        let fill = if let Padding::Constant(c) = padding { c } else { f32::NAN };
        copy_runs(self, (0..self.rank()).map(runs).collect(), fill)
    }
}

/// Checks what [`pad`](Tensor::pad) can't do.
#[track_caller]
fn check_pad(shape: &[usize], pads: &[(usize, usize)], padding: Padding) {
    let (given, rank) = (pads.len(), shape.len());
    assert!(
        given <= rank,
        "pad: {given} for shape {shape:?}, which has {rank}; give one for each of the last axes",
        given = counted(given, "pair"),
        rank = counted(rank, "axis")
    );
    for (axis, &(before, after)) in (rank - given..).zip(pads) {
        let (n, most) = (shape[axis], before.max(after));
        match padding {
            Padding::Reflect if most >= n.max(1) => panic!(
                "pad: a reflection of {most} on axis {axis} of shape {shape:?}, which has {n}; reflect fewer \
                 than it has, or pad by Edge or Constant",
                most = counted(most, "entry")
            ),
            Padding::Edge if most > 0 && n == 0 => {
                panic!("pad: axis {axis} of shape {shape:?} has no edge to repeat; pad by Constant")
            }
            _ => {}
        }
    }
}

/// The copy that reads the axes in these runs, and the others whole.
#[track_caller]
fn copy_runs(x: &Tensor, runs: Vec<Option<Vec<Run>>>, fill: f32) -> Tensor {
    let Some(last) = runs.iter().rposition(Option::is_some) else { return x.clone() };
    // A row must lie together; the axes before it may lie as they like.
    let inner = numel(&x.shape()[last + 1..]);
    let together = is_row_major(&x.shape()[last..], &x.strides()[last..]);
    let x = if together { x.clone() } else { x.contiguous() };
    let mut shape = Dims::new(x.shape());
    for (dim, runs) in shape.iter_mut().zip(&runs) {
        *dim = runs.as_ref().map_or(*dim, |runs| runs.iter().fold(0, |n, run| run.len.saturating_add(n)));
    }
    if x.numel() == 0 {
        return Tensor::full(shape, fill);
    }
    let mut out = Tensor::for_overwrite(&shape);
    // How far from the beginning each entry of the axes before the row lies; `None` where the fill stands.
    let places: Vec<Vec<Option<usize>>> = (0..last)
        .map(|axis| {
            let stride = x.strides()[axis];
            match &runs[axis] {
                None => (0..shape[axis]).map(|i| Some(i * stride)).collect(),
                Some(runs) => runs.iter().flat_map(|run| (0..run.len).map(|i| Some(run.entry(i)? * stride))).collect(),
            }
        })
        .collect();
    let row = Row { runs: runs[last].as_deref().expect("the last axis with runs"), inner, fill };
    let (row_len, memory, work) = (shape[last] * inner, x.memory(), 2 * out.numel());
    for_each_chunk(out.make_mut(), CHUNK, work, |i, mut part| {
        let (mut number, mut column) = (i * CHUNK / row_len, i * CHUNK % row_len);
        let mut index = [0; MAX_RANK];
        for axis in (0..last).rev() {
            (index[axis], number) = (number % shape[axis], number / shape[axis]);
        }
        while !part.is_empty() {
            let (now, later) = part.split_at_mut((row_len - column).min(part.len()));
            let place = places.iter().zip(&index).try_fold(0, |sum, (places, &i)| Some(sum + places[i]?));
            match place {
                Some(place) => row.copy(&memory[place..], column, now),
                None => now.fill(fill),
            }
            (part, column) = (later, 0);
            // the next row's index: count up the last axis, and carry
            for axis in (0..last).rev() {
                index[axis] += 1;
                if index[axis] < shape[axis] {
                    break;
                }
                index[axis] = 0;
            }
        }
    });
    out
}

/// How a row is copied: runs of entries of `inner` elements each.
struct Row<'a> {
    runs: &'a [Run],
    inner: usize,
    fill: f32,
}

impl Row<'_> {
    /// Writes what stands from element `column` of the row on.
    fn copy(&self, x: &[f32], column: usize, mut out: &mut [f32]) {
        let inner = self.inner;
        let mut skip = column;
        for run in self.runs {
            let len = run.len * inner;
            if skip >= len {
                skip -= len;
                continue;
            }
            let (now, later) = out.split_at_mut((len - skip).min(out.len()));
            match (run.from, run.step) {
                (None, _) => now.fill(self.fill),
                (Some(from), 1) => now.copy_from_slice(&x[from * inner + skip..][..now.len()]),
                (Some(from), 0) if inner == 1 => now.fill(x[from]),
                (Some(from), -1) if inner == 1 => {
                    now.iter_mut().zip(x[..=from - skip].iter().rev()).for_each(|(to, &x)| *to = x);
                }
                (Some(_), _) => {
                    let (mut entry, mut offset, mut rest) = (skip / inner, skip % inner, now);
                    while !rest.is_empty() {
                        let (now, later) = rest.split_at_mut((inner - offset).min(rest.len()));
                        let from = run.entry(entry).expect("this arm's runs have one");
                        now.copy_from_slice(&x[from * inner + offset..][..now.len()]);
                        (entry, offset, rest) = (entry + 1, 0, later);
                    }
                }
            }
            (out, skip) = (later, 0);
            if out.is_empty() {
                return;
            }
        }
    }
}
