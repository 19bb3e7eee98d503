//! Layer normalisation over the last axes: y = x̂·w + b with x̂ = (x − m)·r, r = 1 / √(v + eps), of the mean m and the variance v
//! (that of the numbers themselves, with no correction) of what is normalised together.
//!
//! m and r depend on every x of the row. With g = dy·w, and means over the row:
//!
//! ```text
//! dx = r·(g − mean g − x̂·mean(g·x̂)),   dw = Σ dy·x̂,   db = Σ dy
//! ```
//!
//! | row | y |
//! | --- | --- |
//! | constant, of any size | b exactly: x − m is 0 |
//! | far from 0, such as 10⁴ + N(0, 1) | right to the rounding of m: u·10⁴ / √v |
//! | up to ±10³⁸ | finite |
//! | ∞ or NaN in it | NaN throughout |
//!
//! The backward of the other kinds of normalisation is the same, and stands here.

use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance, Wrong};
use crate::op::{Each, Grads, Keep, Kept, Op, TensorGrads};
use crate::var::{Var, apply_many};
use glassbox_tensor::{RowNorm, Tensor};
use ndarray::ArrayD;

/// y = (x − m)·r·w + b over the last axes, of the inputs x and, if there are, w and b.
#[derive(Clone, Debug)]
pub struct LayerNorm {
    /// The last axes of x, which are normalised together: the shape of w and b.
    pub normalized_shape: Vec<usize>,
    /// Which parameters there are.
    pub parameters: Parameters,
    /// What is added to the variance.
    pub eps: f32,
}

/// Which of the inputs after x there are.
#[derive(Clone, Copy, Debug)]
pub struct Parameters {
    /// Whether there is a w.
    pub weight: bool,
    /// Whether there is a b; it comes after w.
    pub bias: bool,
}

/// Mean and rstd of what was normalised together: small; the normalised input is computed again.
pub type Statistics = (Tensor, Tensor);

impl Op for LayerNorm {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = Statistics;

    fn keep(&self, needs: &[bool]) -> Keep {
        self.parameters.keep(needs)
    }

    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> (Tensor, Statistics) {
        let [w, b] = self.parameters.of(x);
        self.check(x[0].shape(), [w, b].map(|p| p.map(Tensor::shape)));
        let (y, mean, rstd) = self.norm(x[0].shape()).forward(x[0], w, b);
        (y, (mean, rstd))
    }

    fn backward(&self, kept: &Kept<'_, Statistics>, dy: &Var, needs: &[bool]) -> Grads {
        backward(&self.norm(kept.shape(0)), self.parameters, kept, dy, needs)
    }

    fn backward_fused(&self, kept: &Kept<'_, Statistics>, dy: &Tensor, needs: &[bool]) -> Option<TensorGrads> {
        backward_fused(&self.norm(kept.shape(0)), self.parameters, kept, dy, needs)
    }
}

impl LayerNorm {
    pub(super) fn norm(&self, x: &[usize]) -> RowNorm {
        let rows = x[..x.len() - self.normalized_shape.len()].iter().product();
        let channels = self.normalized_shape.iter().product();
        RowNorm { rows, groups: 1, channels, inner: 1, centered: true, eps: self.eps }
    }

    #[track_caller]
    fn check(&self, x: &[usize], parameters: [Option<&[usize]>; 2]) {
        check_rows("layer_norm", x, &self.normalized_shape, self.eps);
        for (p, name) in parameters.into_iter().zip(["weight", "bias"]) {
            check_parameter("layer_norm", name, p, &self.normalized_shape);
        }
    }
}

#[track_caller]
pub(super) fn check_rows(op: &str, x: &[usize], normalized: &[usize], eps: f32) {
    assert!(
        x.ends_with(normalized) && !normalized.is_empty(),
        "{op}: x {x:?} doesn't end in the normalized shape {normalized:?}; name the last axes of x, such as {:?}",
        &x[x.len().saturating_sub(normalized.len().max(1))..]
    );
    check_eps(op, eps);
}

