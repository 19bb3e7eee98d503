//! A straight line: y = scale·x + shift with two constants; what `2.0 * &x`, `&x + 1.0` and `1.0 - &x` are.
//!
//! ∂y/∂x = scale, so dx = scale·dy, and nothing is kept.

use super::div::Div;
use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance};
use crate::op::{Grads, Keep, Kept, Op};
use crate::var::{Var, apply};
use glassbox_tensor::Tensor;

/// y = scale·x + shift.
#[derive(Clone, Debug)]
pub struct Affine {
    /// The factor.
    pub scale: f32,
    /// What is added. A bare product has −0 here: x + (−0) is x for every x, while −0 + 0 is +0.
    pub shift: f32,
}

impl Op for Affine {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING
    }

    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        (x[0].affine(self.scale, self.shift), ())
    }

    fn backward(&self, _: &Kept<'_, ()>, dy: &Var, _: &[bool]) -> Grads {
        [Some(if self.scale == 1.0 { dy.clone() } else { self.scale * dy })].into()
    }
}

impl Var {
    /// scale·x + shift, in one pass.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::tensor;
    /// let x = Var::input(tensor![1., 2.]);
    /// let y = x.affine(3.0, -1.0);
    /// assert_eq!(y.value(), &tensor![2., 5.]);
    /// assert_eq!((&(3.0 * &x) - 1.0).value(), y.value()); // the same in two passes
    /// assert_eq!(y.sum_all().backward().of(&x), &tensor![3., 3.]);
    /// ```
    #[track_caller]
    pub fn affine(&self, scale: f32, shift: f32) -> Var {
        apply(Affine { scale, shift }, [self])
    }
}

/// Arithmetic with a number on either side. A quotient is a division, not a product with the rounded 1/c.
macro_rules! with_numbers {
    ($($trait:ident $method:ident |$x:ident, $c:ident| $right:expr, $left:expr;)+) => {$(
        impl std::ops::$trait<f32> for &Var {
            type Output = Var;
            #[track_caller]
            fn $method(self, $c: f32) -> Var {
                let $x = self;
                $right
            }
        }
        impl std::ops::$trait<&Var> for f32 {
            type Output = Var;
            #[track_caller]
            fn $method(self, $x: &Var) -> Var {
                let $c = self;
                $left
            }
        }
    )+};
}

with_numbers! {
    Add add |x, c| x.affine(1.0, c), x.affine(1.0, c);
    Sub sub |x, c| x.affine(1.0, -c), x.affine(-1.0, c);
    Mul mul |x, c| x.affine(c, -0.0), x.affine(c, -0.0);
    Div div |x, c| apply(Div, [x, &number(c)]), apply(Div, [&number(c), x]);
}

fn number(c: f32) -> Var {
    Var::constant(Tensor::scalar(c))
}

/// What the registry knows of the straight line.
pub static INFO: OpInfo<Affine> = OpInfo {
    name: "affine",
    formula: "y = scale · x + shift",
    gradient: "dx = scale · dy",
    source: "definition",
    reference: |op, x| x[0].mapv(|x| op.scale as f64 * x + op.shift as f64),
    sample: |d| {
        let x = Input::new(d.shape2());
        let (scale, shift) = [(2.0, -0.0), (0.3, -0.7), (1.0, 2.5), (-1.7, 1.0)][d.choice(4)];
        Sample::new(Affine { scale, shift }, [x])
    },
    standard: |_| Sample::new(Affine { scale: 0.3, shift: -0.7 }, [Input::new([2048, 2048])]),
    wrong: &[],
    // one rounding where multiply-add is fused, two on the scalar token: at most 2, where scale·x and shift cancel
    tolerance: Tolerance::UnitsOf(2.0, |op, x| x[0].mapv(|x| (op.scale as f64 * x).abs() + op.shift.abs() as f64)),
    cost: |_, shapes| Cost::elementwise(2, shapes),
    derivatives: Derivatives::Any,
};
