//! The p-norm over any axes: y = (Σ |x|ᵖ)^(1/p); max |x| for p = ∞.
//!
//! ```text
//! ∂y/∂xᵢ = sgn(xᵢ)·(|xᵢ| / y)^(p − 1)
//! ```
//!
//! which is sgn(xᵢ) for p = 1, xᵢ / y for p = 2, and for p = ∞ sgn(xᵢ) at the largest |xᵢ| and 0 elsewhere (n equally large ones get
//! an n-th each). Where there is no derivative 0 is taken, as PyTorch does: at xᵢ = 0 for p ≤ 1, and where all x are 0.

use super::max::shared_tensor;
use super::sum::{cost, sample_axes};
use crate::axes;
use crate::info::{Derivatives, Input, OpInfo, Sample, Tolerance, Wrong};
use crate::op::{Grads, Keep, Kept, Op, TensorGrads};
use crate::var::{Var, apply};
use glassbox_tensor::simd::{Lanes, Simd, math};
use glassbox_tensor::{Tensor, map_n};

/// y = (Σ |x|ᵖ)^(1/p) over `axes`; reduced axes keep length 1 with `keepdim`.
#[derive(Clone, Debug)]
pub struct Norm {
    /// The power: greater than 0, ∞ among them.
    pub p: f32,
    /// Which axes; negative ones count from the end.
    pub axes: Vec<isize>,
    /// Whether reduced axes stay, with length 1.
    pub keepdim: bool,
}

impl Op for Norm {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    fn keep(&self, _: &[bool]) -> Keep {
        Keep::OUTPUT.input_if(0, true)
    }

    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        (x[0].norm(self.p, &self.axes, self.keepdim), ())
    }

    fn backward(&self, kept: &Kept<'_, ()>, dy: &Var, _: &[bool]) -> Grads {
        let x = kept.x(0);
        let spread = |y: &Var| axes::with_axes(y, x.shape(), &self.axes);
        let sign = Var::constant(x.value().sign());
        let dx = match self.p {
            1.0 => &spread(dy) * &sign,
            2.0 => x * &spread(&(dy / &axes::nonzero(kept.y()))),
            f32::INFINITY => &spread(dy) * &Var::constant(self.largest(x.value(), kept.y().value())),
            p => {
                // where x is 0, its sign is, and |x| may be taken for 1
                let share = &axes::nonzero(&x.abs()) / &spread(&axes::nonzero(kept.y()));
                &(&spread(dy) * &sign) * &share.powf(p - 1.0)
            }
        };
        [Some(dx)].into()
    }

    fn backward_fused(&self, kept: &Kept<'_, ()>, dy: &Tensor, _: &[bool]) -> Option<TensorGrads> {
        let (x, y) = (kept.x(0).value(), kept.y().value());
        let shape = axes::kept(x.shape(), &self.axes);
        let dx = match self.p {
            1.0 => map_n(&SignTimes, [x, &dy.reshape(shape)]),
            f32::INFINITY => &self.largest(x, y) * &dy.reshape(shape),
            2.0 => x * &(dy / axes::nonzero(kept.y()).value()).reshape(shape),
            p => map_n(&Backward { less: p - 1.0 }, [x, &y.reshape(shape), &dy.reshape(shape)]),
        };
        Some([Some(dx)].into())
    }
}

impl Norm {
    /// For p = ∞: sgn(x) at the largest |x|, shared among equal ones.
    fn largest(&self, x: &Tensor, y: &Tensor) -> Tensor {
        &shared_tensor(&x.abs(), y, &Tensor::ones(y.shape()), &self.axes) * &x.sign()
    }
}

/// dy·sgn(x)
struct SignTimes;

impl Lanes<2> for SignTimes {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [x, dy]: [S::F; 2]) -> S::F {
        let zero = s.splat(0.0);
        s.select(s.gt(x, zero), dy, s.select(s.lt(x, zero), -dy, zero))
    }
}

/// dy·sgn(x)·(|x| / y)^less, 0 at 0
struct Backward {
    less: f32,
}

impl Lanes<3> for Backward {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [x, y, dy]: [S::F; 3]) -> S::F {
        let power = math::pow(s, s.abs(x) / y, s.splat(self.less));
        s.select(s.eq(x, s.splat(0.0)), x, dy * s.copysign(power, x))
    }
}

impl Var {
    /// The p-norm (Σ |x|ᵖ)^(1/p) over `axes` (negative ones count from the end); `p = f32::INFINITY` gives max |x|. Reduced axes
    /// keep length 1 with `keepdim`. The gradient at 0 is 0.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::{assert_close, tensor};
    /// let x = Var::input(tensor![[3., -4.], [0., 0.]]);
    /// let y = x.norm(2.0, &[1], false); // (2, 2) -> (2)
    /// assert_eq!(y.value(), &tensor![5., 0.]);
    /// assert_close!(*y.sum_all().backward().of(&x), tensor![[0.6, -0.8], [0., 0.]]);
    /// ```
    ///
    /// # Panics
    /// When p is not greater than 0; for an axis that doesn't exist or is named twice.
    #[track_caller]
    pub fn norm(&self, p: f32, axes: &[isize], keepdim: bool) -> Var {
        apply(Norm { p, axes: axes.to_vec(), keepdim }, [self])
    }
}

/// (Σ |x|ᵖ)^(1/p) of a row, in f64.
fn reference(x: &[f64], p: f64) -> f64 {
    let largest = x.iter().map(|x| x.abs()).fold(0.0, axes::larger);
    if p.is_infinite() || largest == 0.0 || !largest.is_finite() {
        return largest;
    }
    largest * x.iter().map(|x| (x.abs() / largest).powf(p)).sum::<f64>().powf(1.0 / p)
}

/// What the registry knows of the norm.
pub static INFO: OpInfo<Norm> = OpInfo {
    name: "norm",
    formula: "y = (Σ |x|^p)^(1/p) over the named axes; max |x| for p = ∞",
    gradient: "dx = dy · sgn(x) · (|x| / y)^(p − 1); 0 where y is 0",
    source: "definition; the values at 0 as PyTorch's vector_norm",
    reference: |op, x| axes::reduce(&x[0], &op.axes, op.keepdim, |x| reference(x, f64::from(op.p))),
    sample: |d| {
        let shape = [d.dim(), d.dim(), d.dim() % 4 + 1];
        let (axes, keepdim) = sample_axes(d);
        let p = [2.0, 1.0, f32::INFINITY, 3.0, 1.5, 0.5][d.choice(6)];
        // near 0 the small powers bend too sharply for central differences
        let x = Input::within(shape, if p < 1.0 { 0.1..2.0 } else { -2.0..2.0 }).avoiding(&[0.0]);
        Sample::new(Norm { p, axes, keepdim }, [x])
    },
    standard: |_| Sample::new(Norm { p: 2.0, axes: vec![-1], keepdim: false }, [Input::new([2048, 2048])]),
    wrong: &[
        Wrong {
            call: || drop(Var::constant(Tensor::ones([2, 3])).norm(0.0, &[1], false)),
            says: "norm: p is 0; use p > 0, or f32::INFINITY for the largest |x|",
        },
        Wrong {
            call: || drop(Var::constant(Tensor::ones([2, 3])).norm(2.0, &[2], false)),
            says: "norm: axis 2 is out of range for a tensor with 2 axes; use -2 to 1",
        },
    ],
    tolerance: Tolerance::Units(4.0),
    cost: |_, shapes| cost(2, shapes),
    derivatives: Derivatives::Any,
};
