//! Spectral normalisation of a layer's weight.

use super::weighted::Weighted;
use crate::Module;
use crate::context::Context;
use crate::param::{Buffer, Param};
use glassbox_autograd::Var;
use glassbox_tensor::Tensor;
use glassbox_tensor::random::Key;

/// The layer L with W / σ(W) for its weight, where σ(W) is the largest singular value of W as a matrix (outputs,
/// everything else)
///
/// So the layer lengthens no vector, to first order in what its power iteration still errs: a discriminator made of
/// such layers is as good as 1-Lipschitz. σ ≈ uᵀ·W·v, with unit vectors u and v that each forward pass of training
/// moves nearer to the singular ones:
///
/// ```text
/// u ← W·v / ‖W·v‖,   v ← Wᵀ·u / ‖Wᵀ·u‖
/// ```
///
/// The gradient goes through W and σ, not through u and v: dσ/dW = u·vᵀ. Names are those of
/// `torch.nn.utils.parametrizations.spectral_norm`.
///
/// ```
/// use glassbox_autograd::Var;
/// use glassbox_nn::{Context, Linear, Module, SpectralNorm};
/// use glassbox_tensor::{Tensor, random::Key, tensor};
///
/// let key = Key::new(0);
/// let mut linear = Linear::without_bias(2, 2, key.fold(0));
/// linear.weight.set_value(tensor![[3., 0.], [0., 4.]]); // σ = 4
/// let layer = SpectralNorm::new(linear, key.fold(1));
/// let w = layer.weight(&Context::eval()).value().to_vec();
/// assert!((w[0] - 0.75).abs() < 1e-3 && (w[3] - 1.0).abs() < 1e-3);
/// assert_eq!(layer.parameters()[0].0, "parametrizations.weight.original");
/// ```
///
/// Source: Miyato et al. 2018, Spectral Normalization for Generative Adversarial Networks, algorithm 1.
#[derive(Debug, Clone, Module)]
pub struct SpectralNorm<L: Weighted> {
    /// b, if the layer has one.
    pub bias: Option<Param>,
    /// W, which is learned.
    #[module(name = "parametrizations.weight.original")]
    pub original: Param,
    /// u (outputs), nearly the left singular vector of σ.
    #[module(name = "parametrizations.weight.0._u")]
    pub u: Buffer,
    /// v (everything else), nearly the right one.
    #[module(name = "parametrizations.weight.0._v")]
    pub v: Buffer,
    #[module(skip)]
    layer: L::Options,
    #[module(skip)]
    options: SpectralNormOptions,
}

/// What a [`SpectralNorm`] can be told; the defaults are PyTorch's.
///
/// ```
/// # use glassbox_nn::{Linear, SpectralNorm, SpectralNormOptions};
/// # use glassbox_tensor::random::Key;
/// let thorough = SpectralNormOptions { n_power_iterations: 5, ..Default::default() };
/// let layer = SpectralNorm::with(Linear::new(8, 4, Key::new(0)), thorough, Key::new(1));
/// assert_eq!((layer.u.value().numel(), layer.v.value().numel()), (4, 8));
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SpectralNormOptions {
    /// Steps of the power iteration in each forward pass of training: 1.
    pub n_power_iterations: usize,
    /// The least that a norm is divided by: 10⁻¹².
    pub eps: f32,
    /// The axis of W whose elements are the rows of the matrix; `None`: that of the layer's outputs.
    pub axis: Option<usize>,
}

impl Default for SpectralNormOptions {
    fn default() -> Self {
        Self { n_power_iterations: 1, eps: 1e-12, axis: None }
    }
}

impl<L: Weighted> SpectralNorm<L> {
    /// Takes the layer over. u and v are drawn, and brought near to the singular vectors by 15 steps, as PyTorch's.
    ///
    /// ```
    /// # use glassbox_nn::{Conv2d, Module, SpectralNorm};
    /// # use glassbox_tensor::random::Key;
    /// let layer = SpectralNorm::new(Conv2d::new(3, 16, [3, 3], Key::new(0)), Key::new(1));
    /// assert_eq!((layer.num_parameters(), layer.buffers().len()), (16 * 3 * 9 + 16, 2));
    /// ```
    ///
    /// # Panics
    /// If W is empty.
    #[track_caller]
    pub fn new(layer: L, key: Key) -> Self {
        Self::with(layer, SpectralNormOptions::default(), key)
    }

