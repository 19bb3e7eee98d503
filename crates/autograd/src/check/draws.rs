//! Where the harness' samples come from.

use crate::info::Draw;
use crate::registry::{Drawn, OpEntry};
use glassbox_tensor::random::Key;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};
use std::cell::RefCell;
use std::ops::RangeInclusive;

/// Dimensions that go beyond every block: GEMM tiles (32), reduction blocks (8192), column strips (1024), elementwise
/// chunks (16,384), along the last axes and along the first.
pub(super) const LARGE: [&[usize]; 2] = [&[37, 1100, 19, 2, 5, 3], &[20_000, 3, 17, 1, 2]];

/// The sample of these dimensions.
pub(super) fn case(op: &dyn OpEntry, dims: &[usize], seed: u64) -> Drawn {
    op.sample(&mut Draw::new(dims), Key::new(seed))
}

/// Calls `check` with cases whose dimensions proptest draws from `dims`, and shrinks on failure.
pub(super) fn for_drawn_cases(
    op: &dyn OpEntry,
    cases: u32,
    dims: RangeInclusive<usize>,
    mut check: impl FnMut(&Drawn) -> Result<(), String>,
) {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let strategy = (vec(dims, 12), any::<u64>());
    let check = RefCell::new(&mut check);
    let outcome =
        runner.run(&strategy, |(dims, seed)| check.borrow_mut()(&case(op, &dims, seed)).map_err(TestCaseError::fail));
    if let Err(TestError::Fail(reason, (dims, seed))) = outcome {
        panic!("{}: {reason}\n(dimensions {dims:?}, seed {seed})", op.name());
    }
}
