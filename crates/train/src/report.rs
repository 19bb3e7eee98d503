//! `report.html` of a run: curves, pictures, numbers and the configuration.

use crate::curves::{Curve, curves_svg};
use crate::error::TrainError;
use crate::evaluation::Evaluation;
use crate::experiment::{Drawing, Picture};
use crate::metrics::{HELD_OUT, Metrics, Record, read_metrics, shown};
use crate::page::Page;
use crate::recorded::points;
use crate::trained::Trained;
use glassbox_data::image::{Image, read_png};
use glassbox_tensor::counted;

/// So many pictures tell how training went; more would only make the file large.
const MOST_SAMPLES: usize = 6;

/// Of a text that was written on the way, so many characters tell enough.
const MOST_CHARACTERS: usize = 240;

/// What is no part of the loss, though every step has it.
const NO_PARTS: [&str; 4] = ["loss", "grad_norm", "lr", "accuracy"];

/// The report of a run as its last checkpoint has it, made anew.
///
/// # Errors
/// If a file of the run cannot be read, or is damaged.
pub fn report(run: &Trained) -> Result<Page, TrainError> {
    let noted = Evaluation::read(&run.dir)?.filter(|e| e.step == run.step).map(|e| e.metrics);
    let evaluation = noted.unwrap_or_else(|| run.experiment.evaluate());
    page(run, &run.experiment.pictures(), &run.experiment.drawings(), &evaluation)
}

/// The report of a run as it stands.
pub(crate) fn page(
    run: &Trained,
    pictures: &[Picture],
    drawings: &[Drawing],
    evaluation: &Metrics,
) -> Result<Page, TrainError> {
    let mut records = read_metrics(&run.dir.metrics_path())?;
    records.retain(|record| record.step <= run.step);
    let preset = run.config.preset();
    let parameters: usize = run.experiment.parameters().iter().map(|p| p.value.numel()).sum();
    let mut page = Page::new(&format!("{}: {}", preset.name, preset.about));

    page.heading("Result");
    page.table(evaluation.iter().map(|(name, value)| (name, shown(value))));
    page.text(&format!(
        "On held-out data after {}, {} examples and {:.1} seconds; {parameters} parameters.",
        counted(run.step, "step"),
        records.last().map_or(0, |r| r.examples),
        run.state.seconds
    ));

    page.heading("Loss");
    if let Some(svg) = curves_svg(&loss_curves(&records), "loss") {
        page.drawing(&svg, "The loss of each step's batch before its update, and of held-out data at intervals.");
    }
    if let Some(svg) = curves_svg(&part_curves(&records), "parts of the loss") {
        page.drawing(&svg, "The parts that the loss is the sum of, each step's batch.");
    }
    if let Some(svg) = curves_svg(&[curve(&records, "lr", 0, false)], "lr") {
        page.drawing(&svg, "The learning rate, which a schedule changes.");
    }

    page.heading("What the trained model makes");
    for picture in pictures {
        page.picture(&picture.image, 2, &picture.caption);
    }
    for drawing in drawings {
        page.drawing(&drawing.svg, &drawing.caption);
    }

    let texts = written(run)?;
    if let Some((step, text)) = texts.last() {
        page.passage(text, &format!("Written after {}.", counted(*step, "step")));
    }
    if let [earlier @ .., _] = &texts[..]
        && !earlier.is_empty()
    {
        page.heading("As training went");
        page.text("Written from the same random numbers after more and more steps.");
        for (step, text) in earlier {
            page.passage(&text.chars().take(MOST_CHARACTERS).collect::<String>(), &format!("step {step}"));
        }
    }

    let samples = sampled(run)?;
    if samples.len() > 1 {
        page.heading("As training went");
        page.text("Samples from the same noise after more and more steps.");
        page.picture_row(samples.iter().map(|(step, image)| (image, format!("step {step}"))), 1);
    }

    page.heading("Configuration");
    let config = &run.config;
    let fixed = [("preset", preset.name.to_string()), ("seed", config.seed.to_string()), ("data", config.data.clone())];
    page.table(fixed.into_iter().chain([("steps", config.horizon().to_string())]));
    page.table(config.settings().map(|(s, value)| (s.name, format!("{value}: {}", s.about))));
    Ok(page)
}

fn curve(records: &[Record], name: &str, colour: usize, marked: bool) -> Curve {
    Curve { name: name.to_string(), points: points(records, name), colour, marked }
}

fn loss_curves(records: &[Record]) -> Vec<Curve> {
    let held_out = curve(records, &format!("{HELD_OUT}loss"), 1, true);
    vec![
        Curve { name: "training".to_string(), ..curve(records, "loss", 0, false) },
        Curve { name: "held out".to_string(), ..held_out },
    ]
}

/// Empty when the loss has a single part: it would be the same curve again.
fn part_curves(records: &[Record]) -> Vec<Curve> {
    let is_part = |name: &&str| !NO_PARTS.contains(name) && !name.starts_with(HELD_OUT);
    let names: Vec<&str> =
        records.first().map_or(Vec::new(), |r| r.metrics.iter().map(|m| m.0).filter(is_part).collect());
    if names.len() < 2 {
        return Vec::new();
    }
    names.into_iter().enumerate().map(|(colour, name)| curve(records, name, colour + 2, false)).collect()
}

/// Some of the samples that were drawn on the way, the first and the last among them.
fn sampled(run: &Trained) -> Result<Vec<(u64, Image)>, TrainError> {
    let steps = chosen(run.dir.sampled_steps()?, run.step);
    steps.into_iter().map(|step| Ok((step, read_png(&run.dir.sample_path(step))?))).collect()
}

/// The same of text.
fn written(run: &Trained) -> Result<Vec<(u64, String)>, TrainError> {
    let steps = chosen(run.dir.written_steps()?, run.step);
    steps.into_iter().map(|step| Ok((step, run.dir.read_text(step)?))).collect()
}

/// A few of the steps up to `last`, the first and the last of them among them.
fn chosen(mut steps: Vec<u64>, last: u64) -> Vec<u64> {
    steps.retain(|&step| step <= last);
    let n = steps.len().min(MOST_SAMPLES);
    (0..n).map(|i| if n > 1 { steps[i * (steps.len() - 1) / (n - 1)] } else { steps[0] }).collect()
}
