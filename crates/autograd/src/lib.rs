//! # Floor 2: tensors that know where they come from
//!
//! A [`Var`] is a [`Tensor`](glassbox_tensor::Tensor) with a place in a graph. Running an operation computes its value at
//! once and, if an input is recorded, adds one node to the graph; [`Var::backward`] walks the nodes from the last to the
//! first and lets each turn the gradient of its output into gradients of its inputs: the chain rule, one node at a time.
//!
//! ```
//! use glassbox_autograd::Var;
//! use glassbox_tensor::tensor;
//!
//! let w = Var::input(tensor![[1., -1.], [2., 0.5]]);
//! let x = Var::constant(tensor![[3., 4.]]);
//! let loss = x.matmul(&w).relu().sum_all(); // (1, 2) × (2, 2) -> (1, 2) -> ()
//! let grads = loss.backward();
//! assert_eq!(loss.item(), 11.0); // relu([11, −1])
//! assert_eq!(grads.of(&w), &tensor![[3., 0.], [4., 0.]]);
//! ```
//!
//! ## Where everything is
//!
//! | file | thought |
//! | --- | --- |
//! | `op.rs` | [`Op`]: forward, backward, what is kept between them |
//! | `var.rs`, `node.rs` | [`Var`], [`apply`]; the graph's nodes |
//! | `sweep.rs` | [`Var::backward`], [`grad`]: reverse mode, iterative |
//! | `ops/` | every operation, one file each |
//! | `info.rs`, `registry.rs` | [`OpInfo`]: what drives an operation's tests, bench and documentation |
//! | `check/` | the harness behind [`check_op!`] |
//! | `replay.rs`, `gradcheck.rs` | [`gradcheck()`]: any composite against central differences in f64 |
//!
//! ## Gradients are returned
//!
//! Nothing is stored in the variables, so there is nothing to zero. `backward` consumes the graph as it goes; [`grad`]
//! keeps it and returns variables that can be differentiated again. An operation outside this crate is written like
//! those inside: see `examples/custom_op.rs`.

#![forbid(unsafe_code)]

mod anomaly;
mod axes;
pub mod check;
mod checkpoint;
mod functional;
mod gradcheck;
mod gradients;
mod graph;
mod hook;
mod info;
mod node;
mod once;
mod op;
pub mod ops;
mod registry;
mod replay;
mod sweep;
mod trace;
mod var;

pub use anomaly::detect_anomaly;
pub use checkpoint::checkpoint;
pub use functional::{hessian, hvp, jacobian, jvp, vjp};
pub use gradcheck::gradcheck;
pub use gradients::Gradients;
pub use graph::{GraphCost, GraphTooLarge, graph_cost, graph_dot, graph_svg, graph_text};
pub use hook::Arrival;
pub use info::{Cost, Derivatives, Draw, Input, OpInfo, Sample, Tolerance, UNIT, Wrong};
pub use op::{Density, Each, Grads, Keep, Kept, Op, TensorGrads};
pub use ops::attention::AttentionOptions;
pub use ops::batch_norm::BatchStats;
pub use ops::cross_entropy::{CrossEntropyOptions, Reduction};
pub use registry::{AnyOp, Closeness, Drawn, Example, OpEntry, Timed};
pub use sweep::{grad, grad_from};
pub use trace::{Step, Trace, side_by_side, trace, trace_from};
pub use var::{LeafId, Var, apply, apply_many, apply_with};
