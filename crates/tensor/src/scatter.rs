//! Adding to what ids name: `index_add` adds whole entries of an axis, `scatter_add` one element for each id. Several
//! ids may name the same place.
//!
//! No two tasks write to the same place, so there is nothing to guard, and the order in which the terms of a place are
//! added depends on shapes and ids, not on who adds them. With k terms, the error is at most k·u·(|x| + Σ|src|) for u
//! = 2⁻²⁴ and but for u², in any order (Higham 2002, *Accuracy and Stability of Numerical Algorithms*, section 4.2).

use crate::counted;
use crate::gather::{check_beside, check_list};
use crate::ids::Ids;
use crate::parallel::{CHUNK, column_slots, for_each_chunk, for_each_row_part, for_each_slot};
use crate::shape::{Dims, axis_index};
use crate::tensor::Tensor;

/// The most terms of one place that one task adds up; of more, blocks are added up apart first.
const BLOCK: usize = 512;
/// From so many blocks on, each is filled by one task.
const MANY: usize = 8;
/// Columns that one task of `scatter_add` takes where there are few blocks: two cache lines of each entry.
const COLUMNS: usize = 32;

impl Tensor {
    /// Adds entries of `src` to those entries of `axis` that ids name: `y = x`, then `y[…, ids[i], …] += src[…, i, …]` for
    /// each i.
    ///
    /// ```
    /// use glassbox_tensor::{Ids, Tensor, tensor};
    /// let src = tensor![[1., 2.], [3., 4.], [5., 6.]];
    /// let y = Tensor::zeros([2, 2]).index_add(0, &Ids::from([1, 0, 1]), &src);
    /// assert_eq!(y, tensor![[3., 4.], [6., 8.]]);
    /// ```
    ///
    /// # Panics
    /// When there is no such axis, the ids have more axes than one, one of them names no entry, or `src` is not of x's
    /// shape with one entry for each id.
    #[track_caller]
    pub fn index_add(&self, axis: isize, ids: &Ids, src: &Tensor) -> Tensor {
        let shape = self.shape();
        let at = axis_index("index_add", axis, shape.len());
        check_list("index_add", ids);
        let mut want = Dims::new(shape);
        want[at] = ids.numel();
        assert!(
            *src.shape() == *want,
            "index_add: {} for axis {axis} of shape {shape:?}: the source should have the shape {want:?}, and it has {:?}",
            counted(ids.numel(), "id"),
            src.shape()
        );
        ids.check_entries("index_add", shape, at);
        let inner: usize = shape[at + 1..].iter().product();
        add_entries(self, shape[at], inner, ids.as_slice(), src)
    }

    /// Adds one element of `src` for each id, along `axis`: y = x, then y[…, ids[…, i, …], …] += src[…, i, …]. The ids
    /// and `src` have the shape of x but for the length of that axis.
    ///
    /// ```
    /// use glassbox_tensor::{Ids, Tensor, tensor};
    /// let src = tensor![[1., 2., 3.], [4., 5., 6.]];
    /// let y = Tensor::zeros([2, 2]).scatter_add(1, &Ids::from([[1, 1, 0], [0, 0, 0]]), &src);
    /// assert_eq!(y, tensor![[3., 3.], [15., 0.]]);
    /// ```
    ///
    /// # Panics
    /// When there is no such axis, the shapes of the ids and of `src` differ, the ids' differs from x's on another
    /// axis, or an id names no entry.
    #[track_caller]
    pub fn scatter_add(&self, axis: isize, ids: &Ids, src: &Tensor) -> Tensor {
        let shape = self.shape();
        let at = axis_index("scatter_add", axis, shape.len());
        check_beside("scatter_add", shape, ids, at);
        assert!(
            src.shape() == ids.shape(),
            "scatter_add: a source of shape {:?} and ids of shape {:?} differ; each element needs an id",
            src.shape(),
            ids.shape()
        );
        let (n, m) = (shape[at], ids.shape()[at]);
        let outer: usize = shape[..at].iter().product();
        let inner: usize = shape[at + 1..].iter().product();
        if outer == 1 && inner == 1 {
            return add_entries(self, n, 1, ids.as_slice(), src);
        }
        let mut out = Tensor::for_overwrite(shape);
        if out.numel() == 0 {
            return out;
        }
        let (base, src, ids) = (Base::new(self), src.contiguous(), ids.as_slice());
        let src = src.as_slice().expect("made contiguous above");
        let work = out.numel() + 3 * src.len();
        if outer >= MANY || inner < 2 * COLUMNS {
            // Many blocks, or narrow ones: a task takes some whole ones.
            let blocks = CHUNK.div_ceil((n + m) * inner);
            for_each_chunk(out.make_mut(), blocks * n * inner, work, |task, part| {
                base.write(task * blocks * n * inner, part);
                for (block, part) in part.chunks_exact_mut(n * inner).enumerate() {
                    let from = (task * blocks + block) * m * inner;
                    for i in (from..from + m * inner).step_by(inner) {
                        for (c, (&id, &x)) in ids[i..i + inner].iter().zip(&src[i..i + inner]).enumerate() {
                            part[id as usize * inner + c] += x;
                        }
                    }
                }
            });
            return out;
        }
        // Few blocks, wide entries: a task takes some columns of a block.
        let per_row = inner.div_ceil(COLUMNS);
        let mut slots = column_slots(out.make_mut(), [n, inner], COLUMNS);
        for_each_slot(&mut slots, work, |task, entries| {
            let (block, column) = (task / per_row, task % per_row * COLUMNS);
            let width = entries[0].len();
            for (j, entry) in entries.iter_mut().enumerate() {
                base.write((block * n + j) * inner + column, entry);
            }
            for i in 0..m {
                let from = (block * m + i) * inner + column;
                for (c, (&id, &x)) in ids[from..][..width].iter().zip(&src[from..]).enumerate() {
                    entries[id as usize][c] += x;
                }
            }
        });
        out
    }
}

