//! Rotary positions: pairs of numbers turned by an angle that grows with the position.
//!
//! ```text
//! y₁ = x₁·cos θ − x₂·sin θ
//! y₂ = x₁·sin θ + x₂·cos θ,     θ = p·base^(−2i/D) for pair i at position p
//! ```
//!
//! The matrix of a turn is orthogonal: its transpose, by which gradients come back, is its inverse, the turn by −θ.

use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance, Wrong, gamma};
use crate::op::{Grads, Keep, Kept, Op};
use crate::var::{Var, apply};
use glassbox_tensor::{Ids, Rotary as Table, RotaryLayout, Tensor};
use ndarray::{ArrayD, Axis};

/// y = x with each pair turned by its angle.
#[derive(Clone, Debug)]
pub struct Rotary {
    /// The angles of all positions.
    pub table: Table,
    /// The position of the first row.
    pub offset: usize,
    /// By −θ instead.
    pub back: bool,
}

impl Op for Rotary {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING
    }

    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        let turn = if self.back { Tensor::rotary_back } else { Tensor::rotary };
        (turn(x[0], &self.table, self.offset), ())
    }

    fn backward(&self, _: &Kept<'_, ()>, dy: &Var, _: &[bool]) -> Grads {
        [Some(apply(Rotary { back: !self.back, ..self.clone() }, [dy]))].into()
    }
}

impl Var {
    /// Rows (…, T, D) turned by the angles of their positions, row t by row `offset` + t of the table: what queries and
    /// keys get before [`attention`](Self::attention), whose scores then depend on distances. The offset is the number
    /// of keys that a cache holds.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::{Rotary, RotaryLayout, Tensor, assert_close, random::Key};
    /// let table = Rotary::new(64, 8, 10000.0, RotaryLayout::Interleaved);
    /// let [q, k] = [1, 2].map(|salt| Var::constant(Tensor::randn([1, 8], Key::new(salt))));
    /// let score = |i, j| q.rotary(&table, i).matmul(&k.rotary(&table, j).t());
    /// assert_close!(score(5, 3).value(), score(42, 40).value(), 1e-4); // both are two apart
    /// ```
    ///
    /// # Panics
    /// When there are fewer than two axes, D is not the table's, or the table ends too soon.
    #[track_caller]
    pub fn rotary(&self, table: &Table, offset: usize) -> Var {
        apply(Rotary { table: table.clone(), offset, back: false }, [self])
    }
}

/// Each number by the turn's matrix: x·(cos θ) ± partner·(sin θ), combined by `f`.
fn reference(op: &Rotary, x: &ArrayD<f64>, f: impl Fn(f64, f64) -> f64) -> ArrayD<f64> {
    let (mut y, half) = (x.clone(), op.table.dim() / 2);
    let (t_axis, d_axis) = (Axis(x.ndim() - 2), Axis(x.ndim() - 1));
    for t in 0..x.len_of(t_axis) {
        for i in 0..half {
            let (first, second) = match op.table.layout() {
                RotaryLayout::Interleaved => (2 * i, 2 * i + 1),
                RotaryLayout::Halves => (i, i + half),
            };
            let (sin, cos) = op.table.angle(op.offset + t, i).sin_cos();
            let sin = if op.back { -sin } else { sin };
            let rows = x.index_axis(t_axis, t);
            let (x1, x2) = (rows.index_axis(Axis(d_axis.0 - 1), first), rows.index_axis(Axis(d_axis.0 - 1), second));
            let y1 = ndarray::Zip::from(&x1).and(&x2).map_collect(|&x1, &x2| f(x1 * cos, -x2 * sin));
            let y2 = ndarray::Zip::from(&x1).and(&x2).map_collect(|&x1, &x2| f(x1 * sin, x2 * cos));
            let mut out = y.index_axis_mut(t_axis, t);
            out.index_axis_mut(Axis(d_axis.0 - 1), first).assign(&y1);
            out.index_axis_mut(Axis(d_axis.0 - 1), second).assign(&y2);
        }
    }
    y
}

/// What the registry knows of rotary positions.
pub static INFO: OpInfo<Rotary> = OpInfo {
    name: "rotary",
    formula: "y₁ = x₁ · cos θ − x₂ · sin θ, y₂ = x₁ · sin θ + x₂ · cos θ; θ = position · base^(−2i/D) for pair i",
    gradient: "dx = dy turned by −θ",
    source: "Su et al. 2021, RoFormer, equation 34",
    reference: |op, x| reference(op, &x[0], |a, b| a + b),
    sample: |d| {
        let (t, pairs, offset) = (d.dim().min(3000), d.dim().min(40), d.dim() % 100);
        let layout = [RotaryLayout::Interleaved, RotaryLayout::Halves][d.choice(2)];
        let mut table = Table::new(offset + t, 2 * pairs, 100.0, layout);
        if d.choice(3) == 0 {
            let backwards = (0..table.positions() as u32).rev().collect();
            table = table.for_positions(&Ids::from_vec(backwards, [table.positions()]));
        }
        let heads = d.dim().min(4);
        Sample::new(Rotary { table, offset, back: d.choice(2) == 1 }, [Input::new([heads, t, 2 * pairs])])
    },
    standard: |_| {
        let table = Table::new(256, 64, 10000.0, RotaryLayout::Halves);
        Sample::new(Rotary { table, offset: 0, back: false }, [Input::new([8, 6, 256, 64])])
    },
    wrong: &[
        Wrong {
            call: || drop(Var::constant(Tensor::ones([8])).rotary(&table(4), 0)),
            says: "rotary: x [8] has fewer than two axes; its last ones are positions and numbers",
        },
        Wrong {
            call: || drop(Var::constant(Tensor::ones([3, 6])).rotary(&table(4), 0)),
            says: "rotary: x [3, 6] has rows of 6 numbers, the table is for 8; make one for 6 with Rotary::new",
        },
        Wrong {
            call: || drop(Var::constant(Tensor::ones([3, 8])).rotary(&table(4), 2)),
            says: "rotary: x [3, 8] has positions 2 to 5, the table only 4; make it longer with Rotary::new",
        },
        Wrong {
            call: || drop(Table::new(4, 7, 10000.0, RotaryLayout::Halves)),
            says: "Rotary::new: of 7 numbers one has no partner; the dimension is even",
        },
    ],
    // a rounded sine or cosine, a product and a sum
    tolerance: Tolerance::Proven(|op, x| {
        let gamma = gamma(3.0);
        reference(op, &x[0], |a, b| gamma * (a.abs() + b.abs()) + 3.0 * 2f64.powi(-149))
    }),
    cost: |_, shapes| {
        let n = shapes[0].iter().product::<usize>() as u64;
        let table = shapes[0][shapes[0].len() - 2..].iter().product::<usize>() as u64; // cos and sin, half each
        Cost { flops: 3 * n, bytes: 4 * (2 * n + table) }
    },
    derivatives: Derivatives::Any,
};

fn table(positions: usize) -> Table {
    Table::new(positions, 8, 10000.0, RotaryLayout::Halves)
}
