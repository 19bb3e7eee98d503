//! Attention that never holds the T × S matrix of its weights (Vaswani et al. 2017; Dao et al. 2022, *FlashAttention*).
//!
//! For each batch, head and query, with the keys j that it sees:
//!
//! ```text
//! x(j) = scale·(q·k(j)) + mask(j)            the scores
//! w(j) = e^x(j) / Σ e^x                      the weights, which add up to 1
//! y    = Σ w(j)·v(j)
//! L    = ln Σ e^x                            the logsumexp, kept for the way back
//! ```
//!
//! | file | thought |
//! | --- | --- |
//! | `sight.rs` | which keys a query sees by its position: causal, windowed |
//! | `naive.rs` | the definition, a query at a time |
//! | `forward.rs` | tiles of scores, the softmax online |
//! | `weights.rs` | the weights once more, from L, and their gradient |
//! | `backward.rs` | dq, dk and dv out of these |
//! | `mask_gradient.rs` | dmask |
//! | `problem.rs`, `product.rs` | what all of these read; their matrix products |
//!
//! **What is hidden.** A key is hidden from a query by its position (`Sight`) or by a mask of −∞; of a hidden key
//! nothing reaches y, be it NaN. A query that sees no key gets y = 0 and passes no gradient on (PyTorch: NaN up to
//! version 2.4, zeros from 2.5 on). The mask is added to the scores, as PyTorch does with a float mask; for one of ones
//! and zeros m, where 0 hides, hand over `m.ln()`: ln 1 = 0, ln 0 = −∞.
//!
//! **What it costs.** Two products of T × S × D in the forward pass and five in the backward pass, half of each where
//! attention is causal. Memory is that of the inputs and the output, and L.
//!
//! # How far it may be off
//!
//! Let u = 2⁻²⁴, γₙ = n·u/(1 − n·u), A(j) = |scale|·Σ|q·k(j)| + |mask(j)|, and X the largest score. Then
//!
//! 1. A score is a sum of D products, times scale, plus the mask: each term takes part in at most D + 2 roundings, so
//!    |x̂ − x| ≤ ε(j) = γ(D+2)·A(j).
//! 2. A weight e^(x̂ − m) has a rounded exponent, off by u·|x̂ − m|, and an exponential within 1 ULP, 2u at most.
//!    Blocks of 256 keys raise m step by step, and each of these N = ⌈S/256⌉ steps multiplies by a factor e^(m − m')
//!    with the same two errors and one more rounding; the steps add up to the final m − x̂ whatever they were. The
//!    final m is no score's own error: a shift of all scores alike leaves the weights as they are. Nor need it be X,
//!    but it is no more than max ε away.
//! 3. The numerator Σ e·v and the denominator Σ e add S terms in some order: S roundings for each term with its
//!    product, N more from block to block. Division and product are 2 more.
//!
//! So each term of both sums is off by at most the share
//!
//! r(j) = exp(ε(j) + u·(X − x(j) + 2·max ε) + u·(S + 4N + 4)) − 1,
//!
//! and a quotient whose terms are off by shares r of weights w is off by
//!
//! |ŷ − y| ≤ (Σ w·r·|v| + Σ w·r · Σ w·|v|) / (1 − Σ w·r), and 2⁻¹⁴⁹·(N + 3)·(S + Σ|v|) where something underflows.
//!
//! The operation's tests hold every element to this bound, on every instruction set.

mod backward;
mod forward;
mod mask_gradient;
mod naive;
mod problem;
mod product;
mod sight;
#[cfg(test)]
mod tests;
mod weights;

pub use sight::Sight;

use crate::shape::broadcast;
use crate::tensor::Tensor;
use problem::{Heads, Mask, Problem};

