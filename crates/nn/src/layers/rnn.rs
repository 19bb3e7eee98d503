//! The plain recurrent layer.

use super::recurrent::{RecurrentOptions, RecurrentWeights, Stack, batch_of, over_time};
use crate::Module;
use crate::context::Context;
use glassbox_autograd::Var;
use glassbox_tensor::Tensor;
use glassbox_tensor::random::Key;

/// A recurrent layer without gates: each step makes the state anew of the input and of the state h of the step before,
///
/// ```text
/// h' = tanh(W_ih·x + b_ih + W_hh·h + b_hh)
/// ```
///
/// so that a gradient which goes back k steps passes W_hh and the slope of tanh k times, and mostly vanishes (Bengio et al. 1994).
/// [`Gru`](crate::Gru) and [`Lstm`](crate::Lstm) keep a way open for it.
///
/// `weight_ih_l0` (H, C) and `weight_hh_l0` (H, H); further layers are `_l1`, …, and the direction from the end has `_reverse`. The
/// batch comes first, in inputs as in outputs: PyTorch's `batch_first=True`. The products with x are one matrix product for
/// all steps.
///
/// Source: Elman 1990, Finding Structure in Time; as `torch.nn.RNN`.
///
/// ```
/// use glassbox_autograd::Var;
/// use glassbox_nn::{Context, Rnn};
/// use glassbox_tensor::{Tensor, random::Key};
///
/// let rnn = Rnn::new(10, 20, Key::new(0));
/// let x = Var::constant(Tensor::randn([3, 5, 10], Key::new(1)));
/// let (y, h) = rnn.forward(&x, None, &Context::eval()); // (3, 5, 10) -> (3, 5, 20)
/// assert_eq!((y.shape(), h.shape()), (&[3, 5, 20][..], &[1, 3, 20][..]));
/// assert_eq!(h.value().select(0, 0), y.value().select(1, 4)); // h of the last step
/// ```
#[derive(Debug, Clone, Module)]
pub struct Rnn {
    #[module(flatten)]
    stack: Stack,
}

impl Rnn {
    /// One layer that reads `inputs` numbers at each step and keeps `hidden`, with PyTorch's defaults: weights and biases
    /// are drawn from U[−1/√hidden, 1/√hidden).
    ///
    /// ```
    /// # use glassbox_nn::{Module, Rnn};
    /// # use glassbox_tensor::random::Key;
    /// assert_eq!(Rnn::new(10, 20, Key::new(0)).num_parameters(), 20 * (10 + 20 + 1 + 1));
    /// ```
    ///
    /// # Panics
    /// If `hidden` is 0.
    #[track_caller]
    pub fn new(inputs: usize, hidden: usize, key: Key) -> Self {
        Self::with(inputs, hidden, RecurrentOptions::default(), key)
    }

    /// As [`new`](Rnn::new), with options.
    ///
    /// ```
    /// # use glassbox_nn::{RecurrentOptions, Rnn};
    /// # use glassbox_tensor::random::Key;
    /// let options = RecurrentOptions { bidirectional: true, bias: false, ..Default::default() };
    /// assert_eq!(Rnn::with(10, 20, options, Key::new(0)).weights().len(), 2);
    /// ```
    ///
    /// # Panics
    /// If `hidden` or the number of layers is 0, or the dropout is no probability.
    #[track_caller]
    pub fn with(inputs: usize, hidden: usize, options: RecurrentOptions, key: Key) -> Self {
        Self { stack: Stack::new("Rnn", 1, [inputs, hidden], options, key) }
    }

    /// The weights of every direction of every layer: l0, l0_reverse, l1, …
    ///
    /// ```
    /// # use glassbox_nn::Rnn;
    /// # use glassbox_tensor::random::Key;
    /// assert_eq!(Rnn::new(10, 20, Key::new(0)).weights()[0].weight_ih.value().shape(), [20, 10]);
    /// ```
    pub fn weights(&self) -> &[RecurrentWeights] {
        &self.stack.weights
    }

    /// The state that a sequence begins with if none is given: zeros (L, B, H), for L layers and directions.
    ///
    /// ```
    /// # use glassbox_nn::Rnn;
    /// # use glassbox_tensor::{Tensor, random::Key};
    /// assert_eq!(Rnn::new(10, 20, Key::new(0)).zero_state(3).value(), &Tensor::zeros([1, 3, 20]));
    /// ```
    pub fn zero_state(&self, batch: usize) -> Var {
        Var::constant(Tensor::zeros(self.stack.state_shape(batch)))
    }

    /// h of every step, (B, T, C) -> (B, T, H), or 2·H if it is bidirectional; and h of each layer and direction after
    /// its last one, (L, B, H). `h` is what the sequence begins with; zeros if none.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_nn::{Context, Rnn};
    /// use glassbox_tensor::{Tensor, assert_close, random::Key};
    /// let (rnn, ctx) = (Rnn::new(4, 6, Key::new(0)), Context::eval());
    /// let x = Var::constant(Tensor::randn([2, 5, 4], Key::new(1)));
    /// let (whole, _) = rnn.forward(&x, None, &ctx);
    /// let (_, h) = rnn.forward(&x.narrow(1, 0, 3), None, &ctx);
    /// let (rest, _) = rnn.forward(&x.narrow(1, 3, 2), Some(&h), &ctx); // goes on where the first part ended
    /// assert_close!(*rest.value(), whole.value().narrow(1, 3, 2), 1e-6, 1e-6);
    /// ```
    ///
    /// # Panics
    /// If `x` is not (B, T, C) with one step at least, or the state is not (L, B, H).
    #[track_caller]
    pub fn forward(&self, x: &Var, h: Option<&Var>, ctx: &Context) -> (Var, Var) {
        let zeros = h.is_none().then(|| self.zero_state(batch_of(x)));
        let h = h.or(zeros.as_ref()).expect("one of the two");
        self.stack.check("Rnn", x, &[h]);
        let states = (0..h.shape()[0]).map(|l| h.select(0, l)).collect();
        let (y, last) = self.stack.run(x, states, ctx, scan);
        (y, Var::stack(&last.iter().collect::<Vec<_>>(), 0))
    }
}

/// One direction of one layer: x (B, T, C) and h (B, H) -> h of all steps (B, T, H), and the last one.
fn scan(w: &RecurrentWeights, x: &Var, mut h: Var, backwards: bool) -> (Var, Var) {
    // b_ih and b_hh are added up before all steps, so a step adds none.
    let bias = w.bias_ih.as_ref().zip(w.bias_hh.as_ref()).map(|(ih, hh)| &ih.var() + &hh.var());
    let from_x = x.linear(&w.weight_ih.var(), bias.as_ref()); // (B, T, C) × (C, H) -> (B, T, H)
    let w_hh = w.weight_hh.var();
    let y = over_time(&from_x, backwards, |from_x| {
        h = (from_x + &h.linear(&w_hh, None)).tanh(); // (B, H) × (H, H) -> (B, H)
        h.clone()
    });
    (y, h)
}
