//! # Floor 2: tensors that know where they come from
//!
//! A [`Var`] is a [`Tensor`](glassbox_tensor::Tensor) with a place in a graph. Running an operation computes its value at
//! once and, if an input is recorded, adds one node to the graph; [`Var::backward`] walks the nodes from the last to the
//! first and lets each turn the gradient of its output into gradients of its inputs.
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
//! ## The idea: the chain rule, from the left
//!
//! A loss is a chain of operations, L = fₖ(…f₂(f₁(x))…), and its derivative is the product of their Jacobian matrices,
//! ∂L/∂x = Jₖ·…·J₂·J₁. A product of matrices may be computed in any order. L is one number, so Jₖ is a single row, and from
//! the left each step is a row times a matrix:
//!
//! ```text
//! dyₖ₋₁ = Jₖ,   dyₖ₋₂ = dyₖ₋₁·Jₖ₋₁,   …,   dx = dy₁·J₁
//! ```
//!
//! That is reverse mode. No matrix is ever written down: an operation only has to know the product of a row `dy` with its
//! own J, and for nearly all that costs about as much as the operation itself. So all derivatives of L together, however
//! many x has elements, cost a small multiple of L alone. From the right, each step would be a matrix times a matrix.
//!
//! When a value is used twice, the derivative is the sum over both ways (the chain rule of several variables); so a node
//! must have heard from all its readers before its turn comes. Nodes are numbered as they are made, and a reader is made
//! after what it reads: taking the greatest number first is enough. [`trace`] shows it happen, with all numbers:
//!
//! ```
//! use glassbox_autograd::{Var, trace};
//! use glassbox_tensor::tensor;
//!
//! let x = Var::input(tensor![1., 2.]).named("x");
//! let loss = (&x * &x.exp().ln()).sum_all(); // Σ x², the long way round
//! let trace = trace(&loss); // print it with println!("{trace}")
//! assert_eq!(trace.steps.last().unwrap().to_string(), "\
//! %0 = leaf x  [2]
//!     value    gradient, added up from %1, %3
//!     [1. 2.]  [2. 4.]
//! ");
//! ```
//!
//! ## Gradients are returned
//!
//! Nothing is stored in the variables, so there is nothing to zero. `backward` consumes the graph as it goes. What it
//! returns adds up, over uses of one leaf ([`Var::leaf`]: a parameter keeps its [`LeafId`] for life) and over batches
//! ([`Gradients`]); [`Var::detach`] cuts a way off; [`Var::backward_for`] computes only what was asked for.
//!
//! ## Derivatives of derivatives
//!
//! An operation's backward is written in operations, too. [`grad`] runs it on recorded variables, and its results have a
//! graph of their own. All else follows: products with the Jacobian and the Hessian matrix ([`vjp`], [`jvp`], [`hvp`]), and
//! for small functions the matrices ([`jacobian`], [`hessian`]).
//!
//! ```
//! use glassbox_autograd::{Var, grad, hessian};
//! use glassbox_tensor::tensor;
//!
//! // the penalty of WGAN-GP: how far is the critic's slope from 1?
//! let (w, x) = (Var::input(tensor![[3., 4.]]), Var::input(tensor![[0.5, -1.]]));
//! let critic = |x: &Var| x.linear(&w, None).sum_all();
//! let slope = &grad(&critic(&x), &[&x])[0]; // w, with a graph
//! let penalty = (&slope.square().sum_all().sqrt() - 1.0).square(); // (‖w‖ − 1)²
//! assert_eq!(penalty.backward().of(&w), &tensor![[4.8, 6.4]]); // 2·(‖w‖ − 1)·w/‖w‖
//!
//! assert_eq!(hessian(|x| x.square().sum_all(), &tensor![1., 2.]), tensor![[2., 0.], [0., 2.]]);
//! ```
//!
//! ## Looking inside
//!
//! A graph is shown by [`graph_text`], [`graph_dot`] and [`graph_svg`], with the names that [`Var::named`] gives.
//! [`graph_operations`] lists its operations and [`graph_cost`] adds up what they cost. [`Var::backward_with`] shows each gradient
//! as it arrives, and [`Var::register_hook`] may change one on the way. When a loss is NaN, [`detect_anomaly`] names the
//! operation that made the first:
//!
//! ```should_panic
//! # use glassbox_autograd::{Var, detect_anomaly};
//! # use glassbox_tensor::tensor;
//! let sigma = Var::input(tensor![1., 0.]).named("sigma");
//! detect_anomaly(|| sigma.ln().square().mean_all());
//! // ln: 1 of 2 elements of its value [2] is infinite, the first at [1], out of inputs that are finite: sigma [2] from
//! // 0.0 to 1.0; called at src/main.rs:5:25
//! ```
//!
//! ## Memory
//!
//! Each operation says what its backward will read ([`Op::keep`]); the rest is freed at once. When what is kept is still
//! too much, [`checkpoint`] keeps only what goes into a part of the model and computes the rest again on the way back. No
//! bit of a gradient changes.
//!
//! ## Proof
//!
//! One [`OpInfo`] for each operation holds a naive reference in f64, samples and a tolerance, and [`check_op!`] makes tests of
//! it. [`gradcheck()`] compares the gradient of anything (a layer, a loss, a model) with central differences in f64. An
//! operation outside this crate is written like those inside: see `examples/custom_op.rs`.
//!
//! ## Where everything is
//!
//! | file | thought |
//! | --- | --- |
//! | `op.rs` | [`Op`]: forward, backward, what is kept between them |
//! | `var.rs`, `node.rs` | [`Var`], [`apply`]; the graph's nodes |
//! | `sweep.rs`, `gradients.rs` | [`Var::backward`], [`grad`]: reverse mode, iterative; [`Gradients`] |
//! | `once.rs` | why a second derivative is never silently zero |
//! | `functional.rs` | [`vjp`], [`jvp`], [`hvp`], [`jacobian`], [`hessian`] |
//! | `checkpoint.rs` | [`checkpoint`] |
//! | `hook.rs`, `anomaly.rs` | [`Var::register_hook`], [`Var::backward_with`]; [`detect_anomaly`] |
//! | `graph/`, `trace.rs` | the graph as text, DOT and SVG, its cost; [`trace`] |
//! | `ops/` | every operation, one file each |
//! | `info.rs`, `registry.rs` | [`OpInfo`]: what drives an operation's tests, bench and documentation |
//! | `check/` | the harness behind [`check_op!`] |
//! | `replay.rs`, `gradcheck.rs` | [`gradcheck()`]: any composite against central differences in f64 |

