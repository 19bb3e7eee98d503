//! The benches of the workspace: `benches/` by criterion, `examples/` for tables and comparisons, and here what they time:
//! [`kernels`], each family beside other people's, whole training steps in [`steps`], and [`served`], what takes turns with other
//! programs.

pub mod kernels;
pub mod served;
pub mod steps;
