//! Cross-entropy of logits (…, C) against classes, one for each row: what a classifier or a language model is trained by.
//!
//! ```text
//! yᵢ = (1 − ε)·(ln Σ e^x − x[idᵢ]) + ε·(ln Σ e^x − mean x)        over row i; ε is the label smoothing
//! ```
//!
//! which is −Σ q·ln softmax(x) with the target q: 1 − ε at the row's class, and ε / C everywhere on top. Its gradient is
//! softmax(x) − q. Rows of the ignored class have the loss 0, no gradient, and don't count for the mean. No probability is
//! stored: backward computes them from the logits and each row's ln Σ e^x.
//!
//! | row | loss |
//! | --- | --- |
//! | logits up to ±10³⁸ | finite |
//! | −∞ at other classes than its own | as if these were not there (without smoothing; ∞ with it) |
//! | −∞ at its own class | ∞ |
//! | −∞ throughout, or ∞ or NaN in it | NaN, as in PyTorch |
//! | no row that counts, `Mean` | NaN, as in PyTorch; the gradient is 0 |

use super::logsumexp;
use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance, Wrong};
use crate::op::{Grads, Keep, Kept, Op, TensorGrads};
use crate::var::{Var, apply};
use glassbox_tensor::random::Key;
use glassbox_tensor::{Ids, Tensor};
use ndarray::{ArrayD, IxDyn};

/// How the losses of the rows become one number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reduction {
    /// The mean over the rows that count.
    #[default]
    Mean,
    /// The sum.
    Sum,
    /// Each row's loss, in the shape of the ids.
    None,
}

/// The options of [`cross_entropy`](Var::cross_entropy), by default those of PyTorch: no smoothing, the mean of all rows.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CrossEntropyOptions {
    /// ε in 0…1: the share of the target that goes to all classes alike.
    pub label_smoothing: f32,
    /// Rows of this class don't count: padding.
    pub ignore_index: Option<u32>,
    /// How the losses of the rows become one number.
    pub reduction: Reduction,
}

/// The cross-entropy of the input x (…, C) against ids (…).
#[derive(Clone, Debug)]
pub struct CrossEntropy {
    /// The class of each row.
    pub ids: Ids,
    /// How they are taken.
    pub options: CrossEntropyOptions,
}

impl Op for CrossEntropy {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = [Tensor; 2]; // ln Σ e^x of each row, high and low: from these and x come the probabilities

    fn keep(&self, _: &[bool]) -> Keep {
        Keep::input(0)
    }

    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> (Tensor, Self::Extra) {
        let smoothing = self.options.label_smoothing;
        assert!((0.0..=1.0).contains(&smoothing), "cross_entropy: label_smoothing is {smoothing}; use 0 to 1");
        let (nats, all) = self.kernel().forward(x[0]);
        let y = match self.options.reduction {
            Reduction::None => {
                let mut y = Tensor::zeros(self.ids.shape());
                y.make_mut().iter_mut().zip(&nats).for_each(|(y, &nats)| *y = nats as f32);
                y
            }
            Reduction::Sum => Tensor::scalar(nats.iter().sum::<f64>() as f32),
            Reduction::Mean => Tensor::scalar((nats.iter().sum::<f64>() / self.count() as f64) as f32),
        };
        (y, all)
    }

    fn backward(&self, kept: &Kept<'_, Self::Extra>, dy: &Var, _: &[bool]) -> Grads {
        let shape = kept.shape(0);
        let (rows, classes) = (self.ids.numel(), shape[shape.len() - 1]);
        let (weights, target) = (self.weights(1.0), self.target(classes));
        let dy = dy.reshape(if self.options.reduction == Reduction::None { [rows, 1] } else { [1, 1] });
        let scale = &dy * &Var::constant(Tensor::from_vec(weights, [rows, 1]));
        let apart = &kept.x(0).reshape([rows, classes]).softmax(-1) - &Var::constant(target);
        [Some((&scale * &apart).reshape(shape))].into()
    }

