//! A fully connected layer in one pass: y = x·Wᵀ + b, then max(·, 0) if asked for.
//!
//! W is (out, in), as PyTorch keeps it, so row j holds the weights of output j. With z = x·Wᵀ + b over R rows of x:
//!
//! ```text
//! dz = dy where y > 0 (with relu), dy (without)
//! dx = dz·W,   dW = dzᵀ·x,   db = Σ dz over the rows
//! ```
//!
//! Bias and activation ride along while a tile of the product is in registers (`gemm::Epilogue`): z is never stored.

use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance, Wrong, gamma};
use crate::op::{Grads, Keep, Kept, Op, TensorGrads};
use crate::ops::relu;
use crate::var::{Var, apply};
use glassbox_tensor::{Tensor, counted};
use glassbox_tensor::gemm::{Activation, Epilogue};
use glassbox_tensor::shape::Dims;
use ndarray::{ArrayD, ArrayView2, Ix2};

/// y = x·Wᵀ (+ b), of the inputs x (…, in), W (out, in) and, if there is a third, b (out).
#[derive(Clone, Debug)]
pub struct Linear {
    /// Whether max(·, 0) follows.
    pub relu: bool,
}

impl Op for Linear {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = ();
    const ADDED: Option<usize> = Some(2);

    // a frozen W needs no x, an x that is data needs no W; y says where relu passed
    fn keep(&self, needs: &[bool]) -> Keep {
        let keep = if self.relu { Keep::OUTPUT } else { Keep::NOTHING };
        keep.input_if(1, needs[0]).input_if(0, needs[1])
    }

    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
        let (x, w, b) = (x[0], x[1], x.get(2).map(|b| b.contiguous()));
        check(x.shape(), w.shape(), b.as_ref().map(Tensor::shape));
        let [out, inner] = [w.shape()[0], w.shape()[1]];
        let activation = if self.relu { Activation::Relu } else { Activation::None };
        let epilogue = Epilogue { bias: b.as_ref().and_then(Tensor::as_slice), activation, ..Default::default() };
        let rows = rows(x.shape());
        let x2 = if x.rank() == 2 { x.clone() } else { x.reshape([rows, inner]) };
        let y = x2.matmul_with(&w.t(), &epilogue); // (R, in) × (in, out) -> (R, out)
        let mut shape = Dims::new(x.shape());
        shape[x.rank() - 1] = out;
        (y.reshape(shape), ())
    }

    fn backward(&self, kept: &Kept<'_, ()>, dy: &Var, needs: &[bool]) -> Grads {
        let dz = if self.relu { dy * &relu::mask(kept.y()) } else { dy.clone() };
        let (x_shape, [out, inner]) = (kept.shape(0), [kept.shape(1)[0], kept.shape(1)[1]]);
        let rows = rows(x_shape);
        let dz = dz.reshape([rows, out]);
        let dx = needs[0].then(|| dz.matmul(kept.x(1)).reshape(x_shape)); // (R, out) × (out, in) -> (R, in)
        let dw = needs[1].then(|| dz.t().matmul(&kept.x(0).reshape([rows, inner]))); // (out, R) × (R, in) -> (out, in)
        let db = needs.get(2).is_some_and(|&need| need).then(|| dz.sum(&[0], false)); // (R, out) -> (out)
        [dx, dw, db].into()
    }

    // relu's mask is applied without being stored; the rest is the same, on tensors
    fn backward_fused(&self, kept: &Kept<'_, ()>, dy: &Tensor, needs: &[bool]) -> Option<TensorGrads> {
        let dz = if self.relu { relu::masked(kept.y().value(), dy) } else { dy.clone() };
        let (x_shape, [out, inner]) = (kept.shape(0), [kept.shape(1)[0], kept.shape(1)[1]]);
        let rows = rows(x_shape);
        let dz = dz.reshape([rows, out]);
        let dx = needs[0].then(|| dz.matmul(kept.x(1).value()).reshape(x_shape));
        let dw = needs[1].then(|| dz.t().matmul(&kept.x(0).value().reshape([rows, inner])));
        let db = needs.get(2).is_some_and(|&need| need).then(|| dz.sum(&[0], false));
        Some([dx, dw, db].into())
    }
}

