//! `glassbox explain PRESET`: a model's formula, settings, parameters, arithmetic, and its graph as text.

use super::explain::quantity;
use crate::failure::Failure;
use crate::output::table;
use glassbox_autograd::graph_text;
use glassbox_train::{Preset, RunConfig};

/// The page of a preset: the model is built with its defaults, and asked.
pub fn explain(preset: &'static Preset) -> Result<String, Failure> {
    let config = RunConfig::new(preset);
    let data = glassbox_data::open(preset.data).map_err(Failure::mistake)?;
    let experiment = (preset.build)(&config, data)?;
    let parameters = experiment.parameters();
    let loss = experiment.loss_graph();

    let mut text = format!("{}: {}\n\n", preset.name, preset.about);
    preset.formula.lines().for_each(|line| text.push_str(&format!("    {line}\n")));
    text.push_str(&format!("\nData: {}. Cost: {}.\n", preset.data, preset.cost));

    text.push_str("\nSettings, each changed by --set NAME=VALUE:\n\n");
    let settings = config.settings().map(|(setting, value)| {
        [setting.name.to_string(), value.to_string(), setting.about.to_string(), setting.range()].to_vec()
    });
    text.push_str(&indented(&table(&settings.collect::<Vec<_>>(), &[false, true, false, false])));

    text.push_str("\nParameters:\n\n");
    let count = |shape: &[usize]| shape.iter().product::<usize>() as u64;
    let total: u64 = parameters.iter().map(|(_, shape)| count(shape)).sum();
    let mut rows: Vec<Vec<String>> = parameters
        .iter()
        .map(|(name, shape)| vec![name.clone(), format!("{shape:?}"), count(shape).to_string()])
        .collect();
    rows.push(vec!["all".into(), String::new(), total.to_string()]);
    text.push_str(&indented(&table(&rows, &[false, false, true])));

    text.push_str("\nMatrix products of one picture's way through the model:\n\n");
    // Each number of a weight matrix (out, in) is multiplied once and added once for every example.
    let forward: u64 = parameters.iter().filter(|(_, s)| s.len() == 2).map(|(_, s)| 2 * count(s)).sum();
    let forward_text = quantity(forward, "FLOP");
    let training = quantity(3 * forward, "FLOP");
    text.push_str(&format!("    forward {forward_text}; with both gradients of each product, up to {training}\n"));

    text.push_str("\nThe graph of the loss of one batch, in the order in which it was computed:\n\n");
    text.push_str(&indented(&graph_text(&loss)));
    Ok(text)
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}").trim_end().to_string() + "\n").collect()
}
