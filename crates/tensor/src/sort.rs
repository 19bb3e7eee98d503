//! Order along an axis: `sort`, `argsort`, and the k largest.
//!
//! A float becomes a whole number in the same order (its bits, with the lower ones turned over when it is negative),
//! and with its position below it one u64, so that no two are equal: what is sorted is unique, and the result doesn't
//! depend on how. Equal numbers keep their order; −0 equals 0; NaN counts as larger than everything, as in PyTorch and
//! NumPy: it comes last, or first when descending.

use crate::ids::Ids;
use crate::parallel::{CHUNK, for_each_chunk_of};
use crate::shape::{Dims, axis_index};
use crate::tensor::Tensor;

/// From so many keys on, sorting by digits beats comparing.
const DIGITS: usize = 256;

impl Tensor {
    /// The entries of `axis` in ascending (or descending) order, and where each came from: y = x.gather(axis, ids).
    /// Equal ones keep their order. NaN counts as the largest.
    ///
    /// ```
    /// use glassbox_tensor::{Ids, tensor};
    /// let (y, ids) = tensor![[3., 1., 2.], [5., 5., f32::INFINITY]].sort(1, false);
    /// assert_eq!(y, tensor![[1., 2., 3.], [5., 5., f32::INFINITY]]);
    /// assert_eq!(ids, Ids::from([[1, 2, 0], [0, 1, 2]]));
    /// ```
    ///
    /// # Panics
    /// For an axis that doesn't exist.
    #[track_caller]
    pub fn sort(&self, axis: isize, descending: bool) -> (Tensor, Ids) {
        let at = axis_index("sort", axis, self.rank());
        along(self, at, self.shape()[at], &|x, keys, spare| {
            keys.extend((0..).zip(x).map(|(i, &x)| key(x, i, descending)));
            sort_keys(keys, spare);
        })
    }

    /// Where the entries of `axis` come from when they are sorted: the ids of [`sort`](Self::sort).
    ///
    /// ```
    /// use glassbox_tensor::{Ids, tensor};
    /// assert_eq!(tensor![3., 1., 2.].argsort(0, true), Ids::from([0, 2, 1]));
    /// ```
    ///
    /// # Panics
    /// For an axis that doesn't exist.
    #[track_caller]
    pub fn argsort(&self, axis: isize, descending: bool) -> Ids {
        self.sort(axis, descending).1
    }

    /// The k largest entries of `axis`, the largest first, and where they came from. Of equal ones the first come
    /// first. NaN counts as the largest.
    ///
    /// ```
    /// use glassbox_tensor::{Ids, tensor};
    /// let (y, ids) = tensor![1., 4., 2., 4., 3.].topk(3, 0);
    /// assert_eq!((y, ids), (tensor![4., 4., 3.], Ids::from([1, 3, 4])));
    /// ```
    ///
    /// # Panics
    /// When there is no such axis, or it has fewer than k entries.
    #[track_caller]
    pub fn topk(&self, k: usize, axis: isize) -> (Tensor, Ids) {
        let at = axis_index("topk", axis, self.rank());
        let n = self.shape()[at];
        assert!(
            k <= n,
            "topk: the {k} largest on axis {axis} of shape {:?}, which has {n}; ask for {n} or fewer",
            self.shape()
        );
        along(self, at, k, &|x, keys, _| largest(x, k, keys))
    }
}

/// Sorts ascending by x, or descending; of equal ones the smaller position first.
fn key(x: f32, position: u32, descending: bool) -> u64 {
    let bits = match x {
        _ if x == 0.0 => 0, // also −0
        _ if x.is_nan() => f32::NAN.to_bits() & 0x7fff_ffff,
        _ => x.to_bits(),
    };
    let negative = bits >> 31 == 1;
    let order = if negative { !bits } else { bits | 1 << 31 };
    u64::from(if descending { !order } else { order }) << 32 | u64::from(position)
}

