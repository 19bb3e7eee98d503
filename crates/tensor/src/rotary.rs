//! Rotary positions: pairs of numbers turned by an angle that grows with the position (Su et al. 2021, RoFormer).
//!
//! Pair i of a row at position p is turned by θ = p·base^(−2i/D):
//!
//! ```text
//! y₁ = x₁·cos θ − x₂·sin θ
//! y₂ = x₁·sin θ + x₂·cos θ
//! ```
//!
//! A product of two turned rows, q at p and k at p', depends on their positions by p − p' alone: what makes attention
//! see distances. The angles are computed in f64 once, when the table is made; a turn is two multiplications and an
//! addition for each number.

use crate::counted;
use crate::gather::Blocks;
use crate::ids::Ids;
use crate::parallel::{CHUNK, for_each_chunk};
use crate::simd::{Isa, Kernel, Simd};
use crate::tensor::Tensor;
use std::fmt;

/// Which numbers of a row of D are a pair.
///
/// ```
/// use glassbox_tensor::{Rotary, RotaryLayout, assert_close, tensor};
/// let x = tensor![[1., 0., 0., 0.]]; // at position 1 the first pair is turned by an angle of 1
/// let turned = |layout| x.rotary(&Rotary::new(2, 4, 10000.0, layout), 1);
/// let (cos, sin) = (1f32.cos(), 1f32.sin());
/// assert_close!(turned(RotaryLayout::Interleaved), tensor![[cos, sin, 0., 0.]]);
/// assert_close!(turned(RotaryLayout::Halves), tensor![[cos, 0., sin, 0.]]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RotaryLayout {
    /// Neighbours: 2i and 2i + 1, as in RoFormer and GPT-J.
    Interleaved,
    /// One from each half: i and i + D/2, as in GPT-NeoX and the Llama files of Hugging Face.
    Halves,
}

/// The table of angles: made once, shared by all layers. Cloning shares it.
///
/// ```
/// use glassbox_tensor::{Rotary, RotaryLayout, assert_close, tensor};
/// let table = Rotary::new(100, 2, 10000.0, RotaryLayout::Halves);
/// let (q, k) = (tensor![[1., 2.]], tensor![[3., 4.]]);
/// let score = |p: usize, at: usize| q.rotary(&table, p).matmul(&k.rotary(&table, at).t());
/// assert_close!(score(7, 5), score(92, 90)); // what counts is that they are 2 apart
/// ```
#[derive(Clone)]
pub struct Rotary {
    /// (P).
    positions: Ids,
    base: f64,
    layout: RotaryLayout,
    /// (P, D/2).
    cos: Tensor,
    sin: Tensor,
}

impl Rotary {
    /// The angles of the positions 0, 1, …, `positions` − 1 for rows of `dim` numbers. `base` is 10000 in most models.
    ///
    /// ```
    /// use glassbox_tensor::{Rotary, RotaryLayout, assert_close, tensor};
    /// let table = Rotary::new(8, 2, 10000.0, RotaryLayout::Halves);
    /// let x = tensor![[1., 0.], [1., 0.]]; // two positions, of one pair each
    /// let y = x.rotary(&table, 0); // turned by an angle of 0, and of 1
    /// assert_close!(y, tensor![[1., 0.], [0.5403023, 0.84147098]]);
    /// ```
    ///
    /// # Panics
    /// When `dim` is odd, or `base` is not positive.
    #[track_caller]
    pub fn new(positions: usize, dim: usize, base: f32, layout: RotaryLayout) -> Rotary {
        assert!(
            dim.is_multiple_of(2),
            "Rotary::new: of {dim} one has no partner; the dimension is even",
            dim = counted(dim, "number")
        );
        assert!(base > 0.0, "Rotary::new: base {base} is not positive; it is 10000 in most models");
        let (positions, base) = (Ids::arange(positions), f64::from(base));
        let angles = positions.as_slice().iter().flat_map(|&p| (0..dim / 2).map(move |i| angle(p, i, dim, base)));
        let (sin, cos): (Vec<f32>, Vec<f32>) =
            angles.map(f64::sin_cos).map(|(sin, cos)| (sin as f32, cos as f32)).unzip();
        let shape = [positions.numel(), dim / 2];
        Rotary { positions, base, layout, cos: Tensor::from_vec(cos, shape), sin: Tensor::from_vec(sin, shape) }
    }

