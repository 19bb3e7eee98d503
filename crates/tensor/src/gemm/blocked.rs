//! Rung 2: the same additions in an order that caches and compilers like.

use super::{Epilogue, MatMut, MatRef, check};

/// Rows of B that are used while they lie in the first-level cache: 64 × 128 floats are 32 KiB.
const KB: usize = 64;
/// Columns of B and C in a block.
const NB: usize = 128;

/// `C = A·B` in blocks, then the epilogue.
///
/// What differs from [`naive`](super::naive):
/// 1. The loop over j is innermost (i, k, j): one step is `c[i, ..] += a(i, k)·b[k, ..]` over contiguous rows, so the
///    compiler vectorises it, and no addition waits for its neighbour.
/// 2. Loops over k and j are cut into blocks, so that a `KB` × `NB` block of B stays in the first-level cache while
///    all rows of A pass by: B comes from memory once, not M times.
///
/// What still costs: two loads and a store for each multiply-add (c, b, and c again). The store is the limit: one vector
/// a cycle. Columns of a transposed B are gathered one by one.
///
/// ```
/// use glassbox_tensor::gemm::{Epilogue, MatMut, MatRef, blocked};
/// let (a, b, mut c) = ([1., 2., 3., 4.], [5., 6.], [0.; 2]);
/// let (a, b) = (MatRef::row_major(&a, 2, 2), MatRef::row_major(&b, 2, 1));
/// blocked::product(a, b, MatMut::row_major(&mut c, 2, 1), &Epilogue::default()); // (2, 2) × (2, 1) -> (2, 1)
/// assert_eq!(c, [17., 39.]);
/// ```
///
/// # Panics
/// When shapes don't fit together.
#[track_caller]
pub fn product(a: MatRef<'_>, b: MatRef<'_>, mut c: MatMut<'_>, epilogue: &Epilogue<'_>) {
    check(&a, &b, &c, epilogue);
    let (n, k) = (c.cols(), a.cols());
    if !epilogue.accumulate {
        for i in 0..c.rows() {
            c.row_mut(i).fill(0.0);
        }
    }
    for k0 in (0..k).step_by(KB) {
        for j0 in (0..n).step_by(NB) {
            let j1 = n.min(j0 + NB);
            for i in 0..c.rows() {
                let out = &mut c.row_mut(i)[j0..j1];
                for p in k0..k.min(k0 + KB) {
                    let x = a.at(i, p);
                    if b.col_stride() == 1 {
                        for (out, y) in out.iter_mut().zip(&b.row(p)[j0..j1]) {
                            *out += x * y;
                        }
                    } else {
                        for (out, j) in out.iter_mut().zip(j0..) {
                            *out += x * b.at(p, j);
                        }
                    }
                }
            }
        }
    }
    for i in 0..c.rows() {
        for (j, out) in c.row_mut(i).iter_mut().enumerate() {
            *out = epilogue.finish(*out, i, j);
        }
    }
}
