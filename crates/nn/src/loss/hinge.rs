//! Margins: what is right by enough costs nothing.

use super::{Reduction, assert_same_shape};
use glassbox_autograd::Var;
use glassbox_tensor::{Ids, Tensor, counted};

/// The hinge loss of a binary classifier: scores x against signs t = ±1, both of the shape (B, …).
///
/// ```text
/// max(0, 1 − t·x)
/// ```
///
/// This is the loss of the support vector machine (Cortes and Vapnik 1995), and PyTorch's `margin_ranking_loss` of x and 0 with
/// a margin of 1. At the kink, the gradient is 0.
///
/// ```
/// use glassbox_autograd::Var;
/// use glassbox_nn::loss::{Reduction, hinge};
/// use glassbox_tensor::tensor;
///
/// let (x, t) = (Var::input(tensor![3., 0.25, 2.]), Var::constant(tensor![1., 1., -1.]));
/// let loss = hinge(&x, &t, Reduction::Sum);
/// assert_eq!(loss.item(), 0.75 + 3.0); // right by enough, right by too little, wrong
/// assert_eq!(loss.backward().of(&x), &tensor![0., -1., 1.]);
/// ```
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn hinge(x: &Var, signs: &Var, reduction: Reduction) -> Var {
    assert_same_shape("hinge", "x", x, "signs", signs);
    reduction.apply(&(x * signs).affine(-1.0, 1.0).relu())
}

/// The options of [`multi_margin`], by default PyTorch's.
#[derive(Debug, Clone, Copy)]
pub struct MultiMarginOptions<'a> {
    /// By how much the right class must lead.
    pub margin: f32,
    /// Whether what is missing is squared: PyTorch's `p=2`.
    pub squared: bool,
    /// (C): how much an example of each class counts. `Mean` divides by the number of examples nevertheless.
    pub weight: Option<&'a Tensor>,
}

impl Default for MultiMarginOptions<'_> {
    fn default() -> Self {
        Self { margin: 1.0, squared: false, weight: None }
    }
}

/// The hinge loss of a classifier: scores x (B, C) against the classes y = `ids` (B). One element for each example, (B);
/// PyTorch's `multi_margin_loss`:
///
/// ```text
/// 1/C · Σ_{j ≠ y} w[y] · max(0, margin − x[y] + x[j])^p,   p = 1, or 2 if squared
/// ```
///
/// Source: Weston and Watkins 1999, *Support Vector Machines for Multi-Class Pattern Recognition*. At the kink, the
/// gradient is 0.
///
/// ```
/// use glassbox_autograd::Var;
/// use glassbox_nn::loss::{MultiMarginOptions, Reduction, multi_margin};
/// use glassbox_tensor::{Ids, tensor};
///
/// let x = Var::input(tensor![[3., 2.5, 0., 0.]]); // (B 1, C 4)
/// let loss = multi_margin(&x, &Ids::from([0]), MultiMarginOptions::default(), Reduction::Mean);
/// assert_eq!(loss.item(), (1.0 - 3.0 + 2.5) / 4.0); // only class 1 comes too near
/// assert_eq!(loss.backward().of(&x), &tensor![[-0.25, 0.25, 0., 0.]]);
/// ```
///
/// # Panics
/// If x is not (B, C), there isn't one id for each row, an id is no class, or the weight is not (C).
#[track_caller]
pub fn multi_margin(x: &Var, ids: &Ids, options: MultiMarginOptions<'_>, reduction: Reduction) -> Var {
    let MultiMarginOptions { margin, squared, weight } = options;
    let [batch, classes] = *x.shape() else {
        panic!("multi_margin: x of shape {:?}; it must be (B, C)", x.shape());
    };
    assert!(
        ids.shape() == [batch],
        "multi_margin: ids of shape {:?} don't fit x of shape {:?}: there is one for each row, so they are [{batch}]",
        ids.shape(),
        x.shape()
    );
    let own = x.gather(1, &ids.reshape([batch, 1])); // (B, C), (B, 1) -> (B, 1)
    let mut missing = (&(x - &own) + margin).relu(); // (B, C) − (B, 1) -> (B, C)
    if squared {
        missing = missing.square();
    }
    // How much each term counts: w[y] / C, and nothing for the class itself.
    let others = ids.one_hot(classes).affine(-1.0 / classes as f32, 1.0 / classes as f32); // (B, C)
    let share = match weight {
        None => others,
        Some(w) => {
            let shape = w.shape();
            assert!(
                shape == [classes],
                "multi_margin: a weight of shape {shape:?} for {counted_classes}; use [{classes}]",
                counted_classes = counted(classes, "class")
            );
            &others * &w.index_select(0, ids).unsqueeze(1) // (B, C) × (B, 1) -> (B, C)
        }
    };
    reduction.apply(&(&missing * &Var::constant(share)).sum(&[1], false)) // (B, C) -> (B)
}