#[track_caller]
pub(super) fn check_parameter(op: &str, name: &str, shape: Option<&[usize]>, want: &[usize]) {
    if let Some(shape) = shape {
        assert!(shape == want, "{op}: {name} {shape:?} doesn't fit; it is {want:?}");
    }
}

#[track_caller]
pub(super) fn check_eps(op: &str, eps: f32) {
    assert!(eps >= 0.0, "{op}: eps is {eps}, and is added to a variance under a root; use 0 or more, such as 1e-5");
}

impl Parameters {
    /// Those of a call, with the inputs that it has.
    pub(super) fn given<'a>(x: &'a Var, w: Option<&'a Var>, b: Option<&'a Var>) -> (Self, Vec<&'a Var>) {
        let inputs = [Some(x), w, b].into_iter().flatten().collect();
        (Self { weight: w.is_some(), bias: b.is_some() }, inputs)
    }

    /// The numbers of the inputs that w and b are.
    pub(super) fn at(self) -> [Option<usize>; 2] {
        [self.weight.then_some(1), self.bias.then_some(1 + self.weight as usize)]
    }

    /// w and b among the inputs.
    pub(super) fn of<'a, T>(self, inputs: &[&'a T]) -> [Option<&'a T>; 2] {
        self.at().map(|at| at.map(|i| inputs[i]))
    }

    /// Whether x, w and b need a gradient.
    pub(super) fn needs(self, needs: &[bool]) -> [bool; 3] {
        let [w, b] = self.at().map(|at| at.is_some_and(|i| needs[i]));
        [needs[0], w, b]
    }

    /// The gradients in the order of the inputs.
    pub(super) fn each<T>(self, [dx, dw, db]: [Option<T>; 3]) -> Each<T> {
        [(true, dx), (self.weight, dw), (self.bias, db)].into_iter().filter(|(is, _)| *is).map(|(_, d)| d).collect()
    }

    /// x for dx and dw, w for dx.
    pub(super) fn keep(self, needs: &[bool]) -> Keep {
        let [dx, dw, _] = self.needs(needs);
        Keep::NOTHING.input_if(0, dx || dw).input_if(1, self.weight && dx)
    }
}

/// x̂ and r of x, normalised over `axes`.
pub(super) fn normalized(x: &Var, axes: &[isize], centered: bool, eps: f32) -> (Var, Var) {
    let apart = if centered { x - &x.mean(axes, true) } else { x.clone() };
    let var = apart.square().mean(axes, true);
    let r = (&var + eps).rsqrt();
    (&apart * &r, r)
}

/// r·(g − mean g − x̂·mean(g·x̂)); without mean g if not centered.
pub(super) fn dx(g: &Var, (x_hat, r): &(Var, Var), axes: &[isize], centered: bool) -> Var {
    let mut inside = g - &(x_hat * &(g * x_hat).mean(axes, true));
    if centered {
        inside = &inside - &g.mean(axes, true);
    }
    &inside * r
}

/// The differentiable backward of every normalisation of rows.
pub(super) fn backward(
    norm: &RowNorm,
    parameters: Parameters,
    kept: &Kept<'_, Statistics>,
    dy: &Var,
    needs: &[bool],
) -> Grads {
    let seen = [norm.rows, norm.groups, norm.channels, norm.inner];
    let beside = [norm.groups, norm.channels, 1];
    let ([need_x, need_w, need_b], [w, b]) = (parameters.needs(needs), parameters.at());
    let dy = dy.reshape(seen);
    let x_hat = (need_x || need_w).then(|| normalized(&kept.x(0).reshape(seen), &[2, 3], norm.centered, norm.eps));
    let x_hat = || x_hat.as_ref().expect("computed for dx and dw");
    let dx = need_x.then(|| {
        let g = w.map_or(dy.clone(), |w| &dy * &kept.x(w).reshape(beside));
        dx(&g, x_hat(), &[2, 3], norm.centered).reshape(kept.shape(0))
    });
    let sum = |d: Var, p: Option<usize>| d.sum_to(&beside).reshape(kept.shape(p.expect("needed, so there")));
    let dw = need_w.then(|| sum(&dy * &x_hat().0, w));
    let db = need_b.then(|| sum(dy.clone(), b));
    parameters.each([dx, dw, db])
}

