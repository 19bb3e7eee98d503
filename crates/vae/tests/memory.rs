//! 10,000 steps of training take no more memory than the steps before them.

use glassbox_train::{Limits, Observer, Record, RunConfig, Runner, TrainError};
use glassbox_vae::VAE_MLP;
use std::fs;

/// The steps between which memory may not change: four evaluations and two checkpoints have made their room before them, and both
/// lie as far behind the last of these, which borrow some for a moment.
const FROM: u64 = 1_050;
const TO: u64 = 11_050;

/// Reads the resident memory of this process at both steps.
#[derive(Default)]
struct Scales {
    kilobytes: Vec<u64>,
}

impl Observer for Scales {
    fn step(&mut self, record: &Record) -> Result<(), TrainError> {
        if [FROM, TO].contains(&record.step) {
            self.kilobytes.extend(resident());
        }
        Ok(())
    }
}

/// `VmRSS` of this process, in kB. `None` where there is no `/proc`.
fn resident() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.trim().strip_suffix(" kB")?.parse().ok()
}

/// Two pictures in a step and few units, for it is the steps that count: whatever a step leaves behind, a node of the graph, a
/// buffer of the pool, a line of a log, 10,000 of them would add up. Samples, evaluations and checkpoints come in between.
#[test]
fn ten_thousand_steps_add_less_than_one_per_cent_to_resident_memory() {
    if resident().is_none() {
        eprintln!("left out: there is no /proc/self/status here to read resident memory from");
        return;
    }
    // Each thread keeps memory of its own and may first need it late; two have made their room by then.
    rayon::ThreadPoolBuilder::new().num_threads(2).build_global().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut config = RunConfig::new(&VAE_MLP);
    for setting in ["batch=2", "hidden=64", "latents=2", "sample_every=250", "checkpoint_every=500"] {
        config.set(setting).unwrap();
    }
    config.steps = Some(TO);
    let mut scales = Scales::default();
    Runner::start(config, &dir.path().join("run")).unwrap().train(&Limits::default(), &mut scales).unwrap();
    let [before, after] = scales.kilobytes[..] else { panic!("both steps were taken: {:?}", scales.kilobytes) };
    assert!(before > 10_000, "{before} kB are no process with a data set in memory");
    // Less is no leak: a system may take pages away that nobody has touched for a while.
    assert!(after.saturating_sub(before) * 100 < before, "{before} kB after {FROM} steps, {after} kB after {TO}");
}
