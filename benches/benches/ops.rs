//! Every registered operation at its standard size, forward and with its gradients, as bytes per second (operations that
//! read and write little for their arithmetic count floating-point operations instead).
//!
//! `cargo bench -p glassbox-benches --bench ops [NAME]`. An operation joins by being registered.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use glassbox_autograd::ops::registry;
use std::hint::black_box;
use std::time::Duration;

fn operations(criterion: &mut Criterion) {
    for op in registry() {
        let timed = op.timed();
        let mut group = criterion.benchmark_group(op.name());
        group.warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_millis(800)).sample_size(15);
        let cost = timed.cost;
        if cost.flops > 16 * cost.bytes {
            group.throughput(Throughput::Elements(cost.flops));
        } else if cost.bytes > 0 {
            group.throughput(Throughput::Bytes(cost.bytes));
        }
        group.bench_function("forward", |bencher| bencher.iter(|| black_box((timed.forward)())));
        if let Some(run) = &timed.forward_backward {
            group.bench_function("forward_backward", |bencher| bencher.iter(run));
        }
        group.finish();
    }
}

criterion_group!(benches, operations);
criterion_main!(benches);
