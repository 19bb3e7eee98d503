//! Channels become picture elements: a convolution at low resolution draws each square of r × r in r² channels.
//!
//! ```text
//! y[…, c, h·r + i, w·r + j] = x[…, c·r² + i·r + j, h, w]
//! ```
//!
//! Every element stands at one place of y, so the gradient goes the same way back: dx = pixel_unshuffle of dy.

use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance, Wrong};
use crate::op::{Grads, Keep, Kept, Op};
use crate::var::{Var, apply};
use glassbox_tensor::Tensor;
use ndarray::{ArrayD, IxDyn};

/// y[…, c, h·r + i, w·r + j] = x[…, c·r² + i·r + j, h, w].
#[derive(Clone, Debug)]
pub struct PixelShuffle {
    /// The side of a square.
    pub r: usize,
}

impl Op for PixelShuffle {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING
    }

    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        (x[0].pixel_shuffle(self.r), ())
    }

    fn backward(&self, _: &Kept<'_, ()>, dy: &Var, _: &[bool]) -> Grads {
        [Some(dy.pixel_unshuffle(self.r))].into()
    }
}

impl Var {
    /// Channels become picture elements: (…, C·r², H, W) -> (…, C, H·r, W·r).
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::tensor;
    /// let x = Var::constant(tensor![[[1.]], [[2.]], [[3.]], [[4.]]]); // (4, 1, 1)
    /// assert_eq!(x.pixel_shuffle(2).value(), &tensor![[[1., 2.], [3., 4.]]]); // (1, 2, 2)
    /// ```
    ///
    /// # Panics
    /// When there are fewer than three axes, or r² doesn't divide the channels.
    #[track_caller]
    pub fn pixel_shuffle(&self, r: usize) -> Var {
        apply(PixelShuffle { r }, [self])
    }
}

fn reference(op: &PixelShuffle, x: &ArrayD<f64>) -> ArrayD<f64> {
    let (r, rank) = (op.r, x.ndim());
    let mut shape = x.shape().to_vec();
    let [c, h, w] = [shape[rank - 3] / (r * r), shape[rank - 2] * r, shape[rank - 1] * r];
    shape[rank - 3..].copy_from_slice(&[c, h, w]);
    ArrayD::from_shape_fn(IxDyn(&shape), |at| {
        let mut from: Vec<usize> = (0..rank).map(|axis| at[axis]).collect();
        let [c, h, w] = [at[rank - 3], at[rank - 2], at[rank - 1]];
        from[rank - 3..].copy_from_slice(&[c * r * r + h % r * r + w % r, h / r, w / r]);
        x[&from[..]]
    })
}

/// What the registry knows of it.
pub static INFO: OpInfo<PixelShuffle> = OpInfo {
    name: "pixel_shuffle",
    formula: "y[…, c, h·r + i, w·r + j] = x[…, c·r² + i·r + j, h, w]",
    gradient: "dx = pixel_unshuffle(dy, r)",
    source: "Shi et al. 2016, Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel CNN, equation 4",
    reference: |op, x| reference(op, &x[0]),
    sample: |d| {
        let [w, h, n, c] = [d.dim().min(40), d.dim().min(20), d.dim().min(19), d.dim().min(3)];
        let r = d.choice(3) + 1;
        Sample::new(PixelShuffle { r }, [Input::new([n, c * r * r, h, w])])
    },
    standard: |_| Sample::new(PixelShuffle { r: 2 }, [Input::new([16, 256, 32, 32])]),
    wrong: &[
        Wrong {
            call: || drop(Var::constant(Tensor::ones([2, 6, 4, 4])).pixel_shuffle(2)),
            says: "pixel_shuffle: 6 channels of shape [2, 6, 4, 4] are no multiple of r² = 4; each square of 2 × 2 takes as many",
        },
        Wrong {
            call: || drop(Var::constant(Tensor::ones([4, 4])).pixel_shuffle(2)),
            says: "pixel_shuffle: shape [4, 4] has no channels; give it three axes or more, (…, C, H, W)",
        },
    ],
    tolerance: Tolerance::Exact,
    cost: |_, shapes| Cost::elementwise(0, shapes),
    derivatives: Derivatives::Any,
};
