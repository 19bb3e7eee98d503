//! The gated recurrent unit.

use super::recurrent::{RecurrentOptions, RecurrentWeights, Stack, batch_of, over_time};
use crate::Module;
use crate::context::Context;
use crate::param::Param;
use glassbox_autograd::Var;
use glassbox_tensor::Tensor;
use glassbox_tensor::random::Key;

/// A recurrent layer whose state is mixed with a new one through gates. For each step, from the state h of the step
/// before:
///
/// ```text
/// r = σ(W_ir·x + b_ir + W_hr·h + b_hr)            reset gate: how much of h the new state sees
/// z = σ(W_iz·x + b_iz + W_hz·h + b_hz)            update gate: how much of h stays
/// n = tanh(W_in·x + b_in + r∘(W_hn·h + b_hn))     the new state
/// h' = (1 − z)∘n + z∘h
/// ```
///
/// `weight_ih_l0` (3·H, C) holds W_ir, W_iz, W_in below each other, `weight_hh_l0` (3·H, H) the others; further layers
/// are `_l1`, …, and the direction from the end has `_reverse`. The batch comes first, in inputs as in outputs:
/// PyTorch's `batch_first=True`. The products with x are one matrix product for all steps.
///
/// Source: Cho et al. 2014; with r behind the product, as cuDNN and `torch.nn.GRU` have it, so that the products with h
/// are one.
///
/// ```
/// use glassbox_autograd::Var;
/// use glassbox_nn::{Context, Gru};
/// use glassbox_tensor::{Tensor, random::Key};
///
/// let gru = Gru::new(10, 20, Key::new(0));
/// let x = Var::constant(Tensor::randn([3, 5, 10], Key::new(1)));
/// let (y, h) = gru.forward(&x, None, &Context::eval()); // (3, 5, 10) -> (3, 5, 20)
/// assert_eq!((y.shape(), h.shape()), (&[3, 5, 20][..], &[1, 3, 20][..]));
/// assert_eq!(h.value().select(0, 0), y.value().select(1, 4)); // h of the last step
/// ```
#[derive(Debug, Clone, Module)]
pub struct Gru {
    #[module(flatten)]
    stack: Stack,
}

impl Gru {
    /// One layer that reads `inputs` numbers at each step and keeps `hidden`, with PyTorch's defaults: weights and
    /// biases are drawn from U[−1/√hidden, 1/√hidden).
    ///
    /// ```
    /// # use glassbox_nn::{Gru, Module};
    /// # use glassbox_tensor::random::Key;
    /// assert_eq!(Gru::new(10, 20, Key::new(0)).num_parameters(), 3 * 20 * (10 + 20 + 1 + 1));
    /// ```
    ///
    /// # Panics
    /// If `hidden` is 0.
    #[track_caller]
    pub fn new(inputs: usize, hidden: usize, key: Key) -> Self {
        Self::with(inputs, hidden, RecurrentOptions::default(), key)
    }

    /// As [`new`](Gru::new), with options.
    ///
    /// ```
    /// # use glassbox_nn::{Gru, RecurrentOptions};
    /// # use glassbox_tensor::random::Key;
    /// let options = RecurrentOptions { bidirectional: true, bias: false, ..Default::default() };
    /// assert_eq!(Gru::with(10, 20, options, Key::new(0)).weights().len(), 2);
    /// ```
    ///
    /// # Panics
    /// If `hidden` or the number of layers is 0, or the dropout is no probability.
    #[track_caller]
    pub fn with(inputs: usize, hidden: usize, options: RecurrentOptions, key: Key) -> Self {
        Self { stack: Stack::new("Gru", 3, [inputs, hidden], options, key) }
    }

    /// The weights of every direction of every layer: l0, l0_reverse, l1, …
    ///
    /// ```
    /// # use glassbox_nn::Gru;
    /// # use glassbox_tensor::random::Key;
    /// assert_eq!(Gru::new(10, 20, Key::new(0)).weights()[0].weight_ih.value().shape(), [60, 10]);
    /// ```
    pub fn weights(&self) -> &[RecurrentWeights] {
        &self.stack.weights
    }

    /// The state that a sequence begins with if none is given: zeros (L, B, H), for L layers and directions.
    ///
    /// ```
    /// # use glassbox_nn::Gru;
    /// # use glassbox_tensor::{Tensor, random::Key};
    /// assert_eq!(Gru::new(10, 20, Key::new(0)).zero_state(3).value(), &Tensor::zeros([1, 3, 20]));
    /// ```
    pub fn zero_state(&self, batch: usize) -> Var {
        Var::constant(Tensor::zeros(self.stack.state_shape(batch)))
    }