/// The same by one kernel; b alone needs none.
pub(super) fn backward_fused(
    norm: &RowNorm,
    parameters: Parameters,
    kept: &Kept<'_, Statistics>,
    dy: &Tensor,
    needs: &[bool],
) -> Option<TensorGrads> {
    let (needs, at) = (parameters.needs(needs), parameters.at());
    if !needs[0] && !needs[1] {
        return None;
    }
    let w = at[0].filter(|_| needs[0]).map(|w| kept.x(w).value());
    let (mean, rstd) = kept.extra;
    let [dx, dw, db] = norm.backward(kept.x(0).value(), dy, [mean, rstd], w, needs);
    let shaped = |d: Option<Tensor>, at: Option<usize>| d.map(|d| d.reshape(kept.shape(at.expect("needed"))));
    Some(parameters.each([dx, shaped(dw, at[0]), shaped(db, at[1])]))
}

impl Var {
    /// Layer normalisation over the last axes, which `normalized_shape` names: (x − m)·w / √(v + eps) + b, with the mean m and the
    /// variance v of what is normalised together. w and b have the normalized shape; without them they count as 1 and 0.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::{assert_close, tensor};
    /// let x = Var::input(tensor![[1., 5.], [7., 8.]]);
    /// let (w, b) = (Var::input(tensor![1., 2.]), Var::input(tensor![0., 10.]));
    /// let y = x.layer_norm(&[2], Some(&w), Some(&b), 1e-12); // (2, 2)
    /// assert_close!(*y.value(), tensor![[-1., 12.], [-1., 12.]]);
    /// let grads = y.sum_all().backward();
    /// assert_close!(*grads.of(&w), tensor![-2., 2.]);
    /// assert_close!(*grads.of(&b), tensor![2., 2.]);
    /// ```
    ///
    /// # Panics
    /// When x doesn't end in the normalized shape, w or b isn't of that shape, or eps is less than 0.
    #[track_caller]
    pub fn layer_norm(&self, normalized_shape: &[usize], w: Option<&Var>, b: Option<&Var>, eps: f32) -> Var {
        let (parameters, inputs) = Parameters::given(self, w, b);
        apply_many(LayerNorm { normalized_shape: normalized_shape.to_vec(), parameters, eps }, &inputs)
    }
}

/// The naive normalisation of x (rows, groups, channels, inner): `f` of x, m, r, w and b for each element.
pub(super) fn reference(
    norm: &RowNorm,
    parameters: Parameters,
    x: &[ArrayD<f64>],
    f: impl Fn(f64, f64, f64, f64, f64) -> f64,
) -> ArrayD<f64> {
    let [w, b] = parameters.at().map(|at| at.map(|i| x[i].iter().copied().collect::<Vec<f64>>()));
    let length = norm.channels * norm.inner;
    let mut y: Vec<f64> = x[0].iter().copied().collect();
    for (i, row) in y.chunks_mut(length.max(1)).enumerate() {
        let n = length as f64;
        let m = if norm.centered { row.iter().sum::<f64>() / n } else { 0.0 };
        let v = row.iter().map(|x| (x - m).powi(2)).sum::<f64>() / n;
        let r = 1.0 / (v + f64::from(norm.eps)).sqrt();
        for (j, y) in row.iter_mut().enumerate() {
            let own = i % norm.groups * norm.channels + j / norm.inner;
            let parameter = |p: &Option<Vec<f64>>, neutral| p.as_ref().map_or(neutral, |p| p[own]);
            *y = f(*y, m, r, parameter(&w, 1.0), parameter(&b, 0.0));
        }
    }
    ArrayD::from_shape_vec(x[0].raw_dim(), y).expect("as many as before")
}

/// (x − m)·r·w + b
pub(super) fn value(x: f64, m: f64, r: f64, w: f64, b: f64) -> f64 {
    (x - m) * r * w + b
}