/// One call of attention: what it reads. For each batch b, head h and query i,
///
/// x(j) = scale·q(i)·k(j) + mask(i, j),   w = softmax(x) over the keys j that the query sees,   y(i) = Σ w(j)·v(j)
///
/// with k and v of head ⌊h·Hkv/H⌋. The T × S weights are never held. `crates/tensor/src/attention/mod.rs` derives how
/// far y may be off; it is `Var::attention` that most callers want.
///
/// ```
/// use glassbox_tensor::{Attention, Sight, Tensor, assert_close, tensor};
/// let head = |rows: Tensor| rows.reshape([1, 1, 2, 2]); // one batch, one head, two rows of two
/// let (q, k) = (head(tensor![[0., 0.], [0., 0.]]), head(tensor![[1., 0.], [0., 1.]]));
/// let v = head(tensor![[2., 4.], [6., 8.]]);
/// let causal = Attention { q: &q, k: &k, v: &v, mask: None, sight: Sight::CAUSAL, scale: 1.0 };
/// let (y, logsumexp) = causal.forward();
/// assert_close!(y, head(tensor![[2., 4.], [4., 6.]])); // the first query sees one key, the second weighs two alike
/// assert_close!(logsumexp.reshape([2]), tensor![0., 2f32.ln()]);
/// let [_, _, dv, _] = causal.backward(&y, &logsumexp, &head(Tensor::ones([2, 2])), [false, false, true, false]);
/// assert_close!(dv.unwrap(), head(tensor![[1.5, 1.5], [0.5, 0.5]]));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Attention<'a> {
    /// Queries (B, H, T, D).
    pub q: &'a Tensor,
    /// Keys (B, Hkv, S, D); Hkv divides H.
    pub k: &'a Tensor,
    /// Values (B, Hkv, S, Dv).
    pub v: &'a Tensor,
    /// Added to the scores, broadcast to (B, H, T, S); −∞ hides a key.
    pub mask: Option<&'a Tensor>,
    /// Which keys a query sees by its position.
    pub sight: Sight,
    /// What q·k is multiplied by; 1/√D usually.
    pub scale: f32,
}

