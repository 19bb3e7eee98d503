//! Losses: an elementwise measure of error, and the way in which it becomes one number.
//!
//! | what is predicted | losses |
//! | --- | --- |
//! | a number | [`mse`], [`l1`], [`huber`], [`smooth_l1`]; [`gaussian_nll`] when its variance is predicted too |
//! | yes or no | [`bce_with_logits`], [`bce_with_logits_weighted`]; [`hinge`] |
//! | one of C classes | [`cross_entropy`], [`cross_entropy_soft`]; [`multi_margin`] |
//! | a distribution | [`kl_div`]; [`gaussian_kl`], [`gaussian_kl_between`] |
//! | whether two things belong together, by their distance | [`hinge_embedding`] |
//! | what a discriminator says of real and of generated data | [`hinge_discriminator`], [`hinge_generator`] |
//!
//! All are made of operations on [`Var`], so all can be differentiated as often as these. Where a loss has a kink, its
//! gradient there is the one that PyTorch takes.

mod bce;
mod cross_entropy;
mod gaussian;
mod hinge;
mod kl_div;
mod regression;

pub use bce::{BceWeights, bce_with_logits, bce_with_logits_weighted};
pub use cross_entropy::{CrossEntropyOptions, cross_entropy, cross_entropy_soft};
pub use gaussian::{GaussianNllOptions, gaussian_kl, gaussian_kl_between, gaussian_nll};
pub use hinge::{MultiMarginOptions, hinge, hinge_discriminator, hinge_embedding, hinge_generator, multi_margin};
pub use kl_div::{KlTarget, kl_div};
pub use regression::{huber, l1, mse, smooth_l1};

use glassbox_autograd::Var;

/// How the elements of a loss become one number. The choice scales the gradient, and with it what a learning rate
/// means; it is therefore always written out.
///
/// ```
/// use glassbox_autograd::Var;
/// use glassbox_nn::loss::Reduction;
/// use glassbox_tensor::tensor;
///
/// let elements = Var::constant(tensor![[1., 2., 3.], [4., 5., 6.]]); // (B 2, 3)
/// assert_eq!(Reduction::Sum.apply(&elements).item(), 21.0);
/// assert_eq!(Reduction::Mean.apply(&elements).item(), 3.5);
/// assert_eq!(Reduction::BatchMean.apply(&elements).item(), 10.5);
/// assert_eq!(Reduction::None.apply(&elements).shape(), [2, 3]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reduction {
    /// The sum of all elements. PyTorch's `reduction='sum'`.
    Sum,
    /// The mean of all elements: the sum divided by their number. PyTorch's `reduction='mean'`.
    Mean,
    /// The sum over all axes but the first, then the mean over the first, which is the batch: the loss of one example
    /// as its total, such as nats per image. PyTorch's `reduction='batchmean'`.
    BatchMean,
    /// The elements as they are, to be weighted and added up by whoever asked. PyTorch's `reduction='none'`.
    None,
}

impl Reduction {
    /// Reduces the elements of a loss (B, …) to one number of shape (), or leaves them if there is no reduction.
    ///
    /// # Panics
    /// `Mean` and `BatchMean` of no elements, and `BatchMean` of a number without a batch axis.
    #[track_caller]
    pub fn apply(self, elements: &Var) -> Var {
        let divisor = match self {
            Reduction::None => return elements.clone(),
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

#[track_caller]
fn assert_same_shape(loss: &str, a: &str, x: &Var, b: &str, y: &Var) {
    assert!(
        x.shape() == y.shape(),
        "{loss}: the shapes of {a} {:?} and {b} {:?} differ; a loss never broadcasts",
        x.shape(),
        y.shape()
    );
}
