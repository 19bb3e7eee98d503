//! A graph in the language of Graphviz.

use super::{Item, Kind, Source, list};
use crate::var::Var;
use std::fmt::Write;

/// The graph that `y` was computed by, in the DOT language of Graphviz: `dot -Tsvg` draws it. Leaves are green, constants
/// dashed; the tooltip of an operation has its formulas.
///
/// ```
/// use glassbox_autograd::{Var, graph_dot};
/// use glassbox_tensor::tensor;
/// let dot = graph_dot(&Var::input(tensor![1., 2.]).named("w").exp());
/// assert!(dot.starts_with("digraph {\n") && dot.contains("n0 -> n1;"));
/// assert!(dot.contains(r#"n0 [label="w\n[2]""#));
/// ```
pub fn graph_dot(y: &Var) -> String {
    let mut dot = String::from(
        "digraph {\n    node [shape=box, fontname=monospace, fontsize=11, style=filled, fillcolor=white];\n",
    );
    let items = y.node().map(list).unwrap_or_default();
    if items.is_empty() {
        let _ = writeln!(dot, "    n0 [label=\"constant\\n{:?}\", style=dashed];", y.shape());
    }
    for (number, item) in items.iter().enumerate() {
        let _ = writeln!(dot, "    n{number} [{}];", attributes(item));
        for (i, source) in item.inputs.iter().enumerate() {
            let _ = match source {
                Source::Node(from) => writeln!(dot, "    n{from} -> n{number};"),
                Source::Constant(shape) => writeln!(
                    dot,
                    "    c{number}_{i} [label=\"constant\\n{shape:?}\", style=dashed];\n    c{number}_{i} -> n{number};"
                ),
            };
        }
    }
    dot + "}\n"
}

fn attributes(item: &Item) -> String {
    let name = item.name.as_deref().map(escaped);
    let title = match (&item.kind, name) {
        (Kind::Leaf, Some(name)) => name,
        (_, Some(name)) => format!("{}\\n{name}", item.what()),
        (_, None) => item.what().to_string(),
    };
    let label = format!("label=\"{title}\\n{:?}\"", item.shape);
    match item.formulas() {
        Some(formulas) => format!("{label}, tooltip=\"{}\"", formulas.map(|text| escaped(&text)).join("\\n")),
        None if matches!(item.kind, Kind::Leaf) => format!("{label}, fillcolor=\"#dff2df\""),
        None => format!("{label}, style=dotted"),
    }
}

/// Text inside the quotes of a DOT string.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
