//! Anomaly mode: which operation was the first to make a NaN?
//!
//! By the time that a loss is NaN, so is everything after the one operation that made it. In this mode every operation is
//! looked at on the way forward, and every gradient on the way back, and the first that makes a NaN or an infinity out of
//! inputs without one ends the program with its name, its inputs and the line that called it.

use crate::node::{Content, Edge, Node, Record, with_flag};
use crate::op::{Grads, Inline};
use crate::var::Var;
use glassbox_tensor::{Tensor, counted};
use std::cell::Cell;
use std::panic::Location;

thread_local! {
    static CHECKING: Cell<bool> = const { Cell::new(false) };
}

/// Runs `f`, forward passes and sweeps alike, and panics at the first operation that makes a NaN of inputs without one, or
/// an infinity of finite ones. The sentence names the operation, the elements, its inputs with shapes and ranges, and the
/// line that called it. Infinities that come in as constants, as those of a mask, are nobody's fault.
///
/// Reading every value costs about as much as an elementwise operation each; without this mode nothing is read.
///
/// ```should_panic
/// use glassbox_autograd::{Var, detect_anomaly};
/// use glassbox_tensor::tensor;
/// let p = Var::input(tensor![0.5, 0., 0.5]).named("p");
/// // ln: 1 of 3 elements of its value [3] is an infinity, the first at [1], out of finite inputs:
/// // p [3] from 0.0 to 0.5; called at src/main.rs:5:41
/// let entropy = detect_anomaly(|| (&p * &p.ln()).sum_all());
/// ```
///
/// # Panics
/// At the first anomaly, at the line that called the operation, or for a gradient at that of the sweep.
pub fn detect_anomaly<R>(f: impl FnOnce() -> R) -> R {
    with_flag(&CHECKING, true, f)
}

/// Whether this mode is on.
pub(crate) fn is_on() -> bool {
    CHECKING.get()
}

/// Runs an operation's backward, whose steps are not looked at: its gradients are.
pub(crate) fn not_inside<R>(f: impl FnOnce() -> R) -> R {
    if CHECKING.get() { with_flag(&CHECKING, false, f) } else { f() }
}

/// Whether there are NaN, infinities.
#[derive(Clone, Copy, Default)]
struct Sick {
    nan: bool,
    infinite: bool,
}

impl Sick {
    fn of<'a>(all: impl IntoIterator<Item = &'a Tensor>) -> Sick {
        let mut sick = Sick::default();
        for x in all {
            for v in x.contiguous().as_slice().expect("contiguous() makes it so") {
                sick.nan |= v.is_nan();
                sick.infinite |= v.is_infinite();
            }
        }
        sick
    }

    /// What the result has that its inputs had not.
    fn made_of(self, inputs: Sick) -> Option<Made> {
        match self {
            Sick { nan: true, .. } if !inputs.nan => Some(Made::Nan),
            Sick { infinite: true, .. } if !inputs.nan && !inputs.infinite => Some(Made::Infinity),
            _ => None,
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Made {
    Nan,
    Infinity,
}

impl Made {
    fn is(self, v: f32) -> bool {
        if self == Made::Nan { v.is_nan() } else { v.is_infinite() }
    }

    /// Which elements of `x`, in words, and what the inputs had not.
    fn in_words(self, what: &str, x: &Tensor) -> String {
        let all = x.to_vec();
        let count = all.iter().filter(|v| self.is(**v)).count();
        let first = all.iter().position(|v| self.is(*v)).unwrap_or(0);
        let strides = glassbox_tensor::shape::Dims::new(x.shape()).row_major_strides();
        let at: Vec<usize> = x.shape().iter().zip(strides.iter()).map(|(dim, step)| first / step % dim).collect();
        let is = if count == 1 { "is" } else { "are" };
        let (kind, inputs) = match self {
            Made::Nan => ("NaN", "without NaN"),
            Made::Infinity => ("infinite", "that are finite"),
        };
        let (n, shape) = (counted(all.len(), "element"), x.shape());
        format!("{count} of {n} of {what} {shape:?} {is} {kind}, the first at {at:?}, out of inputs {inputs}")
    }
}

/// Panics when an operation's value has what its inputs had not.
#[track_caller]
pub(crate) fn check_forward(op: &str, inputs: &[&Var], y: &Tensor) {
    if !CHECKING.get() {
        return;
    }
    if let Some(made) = Sick::of([y]).made_of(Sick::of(inputs.iter().map(|x| x.value()))) {
        let inputs: Vec<String> = inputs.iter().enumerate().map(|(i, x)| input(i, x)).collect();
        let (at, inputs) = (Location::caller(), inputs.join(", "));
        panic!("{op}: {}: {inputs}; called at {at}", made.in_words("its value", y));
    }
}

fn input(i: usize, x: &Var) -> String {
    let name = x.name().map_or(format!("input {i}"), |name| name.to_string());
    let all = x.value().to_vec();
    let range = match (all.iter().copied().reduce(f32::min), all.iter().copied().reduce(f32::max)) {
        (Some(least), Some(most)) => format!(" from {least:?} to {most:?}"),
        _ => String::new(),
    };
    format!("{name} {:?}{range}", x.shape())
}

/// Panics when a gradient of an operation has what `dy` had not.
#[track_caller]
pub(crate) fn check_backward(node: &Node, record: &Record, dy: &Var, grads: &Grads) {
    if !CHECKING.get() {
        return;
    }
    let before = Sick::of([dy.value()]);
    for (i, g) in grads.0.iter().enumerate() {
        let Some(g) = g else { continue };
        if let Some(made) = Sick::of([g.value()]).made_of(before) {
            let op = record.applied.entry().name();
            let words = made.in_words(&format!("the gradient of {}", edge(i, &record.inputs[i])), g.value());
            let inputs: Inline<String> =
                record.inputs.iter().enumerate().map(|(i, e)| format!("{} {:?}", edge(i, e), e.shape)).collect();
            let (rule, inputs, shape) = (record.applied.entry().gradient(), inputs.join(", "), &node.shape);
            panic!("{op}, backward: {words}: dy {shape:?} ({rule}); {op} was called at {} with {inputs}", node.at);
        }
    }
}

fn edge(i: usize, edge: &Edge) -> String {
    edge.node.as_ref().and_then(|node| node.name()).map_or(format!("input {i}"), |name| name.to_string())
}

/// Panics when the gradients of a node's uses add up to what none of them had.
#[track_caller]
pub(crate) fn check_sum(node: &Node, parts: [&Tensor; 2], sum: &Tensor) {
    if !CHECKING.get() {
        return;
    }
    if let Some(made) = Sick::of([sum]).made_of(Sick::of(parts)) {
        let what = match &*node.content.borrow() {
            Content::Op(record) => record.applied.entry().name(),
            Content::Leaf(_) | Content::Consumed => "a leaf",
        };
        let name = node.name().map_or(String::new(), |name| format!(" {name}"));
        let words = made.in_words("the sum of the gradients of its uses,", sum);
        panic!("{what}{name}, made at {}, backward: {words}", node.at);
    }
}
