//! In a program of its own, because the pool's counters are those of the whole process.

mod common;

use common::small;
use glassbox_train::Experiment;
use glassbox_vae::{Training, VAE_MLP, VaeMlp};

#[test]
fn memory_stays_flat_and_a_step_copies_no_parameter() {
    let config = small(&VAE_MLP);
    let data = glassbox_data::open(&config.data).unwrap();
    let mut training: Training<VaeMlp> = Training::new(&config, data).unwrap();
    let mut after = |steps: std::ops::Range<u64>| {
        steps.for_each(|step| drop(training.train_step(step).unwrap()));
        (glassbox_tensor::pool_stats(), glassbox_tensor::copied_bytes())
    };
    let ((early, copied_early), (late, copied_late)) = (after(0..50), after(50..150));
    assert_eq!(early.live_bytes, late.live_bytes, "{early:?}\n{late:?}");
    assert_eq!(early.held_bytes, late.held_bytes, "{early:?}\n{late:?}");
    assert_eq!(copied_early, copied_late);
}