/// What is added to: a tensor's elements, or one number everywhere, which needn't be read from memory.
enum Base {
    Same(f32),
    Each(Tensor),
}

impl Base {
    fn new(x: &Tensor) -> Self {
        let same = x.shape().iter().zip(x.strides()).all(|(&dim, &stride)| dim == 1 || stride == 0);
        if same && x.numel() > 0 { Base::Same(x.memory()[0]) } else { Base::Each(x.contiguous()) }
    }

    /// Writes the elements from `at` on.
    fn write(&self, at: usize, out: &mut [f32]) {
        match self {
            Base::Same(x) => out.fill(*x),
            Base::Each(x) => out.copy_from_slice(&x.as_slice().expect("made contiguous by new")[at..][..out.len()]),
        }
    }
}

/// x (outer, n, inner) with src (outer, m, inner) added, entry i at `ids[i]`.
#[track_caller]
fn add_entries(x: &Tensor, n: usize, inner: usize, ids: &[u32], src: &Tensor) -> Tensor {
    let mut out = Tensor::for_overwrite(x.shape());
    if out.numel() == 0 {
        return out;
    }
    let (base, src, m) = (Base::new(x), src.contiguous(), ids.len());
    let src = src.as_slice().expect("made contiguous above");
    let work = out.numel() + 2 * src.len();
    let outer = out.numel() / (n * inner);
    if outer >= MANY || (n + m) * inner <= CHUNK {
        // Many blocks, or little to do: a task takes some whole ones.
        let blocks = CHUNK.div_ceil((n + m) * inner);
        for_each_chunk(out.make_mut(), blocks * n * inner, work, |task, part| {
            base.write(task * blocks * n * inner, part);
            for (block, part) in part.chunks_exact_mut(n * inner).enumerate() {
                add_list(part, inner, &src[(task * blocks + block) * m * inner..], ids);
            }
        });
        return out;
    }
    if m >= 8 * n {
        // Many terms for each place: stretches of the list are added up apart, each in an array of its own.
        let stretch = (8 * n).max(CHUNK.div_ceil(inner));
        let stretches = m.div_ceil(stretch);
        let mut sums = Tensor::for_overwrite(&[outer * stretches * n * inner]);
        for_each_chunk(sums.make_mut(), n * inner, work, |task, sum| {
            let (block, first) = (task / stretches, task % stretches * stretch);
            sum.fill(0.0);
            add_list(sum, inner, &src[(block * m + first) * inner..], &ids[first..m.min(first + stretch)]);
        });
        let sums = sums.as_slice().expect("new");
        for_each_row_part(out.make_mut(), n * inner, sums.len(), |block, begin, part| {
            base.write(block * n * inner + begin, part);
            for i in 0..stretches {
                let sum = &sums[(block * stretches + i) * n * inner + begin..];
                part.iter_mut().zip(sum).for_each(|(y, &x)| *y += x);
            }
        });
        return out;
    }
    // Many places: the ids are put in the order of what they name, and a task takes some places with all of their
    // terms.
    let sorted = Sorted::new(ids, n);
    // The places with many terms (what fills up a batch, say): each block of terms is a row of `partials`.
    let blocks: Vec<(usize, &[u32])> = (0..outer)
        .flat_map(|o| sorted.crowded().flat_map(move |terms| terms.chunks(BLOCK).map(move |block| (o, block))))
        .collect();
    let mut partials = Tensor::for_overwrite(&[blocks.len() * inner]);
    let together = CHUNK.div_ceil(BLOCK * inner);
    for_each_chunk(partials.make_mut(), together * inner, work, |task, part| {
        for (sum, (o, terms)) in part.chunks_exact_mut(inner).zip(&blocks[task * together..]) {
            sum.fill(0.0);
            add_terms(sum, &src[o * m * inner..], terms);
        }
    });
    let partials = partials.as_slice().expect("new");
    let places = CHUNK.div_ceil(inner);
    for_each_chunk(out.make_mut(), places * inner, work, |task, part| {
        base.write(task * places * inner, part);
        for (place, sum) in part.chunks_exact_mut(inner).enumerate() {
            let (o, place) = ((task * places + place) / n, (task * places + place) % n);
            let terms = sorted.terms(place);
            if terms.len() <= BLOCK {
                add_terms(sum, &src[o * m * inner..], terms);
                continue;
            }
            let first = o * blocks.len() / outer + sorted.blocks_before(place);
            for i in first..first + terms.len().div_ceil(BLOCK) {
                sum.iter_mut().zip(&partials[i * inner..]).for_each(|(y, &x)| *y += x);
            }
        }
    });
    out
}

