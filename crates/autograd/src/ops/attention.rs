//! Scaled dot-product attention: y = softmax(scale·q·kᵀ + mask)·v for each head, without the matrix of its weights in
//! memory.
//!
//! With x the scores, w = softmax(x) along the keys and dy the gradient of y:
//!
//! ```text
//! dv = wᵀ·dy                                 from y = w·v
//! dw = dy·vᵀ
//! dx = w∘(dw − Σ w∘dw)                       the softmax's backward; 0 where a key is hidden
//! dq = scale·dx·k,  dk = scale·dxᵀ·q,  dmask = dx
//! ```
//!
//! Where q has more heads than k and v, consecutive heads of q share one of theirs (grouped queries), and dk and dv add
//! up over them. The fused backward computes w again, tile by tile, from q, k and the logsumexp of each row. `backward`
//! in Var operations, which second derivatives need, forms the T × S matrices.

use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance, UNIT, Wrong, gamma};
use crate::op::{Grads, Keep, Kept, Op, TensorGrads};
use crate::var::{Var, apply};
use glassbox_tensor::{Attention as Call, Sight, Tensor};
use ndarray::{ArrayD, IxDyn};

/// y = softmax(scale·q·kᵀ + mask)·v, of the inputs q, k, v and, if there is a fourth, mask.
#[derive(Clone, Debug)]
pub struct Attention {
    /// Which keys a query sees by its position.
    pub sight: Sight,
    /// What q·k is multiplied by; 1/√D if none.
    pub scale: Option<f32>,
}

impl Attention {
    fn call<'a>(&self, q: &'a Tensor, k: &'a Tensor, v: &'a Tensor, mask: Option<&'a Tensor>) -> Call<'a> {
        Call { q, k, v, mask, sight: self.sight, scale: self.scale_for(q.shape()) }
    }

    fn scale_for(&self, q: &[usize]) -> f32 {
        let d = q.last().map_or(1, |&d| d.max(1));
        self.scale.unwrap_or(1.0 / (d as f32).sqrt())
    }
}

impl Op for Attention {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = Tensor; // the logsumexp of each query's scores: T numbers, from which the T × S weights are made again

    fn keep(&self, needs: &[bool]) -> Keep {
        (0..needs.len()).fold(Keep::OUTPUT, |keep, i| keep.input_if(i, true)) // every gradient is made of all of them
    }

    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> (Tensor, Tensor) {
        self.call(x[0], x[1], x[2], x.get(3).copied()).forward()
    }

    fn backward(&self, kept: &Kept<'_, Tensor>, dy: &Var, needs: &[bool]) -> Grads {
        let (q, k, v, mask) = (kept.x(0), kept.x(1), kept.x(2), (needs.len() > 3).then(|| kept.x(3)));
        let (q_shape, k_shape) = (kept.shape(0), kept.shape(1));
        let [b, h, t, d] = [q_shape[0], q_shape[1], q_shape[2], q_shape[3]];
        let [kv, s, dv_cols] = [k_shape[1], k_shape[2], kept.shape(2)[3]];
        let scale = self.scale_for(q_shape);
        // The heads of a group lie below each other, as more queries: G·T rows.
        let rows = t * h / kv.max(1);
        let (q, dy) = (q.reshape([b, kv, rows, d]), dy.reshape([b, kv, rows, dv_cols]));
        let mut x = (&q.matmul(&k.t()) * scale).reshape([b, h, t, s]); // (B, Hkv, G·T, D) × (B, Hkv, D, S)
        if let Some(mask) = mask {
            x = &x + mask;
        }
        let visible = visible(self.sight, [t, s], mask.map(Var::value));
        // A query that sees nothing has the same weight for all here, and then none.
        let x = Var::where_cond(&visible, &x, &Var::constant(Tensor::scalar(-1e38)));
        let w = &x.softmax(-1) * &Var::constant(visible);
        let grouped = |x: &Var| x.reshape([b, kv, rows, s]);
        let dv = needs[2].then(|| grouped(&w).t().matmul(&dy)); // (B, Hkv, S, G·T) × (B, Hkv, G·T, Dv)
        let dw = dy.matmul(&v.t()).reshape([b, h, t, s]); // (B, Hkv, G·T, Dv) × (B, Hkv, Dv, S)
        let dx = &w * &(&dw - &(&w * &dw).sum(&[-1], true));
        let scaled = grouped(&(&dx * scale));
        let dq = needs[0].then(|| scaled.matmul(k).reshape(q_shape)); // (B, Hkv, G·T, S) × (B, Hkv, S, D)
        let dk = needs[1].then(|| scaled.t().matmul(&q)); // (B, Hkv, S, G·T) × (B, Hkv, G·T, D)
        let dmask = mask.map(|mask| needs[3].then(|| dx.sum_to(mask.shape())));
        [dq, dk, dv].into_iter().chain(dmask).collect()
    }

