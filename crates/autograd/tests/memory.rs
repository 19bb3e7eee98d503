//! A test with a process of its own, so that the memory it counts is nobody else's.

use glassbox_autograd::Var;
use glassbox_tensor::{Tensor, pool_requests, pool_stats, reset_peak_bytes};

#[test]
fn memory_comes_back_after_each_step_and_pieces_cost_their_gradient_once() {
    memory_comes_back();
    pieces_cost_their_gradient_once();
    a_sum_of_gradients_is_made_in_the_memory_of_one_of_them();
}

fn memory_comes_back() {
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

/// 64 steps of one sequence: padded gradients would need two of its size at once, and write it 64 times.
fn pieces_cost_their_gradient_once() {
    let (steps, size) = (64, 4 * 64 * 1024);
    let x = Var::input(Tensor::ones([steps, 1024]));
    let pieces = (0..steps).map(|t| x.select(0, t).square().sum_all());
    let loss = pieces.reduce(|a, b| &a + &b).expect("64 of them");
    reset_peak_bytes();
    let before = pool_stats().live_bytes;
    let grads = loss.backward();
    let peak = pool_stats().peak_bytes - before;
    assert!(peak < size + size / 4, "{peak} bytes for a gradient of {size}");
    assert_eq!(grads.of(&x), &Tensor::full([steps, 1024], 2.0));
}

/// Whoever holds one of two gradients, their sum takes no third buffer.
fn a_sum_of_gradients_is_made_in_the_memory_of_one_of_them() {
    let requests = || pool_requests().0 + pool_requests().1;
    for holds_first in [true, false] {
        let (a, b) = (Tensor::ones([999]), Tensor::ones([999]));
        let held = if holds_first { a.clone() } else { b.clone() };
        let before = requests();
        let sum = a.plus(b);
        assert_eq!(requests() - before, 0, "held the first: {holds_first}");
        assert_eq!((sum.at([7]), held.at([7])), (2.0, 1.0));
    }
}
