//! Cross-entropy: the loss of a choice among classes.

use super::Reduction;
use glassbox_autograd::{self as autograd, Var};
use glassbox_tensor::{Ids, Tensor, counted};

/// The options of [`cross_entropy`], by default PyTorch's.
#[derive(Debug, Clone, Copy, Default)]
pub struct CrossEntropyOptions<'a> {
    /// ε in 0…1: the share of the target that goes to all classes alike (Szegedy et al. 2016).
    pub label_smoothing: f32,
    /// Places of this class don't count: padding.
    pub ignore_index: Option<u32>,
    /// w (C): how much each class counts.
    pub weight: Option<&'a Tensor>,
}

/// The cross-entropy of logits x (B, C, …) against the class y of each place, `ids` (B, …), in nats: −Σ q·w·ln softmax(x)
/// over the classes, where the target q has 1 − ε at y, and ε / C everywhere on top. PyTorch's `cross_entropy`:
///
/// ```text
/// −(1 − ε) · w[y] · ln p[y]  −  ε/C · Σ_c w[c] · ln p[c],   p = softmax(x)
/// ```
///
/// There is one element for each place, (B, …), and 0 where a place doesn't count. `Mean` divides by `Σ w[y]` over the places
/// that count, which without weights is their number; `BatchMean` divides by B. The classes are axis 1, or the only axis;
/// for logits with the classes last, as a language model has them, there is [`Var::cross_entropy`].
///
/// ```
/// use glassbox_autograd::Var;
/// use glassbox_nn::loss::{CrossEntropyOptions, Reduction, cross_entropy};
/// use glassbox_tensor::{Ids, assert_close, tensor};
///
/// let x = Var::input(tensor![[0., 0.], [100., 0.], [7., 7.]]); // (B 3, C 2)
/// let options = CrossEntropyOptions { ignore_index: Some(9), ..Default::default() };
/// let loss = cross_entropy(&x, &Ids::from([1, 0, 9]), options, Reduction::Mean);
/// assert!((loss.item() - 2f32.ln() / 2.0).abs() < 1e-6); // undecided, right, and one that doesn't count
/// assert_close!(*loss.backward().of(&x), tensor![[0.25, -0.25], [0., 0.], [0., 0.]]);
/// ```
///
/// # Panics
/// If the shapes don't fit, an id is neither a class nor ignored, the smoothing is not in 0…1, or a weight is not (C).
#[track_caller]
pub fn cross_entropy(logits: &Var, ids: &Ids, options: CrossEntropyOptions<'_>, reduction: Reduction) -> Var {
    let CrossEntropyOptions { label_smoothing: smoothing, ignore_index, weight } = options;
    let axis = class_axis("cross_entropy", logits);
    let (classes, places) = (logits.shape()[axis], without(logits.shape(), axis));
    assert!(
        ids.shape() == places,
        "cross_entropy: ids of shape {:?} don't fit logits of shape {:?}: there is one for each place, so they are {places:?}",
        ids.shape(),
        logits.shape()
    );
    let x = classes_last(logits, axis); // (B, C, …) -> (B, …, C)
    let nats = |label_smoothing| {
        let reduction = autograd::Reduction::None;
        x.cross_entropy(ids, autograd::CrossEntropyOptions { label_smoothing, ignore_index, reduction }) // (B, …, C) -> (B, …)
    };
    let counts = |id: &u32| ignore_index != Some(*id);
    let Some(w) = weight else {
        let count = ids.as_slice().iter().filter(|id| counts(id)).count();
        return reduce(&nats(smoothing), count as f64, reduction);
    };
    assert!(
        w.shape() == [classes],
        "cross_entropy: a weight of shape {:?} for {counted_classes}; use [{classes}]",
        w.shape(),
        counted_classes = counted(classes, "class")
    );
    let values = w.to_vec();
    let weight_of = |id: &u32| if counts(id) { values[*id as usize] } else { 0.0 };
    let own = nats(0.0); // also says which id is no class
    let of_place: Vec<f32> = ids.as_slice().iter().map(weight_of).collect();
    let total = of_place.iter().map(|&w| f64::from(w)).sum();
    let mut elements = &own * &Var::constant(Tensor::from_vec(of_place, &places));
    if smoothing > 0.0 {
        assert!(smoothing <= 1.0, "cross_entropy: label_smoothing is {smoothing}; use 0 to 1");
        let all = (&x.log_softmax(-1) * &Var::constant(w.clone())).sum(&[-1], false); // (B, …, C) -> (B, …)
        let counted = ids.as_slice().iter().map(|id| f32::from(counts(id))).collect();
        let nothing = Var::constant(Tensor::scalar(0.0));
        let all = Var::where_cond(&Tensor::from_vec(counted, &places), &all, &nothing);
        elements = &(&elements * (1.0 - smoothing)) - &(&all * (smoothing / classes as f32));
    }
    reduce(&elements, total, reduction)
}

/// The cross-entropy of logits x (B, C, …) against probabilities q of the same shape, in nats; PyTorch's `cross_entropy` with
/// probabilities. One element for each place, (B, …):
///
/// ```text
/// −Σ_c q[c] · ln softmax(x)[c]
/// ```
///
/// For targets that another model gave (Hinton et al. 2015), or that mix two examples. Gradients flow to both.
///
/// ```
/// use glassbox_autograd::Var;
/// use glassbox_nn::loss::{Reduction, cross_entropy_soft};
/// use glassbox_tensor::{assert_close, tensor};
///
/// let (x, q) = (Var::input(tensor![[0., 0.]]), Var::constant(tensor![[0.9, 0.1]])); // (B 1, C 2)
/// let loss = cross_entropy_soft(&x, &q, Reduction::Mean);
/// assert!((loss.item() - 2f32.ln()).abs() < 1e-6);
/// assert_close!(*loss.backward().of(&x), tensor![[-0.4, 0.4]]); // softmax(x) − q
/// ```
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn cross_entropy_soft(logits: &Var, targets: &Var, reduction: Reduction) -> Var {
    super::assert_same_shape("cross_entropy_soft", "logits", logits, "targets", targets);
    let axis = class_axis("cross_entropy_soft", logits) as isize;
    reduction.apply(&-&(targets * &logits.log_softmax(axis)).sum(&[axis], false)) // (B, C, …) -> (B, …)
}

/// `Mean` divides by what counts; all else is as ever.
#[track_caller]
fn reduce(elements: &Var, counted: f64, reduction: Reduction) -> Var {
    match reduction {
        Reduction::Mean => (1.0 / counted) as f32 * &elements.sum_all(),
        other => other.apply(elements),
    }
}

/// Axis 1, or the only one.
#[track_caller]
fn class_axis(loss: &str, logits: &Var) -> usize {
    assert!(logits.rank() > 0, "{loss}: logits of shape [] have no classes; they are (B, C, …)");
    1.min(logits.rank() - 1)
}

fn without(shape: &[usize], axis: usize) -> Vec<usize> {
    [&shape[..axis], &shape[axis + 1..]].concat()
}

/// (B, C, …) -> (B, …, C)
#[track_caller]
fn classes_last(x: &Var, axis: usize) -> Var {
    let axes: Vec<usize> = (0..x.rank()).filter(|a| *a != axis).chain([axis]).collect();
    x.permute(&axes)
}
