//! A small graph with all its numbers: what a lecture draws on the blackboard.

use crate::node::{Content, Edge, Node};
use crate::op::Inline;
use crate::sweep::{Mode, Sweep, ancestors};
use crate::var::Var;
use glassbox_tensor::Tensor;
use glassbox_tensor::shape::Dims;
use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;

/// The graph of a scalar in the order of the sweep: from the loss down to the leaves, each node's value, the gradient that
/// arrives there, and the rule by which the operation passes it on. Printed, it reads like the worked example of a lecture.
/// The graph stays as it is.
///
/// ```
/// use glassbox_autograd::{Var, trace};
/// use glassbox_tensor::tensor;
/// let x = Var::input(tensor![1., 2.]).named("x");
/// let loss = (&x.square() * &x).sum_all(); // Σ x³
/// assert_eq!(trace(&loss).to_string(), "\
/// %3 = sum(%2)  []
///     y = Σ x over the named axes
///     dx = dy, repeated along the summed axes
///     value  gradient
///     9.0    1.0
///
/// %2 = mul(%1, x)  [2]
///     y = a · b, element by element
///     da = dy · b, db = dy · a, summed over repeated axes
///     value    gradient, from %3
///     [1. 8.]  [1. 1.]
///
/// %1 = square(x)  [2]
///     y = x²
///     dx = 2 · x · dy
///     value    gradient, from %2
///     [1. 4.]  [1. 2.]
///
/// %0 = leaf x  [2]
///     value    gradient, added up from %1, %2
///     [1. 2.]  [ 3. 12.]
/// ");
/// ```
///
/// Values that nobody kept are computed again. Where that takes a constant of more than 1000 elements which backward
/// doesn't read, a value is missing.
///
/// # Panics
/// When this is not a single element, not recorded, or its graph has been consumed by a `backward`.
#[track_caller]
pub fn trace(y: &Var) -> Trace {
    Trace::of(y, Sweep::of(y, "trace"))
}

/// As [`trace`], from a value of any shape whose gradient is `dy`.
///
/// ```
/// use glassbox_autograd::{Var, trace_from};
/// use glassbox_tensor::tensor;
/// let x = Var::input(tensor![1., 2.]);
/// let trace = trace_from(&x.square(), &tensor![10., 1.]);
/// assert_eq!(trace.steps[1].gradient, tensor![20., 4.]); // dy · 2x
/// ```
///
/// # Panics
/// When `dy` has another shape than y, y is not recorded, or its graph has been consumed.
#[track_caller]
pub fn trace_from(y: &Var, dy: &Tensor) -> Trace {
    Trace::of(y, Sweep::from(y, &Var::constant(dy.clone()), "trace_from"))
}

/// What [`trace`] returns; it is printed with `{}`.
#[derive(Clone, Debug)]
pub struct Trace {
    /// From the differentiated value down to the leaves.
    pub steps: Vec<Step>,
}

/// One node of a graph in the order of the sweep.
#[derive(Clone, Debug)]
pub struct Step {
    /// Its number in [`graph_text`](crate::graph_text), which counts in the order of computation.
    pub number: usize,
    /// The operation's name, or `leaf`.
    pub op: &'static str,
    /// Its own name, if it has one.
    pub name: Option<String>,
    /// What its inputs are called: a name, a number, or a constant's shape.
    pub inputs: Vec<String>,
    /// Its value, where that is known.
    pub value: Option<Tensor>,
    /// Inputs which are constants: which of them, and the value where it is known.
    pub constants: Vec<(usize, Option<Tensor>)>,
    /// The complete gradient.
    pub gradient: Tensor,
    /// What the gradient came from: the nodes that read this one.
    pub from: Vec<String>,
    /// The operation's formula; empty for a leaf.
    pub formula: &'static str,
    /// By what it passes its gradient on to its inputs; empty for a leaf.
    pub rule: &'static str,
    shape: Dims,
}

impl Trace {
    #[track_caller]
    fn of(y: &Var, sweep: Sweep<'_>) -> Trace {
        let nodes = y.node().map(ancestors).unwrap_or_default();
        let values = values(&nodes, y);
        let numbers: HashMap<u64, usize> = nodes.iter().enumerate().map(|(number, node)| (node.id, number)).collect();
        let called = |node: &Node| node.name().map_or(format!("%{}", numbers[&node.id]), |name| name.to_string());
        let mut readers: HashMap<u64, Vec<String>> = HashMap::new();
        for node in &nodes {
            let Content::Op(record) = &*node.content.borrow() else { continue };
            for from in record.inputs.iter().filter_map(|edge| edge.node.as_ref()) {
                readers.entry(from.id).or_default().push(called(node));
            }
        }
        let mut steps = Vec::new();
        sweep.run(Mode::Keep, |node, gradient| {
            let mut step = Step {
                number: numbers[&node.id],
                op: "leaf",
                name: node.name().map(|name| name.to_string()),
                inputs: Vec::new(),
                value: values.get(&node.id).cloned(),
                constants: Vec::new(),
                gradient: gradient.value().clone(),
                from: readers.remove(&node.id).unwrap_or_default(),
                formula: "",
                rule: "",
                shape: node.shape,
            };
            if let Content::Op(record) = &*node.content.borrow() {
                let op = record.applied.entry();
                (step.op, step.formula, step.rule) = (op.name(), op.formula(), op.gradient());
                for (i, edge) in record.inputs.iter().enumerate() {
                    step.inputs.push(match &edge.node {
                        Some(from) => called(from),
                        None => format!("constant {:?}", edge.shape),
                    });
                    if edge.node.is_none() {
                        step.constants.push((i, edge.value.clone()));
                    }
                }
            }
            steps.push(step);
        });
        Trace { steps }
    }
}

