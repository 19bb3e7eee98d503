//! Long short-term memory.

use super::recurrent::{RecurrentOptions, RecurrentWeights, Stack, batch_of, over_time};
use crate::Module;
use crate::context::Context;
use glassbox_autograd::Var;
use glassbox_tensor::Tensor;
use glassbox_tensor::random::Key;

/// A recurrent layer with a cell that is written and read through gates. For each step, from the state (h, c) of the
/// step before:
///
/// ```text
/// i = σ(W_ii·x + b_ii + W_hi·h + b_hi)       input gate: how much is written
/// f = σ(W_if·x + b_if + W_hf·h + b_hf)       forget gate: how much is kept
/// g = tanh(W_ig·x + b_ig + W_hg·h + b_hg)    what is written
/// o = σ(W_io·x + b_io + W_ho·h + b_ho)       output gate: how much is shown
/// c' = f∘c + i∘g
/// h' = o∘tanh(c')
/// ```
///
/// `weight_ih_l0` (4·H, C) holds W_ii, W_if, W_ig, W_io below each other, `weight_hh_l0` (4·H, H) the others; further
/// layers are `_l1`, …, and the direction from the end has `_reverse`. The batch comes first, in inputs as in
/// outputs: PyTorch's `batch_first=True`. The products with x are one matrix product for all steps.
///
/// Source: Hochreiter & Schmidhuber 1997; the forget gate Gers et al. 2000; in the order of `torch.nn.LSTM`.
///
/// ```
/// use glassbox_autograd::Var;
/// use glassbox_nn::{Context, Lstm};
/// use glassbox_tensor::{Tensor, random::Key};
///
/// let lstm = Lstm::new(10, 20, Key::new(0));
/// let x = Var::constant(Tensor::randn([3, 5, 10], Key::new(1)));
/// let (y, state) = lstm.forward(&x, None, &Context::eval()); // (3, 5, 10) -> (3, 5, 20)
/// assert_eq!(y.shape(), [3, 5, 20]);
/// assert_eq!((state.h.shape(), state.c.shape()), (&[1, 3, 20][..], &[1, 3, 20][..]));
/// assert_eq!(state.h.value().select(0, 0), y.value().select(1, 4)); // h of the last step
/// ```
#[derive(Debug, Clone, Module)]
pub struct Lstm {
    #[module(flatten)]
    stack: Stack,
}

/// What an [`Lstm`] hands on from step to step, for each of L layers and directions: l0, l0_reverse, l1, …
///
/// ```
/// use glassbox_nn::{Lstm, LstmState};
/// use glassbox_tensor::random::Key;
/// let LstmState { h, c } = Lstm::new(10, 20, Key::new(0)).zero_state(3);
/// assert_eq!((h.shape(), c.shape()), (&[1, 3, 20][..], &[1, 3, 20][..]));
/// ```
#[derive(Debug, Clone)]
pub struct LstmState {
    /// What it shows (L, B, H).
    pub h: Var,
    /// What it remembers (L, B, H).
    pub c: Var,
}

impl Lstm {
    /// One layer that reads `inputs` numbers at each step and keeps `hidden`, with PyTorch's defaults: weights and
    /// biases are drawn from U[−1/√hidden, 1/√hidden).
    ///
    /// ```
    /// # use glassbox_nn::{Lstm, Module};
    /// # use glassbox_tensor::random::Key;
    /// assert_eq!(Lstm::new(10, 20, Key::new(0)).num_parameters(), 4 * 20 * (10 + 20 + 1 + 1));
    /// ```
    ///
    /// # Panics
    /// If `hidden` is 0.
    #[track_caller]
    pub fn new(inputs: usize, hidden: usize, key: Key) -> Self {
        Self::with(inputs, hidden, RecurrentOptions::default(), key)
    }

    /// As [`new`](Lstm::new), with options.
    ///
    /// ```
    /// # use glassbox_nn::{Lstm, RecurrentOptions};
    /// # use glassbox_tensor::random::Key;
    /// let options = RecurrentOptions { bidirectional: true, bias: false, ..Default::default() };
    /// assert_eq!(Lstm::with(10, 20, options, Key::new(0)).weights().len(), 2);
    /// ```
    ///
    /// # Panics
    /// If `hidden` or the number of layers is 0, or the dropout is no probability.
    #[track_caller]
    pub fn with(inputs: usize, hidden: usize, options: RecurrentOptions, key: Key) -> Self {
        Self { stack: Stack::new("Lstm", 4, [inputs, hidden], options, key) }
    }

    /// The weights of every direction of every layer: l0, l0_reverse, l1, …
    ///
    /// ```
    /// # use glassbox_nn::Lstm;
    /// # use glassbox_tensor::random::Key;
    /// assert_eq!(Lstm::new(10, 20, Key::new(0)).weights()[0].weight_ih.value().shape(), [80, 10]);
    /// ```
    pub fn weights(&self) -> &[RecurrentWeights] {
        &self.stack.weights
    }

