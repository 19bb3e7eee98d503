//! Clipping gradients by their global norm.

use glassbox_autograd::Gradients;
use glassbox_tensor::parallel::{CHUNK, for_each_task};
use std::sync::OnceLock;

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
    let grads: Vec<_> = grads.iter().map(|(_, g)| g.contiguous()).collect();
    let slices = grads.iter().map(|g| g.as_slice().expect("contiguous() makes it so"));
    let chunks: Vec<&[f32]> = slices.flat_map(|g| g.chunks(CHUNK)).collect();
    let sums: Vec<OnceLock<f64>> = chunks.iter().map(|_| OnceLock::new()).collect();
    for_each_task(chunks.len(), chunks.iter().map(|chunk| chunk.len()).sum(), |i| {
        sums[i].get_or_init(|| sum_of_squares(chunks[i]));
    });
    sums.into_iter().filter_map(OnceLock::into_inner).sum::<f64>().sqrt()
}

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
    let norm = grad_norm(grads);
    let scale = max_norm / (norm + 1e-6);
    if scale < 1.0 || scale.is_nan() {
        *grads *= scale as f32;
    }
    norm as f32
}
