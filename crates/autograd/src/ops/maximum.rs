//! The larger of two: y = max(a, b), broadcast as NumPy does; NaN where either is NaN.
//!
//! The gradient goes to the one that is y; where both are, half of it to each, as PyTorch does. (Where one is NaN it goes to
//! both.) The shares are constants: their own derivative is 0 wherever there is one.

use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance, Wrong};
use crate::op::{Grads, Keep, Kept, Op};
use crate::var::{Var, apply};
use glassbox_tensor::simd::{Lanes, Simd};
use glassbox_tensor::{Tensor, map_n, shape::broadcast};
use ndarray::{ArrayD, Zip};

/// y = max(a, b).
#[derive(Clone, Debug)]
pub struct Maximum;

impl Op for Maximum {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    // each gradient asks which of the two is the larger
    fn keep(&self, _: &[bool]) -> Keep {
        Keep::input(0).input_if(1, true)
    }

    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        (x[0].maximum(x[1]), ())
    }

    fn backward(&self, kept: &Kept<'_, ()>, dy: &Var, needs: &[bool]) -> Grads {
        let (a, b) = (kept.x(0).value(), kept.x(1).value());
        let da = needs[0].then(|| (dy * &Var::constant(share(a, b))).sum_to(kept.shape(0)));
        let db = needs[1].then(|| (dy * &Var::constant(share(b, a))).sum_to(kept.shape(1)));
        [da, db].into()
    }
}

/// What a gets of its gradient: all where it is the larger one (or either is NaN), half where both are equal.
pub(super) fn share(a: &Tensor, b: &Tensor) -> Tensor {
    struct Share;
    impl Lanes<2> for Share {
        #[inline(always)]
        fn lanes<S: Simd>(&self, s: S, [a, b]: [S::F; 2]) -> S::F {
            let (zero, half, one) = (s.splat(0.0), s.splat(0.5), s.splat(1.0));
            s.select(s.lt(a, b), zero, s.select(s.eq(a, b), half, one))
        }
    }
    map_n(&Share, [a, b])
}

impl Var {
    /// The larger of a and b, element by element with broadcasting; NaN where either is NaN.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::tensor;
    /// let (a, b) = (Var::input(tensor![1., 5., -2.]), Var::constant(tensor![1., 3., 0.]));
    /// let y = a.maximum(&b);
    /// assert_eq!(y.value(), &tensor![1., 5., 0.]);
    /// assert_eq!(y.sum_all().backward().of(&a), &tensor![0.5, 1., 0.]); // equal ones share the gradient
    /// ```
    ///
    /// # Panics
    /// When the shapes don't broadcast.
    #[track_caller]
    pub fn maximum(&self, b: &Var) -> Var {
        apply(Maximum, [self, b])
    }
}

/// f(a, b) for the pairs of two arrays which broadcast.
pub(super) fn pairwise(x: &[ArrayD<f64>], f: impl Fn(f64, f64) -> f64) -> ArrayD<f64> {
    let shape = broadcast(x[0].shape(), x[1].shape()).expect("shapes that broadcast");
    let [a, b] = [0, 1].map(|i| x[i].broadcast(&shape[..]).expect("its own shape, repeated"));
    Zip::from(a).and(b).map_collect(|&a, &b| f(a, b))
}

/// What the registry knows of the larger of two.
pub static INFO: OpInfo<Maximum> = OpInfo {
    name: "maximum",
    formula: "y = max(a, b)",
    gradient: "da = dy where a > b, dy / 2 where a = b, 0 elsewhere; db likewise; summed over repeated axes",
    source: "definition; ties and NaN as in PyTorch",
    // and not f64::max, which would swallow NaN
    reference: |_, x| pairwise(x, |a, b| if a > b || a.is_nan() { a } else { b }),
    sample: |d| Sample::new(Maximum, d.broadcast_pair().map(Input::new)),
    standard: |_| Sample::new(Maximum, [Input::new([2048, 2048]), Input::new([2048, 2048])]),
    wrong: &[Wrong {
        call: || drop(Var::constant(Tensor::ones([2, 3])).maximum(&Var::constant(Tensor::ones([2])))),
        says: "maximum: shapes [2, 3] and [2] don't broadcast: axis -1 has 3 and 2, and neither is 1; reshape one of them, or insert an axis with unsqueeze",
    }],
    tolerance: Tolerance::Exact,
    cost: |_, shapes| Cost::elementwise(1, shapes),
    derivatives: Derivatives::Any,
};
