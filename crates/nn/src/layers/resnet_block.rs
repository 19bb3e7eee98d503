//! The residual block of diffusion models.

use super::conv2d::Conv2d;
use super::dropout::Dropout;
use super::feed_forward::Activation;
use super::group_norm::GroupNorm;
use super::linear::Linear;
use crate::Module;
use crate::context::Context;
use glassbox_autograd::Var;
use glassbox_tensor::Conv2dOptions;
use glassbox_tensor::random::Key;

/// y = shortcut(x) + h, where h passes twice through normalisation, SiLU and a convolution
///
/// ```text
/// h = conv1(silu(norm1(x)))
/// h = h + time_emb_proj(silu(t))                                  one number for each channel
/// h = conv2(dropout(silu(norm2(h))))
/// ```
///
/// x (N, C, H, W) and the time embedding t (N, T) give y (N, O, H, W). Convolutions are 3 × 3, normalisation is group
/// normalisation, and the shortcut is x itself, or a 1 × 1 convolution where C and O differ. Names are those of
/// `ResnetBlock2D` in diffusers.
///
/// ```
/// use glassbox_autograd::Var;
/// use glassbox_nn::{Context, ResnetBlock, ResnetBlockOptions};
/// use glassbox_tensor::{Tensor, random::Key};
///
/// let options = ResnetBlockOptions { groups: 8, dropout: 0.1, time: Some(64), ..Default::default() };
/// let block = ResnetBlock::with(16, 32, options, Key::new(0));
/// let (x, t) = (Var::constant(Tensor::zeros([2, 16, 8, 8])), Var::constant(Tensor::zeros([2, 64])));
/// let y = block.forward(&x, Some(&t), &Context::eval());
/// assert_eq!(y.shape(), [2, 32, 8, 8]);
/// ```
///
/// Source: Ho, Jain & Abbeel 2020, Denoising Diffusion Probabilistic Models, appendix B; He et al. 2016, Identity
/// Mappings in Deep Residual Networks, for the order within.
#[derive(Debug, Clone, Module)]
pub struct ResnetBlock {
    /// Over the C channels of x.
    pub norm1: GroupNorm,
    /// From C to O channels.
    pub conv1: Conv2d,
    /// From T numbers of time to O, or to a scale and a shift for each of O, if the block is told the time.
    pub time_emb_proj: Option<Linear>,
    /// Over the O channels of h.
    pub norm2: GroupNorm,
    #[module(skip)]
    dropout: Dropout,
    /// From O to O channels.
    pub conv2: Conv2d,
    /// From C to O channels, if they differ.
    pub conv_shortcut: Option<Conv2d>,
    #[module(skip)]
    scale_shift: bool,
    #[module(skip)]
    activation: Activation,
}

/// What a [`ResnetBlock`] can be told; the defaults are those of diffusers.
///
/// ```
/// # use glassbox_nn::{Module, ResnetBlock, ResnetBlockOptions};
/// # use glassbox_tensor::random::Key;
/// let timeless = ResnetBlock::with(64, 64, ResnetBlockOptions::default(), Key::new(0)); // as in an autoencoder
/// assert!(timeless.time_emb_proj.is_none() && timeless.conv_shortcut.is_none());
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ResnetBlockOptions {
    /// Groups of the normalisations, which divide both numbers of channels: 32.
    pub groups: usize,
    /// What they add to the variance: 10⁻⁶.
    pub eps: f32,
    /// The probability of dropping a number before the second convolution: 0.
    pub dropout: f32,
    /// How many numbers t has; `None`: the block is told no time.
    pub time: Option<usize>,
    /// Whether time gives a scale and a shift after `norm2`, h · (1 + scale) + shift, instead of being added before it
    /// (Nichol & Dhariwal 2021, Improved Denoising Diffusion Probabilistic Models): no.
    pub scale_shift: bool,
    /// What bends the line before both convolutions and before the time's product, SiLU in the formula: [`Activation::Silu`].
    pub activation: Activation,
}

impl Default for ResnetBlockOptions {
    fn default() -> Self {
        Self { groups: 32, eps: 1e-6, dropout: 0.0, time: None, scale_shift: false, activation: Activation::Silu }
    }
}

