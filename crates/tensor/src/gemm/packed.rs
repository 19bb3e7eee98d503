//! Rung 3: operands copied into the order in which they are used, and a tile of C kept in registers. Safe Rust, no
//! intrinsics.

use super::{Epilogue, MatMut, MatRef, check};

/// Rows of a tile of C.
const MR: usize = 4;
/// Columns of a tile of C: 4 × 8 sums are 8 of the 16 registers of baseline x86-64, with 4 lanes each.
const NR: usize = 8;
/// Depth of a block: a panel of B, 256 × 8 floats, is 8 KiB of the first-level cache.
const KC: usize = 256;
/// Rows of A in a block: 128 × 256 floats are 128 KiB of the second-level cache.
const MC: usize = 128;
/// Columns of B in a block: 256 × 2048 floats are 2 MiB of the third-level cache.
const NC: usize = 2048;

/// `C = A·B` from packed panels, then the epilogue.
///
/// What differs from [`blocked`](super::blocked):
/// 1. A tile of `MR` × `NR` sums stays in registers for a whole block of k: MR + NR loads serve MR·NR multiply-adds
///    (12 for 32, where the rung before needed 64 loads and 32 stores).
/// 2. Blocks of A and B are copied once into panels in exactly the order in which the tile reads them: every load is
///    then contiguous, no matter how the operands were transposed, and a panel touches few pages. Copying costs M·K + K·N
///    for 2·M·N·K operations: it pays from a few dozen rows on.
/// 3. Five loops around the tile place a panel of B in the first-level cache, a block of A in the second and a block of B
///    in the third (Goto & van de Geijn, *Anatomy of High-Performance Matrix Multiplication*, 2008; the five loops
///    as in Van Zee & van de Geijn, *BLIS*, 2015).
///
/// ```
/// use glassbox_tensor::gemm::{Epilogue, MatMut, MatRef, packed};
/// let (a, b, mut c) = ([1., 2., 3., 4.], [5., 6.], [0.; 2]);
/// let (a, b) = (MatRef::row_major(&a, 2, 2), MatRef::row_major(&b, 2, 1));
/// packed::product(a, b, MatMut::row_major(&mut c, 2, 1), &Epilogue::default()); // (2, 2) × (2, 1) -> (2, 1)
/// assert_eq!(c, [17., 39.]);
/// ```
///
/// # Panics
/// When shapes don't fit together.
#[track_caller]
pub fn product(a: MatRef<'_>, b: MatRef<'_>, mut c: MatMut<'_>, epilogue: &Epilogue<'_>) {
    check(&a, &b, &c, epilogue);
    let (m, n, k) = (c.rows(), c.cols(), a.cols());
    let mut packed_a = vec![0.0; MC.min(m).next_multiple_of(MR) * KC.min(k)];
    let mut packed_b = vec![0.0; NC.min(n).next_multiple_of(NR) * KC.min(k)];
    // With K = 0 one empty block still writes zeros and the epilogue.
    for j0 in (0..n).step_by(NC) {
        let nc = NC.min(n - j0);
        for k0 in (0..k.max(1)).step_by(KC) {
            let kc = KC.min(k - k0);
            pack::<NR>(b.block(k0, j0, kc, nc).t(), &mut packed_b);
            for i0 in (0..m).step_by(MC) {
                let mc = MC.min(m - i0);
                pack::<MR>(a.block(i0, k0, mc, kc), &mut packed_a);
                for j in (0..nc).step_by(NR) {
                    let b_panel = &packed_b[j * kc..][..NR * kc];
                    for i in (0..mc).step_by(MR) {
                        let sums = tile(&packed_a[i * kc..][..MR * kc], b_panel);
                        for (i, sums) in (i0 + i..i0 + mc).zip(&sums) {
                            let row = &mut c.row_mut(i)[j0 + j..j0 + nc.min(j + NR)];
                            for ((out, sum), j) in row.iter_mut().zip(sums).zip(j0 + j..) {
                                let sum = if k0 > 0 || epilogue.accumulate { *out + sum } else { *sum };
                                *out = if k0 + kc == k { epilogue.finish(sum, i, j) } else { sum };
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Copies `x` (rows × depth) into panels of `W` rows: panel p holds `x(p·W + r, k)` at `[k·W + r]`. Missing rows are zero.
fn pack<const W: usize>(x: MatRef<'_>, out: &mut [f32]) {
    let depth = x.cols();
    for r0 in (0..x.rows()).step_by(W) {
        let rows = W.min(x.rows() - r0);
        for (k, out) in out[r0 * depth..][..W * depth].chunks_exact_mut(W).enumerate() {
            for (r, out) in out.iter_mut().enumerate() {
                *out = if r < rows { x.at(r0 + r, k) } else { 0.0 };
            }
        }
    }
}

/// The sums of one tile over one block of k.
#[inline(always)]
fn tile(a: &[f32], b: &[f32]) -> [[f32; NR]; MR] {
    let mut sums = [[0.0; NR]; MR];
    for (a, b) in a.chunks_exact(MR).zip(b.chunks_exact(NR)) {
        for (sums, a) in sums.iter_mut().zip(a) {
            for (sum, b) in sums.iter_mut().zip(b) {
                *sum += a * b;
            }
        }
    }
    sums
}