/// Adds entry i of `src` at entry `ids[i]`.
fn add_list(sum: &mut [f32], inner: usize, src: &[f32], ids: &[u32]) {
    if inner == 1 {
        return ids.iter().zip(src).for_each(|(&id, &x)| sum[id as usize] += x);
    }
    for (&id, x) in ids.iter().zip(src.chunks_exact(inner)) {
        sum[id as usize * inner..][..inner].iter_mut().zip(x).for_each(|(y, &x)| *y += x);
    }
}

/// Adds entries of `src` in this order.
fn add_terms(sum: &mut [f32], src: &[f32], terms: &[u32]) {
    let inner = sum.len();
    for &i in terms {
        sum.iter_mut().zip(&src[i as usize * inner..][..inner]).for_each(|(y, &x)| *y += x);
    }
}

/// For each of n places, which positions of a list of ids name it, in their order: a counting sort.
struct Sorted {
    /// The positions, place after place.
    order: Vec<u32>,
    /// Where each place's positions begin, and the end.
    starts: Vec<usize>,
    /// The places with more than [`BLOCK`] positions, and how many blocks stand before each.
    crowded: Vec<(usize, usize)>,
}

impl Sorted {
    #[track_caller]
    fn new(ids: &[u32], n: usize) -> Self {
        assert!(
            u32::try_from(ids.len()).is_ok(),
            "index_add: {} ids are more than u32 can count; add them in parts",
            ids.len()
        );
        // starts[j + 2] counts first; then starts[j + 1] is where place j's next position goes, and in the end its end
        let mut starts = vec![0usize; n + 2];
        ids.iter().for_each(|&id| starts[id as usize + 2] += 1);
        (2..n + 2).for_each(|j| starts[j] += starts[j - 1]);
        let mut order = vec![0; ids.len()];
        for (i, &id) in ids.iter().enumerate() {
            let next = &mut starts[id as usize + 1];
            order[*next] = i as u32;
            *next += 1;
        }
        let mut crowded = Vec::new();
        let mut blocks = 0;
        for place in 0..n {
            let terms = starts[place + 1] - starts[place];
            if terms > BLOCK {
                crowded.push((place, blocks));
                blocks += terms.div_ceil(BLOCK);
            }
        }
        Self { order, starts, crowded }
    }

    fn terms(&self, place: usize) -> &[u32] {
        &self.order[self.starts[place]..self.starts[place + 1]]
    }

    /// The positions of each crowded place.
    fn crowded(&self) -> impl Iterator<Item = &[u32]> {
        self.crowded.iter().map(|&(place, _)| self.terms(place))
    }

    /// How many blocks the crowded places before this one have.
    fn blocks_before(&self, place: usize) -> usize {
        let at = self.crowded.partition_point(|&(other, _)| other < place);
        self.crowded[at].1
    }
}
