//! The adjoint of `resample`: each element goes back to those that it would have been made of, by the same weights. What
//! the gradient of growing a picture is; its own gradient is growing one again.

use super::resample::{choose, combine, weights};
use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance, Wrong};
use crate::op::{Grads, Keep, Kept, Op};
use crate::var::{Var, apply};
use glassbox_tensor::{Resampling, Tensor};
use ndarray::ArrayD;

/// y[…, k, l] = Σ a[i, k] · b[j, l] · x[…, i, j], with the weights of `resample` from planes of `size`.
#[derive(Clone, Debug)]
pub struct ResampleAdjoint {
    /// The height and width of y.
    pub size: [usize; 2],
    /// Which entries, with which weights.
    pub how: Resampling,
}

impl Op for ResampleAdjoint {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING
    }

    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        (x[0].resample_adjoint(self.size, self.how), ())
    }

    fn backward(&self, kept: &Kept<'_, ()>, dy: &Var, _: &[bool]) -> Grads {
        let shape = kept.shape(0);
        [Some(dy.resample([shape[shape.len() - 2], shape[shape.len() - 1]], self.how))].into()
    }
}

impl Var {
    /// The adjoint of [`resample`](Self::resample) from planes of `size`: (…, OH, OW) -> (…, size).
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::{Resampling, tensor};
    /// let x = Var::constant(tensor![[1., 2., 3., 4.]]);
    /// assert_eq!(x.resample_adjoint([1, 2], Resampling::Nearest).value(), &tensor![[3., 7.]]);
    /// ```
    ///
    /// # Panics
    /// When there are fewer than two axes, or of these and the new planes one has no elements and the other has.
    #[track_caller]
    pub fn resample_adjoint(&self, size: [usize; 2], how: Resampling) -> Var {
        apply(ResampleAdjoint { size, how }, [self])
    }
}

fn reference(op: &ResampleAdjoint, x: &ArrayD<f64>) -> ArrayD<f64> {
    let from = [x.shape()[x.ndim() - 2], x.shape()[x.ndim() - 1]];
    combine(x, op.size, weights(op.how, op.size, from).into_iter().map(|(to, at, weight)| (at, to, weight)))
}

/// What the registry knows of it.
pub static INFO: OpInfo<ResampleAdjoint> = OpInfo {
    name: "resample_adjoint",
    formula: "y[…, k, l] = Σ a[i, k] · b[j, l] · x[…, i, j], with the weights of resample",
    gradient: "dx = resample(dy)",
    source: "the transpose of resample",
    reference: |op, x| reference(op, &x[0]),
    sample: |d| {
        let (planes, size) = (d.dim().min(40), [d.dim().min(11) + 1, d.dim().min(29) + 1]);
        let from = [d.dim().min(20) + 1, d.dim().min(50) + 1];
        let how = choose(d.choice(3));
        Sample::new(ResampleAdjoint { size, how }, [Input::new([planes, from[0], from[1]])])
    },
    standard: |_| {
        Sample::new(ResampleAdjoint { size: [32, 32], how: Resampling::Bilinear }, [Input::new([16, 64, 64, 64])])
    },
    wrong: &[Wrong {
        call: || drop(Var::constant(Tensor::ones([4])).resample_adjoint([2, 2], Resampling::Nearest)),
        says: "resample_adjoint: shape [4] has no plane; give it two axes or more, (…, H, W)",
    }],
    // as resample, and each element is a sum of what it was given to
    tolerance: Tolerance::UnitsOf(8.0, |op, x| reference(op, &x[0].mapv(f64::abs))),
    cost: |op, shapes| {
        let planes: usize = shapes[0][..shapes[0].len() - 2].iter().product();
        let inputs = shapes[0].iter().product::<usize>() as u64;
        Cost { flops: 6 * inputs, bytes: 4 * (inputs + (planes * op.size[0] * op.size[1]) as u64) }
    },
    derivatives: Derivatives::Any,
};
