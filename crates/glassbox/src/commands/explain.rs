//! `glassbox explain`: an operation or a preset, for someone who wants to understand it.

use super::{PRESETS, explain_numbers, explain_preset, trainable};
use crate::cli::Explain;
use crate::failure::Failure;
use crate::output::print;
use glassbox_autograd::ops::registry;
use glassbox_autograd::{Cost, Derivatives, OpEntry};
use glassbox_data::names::unknown;
use glassbox_train::quantity;
use glassbox_vae::compare;

/// Runs `glassbox explain`.
pub fn run(options: &Explain) -> Result<(), Failure> {
    let subject = options.subject.as_str();
    if let Some(op) = registry().iter().find(|op| op.name() == subject) {
        if options.graph.is_some() {
            return Err(Failure::mistake(format!(
                "{subject} is an operation, and --graph shows a preset; `glassbox explain {subject} --numbers` shows how \
                 gradients flow through it"
            )));
        }
        return print(&if options.numbers { explain_numbers::page(*op) } else { operation(*op) });
    }
    if options.numbers && trainable().contains(&subject) {
        return Err(Failure::mistake(format!(
            "{subject} is a preset, and --numbers is for an operation, such as `glassbox explain softmax --numbers`"
        )));
    }
    if let Some(preset) = PRESETS.iter().find(|preset| preset.name == subject) {
        return print(&match options.graph {
            Some(picture) => explain_preset::graph(preset, picture)?,
            None => explain_preset::explain(preset)?,
        });
    }
    if subject == compare::NAME {
        let [first, second] = compare::configs().map(|config| config.preset().name);
        if options.graph.is_some() {
            return Err(Failure::mistake(format!("{subject} is two models; name one of them, {first} or {second}")));
        }
        return print(&format!(
            "{}: {}\n\nRead on with `glassbox explain {first}` and `glassbox explain {second}`.\n",
            compare::NAME,
            compare::ABOUT
        ));
    }
    let names: Vec<&str> = trainable().into_iter().chain(registry().iter().map(|op| op.name())).collect();
    Err(Failure::mistake(unknown("operation or preset", subject, &names)))
}

/// The page of an operation, all of it from its entry in the registry.
fn operation(op: &dyn OpEntry) -> String {
    let name = op.name();
    let mut text = format!("{name}\n\n");
    text.push_str(&row("value", op.formula()));
    text.push_str(&row("gradient", op.gradient()));
    text.push_str(&row("derivatives", &derivatives(op.derivatives())));
    text.push_str(&row("tolerance", &format!("{} from the f64 reference, u = 2⁻²⁴", op.tolerance())));
    text.push_str(&row("source", op.source()));
    text.push_str(&row("file", &format!("crates/autograd/src/ops/{name}.rs")));

    let example = op.example(&[2, 3, 4, 2, 3]);
    text.push_str(&format!("\nFor example, {}:\n\n", example.op));
    for (i, input) in example.inputs.iter().enumerate() {
        text.push_str(&array(&format!("input {i}"), input));
    }
    text.push_str(&array("output", &example.output));
    text.push_str(&row("cost", &cost(example.cost)));

    text.push_str(&format!("\n`glassbox explain {name} --numbers` shows a small example with every gradient.\n"));

    let timed = op.timed();
    let shapes: Vec<String> = timed.shapes.iter().map(|s| format!("{s:?}")).collect();
    text.push_str(&format!("\n`glassbox bench {name}` times it on {}:\n\n", shapes.join(" and ")));
    text.push_str(&row("cost", &cost(timed.cost)));

    let wrong = op.wrong_calls();
    if !wrong.is_empty() {
        text.push_str("\nMistakes that it names:\n\n");
        wrong.iter().for_each(|sentence| text.push_str(&format!("    {sentence}\n")));
    }
    text
}

/// A name and a text of one or more lines, aligned.
fn row(name: &str, text: &str) -> String {
    let mut lines = text.lines();
    let mut out = format!("    {name:<12} {}\n", lines.next().unwrap_or(""));
    lines.for_each(|line| out.push_str(&format!("{}\n", format!("    {:<12} {line}", "").trim_end())));
    out
}

fn array(name: &str, x: &glassbox_tensor::Tensor) -> String {
    row(name, &format!("{:?}\n{x}", x.shape()))
}

