//! What an operation costs beside its arithmetic: on 8 elements there is next to none, and all of the time is dispatch, shapes,
//! the buffer and the graph.
//!
//! `cargo bench -p glassbox-benches --bench overhead`. Each row is divided by the operations that it runs: the targets are 0.5 µs
//! for `x + 1` without a gradient, and 1.5 µs for an operation of a chain of 100 products, forward and backward together.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use glassbox_autograd::{Var, profile};
use glassbox_tensor::Tensor;
use std::hint::black_box;

/// Operations in the chain.
const CHAIN: usize = 100;

fn chain(x: &Tensor, factor: &Var) {
    let x = Var::input(x.clone());
    let y = (0..CHAIN).fold(x, |x, _| &x * factor);
    black_box(y.backward_from(factor.value()));
}

fn overhead(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("overhead");
    let x = Tensor::ones([8]);
    let (constant, factor) = (Var::constant(x.clone()), Var::constant(Tensor::ones([8])));
    group.throughput(Throughput::Elements(1));
    group.bench_function("tensor x + 1", |b| b.iter(|| black_box(black_box(&x) + 1.0)));
    group.bench_function("x + 1 without gradient", |b| b.iter(|| black_box(black_box(&constant) + 1.0)));
    group.throughput(Throughput::Elements(CHAIN as u64));
    group.bench_function("100 products, forward and backward", |b| b.iter(|| chain(&x, &factor)));
    // The same while a profile is recorded: what that adds to every operation.
    profile::start(0);
    group.bench_function("100 products, profiled", |b| {
        b.iter(|| {
            let _step = profile::Span::step();
            chain(&x, &factor);
        });
    });
    profile::stop();
    group.finish();
}

criterion_group!(benches, overhead);
criterion_main!(benches);