impl Var {
    /// x·Wᵀ + b for x (…, in), W (out, in) and b (out): (…, in) -> (…, out).
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::tensor;
    /// let w = Var::input(tensor![[1., 2., 3.], [0., -1., 1.]]); // (out 2, in 3)
    /// let b = Var::input(tensor![10., 20.]);
    /// let x = Var::constant(tensor![[1., 1., 1.]]);
    /// let y = x.linear(&w, Some(&b)); // (1, 3) × (3, 2) -> (1, 2)
    /// assert_eq!(y.value(), &tensor![[16., 20.]]);
    /// let grads = y.sum_all().backward();
    /// assert_eq!(grads.of(&w), &tensor![[1., 1., 1.], [1., 1., 1.]]);
    /// assert_eq!(grads.of(&b), &tensor![1., 1.]);
    /// ```
    ///
    /// # Panics
    /// When W has not two axes, x doesn't end in `in`, or b is not (out).
    #[track_caller]
    pub fn linear(&self, weight: &Var, bias: Option<&Var>) -> Var {
        dense(self, weight, bias, false)
    }

    /// max(x·Wᵀ + b, 0), with the rectifier inside the matrix product; otherwise as [`linear`](Self::linear).
    ///
    /// # Panics
    /// As [`linear`](Self::linear).
    #[track_caller]
    pub fn linear_relu(&self, weight: &Var, bias: Option<&Var>) -> Var {
        dense(self, weight, bias, true)
    }
}

#[track_caller]
fn dense(x: &Var, weight: &Var, bias: Option<&Var>, relu: bool) -> Var {
    match bias {
        Some(bias) => apply(Linear { relu }, [x, weight, bias]),
        None => apply(Linear { relu }, [x, weight]),
    }
}

/// R: how many rows x (…, in) has.
fn rows(x: &[usize]) -> usize {
    x[..x.len() - 1].iter().product()
}

#[track_caller]
fn check(x: &[usize], w: &[usize], b: Option<&[usize]>) {
    let &[out, inner] = w else { panic!("linear: weight {w:?} has {}; it is (out, in)", counted(w.len(), "axis")) };
    let Some(&last) = x.last() else {
        panic!("linear: x has no axes; its last one is the {inner} that weight {w:?} takes")
    };
    if last != inner {
        let way_out = if last == out { format!("; weight.t() is {:?}", [inner, out]) } else { String::new() };
        panic!("linear: x {x:?} ends in {last}, but weight {w:?}, which is (out, in), takes {inner}{way_out}");
    }
    if let Some(b) = b {
        assert!(b == [out], "linear: bias {b:?} does not fit weight {w:?}, which gives {out}; it is [{out}]");
    }
}

/// f applied to Σₖ xᵢₖ wⱼₖ + bⱼ.
fn reference(x: &[ArrayD<f64>], f: impl Fn(f64) -> f64) -> ArrayD<f64> {
    let [out, inner] = [x[1].shape()[0], x[1].shape()[1]];
    let x2 = x[0].to_shape((rows(x[0].shape()), inner)).expect("the rows of x");
    let w: ArrayView2<'_, f64> = x[1].view().into_dimensionality::<Ix2>().expect("a matrix");
    let mut y = x2.dot(&w.t());
    if let Some(b) = x.get(2) {
        y += &b.view().into_dimensionality::<ndarray::Ix1>().expect("one axis");
    }
    let mut shape = x[0].shape().to_vec();
    *shape.last_mut().expect("an axis") = out;
    y.mapv(f).to_shape(shape).expect("the rows of x").into_owned()
}

