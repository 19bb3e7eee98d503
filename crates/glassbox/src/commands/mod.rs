//! One file for each command.

mod bench;
mod completions;
mod data;
mod data_pictures;
mod data_show;
mod eval;
mod explain;
mod explain_numbers;
mod explain_preset;
mod generate;
mod judge;
mod list;
mod man;
mod probabilities;
mod report;
mod repro;
mod repro_page;
mod repro_runs;
mod sample;
mod sample_text;
mod train;

use crate::cli::Command;
use crate::failure::Failure;
use crate::output;
use anyhow::Context;
use glassbox_data::names::unknown;
use glassbox_tensor::simd::Isa;
use glassbox_train::{Preset, Trained};
use glassbox_vae::compare;
use std::path::Path;
use std::sync::LazyLock;

/// Every model that can be trained, family by family.
static PRESETS: LazyLock<Vec<&'static Preset>> = LazyLock::new(|| {
    use {glassbox_measure as measure, glassbox_transformer as transformer, glassbox_unet_diffusion as diffusion};
    [glassbox_vae::PRESETS, transformer::PRESETS, diffusion::PRESETS, measure::PRESETS].concat()
});

/// Runs a command.
pub fn run(command: Command) -> Result<(), Failure> {
    // Here and not in the middle of the work: a GLASSBOX_ISA that can't be met is a mistake, not a panic.
    Isa::from_env().map_err(Failure::mistake)?;
    match command {
        Command::List(options) => list::run(&options),
        Command::Train(options) => train::run(&options),
        Command::Sample(options) => sample::run(&options),
        Command::Generate(options) => generate::run(&options),
        Command::Eval(options) => eval::run(&options),
        Command::Report(options) => report::run(&options),
        Command::Explain(options) => explain::run(&options),
        Command::Bench(options) => bench::run(&options),
        Command::Data(command) => data::run(command),
        Command::Completions(options) => completions::run(&options),
        Command::Man(options) => man::run(&options),
        Command::Repro(options) => repro::run(&options),
    }
}

/// Makes the pool that all kernels compute in: `--threads`, or one thread for each processor.
fn start_threads(threads: Option<usize>) -> Result<(), Failure> {
    // This thread is one of the pool's: an operation that it starts needs no worker to be woken, only helpers. Over a
    // training step of some thirty operations that is a fifth of the time.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.unwrap_or(0)); // 0: rayon's default
    Ok(pool.use_current_thread().build_global().context("can't start threads")?)
}

/// Opens a run's last checkpoint, to read.
fn open_run(run: &Path) -> Result<Trained, Failure> {
    check_is_one_run(run)?;
    let run = Trained::open(run, &PRESETS)?;
    warn(&run);
    Ok(run)
}

/// Says what a person should know about how a run was opened.
fn warn(run: &Trained) {
    run.warnings.iter().for_each(|warning| output::note(warning));
}

/// `glassbox train vae` makes a folder with two runs in it; whoever names the folder means one of them.
fn check_is_one_run(run: &Path) -> Result<(), Failure> {
    let [first, second] = compare::configs().map(|config| run.join(config.preset().name));
    if !run.join("config.toml").exists() && (first.join("config.toml").exists() || second.join("config.toml").exists())
    {
        let (run, first, second) = (run.display(), first.display(), second.display());
        return Err(Failure::mistake(format!("{run}: holds two runs; name one of them, {first} or {second}")));
    }
    Ok(())
}

/// Everything that can be trained, by name.
pub fn trainable() -> Vec<&'static str> {
    PRESETS.iter().map(|preset| preset.name).chain([compare::NAME]).collect()
}

fn unknown_preset(name: &str) -> Failure {
    Failure::mistake(unknown("preset", name, &trainable()))
}
