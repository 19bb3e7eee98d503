//! Multi-head attention: queries look at keys, and take the mean of their values by how alike they are.

use super::Linear;
use super::attention_masks::{AttentionMasks, split_heads};
use crate::Module;
use crate::init;
use crate::param::Param;
use glassbox_autograd::Var;
use glassbox_tensor::random::Key;
use glassbox_tensor::{Tensor, counted};

/// What a [`MultiHeadAttention`] is made with beside its sizes.
///
/// ```
/// use glassbox_nn::{Module, MultiHeadAttention, MultiHeadAttentionOptions};
/// use glassbox_tensor::random::Key;
/// let options = MultiHeadAttentionOptions { kdim: Some(8), vdim: Some(8), ..Default::default() };
/// let cross = MultiHeadAttention::with(12, 3, options, Key::new(0)); // queries of 12 numbers, a memory of 8
/// assert_eq!(cross.num_parameters(), 12 * (12 + 8 + 8 + 12) + 4 * 12);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MultiHeadAttentionOptions {
    /// Whether all four products have a bias.
    pub bias: bool,
    /// How wide keys are before their product; as wide as queries if none is given.
    pub kdim: Option<usize>,
    /// How wide values are before their product; as wide as queries if none is given.
    pub vdim: Option<usize>,
}

/// PyTorch's: with biases, keys and values as wide as queries.
impl Default for MultiHeadAttentionOptions {
    fn default() -> Self {
        Self { bias: true, kdim: None, vdim: None }
    }
}

/// H attentions side by side, each on E/H numbers of its own:
///
/// ```text
/// q = x_q·W_qᵀ + b_q,   k = x_k·W_kᵀ + b_k,   v = x_v·W_vᵀ + b_v
/// y = (head₁, …, head_H)·W_oᵀ + b_o,   head_h = softmax(q_h·k_hᵀ/√(E/H) + mask)·v_h
/// ```
///
/// `in_proj_weight` (3·E, E) holds W_q, W_k, W_v below each other, `in_proj_bias` their biases, `out_proj` W_o and b_o.
/// Where keys or values have another width, the three are apart: `q_proj_weight`, `k_proj_weight`, `v_proj_weight`. The
/// batch comes first: PyTorch's `batch_first=True`.
///
/// The T × S weights are never in memory, so they can neither be returned nor dropped: PyTorch's `need_weights` and
/// `dropout` are not offered.
///
/// Source: Vaswani et al. 2017, section 3.2.2; names and initial values of `torch.nn.MultiheadAttention`.
///
/// ```
/// use glassbox_autograd::Var;
/// use glassbox_nn::{AttentionMasks, Module, MultiHeadAttention};
/// use glassbox_tensor::{Tensor, random::Key};
///
/// let attention = MultiHeadAttention::new(12, 3, Key::new(0));
/// let x = Var::constant(Tensor::randn([2, 5, 12], Key::new(1)));
/// let y = attention.forward(&x, AttentionMasks::CAUSAL); // (2, 5, 12) -> (2, 5, 12)
/// let memory = Var::constant(Tensor::randn([2, 7, 12], Key::new(2)));
/// let z = attention.attend(&y, &memory, &memory, AttentionMasks::NONE); // 5 queries, 7 keys: (2, 5, 12)
/// assert_eq!((y.shape(), z.shape()), (&[2, 5, 12][..], &[2, 5, 12][..]));
/// let names: Vec<String> = attention.parameters().into_iter().map(|(name, _)| name).collect();
/// assert_eq!(names, ["in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias"]);
/// ```
#[derive(Debug, Clone, Module)]
pub struct MultiHeadAttention {
    /// W_q, W_k, W_v (3·E, E), where keys and values are as wide as queries.
    pub in_proj_weight: Option<Param>,
    /// W_q (E, E), where they aren't.
    pub q_proj_weight: Option<Param>,
    /// W_k (E, kdim), where they aren't.
    pub k_proj_weight: Option<Param>,
    /// W_v (E, vdim), where they aren't.
    pub v_proj_weight: Option<Param>,
    /// b_q, b_k, b_v (3·E).
    pub in_proj_bias: Option<Param>,
    /// W_o (E, E) and b_o (E).
    pub out_proj: Linear,
    #[module(skip)]
    heads: usize,
}

