//! Root mean square normalisation over the last axes: y = x̂·w with x̂ = x·r, r = 1 / √(mean x² + eps). Layer normalisation that
//! takes no mean away and adds no bias.
//!
//! With g = dy·w and means over what is normalised together: dx = r·(g − x̂·mean(g·x̂)), dw = Σ dy·x̂.
//!
//! A row of zeros gives zeros (for eps > 0); rows up to ±10³⁸ give finite numbers. ∞ makes its own place NaN and the others 0;
//! NaN makes all of its row NaN.

use super::layer_norm::{
    Parameters, Statistics, backward, backward_fused, check_parameter, check_rows, cost, inputs, magnitude, reference,
    value,
};
use crate::info::{Derivatives, OpInfo, Sample, Tolerance, Wrong};
use crate::op::{Grads, Keep, Kept, Op, TensorGrads};
use crate::var::{Var, apply_many};
use glassbox_tensor::{RowNorm, Tensor};

/// y = x·r·w over the last axes, of the inputs x and, if there is one, w.
#[derive(Clone, Debug)]
pub struct RmsNorm {
    /// The last axes of x, which are normalised together: the shape of w.
    pub normalized_shape: Vec<usize>,
    /// Whether there is a w.
    pub weight: bool,
    /// What is added to the mean square.
    pub eps: f32,
}

impl Op for RmsNorm {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = Statistics; // the mean is 0

    fn keep(&self, needs: &[bool]) -> Keep {
        self.parameters().keep(needs)
    }

    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> (Tensor, Statistics) {
        let [w, _] = self.parameters().of(x);
        check_rows("rms_norm", x[0].shape(), &self.normalized_shape, self.eps);
        check_parameter("rms_norm", "weight", w.map(Tensor::shape), &self.normalized_shape);
        let (y, mean, rstd) = self.norm(x[0].shape()).forward(x[0], w, None);
        (y, (mean, rstd))
    }

    fn backward(&self, kept: &Kept<'_, Statistics>, dy: &Var, needs: &[bool]) -> Grads {
        backward(&self.norm(kept.shape(0)), self.parameters(), kept, dy, needs)
    }

    fn backward_fused(&self, kept: &Kept<'_, Statistics>, dy: &Tensor, needs: &[bool]) -> Option<TensorGrads> {
        backward_fused(&self.norm(kept.shape(0)), self.parameters(), kept, dy, needs)
    }
}

impl RmsNorm {
    fn parameters(&self) -> Parameters {
        Parameters { weight: self.weight, bias: false }
    }

    fn norm(&self, x: &[usize]) -> RowNorm {
        let rows = x[..x.len() - self.normalized_shape.len()].iter().product();
        let channels = self.normalized_shape.iter().product();
        RowNorm { rows, groups: 1, channels, inner: 1, centered: false, eps: self.eps }
    }
}

impl Var {
    /// Root mean square normalisation over the last axes, which `normalized_shape` names: x·w / √(mean x² + eps). w has the
    /// normalized shape; without it, it counts as 1.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::{assert_close, tensor};
    /// let x = Var::input(tensor![[3., 4., 0., 0.], [0., 0., 0., 0.]]);
    /// let w = Var::input(tensor![1., 1., 1., 2.]);
    /// let y = x.rms_norm(&[4], Some(&w), 1e-6); // the root of the mean square is 2.5
    /// assert_close!(*y.value(), tensor![[1.2, 1.6, 0., 0.], [0., 0., 0., 0.]]);
    /// assert_close!(*y.sum_all().backward().of(&w), tensor![1.2, 1.6, 0., 0.]);
    /// ```
    ///
    /// # Panics
    /// When x doesn't end in the normalized shape, w isn't of that shape, or eps is less than 0.
    #[track_caller]
    pub fn rms_norm(&self, normalized_shape: &[usize], w: Option<&Var>, eps: f32) -> Var {
        let (Parameters { weight, .. }, inputs) = Parameters::given(self, w, None);
        apply_many(RmsNorm { normalized_shape: normalized_shape.to_vec(), weight, eps }, &inputs)
    }
}

/// What the registry knows of root mean square normalisation.
pub static INFO: OpInfo<RmsNorm> = OpInfo {
    name: "rms_norm",
    formula: "y = x̂ · w, x̂ = x · r, r = 1 / √(mean x² + eps), over the last axes",
    gradient: "g = dy · w; dx = r · (g − x̂ · mean(g · x̂)), dw = Σ dy · x̂",
    source: "Zhang & Sennrich 2019, Root Mean Square Layer Normalization",
    reference: |op, x| reference(&op.norm(x[0].shape()), op.parameters(), x, value),
    sample: |d| {
        let (a, b) = (d.dim(), d.dim());
        let (x, last) = match d.choice(3) {
            0 => (vec![a, b + 3], 1),
            1 => (vec![a % 3 + 1, b % 5 + 2, a % 7 + 2], 2),
            _ => (vec![b.min(3), a + 3], 1),
        };
        let normalized_shape = x[x.len() - last..].to_vec();
        let op = RmsNorm { normalized_shape, weight: d.choice(3) > 0, eps: [1e-5, 0.1][d.choice(2)] };
        let inputs = inputs(x, op.parameters(), &op.normalized_shape);
        Sample::new(op, inputs)
    },
    standard: |_| {
        let op = RmsNorm { normalized_shape: vec![1024], weight: true, eps: 1e-5 };
        let inputs = inputs(vec![4096, 1024], op.parameters(), &[1024]);
        Sample::new(op, inputs)
    },
    wrong: &[
        Wrong {
            call: || drop(Var::constant(Tensor::ones([2, 3])).rms_norm(&[], None, 1e-5)),
            says: "rms_norm: x [2, 3] doesn't end in the normalized shape []; name the last axes of x, such as [3]",
        },
        Wrong {
            call: || {
                let w = Var::constant(Tensor::ones([2]));
                drop(Var::constant(Tensor::ones([2, 3])).rms_norm(&[3], Some(&w), 1e-5))
            },
            says: "rms_norm: weight [2] doesn't fit; it is [3]",
        },
    ],
    tolerance: Tolerance::UnitsOf(4.0, |op, x| reference(&op.norm(x[0].shape()), op.parameters(), x, magnitude)),
    cost: |_, shapes| cost(shapes),
    derivatives: Derivatives::Any,
};
