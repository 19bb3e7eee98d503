//! Many products of one shape: attention heads, images of a batch.

use super::parallel::{Product, serial_threshold};
use super::{Epilogue, MatMut, MatRef, check};
use crate::simd::Isa;
use rayon::prelude::*;

/// `count` products of the same shape: product p is `c[p·M·N..][..M·N] = A_p·B_p` with A_p = `a(p)`, B_p = `b(p)` and
/// each C_p row-major without gaps. Small ones are handed out whole, large ones are cut one after the other.
///
/// ```
/// use glassbox_tensor::gemm::{Epilogue, MatRef, sgemm_batch};
/// use glassbox_tensor::simd::Isa;
/// let (a, b, mut c) = ([1., 2., 3., 4.], [10., 1.], [0.; 2]);
/// let row = |p: usize| MatRef::row_major(&a[2 * p..], 1, 2); // (1 2), then (3 4)
/// let column = |_| MatRef::row_major(&b, 2, 1); // one B for all
/// sgemm_batch(Isa::current(), 2, row, column, &mut c, &Epilogue::default());
/// assert_eq!(c, [12., 34.]);
/// ```
///
/// # Panics
/// When shapes don't fit together or differ, `c` is not exactly filled, or this machine lacks `isa`.
#[track_caller]
pub fn sgemm_batch<'a>(
    isa: Isa,
    count: usize,
    a: impl Fn(usize) -> MatRef<'a> + Sync,
    b: impl Fn(usize) -> MatRef<'a> + Sync,
    c: &mut [f32],
    epilogue: &Epilogue<'_>,
) {
    if count == 0 {
        return;
    }
    let (m, k, n) = (a(0).rows(), a(0).cols(), b(0).cols());
    assert!(c.len() == count * m * n, "sgemm_batch: {count} products of [{m}, {n}] into {} floats", c.len());
    if m * n == 0 {
        return;
    }
    let one = |p: usize, c: &mut [f32], parallel: bool| {
        let (a, b, c) = (a(p), b(p), MatMut::row_major(c, m, n));
        check(&a, &b, &c, epilogue);
        isa.dispatch(Product { a, b, c, epilogue, parallel });
    };
    let (work, threads) = ((m * n).saturating_mul(k), rayon::current_num_threads());
    let threshold = serial_threshold();
    if threads == 1 || work.saturating_mul(count) < threshold {
        c.chunks_exact_mut(m * n).enumerate().for_each(|(p, c)| one(p, c, false));
    } else if count >= 4 * threads || work < threshold {
        let seen = crate::parallel::observer();
        // As many as make a task worth handing out.
        let least = (threshold / (work.max(1).saturating_mul(8))).max(1);
        c.par_chunks_exact_mut(m * n).enumerate().with_min_len(least).for_each(|(p, c)| {
            seen();
            one(p, c, false)
        });
    } else {
        c.chunks_exact_mut(m * n).enumerate().for_each(|(p, c)| one(p, c, true));
    }
}
