//! Attention of every pixel to every pixel.

use glassbox_autograd::{AttentionOptions, Var};
use glassbox_nn::{GroupNorm, Linear, Module};
use glassbox_tensor::random::Key;

/// y = x + to_out(attention(to_q(g), to_k(g), to_v(g))) with g = group_norm(x), pixels being the positions of a sequence
///
/// x (N, C, H, W) gives y of the same shape. Each of C/D heads attends with D numbers of its own. Names are those of `Attention` in
/// diffusers.
///
/// A pixel's channels lie far apart in x, so the three products are one 1 × 1 convolution, with the three weights put below each
/// other: they are small beside the picture (3·C² numbers), and x is read once and never transposed.
///
/// ```
/// use glassbox_autograd::Var;
/// use glassbox_nn::{GroupNorm, Module};
/// use glassbox_tensor::{Tensor, random::Key};
/// use glassbox_unet_diffusion::unet::Attention;
/// let attention = Attention::new(16, Some(8), Some(GroupNorm::new(4, 16)), Key::new(0)); // two heads
/// assert_eq!(attention.forward(&Var::constant(Tensor::zeros([2, 16, 5, 3]))).shape(), [2, 16, 5, 3]);
/// let names: Vec<String> = attention.parameters().into_iter().map(|(name, _)| name).collect();
/// assert_eq!((&*names[0], &*names[9]), ("group_norm.weight", "to_out.0.bias"));
/// ```
///
/// Source: Ho et al. 2020, section 4 and appendix B; Vaswani et al. 2017.
#[derive(Debug, Clone, Module)]
pub struct Attention {
    /// Over the C channels, if there is one.
    pub group_norm: Option<GroupNorm>,
    /// W_q (heads·D, C).
    pub to_q: Linear,
    /// W_k (heads·D, C).
    pub to_k: Linear,
    /// W_v (heads·D, C).
    pub to_v: Linear,
    /// W_o (C, heads·D).
    #[module(name = "to_out.0")]
    pub to_out: Linear,
    #[module(skip)]
    heads: usize,
}

impl Attention {
    /// Over `channels`, in heads of `head_dim` channels (as many as there is room for), or in a single one.
    ///
    /// # Panics
    /// If a head has no channel, or more than there are.
    #[track_caller]
    pub fn new(channels: usize, head_dim: Option<usize>, group_norm: Option<GroupNorm>, key: Key) -> Self {
        let dim = head_dim.unwrap_or(channels);
        assert!(
            (1..=channels).contains(&dim),
            "Attention: {channels} channels have no room for a head of {dim}; take a divisor of {channels}"
        );
        let heads = channels / dim;
        let product = |i| Linear::new(channels, heads * dim, key.fold(i));
        Self {
            group_norm,
            to_q: product(0),
            to_k: product(1),
            to_v: product(2),
            to_out: Linear::new(heads * dim, channels, key.fold(3)),
            heads,
        }
    }

    /// How many attentions stand side by side.
    pub fn heads(&self) -> usize {
        self.heads
    }

    /// (N, C, H, W) -> (N, C, H, W).
    ///
    /// # Panics
    /// If x isn't (N, C, H, W).
    #[track_caller]
    pub fn forward(&self, x: &Var) -> Var {
        let &[n, c, h, w] = x.shape() else { panic!("Attention: x {:?} is not (N, C, H, W); reshape it", x.shape()) };
        let (heads, pixels, inner) = (self.heads, h * w, self.to_q.weight.value().shape()[0]);
        let normed = self.group_norm.as_ref().map(|norm| norm.forward(x));
        let qkv = [&self.to_q, &self.to_k, &self.to_v];
        let weight = Var::cat(&qkv.map(|l| l.weight.var()).each_ref(), 0).reshape([3 * inner, c, 1, 1]);
        let bias = qkv.map(|l| l.bias.as_ref().map(|b| b.var()));
        let bias = match &bias {
            [Some(q), Some(k), Some(v)] => Some(Var::cat(&[q, k, v], 0)),
            _ => None,
        };
        let qkv = normed.as_ref().unwrap_or(x).conv2d(&weight, bias.as_ref(), Default::default()); // -> (N, 3·heads·D, H, W)
        let qkv = qkv.reshape([n, 3 * heads, inner / heads, pixels]).transpose(2, 3).chunk(3, 1); // -> 3 × (N, heads, H·W, D)
        let y = qkv[0].attention(&qkv[1], &qkv[2], AttentionOptions::default());
        let y = y.transpose(2, 3).reshape([n, inner, h, w]);
        let out = self.to_out.weight.var().reshape([c, inner, 1, 1]);
        x + &y.conv2d(&out, self.to_out.bias.as_ref().map(|b| b.var()).as_ref(), Default::default())
    }
}
