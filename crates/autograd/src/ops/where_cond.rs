//! A choice for each element: y = a where the mask is not 0, b elsewhere, broadcast as NumPy does.
//!
//! An element of y depends on the chosen one alone: da = dy where the mask is not 0 and 0 elsewhere, db the other way
//! round, summed over repeated axes. (mask·a + (1 − mask)·b would let a NaN through that nobody chose.)

use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance, Wrong};
use crate::op::{Grads, Keep, Kept, Op};
use crate::var::{Var, apply};
use glassbox_tensor::Tensor;
use glassbox_tensor::random::Key;
use ndarray::{ArrayD, Zip};

/// y = a where the mask is not 0, b elsewhere, of the inputs a and b.
#[derive(Clone, Debug)]
pub struct WhereCond {
    /// 0 where b is chosen.
    pub mask: Tensor,
}

impl Op for WhereCond {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING
    }

    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        (Tensor::where_cond(&self.mask, x[0], x[1]), ())
    }

    fn backward(&self, kept: &Kept<'_, ()>, dy: &Var, needs: &[bool]) -> Grads {
        let zero = Var::constant(Tensor::scalar(0.0));
        let da = needs[0].then(|| Var::where_cond(&self.mask, dy, &zero).sum_to(kept.shape(0)));
        let db = needs[1].then(|| Var::where_cond(&self.mask, &zero, dy).sum_to(kept.shape(1)));
        [da, db].into()
    }
}

impl Var {
    /// `a` where the mask is not 0, `b` elsewhere, all three broadcast against each other. What is not chosen may be
    /// NaN, and no gradient flows to it.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::{Tensor, tensor};
    /// let (a, b) = (Var::input(tensor![1., 2., 3.]), Var::constant(Tensor::scalar(0.)));
    /// let y = Var::where_cond(&tensor![[1., 0., 1.], [0., 0., 1.]], &a, &b); // (2, 3), (3), () -> (2, 3)
    /// assert_eq!(y.value(), &tensor![[1., 0., 3.], [0., 0., 3.]]);
    /// assert_eq!(y.sum_all().backward().of(&a), &tensor![1., 0., 2.]);
    /// ```
    ///
    /// # Panics
    /// When the shapes don't broadcast.
    #[track_caller]
    pub fn where_cond(mask: &Tensor, a: &Var, b: &Var) -> Var {
        apply(WhereCond { mask: mask.clone() }, [a, b])
    }
}

fn reference(mask: &ArrayD<f64>, a: &ArrayD<f64>, b: &ArrayD<f64>) -> ArrayD<f64> {
    let shape = (&(mask + a) + b).raw_dim();
    let [mask, a, b] = [mask, a, b].map(|x| x.broadcast(shape.clone()).expect("shapes that broadcast"));
    Zip::from(&mask).and(&a).and(&b).map_collect(|&mask, &a, &b| if mask != 0.0 { a } else { b })
}

/// What the registry knows of choosing.
pub static INFO: OpInfo<WhereCond> = OpInfo {
    name: "where_cond",
    formula: "y = a where mask ≠ 0, b elsewhere",
    gradient: "da = dy where mask ≠ 0, 0 elsewhere; db = dy where mask = 0, 0 elsewhere; summed over repeated axes",
    source: "PyTorch, where",
    reference: |op, x| reference(&op.mask.to_f64(), &x[0], &x[1]),
    sample: |d| {
        let [a, b] = d.broadcast_pair();
        let whole = if a.len() == 2 { &a } else { &b };
        let shape = [whole.clone(), vec![1, whole[1]], vec![whole[0], 1], a.clone()][d.choice(4)].clone();
        let mask = Tensor::rand(&shape, Key::new(d.dim() as u64)).less(&Tensor::scalar(0.5));
        Sample::new(WhereCond { mask }, [Input::new(a), Input::new(b)])
    },
    standard: |_| {
        let mask = Tensor::rand([2048, 2048], Key::new(0)).less(&Tensor::scalar(0.5));
        Sample::new(WhereCond { mask }, [Input::new([2048, 2048]), Input::new([2048, 2048])])
    },
    wrong: &[
        Wrong {
            call: || {
                let [a, b] = [[2, 3], [2, 3]].map(|shape| Var::constant(Tensor::ones(shape)));
                drop(Var::where_cond(&Tensor::ones([2]), &a, &b))
            },
            says: "where_cond: shapes [2] and [2, 3] don't broadcast: axis -1 has 2 and 3, and neither is 1; reshape one of them, or insert an axis with unsqueeze",
        },
        Wrong {
            call: || {
                let [a, b] = [[2, 3], [2, 4]].map(|shape| Var::constant(Tensor::ones(shape)));
                drop(Var::where_cond(&Tensor::ones([2, 1]), &a, &b))
            },
            says: "where_cond: shapes [2, 3] and [2, 4] don't broadcast: axis -1 has 3 and 4, and neither is 1; reshape one of them, or insert an axis with unsqueeze",
        },
    ],
    tolerance: Tolerance::Exact,
    cost: |op, shapes| Cost::elementwise(0, &[op.mask.shape(), shapes[0], shapes[1]]),
    derivatives: Derivatives::Any,
};
