//! Planes of another size, by the nearest element or bilinearly: how a decoder grows a picture.
//!
//! Along each axis entry j reads at most two entries, `y[j] = (1 − t)·x[lo] + t·x[hi]` (`Resampling::taps` says which). The map
//! is linear, so the gradient is its adjoint: each dy goes back to what its y was made of, by the same weights.

use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance, Wrong};
use crate::op::{Grads, Keep, Kept, Op};
use crate::var::{Var, apply};
use glassbox_tensor::{Resampling, Tensor};
use ndarray::{ArrayD, IxDyn};

/// y[…, i, j] = Σ over the entries around it, weighted.
#[derive(Clone, Debug)]
pub struct Resample {
    /// The height and width of y.
    pub size: [usize; 2],
    /// Which entries, with which weights.
    pub how: Resampling,
}

impl Op for Resample {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING
    }

    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        (x[0].resample(self.size, self.how), ())
    }

    fn backward(&self, kept: &Kept<'_, ()>, dy: &Var, _: &[bool]) -> Grads {
        let shape = kept.shape(0);
        let size = [shape[shape.len() - 2], shape[shape.len() - 1]];
        [Some(dy.resample_adjoint(size, self.how))].into()
    }
}

impl Var {
    /// Planes of another size: (…, H, W) -> (…, size).
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::{Resampling, tensor};
    /// let x = Var::input(tensor![[0., 4.]]);
    /// let y = x.resample([1, 4], Resampling::Bilinear);
    /// assert_eq!(y.value(), &tensor![[0., 1., 3., 4.]]);
    /// assert_eq!(y.sum_all().backward().of(&x), &tensor![[2., 2.]]);
    /// ```
    ///
    /// # Panics
    /// When there are fewer than two axes, or a plane of no elements is to become one of some.
    #[track_caller]
    pub fn resample(&self, size: [usize; 2], how: Resampling) -> Var {
        apply(Resample { size, how }, [self])
    }

    /// [`resample`](Self::resample) by the nearest element, as PyTorch's `interpolate(mode="nearest")`.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::tensor;
    /// let x = Var::constant(tensor![[1., 2.]]);
    /// assert_eq!(x.upsample_nearest([2, 4]).value(), &tensor![[1., 1., 2., 2.], [1., 1., 2., 2.]]);
    /// ```
    ///
    /// # Panics
    /// As [`resample`](Self::resample).
    #[track_caller]
    pub fn upsample_nearest(&self, size: [usize; 2]) -> Var {
        self.resample(size, Resampling::Nearest)
    }

    /// [`resample`](Self::resample) bilinearly, as PyTorch's `interpolate(mode="bilinear")`: with `align_corners` the centres of
    /// the corner pixels stay where they are, without it the edges of the picture do.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::tensor;
    /// let x = Var::constant(tensor![[0., 3.]]);
    /// assert_eq!(x.upsample_bilinear([1, 4], true).value(), &tensor![[0., 1., 2., 3.]]);
    /// ```
    ///
    /// # Panics
    /// As [`resample`](Self::resample).
    #[track_caller]
    pub fn upsample_bilinear(&self, size: [usize; 2], align_corners: bool) -> Var {
        self.resample(size, if align_corners { Resampling::BilinearCorners } else { Resampling::Bilinear })
    }
}

/// Every (element of the smaller index space, element it reads, weight): the map as a list.
pub(super) fn weights(how: Resampling, [h, w]: [usize; 2], [oh, ow]: [usize; 2]) -> Vec<([usize; 2], [usize; 2], f64)> {
    let both = |n: usize, m: usize| {
        let taps = how.taps(n, m).into_iter().enumerate();
        taps.flat_map(|(j, tap)| [(j, tap.lo, 1.0 - tap.t), (j, tap.hi, tap.t)]).collect::<Vec<_>>()
    };
    let (down, across) = (both(h, oh), both(w, ow));
    let pair = |&(i, from_i, a): &(usize, usize, f64)| {
        across.iter().map(move |&(j, from_j, b)| ([i, j], [from_i, from_j], a * b)).collect::<Vec<_>>()
    };
    down.iter().flat_map(pair).filter(|(_, _, weight)| *weight != 0.0).collect()
}