    fn backward_fused(&self, kept: &Kept<'_, Tensor>, dy: &Tensor, needs: &[bool]) -> Option<TensorGrads> {
        let x = |i| kept.x(i).value();
        let call = self.call(x(0), x(1), x(2), (needs.len() > 3).then(|| x(3)));
        let wanted = std::array::from_fn(|i| needs.get(i).copied().unwrap_or(false));
        Some(call.backward(kept.y().value(), kept.extra, dy, wanted).into_iter().take(needs.len()).collect())
    }
}

/// 1 where a query sees a key, 0 elsewhere: (T, S), or the mask's shape with these two.
fn visible(sight: Sight, [t, s]: [usize; 2], mask: Option<&Tensor>) -> Tensor {
    let mut by_position = Tensor::zeros([t, s]);
    let rows = by_position.make_mut();
    (0..t).for_each(|i| sight.keys(i, t, s).for_each(|j| rows[i * s + j] = 1.0));
    match mask {
        Some(mask) => &mask.not_equal(&Tensor::scalar(f32::NEG_INFINITY)) * &by_position,
        None => by_position,
    }
}

/// What [`Var::attention`] is asked for beside q, k and v.
#[derive(Clone, Copy, Debug, Default)]
pub struct AttentionOptions<'a> {
    /// Each query sees the keys up to its own position only. With T queries and S keys, the last query stands at the
    /// last key.
    pub causal: bool,
    /// Of those, the last `window` only, its own among them.
    pub window: Option<usize>,
    /// What q·k is multiplied by; 1/√D if none is given.
    pub scale: Option<f32>,
    /// Added to the scores, broadcast to (B, H, T, S). −∞ hides a key; of a mask m of ones and zeros, where 0 hides,
    /// `m.ln()` does so.
    pub mask: Option<&'a Var>,
}

impl Var {
    /// Scaled dot-product attention: for queries (B, H, T, D), keys (B, Hkv, S, D) and values (B, Hkv, S, Dv), where
    /// Hkv divides H, y = softmax(q·kᵀ/√D)·v of shape (B, H, T, Dv). The T × S weights are never held in memory.
    ///
    /// Causal attention aligns queries and keys at their ends, as FlashAttention does; PyTorch's `is_causal` aligns
    /// their beginnings, which is the same where T = S. A query that sees no key gets zeros.
    ///
    /// ```
    /// use glassbox_autograd::{AttentionOptions, Var};
    /// use glassbox_tensor::{Tensor, assert_close, tensor};
    /// let head = |rows: Tensor| Var::input(rows.reshape([1, 1, 2, 2])); // one batch, one head, two rows of two
    /// let (q, k) = (head(tensor![[0., 0.], [0., 0.]]), head(tensor![[1., 0.], [0., 1.]]));
    /// let v = head(tensor![[2., 4.], [6., 8.]]);
    /// // All scores are equal: the first query sees the first value, the second one the mean of both.
    /// let y = q.attention(&k, &v, AttentionOptions { causal: true, ..Default::default() });
    /// assert_close!(y.value().reshape([2, 2]), tensor![[2., 4.], [4., 6.]]);
    /// assert_close!(y.sum_all().backward().of(&v).reshape([2, 2]), tensor![[1.5, 1.5], [0.5, 0.5]]);
    /// ```
    ///
    /// # Panics
    /// When shapes don't fit together, or a window is asked for without `causal`.
    #[track_caller]
    pub fn attention(&self, k: &Var, v: &Var, options: AttentionOptions<'_>) -> Var {
        let AttentionOptions { causal, window, scale, mask } = options;
        let op = Attention { sight: Sight { causal, window }, scale };
        match mask {
            Some(mask) => apply(op, [self, k, v, mask]),
            None => apply(op, [self, k, v]),
        }
    }
}

/// The keys j that a query sees, with their scores x(j) and the sums of magnitudes A(j) that these are made of.
type Row = Vec<(usize, f64, f64)>;

/// Calls `f` with the place of each query (b, h, i), its head of keys, and its row of scores.
fn for_each_query(op: &Attention, x: &[ArrayD<f64>], mut f: impl FnMut([usize; 3], usize, &Row)) {
    let (q, k) = (&x[0], &x[1]);
    let (&[nb, nh, t, d], &[_, kv, s, _]) = (q.shape(), k.shape()) else { panic!("four axes each") };
    let mask = x.get(3).map(|mask| mask.broadcast(IxDyn(&[nb, nh, t, s])).expect("a mask that fits"));
    let scale = f64::from(op.scale_for(q.shape()));
    for (b, h, i) in (0..nb).flat_map(|b| (0..nh).flat_map(move |h| (0..t).map(move |i| (b, h, i)))) {
        let of = h / (nh / kv);
        let mut row = Row::new();
        for j in op.sight.keys(i, t, s) {
            let m = mask.as_ref().map_or(0.0, |mask| mask[[b, h, i, j]]);
            let products = (0..d).map(|c| q[[b, h, i, c]] * k[[b, of, j, c]]);
            let (product, size) = products.fold((0.0, 0.0), |(sum, size), p| (sum + p, size + p.abs()));
            if m != f64::NEG_INFINITY {
                row.push((j, product * scale + m, size * scale.abs() + m.abs()));
            }
        }
        f([b, h, i], of, &row);
    }
}