    /// The table whose row t is this one's row `rows[t]`: for sequences that are packed into one, or tokens out of
    /// order.
    ///
    /// ```
    /// use glassbox_tensor::{Ids, Rotary, RotaryLayout, tensor};
    /// let table = Rotary::new(100, 2, 10000.0, RotaryLayout::Halves);
    /// let two_sequences = table.for_positions(&Ids::from([0, 1, 2, 0, 1]));
    /// assert_eq!(two_sequences.angle(4, 0), 1.0);
    /// ```
    ///
    /// # Panics
    /// When a position lies beyond this table.
    #[track_caller]
    pub fn for_positions(&self, rows: &Ids) -> Rotary {
        let have = self.positions();
        rows.check_below(
            "Rotary::for_positions",
            have,
            format_args!("a table of {have}", have = counted(have, "position")),
        );
        let rows = rows.reshape([rows.numel()]);
        let positions = rows.as_slice().iter().map(|&row| self.positions.as_slice()[row as usize]).collect();
        let [cos, sin] = [&self.cos, &self.sin].map(|table| table.index_select(0, &rows));
        Rotary { positions: Ids::from_vec(positions, [rows.numel()]), cos, sin, ..*self }
    }

    /// θ of a pair in a row of the table, in radians: p·base^(−2·pair/D).
    ///
    /// ```
    /// use glassbox_tensor::{Rotary, RotaryLayout};
    /// let table = Rotary::new(8, 4, 100.0, RotaryLayout::Halves);
    /// assert!((table.angle(3, 1) - 0.3).abs() < 1e-12); // 3·100^(−2/4): the second pair turns ten times slower
    /// ```
    ///
    /// # Panics
    /// When the table has no such row.
    pub fn angle(&self, row: usize, pair: usize) -> f64 {
        angle(self.positions.as_slice()[row], pair, self.dim(), self.base)
    }

    /// The cosines and sines of a row, one for each pair.
    ///
    /// ```
    /// use glassbox_tensor::{Rotary, RotaryLayout};
    /// let table = Rotary::new(3, 4, 10000.0, RotaryLayout::Halves);
    /// let (cos, sin) = table.cos_sin(2);
    /// assert_eq!((cos[0], sin[1]), (2f64.cos() as f32, 0.02f64.sin() as f32));
    /// ```
    ///
    /// # Panics
    /// If there is no such row.
    pub fn cos_sin(&self, row: usize) -> (&[f32], &[f32]) {
        let pairs = self.dim() / 2;
        let [cos, sin] = [&self.cos, &self.sin]
            .map(|all| &all.as_slice().expect("contiguous as it was made")[row * pairs..][..pairs]);
        (cos, sin)
    }

    /// D.
    pub fn dim(&self) -> usize {
        2 * self.cos.shape()[1]
    }

    /// How many positions it has.
    pub fn positions(&self) -> usize {
        self.positions.numel()
    }

    /// Which numbers are a pair.
    pub fn layout(&self) -> RotaryLayout {
        self.layout
    }
}

/// What it was made from; not the numbers.
impl fmt::Debug for Rotary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (positions, dim, base) = (self.positions(), self.dim(), self.base);
        write!(f, "Rotary {{ positions: {positions}, dim: {dim}, base: {base}, layout: {:?} }}", self.layout)
    }
}

fn angle(position: u32, pair: usize, dim: usize, base: f64) -> f64 {
    f64::from(position) * base.powf(-2.0 * pair as f64 / dim as f64)
}

impl Tensor {
    /// Rows (…, T, D) turned by the angles of their positions, row t by row `offset` + t of the table: each pair (x₁,
    /// x₂) becomes (x₁·cos θ − x₂·sin θ, x₁·sin θ + x₂·cos θ), within γ₃·(|x₁| + |x₂|) (Su et al. 2021, equation 34).
    ///
    /// ```
    /// use glassbox_tensor::{Rotary, RotaryLayout, assert_close, tensor};
    /// let table = Rotary::new(4, 4, 100.0, RotaryLayout::Interleaved); // θ = p and p/10 for the two pairs
    /// let y = tensor![[1., 0., 1., 0.]].rotary(&table, 3);
    /// assert_close!(y, tensor![[3f32.cos(), 3f32.sin(), 0.3f32.cos(), 0.3f32.sin()]]);
    /// ```
    ///
    /// # Panics
    /// When there are fewer than two axes, D is not the table's, or the table ends too soon.
    #[track_caller]
    pub fn rotary(&self, table: &Rotary, offset: usize) -> Tensor {
        self.rotate(table, offset, false)
    }

