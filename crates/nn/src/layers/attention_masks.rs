//! What a query of attention does not see.

use glassbox_autograd::{AttentionOptions, Var};
use glassbox_tensor::{Tensor, counted};

/// Which keys a query does not see, and what else is added to its scores.
///
/// ```
/// use glassbox_nn::AttentionMasks;
/// use glassbox_tensor::tensor;
/// let lengths = tensor![[0., 0., 0.], [0., 0., 1.]]; // of two sequences in a batch, the second ends one key earlier
/// let masks = AttentionMasks { key_padding: Some(&lengths), ..AttentionMasks::CAUSAL };
/// assert!(masks.causal && masks.mask.is_none());
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct AttentionMasks<'a> {
    /// Each query sees the keys up to its own position only. With T queries and S keys, the last query stands at the
    /// last key.
    pub causal: bool,
    /// (B, S): 1 where a key only fills its sequence up and is not to be seen, 0 elsewhere (PyTorch's
    /// `key_padding_mask`, where 1 is `True`). A query that sees no key at all gets zeros from attention.
    pub key_padding: Option<&'a Tensor>,
    /// Added to the scores, broadcast to (B, H, T, S); −∞ hides a key. It may be learned.
    pub mask: Option<&'a Var>,
}

impl AttentionMasks<'_> {
    /// Every query sees every key.
    pub const NONE: AttentionMasks<'static> = AttentionMasks { causal: false, key_padding: None, mask: None };
    /// Every query sees what came before it, and itself.
    pub const CAUSAL: AttentionMasks<'static> = AttentionMasks { causal: true, key_padding: None, mask: None };

    /// softmax(q·kᵀ/√D + mask)·v: (B, H, T, D), (B, Hkv, S, D), (B, Hkv, S, Dv) -> (B, T, H·Dv).
    #[track_caller]
    pub(crate) fn attend(&self, q: &Var, k: &Var, v: &Var) -> Var {
        let hidden = self.key_padding.map(|padding| {
            let (is, b, s) = (padding.shape(), q.shape()[0], k.shape()[2]);
            assert!(
                is == [b, s],
                "attention: key_padding {is:?} is not (B, S) = [{b}, {s}]; it has a number for each key"
            );
            let seen = &Tensor::scalar(1.0) - padding;
            Var::constant(seen.ln().reshape([b, 1, 1, s])) // ln 0 = −∞ hides, ln 1 = 0 doesn't
        });
        let both = self.mask.zip(hidden.as_ref()).map(|(mask, hidden)| mask + hidden);
        let mask = both.as_ref().or(self.mask).or(hidden.as_ref());
        let options = AttentionOptions { causal: self.causal, mask, ..Default::default() };
        let y = q.attention(k, v, options); // (B, H, T, D) × (B, Hkv, S, D) × (B, Hkv, S, Dv) -> (B, H, T, Dv)
        let &[b, h, t, d] = y.shape() else { unreachable!("four axes") };
        y.permute(&[0, 2, 1, 3]).reshape([b, t, h * d])
    }
}

/// (B, T, H·D) -> (B, H, T, D): the numbers of each head together.
#[track_caller]
pub(crate) fn split_heads(x: &Var, heads: usize) -> Var {
    let &[b, t, e] = x.shape() else {
        panic!("attention: x {:?} has {}; it is (B, T, E), the batch first", x.shape(), counted(x.rank(), "axis"))
    };
    x.reshape([b, t, heads, e / heads]).permute(&[0, 2, 1, 3])
}