/// The loss of a distance x between two things that belong together (t = 1) or don't (t = −1), both of the shape (B, …);
/// PyTorch's `hinge_embedding_loss`:
///
/// ```text
/// x                    where t = 1
/// max(0, margin − x)   where t = −1
/// ```
///
/// At the kink, the gradient is 0.
///
/// ```
/// use glassbox_autograd::Var;
/// use glassbox_nn::loss::{Reduction, hinge_embedding};
/// use glassbox_tensor::tensor;
///
/// let (x, t) = (Var::input(tensor![0.25, 0.5, 5.]), tensor![1., -1., -1.]);
/// let loss = hinge_embedding(&x, &t, 1.0, Reduction::Sum);
/// assert_eq!(loss.item(), 0.25 + 0.5);
/// assert_eq!(loss.backward().of(&x), &tensor![1., -1., 0.]);
/// ```
///
/// # Panics
/// If the shapes differ, or a sign is neither 1 nor −1.
#[track_caller]
pub fn hinge_embedding(x: &Var, signs: &Tensor, margin: f32, reduction: Reduction) -> Var {
    assert!(
        x.shape() == signs.shape(),
        "hinge_embedding: the shapes of x {:?} and signs {:?} differ; a loss never broadcasts",
        x.shape(),
        signs.shape()
    );
    if let Some(sign) = signs.to_vec().iter().find(|sign| sign.abs() != 1.0) {
        panic!("hinge_embedding: {sign} among the signs; use 1 for what belongs together and -1 for what doesn't");
    }
    let together = signs.greater(&Tensor::scalar(0.0));
    reduction.apply(&Var::where_cond(&together, x, &x.affine(-1.0, margin).relu()))
}

/// The discriminator's loss in a GAN, of its scores for real and for generated data:
///
/// ```text
/// max(0, 1 − real)  +  max(0, 1 + fake),   each reduced by itself
/// ```
///
/// With [`Reduction::Mean`] it is L_D of Lim and Ye 2017, *Geometric GAN*, equation 17, also in Miyato et al. 2018, *Spectral
/// Normalization*, equation 16. The gradient at the kinks is 0.
///
/// ```
/// use glassbox_autograd::Var;
/// use glassbox_nn::loss::{Reduction, hinge_discriminator};
/// use glassbox_tensor::tensor;
///
/// let (real, fake) = (Var::constant(tensor![0.5, 3.]), Var::constant(tensor![-2., 1.]));
/// assert_eq!(hinge_discriminator(&real, &fake, Reduction::Mean).item(), (0.5 + 0.0) / 2.0 + (0.0 + 2.0) / 2.0);
/// ```
///
/// # Panics
/// If nothing is to be averaged; without a reduction, if the shapes differ.
#[track_caller]
pub fn hinge_discriminator(real: &Var, fake: &Var, reduction: Reduction) -> Var {
    if reduction == Reduction::None {
        assert_same_shape("hinge_discriminator", "real", real, "fake", fake);
    }
    let (real, fake) = (real.affine(-1.0, 1.0).relu(), fake.affine(1.0, 1.0).relu());
    &reduction.apply(&real) + &reduction.apply(&fake)
}

/// The generator's loss in a GAN whose discriminator learns by [`hinge_discriminator`], of its scores for generated data:
///
/// ```text
/// −fake
/// ```
///
/// Lim and Ye 2017, *Geometric GAN*. There is no hinge in it: a generator that fools the discriminator is to go on.
///
/// ```
/// use glassbox_autograd::Var;
/// use glassbox_nn::loss::{Reduction, hinge_generator};
/// use glassbox_tensor::tensor;
///
/// assert_eq!(hinge_generator(&Var::constant(tensor![-2., 1.]), Reduction::Mean).item(), 0.5);
/// ```
///
/// # Panics
/// If nothing is to be averaged.
#[track_caller]
pub fn hinge_generator(fake: &Var, reduction: Reduction) -> Var {
    reduction.apply(&-fake)
}
