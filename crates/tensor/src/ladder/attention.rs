//! Attention of each head: y(i) = Σⱼ w(i, j)·v(j), w = softmax over j of scale·q(i)·k(j), j ≤ i where it is causal; q, k, v and y are
//! (heads, T, D), row-major.
//!
//! Two products of T × T × D for each head, 4·T²·D operations (half of it where causal), and T² exponentials; 16·T·D bytes come
//! and go. What is between them, the T × T scores, is the question of this ladder: at T = 1024 and D = 64 they are sixteen times as
//! large as q.

use crate::gemm::{Epilogue, MatMut, MatRef, product};
use crate::simd::Isa;

/// What a rung reads.
///
/// ```
/// use glassbox_tensor::ladder::attention::{Problem, matrix};
/// let (q, k, v) = (&[0.; 4], &[1., 0., 0., 1.], &[2., 4., 6., 8.]); // one head, two rows of two
/// let mut y = [0.0; 4];
/// matrix(&Problem { q, k, v, shape: [1, 2, 2], causal: true, scale: 1.0 }, &mut y);
/// assert_eq!(y, [2., 4., 4., 6.]); // the first query sees one key, the second weighs two alike
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Problem<'a> {
    /// Queries.
    pub q: &'a [f32],
    /// Keys.
    pub k: &'a [f32],
    /// Values.
    pub v: &'a [f32],
    /// (heads, T, D) of each of them.
    pub shape: [usize; 3],
    /// Whether a query sees the keys up to its own position only.
    pub causal: bool,
    /// What q·k is multiplied by; 1/√D usually.
    pub scale: f32,
}

impl<'a> Problem<'a> {
    /// q, k, v and y of each head.
    #[track_caller]
    fn heads<'y>(&self, y: &'y mut [f32]) -> impl Iterator<Item = ([&'a [f32]; 3], &'y mut [f32])> {
        let [heads, t, d] = self.shape;
        for (name, len) in [("q", self.q.len()), ("k", self.k.len()), ("v", self.v.len()), ("y", y.len())] {
            assert!(len == heads * t * d, "attention: {name} has {len} elements, {:?} has not", self.shape);
        }
        let of = move |x: &'a [f32], h: usize| &x[h * t * d..][..t * d];
        let [q, k, v] = [self.q, self.k, self.v];
        y.chunks_exact_mut((t * d).max(1)).enumerate().map(move |(h, y)| ([of(q, h), of(k, h), of(v, h)], y))
    }

    /// How many keys query i sees.
    fn seen(&self, i: usize) -> usize {
        if self.causal { i + 1 } else { self.shape[1] }
    }
}

/// Rung 1, the definition: the T × T matrix of scores, its softmax, and its product with v.
///
/// Each score is a chain of D additions. The matrix is written, read and written for the softmax, and read: 16·T² bytes for each
/// head.
///
/// # Panics
/// When sizes don't fit.
#[track_caller]
pub fn matrix(p: &Problem<'_>, y: &mut [f32]) {
    let [_, t, d] = p.shape;
    let mut w = vec![0.0; t * t];
    for ([q, k, v], y) in p.heads(y) {
        for (i, w) in w.chunks_exact_mut(t).enumerate() {
            for (j, w) in w.iter_mut().enumerate() {
                let dot: f32 = q[i * d..][..d].iter().zip(&k[j * d..][..d]).map(|(q, k)| q * k).sum();
                *w = if j < p.seen(i) { p.scale * dot } else { f32::NEG_INFINITY };
            }
            softmax(w);
        }
        y.fill(0.0);
        for (y, w) in y.chunks_exact_mut(d).zip(w.chunks_exact(t)) {
            for (w, v) in w.iter().zip(v.chunks_exact(d)) {
                y.iter_mut().zip(v).for_each(|(y, v)| *y += w * v);
            }
        }
    }
}

