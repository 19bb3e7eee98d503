//! Every contestant of every family of kernels, at sizes that take milliseconds: bytes per second, or floating-point operations
//! (criterion calls them elements) per second.
//!
//! `cargo bench -p glassbox-benches --bench kernels [FAMILY]`; `RAYON_NUM_THREADS` and `MATMUL_NUM_THREADS` set the threads. For tables,
//! with contestants in turns, see the example `kernel_table`.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use glassbox_benches::kernels::FAMILIES;
use glassbox_benches::kernels::case::Work;
use glassbox_tensor::Tensor;
use std::time::Duration;

/// Work of a call at most, so that each of them once takes seconds in all.
const MOST: f64 = 4e7;

fn families(criterion: &mut Criterion) {
    for family in FAMILIES {
        let mut group = criterion.benchmark_group(family.name);
        group.warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_millis(600)).sample_size(15);
        for case in family.timed.iter().map(|size| (family.case)(size)).filter(|case| case.work.amount() <= MOST) {
            group.throughput(match case.work {
                Work::Flops(n) => Throughput::Elements(n),
                Work::Bytes(n) => Throughput::Bytes(n),
            });
            for run in &case.runs {
                let mut y = Tensor::zeros(&case.shape);
                group.bench_function(BenchmarkId::new(&run.name, &case.label), |bencher| {
                    bencher.iter(|| (run.run)(&mut y))
                });
            }
        }
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().without_plots();
    targets = families
}
criterion_main!(benches);