/// Sorts keys whose lower halves ascend. Many are sorted by the four bytes of their upper halves, the lowest byte
/// first, keeping what equal bytes sorted before (Knuth 1998, *The Art of Computer Programming* 3, 5.2.5); a byte that
/// all keys share costs nothing. `spare` is memory to use.
fn sort_keys(keys: &mut Vec<u64>, spare: &mut Vec<u64>) {
    if keys.len() < DIGITS {
        return keys.sort_unstable();
    }
    let byte = |key: u64, digit: usize| (key >> (32 + 8 * digit)) as u8 as usize;
    let mut counts = [[0u32; 256]; 4];
    for &key in keys.iter() {
        (0..4).for_each(|digit| counts[digit][byte(key, digit)] += 1);
    }
    spare.resize(keys.len(), 0);
    for (digit, counts) in counts.iter_mut().enumerate() {
        if counts[byte(keys[0], digit)] as usize == keys.len() {
            continue;
        }
        let mut start = 0;
        for count in counts.iter_mut() {
            start += std::mem::replace(count, start);
        }
        for &key in keys.iter() {
            let place = &mut counts[byte(key, digit)];
            spare[*place as usize] = key;
            *place += 1;
        }
        std::mem::swap(keys, spare);
    }
}

/// The keys of the k largest, sorted. What may be among them is collected until there are twice as many; then the
/// lower half is dropped, and what is below the rest passes by with one comparison.
fn largest(x: &[f32], k: usize, keys: &mut Vec<u64>) {
    const STRIDE: usize = 16;
    let room = (2 * k).max(64);
    let mut bar = (u64::MAX, f32::NAN); // the last of those collected, as a key and as a number
    for (stride, block) in x.chunks(STRIDE).enumerate() {
        // Of equal ones the first wins. Nothing is at most NaN, and NaN at most nothing: neither passes by here.
        if block.iter().fold(true, |all, &x| all & (x <= bar.1)) {
            continue;
        }
        for (i, &x) in (stride * STRIDE..).zip(block) {
            let key = key(x, i as u32, true);
            if key < bar.0 {
                keys.push(key);
            }
        }
        if keys.len() >= room {
            let last = *keys.select_nth_unstable(k - 1).1;
            bar = (last, x[last as u32 as usize]);
            keys.truncate(k);
        }
    }
    keys.sort_unstable();
    keys.truncate(k);
}

/// Makes the sorted keys of a row; the second list is memory to use.
type Order<'a> = dyn Fn(&[f32], &mut Vec<u64>, &mut Vec<u64>) + Sync + 'a;

/// For each row along an axis, the first `k` of the keys that `order` makes of it: the elements and their positions.
#[track_caller]
fn along(x: &Tensor, axis: usize, k: usize, order: &Order<'_>) -> (Tensor, Ids) {
    let n = x.shape()[axis];
    assert!(u32::try_from(n).is_ok(), "sort: axis {axis} of shape {:?} has more entries than u32 can count", x.shape());
    let mut swap: Vec<usize> = (0..x.rank()).collect();
    swap.swap(axis, x.rank() - 1); // its own inverse
    let rows = x.permute(&swap).contiguous();
    let mut shape = Dims::new(rows.shape());
    *shape.last_mut().expect("an axis") = k;
    // Positions as the bits of floats, so that they can be transposed as a tensor; nothing computes with them.
    let (mut values, mut positions) = (Tensor::for_overwrite(&shape), Tensor::for_overwrite(&shape));
    if values.numel() > 0 {
        let rows = rows.as_slice().expect("made contiguous above");
        let together = (CHUNK / 8).div_ceil(n);
        let outs = [(values.make_mut(), together * k), (positions.make_mut(), together * k)];
        let tasks = (rows.len() / n).div_ceil(together);
        for_each_chunk_of(outs, tasks, 8 * rows.len(), &|task, [values, positions]| {
            let (mut keys, mut spare) = (Vec::new(), Vec::new());
            let rows = rows[task * together * n..].chunks_exact(n);
            for (x, (values, positions)) in rows.zip(values.chunks_exact_mut(k).zip(positions.chunks_exact_mut(k))) {
                keys.clear();
                order(x, &mut keys, &mut spare);
                for ((value, position), &key) in values.iter_mut().zip(positions).zip(&keys) {
                    *value = x[key as u32 as usize];
                    *position = f32::from_bits(key as u32);
                }
            }
        });
    }
    let positions = positions.permute(&swap).contiguous();
    let positions = bytemuck::cast_slice(positions.as_slice().expect("made contiguous above"));
    let values = values.permute(&swap);
    let ids = Ids::from_bounded("sort", positions, values.shape(), n.saturating_sub(1) as u32);
    (values, ids)
}