/// Rung 2: the same matrix, by the products of [`gemm`](crate::gemm).
///
/// What differs from [`matrix`]:
/// 1. S = Q·Kᵀ and Y = W·V are the two largest parts of the work, and both are at the top of their own ladder.
/// 2. The softmax is [`simd`](super::softmax::simd), the row in the first-level cache.
///
/// What still costs: the matrix goes to memory and comes back, and of a causal head it is computed whole, half of it for nothing.
/// This is what a library does that has a product and a softmax, and no kernel for both.
///
/// ```
/// use glassbox_tensor::ladder::attention::{Problem, products};
/// let mut y = [0.0; 4];
/// products(&Problem { q: &[0.; 4], k: &[0.; 4], v: &[1., 2., 3., 4.], shape: [1, 2, 2], causal: false, scale: 1.0 }, &mut y);
/// assert_eq!(y, [2., 3., 2., 3.]);
/// ```
///
/// # Panics
/// When sizes don't fit.
#[track_caller]
pub fn products(p: &Problem<'_>, y: &mut [f32]) {
    let ([_, t, d], isa) = (p.shape, Isa::current());
    let (mut x, mut w) = (vec![0.0; t * t], vec![0.0; t * t]);
    for ([q, k, v], y) in p.heads(y) {
        let [q, k, v] = [q, k, v].map(|x| MatRef::row_major(x, t, d));
        product(isa, q, k.t(), MatMut::row_major(&mut x, t, t), &Epilogue::default()); // (T, D) × (D, T) -> (T, T)
        for (i, x) in x.chunks_exact_mut(t).enumerate() {
            x.iter_mut().for_each(|x| *x *= p.scale);
            x[p.seen(i)..].fill(f32::NEG_INFINITY);
        }
        super::softmax::simd(isa, &x, t, &mut w);
        product(isa, MatRef::row_major(&w, t, t), v, MatMut::row_major(y, t, d), &Epilogue::default()); // (T, T) × (T, D)
    }
}

/// Queries of a tile.
const ROWS: usize = 16;
/// Keys of a tile: 16 × 64 scores are 4 KiB.
const KEYS: usize = 64;

/// Rung 3: tiles of scores that never leave the first-level cache (Dao et al. 2022, *FlashAttention*).
///
/// What differs from [`matrix`]:
/// 1. A tile of `ROWS` × `KEYS` scores is computed, turned into weights and multiplied by its values before the next one is
///    begun. No T × T matrix exists: memory is that of q, k, v and y.
/// 2. A row doesn't wait for its largest score. It keeps the largest so far, m, the sum l of e^(x − m) and y = Σ e^(x − m)·v; a
///    tile that raises m multiplies l and y by e^(m − m') first, as in [`online`](super::softmax::online). In the end y is
///    divided by l.
/// 3. A tile that none of its queries sees is skipped: causal attention costs half.
///
/// What still costs: the arithmetic, which is the definition's. The top, [`Attention::forward`](crate::Attention::forward), does these
/// steps with the micro-kernel of the product and vectors of exponentials, and hands heads and rows to threads.
///
/// ```
/// use glassbox_tensor::ladder::attention::{Problem, tiled};
/// let mut y = [0.0; 4];
/// tiled(&Problem { q: &[0.; 4], k: &[0.; 4], v: &[1., 2., 3., 4.], shape: [1, 2, 2], causal: true, scale: 1.0 }, &mut y);
/// assert_eq!(y, [1., 2., 2., 3.]);
/// ```
///
/// # Panics
/// When sizes don't fit.
#[track_caller]
pub fn tiled(p: &Problem<'_>, y: &mut [f32]) {
    let [_, t, d] = p.shape;
    for ([q, k, v], y) in p.heads(y) {
        for (tile, y) in y.chunks_mut(ROWS * d).enumerate() {
            let (first, rows) = (tile * ROWS, y.len() / d);
            let (mut top, mut sum, mut w) = ([f32::NEG_INFINITY; ROWS], [0.0f32; ROWS], [0.0f32; KEYS]);
            y.fill(0.0);
            for j0 in (0..p.seen(first + rows - 1)).step_by(KEYS) {
                for (r, y) in y.chunks_exact_mut(d).enumerate() {
                    let i = first + r;
                    let keys = j0..p.seen(i).min(t).min(j0 + KEYS).max(j0);
                    let w = &mut w[..keys.len()];
                    let mut m = top[r];
                    for (w, k) in w.iter_mut().zip(k[keys.start * d..].chunks_exact(d)) {
                        let dot: f32 = q[i * d..][..d].iter().zip(k).map(|(q, k)| q * k).sum();
                        *w = p.scale * dot;
                        m = m.max(*w);
                    }
                    if m > top[r] {
                        let factor = (top[r] - m).exp(); // e^−∞ = 0 for the first
                        sum[r] *= factor;
                        y.iter_mut().for_each(|y| *y *= factor);
                        top[r] = m;
                    }
                    for (w, v) in w.iter().zip(v[keys.start * d..].chunks_exact(d)) {
                        let e = (w - m).exp();
                        sum[r] += e;
                        y.iter_mut().zip(v).for_each(|(y, v)| *y += e * v);
                    }
                }
            }
            for (y, sum) in y.chunks_exact_mut(d).zip(sum) {
                y.iter_mut().for_each(|y| *y /= sum);
            }
        }
    }
}

fn softmax(x: &mut [f32]) {
    let max = x.iter().fold(f32::NEG_INFINITY, |m, &x| m.max(x));
    x.iter_mut().for_each(|x| *x = (*x - max).exp());
    let sum: f32 = x.iter().sum();
    x.iter_mut().for_each(|x| *x /= sum);
}
