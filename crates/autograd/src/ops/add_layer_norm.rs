//! Layer normalisation of a sum, y = LN(x + r): what a post-norm transformer does after each of its branches r (Vaswani et al.
//! 2017, section 3.1), in one pass.
//!
//! Apart, the sum is written and read again. Here a row of it is in the nearest cache while the row is normalised, and nowhere
//! afterwards: forward moves 3 numbers for each element where the two operations move 5. Backward adds x and r once more, 4 numbers
//! where there were 3, and the graph keeps x and r in place of the sum. Of x, what a branch began with, somebody else usually keeps the
//! same memory already.
//!
//! The time of the two operations over this one's, two Zen 4 threads, medians of 21 turns:
//!
//! | rows × width | forward | forward and backward, Σ y·dy with them |
//! | --- | --- | --- |
//! | 768 × 128 | 1.54 | 1.32 |
//! | 2048 × 384 | 1.40 | 1.09 |
//! | 4096 × 384 | 1.50 | 1.02 |
//! | 4096 × 1024 | 1.32 | 1.02 |
//!
//! With s = x + r, whose derivative by either is 1, all of [`layer_norm`](super::layer_norm)'s formulas hold for s, and dr = dx.

use super::layer_norm::{
    LayerNorm, Parameters, Statistics, check_parameter, check_rows, choose, dx as dx_of, magnitude, normalized,
    reference, value,
};
use crate::info::{Cost, Derivatives, Input, OpInfo, Sample, Tolerance, Wrong};
use crate::op::{Each, Grads, Keep, Kept, Op, TensorGrads};
use crate::var::{Var, apply_many};
use glassbox_tensor::{RowNorm, Tensor};
use ndarray::ArrayD;

/// y = (s − m)·rstd·w + b over the last axes of s = x + r, of the inputs x, r and, if there are, w and b.
#[derive(Clone, Debug)]
pub struct AddLayerNorm {
    /// How the sum is normalised.
    pub norm: LayerNorm,
}

impl Op for AddLayerNorm {
    const INFO: &'static OpInfo<Self> = &INFO;
    type Extra = Statistics; // of the sum: small

    // the sum for dx, dr and dw, w for dx and dr
    fn keep(&self, needs: &[bool]) -> Keep {
        let [sum, dw, _] = self.needs(needs);
        Keep::NOTHING.input_if(0, sum || dw).input_if(1, sum || dw).input_if(2, self.norm.parameters.weight && sum)
    }

    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> (Tensor, Statistics) {
        let [w, b] = self.parameters(x);
        self.check([x[0].shape(), x[1].shape()], [w, b].map(|p| p.map(Tensor::shape)));
        let (y, mean, rstd) = self.norm.norm(x[0].shape()).forward_of_sum([x[0], x[1]], w, b);
        (y, (mean, rstd))
    }

    fn backward(&self, kept: &Kept<'_, Statistics>, dy: &Var, needs: &[bool]) -> Grads {
        let RowNorm { rows, channels, centered, eps, .. } = self.norm.norm(kept.shape(0));
        let [need_sum, need_w, need_b] = self.needs(needs);
        let dy = dy.reshape([rows, channels]);
        let hat = (need_sum || need_w).then(|| {
            let s = (kept.x(0) + kept.x(1)).reshape([rows, channels]);
            normalized(&s, &[1], centered, eps)
        });
        let hat = || hat.as_ref().expect("computed for ds and dw");
        let ds = need_sum.then(|| {
            let g = if self.norm.parameters.weight { &dy * &kept.x(2).reshape([channels]) } else { dy.clone() };
            dx_of(&g, hat(), &[1], centered).reshape(kept.shape(0))
        });
        let total = |d: Var| d.sum(&[0], false).reshape(self.norm.normalized_shape.as_slice());
        self.each(needs, ds, [need_w.then(|| total(&dy * &hat().0)), need_b.then(|| total(dy.clone()))])
    }

