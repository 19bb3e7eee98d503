//! Matrix products: ours, and those of the contestants of [`kernels::gemm`](crate::kernels::gemm) by their names.

use super::{Work, sizes};
use crate::kernels::gemm::{CONTESTANTS, Gemm};
use glassbox_tensor::Tensor;
use glassbox_tensor::gemm::{Epilogue, MatMut, MatRef, product, sgemm_batch};
use glassbox_tensor::random::Key;
use glassbox_tensor::simd::Isa;
use std::hint::black_box;

/// Matrix `p` of those in `data`, or the transpose of what is stored there.
fn view(transposed: bool, data: &[f32], p: usize, [rows, cols]: [usize; 2]) -> MatRef<'_> {
    let data = &data[p * rows * cols..][..rows * cols];
    if transposed { MatRef::row_major(data, cols, rows).t() } else { MatRef::row_major(data, rows, cols) }
}

/// `nn:MxNxK`, `tn:…` (A transposed in memory), `nt:…` (B transposed), `batch:PxMxNxK`; with `gemm/` or `matrixmultiply/` in
/// front, theirs.
pub(super) fn work(parts: &[&str]) -> Option<Work> {
    let &[kind, size] = parts else { return None };
    let (contestant, kind) = kind.split_once('/').map_or((None, kind), |(name, kind)| (Some(name), kind));
    let (count, [m, n, k], kind) = match kind {
        "batch" => {
            let [count, m, n, k] = sizes(size)?;
            (count, [m, n, k], "nn")
        }
        _ => (1, sizes(size)?, kind),
    };
    let (a_turned, b_turned) = match kind {
        "nn" => (false, false),
        "tn" => (true, false),
        "nt" => (false, true),
        _ => return None,
    };
    let a = Tensor::randn([count * m * k], Key::new(1)).to_vec();
    let b = Tensor::randn([count * k * n], Key::new(2)).to_vec();
    let mut c = vec![0.0f32; count * m * n];
    let theirs = |name: &str| CONTESTANTS.iter().copied().find(|contestant: &&dyn Gemm| contestant.name() == name);
    Some(match contestant {
        None if count == 1 => Box::new(move || {
            let c = MatMut::row_major(black_box(&mut c), m, n);
            product(
                Isa::current(),
                view(a_turned, &a, 0, [m, k]),
                view(b_turned, &b, 0, [k, n]),
                c,
                &Epilogue::default(),
            );
        }),
        None => Box::new(move || {
            let c = black_box(&mut c);
            let (a, b) = (|p| view(a_turned, &a, p, [m, k]), |p| view(b_turned, &b, p, [k, n]));
            sgemm_batch(Isa::current(), count, a, b, c, &Epilogue::default());
        }),
        Some(name) => {
            let theirs = theirs(name)?;
            Box::new(move || {
                for (p, c) in black_box(&mut c).chunks_exact_mut(m * n).enumerate() {
                    theirs.product(view(a_turned, &a, p, [m, k]), view(b_turned, &b, p, [k, n]), c);
                }
            })
        }
    })
}
