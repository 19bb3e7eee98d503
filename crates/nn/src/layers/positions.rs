//! Where in a sequence something stands: what attention, which sees a set, is told about order.

use crate::Module;
use crate::init;
use crate::param::Param;
use glassbox_autograd::Var;
use glassbox_tensor::random::Key;
use glassbox_tensor::{Rotary, RotaryLayout, Tensor, counted};

/// Sines and cosines of the position p, whose wavelengths grow from 2π to 10000·2π, added to the inputs:
///
/// ```text
/// PE(p, 2i) = sin(p·10000^(−2i/D)),   PE(p, 2i + 1) = cos(p·10000^(−2i/D))
/// y = x + PE
/// ```
///
/// Source: Vaswani et al. 2017, section 3.5.
///
/// ```
/// use glassbox_autograd::Var;
/// use glassbox_nn::SinusoidalPositions;
/// use glassbox_tensor::{Tensor, assert_close, tensor};
/// let positions = SinusoidalPositions::new(100, 4);
/// let y = positions.forward(&Var::constant(Tensor::zeros([1, 2, 4])), 0); // (B, T, D) -> (B, T, D)
/// let (sin, cos) = (1f32.sin(), 1f32.cos());
/// assert_close!(y.value().reshape([2, 4]), tensor![[0., 1., 0., 1.], [sin, cos, 0.01f32.sin(), 0.01f32.cos()]]);
/// ```
#[derive(Debug, Clone, Module)]
pub struct SinusoidalPositions {
    /// PE (P, D).
    #[module(skip)]
    table: Tensor,
}

impl SinusoidalPositions {
    /// For the positions 0, …, `positions` − 1 of rows of `dim` numbers. The table is computed in f64 and rounded once.
    ///
    /// ```
    /// # use glassbox_nn::{Module, SinusoidalPositions};
    /// assert_eq!(SinusoidalPositions::new(100, 4).num_parameters(), 0);
    /// ```
    pub fn new(positions: usize, dim: usize) -> Self {
        let entry = |p: usize, j: usize| {
            let angle = p as f64 * 10000f64.powf(-((j / 2 * 2) as f64) / dim as f64);
            (if j.is_multiple_of(2) { angle.sin() } else { angle.cos() }) as f32
        };
        let numbers = (0..positions).flat_map(|p| (0..dim).map(move |j| entry(p, j))).collect();
        Self { table: Tensor::from_vec(numbers, [positions, dim]) }
    }

    /// PE (P, D).
    ///
    /// ```
    /// # use glassbox_nn::SinusoidalPositions;
    /// # use glassbox_tensor::tensor;
    /// assert_eq!(SinusoidalPositions::new(100, 4).table().select(0, 0), tensor![0., 1., 0., 1.]);
    /// ```
    pub fn table(&self) -> &Tensor {
        &self.table
    }

    /// x + PE of the positions `offset`, `offset` + 1, …: (B, T, D) -> (B, T, D).
    ///
    /// ```
    /// # use glassbox_autograd::Var;
    /// # use glassbox_nn::SinusoidalPositions;
    /// # use glassbox_tensor::Tensor;
    /// let positions = SinusoidalPositions::new(100, 4);
    /// let y = positions.forward(&Var::constant(Tensor::zeros([1, 1, 4])), 42);
    /// assert_eq!(y.value().reshape([4]), positions.table().select(0, 42));
    /// ```
    ///
    /// # Panics
    /// If rows aren't D long, or the table ends too soon.
    #[track_caller]
    pub fn forward(&self, x: &Var, offset: usize) -> Var {
        let t = steps("SinusoidalPositions", x, offset, self.table.shape());
        x + &Var::constant(self.table.narrow(0, offset, t)) // (B, T, D) + (T, D)
    }
}

/// A learned row for each position, added to the inputs: `y[b, t] = x[b, t] + weight[t]`.
///
/// Named as an embedding, which it is: `weight` (P, D).
///
/// Source: Gehring et al. 2017, Convolutional Sequence to Sequence Learning, section 3.1; drawn from N(0, 0.02²) as in
/// GPT-2 (Radford et al. 2019) and BERT.
///
/// ```
/// use glassbox_autograd::Var;
/// use glassbox_nn::LearnedPositions;
/// use glassbox_tensor::{Tensor, random::Key};
/// let positions = LearnedPositions::new(100, 4, Key::new(0));
/// let y = positions.forward(&Var::constant(Tensor::zeros([1, 2, 4])), 7); // (B, T, D) -> (B, T, D)
/// assert_eq!(y.value().select(0, 0), positions.weight.value().narrow(0, 7, 2));
/// ```
#[derive(Debug, Clone, Module)]
pub struct LearnedPositions {
    /// (P, D).
    pub weight: Param,
}

impl LearnedPositions {
    /// For the positions 0, …, `positions` − 1 of rows of `dim` numbers.
    ///
    /// ```
    /// # use glassbox_nn::{LearnedPositions, Module};
    /// # use glassbox_tensor::random::Key;
    /// assert_eq!(LearnedPositions::new(100, 4, Key::new(0)).num_parameters(), 400);
    /// ```
    pub fn new(positions: usize, dim: usize, key: Key) -> Self {
        Self { weight: Param::new(init::normal([positions, dim], 0.02, key)) }
    }

