//! Binary cross-entropy of logits: the loss of a yes or no.

use super::{Reduction, assert_same_shape};
use glassbox_autograd::Var;
use glassbox_tensor::Tensor;

/// Binary cross-entropy of logits z against targets t in [0, 1]; the targets may be soft, as grey pixels are:
///
/// ```text
/// −t · ln σ(z) − (1 − t) · ln(1 − σ(z))  =  max(z, 0) − z·t + ln(1 + e^−|z|)
/// ```
///
/// The right side is computed: it neither overflows nor loses digits for large |z|. Both have the shape (B, …).
/// PyTorch's `binary_cross_entropy_with_logits`.
///
/// ```
/// use glassbox_autograd::Var;
/// use glassbox_nn::loss::{Reduction, bce_with_logits};
/// use glassbox_tensor::tensor;
///
/// let loss = bce_with_logits(&Var::constant(tensor![0.0]), &Var::constant(tensor![1.0]), Reduction::Sum);
/// assert!((loss.item() - 2f32.ln()).abs() < 1e-6); // a coin's toss costs ln 2 nats
/// ```
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn bce_with_logits(logits: &Var, targets: &Var, reduction: Reduction) -> Var {
    assert_same_shape("bce_with_logits", "logits", logits, "targets", targets);
    reduction.apply(&logits.bce_with_logits(targets))
}

/// What [`bce_with_logits_weighted`] weighs by, by default nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct BceWeights<'a> {
    /// w: how much an element counts. Any shape that broadcasts to the logits'.
    pub weight: Option<&'a Tensor>,
    /// p: how much more a yes counts than a no, against rare positives: (negatives / positives) makes both sides equal.
    /// Any shape that broadcasts to the logits'.
    pub pos_weight: Option<&'a Tensor>,
}

/// As [`bce_with_logits`], where elements count differently; the mean still divides by their number. PyTorch's
/// `binary_cross_entropy_with_logits` with `weight` and `pos_weight`:
///
/// ```text
/// w · (−p · t · ln σ(z) − (1 − t) · ln(1 − σ(z)))  =  w · (p · t · ln(1 + e^−z) + (1 − t) · ln(1 + e^z))
/// ```
///
/// ```
/// use glassbox_autograd::Var;
/// use glassbox_nn::loss::{BceWeights, Reduction, bce_with_logits_weighted};
/// use glassbox_tensor::tensor;
///
/// let (z, t) = (Var::constant(tensor![[0., 0.]]), Var::constant(tensor![[1., 0.]]));
/// let weights = BceWeights { pos_weight: Some(&tensor![3.]), ..Default::default() };
/// let loss = bce_with_logits_weighted(&z, &t, weights, Reduction::Sum);
/// assert!((loss.item() - 4.0 * 2f32.ln()).abs() < 1e-6); // 3 ln 2 for the yes, ln 2 for the no
/// ```
///
/// # Panics
/// If the shapes of logits and targets differ, or a weight's shape doesn't broadcast to them.
#[track_caller]
pub fn bce_with_logits_weighted(logits: &Var, targets: &Var, weights: BceWeights<'_>, reduction: Reduction) -> Var {
    assert_same_shape("bce_with_logits_weighted", "logits", logits, "targets", targets);
    let mut elements = match weights.pos_weight {
        None => logits.bce_with_logits(targets),
        Some(p) => {
            let yes = &(targets * &Var::constant(p.clone())) * &(-logits).softplus();
            &yes + &(&targets.affine(-1.0, 1.0) * &logits.softplus())
        }
    };
    if let Some(w) = weights.weight {
        elements = &elements * &Var::constant(w.clone());
    }
    assert!(
        elements.shape() == logits.shape(),
        "bce_with_logits_weighted: with these weights a loss of logits {:?} has the shape {:?}; a weight must broadcast \
         to the logits",
        logits.shape(),
        elements.shape()
    );
    reduction.apply(&elements)
}