impl MultiHeadAttention {
    /// `heads` attentions on rows of `dim` numbers, with PyTorch's defaults: W_q, W_k, W_v from Glorot's distribution
    /// U[−√(6/(in + out)), √(6/(in + out))), W_o as that of [`Linear`], biases 0.
    ///
    /// ```
    /// # use glassbox_nn::{Module, MultiHeadAttention};
    /// # use glassbox_tensor::random::Key;
    /// assert_eq!(MultiHeadAttention::new(12, 3, Key::new(0)).num_parameters(), 4 * (12 * 12 + 12));
    /// ```
    ///
    /// # Panics
    /// If `heads` doesn't divide `dim`.
    #[track_caller]
    pub fn new(dim: usize, heads: usize, key: Key) -> Self {
        Self::with(dim, heads, MultiHeadAttentionOptions::default(), key)
    }

    /// As [`new`](MultiHeadAttention::new), with options.
    ///
    /// ```
    /// # use glassbox_nn::{Module, MultiHeadAttention, MultiHeadAttentionOptions};
    /// # use glassbox_tensor::random::Key;
    /// let options = MultiHeadAttentionOptions { bias: false, ..Default::default() };
    /// assert_eq!(MultiHeadAttention::with(12, 3, options, Key::new(0)).num_parameters(), 4 * 12 * 12);
    /// ```
    ///
    /// # Panics
    /// If `heads` doesn't divide `dim`.
    #[track_caller]
    pub fn with(dim: usize, heads: usize, options: MultiHeadAttentionOptions, key: Key) -> Self {
        assert!(
            heads > 0 && dim > 0 && dim.is_multiple_of(heads),
            "MultiHeadAttention: {heads} heads can't share {dim} evenly; make dim a multiple of heads",
            dim = counted(dim, "number")
        );
        let MultiHeadAttentionOptions { bias, kdim, vdim } = options;
        let (kdim, vdim) = (kdim.unwrap_or(dim), vdim.unwrap_or(dim));
        let glorot =
            |rows: usize, cols: usize, salt| Param::new(init::xavier_uniform([rows, cols], 1.0, key.fold(salt)));
        let together = kdim == dim && vdim == dim;
        let apart = |inputs, salt| (!together).then(|| glorot(dim, inputs, salt));
        let mut out_proj = Linear::without_bias(dim, dim, key.fold(3));
        out_proj.bias = bias.then(|| Param::new(Tensor::zeros([dim])));
        Self {
            in_proj_weight: together.then(|| glorot(3 * dim, dim, 0)),
            q_proj_weight: apart(dim, 0),
            k_proj_weight: apart(kdim, 1),
            v_proj_weight: apart(vdim, 2),
            in_proj_bias: bias.then(|| Param::new(Tensor::zeros([3 * dim]))),
            out_proj,
            heads,
        }
    }

    /// How many attentions stand side by side.
    ///
    /// ```
    /// # use glassbox_nn::MultiHeadAttention;
    /// # use glassbox_tensor::random::Key;
    /// assert_eq!(MultiHeadAttention::new(12, 3, Key::new(0)).heads(), 3);
    /// ```
    pub fn heads(&self) -> usize {
        self.heads
    }

    /// Self-attention, where queries, keys and values are of one sequence: (B, T, E) -> (B, T, E).
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_nn::{AttentionMasks, MultiHeadAttention};
    /// use glassbox_tensor::{Tensor, assert_close, random::Key};
    /// let attention = MultiHeadAttention::new(12, 3, Key::new(0));
    /// let x = Var::constant(Tensor::randn([1, 5, 12], Key::new(1)));
    /// let first = x.narrow(1, 0, 2);
    /// let [whole, part] = [&x, &first].map(|x| attention.forward(x, AttentionMasks::CAUSAL));
    /// assert_close!(whole.value().narrow(1, 0, 2), *part.value(), 1e-5, 1e-6); // no row sees what comes after it
    /// ```
    ///
    /// # Panics
    /// If shapes don't fit together.
    #[track_caller]
    pub fn forward(&self, x: &Var, masks: AttentionMasks<'_>) -> Var {
        let Some(weight) = &self.in_proj_weight else { return self.attend(x, x, x, masks) };
        let bias = self.in_proj_bias.as_ref().map(Param::var);
        let qkv = x.linear(&weight.var(), bias.as_ref()); // (B, T, E) × (E, 3E) -> (B, T, 3E)
        let qkv = split_heads(&qkv, 3 * self.heads).chunk(3, 1); // (B, T, 3E) -> 3 × (B, H, T, E/H)
        self.out_proj.forward(&masks.attend(&qkv[0], &qkv[1], &qkv[2]))
    }