/// y = A·x along the last two axes, for the map A or, with its ends exchanged, its adjoint.
pub(super) fn combine(
    x: &ArrayD<f64>,
    size: [usize; 2],
    map: impl Iterator<Item = ([usize; 2], [usize; 2], f64)> + Clone,
) -> ArrayD<f64> {
    let rank = x.ndim();
    let (from, outer) = ([x.shape()[rank - 2], x.shape()[rank - 1]], &x.shape()[..rank - 2]);
    let planes: usize = outer.iter().product();
    let shape: Vec<usize> = outer.iter().copied().chain(size).collect();
    let (x, mut y) = (x.iter().collect::<Vec<_>>(), vec![0.0; planes * size[0] * size[1]]);
    for p in 0..planes {
        for (to, at, weight) in map.clone() {
            y[(p * size[0] + to[0]) * size[1] + to[1]] += weight * x[(p * from[0] + at[0]) * from[1] + at[1]];
        }
    }
    ArrayD::from_shape_vec(IxDyn(&shape), y).expect("as many as the shape has")
}

fn reference(op: &Resample, x: &ArrayD<f64>) -> ArrayD<f64> {
    let from = [x.shape()[x.ndim() - 2], x.shape()[x.ndim() - 1]];
    combine(x, op.size, weights(op.how, from, op.size).into_iter())
}

/// One of the three, for samples.
pub(super) fn choose(n: usize) -> Resampling {
    [Resampling::Nearest, Resampling::Bilinear, Resampling::BilinearCorners][n]
}

/// What the registry knows of it.
pub static INFO: OpInfo<Resample> = OpInfo {
    name: "resample",
    formula: "y[…, i, j] = Σ a[i, k] · b[j, l] · x[…, k, l] over the one to four elements around it",
    gradient: "dx[…, k, l] = Σ a[i, k] · b[j, l] · dy[…, i, j]: resample_adjoint(dy)",
    source: "PyTorch, torch.nn.functional.interpolate (nearest; bilinear with and without align_corners)",
    reference: |op, x| reference(op, &x[0]),
    sample: |d| {
        let (planes, size) = (d.dim().min(40), [d.dim().min(20) + 1, d.dim().min(50) + 1]);
        let from = [d.dim().min(11) + 1, d.dim().min(29) + 1];
        let how = choose(d.choice(3));
        Sample::new(Resample { size, how }, [Input::new([planes, from[0], from[1]])])
    },
    standard: |_| {
        Sample::new(Resample { size: [64, 64], how: Resampling::Bilinear }, [Input::new([16, 64, 32, 32])])
    },
    wrong: &[
        Wrong {
            call: || drop(Var::constant(Tensor::ones([4])).upsample_nearest([2, 2])),
            says: "resample: shape [4] has no plane; give it two axes or more, (…, H, W)",
        },
        Wrong {
            call: || drop(Var::constant(Tensor::ones([2, 0, 3])).upsample_bilinear([4, 4], false)),
            says: "resample: planes of shape [2, 0, 3] have no elements to make [4, 4] of; give them some",
        },
    ],
    // along each axis a weight, a product and a sum are rounded
    tolerance: Tolerance::UnitsOf(6.0, |op, x| reference(op, &x[0].mapv(f64::abs))),
    cost: |op, shapes| {
        let planes: usize = shapes[0][..shapes[0].len() - 2].iter().product();
        let out = (planes * op.size[0] * op.size[1]) as u64;
        Cost { flops: 6 * out, bytes: 4 * (out + shapes[0].iter().product::<usize>() as u64) }
    },
    derivatives: Derivatives::Any,
};
