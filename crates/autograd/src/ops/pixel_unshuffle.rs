//! Picture elements become channels: what `pixel_shuffle` undoes. A picture at half the height and width, with nothing lost.
//!
//! ```text
//! y[…, c·r² + i·r + j, h, w] = x[…, c, h·r + i, w·r + j]
//! ```
//!
//! Every element stands at one place of y: dx = pixel_shuffle of dy.

use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance, Wrong};
use crate::op::{Grads, Keep, Kept, Op};
use crate::var::{Var, apply};
use glassbox_tensor::Tensor;
use ndarray::{ArrayD, IxDyn};

/// y[…, c·r² + i·r + j, h, w] = x[…, c, h·r + i, w·r + j].
#[derive(Clone, Debug)]
pub struct PixelUnshuffle {
    /// The side of a square.
    pub r: usize,
}

impl Op for PixelUnshuffle {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING
    }

    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        (x[0].pixel_unshuffle(self.r), ())
    }

    fn backward(&self, _: &Kept<'_, ()>, dy: &Var, _: &[bool]) -> Grads {
        [Some(dy.pixel_shuffle(self.r))].into()
    }
}

impl Var {
    /// Picture elements become channels: (…, C, H·r, W·r) -> (…, C·r², H, W).
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::tensor;
    /// let x = Var::constant(tensor![[[1., 2.], [3., 4.]]]); // (1, 2, 2)
    /// assert_eq!(x.pixel_unshuffle(2).value(), &tensor![[[1.]], [[2.]], [[3.]], [[4.]]]); // (4, 1, 1)
    /// ```
    ///
    /// # Panics
    /// When there are fewer than three axes, or r doesn't divide height and width.
    #[track_caller]
    pub fn pixel_unshuffle(&self, r: usize) -> Var {
        apply(PixelUnshuffle { r }, [self])
    }
}

fn reference(op: &PixelUnshuffle, x: &ArrayD<f64>) -> ArrayD<f64> {
    let (r, rank) = (op.r, x.ndim());
    let mut shape = x.shape().to_vec();
    let [c, h, w] = [shape[rank - 3] * r * r, shape[rank - 2] / r, shape[rank - 1] / r];
    shape[rank - 3..].copy_from_slice(&[c, h, w]);
    ArrayD::from_shape_fn(IxDyn(&shape), |at| {
        let mut from: Vec<usize> = (0..rank).map(|axis| at[axis]).collect();
        let (c, place) = (at[rank - 3] / (r * r), at[rank - 3] % (r * r));
        from[rank - 3..].copy_from_slice(&[c, at[rank - 2] * r + place / r, at[rank - 1] * r + place % r]);
        x[&from[..]]
    })
}

/// What the registry knows of it.
pub static INFO: OpInfo<PixelUnshuffle> = OpInfo {
    name: "pixel_unshuffle",
    formula: "y[…, c·r² + i·r + j, h, w] = x[…, c, h·r + i, w·r + j]",
    gradient: "dx = pixel_shuffle(dy, r)",
    source: "Shi et al. 2016, Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel CNN, equation 4",
    reference: |op, x| reference(op, &x[0]),
    sample: |d| {
        let [w, h, n, c] = [d.dim().min(40), d.dim().min(20), d.dim().min(19), d.dim().min(3)];
        let r = d.choice(3) + 1;
        Sample::new(PixelUnshuffle { r }, [Input::new([n, c, h * r, w * r])])
    },
    standard: |_| Sample::new(PixelUnshuffle { r: 2 }, [Input::new([16, 64, 64, 64])]),
    wrong: &[
        Wrong {
            call: || drop(Var::constant(Tensor::ones([2, 3, 5, 4])).pixel_unshuffle(2)),
            says: "pixel_unshuffle: height 5 and width 4 of shape [2, 3, 5, 4] must be multiples of r = 2; pad or crop first",
        },
    ],
    tolerance: Tolerance::Exact,
    cost: |_, shapes| Cost::elementwise(0, shapes),
    derivatives: Derivatives::Any,
};
