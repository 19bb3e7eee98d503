//! What checkpoints save, in a process of its own, so that the memory it counts is nobody else's.

use glassbox_autograd::{Var, checkpoint};
use glassbox_tensor::random::Key;
use glassbox_tensor::{Tensor, pool_stats, reset_peak_bytes};

/// Of one activation.
const BYTES: usize = 4 * 64 * 1024;
/// A square number.
const LAYERS: usize = 64;

/// Backward reads three activations of it: the input, the tangent, and the logistic function of that.
fn layer(x: &Var, w: &Var) -> Var {
    let h = (x * w).tanh();
    &h * &h.sigmoid()
}

/// The most bytes that one step needs at once beyond what was there before, in activations; and the gradients' bits.
fn step(forward: impl Fn(&Var, &[Var]) -> Var) -> (f64, Vec<u32>) {
    let x = Var::input(Tensor::randn([64, 1024], Key::new(1)));
    let weights: Vec<Var> = (0..LAYERS as u64).map(|i| Var::input(Tensor::randn([1024], Key::new(i)))).collect();
    let before = pool_stats().live_bytes;
    reset_peak_bytes();
    let grads = forward(&x, &weights).sum_all().backward();
    let peak = pool_stats().peak_bytes - before;
    let bits = grads.iter().flat_map(|(_, g)| g.to_vec()).map(f32::to_bits).collect();
    (peak as f64 / BYTES as f64, bits)
}

/// A checkpoint around each half, down to single layers.
fn halves(x: &Var, w: &[Var]) -> Var {
    match w {
        [w] => layer(x, w),
        _ => {
            let (first, second) = w.split_at(w.len() / 2);
            let h = checkpoint(|| halves(x, first));
            checkpoint(|| halves(&h, second))
        }
    }
}

#[test]
fn memory_falls_from_o_of_layers_to_o_of_their_root_and_of_their_logarithm() {
    let before = pool_stats().live_bytes;
    let through = |x: &Var, w: &[Var]| w.iter().fold(x.clone(), |h, w| layer(&h, w));
    let (plain, expected) = step(through);
    let (rooted, bits) = step(|x, w| w.chunks(LAYERS.isqrt()).fold(x.clone(), |h, w| checkpoint(|| through(&h, w))));
    let (halved, nested_bits) = step(halves);
    assert_eq!(pool_stats().live_bytes, before, "a step keeps what it should free");
    println!(
        "activations at once: {plain:.1} plain, {rooted:.1} in segments of √{LAYERS}, {halved:.1} in nested halves"
    );
    assert!(bits == expected && nested_bits == expected, "a checkpoint changed a gradient");
    // three of each layer, and a handful for the sweep
    assert!(plain >= 3.0 * LAYERS as f64, "{plain}");
    // the inputs of 8 segments, three of each of 8 layers, and a handful
    assert!(rooted <= (8 + 3 * 8 + 8) as f64, "{rooted}");
    // two inputs at each of 6 levels, three of one layer, and a handful
    assert!(halved <= (2 * 6 + 3 + 8) as f64, "{halved}");
}
