//! Weight normalisation of a layer's weight.

use super::weighted::Weighted;
use crate::Module;
use crate::param::Param;
use glassbox_autograd::Var;
use glassbox_tensor::counted;

/// The layer L with W = g · v / ‖v‖ for its weight: length and direction are learned apart
///
/// By default each element of W's first axis has its own g and its own ‖v‖, over all other axes: for a linear layer or
/// a convolution, each output. (Of a transposed convolution the first axis is that of the inputs; PyTorch's default is
/// the same.) Names are those of `torch.nn.utils.parametrizations.weight_norm`: original0 is g, original1 is v.
///
/// ```
/// use glassbox_autograd::Var;
/// use glassbox_nn::{Linear, Module, WeightNorm};
/// use glassbox_tensor::{Tensor, assert_close, random::Key};
///
/// let linear = Linear::new(3, 2, Key::new(0));
/// let x = Var::constant(Tensor::ones([1, 3]));
/// let y = linear.forward(&x);
/// let layer = WeightNorm::new(linear);
/// assert_close!(*layer.forward(&x).value(), *y.value(), 1e-6); // g begins as ‖v‖, so nothing changes yet
/// assert_eq!(layer.g.value().shape(), [2, 1]);
/// assert_eq!(layer.parameters()[1].0, "parametrizations.weight.original0");
/// ```
///
/// Source: Salimans & Kingma 2016, Weight Normalization: A Simple Reparameterization to Accelerate Training of Deep
/// Neural Networks.
#[derive(Debug, Clone, Module)]
pub struct WeightNorm<L: Weighted> {
    /// b, if the layer has one.
    pub bias: Option<Param>,
    /// The lengths g: of W's shape with 1 for all axes but one; () if all of W has one length.
    #[module(name = "parametrizations.weight.original0")]
    pub g: Param,
    /// The directions v, of W's shape.
    #[module(name = "parametrizations.weight.original1")]
    pub v: Param,
    #[module(skip)]
    layer: L::Options,
    /// The axes of ‖v‖.
    #[module(skip)]
    axes: Vec<isize>,
}

impl<L: Weighted> WeightNorm<L> {
    /// Takes the layer over, whose W doesn't change by it: v = W, and g = ‖v‖ for each element of the first axis.
    ///
    /// ```
    /// # use glassbox_nn::{Conv1d, WeightNorm};
    /// # use glassbox_tensor::random::Key;
    /// let layer = WeightNorm::new(Conv1d::new(3, 16, 5, Key::new(0)));
    /// assert_eq!((layer.g.value().shape(), layer.v.value().shape()), (&[16, 1, 1][..], &[16, 3, 5][..]));
    /// ```
    pub fn new(layer: L) -> Self {
        Self::along(layer, Some(0))
    }

    /// As [`new`](Self::new), with a length for each element of that axis of W; `None`: one length for all of W.
    /// PyTorch calls it `dim`.
    ///
    /// ```
    /// # use glassbox_nn::{Linear, WeightNorm};
    /// # use glassbox_tensor::random::Key;
    /// let layer = WeightNorm::along(Linear::new(3, 2, Key::new(0)), Some(1));
    /// assert_eq!(layer.g.value().shape(), [1, 3]);
    /// ```
    ///
    /// # Panics
    /// If W has no such axis.
    #[track_caller]
    pub fn along(layer: L, axis: Option<usize>) -> Self {
        let (v, bias, layer) = layer.into_parts();
        let rank = v.value().rank();
        assert!(
            axis.is_none_or(|axis| axis < rank),
            "WeightNorm: {axis:?} of a weight with {counted_rank}; use one below {rank}",
            counted_rank = counted(rank, "axis")
        );
        let axes: Vec<isize> = (0..rank).filter(|a| Some(*a) != axis).map(|a| a as isize).collect();
        let g = Param::new(v.value().norm(2.0, &axes, axis.is_some()));
        Self { bias, g, v, layer, axes }
    }

    /// The layer's answer with g · v / ‖v‖.
    ///
    /// # Panics
    /// Where the layer itself would.
    #[track_caller]
    pub fn forward(&self, x: &Var) -> Var {
        L::run(&self.layer, x, &self.weight(), self.bias.as_ref().map(Param::var).as_ref())
    }

    /// W = g · v / ‖v‖; NaN where v is 0, which has no direction.
    ///
    /// ```
    /// # use glassbox_nn::{Linear, WeightNorm};
    /// # use glassbox_tensor::{assert_close, random::Key, tensor};
    /// let mut layer = WeightNorm::new(Linear::new(2, 1, Key::new(0)));
    /// layer.v.set_value(tensor![[3., 4.]]);
    /// layer.g.set_value(tensor![[10.]]);
    /// assert_close!(*layer.weight().value(), tensor![[6., 8.]], 1e-6);
    /// ```
    pub fn weight(&self) -> Var {
        let v = self.v.var();
        let scale = &self.g.var() / &v.norm(2.0, &self.axes, true); // (O, 1, …): one division for each output
        &v * &scale
    }
}
