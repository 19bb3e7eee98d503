//! A test with a process of its own, so that the memory it counts is nobody else's.

use glassbox_autograd::Var;
use glassbox_tensor::{Tensor, pool_stats};

#[test]
fn memory_comes_back_after_each_step() {
    let step = || {
        let x = Var::input(Tensor::ones([777]));
        let y = x.exp();
        (&y * &y).sum_all().backward()
    };
    drop(step());
    let before = pool_stats();
    (0..100).for_each(|_| drop(step()));
    let after = pool_stats();
    assert_eq!(after.live_bytes, before.live_bytes, "a step keeps what it should free");
    assert_eq!(after.held_bytes, before.held_bytes, "the pool grows though every step asks for the same sizes");
}
