//! A relay: one row goes through a whole network, step after step, in one meeting of the threads.
//!
//! A model that writes reads one token at a time, so that each of its matrices is multiplied by a single row. A step then takes
//! microseconds: a tenth of what it costs to allocate, to wake a thread, and to look at what an operation was given, if each step does
//! that for itself. Here the steps are said first, with all their places; then the threads meet once, stay awake, and go through the
//! steps together (`gemm::meeting`). What is computed is the same, by the same kernels:
//!
//! | step | of | kernel |
//! | --- | --- | --- |
//! | [`Step::Norm`] | layer or RMS normalisation | that of [`RowNorm`](crate::RowNorm) |
//! | [`Step::Linear`] | a product with a bias, an activation, and what is there already | `gemm/row.rs` |
//! | [`Step::Rotate`] | rotary positions | plain |
//! | [`Step::Attend`] | attention of one query in each head | `gemm/row.rs`, twice, with a softmax between |
//! | [`Step::Gate`] | silu(a)·b | that of the elementwise operations |
//!
//! A stage has steps that don't wait for one another, such as the products for queries, keys and values. Work is cut by the sizes
//! alone, and no sum is split: the bits don't depend on the number of threads.

mod step;
mod task;

pub use step::{Span, Step, Then};

use crate::gemm::{SharedMut, in_phases};
use crate::parallel::serial_threshold;
use crate::simd::{Isa, Kernel, Simd};

/// Runs the stages one after the other on `buffers`, which the spans of the steps are places in.
///
/// ```
/// use glassbox_tensor::relay::{Span, Step, Then, run};
/// let (mut row, weight) = ([1.0, 2.0, 0.0, 0.0], [3.0, 4.0, 5.0, 6.0]);
/// let [x, y] = [0, 2].map(|start| Span { buffer: 0, start, len: 2 });
/// let linear = Step::Linear { x, y, weight: &weight, bias: Some(&[-20.0, 1.0]), add: false, then: Then::Nothing };
/// run(&mut [&mut row], &[vec![linear]]); // y = x·Wᵀ + b
/// assert_eq!(row, [1.0, 2.0, 3.0 + 8.0 - 20.0, 5.0 + 12.0 + 1.0]);
/// ```
///
/// # Panics
/// If a span leaves its buffer, sizes don't fit together, or two steps of a stage would write the same place or one reads what
/// another writes.
#[track_caller]
pub fn run(buffers: &mut [&mut [f32]], stages: &[Vec<Step<'_>>]) {
    let sizes: Vec<usize> = buffers.iter().map(|buffer| buffer.len()).collect();
    stages.iter().for_each(|stage| step::check(stage, &sizes));
    let buffers: Vec<SharedMut> = buffers.iter_mut().map(|buffer| SharedMut(buffer.as_mut_ptr())).collect();
    let work: usize = stages.iter().flatten().map(Step::work).sum();
    // Two megabytes: below, one thread reads them from the caches sooner than two meet at every step.
    let parallel = work >= serial_threshold().saturating_mul(16) && rayon::current_num_threads() > 1;
    let relay = Relay { buffers: &buffers, stages, parallel };
    if parallel && rayon::current_thread_index().is_none() {
        // The caller would only wait; inside the pool it is one of the workers.
        return rayon::scope(|_| Isa::current().dispatch(relay));
    }
    Isa::current().dispatch(relay);
}

struct Relay<'a> {
    buffers: &'a [SharedMut],
    stages: &'a [Vec<Step<'a>>],
    parallel: bool,
}

impl Kernel for Relay<'_> {
    type Out = ();
    fn run<S: Simd>(self, s: S) {
        let Relay { buffers, stages, parallel } = self;
        let count = |stage: &&Vec<Step<'_>>| stage.iter().map(Step::tasks).sum::<usize>();
        let task = |stage: &&Vec<Step<'_>>, mut t: usize| {
            for step in *stage {
                let tasks = step.tasks();
                if t < tasks {
                    // SAFETY: `run` has checked this stage, its stages come one after the other, and each task once.
                    return unsafe { task::run(s, buffers, step, t) };
                }
                t -= tasks;
            }
        };
        match parallel {
            true => in_phases(stages.len(), |p| &stages[p], count, || (), |(), stage, t| task(stage, t)),
            false => stages.iter().for_each(|stage| (0..count(&stage)).for_each(|t| task(&stage, t))),
        }
    }
}

#[cfg(test)]
mod tests;