/// The value of every node that is held anywhere, or follows from values that are.
fn values(nodes: &[Rc<Node>], y: &Var) -> HashMap<u64, Tensor> {
    let mut values: HashMap<u64, Tensor> = HashMap::new();
    values.extend(y.node().map(|node| (node.id, y.value().clone())));
    for node in nodes {
        let Content::Op(record) = &*node.content.borrow() else { continue };
        for edge in &record.inputs {
            if let (Some(from), Some(value)) = (&edge.node, &edge.value) {
                values.insert(from.id, value.clone());
            }
        }
    }
    for node in nodes.iter().filter(|node| node.id != y.node().map_or(0, |y| y.id)) {
        let Content::Op(record) = &*node.content.borrow() else { continue };
        if values.contains_key(&node.id) {
            continue;
        }
        let input = |edge: &Edge| match &edge.node {
            Some(from) => values.get(&from.id).cloned(),
            None => edge.value.clone(),
        };
        if let Some(x) = record.inputs.iter().map(input).collect::<Option<Inline<Tensor>>>() {
            let x: Inline<&Tensor> = x.iter().collect();
            values.insert(node.id, record.applied.forward(&x));
        }
    }
    values
}

/// More columns than this are set below one another.
const WIDEST: usize = 110;

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "%{} = {}", self.number, self.op)?;
        if self.op != "leaf" {
            write!(f, "({})", self.inputs.join(", "))?;
        }
        if let Some(name) = &self.name {
            write!(f, " {name}")?;
        }
        writeln!(f, "  {:?}", self.shape)?;
        for formula in [self.formula, self.rule] {
            formula.lines().try_for_each(|line| writeln!(f, "    {}", line.trim()))?;
        }
        let gradient = match &self.from[..] {
            [] => "gradient".to_string(),
            [one] => format!("gradient, from {one}"),
            all => format!("gradient, added up from {}", all.join(", ")),
        };
        let text = |x: &Option<Tensor>| x.as_ref().map_or("not kept".to_string(), Tensor::to_string);
        let constants = self.constants.iter().map(|(i, value)| (format!("input {i}, constant"), text(value)));
        let mut columns: Vec<(String, String)> = constants.collect();
        columns.extend([("value".to_string(), text(&self.value)), (gradient, self.gradient.to_string())]);
        for line in side_by_side(&columns).lines() {
            writeln!(f, "    {line}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, step) in self.steps.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            write!(f, "{step}")?;
        }
        Ok(())
    }
}

/// Titled blocks of text beside one another, or below one another where the lines would get too long.
///
/// ```
/// use glassbox_autograd::side_by_side;
/// let text = side_by_side(&[("a".to_string(), "[[1.]\n [2.]]".to_string()), ("b".to_string(), "3.0".to_string())]);
/// assert_eq!(text, "a       b\n[[1.]   3.0\n [2.]]\n");
/// ```
pub fn side_by_side(columns: &[(String, String)]) -> String {
    let width = |(title, text): &(String, String)| {
        text.lines().chain([title.as_str()]).map(|line| line.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = columns.iter().map(width).collect();
    if columns.len() > 1 && widths.iter().sum::<usize>() + 2 * (columns.len() - 1) > WIDEST {
        return columns.iter().map(|column| side_by_side(std::slice::from_ref(column))).collect();
    }
    let height = columns.iter().map(|(_, text)| text.lines().count()).max().unwrap_or(0);
    let blocks: Vec<Vec<&str>> =
        columns.iter().map(|(title, text)| std::iter::once(title.as_str()).chain(text.lines()).collect()).collect();
    let mut all = String::new();
    for row in 0..=height {
        let mut line = String::new();
        for (block, &width) in blocks.iter().zip(&widths) {
            line.push_str(&format!("{:<width$}  ", block.get(row).unwrap_or(&"")));
        }
        all.push_str(line.trim_end());
        all.push('\n');
    }
    all
}