impl ResnetBlock {
    /// From `inputs` channels to `outputs` channels.
    ///
    /// ```
    /// # use glassbox_nn::{Module, ResnetBlock, ResnetBlockOptions};
    /// let block = ResnetBlock::with(32, 64, ResnetBlockOptions::default(), glassbox_tensor::random::Key::new(0));
    /// let names: Vec<String> = block.parameters().into_iter().map(|(name, _)| name).collect();
    /// assert_eq!(names[..2], ["norm1.weight", "norm1.bias"]);
    /// ```
    ///
    /// # Panics
    /// If the groups don't divide both, or dropout isn't a probability.
    #[track_caller]
    pub fn with(inputs: usize, outputs: usize, options: ResnetBlockOptions, key: Key) -> Self {
        let ResnetBlockOptions { groups, eps, dropout, time, scale_shift, activation } = options;
        let conv = |from, i| Conv2d::with(from, outputs, [3, 3], Conv2dOptions::padded(1), key.fold(i));
        let of_time = if scale_shift { 2 * outputs } else { outputs };
        Self {
            norm1: GroupNorm::new(groups, inputs).with_eps(eps),
            conv1: conv(inputs, 0),
            time_emb_proj: time.map(|time| Linear::new(time, of_time, key.fold(1))),
            norm2: GroupNorm::new(groups, outputs).with_eps(eps),
            dropout: Dropout::new(dropout),
            conv2: conv(outputs, 2),
            conv_shortcut: (inputs != outputs).then(|| Conv2d::new(inputs, outputs, [1, 1], key.fold(3))),
            scale_shift,
            activation,
        }
    }

    /// x (N, C, H, W), t (N, T) -> (N, O, H, W).
    ///
    /// # Panics
    /// If x isn't (N, C, H, W), or t is there and the block is told no time, or the other way round.
    #[track_caller]
    pub fn forward(&self, x: &Var, t: Option<&Var>, ctx: &Context) -> Var {
        self.forward_resized(x, t, ctx, Var::clone)
    }

    /// The same for a block that changes the size of the picture on its way: `resize` is applied to x in the shortcut and, between
    /// the activation and the first convolution, to what becomes h (`ResnetBlock2D` with `up` or `down` in diffusers).
    ///
    /// ```
    /// # use glassbox_autograd::Var;
    /// # use glassbox_nn::{Context, ResnetBlock, ResnetBlockOptions};
    /// # use glassbox_tensor::{Pool2d, Tensor, random::Key};
    /// let block = ResnetBlock::with(8, 8, ResnetBlockOptions { groups: 2, ..Default::default() }, Key::new(0));
    /// let x = Var::constant(Tensor::zeros([2, 8, 6, 6]));
    /// let y = block.forward_resized(&x, None, &Context::eval(), |x| x.avg_pool2d(&Pool2d::new([2, 2]), true));
    /// assert_eq!(y.shape(), [2, 8, 3, 3]);
    /// ```
    ///
    /// # Panics
    /// As [`forward`](ResnetBlock::forward).
    #[track_caller]
    pub fn forward_resized(&self, x: &Var, t: Option<&Var>, ctx: &Context, resize: impl Fn(&Var) -> Var) -> Var {
        let act = |x: &Var| self.activation.apply(x);
        let t = match (&self.time_emb_proj, t) {
            (Some(proj), Some(t)) => Some(proj.forward(&act(t)).unsqueeze(-1).unsqueeze(-1)), // -> (N, O, 1, 1)
            (None, None) => None,
            (Some(_), None) => {
                panic!("ResnetBlock: this block is told the time, and t is None; pass Some(t), which is (N, T)")
            }
            (None, Some(_)) => panic!(
                "ResnetBlock: this block is told no time, and t is there; pass None, or make it with time: Some(T)"
            ),
        };
        let mut h = self.conv1.forward(&resize(&act(&self.norm1.forward(x)))); // (N, C, H, W) -> (N, O, H, W)
        if let Some(t) = t.as_ref().filter(|_| !self.scale_shift) {
            h = &h + t;
        }
        h = self.norm2.forward(&h);
        if let Some(t) = t.as_ref().filter(|_| self.scale_shift) {
            let [scale, shift] = &t.chunk(2, 1)[..] else { unreachable!("two chunks") };
            h = &(&h * &(scale + 1.0)) + shift;
        }
        h = self.conv2.forward(&self.dropout.forward(&act(&h), ctx));
        let x = resize(x);
        match &self.conv_shortcut {
            Some(conv) => &conv.forward(&x) + &h,
            None => &x + &h,
        }
    }
}