    /// h of every step, (B, T, C) -> (B, T, H), or 2·H if it is bidirectional; and h of each layer and direction after
    /// its last one, (L, B, H). `h` is what the sequence begins with; zeros if none.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_nn::{Context, Gru};
    /// use glassbox_tensor::{Tensor, assert_close, random::Key};
    /// let (gru, ctx) = (Gru::new(4, 6, Key::new(0)), Context::eval());
    /// let x = Var::constant(Tensor::randn([2, 5, 4], Key::new(1)));
    /// let (whole, _) = gru.forward(&x, None, &ctx);
    /// let (_, h) = gru.forward(&x.narrow(1, 0, 3), None, &ctx);
    /// let (rest, _) = gru.forward(&x.narrow(1, 3, 2), Some(&h), &ctx); // goes on where the first part ended
    /// assert_close!(*rest.value(), whole.value().narrow(1, 3, 2), 1e-6, 1e-6);
    /// ```
    ///
    /// # Panics
    /// If `x` is not (B, T, C) with one step at least, or the state is not (L, B, H).
    #[track_caller]
    pub fn forward(&self, x: &Var, h: Option<&Var>, ctx: &Context) -> (Var, Var) {
        let zeros = h.is_none().then(|| self.zero_state(batch_of(x)));
        let h = h.or(zeros.as_ref()).expect("one of the two");
        self.stack.check("Gru", x, &[h]);
        let states = (0..h.shape()[0]).map(|l| h.select(0, l)).collect();
        let (y, last) = self.stack.run(x, states, ctx, scan);
        (y, Var::stack(&last.iter().collect::<Vec<_>>(), 0))
    }

    /// One step: (B, C) -> (B, H) and the next state, without dropout. It is how a model that has learned by
    /// [`forward`](Gru::forward) writes a sequence of its own.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_nn::{Context, Gru};
    /// use glassbox_tensor::{Tensor, assert_close, random::Key};
    /// let gru = Gru::new(4, 6, Key::new(0));
    /// let x = Var::constant(Tensor::randn([2, 3, 4], Key::new(1)));
    /// let (whole, _) = gru.forward(&x, None, &Context::eval());
    /// let mut h = gru.zero_state(2);
    /// for t in 0..3 {
    ///     let y;
    ///     (y, h) = gru.step(&x.select(1, t), &h);
    ///     assert_close!(*y.value(), whole.value().select(1, t), 1e-6, 1e-6);
    /// }
    /// ```
    ///
    /// # Panics
    /// If the layer is bidirectional, which reads a sequence from its end, or the shapes don't fit.
    #[track_caller]
    pub fn step(&self, x: &Var, h: &Var) -> (Var, Var) {
        assert!(!self.stack.bidirectional, "Gru::step: a bidirectional layer reads the end first; call forward");
        let (y, h) = self.forward(&x.unsqueeze(1), Some(h), &Context::eval());
        (y.squeeze(1), h)
    }
}

/// One direction of one layer: x (B, T, C) and h (B, H) -> h of all steps (B, T, H), and the last one.
fn scan(w: &RecurrentWeights, x: &Var, mut h: Var, backwards: bool) -> (Var, Var) {
    let [b_ih, b_hh] = [&w.bias_ih, &w.bias_hh].map(|bias| bias.as_ref().map(Param::var));
    let from_x = x.linear(&w.weight_ih.var(), b_ih.as_ref()); // (B, T, C) × (C, 3H) -> (B, T, 3H)
    let w_hh = w.weight_hh.var();
    let y = over_time(&from_x, backwards, |from_x| {
        let from_h = h.linear(&w_hh, b_hh.as_ref()); // (B, H) × (H, 3H) -> (B, 3H)
        h = cell(from_x, &from_h, &h);
        h.clone()
    });
    (y, h)
}

/// The next state, from what x and h give to the gates, (B, 3H) each: h' = (1 − z)∘n + z∘h = n + z∘(h − n).
fn cell(from_x: &Var, from_h: &Var, h: &Var) -> Var {
    let hidden = h.shape()[1];
    let [x_rz, x_n] = &from_x.split(&[2 * hidden, hidden], -1)[..] else { unreachable!("two pieces") };
    let [h_rz, h_n] = &from_h.split(&[2 * hidden, hidden], -1)[..] else { unreachable!("two pieces") };
    let [r, z] = &(x_rz + h_rz).sigmoid().chunk(2, -1)[..] else { unreachable!("two chunks") };
    let n = (x_n + &(r * h_n)).tanh();
    &n + &(z * &(h - &n))
}
