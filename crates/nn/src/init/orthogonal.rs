//! Orthogonal matrices, each as likely as any other.

use glassbox_tensor::Tensor;
use glassbox_tensor::random::Key;

/// A random matrix with orthonormal rows or columns, whichever are fewer, times `gain`. A weight (out, in, …) of more axes is the
/// matrix (out, in · …). PyTorch's `orthogonal_`.
///
/// ```text
/// G = Q · R,  G of independent N(0, 1),  R upper triangular with a positive diagonal;  the weight is gain · Q
/// ```
///
/// A multiplication by it keeps lengths, so that what passes through many layers, or many times through one, neither grows nor
/// fades (Saxe et al. 2014). Q is distributed by Haar's measure, which means that no direction is preferred; but only if R's
/// diagonal is positive, and many routines for QR leave its sign open (Mezzadri 2007, *How to Generate Random Matrices from
/// the Classical Compact Groups*). The method of Gram and Schmidt divides by lengths, so it has the right sign by itself; each vector is
/// projected twice, which makes up for the rounding of the first time (Giraud et al. 2005).
///
/// ```
/// use glassbox_nn::init;
/// use glassbox_tensor::{Tensor, assert_close, random::Key};
///
/// let q = init::orthogonal([3, 5], 1.0, Key::new(0));
/// assert_close!(q.matmul(&q.t()), Tensor::eye(3), 1e-6, 1e-6); // (3, 5) × (5, 3) -> (3, 3)
/// ```
///
/// # Panics
/// If the shape has fewer than two axes, or the gain is not finite.
#[track_caller]
pub fn orthogonal(shape: impl AsRef<[usize]>, gain: f32, key: Key) -> Tensor {
    let shape = shape.as_ref();
    assert!(shape.len() >= 2, "init::orthogonal: a shape of two axes at least, (out, in, …), not {shape:?}");
    assert!(gain.is_finite(), "init::orthogonal: the gain is {gain}; it must be finite");
    let (rows, columns) = (shape[0], shape[1..].iter().product::<usize>());
    let (few, long) = (rows.min(columns), rows.max(columns));
    let mut q: Vec<f64> = Tensor::randn([few, long], key).to_vec().iter().map(|&x| f64::from(x)).collect();
    for i in 0..few {
        let (before, rest) = q.split_at_mut(i * long);
        let v = &mut rest[..long];
        for _ in 0..2 {
            for u in before.chunks_exact(long) {
                let along = dot(u, v);
                v.iter_mut().zip(u).for_each(|(v, u)| *v -= along * u);
            }
        }
        let length = dot(v, v).sqrt();
        v.iter_mut().for_each(|v| *v /= length);
    }
    let scaled = q.iter().map(|&x| (f64::from(gain) * x) as f32).collect();
    let q = Tensor::from_vec(scaled, [few, long]);
    if rows <= columns { q.reshape(shape) } else { q.t().contiguous().reshape(shape) }
}

/// Σ a·b, in eight sums side by side: one after the other would wait for each addition.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let mut sums = [0.0; 8];
    for (a, b) in a.iter().zip(b) {
        (0..8).for_each(|i| sums[i] += a[i] * b[i]);
    }
    sums.iter().sum::<f64>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f64>()
}
