//! `glassbox train`: a new run, or the next sitting of an old one.

use super::{PRESETS, unknown_preset};
use crate::cli::Train;
use crate::failure::Failure;
use crate::output::print;
use crate::tui::Tui;
use anyhow::Context;
use glassbox_train::{
    Aside, Ending, Limits, Observer, Outcome, Profiler, Progress, RunConfig, RunDir, Runner, TensorBoard, TrainError,
    catch_interrupts,
};
use glassbox_vae::compare;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

/// Runs `glassbox train`.
pub fn run(options: &Train) -> Result<(), Failure> {
    super::start_threads(options.threads)?;
    let interrupt = catch_interrupts().context("can't take over Ctrl-C")?;
    match (&options.preset, &options.resume) {
        (Some(preset), _) => start(preset, options, interrupt),
        (None, Some(run)) => resume(run, options, interrupt),
        (None, None) => unreachable!("the command line requires one of them"),
    }
}

fn start(what: &str, options: &Train, interrupt: &'static AtomicBool) -> Result<(), Failure> {
    check_settings(options)?;
    if what == compare::NAME {
        if options.from.is_some() {
            return Err(Failure::mistake(format!("{what} is two models, which begin with nothing; leave --from out")));
        }
        return start_both(options, interrupt);
    }
    let mut config = match &options.from {
        Some(from) => beginning(what, from)?,
        None => configuration(what)?,
    };
    apply(options, &mut config)?;
    let limits = Limits { end: None, ..limits(options, interrupt) }; // of a new run, --steps is the horizon
    let mut watchers = watchers(options, interrupt)?;
    let out = options.out.clone().unwrap_or_else(|| default_out(config.preset().name));
    let mut runner = replacing(options, &out, &[], || Runner::start(config, &out))?;
    let outcome = runner.train(&limits, &mut watchers)?;
    drop(watchers);
    print(&describe(&out, &outcome))?;
    show_profile(&out, options)
}

fn start_both(options: &Train, interrupt: &'static AtomicBool) -> Result<(), Failure> {
    let mut configs = compare::configs();
    configs.iter_mut().try_for_each(|config| apply(options, config))?;
    let limits = Limits { end: None, ..limits(options, interrupt) };
    let mut watchers = watchers(options, interrupt)?;
    let out = options.out.clone().unwrap_or_else(|| default_out(compare::NAME));
    let comparison =
        replacing(options, &out, &compare::PARTS, || compare::train_both(configs, &out, &limits, &mut watchers))?;
    drop(watchers);
    print(&describe_comparison(&out, &comparison))?;
    comparison.runs.iter().try_for_each(|(name, _)| show_profile(&out.join(name), options))
}

fn default_out(name: &str) -> PathBuf {
    RunDir::next_free(&Path::new("runs").join(name))
}

/// Calls `start`, which makes the run `out`. With `--force` a run that is there goes when the new one stands.
fn replacing<R>(
    options: &Train,
    out: &Path,
    parts: &'static [&'static str],
    start: impl FnOnce() -> Result<R, TrainError>,
) -> Result<R, Failure> {
    let aside = if options.force { Aside::set(out, parts)? } else { None };
    let started = start();
    aside.map_or(Ok(()), Aside::settle)?;
    Ok(started?)
}

/// The configuration of a preset by its name, or that of a TOML file.
fn configuration(what: &str) -> Result<RunConfig, Failure> {
    if let Some(preset) = PRESETS.iter().find(|preset| preset.name == what) {
        return Ok(RunConfig::new(preset));
    }
    let path = Path::new(what);
    let is_path = what.contains(std::path::is_separator) || path.extension().is_some_and(|e| e == "toml");
    if !is_path && !path.exists() {
        return Err(unknown_preset(what));
    }
    if path.join("config.toml").is_file() {
        return Err(Failure::mistake(format!(
            "{what} is a run; go on with it by `glassbox train --resume {what}`, or train the same anew by \
             `glassbox train {}`",
            path.join("config.toml").display()
        )));
    }
    if path.is_dir() {
        return Err(Failure::mistake(format!(
            "{what} is a folder; give a preset, or a file that `glassbox list PRESET --toml` printed"
        )));
    }
    Ok(RunConfig::read_preset_file(path, &PRESETS)?)
}