/// The weights of a row: e^(x − largest), divided by their sum; none where there is no key.
fn weights(row: &Row) -> Vec<f64> {
    let top = row.iter().fold(f64::NEG_INFINITY, |top, &(_, x, _)| top.max(x));
    let shift = if top == f64::NEG_INFINITY { 0.0 } else { top };
    let e: Vec<f64> = row.iter().map(|&(_, x, _)| (x - shift).exp()).collect();
    let sum: f64 = e.iter().sum();
    e.into_iter().map(|e| if sum == 0.0 { 0.0 } else { e / sum }).collect()
}

fn empty(x: &[ArrayD<f64>]) -> ArrayD<f64> {
    let mut shape = x[0].shape().to_vec();
    shape[3] = x[2].shape()[3];
    ArrayD::zeros(shape)
}

/// A query at a time.
fn reference(op: &Attention, x: &[ArrayD<f64>]) -> ArrayD<f64> {
    let (mut y, v) = (empty(x), &x[2]);
    for_each_query(op, x, |[b, h, i], of, row| {
        for (&(j, ..), w) in row.iter().zip(weights(row)) {
            (0..v.shape()[3]).for_each(|c| y[[b, h, i, c]] += w * v[[b, of, j, c]]);
        }
    });
    y
}

/// The bound that is derived in `glassbox_tensor::attention`, in its names.
fn bound(op: &Attention, x: &[ArrayD<f64>]) -> ArrayD<f64> {
    let (mut bound, v) = (empty(x), &x[2]);
    let (d, s) = (x[0].shape()[3] as f64, x[1].shape()[2] as f64);
    let n = (s / 256.0).ceil();
    let gamma = gamma(d + 2.0);
    let tiny = (d + 2.0) * 2f64.powi(-149) * f64::from(op.scale_for(x[0].shape())).abs().max(1.0); // products that underflow
    for_each_query(op, x, |[b, h, i], of, row| {
        let w = weights(row);
        let top = row.iter().fold(f64::NEG_INFINITY, |top, &(_, x, _)| top.max(x));
        let epsilon = |size: f64| gamma * size + tiny;
        let worst = row.iter().fold(0.0f64, |worst, &(.., size)| worst.max(epsilon(size)));
        let share = |&(_, x, size): &(usize, f64, f64)| {
            (epsilon(size) + UNIT * (top - x + 2.0 * worst) + UNIT * (s + 4.0 * n + 4.0)).exp_m1()
        };
        let r: Vec<f64> = row.iter().map(share).collect();
        let off: f64 = w.iter().zip(&r).map(|(w, r)| w * r).sum();
        for c in 0..v.shape()[3] {
            let v = |at: usize| v[[b, of, row[at].0, c]].abs();
            let (mut own, mut all, mut sizes) = (0.0, 0.0, 0.0);
            for at in 0..row.len() {
                (own, all, sizes) = (own + w[at] * r[at] * v(at), all + w[at] * v(at), sizes + v(at));
            }
            bound[[b, h, i, c]] = (own + off * all) / (1.0 - off) + 2f64.powi(-149) * (n + 3.0) * (s + sizes);
        }
    });
    bound
}