/// What that is made from: x and m may cancel, as may the last two; and m, which is a sum over the row, errs in proportion to
/// the row's spread, 1/r at most.
pub(super) fn magnitude(x: f64, m: f64, r: f64, w: f64, b: f64) -> f64 {
    ((x.abs() + m.abs()) * r * w).abs() + w.abs() + b.abs()
}

/// The bytes of x, y and the parameters, and the arithmetic of both passes over x.
pub(super) fn cost(shapes: &[&[usize]]) -> Cost {
    let count = |shape: &&[usize]| shape.iter().product::<usize>() as u64;
    let n = count(&shapes[0]);
    Cost { flops: 8 * n, bytes: 4 * (n + shapes.iter().map(count).sum::<u64>()) }
}

/// x, and each of w and b or not.
pub(super) fn inputs(x: Vec<usize>, parameters: Parameters, of: &[usize]) -> Vec<Input> {
    let count = 1 + parameters.weight as usize + parameters.bias as usize;
    [x, of.to_vec(), of.to_vec()].into_iter().take(count).map(Input::new).collect()
}

/// Any choice of the parameters.
pub(super) fn choose(choice: usize) -> Parameters {
    Parameters { weight: choice != 1 && choice != 3, bias: choice != 2 && choice != 3 }
}

/// What the registry knows of layer normalisation.
pub static INFO: OpInfo<LayerNorm> = OpInfo {
    name: "layer_norm",
    formula: "y = x̂ · w + b, x̂ = (x − m) · r, r = 1 / √(v + eps), over the last axes",
    gradient: "g = dy · w; dx = r · (g − mean g − x̂ · mean(g · x̂)), dw = Σ dy · x̂, db = Σ dy",
    source: "Ba, Kiros & Hinton 2016, Layer Normalization",
    reference: |op, x| reference(&op.norm(x[0].shape()), op.parameters, x, value),
    sample: |d| {
        // from 4 elements on: of two the normalised ones are ±1, and have a gradient of rounding alone
        let (a, b) = (d.dim(), d.dim());
        let (x, last) = match d.choice(3) {
            0 => (vec![a, b + 4], 1),
            1 => (vec![a % 3 + 1, b % 5 + 2, a % 7 + 2], 2),
            _ => (vec![b.min(3), a + 4], 1),
        };
        let normalized_shape = x[x.len() - last..].to_vec();
        let parameters = choose(d.choice(5));
        let inputs = inputs(x, parameters, &normalized_shape);
        Sample::new(LayerNorm { normalized_shape, parameters, eps: [1e-5, 0.1][d.choice(2)] }, inputs)
    },
    standard: |_| {
        let parameters = Parameters { weight: true, bias: true };
        let op = LayerNorm { normalized_shape: vec![1024], parameters, eps: 1e-5 };
        Sample::new(op, inputs(vec![4096, 1024], parameters, &[1024]))
    },
    wrong: &[
        Wrong {
            call: || drop(Var::constant(Tensor::ones([2, 3])).layer_norm(&[4], None, None, 1e-5)),
            says: "layer_norm: x [2, 3] doesn't end in the normalized shape [4]; name the last axes of x, such as [3]",
        },
        Wrong {
            call: || {
                let w = Var::constant(Tensor::ones([2, 3]));
                drop(Var::constant(Tensor::ones([2, 3])).layer_norm(&[3], Some(&w), None, 1e-5))
            },
            says: "layer_norm: weight [2, 3] doesn't fit; it is [3]",
        },
        Wrong {
            call: || drop(Var::constant(Tensor::ones([2, 3])).layer_norm(&[3], None, None, -1e-5)),
            says: "layer_norm: eps is -0.00001, and is added to a variance under a root; use 0 or more, such as 1e-5",
        },
    ],
    tolerance: Tolerance::UnitsOf(4.0, |op, x| reference(&op.norm(x[0].shape()), op.parameters, x, magnitude)),
    cost: |_, shapes| cost(shapes),
    derivatives: Derivatives::Any,
};