    /// The state that a sequence begins with if none is given: zeros (L, B, H).
    ///
    /// ```
    /// # use glassbox_nn::Lstm;
    /// # use glassbox_tensor::{Tensor, random::Key};
    /// assert_eq!(Lstm::new(10, 20, Key::new(0)).zero_state(3).c.value(), &Tensor::zeros([1, 3, 20]));
    /// ```
    pub fn zero_state(&self, batch: usize) -> LstmState {
        let zeros = Var::constant(Tensor::zeros(self.stack.state_shape(batch)));
        LstmState { h: zeros.clone(), c: zeros }
    }

    /// h of every step, (B, T, C) -> (B, T, H), or 2·H if it is bidirectional; and the state after the last one.
    /// `state` is what the sequence begins with; zeros if none.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_nn::{Context, Lstm};
    /// use glassbox_tensor::{Tensor, assert_close, random::Key};
    /// let (lstm, ctx) = (Lstm::new(4, 6, Key::new(0)), Context::eval());
    /// let x = Var::constant(Tensor::randn([2, 5, 4], Key::new(1)));
    /// let (whole, _) = lstm.forward(&x, None, &ctx);
    /// let (_, state) = lstm.forward(&x.narrow(1, 0, 3), None, &ctx);
    /// let (rest, _) = lstm.forward(&x.narrow(1, 3, 2), Some(&state), &ctx); // goes on where the first part ended
    /// assert_close!(*rest.value(), whole.value().narrow(1, 3, 2), 1e-6, 1e-6);
    /// ```
    ///
    /// # Panics
    /// If `x` is not (B, T, C) with one step at least, or the state is not (L, B, H).
    #[track_caller]
    pub fn forward(&self, x: &Var, state: Option<&LstmState>, ctx: &Context) -> (Var, LstmState) {
        let zeros = state.is_none().then(|| self.zero_state(batch_of(x)));
        let LstmState { h, c } = state.or(zeros.as_ref()).expect("one of the two");
        self.stack.check("Lstm", x, &[h, c]);
        let states = (0..h.shape()[0]).map(|l| (h.select(0, l), c.select(0, l))).collect();
        let (y, last) = self.stack.run(x, states, ctx, scan);
        let (h, c): (Vec<&Var>, Vec<&Var>) = last.iter().map(|(h, c)| (h, c)).unzip();
        (y, LstmState { h: Var::stack(&h, 0), c: Var::stack(&c, 0) })
    }

    /// One step: (B, C) -> (B, H) and the next state, without dropout. It is how a model that has learned by
    /// [`forward`](Lstm::forward) writes a sequence of its own.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_nn::{Context, Lstm};
    /// use glassbox_tensor::{Tensor, assert_close, random::Key};
    /// let lstm = Lstm::new(4, 6, Key::new(0));
    /// let x = Var::constant(Tensor::randn([2, 3, 4], Key::new(1)));
    /// let (whole, _) = lstm.forward(&x, None, &Context::eval());
    /// let mut state = lstm.zero_state(2);
    /// for t in 0..3 {
    ///     let y;
    ///     (y, state) = lstm.step(&x.select(1, t), &state);
    ///     assert_close!(*y.value(), whole.value().select(1, t), 1e-6, 1e-6);
    /// }
    /// ```
    ///
    /// # Panics
    /// If the layer is bidirectional, which reads a sequence from its end, or the shapes don't fit.
    #[track_caller]
    pub fn step(&self, x: &Var, state: &LstmState) -> (Var, LstmState) {
        assert!(!self.stack.bidirectional, "Lstm::step: a bidirectional layer reads the end first; call forward");
        let (y, state) = self.forward(&x.unsqueeze(1), Some(state), &Context::eval());
        (y.squeeze(1), state)
    }
}

/// One direction of one layer: x (B, T, C), h and c (B, H) -> h of all steps (B, T, H), and the last h and c.
fn scan(w: &RecurrentWeights, x: &Var, (mut h, mut c): (Var, Var), backwards: bool) -> (Var, (Var, Var)) {
    // b_ih and b_hh are added up before all steps, so a step adds none.
    let bias = w.bias_ih.as_ref().zip(w.bias_hh.as_ref()).map(|(ih, hh)| &ih.var() + &hh.var());
    let from_x = x.linear(&w.weight_ih.var(), bias.as_ref()); // (B, T, C) × (C, 4H) -> (B, T, 4H)
    let w_hh = w.weight_hh.var();
    let y = over_time(&from_x, backwards, |from_x| {
        let gates = from_x + &h.linear(&w_hh, None); // (B, H) × (H, 4H) -> (B, 4H)
        (h, c) = cell(&gates, &c);
        h.clone()
    });
    (y, (h, c))
}

/// What the gates (B, 4H), before their σ and tanh, make of the cell: c' = f∘c + i∘g and h' = o∘tanh(c').
fn cell(gates: &Var, c: &Var) -> (Var, Var) {
    let [i, f, g, o] = &gates.chunk(4, -1)[..] else { unreachable!("four chunks") };
    let c = &(&f.sigmoid() * c) + &g.gated_tanh(i);
    (c.gated_tanh(o), c)
}
