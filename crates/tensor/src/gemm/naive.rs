//! Rung 1: the definition. Every other rung is held to this one.

use super::{Epilogue, MatMut, MatRef, check};

/// `C = A·B`, element by element: c(i, j) = Σₖ a(i, k)·b(k, j), then the epilogue.
///
/// Each element is one chain of K additions, each waiting 2–4 cycles for the one before it, and for row-major B each
/// step of k touches another cache line. Of the 64 floating-point operations that a Zen 5 core starts in a cycle
/// (2 units × 16 lanes × multiply and add) that leaves about one, and less once B has outgrown the nearest cache.
///
/// ```
/// use glassbox_tensor::gemm::{Epilogue, MatMut, MatRef, naive};
/// let (a, b, mut c) = ([1., 2., 3., 4.], [5., 6.], [0.; 2]);
/// let (a, b) = (MatRef::row_major(&a, 2, 2), MatRef::row_major(&b, 2, 1));
/// naive::product(a, b, MatMut::row_major(&mut c, 2, 1), &Epilogue::default()); // (2, 2) × (2, 1) -> (2, 1)
/// assert_eq!(c, [17., 39.]);
/// ```
///
/// # Panics
/// When shapes don't fit together.
#[track_caller]
pub fn product(a: MatRef<'_>, b: MatRef<'_>, mut c: MatMut<'_>, epilogue: &Epilogue<'_>) {
    check(&a, &b, &c, epilogue);
    for i in 0..c.rows() {
        for j in 0..c.cols() {
            let mut sum = 0.0;
            for k in 0..a.cols() {
                sum += a.at(i, k) * b.at(k, j);
            }
            let out = &mut c.row_mut(i)[j];
            *out = epilogue.finish(if epilogue.accumulate { *out + sum } else { sum }, i, j);
        }
    }
}