    fn backward_fused(&self, kept: &Kept<'_, Statistics>, dy: &Tensor, needs: &[bool]) -> Option<TensorGrads> {
        let of = self.needs(needs);
        if !of[0] && !of[1] {
            return None; // b alone needs no kernel
        }
        let w = (self.norm.parameters.weight && of[0]).then(|| kept.x(2).value());
        let (x, (mean, rstd)) = ([kept.x(0).value(), kept.x(1).value()], kept.extra);
        let [ds, dw, db] = self.norm.norm(kept.shape(0)).backward_of_sum(x, dy, [mean, rstd], w, of);
        let shaped = |d: Option<Tensor>| d.map(|d| d.reshape(self.norm.normalized_shape.as_slice()));
        Some(self.each(needs, ds, [shaped(dw), shaped(db)]))
    }
}

impl AddLayerNorm {
    /// Whether the sum, w and b need a gradient.
    fn needs(&self, needs: &[bool]) -> [bool; 3] {
        let [_, w, b] = self.norm.parameters.needs(&needs[1..]); // from r on, they stand as those of a layer norm
        [needs[0] || needs[1], w, b]
    }

    /// w and b among the inputs.
    fn parameters<'a>(&self, inputs: &[&'a Tensor]) -> [Option<&'a Tensor>; 2] {
        self.norm.parameters.of(&inputs[1..])
    }

    /// The gradients in the order of the inputs.
    fn each<T: Clone>(&self, needs: &[bool], ds: Option<T>, [dw, db]: [Option<T>; 2]) -> Each<T> {
        let Parameters { weight, bias } = self.norm.parameters;
        let [dx, dr] = [0, 1].map(|i| ds.clone().filter(|_| needs[i]));
        [(true, dx), (true, dr), (weight, dw), (bias, db)].into_iter().filter(|(is, _)| *is).map(|(_, d)| d).collect()
    }

    #[track_caller]
    fn check(&self, [x, r]: [&[usize]; 2], parameters: [Option<&[usize]>; 2]) {
        assert!(x == r, "add_layer_norm: x {x:?} and r {r:?} differ; nothing is broadcast here, use (x + r).layer_norm(…)");
        check_rows("add_layer_norm", x, &self.norm.normalized_shape, self.norm.eps);
        for (p, name) in parameters.into_iter().zip(["weight", "bias"]) {
            check_parameter("add_layer_norm", name, p, &self.norm.normalized_shape);
        }
    }
}

impl Var {
    /// [`layer_norm`](Self::layer_norm) of x + r, which have one shape: ((x + r) − m)·w / √(v + eps) + b, where the sum is never in
    /// memory.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::{assert_close, tensor};
    /// let (x, branch) = (Var::input(tensor![[1., 2., 0.]]), Var::input(tensor![[0., 3., 1.]]));
    /// let w = Var::input(tensor![1., 2., 3.]);
    /// let y = x.add_layer_norm(&branch, &[3], Some(&w), None, 1e-5); // (1, 3)
    /// assert_close!(*y.value(), *(&x + &branch).layer_norm(&[3], Some(&w), None, 1e-5).value());
    /// let grads = y.square().sum_all().backward();
    /// assert_eq!(grads.of(&x), grads.of(&branch));
    /// ```
    ///
    /// # Panics
    /// When x and r differ in shape, x doesn't end in the normalized shape, w or b isn't of that shape, or eps is less than 0.
    #[track_caller]
    pub fn add_layer_norm(
        &self,
        r: &Var,
        normalized_shape: &[usize],
        w: Option<&Var>,
        b: Option<&Var>,
        eps: f32,
    ) -> Var {
        let inputs: Vec<&Var> = [Some(self), Some(r), w, b].into_iter().flatten().collect();
        let parameters = Parameters { weight: w.is_some(), bias: b.is_some() };
        let norm = LayerNorm { normalized_shape: normalized_shape.to_vec(), parameters, eps };
        apply_many(AddLayerNorm { norm }, &inputs)
    }
}

