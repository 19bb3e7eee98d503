//! Comparisons, elementwise: y = 1 where a < b (≤, >, ≥, =, ≠) holds, 0 elsewhere.
//!
//! A mask jumps from 0 to 1 and is constant everywhere else, so nothing flows through it: the methods give a tensor,
//! not a variable, which is what [`Var::where_cond`] chooses by.

use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance, Wrong};
use crate::op::{Grads, Keep, Kept, Op};
use crate::var::Var;
use glassbox_tensor::{Comparison, Tensor};
use ndarray::{ArrayD, Zip};

/// y = 1 where `how` holds between a and b, of the inputs a and b.
#[derive(Clone, Debug)]
pub struct Compare {
    /// Which comparison.
    pub how: Comparison,
}

impl Op for Compare {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING
    }

    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        (x[0].compare(self.how, x[1]), ())
    }

    fn backward(&self, _: &Kept<'_, ()>, _: &Var, _: &[bool]) -> Grads {
        [None, None].into()
    }
}

/// One method for each comparison. A list, so a macro.
macro_rules! comparisons {
    ($($(#[$doc:meta])* $name:ident, $answers:literal;)+) => {
        impl Var {$(
            $(#[$doc])*
            ///
            /// ```
            /// use glassbox_autograd::Var;
            /// use glassbox_tensor::tensor;
            /// let (a, b) = (Var::constant(tensor![1., 2., 3.]), Var::constant(tensor![2.]));
            #[doc = concat!("let mask = a.", stringify!($name), "(&b); // (3), (1) -> (3)")]
            #[doc = concat!("assert_eq!(mask, tensor!", $answers, ");")]
            /// ```
            ///
            /// # Panics
            /// When the shapes don't broadcast.
            #[track_caller]
            pub fn $name(&self, other: &Var) -> Tensor {
                self.value().$name(other.value())
            }
        )+}
    };
}

comparisons! {
    /// A mask: 1 where this is less than `other`, 0 elsewhere; NaN is not.
    less, "[1., 0., 0.]";
    /// A mask: 1 where this is at most `other`, 0 elsewhere; NaN is not.
    less_equal, "[1., 1., 0.]";
    /// A mask: 1 where this is greater than `other`, 0 elsewhere; NaN is not.
    greater, "[0., 0., 1.]";
    /// A mask: 1 where this is at least `other`, 0 elsewhere; NaN is not.
    greater_equal, "[0., 1., 1.]";
    /// A mask: 1 where this equals `other`, 0 elsewhere; NaN equals nothing.
    equal, "[0., 1., 0.]";
    /// A mask: 1 where this differs from `other`, 0 elsewhere; NaN differs from everything.
    not_equal, "[1., 0., 1.]";
}

fn reference(how: Comparison, a: &ArrayD<f64>, b: &ArrayD<f64>) -> ArrayD<f64> {
    let holds = |a: f64, b: f64| match how {
        Comparison::Less => a < b,
        Comparison::LessEqual => a <= b,
        Comparison::Greater => a > b,
        Comparison::GreaterEqual => a >= b,
        Comparison::Equal => a == b,
        Comparison::NotEqual => a != b,
    };
    let shape = (a + b).raw_dim();
    let [a, b] = [a, b].map(|x| x.broadcast(shape.clone()).expect("shapes that broadcast"));
    Zip::from(&a).and(&b).map_collect(|&a, &b| f64::from(holds(a, b)))
}

/// What the registry knows of comparisons.
pub static INFO: OpInfo<Compare> = OpInfo {
    name: "compare",
    formula: "y = 1 where a < b (or ≤, >, ≥, =, ≠), 0 elsewhere",
    gradient: "none: a mask is constant wherever it has a derivative",
    source: "IEEE 754-2019, section 5.11",
    reference: |op, x| reference(op.how, &x[0], &x[1]),
    sample: |d| {
        use Comparison::{Equal, Greater, GreaterEqual, Less, LessEqual, NotEqual};
        let how = [Less, LessEqual, Greater, GreaterEqual, Equal, NotEqual][d.choice(6)];
        // Within 0.05 of the kink all become −0.05 or 0.05, so that equal numbers are frequent.
        let [a, b] = d.broadcast_pair().map(|shape| Input::within(shape, -0.06..0.06).avoiding(&[0.0]));
        Sample::new(Compare { how }, [a, b])
    },
    standard: |_| Sample::new(Compare { how: Comparison::Less }, [Input::new([2048, 2048]), Input::new([2048, 2048])]),
    wrong: &[
        Wrong {
            call: || {
                let [a, b] = [[2, 3], [2, 4]].map(|shape| Var::constant(Tensor::ones(shape)));
                drop(a.less(&b))
            },
            says: "less: shapes [2, 3] and [2, 4] don't broadcast: axis -1 has 3 and 4, and neither is 1; reshape one of them, or insert an axis with unsqueeze",
        },
        Wrong {
            call: || {
                let [a, b] = [[2, 3], [4, 3]].map(|shape| Var::constant(Tensor::ones(shape)));
                drop(a.not_equal(&b))
            },
            says: "not_equal: shapes [2, 3] and [4, 3] don't broadcast: axis -2 has 2 and 4, and neither is 1; reshape one of them, or insert an axis with unsqueeze",
        },
    ],
    tolerance: Tolerance::Exact,
    cost: |_, shapes| Cost::elementwise(1, shapes),
    derivatives: Derivatives::Never("a mask is constant wherever it has a derivative"),
};
