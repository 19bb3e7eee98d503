//! The three ways in which a recurrent network makes its next state.

use glassbox_autograd::Var;
use glassbox_nn::{Context, Gru, Lstm, LstmState, Module, Name, Rnn, Slot, SlotMut};
use glassbox_tensor::Tensor;
use glassbox_tensor::random::Key;

/// What makes the next state of the last one and the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell {
    /// tanh of both (Elman 1990): [`Rnn`].
    Tanh,
    /// Through two gates (Cho et al. 2014): [`Gru`].
    Gru,
    /// Through three, with a second state that is only added to (Hochreiter and Schmidhuber 1997): [`Lstm`].
    Lstm,
}

impl Cell {
    /// The words that say it in a setting.
    pub const WORDS: &'static [&'static str] = &["gru", "lstm", "tanh"];

    /// The cell that a word says.
    ///
    /// ```
    /// use glassbox_transformer::Cell;
    /// assert!(Cell::WORDS.iter().map(|word| Cell::named(word)).eq([Cell::Gru, Cell::Lstm, Cell::Tanh].map(Some)));
    /// ```
    pub fn named(word: &str) -> Option<Cell> {
        let place = Cell::WORDS.iter().position(|&known| known == word)?;
        Some([Cell::Gru, Cell::Lstm, Cell::Tanh][place])
    }

    /// How many products of the state it takes: a plain one, and one for each gate.
    pub fn products(self) -> usize {
        match self {
            Cell::Tanh => 1,
            Cell::Gru => 3,
            Cell::Lstm => 4,
        }
    }
}

/// A recurrent layer of either kind.
#[derive(Debug, Clone)]
pub enum Recurrence {
    /// Of [`Cell::Tanh`].
    Tanh(Rnn),
    /// Of [`Cell::Gru`].
    Gru(Gru),
    /// Of [`Cell::Lstm`].
    Lstm(Lstm),
}

/// What one sequence has come to: h, and c of an LSTM, (1, 1, H) each.
#[derive(Debug, Clone)]
pub struct State {
    h: Tensor,
    c: Option<Tensor>,
}

impl Recurrence {
    /// One layer, with PyTorch's initial values.
    pub fn new(cell: Cell, inputs: usize, hidden: usize, key: Key) -> Self {
        match cell {
            Cell::Tanh => Self::Tanh(Rnn::new(inputs, hidden, key)),
            Cell::Gru => Self::Gru(Gru::new(inputs, hidden, key)),
            Cell::Lstm => Self::Lstm(Lstm::new(inputs, hidden, key)),
        }
    }

    /// The state before any token: zeros.
    pub fn begin(&self) -> State {
        let of = |h: Var| State { h: h.into_value(), c: None };
        match self {
            Self::Tanh(rnn) => of(rnn.zero_state(1)),
            Self::Gru(gru) => of(gru.zero_state(1)),
            Self::Lstm(lstm) => {
                let LstmState { h, c } = lstm.zero_state(1);
                State { h: h.into_value(), c: Some(c.into_value()) }
            }
        }
    }

    /// h of every step, (B, T, E) -> (B, T, H), and the state after the last one. `state` is that of a batch of one.
    pub fn forward(&self, x: &Var, state: Option<&State>, ctx: &Context) -> (Var, State) {
        let h = state.map(|state| Var::constant(state.h.clone()));
        let of = |(y, h): (Var, Var)| (y, State { h: h.into_value(), c: None });
        match self {
            Self::Tanh(rnn) => of(rnn.forward(x, h.as_ref(), ctx)),
            Self::Gru(gru) => of(gru.forward(x, h.as_ref(), ctx)),
            Self::Lstm(lstm) => {
                let c = state.and_then(|state| state.c.clone()).map(Var::constant);
                let state = h.zip(c).map(|(h, c)| LstmState { h, c });
                let (y, LstmState { h, c }) = lstm.forward(x, state.as_ref(), ctx);
                (y, State { h: h.into_value(), c: Some(c.into_value()) })
            }
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Tanh(_) => "rnn",
            Self::Gru(_) => "gru",
            Self::Lstm(_) => "lstm",
        }
    }
}

impl Module for Recurrence {
    fn visit<'a>(&'a self, name: Name<'_>, f: &mut dyn FnMut(Name<'_>, Slot<'a>)) {
        let name = name.child(self.name());
        match self {
            Self::Tanh(rnn) => rnn.visit(name, f),
            Self::Gru(gru) => gru.visit(name, f),
            Self::Lstm(lstm) => lstm.visit(name, f),
        }
    }

    fn visit_mut<'a>(&'a mut self, name: Name<'_>, f: &mut dyn FnMut(Name<'_>, SlotMut<'a>)) {
        let name = name.child(self.name());
        match self {
            Self::Tanh(rnn) => rnn.visit_mut(name, f),
            Self::Gru(gru) => gru.visit_mut(name, f),
            Self::Lstm(lstm) => lstm.visit_mut(name, f),
        }
    }
}
