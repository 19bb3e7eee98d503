//! Reading what ids name: `index_select` takes whole entries of an axis, `gather` one element for each id.
//!
//! Around the axis a tensor is (outer, n, inner): `outer` blocks of n entries, each of `inner` elements that lie
//! together.

use crate::counted;
use crate::ids::Ids;
use crate::parallel::for_each_row_part;
use crate::shape::{Dims, axis_index, is_row_major};
use crate::tensor::Tensor;

/// A tensor as blocks that lie together in memory: an axis with all axes after it. The axes before it may lie as they
/// like.
pub(crate) struct Blocks {
    x: Tensor,
    axis: usize,
    /// The elements of a block.
    pub(crate) len: usize,
}

impl Blocks {
    pub(crate) fn new(x: &Tensor, axis: usize) -> Self {
        let together = is_row_major(&x.shape()[axis..], &x.strides()[axis..]);
        let x = if together { x.clone() } else { x.contiguous() };
        let len = x.shape()[axis..].iter().product();
        Self { x, axis, len }
    }

    /// Block number `i`, counting the axes before it in row-major order.
    pub(crate) fn get(&self, mut i: usize) -> &[f32] {
        let mut start = 0;
        for axis in (0..self.axis).rev() {
            start += i % self.x.shape()[axis] * self.x.strides()[axis];
            i /= self.x.shape()[axis];
        }
        if self.len == 0 { &[] } else { &self.x.memory()[start..][..self.len] } // what is empty may begin nowhere
    }
}

impl Tensor {
    /// The entries of `axis` that ids name: `y[…, i, …] = x[…, ids[i], …]`.
    ///
    /// ```
    /// use glassbox_tensor::{Ids, tensor};
    /// let x = tensor![[1., 2.], [3., 4.], [5., 6.]];
    /// assert_eq!(x.index_select(0, &Ids::from([2, 0, 2])), tensor![[5., 6.], [1., 2.], [5., 6.]]);
    /// ```
    ///
    /// # Panics
    /// When there is no such axis, the ids have more axes than one, or one of them names no entry.
    #[track_caller]
    pub fn index_select(&self, axis: isize, ids: &Ids) -> Tensor {
        let at = axis_index("index_select", axis, self.rank());
        check_list("index_select", ids);
        ids.check_entries("index_select", self.shape(), at);
        select(self, at, ids)
    }

    /// The rows of this table that ids name, in the ids' shape: (rows, features) and (…) give (…, features).
    ///
    /// ```
    /// use glassbox_tensor::{Ids, tensor};
    /// let table = tensor![[1., 2.], [3., 4.], [5., 6.]];
    /// let y = table.embedding(&Ids::from([[2, 0], [1, 1]])); // (3, 2), (2, 2) -> (2, 2, 2)
    /// assert_eq!(y, tensor![[[5., 6.], [1., 2.]], [[3., 4.], [3., 4.]]]);
    /// ```
    ///
    /// # Panics
    /// When this is not a table of two axes, or an id names no row.
    #[track_caller]
    pub fn embedding(&self, ids: &Ids) -> Tensor {
        let shape = self.shape();
        assert!(shape.len() == 2, "embedding: the table has shape {shape:?}; it needs two axes, (rows, features)");
        ids.check_below("embedding", shape[0], format_args!("a table of {}", counted(shape[0], "row")));
        let mut to = Dims::new(ids.shape());
        to.push(shape[1]);
        select(self, 0, ids).reshape(to)
    }

