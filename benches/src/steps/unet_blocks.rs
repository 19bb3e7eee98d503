//! What the U-Net of `unet.rs` is made of: residual blocks that are told the time, and attention over pixels.

use glassbox_autograd::{AttentionOptions, Var};
use glassbox_nn::{Conv2d, GroupNorm, Linear, Module};
use glassbox_tensor::Conv2dOptions;
use glassbox_tensor::random::Key;

const GROUPS: usize = 8;

/// A 3 × 3 convolution that keeps the size of the picture.
pub(super) fn conv3(from: usize, to: usize, key: Key) -> Conv2d {
    Conv2d::with(from, to, [3, 3], Conv2dOptions::padded(1), key)
}

/// y = skip(x) + c2(silu(n2(c1(silu(n1(x))) + t(silu(e)))))
#[derive(Debug, Module)]
pub struct Res {
    n1: GroupNorm,
    c1: Conv2d,
    t: Linear,
    n2: GroupNorm,
    c2: Conv2d,
    skip: Option<Conv2d>,
}

impl Res {
    pub(super) fn build(from: usize, to: usize, time: usize, key: Key) -> Self {
        Self {
            n1: GroupNorm::new(GROUPS, from),
            c1: conv3(from, to, key.fold(0)),
            t: Linear::new(time, to, key.fold(1)),
            n2: GroupNorm::new(GROUPS, to),
            c2: conv3(to, to, key.fold(2)),
            skip: (from != to).then(|| Conv2d::new(from, to, [1, 1], key.fold(3))),
        }
    }

    /// `e` is silu of the time's embedding already, once for all blocks.
    pub(super) fn forward(&self, x: &Var, e: &Var) -> Var {
        let h = self.c1.forward(&self.n1.forward(x).silu()); // (N, C, H, W) -> (N, O, H, W)
        let h = &h + &self.t.forward(e).unsqueeze(-1).unsqueeze(-1); // + (N, O, 1, 1)
        let h = self.c2.forward(&self.n2.forward(&h).silu());
        match &self.skip {
            Some(skip) => &skip.forward(x) + &h,
            None => x + &h,
        }
    }
}

/// y = x + o(attention of all pixels to all), with one head.
#[derive(Debug, Module)]
pub struct Attn {
    n: GroupNorm,
    qkv: Conv2d,
    o: Conv2d,
}

impl Attn {
    pub(super) fn build(c: usize, key: Key) -> Self {
        Self {
            n: GroupNorm::new(GROUPS, c),
            qkv: Conv2d::new(c, 3 * c, [1, 1], key.fold(0)),
            o: Conv2d::new(c, c, [1, 1], key.fold(1)),
        }
    }

    pub(super) fn forward(&self, x: &Var) -> Var {
        let &[n, c, h, w] = x.shape() else { unreachable!("(N, C, H, W)") };
        let qkv = self.qkv.forward(&self.n.forward(x)); // (N, C, H, W) -> (N, 3C, H, W)
        let qkv = qkv.reshape([n, 3, c, h * w]).transpose(2, 3).chunk(3, 1); // -> 3 × (N, 1, H·W, C)
        let y = qkv[0].attention(&qkv[1], &qkv[2], AttentionOptions::default());
        x + &self.o.forward(&y.transpose(2, 3).reshape([n, c, h, w]))
    }
}
