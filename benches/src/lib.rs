//! The benches of the workspace: `benches/` by criterion, `examples/` for tables and comparisons.

pub mod served;