    /// As [`new`](Self::new), with other options than PyTorch's defaults.
    ///
    /// ```
    /// # use glassbox_nn::{Conv2d, SpectralNorm, SpectralNormOptions};
    /// # use glassbox_tensor::random::Key;
    /// let by_inputs = SpectralNormOptions { axis: Some(1), ..Default::default() };
    /// let layer = SpectralNorm::with(Conv2d::new(3, 16, [5, 5], Key::new(0)), by_inputs, Key::new(1));
    /// assert_eq!((layer.u.value().numel(), layer.v.value().numel()), (3, 16 * 25));
    /// ```
    ///
    /// # Panics
    /// If W is empty or has no such axis, or there are 0 power iterations.
    #[track_caller]
    pub fn with(layer: L, options: SpectralNormOptions, key: Key) -> Self {
        let (original, bias, layer) = layer.into_parts();
        let (steps, axis, shape) =
            (options.n_power_iterations, options.axis.unwrap_or(L::OUTPUTS), original.value().shape());
        assert!(
            steps > 0,
            "SpectralNorm: n_power_iterations is 0, and u and v would stay as they were drawn; use 1 or more"
        );
        assert!(axis < shape.len(), "SpectralNorm: axis {axis} of a weight {shape:?}; use one below {}", shape.len());
        let (rows, all) = (shape[axis], original.value().numel());
        assert!(all > 0, "SpectralNorm: the weight {shape:?} is empty, and has no singular value");
        let [u, v] = [(rows, 0), (all / rows, 1)].map(|(length, draw)| {
            normalize(&Tensor::randn([length, 1], key.fold(draw)), options.eps).reshape([length])
        });
        let new = Self { bias, original, u: Buffer::new(u), v: Buffer::new(v), layer, options };
        new.power_iteration(new.matrix(&new.original.var()).value(), 15);
        new
    }

    /// The layer's answer with W / σ(W).
    ///
    /// # Panics
    /// Where the layer itself would.
    #[track_caller]
    pub fn forward(&self, x: &Var, ctx: &Context) -> Var {
        L::run(&self.layer, x, &self.weight(ctx), self.bias.as_ref().map(Param::var).as_ref())
    }

    /// W / σ(W). In training, u and v take their steps first.
    ///
    /// ```
    /// # use glassbox_nn::{Context, Linear, SpectralNorm};
    /// # use glassbox_tensor::random::Key;
    /// let layer = SpectralNorm::new(Linear::new(3, 1, Key::new(0)), Key::new(1));
    /// let w = layer.weight(&Context::eval()); // of one row, σ is the length
    /// assert!((w.value().norm(2.0, &[0, 1], false).item() - 1.0).abs() < 1e-5);
    /// ```
    pub fn weight(&self, ctx: &Context) -> Var {
        let w = self.original.var();
        let matrix = self.matrix(&w);
        if ctx.is_training() {
            self.power_iteration(matrix.value(), self.options.n_power_iterations);
        }
        let [u, v] = [&self.u, &self.v].map(|b| Var::constant(b.value()));
        let sigma = u.unsqueeze(0).matmul(&matrix).matmul(&v.unsqueeze(1)); // (1, h) × (h, w) × (w, 1) -> (1, 1)
        &w / &sigma.reshape([1])
    }

    /// W as a matrix (outputs, everything else).
    fn matrix(&self, w: &Var) -> Var {
        let rows = self.options.axis.unwrap_or(L::OUTPUTS);
        let axes: Vec<usize> = [rows].into_iter().chain((0..w.rank()).filter(|axis| *axis != rows)).collect();
        let w = w.permute(&axes);
        w.reshape([w.shape()[0], w.value().numel() / w.shape()[0]])
    }

    fn power_iteration(&self, w: &Tensor, steps: usize) {
        let (mut u, mut v) = (self.u.value().unsqueeze(1), self.v.value().unsqueeze(1));
        for _ in 0..steps {
            u = normalize(&w.matmul(&v), self.options.eps); // (h, w) × (w, 1) -> (h, 1)
            v = normalize(&w.t().matmul(&u), self.options.eps); // (w, h) × (h, 1) -> (w, 1)
        }
        self.u.set_value(u.squeeze(1));
        self.v.set_value(v.squeeze(1));
    }
}

/// x / max(‖x‖, eps)
fn normalize(x: &Tensor, eps: f32) -> Tensor {
    let norm = x.norm(2.0, &[0, 1], false).item();
    x * (1.0 / norm.max(eps))
}
