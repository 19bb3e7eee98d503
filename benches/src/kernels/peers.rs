//! Other people's products, and what it takes to call them: two of the three have an unsafe interface.

use super::gemm::Gemm;
use glassbox_tensor::gemm::MatRef;
use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayView2, ArrayViewMut2, ShapeBuilder};

/// `ndarray`, which calls `matrixmultiply` from some size on.
pub struct Ndarray;

impl Gemm for Ndarray {
    fn name(&self) -> &str {
        "ndarray"
    }
    fn product(&self, a: MatRef<'_>, b: MatRef<'_>, c: &mut [f32]) {
        let (m, n) = (a.rows(), b.cols());
        let mut c = ArrayViewMut2::from_shape((m, n), c).expect("C has m·n floats");
        general_mat_mul(1.0, &array(&a), &array(&b), 0.0, &mut c);
    }
}

/// The view as one of `ndarray`'s.
pub fn array<'a>(x: &'a MatRef<'_>) -> ArrayView2<'a, f32> {
    let strides = (x.row_stride(), x.col_stride());
    // SAFETY: a MatRef has checked that all of its elements lie inside a slice that it borrows for longer than 'a.
    unsafe { ArrayView2::from_shape_ptr((x.rows(), x.cols()).strides(strides), x.as_ptr()) }
}

/// First element and both strides.
fn parts(x: MatRef<'_>) -> (*const f32, isize, isize) {
    (x.as_ptr(), x.row_stride() as isize, x.col_stride() as isize)
}

/// `matrixmultiply`; `MATMUL_NUM_THREADS` are its threads, read once.
pub struct MatrixMultiply;

impl Gemm for MatrixMultiply {
    fn name(&self) -> &str {
        "matrixmultiply"
    }
    fn product(&self, a: MatRef<'_>, b: MatRef<'_>, c: &mut [f32]) {
        let (m, k, n) = (a.rows(), a.cols(), b.cols());
        assert_eq!(c.len(), m * n);
        let ((ap, ars, acs), (bp, brs, bcs)) = (parts(a), parts(b));
        // SAFETY: the views vouch for A and B, the line above the last for C.
        unsafe { matrixmultiply::sgemm(m, k, n, 1.0, ap, ars, acs, bp, brs, bcs, 0.0, c.as_mut_ptr(), n as isize, 1) }
    }
}

/// The crate `gemm`, on the threads of the pool that it is called in.
pub struct GemmCrate;

impl Gemm for GemmCrate {
    fn name(&self) -> &str {
        "gemm"
    }
    fn product(&self, a: MatRef<'_>, b: MatRef<'_>, c: &mut [f32]) {
        let (m, k, n) = (a.rows(), a.cols(), b.cols());
        assert_eq!(c.len(), m * n);
        let ((ap, ars, acs), (bp, brs, bcs)) = (parts(a), parts(b));
        let threads = match rayon::current_num_threads() {
            1 => gemm::Parallelism::None,
            n => gemm::Parallelism::Rayon(n),
        };
        let (c, row, no) = (c.as_mut_ptr(), n as isize, false);
        // SAFETY: as above; `gemm` takes column strides before row strides.
        unsafe { gemm::gemm(m, n, k, c, 1, row, no, ap, acs, ars, bp, bcs, brs, 0.0, 1.0, no, no, no, threads) }
    }
}
