//! `glassbox train`: a new run, or the next sitting of an old one.

use super::{PRESETS, unknown_preset};
use crate::cli::Train;
use crate::failure::Failure;
use crate::output::print;
use anyhow::Context;
use glassbox_train::{Ending, Limits, Outcome, Progress, RunConfig, RunDir, Runner, catch_interrupts};
use glassbox_vae::compare;
use std::path::Path;

/// Runs `glassbox train`.
pub fn run(options: &Train) -> Result<(), Failure> {
    super::start_threads(options.threads)?;
    match (&options.preset, &options.resume) {
        (Some(preset), _) => start(preset, options),
        (None, Some(run)) => resume(run, options),
        (None, None) => unreachable!("the command line requires one of them"),
    }
}

fn start(preset: &str, options: &Train) -> Result<(), Failure> {
    let out = options.out.clone().unwrap_or_else(|| RunDir::next_free(&Path::new("runs").join(preset)));
    if preset == compare::NAME {
        let mut configs = compare::configs();
        configs.iter_mut().try_for_each(|config| apply(options, config))?;
        let limits = Limits { end: None, ..limits(options)? }; // of a new run, --steps is the horizon
        let comparison = compare::train_both(configs, &out, &limits, &mut Progress::new())?;
        return print(&describe_comparison(&out, &comparison));
    }
    let preset = PRESETS.iter().find(|p| p.name == preset).ok_or_else(|| unknown_preset(preset))?;
    let mut config = RunConfig::new(preset);
    apply(options, &mut config)?;
    let mut runner = Runner::start(config, &out)?;
    let outcome = runner.train(&Limits { end: None, ..limits(options)? }, &mut Progress::new())?;
    print(&describe(&out, &outcome))
}

/// Puts what the command line says into the configuration.
fn apply(options: &Train, config: &mut RunConfig) -> Result<(), Failure> {
    config.seed = options.seed.unwrap_or(config.seed);
    config.steps = options.steps;
    if let Some(data) = &options.data {
        config.data.clone_from(data);
    }
    for setting in &options.set {
        config.set(setting)?;
    }
    Ok(())
}

fn resume(run: &Path, options: &Train) -> Result<(), Failure> {
    super::check_is_one_run(run)?;
    let mut runner = Runner::resume(run, &PRESETS)?;
    super::warn(runner.run_so_far());
    let outcome = runner.train(&limits(options)?, &mut Progress::new())?;
    print(&describe(run, &outcome))
}

fn limits(options: &Train) -> Result<Limits<'static>, Failure> {
    let interrupt = catch_interrupts().context("can't take over Ctrl-C")?;
    Ok(Limits { end: options.steps, minutes: options.minutes, interrupt: Some(interrupt), keep: options.keep })
}

/// Where a run stands and where its pictures are.
fn describe(run: &Path, outcome: &Outcome) -> String {
    let mut text = format!("step {}  test {}  {:.1} s\n", outcome.step, outcome.evaluation, outcome.seconds);
    outcome.pictures.iter().for_each(|picture| text.push_str(&path("picture", picture)));
    text.push_str(&path("report", &outcome.report));
    if outcome.ending != Ending::Finished {
        text.push_str(&format!("not finished; go on with  glassbox train --resume {}\n", run.display()));
    }
    text
}

/// The same of both runs, and then what shows the difference between them.
fn describe_comparison(out: &Path, comparison: &compare::Comparison) -> String {
    let mut text = String::new();
    for (name, outcome) in &comparison.runs {
        text.push_str(&format!("{name}: {}\n", describe(&out.join(name), outcome)));
    }
    let drawn = [("picture", &comparison.rows), ("picture", &comparison.codes), ("report", &comparison.report)];
    if drawn.iter().all(|(_, drawn)| drawn.is_none()) {
        text.push_str("interrupted before there was anything to compare\n");
        return text;
    }
    text.push_str("side by side:\n");
    for (what, drawn) in drawn {
        drawn.iter().for_each(|drawn| text.push_str(&path(what, drawn)));
    }
    text
}

fn path(what: &str, path: &Path) -> String {
    format!("{what:<7}  {}\n", path.display())
}