    /// x + the rows of the positions `offset`, `offset` + 1, …: (B, T, D) -> (B, T, D).
    ///
    /// ```
    /// # use glassbox_autograd::Var;
    /// # use glassbox_nn::LearnedPositions;
    /// # use glassbox_tensor::{Tensor, random::Key};
    /// let positions = LearnedPositions::new(100, 4, Key::new(0));
    /// let grads = positions.forward(&Var::constant(Tensor::zeros([3, 2, 4])), 0).sum_all().backward();
    /// let dw = grads.get(positions.weight.id()).expect("it is learned");
    /// assert_eq!((dw.at([1, 0]), dw.at([2, 0])), (3.0, 0.0)); // each example adds to the rows that it used
    /// ```
    ///
    /// # Panics
    /// If rows aren't D long, or the table ends too soon.
    #[track_caller]
    pub fn forward(&self, x: &Var, offset: usize) -> Var {
        let t = steps("LearnedPositions", x, offset, self.weight.value().shape());
        x + &self.weight.var().narrow(0, offset, t) // (B, T, D) + (T, D)
    }
}

/// Queries and keys turned by angles that grow with their positions, so that a score depends on how far apart the two
/// are: pair i at position p by p·base^(−2i/D), see [`Var::rotary`]. It is applied inside attention, to each head.
///
/// Source: Su et al. 2021, RoFormer.
///
/// ```
/// use glassbox_autograd::Var;
/// use glassbox_nn::RotaryPositions;
/// use glassbox_tensor::{Tensor, assert_close, random::Key};
/// let rotary = RotaryPositions::new(64, 8);
/// let [q, k] = [1, 2].map(|salt| Var::constant(Tensor::randn([1, 2, 1, 8], Key::new(salt)))); // (B, H, T, D)
/// let score = |i, j| rotary.forward(&q, i).matmul(&rotary.forward(&k, j).t());
/// assert_close!(score(5, 3).value(), score(42, 40).value(), 1e-4); // both are two apart
/// ```
#[derive(Debug, Clone, Module)]
pub struct RotaryPositions {
    /// The angles.
    #[module(skip)]
    table: Rotary,
}

impl RotaryPositions {
    /// For the positions 0, …, `positions` − 1 of heads of `dim` numbers, as in Llama's files: the base is 10000, and a
    /// pair has one number from each half.
    ///
    /// ```
    /// # use glassbox_nn::{Module, RotaryPositions};
    /// assert_eq!(RotaryPositions::new(64, 8).num_parameters(), 0);
    /// ```
    ///
    /// # Panics
    /// If `dim` is odd.
    #[track_caller]
    pub fn new(positions: usize, dim: usize) -> Self {
        Self::with(Rotary::new(positions, dim, 10000.0, RotaryLayout::Halves))
    }

    /// With another base, other pairs or other positions.
    ///
    /// ```
    /// use glassbox_nn::RotaryPositions;
    /// use glassbox_tensor::{Rotary, RotaryLayout};
    /// let llama3 = RotaryPositions::with(Rotary::new(64, 8, 500_000.0, RotaryLayout::Halves));
    /// ```
    pub fn with(table: Rotary) -> Self {
        Self { table }
    }

    /// The angles.
    ///
    /// ```
    /// # use glassbox_nn::RotaryPositions;
    /// assert_eq!(RotaryPositions::new(16, 8).table().positions(), 16);
    /// ```
    pub fn table(&self) -> &Rotary {
        &self.table
    }

    /// Rows (…, T, D) turned by the angles of the positions `offset`, `offset` + 1, …
    ///
    /// ```
    /// # use glassbox_autograd::Var;
    /// # use glassbox_nn::RotaryPositions;
    /// # use glassbox_tensor::{assert_close, tensor};
    /// let y = RotaryPositions::new(64, 2).forward(&Var::constant(tensor![[1., 0.]]), 3); // (T, D) -> (T, D)
    /// assert_close!(*y.value(), tensor![[3f32.cos(), 3f32.sin()]]);
    /// ```
    ///
    /// # Panics
    /// If rows aren't D long, or the table ends too soon.
    #[track_caller]
    pub fn forward(&self, x: &Var, offset: usize) -> Var {
        x.rotary(&self.table, offset)
    }
}

/// T of x (B, T, D), which the rows of a table (P, D) from `offset` on must cover.
#[track_caller]
fn steps(what: &str, x: &Var, offset: usize, table: &[usize]) -> usize {
    let shape = x.shape();
    let (t, d) = match shape {
        &[_, t, d] => (t, d),
        _ => panic!("{what}: x {shape:?} has {}; it is (B, T, D)", counted(shape.len(), "axis")),
    };
    assert!(
        d == table[1],
        "{what}: x {shape:?} has rows of {d}, the table {table:?} of {}",
        table[1],
        d = counted(d, "number")
    );
    assert!(
        t <= table[0].saturating_sub(offset),
        "{what}: x {shape:?} has positions {offset} to {}, the table only {}; make it longer",
        offset + t,
        table[0]
    );
    t
}
