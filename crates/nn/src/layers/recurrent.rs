//! What RNN, LSTM and GRU have in common: their weights and how PyTorch names them, layers above each other, and the two
//! directions of time.

use super::Dropout;
use crate::context::Context;
use crate::init;
use crate::module::{Module, Slot, SlotMut};
use crate::name::Name;
use crate::param::Param;
use glassbox_autograd::Var;
use glassbox_tensor::counted;
use glassbox_tensor::random::Key;

/// What an [`Rnn`](crate::Rnn), [`Lstm`](crate::Lstm) or [`Gru`](crate::Gru) is made with beside its sizes.
///
/// ```
/// use glassbox_nn::{Lstm, Module, RecurrentOptions};
/// use glassbox_tensor::random::Key;
///
/// let options = RecurrentOptions { layers: 2, bidirectional: true, ..Default::default() };
/// let lstm = Lstm::with(5, 3, options, Key::new(0));
/// let names: Vec<String> = lstm.parameters().into_iter().map(|(name, _)| name).collect();
/// assert_eq!(names[..5], ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0", "weight_ih_l0_reverse"]);
/// assert_eq!(names.len(), 16);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RecurrentOptions {
    /// How many layers stand above each other, each reading the outputs of the one below it.
    pub layers: usize,
    /// Whether each layer reads the sequence also from its end, with weights of its own; its output is both, side by
    /// side.
    pub bidirectional: bool,
    /// Whether there are b_ih and b_hh.
    pub bias: bool,
    /// In training, the share of each layer's outputs that is dropped before the next layer reads them.
    pub dropout: f32,
}

/// PyTorch's: one layer, one direction, with biases, without dropout.
impl Default for RecurrentOptions {
    fn default() -> Self {
        Self { layers: 1, bidirectional: false, bias: true, dropout: 0.0 }
    }
}

/// The weights of one direction of one layer, under PyTorch's names. G is the number of gates: 4 of an LSTM, 3 of a GRU, 1 of an RNN;
/// C is how many numbers the layer reads at each step: the inputs, or the outputs of the layer below.
///
/// ```
/// use glassbox_nn::Lstm;
/// use glassbox_tensor::random::Key;
/// let lstm = Lstm::new(5, 3, Key::new(0));
/// let [w] = lstm.weights() else { unreachable!("one layer, one direction") };
/// assert_eq!((w.weight_ih.value().shape(), w.weight_hh.value().shape()), (&[12, 5][..], &[12, 3][..]));
/// ```
#[derive(Debug, Clone)]
pub struct RecurrentWeights {
    /// W_ih (G·H, C), which the step's input is multiplied by.
    pub weight_ih: Param,
    /// W_hh (G·H, H), which the state of the step before is multiplied by.
    pub weight_hh: Param,
    /// b_ih (G·H).
    pub bias_ih: Option<Param>,
    /// b_hh (G·H).
    pub bias_hh: Option<Param>,
    /// PyTorch's names of the four.
    names: [String; 4],
}

impl RecurrentWeights {
    /// All are drawn from U[−1/√H, 1/√H), as PyTorch draws them.
    fn new(gates: usize, inputs: usize, hidden: usize, bias: bool, suffix: &str, key: Key) -> Self {
        let bound = 1.0 / (hidden as f32).sqrt();
        let draw = |shape: &[usize], salt| Param::new(init::uniform(shape, bound, key.fold(salt)));
        let rows = gates * hidden;
        Self {
            weight_ih: draw(&[rows, inputs], 0),
            weight_hh: draw(&[rows, hidden], 1),
            bias_ih: bias.then(|| draw(&[rows], 2)),
            bias_hh: bias.then(|| draw(&[rows], 3)),
            names: ["weight_ih", "weight_hh", "bias_ih", "bias_hh"].map(|name| format!("{name}_{suffix}")),
        }
    }
}

impl Module for RecurrentWeights {
    fn visit<'a>(&'a self, name: Name<'_>, f: &mut dyn FnMut(Name<'_>, Slot<'a>)) {
        let [weight_ih, weight_hh, bias_ih, bias_hh] = self.names.each_ref().map(|field| name.child(field));
        self.weight_ih.visit(weight_ih, f);
        self.weight_hh.visit(weight_hh, f);
        self.bias_ih.visit(bias_ih, f);
        self.bias_hh.visit(bias_hh, f);
    }
    fn visit_mut<'a>(&'a mut self, name: Name<'_>, f: &mut dyn FnMut(Name<'_>, SlotMut<'a>)) {
        let [weight_ih, weight_hh, bias_ih, bias_hh] = self.names.each_ref().map(|field| name.child(field));
        self.weight_ih.visit_mut(weight_ih, f);
        self.weight_hh.visit_mut(weight_hh, f);
        self.bias_ih.visit_mut(bias_ih, f);
        self.bias_hh.visit_mut(bias_hh, f);
    }
}

