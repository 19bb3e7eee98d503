//! Clipping gradients by their global norm.

use super::pass::Room;
use glassbox_autograd::profile::{Phase, Span, Work};
use glassbox_autograd::{Cost, Gradients};
use glassbox_tensor::Tensor;
use glassbox_tensor::parallel::{CHUNK, for_each_weighed};
use std::cell::Cell;

/// The norm of all gradients taken together, √Σ g². It is added up in f64, in an order that depends on the shapes
/// alone.
///
/// ```
/// use glassbox_autograd::Var;
/// use glassbox_nn::optim::grad_norm;
/// use glassbox_tensor::tensor;
/// let (a, b) = (Var::input(tensor![3.]), Var::input(tensor![4.]));
/// assert_eq!(grad_norm(&(&a * &b).sum_all().backward()), 5.0); // √(4² + 3²)
/// ```
pub fn grad_norm(grads: &Gradients) -> f64 {
    let _phase = Span::phase(Phase::Optimiser, "optimiser");
    let mut span = Span::operation("grad_norm");
    span.costs(|| Work::writing(0, Cost { flops: 2 * elements(grads), bytes: 4 * elements(grads) }), &[]);
    // Lists as long as the parameters are many, in memory that the thread keeps from step to step.
    thread_local! {
        static ROOMS: Cell<Rooms> = const { Cell::new((Room::new(), Room::new())) };
    }
    let (mut copies, mut chunks) = ROOMS.replace((Room::new(), Room::new()));
    let mut in_order: Vec<Tensor> = copies.take(); // of those that don't lie in one piece
    in_order.extend(grads.iter().filter(|(_, g)| g.as_slice().is_none()).map(|(_, g)| g.contiguous()));
    let mut sums: Vec<(&[f32], f64)> = chunks.take();
    let mut next = in_order.iter();
    for (_, g) in grads.iter() {
        let g = g.as_slice().or_else(|| next.next()?.as_slice()).expect("in one piece, or made so above");
        sums.extend(g.chunks(CHUNK).map(|chunk| (chunk, 0.0)));
    }
    let work = sums.iter().map(|(chunk, _)| chunk.len()).sum();
    for_each_weighed(&mut sums, work, |(x, _)| x.len(), |(x, sum)| *sum = sum_of_squares(x));
    let total = sums.iter().map(|(_, sum)| sum).sum::<f64>();
    chunks.put(sums);
    copies.put(in_order);
    ROOMS.set((copies, chunks));
    total.sqrt()
}

fn elements(grads: &Gradients) -> u64 {
    grads.iter().map(|(_, g)| g.numel() as u64).sum()
}

/// Of copies, and of chunks with their sums.
type Rooms = (Room<Tensor>, Room<(&'static [f32], f64)>);

/// Eight sums side by side, so that an addition needn't wait for the one before.
fn sum_of_squares(x: &[f32]) -> f64 {
    let (eights, rest) = x.as_chunks::<8>();
    let mut sums = [0.0f64; 8];
    for eight in eights {
        sums.iter_mut().zip(eight).for_each(|(sum, &x)| *sum += f64::from(x) * f64::from(x));
    }
    sums.iter_mut().zip(rest).for_each(|(sum, &x)| *sum += f64::from(x) * f64::from(x));
    sums.iter().sum()
}

/// Scales all gradients so that their [global norm](grad_norm) is at most `max_norm` (Pascanu et al. 2013, On the
/// difficulty of training recurrent neural networks, algorithm 1), and returns the norm that they had:
///
/// ```text
/// g ← g · min(1, max_norm / (norm + 10⁻⁶))
/// ```
///
/// which is PyTorch's `clip_grad_norm_`. If one gradient is NaN or infinite, the norm says so, and no step should be
/// taken.
///
/// ```
/// use glassbox_autograd::Var;
/// use glassbox_nn::optim::{clip_grad_norm, grad_norm};
/// use glassbox_tensor::tensor;
/// let (a, b) = (Var::input(tensor![3.]), Var::input(tensor![4.]));
/// let mut grads = (&a * &b).sum_all().backward();
/// assert_eq!(clip_grad_norm(&mut grads, 1.0), 5.0);
/// assert!((grad_norm(&grads) - 1.0).abs() < 1e-6); // the direction is what it was, the length is 1
/// ```
///
/// # Panics
/// If `max_norm` is not a positive number.
#[track_caller]
pub fn clip_grad_norm(grads: &mut Gradients, max_norm: f64) -> f32 {
    assert!(max_norm > 0.0, "clip_grad_norm: the largest norm is {max_norm}; it must be positive");
    let _phase = Span::phase(Phase::Optimiser, "optimiser");
    let mut span = Span::operation("clip_grad_norm");
    let norm = grad_norm(grads);
    let scale = max_norm / (norm + 1e-6);
    let scales = scale < 1.0 || scale.is_nan();
    span.costs(
        || {
            let (n, scales) = (elements(grads), u64::from(scales));
            let cost = Cost { flops: (2 + scales) * n, bytes: (4 + 8 * scales) * n };
            Work { cost, written: 4 * scales * n }
        },
        &[],
    );
    if scales {
        *grads *= scale as f32;
    }
    norm as f32
}