    /// One element for each id, along `axis`: y[…, i, …] = x[…, ids[…, i, …], …]. The ids have the shape of x but for
    /// the length of that axis.
    ///
    /// ```
    /// use glassbox_tensor::{Ids, tensor};
    /// let x = tensor![[1., 2., 3.], [4., 5., 6.]];
    /// assert_eq!(x.gather(1, &Ids::from([[2], [0]])), tensor![[3.], [4.]]);
    /// ```
    ///
    /// # Panics
    /// When there is no such axis, the shapes differ on another one, or an id names no entry.
    #[track_caller]
    pub fn gather(&self, axis: isize, ids: &Ids) -> Tensor {
        let at = axis_index("gather", axis, self.rank());
        check_beside("gather", self.shape(), ids, at);
        let mut out = Tensor::for_overwrite(ids.shape());
        if out.numel() == 0 {
            return out;
        }
        let blocks = Blocks::new(self, at);
        let inner: usize = self.shape()[at + 1..].iter().product();
        let (row, ids, work) = (ids.shape()[at] * inner, ids.as_slice(), 3 * out.numel());
        for_each_row_part(out.make_mut(), row, work, |outer, begin, part| {
            let block = blocks.get(outer);
            let ids = &ids[outer * row + begin..][..part.len()];
            if inner == 1 {
                part.iter_mut().zip(ids).for_each(|(y, &id)| *y = block[id as usize]);
                return;
            }
            for_each_entry(begin, inner, part, |_, column, part, done| {
                let ids = &ids[done..][..part.len()];
                for (c, (y, &id)) in (column..).zip(part.iter_mut().zip(ids)) {
                    *y = block[id as usize * inner + c];
                }
            });
        });
        out
    }
}

/// The entries of an axis that ids name, one after the other in row-major order; the ids are checked.
#[track_caller]
fn select(x: &Tensor, axis: usize, ids: &Ids) -> Tensor {
    let mut shape = Dims::new(x.shape());
    shape[axis] = ids.numel();
    let mut out = Tensor::for_overwrite(&shape);
    if out.numel() == 0 {
        return out;
    }
    let blocks = Blocks::new(x, axis);
    let inner: usize = shape[axis + 1..].iter().product();
    let (ids, work) = (ids.as_slice(), 2 * out.numel());
    for_each_row_part(out.make_mut(), ids.len() * inner, work, |outer, begin, part| {
        let block = blocks.get(outer);
        if inner == 1 {
            part.iter_mut().zip(&ids[begin..]).for_each(|(y, &id)| *y = block[id as usize]);
            return;
        }
        for_each_entry(begin, inner, part, |entry, column, part, _| {
            part.copy_from_slice(&block[ids[entry] as usize * inner + column..][..part.len()]);
        });
    });
    out
}

/// Cuts a part of a block, which begins at element `begin` of it, at its entries of `inner` elements:
/// `f(entry, column, elements, how many came before them)`.
fn for_each_entry(begin: usize, inner: usize, part: &mut [f32], mut f: impl FnMut(usize, usize, &mut [f32], usize)) {
    let (mut entry, mut column, mut done, mut rest) = (begin / inner, begin % inner, 0, part);
    while !rest.is_empty() {
        let (now, later) = rest.split_at_mut((inner - column).min(rest.len()));
        f(entry, column, now, done);
        done += now.len();
        (entry, column, rest) = (entry + 1, 0, later);
    }
}

/// Checks that ids are a list.
#[track_caller]
pub(crate) fn check_list(op: &str, ids: &Ids) {
    let (shape, rank) = (ids.shape(), ids.rank());
    assert!(rank == 1, "{op}: ids of shape {shape:?} have {rank} axes, not one; reshape them to [{}]", ids.numel());
}

/// Checks ids that stand beside a tensor's elements: its shape but for `axis`, and each naming an entry of it.
#[track_caller]
pub(crate) fn check_beside(op: &str, shape: &[usize], ids: &Ids, axis: usize) {
    let (have, want) = (ids.rank(), shape.len());
    assert!(
        have == want,
        "{op}: ids of shape {:?} have {have}, and a tensor of shape {shape:?} has {want}; reshape the ids",
        ids.shape(),
        have = counted(have, "axis")
    );
    let differs = (0..want).find(|&a| a != axis && ids.shape()[a] != shape[a]);
    if let Some(a) = differs {
        panic!(
            "{op}: ids of shape {:?} and a tensor of shape {shape:?} differ on axis {a}, where they must agree; \
             only axis {axis} is free",
            ids.shape()
        );
    }
    ids.check_entries(op, shape, axis);
}
