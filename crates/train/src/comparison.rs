//! Several runs on one page: in what they differ, and what came of it.

use crate::curves::{Curve, curves_svg};
use crate::error::TrainError;
use crate::metrics::{HELD_OUT, shown};
use crate::page::Page;
use crate::recorded::{Recorded, metric_names};
use glassbox_data::image::{Image, read_png};

/// What stands where a run has nothing to say.
const NOTHING: &str = "–";

/// The page which compares these runs: the settings that differ, all curves over each other, the last evaluations, and
/// the last samples side by side.
///
/// # Errors
/// If samples cannot be read, or are damaged.
pub fn comparison(runs: &[Recorded]) -> Result<Page, TrainError> {
    let mut page = Page::new(&format!("{} runs beside each other", runs.len()));
    let head = || std::iter::once(String::new()).chain(runs.iter().map(|run| run.name.clone()));

    page.heading("What they are");
    let all = [
        row("preset", runs, |run| run.config.preset().name.to_string()),
        row("steps taken", runs, |run| run.records.last().map_or("0".to_string(), |r| r.step.to_string())),
        row("examples seen", runs, |run| run.records.last().map_or("0".to_string(), |r| r.examples.to_string())),
        row("seconds", runs, |run| run.records.last().map_or(NOTHING.to_string(), |r| format!("{:.1}", r.seconds))),
    ];
    page.wide_table(head(), all);
    page.heading("Settings that differ");
    let differing = differing(runs);
    match differing.is_empty() {
        true => page.text("None: data, seed, planned steps and all settings are the same."),
        false => page.wide_table(head(), differing),
    };

    page.heading("Held-out metrics at the end");
    page.wide_table(head(), evaluations(runs));

    page.heading("Curves");
    for name in metric_names(runs.iter().map(|run| run.records.as_slice())) {
        let curves: Vec<Curve> = runs.iter().enumerate().map(|(i, run)| curve(i, run, name)).collect();
        if let Some(svg) = curves_svg(&curves, name) {
            let caption = match name.strip_prefix(HELD_OUT) {
                Some(metric) => format!("{metric} of held-out data, at intervals."),
                None => format!("{name} of each step."),
            };
            page.drawing(&svg, &caption);
        }
    }

    let samples = last_samples(runs)?;
    if !samples.is_empty() {
        page.heading("Samples");
        page.picture_row(samples.iter().map(|(caption, image)| (image, caption.clone())), 1);
    }
    let texts = last_texts(runs)?;
    if !texts.is_empty() {
        page.heading("Text");
        texts.iter().for_each(|(caption, text)| {
            page.passage(text, caption);
        });
    }
    Ok(page)
}

/// A row of a table with one column for each run.
fn row(title: &str, runs: &[Recorded], cell: impl Fn(&Recorded) -> String) -> Vec<String> {
    std::iter::once(title.to_string()).chain(runs.iter().map(cell)).collect()
}

/// A row for each part of the configuration that is not the same in all runs.
fn differing(runs: &[Recorded]) -> Vec<Vec<String>> {
    let mut rows = vec![
        row("data", runs, |run| run.config.data.clone()),
        row("seed", runs, |run| run.config.seed.to_string()),
        row("planned steps", runs, |run| run.config.horizon().to_string()),
    ];
    let mut names: Vec<&str> = Vec::new();
    for (setting, _) in runs.iter().flat_map(|run| run.config.settings()) {
        if !names.contains(&setting.name) {
            names.push(setting.name);
        }
    }
    for name in names {
        let value = |run: &Recorded| run.config.settings().find(|(s, _)| s.name == name).map(|(_, v)| v.to_string());
        rows.push(row(name, runs, |run| value(run).unwrap_or(NOTHING.to_string())));
    }
    rows.retain(|cells| cells[2..].iter().any(|cell| *cell != cells[1]));
    rows
}

/// A row for each held-out metric of the last evaluations, and one for the steps after which they were made.
fn evaluations(runs: &[Recorded]) -> Vec<Vec<String>> {
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in runs.iter().filter_map(|run| run.evaluation.as_ref()).flat_map(|e| e.metrics.iter()) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let of = |run: &Recorded, name: &str| run.evaluation.as_ref().and_then(|e| e.metrics.get(name));
    let step = |run: &Recorded| run.evaluation.as_ref().map_or(NOTHING.to_string(), |e| e.step.to_string());
    let metrics = names.iter().map(|name| row(name, runs, |run| of(run, name).map_or(NOTHING.to_string(), shown)));
    std::iter::once(row("after step", runs, step)).chain(metrics).collect()
}

fn curve(i: usize, run: &Recorded, metric: &str) -> Curve {
    let marked = metric.starts_with(HELD_OUT);
    Curve { name: run.name.clone(), points: run.points(metric), colour: i, marked }
}

/// What each run wrote last, with what to say of it.
fn last_texts(runs: &[Recorded]) -> Result<Vec<(String, String)>, TrainError> {
    let mut all = Vec::new();
    for run in runs {
        if let Some(step) = run.dir.written_steps()?.pop() {
            all.push((format!("{}, step {step}", run.name), run.dir.read_text(step)?));
        }
    }
    Ok(all)
}

/// The samples that each run drew last, with what to say of them.
fn last_samples(runs: &[Recorded]) -> Result<Vec<(String, Image)>, TrainError> {
    let mut all = Vec::new();
    for run in runs {
        if let Some(step) = run.dir.sampled_steps()?.pop() {
            all.push((format!("{}, step {step}", run.name), read_png(&run.dir.sample_path(step))?));
        }
    }
    Ok(all)
}
