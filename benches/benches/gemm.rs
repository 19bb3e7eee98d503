//! GFLOP/s of every rung of the GEMM ladder and of two peers, at four sizes.
//!
//! `cargo bench -p glassbox-benches --bench gemm`; `RAYON_NUM_THREADS` and `MATMUL_NUM_THREADS` set the threads of the
//! top rung and `gemm`, and of `matrixmultiply`. Criterion calls it throughput in elements: an element is one floating-point operation.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use glassbox_tensor::gemm::{Epilogue, MatMut, MatRef, blocked, naive, packed, parallel, simd};
use glassbox_tensor::simd::Isa;
use std::time::Duration;

fn squares(criterion: &mut Criterion) {
    let epilogue = Epilogue::default();
    for n in [64usize, 256, 512, 1024] {
        let numbers = |step: usize| (0..n * n).map(|i| (i * step % 1000) as f32 / 500.0 - 1.0).collect::<Vec<_>>();
        let (a_data, b_data, mut c_data) = (numbers(7919), numbers(6007), vec![0.0f32; n * n]);
        let (a, b) = (MatRef::row_major(&a_data, n, n), MatRef::row_major(&b_data, n, n));
        let c = &mut c_data[..];

        let mut group = criterion.benchmark_group("sgemm");
        group.warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1)).sample_size(20);
        group.throughput(Throughput::Elements(2 * (n * n * n) as u64));
        let mut bench = |name: &str, run: &mut dyn FnMut(&mut [f32])| {
            group.bench_function(BenchmarkId::new(name, n), |bencher| bencher.iter(|| run(c)));
        };
        if n <= 256 {
            // Beyond, they only spend time.
            bench("1-naive", &mut |c| naive::product(a, b, MatMut::row_major(c, n, n), &epilogue));
        }
        bench("2-blocked", &mut |c| blocked::product(a, b, MatMut::row_major(c, n, n), &epilogue));
        bench("3-packed", &mut |c| packed::product(a, b, MatMut::row_major(c, n, n), &epilogue));
        for isa in Isa::available() {
            let name = format!("4-simd-{}", isa.name());
            bench(&name, &mut |c| simd::product(isa, a, b, MatMut::row_major(c, n, n), &epilogue));
        }
        let isa = Isa::current();
        bench("5-parallel", &mut |c| parallel::product(isa, a, b, MatMut::row_major(c, n, n), &epilogue));
        bench("peer-matrixmultiply", &mut |c| {
            let (a, b, c, row) = (a.as_ptr(), b.as_ptr(), c.as_mut_ptr(), n as isize);
            // SAFETY: three row-major buffers of n·n floats.
            unsafe { matrixmultiply::sgemm(n, n, n, 1.0, a, row, 1, b, row, 1, 0.0, c, row, 1) }
        });
        bench("peer-gemm", &mut |c| {
            let (a, b, c, row) = (a.as_ptr(), b.as_ptr(), c.as_mut_ptr(), n as isize);
            let threads = gemm::Parallelism::Rayon(0);
            // SAFETY: three row-major buffers of n·n floats.
            unsafe {
                gemm::gemm(n, n, n, c, 1, row, false, a, 1, row, b, 1, row, 0.0, 1.0, false, false, false, threads)
            }
        });
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().without_plots();
    targets = squares
}
criterion_main!(benches);
