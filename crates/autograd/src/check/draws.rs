//! Where the harness' samples come from.

use crate::info::{Draw, OpInfo};
use crate::op::Op;
use glassbox_tensor::Tensor;
use glassbox_tensor::random::Key;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};

/// Dimensions that go beyond every block: GEMM tiles (32), reduction blocks (512), column strips (1024), elementwise
/// chunks (16,384), along the last axes and along the first.
pub(super) const LARGE: [&[usize]; 2] = [&[37, 1100, 19, 2, 5, 3], &[20_000, 3, 17, 1, 2]];

/// An operation's value with its inputs.
pub(super) struct Case<O> {
    pub(super) op: O,
    pub(super) x: Vec<Tensor>,
}

impl<O: Op> Case<O> {
    pub(super) fn new(info: &OpInfo<O>, dims: &[usize], seed: u64) -> Self {
        let sample = (info.sample)(&mut Draw::new(dims));
        let draw = |(i, input): (usize, &crate::Input)| input.draw(Key::new(seed).fold(i as u64));
        Case { x: sample.inputs.iter().enumerate().map(draw).collect(), op: sample.op }
    }

    pub(super) fn run(&self) -> Tensor {
        self.run_on(&self.x)
    }

    pub(super) fn run_on(&self, x: &[Tensor]) -> Tensor {
        self.op.forward(&x.iter().collect::<Vec<_>>()).0
    }

    pub(super) fn describe(&self) -> String {
        let shapes: Vec<_> = self.x.iter().map(Tensor::shape).collect();
        format!("{:?} on shapes {shapes:?}", self.op)
    }
}

/// Calls `check` with cases whose dimensions proptest draws from `dims`, and shrinks on failure.
pub(super) fn for_drawn_cases<O: Op>(
    info: &OpInfo<O>,
    cases: u32,
    dims: std::ops::RangeInclusive<usize>,
    check: impl Fn(&Case<O>) -> Result<(), String>,
) {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let strategy = (vec(dims, 12), any::<u64>());
    let outcome =
        runner.run(&strategy, |(dims, seed)| check(&Case::new(info, &dims, seed)).map_err(TestCaseError::fail));
    if let Err(TestError::Fail(reason, (dims, seed))) = outcome {
        panic!("{}: {reason}\n(dimensions {dims:?}, seed {seed})", info.name);
    }
}
