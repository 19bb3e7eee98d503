//! `glassbox explain PRESET`: a model's formula, settings, parameters, arithmetic, and its graph.

use crate::cli::Picture;
use crate::failure::Failure;
use glassbox_autograd::{graph_cost, graph_dot, graph_svg, graph_text};
use glassbox_train::{Experiment, Preset, RunConfig, columns, quantity};

/// The page of a preset: the model is built with its defaults, and asked.
pub fn explain(preset: &'static Preset) -> Result<String, Failure> {
    let (config, experiment) = build(preset)?;
    let parameters = experiment.parameters();
    let loss = experiment.loss_graph();

    let mut text = format!("{}: {}\n\n", preset.name, preset.about);
    preset.formula.lines().for_each(|line| text.push_str(&format!("    {line}\n")));
    text.push_str(&format!("\nData: {}. Cost: {}.\n", preset.data, preset.cost));

    text.push_str("\nSettings, each changed by --set NAME=VALUE:\n\n");
    text.push_str(&indented(&settings(&config)));

    text.push_str("\nParameters:\n\n");
    let total: usize = parameters.iter().map(|p| p.value.numel()).sum();
    let mut rows: Vec<Vec<String>> = parameters
        .iter()
        .map(|p| vec![p.name.clone(), format!("{:?}", p.value.shape()), p.value.numel().to_string()])
        .collect();
    rows.push(vec!["all".into(), String::new(), total.to_string()]);
    text.push_str(&indented(&columns(&rows, &[false, false, true])));

    text.push_str("\nArithmetic of the loss of one batch, forward, by the costs of its operations; backward takes about twice that:\n\n");
    let total_cost = graph_cost(&loss);
    let mut rows: Vec<Vec<String>> = Vec::new();
    for (name, times, cost) in &total_cost.by_operation {
        let bytes = quantity(cost.bytes, "B");
        rows.push(vec![name.to_string(), format!("{times} ×"), quantity(cost.flops, "FLOP"), bytes]);
    }
    let all = total_cost.all;
    rows.push(vec!["all".into(), String::new(), quantity(all.flops, "FLOP"), quantity(all.bytes, "B")]);
    text.push_str(&indented(&columns(&rows, &[false, true, true, true])));

    let remarks = experiment.remarks();
    if !remarks.is_empty() {
        text.push_str(&format!("\n{remarks}"));
    }

    text.push_str("\nThe graph of the loss of one batch, in the order in which it was computed:\n\n");
    text.push_str(&indented(&graph_text(&loss)));
    text.push_str(&format!("\n`glassbox explain {} --graph svg > graph.svg` draws it.\n", preset.name));
    Ok(text)
}

/// The settings as a table: name, value, what it is, which values it takes.
pub fn settings(config: &RunConfig) -> String {
    let rows = config.settings().map(|(setting, value)| {
        [setting.name.to_string(), value.to_string(), setting.about.to_string(), setting.range()].to_vec()
    });
    columns(&rows.collect::<Vec<_>>(), &[false, true, false, false])
}

/// The graph of the loss of one batch, and nothing else.
pub fn graph(preset: &'static Preset, picture: Picture) -> Result<String, Failure> {
    let loss = build(preset)?.1.loss_graph();
    match picture {
        Picture::Text => Ok(graph_text(&loss)),
        Picture::Dot => Ok(graph_dot(&loss)),
        Picture::Svg => graph_svg(&loss).map_err(Failure::mistake),
    }
}

/// The model with its defaults.
fn build(preset: &'static Preset) -> Result<(RunConfig, Box<dyn Experiment>), Failure> {
    let mut config = RunConfig::new(preset);
    let experiment = config.build()?;
    Ok((config, experiment))
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}").trim_end().to_string() + "\n").collect()
}