/// How often an operation can be differentiated, in words.
pub fn derivatives(derivatives: Derivatives) -> String {
    match derivatives {
        Derivatives::Any => "as many as you like".to_string(),
        Derivatives::Once(reason) => format!("the first: {reason}"),
        Derivatives::Never(reason) => format!("none: {reason}"),
    }
}

/// FLOPs and bytes, and how many of one for each of the other.
pub fn cost(cost: Cost) -> String {
    if cost == Cost::VIEW {
        return "nothing: it is a view of the same memory".to_string();
    }
    let intensity = cost.flops as f64 / cost.bytes.max(1) as f64;
    format!("{}, {}: {intensity:.2} FLOP/byte", quantity(cost.flops, "FLOP"), quantity(cost.bytes, "B"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_has_a_page_with_all_of_its_parts() {
        for op in registry() {
            let page = operation(*op);
            for part in ["value", "gradient", "derivatives", "tolerance", "source", "For example", "cost"] {
                assert!(page.contains(part), "{part} is missing in the page of {}:\n{page}", op.name());
            }
        }
    }

    /// `docs/operations.md` is the registry as a table. After a change, `GLASSBOX_BLESS=1 cargo test -p glassbox`
    /// writes it anew.
    #[test]
    fn the_table_of_operations_in_the_book_is_that_of_the_registry() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/operations.md");
        let table = table_of_operations();
        if std::env::var_os("GLASSBOX_BLESS").is_some() {
            std::fs::write(path, &table).expect("docs/operations.md can be written");
        }
        let book = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            book == table,
            "docs/operations.md is not the registry's; write it with GLASSBOX_BLESS=1 cargo test -p glassbox"
        );
    }

    fn table_of_operations() -> String {
        let mut text = String::from(
            "# Table of operations\n\n\
             Made from the registry in `crates/autograd/src/ops/mod.rs`; a test compares it. `glassbox explain NAME` tells more of \
             each. Tolerances are from the f64 reference, with u = 2⁻²⁴.\n\n\
             | operation | value | gradient | derivatives | tolerance | source |\n| --- | --- | --- | --- | --- | --- |\n",
        );
        for op in registry() {
            let name = op.name();
            let link = format!("[{name}](../crates/autograd/src/ops/{name}.rs)");
            let order = match op.derivatives() {
                Derivatives::Any => "any".to_string(),
                Derivatives::Once(_) => "first".to_string(),
                Derivatives::Never(_) => "none".to_string(),
            };
            let cells = [link, op.formula().into(), op.gradient().into(), order, op.tolerance(), op.source().into()];
            // A bar would end the cell, a line break the row.
            let cells = cells.map(|c: String| c.replace('|', "\\|").replace('\n', "; "));
            text.push_str(&format!("| {} |\n", cells.join(" | ")));
        }
        text.push_str("\n## Methods that are another operation's\n\n| method | operation |\n| --- | --- |\n");
        OTHER_NAMES.iter().for_each(|(method, op)| text.push_str(&format!("| {method} | {op} |\n")));
        text
    }

    /// What users look for under its own name, and where it is.
    const OTHER_NAMES: &[(&str, &str)] = &[
        ("`transpose(a, b)`, `t()`", "permute"),
        ("`select`, `index((1, .., 2..5))`, `split`, `chunk`", "narrow (and reshape)"),
        ("`unsqueeze`, `squeeze`", "reshape"),
        ("`stack`", "reshape and cat"),
        ("`less`, `less_equal`, `greater`, `greater_equal`, `equal`, `not_equal`", "compare"),
        ("`argsort`", "sort"),
        ("`sum_all`, `mean_all`", "sum, mean"),
        ("`instance_norm`", "group_norm with a group for each channel"),
        ("`batch_norm_with`", "batch_norm with given statistics"),
        ("`conv1d`, `conv_transpose1d`", "conv2d, conv_transpose2d of images of height 1"),
        ("`max_pool1d`, `avg_pool1d`", "max_pool2d, avg_pool2d of images of height 1"),
        ("`upsample_nearest`, `upsample_bilinear`", "resample"),
        ("`linear_relu`", "linear"),
        ("padding that is causal", "conv2d's pairs: (k − 1)·dilation before and none after"),
        ("sampling of a normal distribution", "reparameterize"),
    ];
}