/// What the registry knows of attention.
pub static INFO: OpInfo<Attention> = OpInfo {
    name: "attention",
    formula: "y = softmax(scale · q · kᵀ + mask) · v over the keys that a query sees, for each head",
    gradient: "dv = wᵀ · dy, dx = w · (dw − Σ w · dw) with dw = dy · vᵀ; dq = scale · dx · k, dk = scale · dxᵀ · q, dmask = dx",
    source: "Vaswani et al. 2017; Milakov & Gimelshein 2018 (online softmax); Dao 2023, FlashAttention-2; Ainslie et al. 2023 (grouped queries)",
    reference,
    sample: |d| {
        let pick = 7 * d.dim() + 3 * d.dim() + d.dim(); // reaches all choices, be the dimensions 1 to 3
        let (t, s, width, v_width) = (d.dim() % 300, d.dim() % 300, d.dim() % 70, d.dim() % 70);
        // A single key has the weight 1 whatever its score: gradients of rounding errors, which have no size to be held
        // to.
        let s = if s == 1 { 2 } else { s };
        let (b, h, kv) = [(1, 2, 2), (2, 2, 1), (1, 4, 2)][pick % 3];
        let causal = Sight { causal: true, window: None };
        let sight = [Sight::ALL, causal, Sight { window: Some(3), ..causal }, causal][pick / 3 % 4];
        let scale = [None, Some(0.25), Some(-0.5)][pick / 2 % 3];
        let mut inputs = vec![
            Input::new([b, h, t, width]),
            Input::new([b, kv, s, width]),
            Input::new([b, kv, s, v_width]),
        ];
        let masks = [None, Some(vec![t, s]), Some(vec![h, 1, s]), Some(vec![b, 1, t, s])];
        inputs.extend(masks[pick / 5 % 4].clone().map(Input::new));
        Sample::new(Attention { sight, scale }, inputs)
    },
    standard: |_| {
        let heads = || Input::new([8, 6, 256, 64]);
        Sample::new(Attention { sight: Sight::CAUSAL, scale: None }, [heads(), heads(), heads()])
    },
    wrong: &[
        Wrong {
            call: || drop(of([2, 4, 3, 8], [2, 4, 5, 6], [2, 4, 5, 8], AttentionOptions::default())),
            says: "attention: q [2, 4, 3, 8] has rows of 8, k [2, 4, 5, 6] of 6; a score is the product of two of one length",
        },
        Wrong {
            call: || drop(of([2, 4, 3, 8], [1, 4, 5, 8], [1, 4, 5, 8], AttentionOptions::default())),
            says: "attention: q [2, 4, 3, 8] has a batch of 2, k [1, 4, 5, 8] of 1; expand the smaller one",
        },
        Wrong {
            call: || drop(of([2, 4, 3, 8], [2, 3, 5, 8], [2, 3, 5, 8], AttentionOptions::default())),
            says: "attention: 4 heads of q [2, 4, 3, 8] can't share 3 of k [2, 3, 5, 8] evenly; H is a multiple of Hkv",
        },
        Wrong {
            call: || drop(of([2, 4, 3, 8], [2, 4, 5, 8], [2, 4, 6, 8], AttentionOptions::default())),
            says: "attention: k [2, 4, 5, 8] and v [2, 4, 6, 8] differ before their last axis; each key has one value",
        },
        Wrong {
            call: || {
                let mask = Var::constant(Tensor::zeros([5, 3]));
                let options = AttentionOptions { mask: Some(&mask), ..Default::default() };
                drop(of([2, 4, 3, 8], [2, 4, 5, 8], [2, 4, 5, 8], options))
            },
            says: "attention: mask [5, 3] can't be repeated to the scores [2, 4, 3, 5], which are (B, H, T, S); mask.t() can",
        },
        Wrong {
            call: || {
                let options = AttentionOptions { window: Some(3), ..Default::default() };
                drop(of([2, 4, 3, 8], [2, 4, 5, 8], [2, 4, 5, 8], options))
            },
            says: "attention: a window of 3 keys ends at the query's own; set causal: true with it",
        },
        Wrong {
            call: || {
                let options = AttentionOptions { causal: true, window: Some(0), ..Default::default() };
                drop(of([2, 4, 3, 8], [2, 4, 5, 8], [2, 4, 5, 8], options))
            },
            says: "attention: a window of 0 keys hides all; 1 is the query's own, None has no limit",
        },
        Wrong {
            call: || {
                let x = Var::constant(Tensor::ones([3, 8]));
                drop(x.attention(&x, &x, AttentionOptions::default()))
            },
            says: "attention: q [3, 8] has 2 axes; it is (B, H, T, D): give it the missing ones with unsqueeze",
        },
    ],
    tolerance: Tolerance::Proven(bound),
    cost: |op, shapes| {
        let (q, k, v) = (shapes[0], shapes[1], shapes[2]);
        let seen: u64 = (0..q[2]).map(|i| op.sight.keys(i, q[2], k[2]).len() as u64).sum();
        let pairs = (q[0] * q[1]) as u64 * seen;
        let count = |shape: &[usize]| shape.iter().product::<usize>() as u64;
        let read: u64 = shapes.iter().map(|shape| count(shape)).sum();
        // Two products; and for each pair a scaling, a maximum, a subtraction, an exponential and an addition.
        let flops = pairs * (2 * q[3] as u64 + 2 * v[3] as u64 + 5);
        Cost { flops, bytes: 4 * (read + (q[0] * q[1] * q[2] * v[3]) as u64) }
    },
    derivatives: Derivatives::Any,
};

#[track_caller]
fn of(q: [usize; 4], k: [usize; 4], v: [usize; 4], options: AttentionOptions<'_>) -> Var {
    let [q, k, v] = [q, k, v].map(|shape| Var::constant(Tensor::ones(shape)));
    q.attention(&k, &v, options)
}
