//! Several tensors in one, one after the other along an axis.
//!
//! Each element of y is one element of one input, so each dx is the range of dy where that input stands.

use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance, Wrong};
use crate::op::{Grads, Keep, Kept, Op, TensorGrads};
use crate::var::{Var, apply_many};
use glassbox_tensor::shape::axis_index;
use glassbox_tensor::{Tensor, stack_axis};
use ndarray::Axis;

/// y = the inputs one after the other along `axis`.
#[derive(Clone, Debug)]
pub struct Cat {
    /// Which axis; a negative one counts from the end.
    pub axis: isize,
}

impl Op for Cat {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();

    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING
    }

    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        (Tensor::cat(x, self.axis), ())
    }

    fn backward(&self, kept: &Kept<'_, ()>, dy: &Var, needs: &[bool]) -> Grads {
        let at = axis_index("cat", self.axis, dy.rank());
        let mut start = 0;
        let mut grads = Vec::with_capacity(needs.len());
        for (i, &need) in needs.iter().enumerate() {
            let len = kept.shape(i)[at];
            grads.push(need.then(|| dy.narrow(self.axis, start, len)));
            start += len;
        }
        grads.into_iter().collect()
    }

    // a dy that is turned is put in order once: its parts, which are views of it, are then read row by row wherever they go
    fn backward_fused(&self, kept: &Kept<'_, ()>, dy: &Tensor, needs: &[bool]) -> Option<TensorGrads> {
        let dy = (dy.as_slice().is_none()).then(|| Var::constant(dy.contiguous()))?;
        Some(self.backward(kept, &dy, needs).into_values())
    }
}

impl Var {
    /// The variables one after the other along `axis` (a negative one counts from the end).
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::tensor;
    /// let (a, b) = (Var::input(tensor![[1.], [2.]]), Var::input(tensor![[3., 4.], [5., 6.]]));
    /// let y = Var::cat(&[&a, &b], -1); // (2, 1), (2, 2) -> (2, 3)
    /// assert_eq!(y.value(), &tensor![[1., 3., 4.], [2., 5., 6.]]);
    /// assert_eq!((&y * &y).sum_all().backward().of(&b), &tensor![[6., 8.], [10., 12.]]);
    /// ```
    ///
    /// # Panics
    /// For no variables, an axis that they don't have, or shapes that differ on another one.
    #[track_caller]
    pub fn cat(x: &[&Var], axis: isize) -> Var {
        apply_many(Cat { axis }, x)
    }

    /// The variables, of one shape, as the entries of a new axis, which is axis `axis` of the result (`-1` puts it
    /// last).
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::tensor;
    /// let (a, b) = (Var::constant(tensor![1., 2.]), Var::constant(tensor![3., 4.]));
    /// assert_eq!(Var::stack(&[&a, &b], 0).value(), &tensor![[1., 2.], [3., 4.]]);
    /// assert_eq!(Var::stack(&[&a, &b], -1).value(), &tensor![[1., 3.], [2., 4.]]);
    /// ```
    ///
    /// # Panics
    /// For no variables, shapes that differ, or an axis that the result doesn't have.
    #[track_caller]
    pub fn stack(x: &[&Var], axis: isize) -> Var {
        let at = stack_axis(&x.iter().map(|v| v.shape()).collect::<Vec<_>>(), axis);
        let rows: Vec<Var> = x.iter().map(|v| v.unsqueeze(at)).collect();
        Var::cat(&rows.iter().collect::<Vec<_>>(), at)
    }
}

/// What the registry knows of concatenation.
pub static INFO: OpInfo<Cat> = OpInfo {
    name: "cat",
    formula: "y = x₀, x₁, … one after the other along an axis",
    gradient: "dxᵢ = the range of dy where xᵢ stands",
    source: "NumPy, concatenate",
    reference: |op, x| {
        let axis = Axis(axis_index("cat", op.axis, x[0].ndim()));
        let views: Vec<_> = x.iter().map(|x| x.view()).collect();
        ndarray::concatenate(axis, &views).expect("shapes that agree on all other axes")
    },
    sample: |d| {
        let shape = [d.dim() % 64, d.dim(), d.dim()];
        let axis = d.choice(3);
        let inputs: Vec<Input> = (0..1 + d.choice(6))
            .map(|i| {
                let mut shape = shape;
                shape[axis] = if i == 0 { shape[axis] } else { d.dim() % 32 };
                Input::new(shape)
            })
            .collect();
        Sample::new(Cat { axis: [axis as isize, axis as isize - 3][d.choice(2)] }, inputs)
    },
    standard: |_| Sample::new(Cat { axis: -1 }, [Input::new([1024, 1024]), Input::new([1024, 512])]),
    wrong: &[
        Wrong {
            call: || drop(Var::cat(&[], 0)),
            says: "cat: there are no tensors to concatenate; give at least one",
        },
        Wrong {
            call: || {
                let [a, b] = [[2, 3], [4, 3]].map(|shape| Var::constant(Tensor::ones(shape)));
                drop(Var::cat(&[&a, &b], 1))
            },
            says: "cat: input 1 has shape [4, 3] and input 0 [2, 3]; on every axis but 1 they must agree",
        },
        Wrong {
            call: || {
                let [a, b] = [[2, 3], [2, 4]].map(|shape| Var::constant(Tensor::ones(shape)));
                drop(Var::stack(&[&a, &b], 0))
            },
            says: "stack: input 1 has shape [2, 4] and input 0 [2, 3]; they must agree, or use cat",
        },
    ],
    tolerance: Tolerance::Exact,
    cost: |_, shapes| {
        let n: usize = shapes.iter().map(|shape| shape.iter().product::<usize>()).sum();
        Cost { flops: 0, bytes: 8 * n as u64 }
    },
    derivatives: Derivatives::Any,
};