    fn backward_fused(&self, kept: &Kept<'_, Self::Extra>, dy: &Tensor, _: &[bool]) -> Option<TensorGrads> {
        let scale = match self.options.reduction {
            Reduction::None => dy.to_vec(),
            _ => self.weights(dy.item()),
        };
        let [high, low] = kept.extra;
        Some([Some(self.kernel().backward(kept.x(0).value(), [high, low], &scale))].into())
    }
}

impl CrossEntropy {
    fn kernel(&self) -> glassbox_tensor::CrossEntropy<'_> {
        let CrossEntropyOptions { label_smoothing: smoothing, ignore_index: ignore, .. } = self.options;
        glassbox_tensor::CrossEntropy { ids: &self.ids, smoothing, ignore }
    }

    fn counts(&self) -> impl Iterator<Item = bool> {
        self.ids.as_slice().iter().map(|&id| self.options.ignore_index != Some(id))
    }

    /// How many rows count.
    fn count(&self) -> usize {
        self.counts().filter(|counts| *counts).count()
    }

    /// What each row's loss is multiplied by in the result.
    fn weights(&self, dy: f32) -> Vec<f32> {
        let weight = if self.options.reduction == Reduction::Mean { dy / self.count() as f32 } else { dy };
        self.counts().map(|counts| if counts { weight } else { 0.0 }).collect()
    }

    /// q (rows, C); zeros for a row that doesn't count.
    fn target(&self, classes: usize) -> Tensor {
        let smoothing = self.options.label_smoothing;
        let mut q = vec![0.0; self.ids.numel() * classes];
        for ((q, &id), counts) in q.chunks_mut(classes.max(1)).zip(self.ids.as_slice()).zip(self.counts()) {
            if counts {
                q.fill(smoothing / classes as f32);
                q[id as usize] += 1.0 - smoothing;
            }
        }
        Tensor::from_vec(q, [self.ids.numel(), classes])
    }
}

impl Var {
    /// The cross-entropy of these logits (…, C) against the classes `ids` (…), in nats: `−ln softmax(x)[id]`, as the options say.
    ///
    /// ```
    /// use glassbox_autograd::{CrossEntropyOptions, Reduction, Var};
    /// use glassbox_tensor::{Ids, assert_close, tensor};
    /// let x = Var::input(tensor![[0., 0.], [100., 0.], [7., 7.]]); // (3, C 2)
    /// let options = CrossEntropyOptions { ignore_index: Some(9), ..Default::default() };
    /// let y = x.cross_entropy(&Ids::from([1, 0, 9]), options);
    /// assert_close!(*y.value(), tensor![0.6931472, 0.].mean(&[0], false)); // undecided, right, and one that doesn't count
    /// assert_close!(*y.backward().of(&x), tensor![[0.25, -0.25], [0., 0.], [0., 0.]]);
    ///
    /// let each = CrossEntropyOptions { reduction: Reduction::None, ..options };
    /// assert_eq!(x.cross_entropy(&Ids::from([1, 0, 9]), each).shape(), [3]);
    /// ```
    ///
    /// # Panics
    /// When there isn't one id for each row, an id is neither a class nor ignored, or the smoothing is not in 0…1.
    #[track_caller]
    pub fn cross_entropy(&self, ids: &Ids, options: CrossEntropyOptions) -> Var {
        apply(CrossEntropy { ids: ids.clone(), options }, [self])
    }
}

/// The naive loss: `f` of ln Σ e^x, x[id] and mean x of each row, and then the reduction.
fn reference(op: &CrossEntropy, x: &ArrayD<f64>, f: impl Fn(f64, f64, f64) -> f64) -> ArrayD<f64> {
    let classes = x.shape()[x.ndim() - 1];
    let x: Vec<f64> = x.iter().copied().collect();
    let rows = op.ids.as_slice().iter().enumerate().map(|(i, &id)| {
        if op.options.ignore_index == Some(id) {
            return 0.0;
        }
        let row = &x[i * classes..][..classes];
        let all = logsumexp::reference(row);
        let all = if all == f64::INFINITY { f64::NAN } else { all };
        f(all, row[id as usize], row.iter().sum::<f64>() / classes as f64)
    });
    match op.options.reduction {
        Reduction::None => ArrayD::from_shape_vec(op.ids.shape(), rows.collect()).expect("one for each id"),
        Reduction::Sum => ArrayD::from_elem(IxDyn(&[]), rows.sum()),
        Reduction::Mean => ArrayD::from_elem(IxDyn(&[]), rows.sum::<f64>() / op.count() as f64),
    }
}