    /// Attention of the queries of one sequence to the keys and values of another: (B, T, E), (B, S, kdim),
    /// (B, S, vdim) -> (B, T, E).
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_nn::{AttentionMasks, MultiHeadAttention};
    /// use glassbox_tensor::{Tensor, random::Key, tensor};
    /// let attention = MultiHeadAttention::new(12, 3, Key::new(0));
    /// let [x, memory] = [[1, 5, 12], [1, 4, 12]].map(|shape| Var::constant(Tensor::randn(shape, Key::new(1))));
    /// let padding = tensor![[0., 0., 0., 1.]]; // the last row of the memory only fills it up
    /// let masks = AttentionMasks { key_padding: Some(&padding), ..AttentionMasks::NONE };
    /// assert_eq!(attention.attend(&x, &memory, &memory, masks).shape(), [1, 5, 12]);
    /// ```
    ///
    /// # Panics
    /// If shapes don't fit together.
    #[track_caller]
    pub fn attend(&self, query: &Var, key: &Var, value: &Var, masks: AttentionMasks<'_>) -> Var {
        let [k, v] = self.keys_and_values(key, value);
        self.attend_heads(&self.queries(query), &k, &v, masks)
    }

    /// The queries of each head: (B, T, E) -> (B, H, T, E/H).
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_nn::{AttentionMasks, MultiHeadAttention};
    /// use glassbox_tensor::{Tensor, random::Key};
    /// let attention = MultiHeadAttention::new(12, 3, Key::new(0));
    /// let [x, memory] = [[1, 5, 12], [1, 4, 12]].map(|shape| Var::constant(Tensor::randn(shape, Key::new(1))));
    /// let [k, v] = attention.keys_and_values(&memory, &memory); // once for all queries that will come
    /// let y = attention.attend_heads(&attention.queries(&x), &k, &v, AttentionMasks::NONE);
    /// assert_eq!(y.value(), attention.attend(&x, &memory, &memory, AttentionMasks::NONE).value());
    /// ```
    ///
    /// # Panics
    /// If shapes don't fit together.
    #[track_caller]
    pub fn queries(&self, query: &Var) -> Var {
        self.project(query, 0)
    }

    /// The keys and values of each head: (B, S, kdim), (B, S, vdim) -> (B, H, S, E/H) each. See [`queries`](Self::queries).
    ///
    /// # Panics
    /// If shapes don't fit together.
    #[track_caller]
    pub fn keys_and_values(&self, key: &Var, value: &Var) -> [Var; 2] {
        [self.project(key, 1), self.project(value, 2)]
    }

    /// Attention of queries to keys and values that are made already: (B, H, T, E/H), (B, H, S, E/H), (B, H, S, E/H) ->
    /// (B, T, E). See [`queries`](Self::queries).
    ///
    /// # Panics
    /// If shapes don't fit together.
    #[track_caller]
    pub fn attend_heads(&self, q: &Var, k: &Var, v: &Var, masks: AttentionMasks<'_>) -> Var {
        self.out_proj.forward(&masks.attend(q, k, v))
    }

    /// Product `i` of queries, keys and values: (B, T, …) -> (B, H, T, E/H).
    #[track_caller]
    fn project(&self, x: &Var, i: usize) -> Var {
        let dim = self.out_proj.weight.value().shape()[0];
        let apart = [&self.q_proj_weight, &self.k_proj_weight, &self.v_proj_weight];
        let weight = match &self.in_proj_weight {
            Some(weight) => weight.var().narrow(0, i * dim, dim), // (3E, E) -> (E, E)
            None => apart[i].as_ref().expect("they are together or apart").var(),
        };
        let bias = self.in_proj_bias.as_ref().map(|bias| bias.var().narrow(0, i * dim, dim)); // (3E) -> (E)
        split_heads(&x.linear(&weight, bias.as_ref()), self.heads) // (B, T, …) -> (B, T, E) -> (B, H, T, E/H)
    }
}