impl Attention<'_> {
    /// y (B, H, T, Dv), and the logsumexp of each query's scores, L = ln Σ e^x, of shape (B, H, T), which
    /// [`backward`](Self::backward) wants: ∞ for a query that sees nothing.
    ///
    /// # Panics
    /// When shapes don't fit together.
    #[track_caller]
    pub fn forward(&self) -> (Tensor, Tensor) {
        self.check();
        let (shape, dv) = (self.q.shape(), self.v.shape()[3]);
        let mut y = Tensor::for_overwrite(&[shape[0], shape[1], shape[2], dv]);
        let mut logsumexp = Tensor::for_overwrite(&shape[..3]);
        self.with_problem(|p| {
            let p = p.with_heads_as_queries().unwrap_or(*p);
            forward::forward(&p, y.make_mut(), logsumexp.make_mut());
        });
        (y, logsumexp)
    }

    /// The gradients of q, k, v and the mask that `needs` asks for, given what [`forward`](Self::forward) returned and
    /// `dy`, the gradient of y.
    ///
    /// # Panics
    /// When shapes don't fit together.
    #[track_caller]
    pub fn backward(&self, y: &Tensor, logsumexp: &Tensor, dy: &Tensor, needs: [bool; 4]) -> [Option<Tensor>; 4] {
        self.check();
        assert!(
            y.shape() == dy.shape() && logsumexp.shape() == &y.shape()[..3],
            "attention: y {:?}, its logsumexp {:?} and dy {:?} are not of one call",
            y.shape(),
            logsumexp.shape(),
            dy.shape()
        );
        let zeros = |need: bool, x: &Tensor| need.then(|| Tensor::zeros(x.shape()));
        let (mut dq, mut dk, mut dv) = (zeros(needs[0], self.q), zeros(needs[1], self.k), zeros(needs[2], self.v));
        let mut dmask = self.mask.and_then(|mask| zeros(needs[3], mask));
        let (y, dy, logsumexp) = (rows_in_one_piece(y), rows_in_one_piece(dy), logsumexp.contiguous());
        self.with_problem(|p| {
            let logsumexp = logsumexp.as_slice().expect("contiguous");
            let back = weights::Back { p: *p, y: heads(&y), dy: heads(&dy), logsumexp };
            let [dq, dk, dv] = [&mut dq, &mut dk, &mut dv].map(|grad| grad.as_mut().map(Tensor::make_mut));
            backward::backward(&back, dq, dk, dv);
            if let Some(dmask) = &mut dmask {
                let mut shape = [1; 4];
                shape[4 - dmask.rank()..].copy_from_slice(dmask.shape());
                mask_gradient::mask_gradient(&back, shape, dmask.make_mut());
            }
        });
        [dq, dk, dv, dmask]
    }

    fn with_problem<R>(&self, f: impl FnOnce(&Problem<'_>) -> R) -> R {
        let [q, k, v] = [self.q, self.k, self.v].map(rows_in_one_piece);
        let scores = self.scores_shape();
        let mask =
            self.mask.map(|mask| if mask.strides_under(&scores)[3] <= 1 { mask.clone() } else { mask.contiguous() });
        let mask = mask.as_ref().map(|mask| {
            let strides = mask.strides_under(&scores);
            Mask { data: mask.memory(), strides: (&*strides).try_into().expect("four axes") }
        });
        f(&Problem { q: heads(&q), k: heads(&k), v: heads(&v), mask, sight: self.sight, scale: self.scale })
    }

    /// (B, H, T, S).
    fn scores_shape(&self) -> [usize; 4] {
        let q = self.q.shape();
        [q[0], q[1], q[2], self.k.shape()[2]]
    }

    #[track_caller]
    fn check(&self) {
        let (q, k, v) = (self.q.shape(), self.k.shape(), self.v.shape());
        for (name, x, axes) in [("q", q, "(B, H, T, D)"), ("k", k, "(B, Hkv, S, D)"), ("v", v, "(B, Hkv, S, Dv)")] {
            let n = x.len();
            assert!(
                n == 4,
                "attention: {name} {x:?} has {n} axes; it is {axes}: give it the missing ones with unsqueeze"
            );
        }
        assert!(
            q[3] == k[3],
            "attention: q {q:?} has rows of {}, k {k:?} of {}; a score is the product of two of one length",
            q[3],
            k[3]
        );
        assert!(
            q[0] == k[0],
            "attention: q {q:?} has a batch of {}, k {k:?} of {}; expand the smaller one",
            q[0],
            k[0]
        );
        assert!(
            k[..3] == v[..3],
            "attention: k {k:?} and v {v:?} differ before their last axis; each key has one value"
        );
        assert!(
            if k[1] == 0 { q[1] == 0 } else { q[1].is_multiple_of(k[1]) },
            "attention: {} heads of q {q:?} can't share {} of k {k:?} evenly; H is a multiple of Hkv",
            q[1],
            k[1]
        );
        if let Some(mask) = self.mask {
            let (mask, scores) = (mask.shape(), self.scores_shape());
            let fits = |mask: &[usize]| broadcast(mask, &scores).is_some_and(|both| *both == scores);
            if !fits(mask) {
                let mut flipped = mask.to_vec();
                flipped.rotate_right(mask.len().min(1));
                let way_out = if mask.len() == 2 && fits(&flipped) { "; mask.t() can" } else { "" };
                panic!(
                    "attention: mask {mask:?} can't be repeated to the scores {scores:?}, which are (B, H, T, S){way_out}"
                );
            }
        }
        if let Some(window) = self.sight.window {
            assert!(
                self.sight.causal,
                "attention: a window of {window} keys ends at the query's own; set causal: true with it"
            );
            assert!(window > 0, "attention: a window of 0 keys hides all; 1 is the query's own, None has no limit");
        }
        let scale = self.scale;
        assert!(scale.is_finite(), "attention: scale {scale} is not finite; 1/√D is usual");
    }
}

/// The tensor itself where each row of its last axis lies in one piece, or else a copy.
fn rows_in_one_piece(x: &Tensor) -> Tensor {
    if x.shape()[3] <= 1 || x.strides()[3] == 1 { x.clone() } else { x.contiguous() }
}

fn heads(x: &Tensor) -> Heads<'_> {
    let four = |dims: &[usize]| dims.try_into().expect("four axes");
    Heads { data: x.memory(), shape: four(x.shape()), strides: four(x.strides()) }
}