/// The layers of an RNN, an LSTM or a GRU.
#[derive(Debug, Clone)]
pub(crate) struct Stack {
    /// In PyTorch's order: l0, l0_reverse, l1, l1_reverse, …
    pub weights: Vec<RecurrentWeights>,
    pub inputs: usize,
    pub hidden: usize,
    pub bidirectional: bool,
    dropout: Dropout,
}

impl Stack {
    #[track_caller]
    pub fn new(what: &str, gates: usize, [inputs, hidden]: [usize; 2], options: RecurrentOptions, key: Key) -> Self {
        let RecurrentOptions { layers, bidirectional, bias, dropout } = options;
        assert!(
            hidden > 0 && layers > 0,
            "{what}: {layers} of {hidden}; both are at least 1",
            layers = counted(layers, "layer"),
            hidden = counted(hidden, "number")
        );
        let directions = if bidirectional { 2 } else { 1 };
        let weights = (0..layers * directions).map(|i| {
            let (layer, suffix) = (i / directions, if i % directions == 1 { "_reverse" } else { "" });
            let inputs = if layer == 0 { inputs } else { directions * hidden };
            RecurrentWeights::new(gates, inputs, hidden, bias, &format!("l{layer}{suffix}"), key.fold(i as u64))
        });
        let weights = weights.collect();
        Self { weights, inputs, hidden, bidirectional, dropout: Dropout::new(dropout) }
    }

    /// The shape of a state for a batch of B: (L, B, H), with L the number of layers times that of directions.
    pub fn state_shape(&self, batch: usize) -> [usize; 3] {
        [self.weights.len(), batch, self.hidden]
    }

    /// Runs layer after layer: the outputs of the last one, and the last state of each direction of each layer.
    /// `scan(weights, x, state, backwards)` runs one of them, and returns its outputs in the order of time.
    #[track_caller]
    pub fn run<S>(
        &self,
        x: &Var, // (B, T, C)
        states: Vec<S>,
        ctx: &Context,
        scan: impl Fn(&RecurrentWeights, &Var, S, bool) -> (Var, S),
    ) -> (Var, Vec<S>) {
        let directions = if self.bidirectional { 2 } else { 1 };
        let (mut x, mut states, mut last) = (x.clone(), states.into_iter(), Vec::new());
        for (layer, weights) in self.weights.chunks(directions).enumerate() {
            if layer > 0 {
                x = self.dropout.forward(&x, ctx);
            }
            let mut outputs = Vec::new();
            for ((w, state), backwards) in weights.iter().zip(&mut states).zip([false, true]) {
                let (y, state) = scan(w, &x, state, backwards);
                outputs.push(y);
                last.push(state);
            }
            x = match &outputs[..] {
                [forwards, backwards] => Var::cat(&[forwards, backwards], -1), // 2 × (B, T, H) -> (B, T, 2H)
                _ => outputs.remove(0),
            };
        }
        (x, last)
    }

    /// # Panics
    /// When `x` isn't (B, T, C) with one step at least, or a state is not of `state_shape`.
    #[track_caller]
    pub fn check(&self, what: &str, x: &Var, states: &[&Var]) {
        let (shape, inputs) = (x.shape(), self.inputs);
        let fits = matches!(shape, &[_, t, c] if t > 0 && c == inputs);
        assert!(fits, "{what}: x {shape:?} is not (B, T, {inputs}) with at least one step; the batch comes first");
        let expected = self.state_shape(shape[0]);
        for state in states {
            let is = state.shape();
            assert!(
                is == expected,
                "{what}: a state of shape {is:?} where x {shape:?} needs {expected:?}, which is (L, B, H)"
            );
        }
    }
}

impl Module for Stack {
    fn visit<'a>(&'a self, name: Name<'_>, f: &mut dyn FnMut(Name<'_>, Slot<'a>)) {
        self.weights.iter().for_each(|weights| weights.visit(name, f));
    }
    fn visit_mut<'a>(&'a mut self, name: Name<'_>, f: &mut dyn FnMut(Name<'_>, SlotMut<'a>)) {
        self.weights.iter_mut().for_each(|weights| weights.visit_mut(name, f));
    }
}

/// B of x (B, T, C), before it is checked.
pub(crate) fn batch_of(x: &Var) -> usize {
    x.shape().first().copied().unwrap_or(0)
}

/// Calls `step` with every step of x (B, T, C), from the first or from the last one, and returns what it returns,
/// in the order of time: T × (B, H) -> (B, T, H).
pub(crate) fn over_time(x: &Var, backwards: bool, mut step: impl FnMut(&Var) -> Var) -> Var {
    let mut steps: Vec<Var> = (0..x.shape()[1]).map(|t| x.select(1, t)).collect(); // T × (B, C)
    if backwards {
        steps.reverse();
    }
    let mut outputs: Vec<Var> = steps.iter().map(&mut step).collect();
    if backwards {
        outputs.reverse();
    }
    Var::stack(&outputs.iter().collect::<Vec<_>>(), 1)
}