/// x and r as one input, before the others.
fn summed(x: &[ArrayD<f64>], sum: impl Fn(f64, f64) -> f64) -> Vec<ArrayD<f64>> {
    let mut s = x[0].clone();
    s.zip_mut_with(&x[1], |s, r| *s = sum(*s, *r));
    std::iter::once(s).chain(x[2..].iter().cloned()).collect()
}

/// What the registry knows of the normalisation of a sum.
pub static INFO: OpInfo<AddLayerNorm> = OpInfo {
    name: "add_layer_norm",
    formula: "y = ŝ · w + b, ŝ = (s − m) · r, r = 1 / √(v + eps), over the last axes of s = x + branch",
    gradient: "g = dy · w; dx = dbranch = r · (g − mean g − ŝ · mean(g · ŝ)), dw = Σ dy · ŝ, db = Σ dy",
    source: "Vaswani et al. 2017, Attention Is All You Need, section 3.1; Ba, Kiros & Hinton 2016",
    reference: |op, x| {
        reference(&op.norm.norm(x[0].shape()), op.norm.parameters, &summed(x, |x, r| x + r), value)
    },
    sample: |d| {
        // from 4 elements on, as for layer_norm
        let (a, b) = (d.dim(), d.dim() + 4);
        let norm = LayerNorm { normalized_shape: vec![b], parameters: choose(d.choice(5)), eps: [1e-5, 0.1][d.choice(2)] };
        let inputs = inputs(&[a, b], &norm);
        Sample::new(AddLayerNorm { norm }, inputs)
    },
    standard: |_| {
        let parameters = Parameters { weight: true, bias: true };
        let norm = LayerNorm { normalized_shape: vec![1024], parameters, eps: 1e-5 };
        let inputs = inputs(&[4096, 1024], &norm);
        Sample::new(AddLayerNorm { norm }, inputs)
    },
    wrong: &[
        Wrong {
            call: || {
                let r = Var::constant(Tensor::ones([3]));
                drop(Var::constant(Tensor::ones([2, 3])).add_layer_norm(&r, &[3], None, None, 1e-5))
            },
            says: "add_layer_norm: x [2, 3] and r [3] differ; nothing is broadcast here, use (x + r).layer_norm(…)",
        },
        Wrong {
            call: || {
                let x = Var::constant(Tensor::ones([2, 3]));
                drop(x.add_layer_norm(&x, &[2], None, None, 1e-5))
            },
            says: "add_layer_norm: x [2, 3] doesn't end in the normalized shape [2]; name the last axes of x, such as [3]",
        },
    ],
    // 1/r is the spread of the sum, whose own rounding is of x's and r's size
    tolerance: Tolerance::UnitsOf(4.0, |op, x| {
        let norm = op.norm.norm(x[0].shape());
        let sizes = reference(&norm, op.norm.parameters, &summed(x, |x, r| x + r), magnitude);
        let rounding = reference(&norm, op.norm.parameters, &summed(x, |x, r| x + r), |_, _, r, w, _| (r * w).abs());
        let of_parts = summed(x, |x, r| x.abs() + r.abs());
        sizes + rounding * &of_parts[0]
    }),
    cost: |_, shapes| {
        let count = |shape: &&[usize]| shape.iter().product::<usize>() as u64;
        let n = count(&shapes[0]);
        Cost { flops: 9 * n, bytes: 4 * (n + shapes.iter().map(count).sum::<u64>()) }
    },
    derivatives: Derivatives::Any,
};

/// x and the branch, and each of w and b or not.
fn inputs(x: &[usize], norm: &LayerNorm) -> Vec<Input> {
    let Parameters { weight, bias } = norm.parameters;
    let of = norm.normalized_shape.clone();
    [x.to_vec(), x.to_vec(), of.clone(), of].into_iter().take(2 + weight as usize + bias as usize).map(Input::new).collect()
}