/// `a` of the row's own class and `b` of all classes, in the shares of the target; a share of 0 counts for nothing.
fn mix(op: &CrossEntropy, a: f64, b: f64) -> f64 {
    let smoothing = f64::from(op.options.label_smoothing);
    if smoothing > 0.0 { (1.0 - smoothing) * a + smoothing * b } else { a }
}

/// What the registry knows of cross-entropy.
pub static INFO: OpInfo<CrossEntropy> = OpInfo {
    name: "cross_entropy",
    formula: "y = (1 − ε) · (ln Σ exp(x) − x[id]) + ε · (ln Σ exp(x) − mean x) of each row; the mean, the sum, or each",
    gradient: "dx = dy · (softmax(x) − q), q = (1 − ε) at the row's class, and ε / C everywhere; 0 where ignored",
    source: "definition; smoothing: Szegedy et al. 2016, Rethinking the Inception Architecture",
    reference: |op, x| reference(op, &x[0], |all, own, mean| mix(op, all - own, all - mean)),
    sample: |d| {
        let (a, b) = (d.dim(), d.dim());
        let shape = match d.choice(3) {
            0 => vec![a % 3 + 1, b.min(2), b % 7 + 2],
            1 => vec![a, b + 2],
            _ => vec![b.min(3), a + 2], // more classes than a block has
        };
        let (rows, classes) = (&shape[..shape.len() - 1], shape[shape.len() - 1]);
        let ignore_index = (d.choice(2) == 0).then_some(classes as u32);
        let ids = Ids::randint(classes as u32, rows, Key::new(a as u64));
        let every_third = ids.as_slice().iter().enumerate().map(|(i, &id)| match ignore_index {
            Some(ignored) if i % 3 == 2 => ignored,
            _ => id,
        });
        let ids = Ids::from_vec(every_third.collect(), rows);
        let reduction = [Reduction::None, Reduction::Mean, Reduction::Sum][d.choice(3)];
        let options = CrossEntropyOptions { label_smoothing: [0.0, 0.1][d.choice(2)], ignore_index, reduction };
        Sample::new(CrossEntropy { ids, options }, [Input::within(shape, -4.0..4.0)])
    },
    standard: |_| {
        let ids = Ids::randint(50_257, [64], Key::new(0));
        Sample::new(CrossEntropy { ids, options: CrossEntropyOptions::default() }, [Input::new([64, 50_257])])
    },
    wrong: &[
        Wrong {
            call: || drop(Var::constant(Tensor::ones([2, 3])).cross_entropy(&Ids::from([0, 1, 2]), Default::default())),
            says: "cross_entropy: ids [3] don't fit logits [2, 3]: there is one for each row, so they are [2]",
        },
        Wrong {
            call: || drop(Var::constant(Tensor::ones([2, 3])).cross_entropy(&Ids::from([0, 3]), Default::default())),
            says: "cross_entropy: id 3 at [1] is out of range for 3 classes; use ids below 3, or name it as ignore_index",
        },
        Wrong {
            call: || {
                let options = CrossEntropyOptions { label_smoothing: 1.5, ..Default::default() };
                drop(Var::constant(Tensor::ones([2, 3])).cross_entropy(&Ids::from([0, 1]), options))
            },
            says: "cross_entropy: label_smoothing is 1.5; use 0 to 1",
        },
    ],
    tolerance: Tolerance::UnitsOf(1.5, |op, x| {
        reference(op, &x[0], |all, own, mean| mix(op, 1.0 + all.abs() + own.abs(), 1.0 + all.abs() + mean.abs()))
    }),
    cost: |op, shapes| {
        let n = shapes[0].iter().product::<usize>() as u64;
        Cost { flops: 4 * n, bytes: 4 * (n + op.ids.numel() as u64) }
    },
    derivatives: Derivatives::Any,
};
