//! The Kullback–Leibler divergence of distributions that are given as tables of probabilities.

use super::{Reduction, assert_same_shape};
use glassbox_autograd::Var;
use glassbox_tensor::Tensor;

/// The distribution P that [`kl_div`] measures from.
#[derive(Debug, Clone, Copy)]
pub enum KlTarget<'a> {
    /// Probabilities; 0 is allowed, and adds nothing.
    Probabilities(&'a Var),
    /// Their logarithms. PyTorch's `log_target=True`.
    LogProbabilities(&'a Var),
}

/// The elements of the divergence of Q from P, KL(P ‖ Q) = Σ p·(ln p − ln q) in nats, where `log_q` is ln q and `target` is
/// P; PyTorch's `kl_div`:
///
/// ```text
/// p · (ln p − ln q)
/// ```
///
/// Both have the shape (B, …). `BatchMean` gives the divergence itself; `Mean` divides by the number of classes too.
/// Source: Kullback and Leibler 1951, *On Information and Sufficiency*.
///
/// ```
/// use glassbox_autograd::Var;
/// use glassbox_nn::loss::{KlTarget, Reduction, kl_div};
/// use glassbox_tensor::tensor;
///
/// let logits = Var::input(tensor![[0., 0.]]); // q = (½, ½)
/// let p = Var::constant(tensor![[1., 0.]]);
/// let loss = kl_div(&logits.log_softmax(-1), KlTarget::Probabilities(&p), Reduction::BatchMean);
/// assert!((loss.item() - 2f32.ln()).abs() < 1e-6); // one bit
/// assert_eq!(loss.backward().of(&logits), &tensor![[-0.5, 0.5]]); // q − p
/// ```
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn kl_div(log_q: &Var, target: KlTarget<'_>, reduction: Reduction) -> Var {
    let elements = match target {
        KlTarget::LogProbabilities(log_p) => {
            assert_same_shape("kl_div", "log_q", log_q, "target", log_p);
            &log_p.exp() * &(log_p - log_q)
        }
        KlTarget::Probabilities(p) => {
            assert_same_shape("kl_div", "log_q", log_q, "target", p);
            // where p = 0, ln 1 takes the place of ln 0: 0·ln 0 is 0, the limit of p·ln p
            let (zero, one) = (Tensor::scalar(0.0), Var::constant(Tensor::scalar(1.0)));
            let log_p = Var::where_cond(&p.value().equal(&zero), &one, p).ln();
            p * &(&log_p - log_q)
        }
    };
    reduction.apply(&elements)
}
