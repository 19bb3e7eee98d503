//! Matrix products: ours, `gemm`'s and `matrixmultiply`'s.

use super::{Work, sizes};
use glassbox_tensor::Tensor;
use glassbox_tensor::gemm::{Epilogue, MatMut, MatRef, product, sgemm_batch};
use glassbox_tensor::random::Key;
use glassbox_tensor::simd::Isa;
use std::hint::black_box;

/// How an operand lies in memory: whether its rows or its columns are contiguous.
#[derive(Clone, Copy)]
struct Lies {
    transposed: bool,
}

impl Lies {
    /// (row stride, column stride) of a matrix with so many rows and columns.
    fn strides(self, rows: usize, cols: usize) -> (isize, isize) {
        if self.transposed { (1, rows as isize) } else { (cols as isize, 1) }
    }

    fn view(self, data: &[f32], rows: usize, cols: usize) -> MatRef<'_> {
        if self.transposed { MatRef::row_major(data, cols, rows).t() } else { MatRef::row_major(data, rows, cols) }
    }
}

/// `nn:MxNxK`, `tn:…` (A transposed in memory), `nt:…` (B transposed), `batch:PxMxNxK`; with `gemm/` or `matrixmultiply/` in
/// front, theirs.
pub(super) fn work(parts: &[&str], threads: usize) -> Option<Work> {
    let &[kind, size] = parts else { return None };
    let (contestant, kind) = kind.split_once('/').unwrap_or(("ours", kind));
    let (count, [m, n, k], kind) = match kind {
        "batch" => {
            let [count, m, n, k] = sizes(size)?;
            (count, [m, n, k], "nn")
        }
        _ => (1, sizes(size)?, kind),
    };
    let (a_lies, b_lies) = match kind {
        "nn" => (Lies { transposed: false }, Lies { transposed: false }),
        "tn" => (Lies { transposed: true }, Lies { transposed: false }),
        "nt" => (Lies { transposed: false }, Lies { transposed: true }),
        _ => return None,
    };
    let a = Tensor::randn([count * m * k], Key::new(1)).to_vec();
    let b = Tensor::randn([count * k * n], Key::new(2)).to_vec();
    let mut c = vec![0.0f32; count * m * n];
    let ((ra, ca), (rb, cb), rc) = (a_lies.strides(m, k), b_lies.strides(k, n), n as isize);
    Some(match contestant {
        "ours" if count == 1 => Box::new(move || {
            let (a, b) = (a_lies.view(&a, m, k), b_lies.view(&b, k, n));
            product(Isa::current(), a, b, MatMut::row_major(&mut c, m, n), &Epilogue::default());
            black_box(&mut c);
        }),
        "ours" => Box::new(move || {
            let a = |p: usize| a_lies.view(&a[p * m * k..][..m * k], m, k);
            let b = |p: usize| b_lies.view(&b[p * k * n..][..k * n], k, n);
            sgemm_batch(Isa::current(), count, a, b, &mut c, &Epilogue::default());
            black_box(&mut c);
        }),
        "matrixmultiply" => Box::new(move || {
            for p in 0..count {
                let (a, b, c) = (&a[p * m * k..], &b[p * k * n..], &mut c[p * m * n..]);
                // SAFETY: buffers of m·k, k·n and m·n floats with their strides.
                unsafe {
                    let (a, b, c) = (a.as_ptr(), b.as_ptr(), c.as_mut_ptr());
                    matrixmultiply::sgemm(m, k, n, 1.0, a, ra, ca, b, rb, cb, 0.0, c, rc, 1);
                }
            }
            black_box(&mut c);
        }),
        "gemm" => {
            let parallelism = if threads == 1 { gemm::Parallelism::None } else { gemm::Parallelism::Rayon(threads) };
            Box::new(move || {
                for p in 0..count {
                    let (a, b, c) = (&a[p * m * k..], &b[p * k * n..], &mut c[p * m * n..]);
                    // SAFETY: as above; `gemm` takes column strides before row strides.
                    unsafe {
                        let (a, b, c) = (a.as_ptr(), b.as_ptr(), c.as_mut_ptr());
                        let (no, parallel) = (false, parallelism);
                        gemm::gemm(m, n, k, c, 1, rc, no, a, ca, ra, b, cb, rb, 0.0, 1.0, no, no, no, parallel);
                    }
                }
                black_box(&mut c);
            })
        }
        _ => return None,
    })
}