/// What the registry knows of the fully connected layer.
pub static INFO: OpInfo<Linear> = OpInfo {
    name: "linear",
    formula: "y[…, j] = Σₖ x[…, k] · w[j, k] + b[j], then max(·, 0) if asked for",
    gradient: "dz = dy where y > 0 (relu) or dy; dx = dz · w, dw = dzᵀ · x, db = Σ dz",
    source: "kernel: crates/tensor/src/gemm; bound: Higham 2002, Accuracy and Stability, (3.13)",
    reference: |op, x| reference(x, |z| if op.relu && z < 0.0 { 0.0 } else { z }),
    sample: |d| {
        let (rows, inner, out) = (d.dim(), d.dim(), d.dim());
        let x = [vec![rows, inner], vec![2, rows, inner], vec![inner]][d.choice(3)].clone();
        match d.choice(4) {
            0 => Sample::new(Linear { relu: false }, [Input::new(x), Input::new([out, inner])]),
            1 => Sample::new(Linear { relu: false }, [Input::new(x), Input::new([out, inner]), Input::new([out])]),
            // away from relu's kink: a product below 0.05 beside a bias beyond it, or summands that are all positive
            2 => {
                let (x, w) = (Input::within(x, -1e-3..1e-3), Input::within([out, inner], -0.05..0.05));
                Sample::new(Linear { relu: true }, [x, w, Input::new([out]).avoiding(&[0.0])])
            }
            _ => {
                let (x, w) = (Input::within(x, 0.1..2.0), Input::within([out, inner], 0.1..2.0));
                Sample::new(Linear { relu: true }, [x, w])
            }
        }
    },
    standard: |_| {
        let inputs = [Input::new([128, 784]), Input::new([400, 784]), Input::new([400])];
        Sample::new(Linear { relu: true }, inputs)
    },
    wrong: &[
        Wrong {
            call: || {
                drop(Var::constant(Tensor::ones([32, 784])).linear(&Var::constant(Tensor::ones([784, 128])), None))
            },
            says: "linear: x [32, 784] ends in 784, but weight [784, 128], which is (out, in), takes 128; weight.t() is [128, 784]",
        },
        Wrong {
            call: || drop(Var::constant(Tensor::ones([2, 3])).linear_relu(&Var::constant(Tensor::ones([5, 4])), None)),
            says: "linear: x [2, 3] ends in 3, but weight [5, 4], which is (out, in), takes 4",
        },
        Wrong {
            call: || {
                let (x, w, b) = (Tensor::ones([2, 3]), Tensor::ones([4, 3]), Tensor::ones([1, 4]));
                drop(Var::constant(x).linear(&Var::constant(w), Some(&Var::constant(b))))
            },
            says: "linear: bias [1, 4] does not fit weight [4, 3], which gives 4; it is [4]",
        },
        Wrong {
            call: || drop(Var::constant(Tensor::ones([2, 3])).linear(&Var::constant(Tensor::ones([3])), None)),
            says: "linear: weight [3] has 1 axis; it is (out, in)",
        },
        Wrong {
            call: || drop(Var::constant(Tensor::scalar(1.0)).linear(&Var::constant(Tensor::ones([5, 4])), None)),
            says: "linear: x has no axes; its last one is the 4 that weight [5, 4] takes",
        },
    ],
    // in products and the bias in any order; relu brings two numbers no further apart
    tolerance: Tolerance::Proven(|_, x| {
        let n = x[1].shape()[1] as f64 + 1.0;
        let gamma = gamma(n);
        let magnitudes: Vec<ArrayD<f64>> = x.iter().map(|x| x.mapv(f64::abs)).collect();
        reference(&magnitudes, |z| z * gamma + n * 2f64.powi(-149))
    }),
    cost: |op, shapes| {
        let (r, [out, inner]) = (rows(shapes[0]) as u64, [shapes[1][0] as u64, shapes[1][1] as u64]);
        let bias = if shapes.len() > 2 { out } else { 0 };
        let flops = r * (2 * inner * out + bias + if op.relu { out } else { 0 });
        Cost { flops, bytes: 4 * (r * inner + out * inner + bias + r * out) }
    },
    derivatives: Derivatives::Any,
};
