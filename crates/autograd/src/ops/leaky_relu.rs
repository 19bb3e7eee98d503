//! The leaky rectifier: y = x for x > 0, and y = slope·x elsewhere.
//!
//! dy/dx is 1 for x > 0 and the slope elsewhere, at the kink too, as PyTorch does. So forward and backward are one kernel, which
//! multiplies x, or dy, by that; and as a factor of a differentiable backward it is a constant.

use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance};
use crate::op::{Grads, Keep, Kept, Op, TensorGrads};
use crate::var::{Var, apply};
use glassbox_tensor::simd::{Lanes, Simd};
use glassbox_tensor::{Tensor, map_n};

/// y = x for x > 0, slope·x elsewhere.
#[derive(Clone, Debug)]
pub struct LeakyRelu {
    /// How much of x passes to the left of 0.
    pub slope: f32,
}

impl Op for LeakyRelu {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    // the output would do for a positive slope alone
    fn keep(&self, _: &[bool]) -> Keep {
        Keep::input(0)
    }

    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        (map_n(self, [x[0], x[0]]), ())
    }

    fn backward(&self, kept: &Kept<'_, ()>, dy: &Var, _: &[bool]) -> Grads {
        let factor = map_n(self, [kept.x(0).value(), &Tensor::scalar(1.0)]);
        [Some(dy * &Var::constant(factor))].into()
    }

    fn backward_fused(&self, kept: &Kept<'_, ()>, dy: &Tensor, _: &[bool]) -> Option<TensorGrads> {
        Some([Some(map_n(self, [kept.x(0).value(), dy]))].into())
    }
}

/// v where x > 0, slope·v elsewhere
impl Lanes<2> for LeakyRelu {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [x, v]: [S::F; 2]) -> S::F {
        s.select(s.gt(x, s.splat(0.0)), v, s.splat(self.slope) * v)
    }
}

impl Var {
    /// x for x > 0 and slope·x elsewhere, elementwise.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::tensor;
    /// let x = Var::input(tensor![-2., 3.]);
    /// let y = x.leaky_relu(0.25);
    /// assert_eq!(y.value(), &tensor![-0.5, 3.]);
    /// assert_eq!(y.sum_all().backward().of(&x), &tensor![0.25, 1.]);
    /// ```
    #[track_caller]
    pub fn leaky_relu(&self, slope: f32) -> Var {
        apply(LeakyRelu { slope }, [self])
    }
}

/// What the registry knows of the leaky rectifier.
pub static INFO: OpInfo<LeakyRelu> = OpInfo {
    name: "leaky_relu",
    formula: "y = x for x > 0, slope · x elsewhere",
    gradient: "dx = dy for x > 0, slope · dy elsewhere",
    source: "Maas, Hannun & Ng 2013, Rectifier Nonlinearities Improve Neural Network Acoustic Models",
    reference: |op, x| x[0].mapv(|x| if x > 0.0 { x } else { f64::from(op.slope) * x }),
    sample: |d| {
        let x = Input::new(d.shape2()).avoiding(&[0.0]);
        Sample::new(LeakyRelu { slope: [0.2, 0.01, -0.5][d.choice(3)] }, [x])
    },
    standard: |_| Sample::new(LeakyRelu { slope: 0.01 }, [Input::new([2048, 2048])]),
    wrong: &[],
    tolerance: Tolerance::Exact,
    cost: |_, shapes| Cost::elementwise(1, shapes),
    derivatives: Derivatives::Any,
};
