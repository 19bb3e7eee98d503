//! Running sums along an axis.
//!
//! Every sum is carried in f64 and rounded to f32 once, where it is written. With u = 2⁻²⁴ and n terms,
//!
//! ```text
//! |ŷᵢ − yᵢ| ≤ u·|yᵢ| + (n − 1)·2⁻⁵³·Σ|xⱼ|          but for terms of the second order
//! ```
//!
//! (Higham 2002, *Accuracy and Stability of Numerical Algorithms*, section 4.2): a correctly rounded sum, but for
//! cancellation of nine digits, where sums carried in f32 would drift by n·u. Around the axis x is (outer, n, inner).

use crate::parallel::{CHUNK, column_slots, for_each_chunk, for_each_slot};
use crate::shape::axis_index;
use crate::tensor::Tensor;

/// Columns of wide entries that one task takes.
const COLUMNS: usize = 256;
/// From so many blocks on, each is summed in one go; fewer, longer ones are cut along the axis too.
const MANY: usize = 8;

impl Tensor {
    /// The running sum along `axis`: y[…, i, …] = Σ x[…, j, …] over j ≤ i; carried in f64, rounded once.
    ///
    /// ```
    /// use glassbox_tensor::tensor;
    /// assert_eq!(tensor![[1., 2., 3.], [4., 5., 6.]].cumsum(1), tensor![[1., 3., 6.], [4., 9., 15.]]);
    /// ```
    ///
    /// # Panics
    /// For an axis that doesn't exist.
    #[track_caller]
    pub fn cumsum(&self, axis: isize) -> Tensor {
        scan(self, axis, false)
    }

    /// The running sum from the end of `axis`: y[…, i, …] = Σ x[…, j, …] over j ≥ i; as [`cumsum`](Self::cumsum).
    ///
    /// ```
    /// use glassbox_tensor::tensor;
    /// assert_eq!(tensor![1., 2., 3.].cumsum_reversed(0), tensor![6., 5., 3.]);
    /// ```
    ///
    /// # Panics
    /// For an axis that doesn't exist.
    #[track_caller]
    pub fn cumsum_reversed(&self, axis: isize) -> Tensor {
        scan(self, axis, true)
    }
}

#[track_caller]
fn scan(x: &Tensor, axis: isize, reversed: bool) -> Tensor {
    let at = axis_index("cumsum", axis, x.rank());
    let mut out = Tensor::for_overwrite(x.shape());
    if out.numel() == 0 {
        return out;
    }
    let n = x.shape()[at];
    let outer: usize = x.shape()[..at].iter().product();
    let inner: usize = x.shape()[at + 1..].iter().product();
    let x = x.contiguous();
    let x = x.as_slice().expect("made contiguous above");
    let work = 4 * out.numel(); // each addition waits for the one before
    if inner >= 2 * COLUMNS {
        // Wide entries: a task takes some columns of a block.
        let per_row = inner.div_ceil(COLUMNS);
        let mut slots = column_slots(out.make_mut(), [n, inner], COLUMNS);
        for_each_slot(&mut slots, work, |task, entries| {
            let (block, column) = (task / per_row, task % per_row * COLUMNS);
            let mut sums = [0.0; COLUMNS];
            in_order(n, reversed, |i| {
                add_entry(&mut sums, &x[(block * n + i) * inner + column..], Some(&mut *entries[i]));
            });
        });
        return out;
    }
    if outer >= MANY || n * inner <= CHUNK {
        // Many blocks: a task takes some whole ones.
        let blocks = CHUNK.div_ceil(n * inner);
        for_each_chunk(out.make_mut(), blocks * n * inner, work, |task, part| {
            for (block, y) in part.chunks_exact_mut(n * inner).enumerate() {
                let x = &x[(task * blocks + block) * n * inner..][..y.len()];
                run(x, inner, &mut [0.0; 2 * COLUMNS][..inner], reversed, Some(y));
            }
        });
        return out;
    }
    // Few long blocks: their pieces are summed first, then each piece begins with the sum of what comes before it.
    let piece = CHUNK.div_ceil(inner) * inner;
    for (x, y) in x.chunks_exact(n * inner).zip(out.make_mut().chunks_exact_mut(n * inner)) {
        let pieces = x.len().div_ceil(piece);
        let mut sums = vec![vec![0.0; inner]; pieces];
        for_each_slot(&mut sums, work, |i, sums| {
            let x = &x[i * piece..];
            run(&x[..piece.min(x.len())], inner, sums, reversed, None);
        });
        let mut before = vec![0.0; inner];
        in_order(pieces, reversed, |i| {
            for (sum, before) in sums[i].iter_mut().zip(&mut before) {
                *before += std::mem::replace(sum, *before);
            }
        });
        for_each_chunk(y, piece, work, |i, y| {
            run(&x[i * piece..][..y.len()], inner, &mut sums[i].clone(), reversed, Some(y));
        });
    }
    out
}

/// Calls `f` with 0, 1, …, n − 1, or the other way round.
fn in_order(n: usize, reversed: bool, mut f: impl FnMut(usize)) {
    if reversed { (0..n).rev().for_each(f) } else { (0..n).for_each(&mut f) }
}

/// Adds entries of `inner` elements to `sums`, one after the other, and writes each sum to `y`.
fn run(x: &[f32], inner: usize, sums: &mut [f64], reversed: bool, y: Option<&mut [f32]>) {
    match y {
        Some(y) if inner == 1 => {
            let step = |(y, &x): (&mut f32, &f32)| {
                sums[0] += f64::from(x);
                *y = sums[0] as f32;
            };
            let pairs = y.iter_mut().zip(x);
            if reversed { pairs.rev().for_each(step) } else { pairs.for_each(step) }
        }
        Some(y) => in_order(x.len() / inner, reversed, |i| {
            add_entry(sums, &x[i * inner..][..inner], Some(&mut y[i * inner..][..inner]));
        }),
        None if inner == 1 => sums[0] += x.iter().map(|&x| f64::from(x)).sum::<f64>(),
        None => in_order(x.len() / inner, reversed, |i| add_entry(sums, &x[i * inner..][..inner], None)),
    }
}

/// Adds an entry, and writes the sums.
fn add_entry(sums: &mut [f64], x: &[f32], y: Option<&mut [f32]>) {
    match y {
        Some(y) => {
            for ((sum, &x), y) in sums.iter_mut().zip(x).zip(y) {
                *sum += f64::from(x);
                *y = *sum as f32;
            }
        }
        None => sums.iter_mut().zip(x).for_each(|(sum, &x)| *sum += f64::from(x)),
    }
}
