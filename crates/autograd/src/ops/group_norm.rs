//! Group normalisation of x (N, C, …): the C channels form groups of neighbours; a group of one example, with all that follows the
//! channel axis, is normalised together, and each channel has its own w and b. With one channel to a group it is instance
//! normalisation.
//!
//! Forward, backward and the values of unusual rows are those of [`layer_norm`](super::layer_norm), where rows are groups.

use super::layer_norm::{
    Parameters, Statistics, backward, backward_fused, check_eps, check_parameter, choose, cost, inputs, magnitude,
    reference, value,
};
use crate::info::{Derivatives, OpInfo, Sample, Tolerance, Wrong};
use crate::op::{Grads, Keep, Kept, Op, TensorGrads};
use crate::var::{Var, apply_many};
use glassbox_tensor::{RowNorm, Tensor, counted};

/// y = (x − m)·r·w + b with m and r of each group of channels, of the inputs x (N, C, …) and, if there are, w (C) and b (C).
#[derive(Clone, Debug)]
pub struct GroupNorm {
    /// How many groups the channels form.
    pub groups: usize,
    /// Which parameters there are.
    pub parameters: Parameters,
    /// What is added to the variance.
    pub eps: f32,
}

impl Op for GroupNorm {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = Statistics;

    fn keep(&self, needs: &[bool]) -> Keep {
        self.parameters.keep(needs)
    }

    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> (Tensor, Statistics) {
        let [w, b] = self.parameters.of(x);
        self.check(x[0].shape(), [w, b].map(|p| p.map(Tensor::shape)));
        let (y, mean, rstd) = self.norm(x[0].shape()).forward(x[0], w, b);
        (y, (mean, rstd))
    }

    fn backward(&self, kept: &Kept<'_, Statistics>, dy: &Var, needs: &[bool]) -> Grads {
        backward(&self.norm(kept.shape(0)), self.parameters, kept, dy, needs)
    }

    fn backward_fused(&self, kept: &Kept<'_, Statistics>, dy: &Tensor, needs: &[bool]) -> Option<TensorGrads> {
        backward_fused(&self.norm(kept.shape(0)), self.parameters, kept, dy, needs)
    }
}

impl GroupNorm {
    fn norm(&self, x: &[usize]) -> RowNorm {
        let (groups, inner) = (self.groups, x[2..].iter().product());
        RowNorm { rows: x[0], groups, channels: x[1] / groups, inner, centered: true, eps: self.eps }
    }

    #[track_caller]
    fn check(&self, x: &[usize], parameters: [Option<&[usize]>; 2]) {
        let (&[_, channels, ..], groups) = (x, self.groups) else {
            panic!("group_norm: x {x:?} has no channels; it is (N, C, …)")
        };
        if groups == 0 || !channels.is_multiple_of(groups) {
            let divisors: Vec<usize> = (1..=channels).filter(|d| channels.is_multiple_of(*d)).collect();
            panic!(
                "group_norm: {groups} don't divide the {channels} of x {x:?}; use one of {divisors:?}", groups = counted(groups, "group"), channels = counted(channels, "channel"));
        }
        check_eps("group_norm", self.eps);
        for (p, name) in parameters.into_iter().zip(["weight", "bias"]) {
            check_parameter("group_norm", name, p, &[channels]);
        }
    }
}

impl Var {
    /// Group normalisation of x (N, C, …): (x − m)·w / √(v + eps) + b, with the mean m and the variance v of each of the `groups`
    /// groups of neighbouring channels of each example. w and b have a number for each channel; without them they count as 1 and 0.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::{assert_close, tensor};
    /// let x = Var::input(tensor![[[1., 1.], [5., 5.], [2., 4.], [4., 2.]]]); // (N 1, C 4, 2)
    /// let b = Var::input(tensor![0., 0., 10., 10.]);
    /// let y = x.group_norm(2, None, Some(&b), 1e-12);
    /// assert_close!(*y.value(), tensor![[[-1., -1.], [1., 1.], [9., 11.], [11., 9.]]]);
    /// assert_eq!(y.sum_all().backward().of(&b), &tensor![2., 2., 2., 2.]);
    /// ```
    ///
    /// # Panics
    /// When x has fewer than two axes, the groups don't divide the channels, w or b isn't (C), or eps is less than 0.
    #[track_caller]
    pub fn group_norm(&self, groups: usize, w: Option<&Var>, b: Option<&Var>, eps: f32) -> Var {
        let (parameters, inputs) = Parameters::given(self, w, b);
        apply_many(GroupNorm { groups, parameters, eps }, &inputs)
    }