    /// [`rotary`](Self::rotary) by −θ: its inverse, and the way that its gradient takes.
    ///
    /// ```
    /// use glassbox_tensor::{Rotary, RotaryLayout, assert_close, tensor};
    /// let table = Rotary::new(8, 2, 10000.0, RotaryLayout::Halves);
    /// let x = tensor![[1., 2.], [3., 4.]];
    /// assert_close!(x.rotary(&table, 5).rotary_back(&table, 5), x, 1e-6);
    /// ```
    ///
    /// # Panics
    /// As [`rotary`](Self::rotary).
    #[track_caller]
    pub fn rotary_back(&self, table: &Rotary, offset: usize) -> Tensor {
        self.rotate(table, offset, true)
    }

    #[track_caller]
    fn rotate(&self, table: &Rotary, offset: usize, back: bool) -> Tensor {
        let &[.., t, d] = self.shape() else {
            panic!("rotary: x {:?} has fewer than two axes; its last ones are positions and numbers", self.shape())
        };
        let (dim, have) = (table.dim(), table.positions());
        assert!(
            d == dim,
            "rotary: x {:?} has rows of {counted_d}, the table is for {dim}; make one for {d} with Rotary::new",
            self.shape(),
            counted_d = counted(d, "number")
        );
        let end = offset.checked_add(t).expect("positions that can be counted");
        assert!(
            end <= have,
            "rotary: x {:?} has positions {offset} to {end}, the table only {have}; make it longer with Rotary::new",
            self.shape()
        );
        let mut y = Tensor::for_overwrite(self.shape());
        if y.numel() > 0 {
            let x = Blocks::new(self, self.rank() - 1);
            Isa::current().dispatch(Rotate { x: &x, table, offset, back, t, y: y.make_mut() });
        }
        y
    }
}

struct Rotate<'a> {
    x: &'a Blocks,
    table: &'a Rotary,
    offset: usize,
    back: bool,
    t: usize,
    y: &'a mut [f32],
}

impl Kernel for Rotate<'_> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Rotate { x, table, offset, back, t, y } = self;
        let (d, work) = (x.len, 4 * y.len());
        let rows = CHUNK.div_ceil(d);
        let [cos, sin] = [&table.cos, &table.sin].map(|x| x.as_slice().expect("made so"));
        for_each_chunk(y, rows * d, work, |task, y| {
            for (i, y) in y.chunks_exact_mut(d).enumerate() {
                let i = task * rows + i;
                let at = (offset + i % t) * (d / 2);
                let angles = (&cos[at..][..d / 2], &sin[at..][..d / 2]);
                s.enter(Row { x: x.get(i), angles, back, layout: table.layout, y });
            }
        });
    }
}

/// One row.
struct Row<'a> {
    x: &'a [f32],
    /// cos θ and sin θ of each pair.
    angles: (&'a [f32], &'a [f32]),
    back: bool,
    layout: RotaryLayout,
    y: &'a mut [f32],
}

impl Kernel for Row<'_> {
    type Out = ();
    // Plain loops: the compiler makes vectors of them, and the shuffles that pairs of neighbours need.
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Row { x, angles: (cos, sin), back, layout, y } = self;
        let sign = if back { -1.0 } else { 1.0 };
        match layout {
            RotaryLayout::Interleaved => {
                let angles = cos.iter().zip(sin);
                for ((y, x), (&c, &s)) in y.chunks_exact_mut(2).zip(x.chunks_exact(2)).zip(angles) {
                    (y[0], y[1]) = turn(x[0], x[1], c, sign * s);
                }
            }
            RotaryLayout::Halves => {
                let ((y1, y2), (x1, x2)) = (y.split_at_mut(cos.len()), x.split_at(cos.len()));
                for i in 0..cos.len() {
                    (y1[i], y2[i]) = turn(x1[i], x2[i], cos[i], sign * sin[i]);
                }
            }
        }
    }
}

#[inline(always)]
fn turn(x1: f32, x2: f32, cos: f32, sin: f32) -> (f32, f32) {
    (x1 * cos - x2 * sin, x1 * sin + x2 * cos)
}