#![forbid(unsafe_code)]

mod anomaly;
mod axes;
pub mod check;
mod checkpoint;
mod edges;
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
pub mod profile;
mod registry;
mod replay;
mod step;
mod sweep;
mod trace;
mod var;

pub use anomaly::detect_anomaly;
pub use checkpoint::checkpoint;
pub use functional::{hessian, hvp, jacobian, jvp, vjp};
pub use gradcheck::gradcheck;
pub use gradients::Gradients;
pub use graph::{
    GraphCost, GraphInput, GraphOperation, GraphTooLarge, graph_cost, graph_dot, graph_operations, graph_svg,
    graph_text,
};
pub use hook::Arrival;
pub use info::{Cost, Derivatives, Draw, Input, OpInfo, Sample, Tolerance, UNIT, Wrong, gamma};
pub use node::recorded_nodes;
pub use op::{Density, Each, Grads, Keep, Kept, Op, TensorGrads};
pub use ops::attention::AttentionOptions;
pub use ops::batch_norm::BatchStats;
pub use ops::cross_entropy::{CrossEntropyOptions, Reduction};
pub use registry::{AnyOp, Closeness, Drawn, Example, OpEntry, Timed};
pub use sweep::{grad, grad_from};
pub use trace::{Step, Trace, side_by_side, trace, trace_from};
pub use var::{LeafId, Var, apply, apply_many, apply_with};
