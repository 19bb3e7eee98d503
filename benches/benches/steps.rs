//! Whole training steps of nine models, as examples per second: `cargo bench -p glassbox-benches --bench steps [NAME]`.
//!
//! `--test` takes one step of each. The two largest take several seconds a step, so their samples are few.

use criterion::{Criterion, SamplingMode, criterion_group, criterion_main};
use glassbox_benches::steps;
use std::time::Duration;

fn whole_steps(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("steps");
    group.sample_size(10).sampling_mode(SamplingMode::Flat).warm_up_time(Duration::from_millis(500));
    for name in steps::NAMES {
        // A model is made when its turn comes, and freed after it: all nine together would take gigabytes.
        group.bench_function(name, |bencher| {
            let mut step = steps::build(name, None).expect("of the list");
            bencher.iter(|| step.step());
        });
    }
    group.finish();
}

criterion_group!(benches, whole_steps);
criterion_main!(benches);
