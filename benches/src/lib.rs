//! The benches of the workspace: `benches/` by criterion, `examples/` for tables and comparisons, and here what both time:
//! kernels in [`served`], and whole training steps in [`steps`].

pub mod served;
pub mod steps;
