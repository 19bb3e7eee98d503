//! Losses: an elementwise operation and the way in which it becomes one number.

use glassbox_autograd::Var;

/// How the elements of a loss become one number. The choice scales the gradient, and with it what a learning rate
/// means; it is therefore always written out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reduction {
    /// The sum of all elements. PyTorch's `reduction='sum'`.
    Sum,
    /// The mean of all elements: the sum divided by their number. PyTorch's `reduction='mean'`.
    Mean,
    /// The sum over all axes but the first, then the mean over the first, which is the batch: the loss of one example
    /// as its total, such as nats per image. PyTorch's `reduction='batchmean'`.
    BatchMean,
}

impl Reduction {
    /// Reduces the elements of a loss (B, …) to one number of shape ().
    ///
    /// # Panics
    /// `Mean` and `BatchMean` of no elements, and `BatchMean` of a number without a batch axis.
    #[track_caller]
    pub fn apply(self, elements: &Var) -> Var {
        let divisor = match self {
            Reduction::Sum => return elements.sum_all(),
            Reduction::Mean => elements.shape().iter().product::<usize>(),
            Reduction::BatchMean => match elements.shape() {
                [batch, ..] => *batch,
                [] => panic!("Reduction::BatchMean: a loss of shape [] has no batch axis; use Sum or Mean"),
            },
        };
        assert!(divisor > 0, "{self:?} of a loss of shape {:?}: there is nothing to average", elements.shape());
        (1.0 / divisor as f64) as f32 * &elements.sum_all()
    }
}

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

/// The squared error (x − t)²; both have the shape (B, …). PyTorch's `mse_loss`.
///
/// # Panics
/// If the shapes differ: broadcasting here is nearly always a mistake, such as (B, 1) against (B).
#[track_caller]
pub fn mse(x: &Var, targets: &Var, reduction: Reduction) -> Var {
    assert_same_shape("mse", "x", x, "targets", targets);
    reduction.apply(&(x - targets).square())
}

/// The Kullback–Leibler divergence of N(mu, σ²) from N(0, 1), in nats, with `logvar` = ln σ²:
///
/// ```text
/// −½ · (1 + logvar − mu² − e^logvar)
/// ```
///
/// Both have the shape (B, D); `BatchMean` is the divergence of a whole code, summed over D. Kingma and Welling 2014,
/// appendix B.
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn gaussian_kl(mu: &Var, logvar: &Var, reduction: Reduction) -> Var {
    assert_same_shape("gaussian_kl", "mu", mu, "logvar", logvar);
    reduction.apply(&mu.gaussian_kl(logvar))
}

#[track_caller]
fn assert_same_shape(loss: &str, a: &str, x: &Var, b: &str, y: &Var) {
    assert!(
        x.shape() == y.shape(),
        "{loss}: the shapes of {a} {:?} and {b} {:?} differ; a loss never broadcasts",
        x.shape(),
        y.shape()
    );
}