/// The configuration of a preset, or that of a TOML file, which begins with what stands there. A run hands its settings on to what
/// begins with it: its weights fit no other sizes. It learns on its own data unless others are named.
fn beginning(what: &str, from: &Path) -> Result<RunConfig, Failure> {
    let mut config = configuration(what)?;
    let file = from.join("config.toml");
    if file.is_file() && config.preset().name == what {
        let run = RunConfig::read_preset_file(&file, &PRESETS)?;
        let (preset, trained) = (config.preset().name, run.preset().name);
        if preset != trained {
            return Err(Failure::mistake(format!(
                "{} is a run of {trained}, and {preset} can't begin with it; train {trained}",
                from.display()
            )));
        }
        let fresh = (config.seed, config.steps);
        config = run;
        (config.seed, config.steps) = fresh;
    }
    config.from = Some(from.display().to_string());
    Ok(config)
}

/// Refuses settings that contradict each other or `--steps`.
fn check_settings(options: &Train) -> Result<(), Failure> {
    let mut keys: Vec<&str> = options.set.iter().map(|set| key(set)).collect();
    if options.steps.is_some() && keys.contains(&"epochs") {
        return Err(Failure::mistake(
            "--set epochs can't go together with --steps, which is the length of the run too; leave one of them out",
        ));
    }
    keys.sort_unstable();
    match keys.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(Failure::mistake(format!("--set {} is there twice; give it once", pair[0]))),
        None => Ok(()),
    }
}

/// What a `--set` sets.
fn key(set: &str) -> &str {
    set.split('=').next().unwrap_or_default().trim()
}

/// Puts what the command line says into the configuration.
fn apply(options: &Train, config: &mut RunConfig) -> Result<(), Failure> {
    config.seed = options.seed.unwrap_or(config.seed);
    if options.set.iter().any(|set| key(set) == "epochs") {
        config.steps = None; // the steps of a file, which the epochs override
    }
    config.steps = options.steps.or(config.steps);
    if let Some(data) = &options.data {
        config.data.clone_from(data);
    }
    for setting in &options.set {
        config.set(setting)?;
    }
    Ok(())
}

fn resume(run: &Path, options: &Train, interrupt: &'static AtomicBool) -> Result<(), Failure> {
    super::check_is_one_run(run)?;
    let mut watchers = watchers(options, interrupt)?;
    let mut runner = Runner::resume(run, &PRESETS)?;
    super::warn(runner.run_so_far());
    let outcome = runner.train(&limits(options, interrupt), &mut watchers)?;
    drop(watchers);
    print(&describe(run, &outcome))?;
    show_profile(run, options)
}

/// Those who look on, as they were asked for. The terminal is as it was once they are dropped.
fn watchers(options: &Train, interrupt: &'static AtomicBool) -> Result<Vec<Box<dyn Observer>>, Failure> {
    let shown: Box<dyn Observer> = match options.tui {
        true => Box::new(Tui::new(interrupt)?),
        false => Box::new(Progress::new()),
    };
    let written = options.tensorboard.then(|| Box::new(TensorBoard::new()) as Box<dyn Observer>);
    let profiler = options.profile.then(|| Box::new(Profiler::new()) as Box<dyn Observer>);
    Ok(std::iter::once(shown).chain(written).chain(profiler).collect())
}

/// What the steps of a run cost, if that was asked for.
fn show_profile(run: &Path, options: &Train) -> Result<(), Failure> {
    if !options.profile {
        return Ok(());
    }
    let run = RunDir::open(run)?;
    let path = run.profile_path();
    let text = std::fs::read_to_string(&path).with_context(|| format!("can't read {}", path.display()))?;
    print(&format!("\n{text}{}{}", self::path("table", &path), self::path("trace", &run.trace_path())))
}

fn limits(options: &Train, interrupt: &'static AtomicBool) -> Limits<'static> {
    Limits { end: options.steps, minutes: options.minutes, interrupt: Some(interrupt), keep: options.keep }
}

/// Where a run stands and where its pictures are.
fn describe(run: &Path, outcome: &Outcome) -> String {
    let mut text = format!("step {}  test {}  {:.1} s\n", outcome.step, outcome.evaluation, outcome.seconds);
    outcome.pictures.iter().for_each(|picture| text.push_str(&path("picture", picture)));
    outcome.texts.iter().for_each(|written| text.push_str(&path("text", written)));
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