    /// Instance normalisation of x (N, C, …): each channel of each example is normalised alone; otherwise as
    /// [`group_norm`](Self::group_norm).
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::{assert_close, tensor};
    /// let x = Var::constant(tensor![[[1., 3.], [10., 30.]]]); // (N 1, C 2, 2)
    /// assert_close!(*x.instance_norm(None, None, 1e-12).value(), tensor![[[-1., 1.], [-1., 1.]]]);
    /// ```
    ///
    /// # Panics
    /// When a channel of an example has not at least two elements, w or b isn't (C), or eps is less than 0.
    #[track_caller]
    pub fn instance_norm(&self, w: Option<&Var>, b: Option<&Var>, eps: f32) -> Var {
        let x = self.shape();
        let many = x.len() > 2 && x[2..].iter().product::<usize>() > 1;
        assert!(
            many || self.value().numel() == 0,
            "instance_norm: x {x:?} has not two elements in a channel to normalise; it is (N, C, …), or use layer_norm"
        );
        check_eps("instance_norm", eps);
        for (p, name) in [w, b].into_iter().zip(["weight", "bias"]) {
            check_parameter("instance_norm", name, p.map(Var::shape), &x[1..2]);
        }
        self.group_norm(x[1].max(1), w, b, eps)
    }
}

/// What the registry knows of group normalisation.
pub static INFO: OpInfo<GroupNorm> = OpInfo {
    name: "group_norm",
    formula: "y = x̂ · w + b, x̂ = (x − m) · r, r = 1 / √(v + eps), over groups of channels of x (N, C, …)",
    gradient: "g = dy · w; dx = r · (g − mean g − x̂ · mean(g · x̂)), dw = Σ dy · x̂, db = Σ dy",
    source: "Wu & He 2018, Group Normalization; Ulyanov et al. 2016, Instance Normalization",
    reference: |op, x| reference(&op.norm(x[0].shape()), op.parameters, x, value),
    sample: |d| {
        let (n, long, groups, channels) = (d.dim() % 10, d.dim(), d.choice(4) + 1, d.choice(3) + 1);
        let x = match d.choice(4) {
            0 => vec![n, groups * (channels + 3)],
            1 => vec![n, groups * channels, long + 4],
            2 => vec![n, groups * channels, long % 5 + 2, 2],
            _ => vec![n, groups, long + 4],
        };
        let parameters = choose(d.choice(5));
        let inputs = inputs(x.clone(), parameters, &x[1..2]);
        Sample::new(GroupNorm { groups, parameters, eps: [1e-5, 0.1][d.choice(2)] }, inputs)
    },
    standard: |_| {
        let parameters = Parameters { weight: true, bias: true };
        let op = GroupNorm { groups: 32, parameters, eps: 1e-5 };
        Sample::new(op, inputs(vec![16, 128, 32, 32], parameters, &[128]))
    },
    wrong: &[
        Wrong {
            call: || drop(Var::constant(Tensor::ones([2, 6, 3])).group_norm(4, None, None, 1e-5)),
            says: "group_norm: 4 groups don't divide the 6 channels of x [2, 6, 3]; use one of [1, 2, 3, 6]",
        },
        Wrong {
            call: || drop(Var::constant(Tensor::ones([6])).group_norm(2, None, None, 1e-5)),
            says: "group_norm: x [6] has no channels; it is (N, C, …)",
        },
        Wrong {
            call: || {
                let b = Var::constant(Tensor::ones([3]));
                drop(Var::constant(Tensor::ones([2, 6, 3])).group_norm(2, None, Some(&b), 1e-5))
            },
            says: "group_norm: bias [3] doesn't fit; it is [6]",
        },
        Wrong {
            call: || drop(Var::constant(Tensor::ones([2, 6])).instance_norm(None, None, 1e-5)),
            says: "instance_norm: x [2, 6] has not two elements in a channel to normalise; it is (N, C, …), or use layer_norm",
        },
    ],
    tolerance: Tolerance::UnitsOf(4.0, |op, x| reference(&op.norm(x[0].shape()), op.parameters, x, magnitude)),
    cost: |_, shapes| cost(shapes),
    derivatives: Derivatives::Any,
};
