//! `gradcheck`: the gradient of anything, against central differences in f64.

use crate::node::traced;
use crate::replay::{leaf_name, leaf_values, replay};
use crate::sweep::gradients_keeping_graph;
use crate::var::Var;
use glassbox_tensor::Tensor;
use glassbox_tensor::random::Key;
use ndarray::ArrayD;

/// Up to this many elements, every one is checked alone; beyond, random directions are.
const ALONE: usize = 48;
/// Random directions. A wrong element hides from one of them with probability near 0.
const DIRECTIONS: usize = 6;
/// The step: its truncation error is step²·f‴/6 and its rounding error 2⁻⁵³·f/step, both near 10⁻¹⁰.
const STEP: f64 = 1e-5;
/// What f32 may lose on the way back, of Σ|gᵢ·vᵢ|.
pub(crate) const F32_ERROR: f64 = 2e-6;

/// Checks the gradient of `f`, a scalar function of any layers and losses, at `inputs`.
///
/// `f` runs once in f32. The recorded graph is then replayed in f64 through the operations' references, and central
/// differences (f(x + h·v) − f(x − h·v)) / 2h along unit vectors (few elements) or random directions (many) are compared
/// with ⟨∇f, v⟩ from backward: within 10⁻⁶, or f32's own error in that sum.
///
/// ```
/// use glassbox_autograd::gradcheck;
/// use glassbox_tensor::{Tensor, random::Key};
/// let inputs = [Tensor::randn([4, 3], Key::new(1)), Tensor::randn([3, 2], Key::new(2))];
/// gradcheck(|x| x[0].matmul(&x[1]).exp().mean_all(), &inputs).unwrap();
/// ```
///
/// Every leaf of the graph is checked: the inputs, and the parameters of whatever layers `f` runs.
///
/// # Errors
/// Where the two differ: the leaf, the direction, and both numbers. Also when the f64 value is not the f32 value, and when
/// the graph can't be replayed.
pub fn gradcheck(f: impl Fn(&[Var]) -> Var, inputs: &[Tensor]) -> Result<(), String> {
    gradcheck_within(&f, inputs, F32_ERROR)
}

/// [`gradcheck`] where f32's own error is `f32_error` of the gradient's scale: a derivative of a derivative passes through
/// several times as many roundings.
pub(crate) fn gradcheck_within(f: &dyn Fn(&[Var]) -> Var, inputs: &[Tensor], f32_error: f64) -> Result<(), String> {
    let (y, input_ids) = traced(|| {
        let vars: Vec<Var> = inputs.iter().map(|x| Var::input(x.clone())).collect();
        let ids: Vec<_> = vars.iter().map(|v| v.leaf_id().expect("made as a leaf")).collect();
        (f(&vars), ids)
    });
    if y.value().numel() != 1 {
        return Err(format!("gradcheck: f returned shape {:?}; it must return one element", y.shape()));
    }
    if !y.is_recorded() {
        return Err("gradcheck: f's value depends on none of the inputs, nor on a parameter".into());
    }
    let leaves = leaf_values(&y);
    let gradients = gradients_keeping_graph(&y);
    let (value, replayed) = (y.item() as f64, replay(&y, &leaves, false)?.sum());
    if (value - replayed).abs() > 1e-4 * replayed.abs().max(1e-2) {
        return Err(format!("gradcheck: f is {value} in f32, and {replayed} replayed through the references"));
    }
    for (&id, x) in &leaves {
        let g = gradients.get(id).ok_or("gradcheck: a leaf of the graph got no gradient")?.to_f64();
        let evaluate = |at: ArrayD<f64>| -> Result<f64, String> {
            let mut moved = leaves.clone();
            moved.insert(id, at);
            Ok(replay(&y, &moved, true)?.sum())
        };
        let alone = x.len() <= ALONE;
        for d in 0..if alone { x.len() } else { DIRECTIONS } {
            let v = if alone { unit(x, d) } else { random_direction(x, d as u64) };
            let numeric = (evaluate(x + &v * STEP)? - evaluate(x - &v * STEP)?) / (2.0 * STEP);
            let analytic = (&g * &v).sum();
            let scale = (&g * &v).mapv(f64::abs).sum();
            // A single element may be small because large terms cancelled; f32 keeps them only to the gradient's scale.
            let floor = if alone { g.iter().fold(0.0f64, |a, b| a.max(b.abs())) } else { 0.0 };
            let allowed = 1e-6f64.max(f32_error * scale.max(floor)).max(1e-6 * numeric.abs());
            if (numeric - analytic).abs() > allowed || !(numeric - analytic).is_finite() {
                let leaf = match input_ids.iter().position(|input| *input == id) {
                    Some(which) => format!("input {which}"),
                    None => leaf_name(&y, id).map_or("a parameter".to_string(), |name| format!("parameter {name}")),
                };
                let along = if alone { format!("element {d}") } else { format!("random direction {d}") };
                return Err(format!(
                    "gradcheck: {leaf} (shape {:?}), {along}: backward says {analytic:.9e}, central differences of the \
                     f64 references {numeric:.9e}; they differ by {:.2e}, allowed is {allowed:.2e}",
                    x.shape(),
                    (numeric - analytic).abs()
                ));
            }
        }
    }
    Ok(())
}

fn unit(x: &ArrayD<f64>, d: usize) -> ArrayD<f64> {
    let mut v = ArrayD::zeros(x.raw_dim());
    *v.iter_mut().nth(d).expect("d < n") = 1.0;
    v
}

fn random_direction(x: &ArrayD<f64>, d: u64) -> ArrayD<f64> {
    Tensor::rand(x.shape(), Key::new(d).fold(0xd1)).to_f64().mapv(|u| 2.0 * u - 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op::{Grads, Keep, Kept, Op};
    use crate::var::apply;
    use glassbox_tensor::tensor;

    /// eˣ with a gradient that is one part in a thousand off.
    #[derive(Clone, Debug)]
    struct Wrong;
    static INFO: crate::OpInfo<Wrong> = crate::OpInfo {
        name: "wrong",
        formula: "",
        gradient: "",
        source: "",
        reference: |_, x| x[0].mapv(f64::exp),
        sample: |d| crate::Sample::new(Wrong, [crate::Input::new(d.shape2())]),
        standard: |d| crate::Sample::new(Wrong, [crate::Input::new(d.shape2())]),
        wrong: &[],
        tolerance: crate::Tolerance::Units(4.0),
        cost: |_, shapes| crate::Cost::elementwise(1, shapes),
        derivatives: crate::Derivatives::Any,
    };
    impl Op for Wrong {
        const INFO: &'static crate::OpInfo<Self> = &INFO;
        type Extra = ();
        fn keep(&self, _: &[bool]) -> Keep {
            Keep::OUTPUT
        }
        fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
            (x[0].exp(), ())
        }
        fn backward(&self, kept: &Kept<'_, ()>, dy: &Var, _: &[bool]) -> Grads {
            [Some(&(dy * kept.y()) * 1.001)].into()
        }
    }

    #[test]
    fn a_wrong_gradient_is_found() {
        let x = [Tensor::ones([3])];
        let error = gradcheck(|x| apply(Wrong, [&x[0]]).sum_all(), &x).unwrap_err();
        assert!(error.contains("input 0 (shape [3]), element 0"), "{error}");
        assert!(gradcheck(|x| x[0].exp().sum_all(), &x).is_ok());
    }

    /// ⌊x⌋ with the gradient of x: its derivative is 0, its surrogate's is 1.
    #[derive(Clone, Debug)]
    struct Floor(f64);
    static FLOOR: crate::OpInfo<Floor> = crate::OpInfo {
        name: "floor",
        formula: "",
        gradient: "",
        source: "",
        reference: |_, x| x[0].mapv(f64::floor),
        sample: |d| crate::Sample::new(Floor(1.0), [crate::Input::new(d.shape2())]),
        standard: |d| crate::Sample::new(Floor(1.0), [crate::Input::new(d.shape2())]),
        wrong: &[],
        tolerance: crate::Tolerance::Exact,
        cost: |_, shapes| crate::Cost::elementwise(1, shapes),
        derivatives: crate::Derivatives::Any,
    };
    impl Op for Floor {
        const INFO: &'static crate::OpInfo<Self> = &FLOOR;
        type Extra = ();
        fn keep(&self, _: &[bool]) -> Keep {
            Keep::NOTHING
        }
        fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
            (Tensor::from_vec(x[0].to_vec().iter().map(|x| x.floor()).collect(), x[0].shape()), ())
        }
        fn backward(&self, _: &Kept<'_, ()>, dy: &Var, _: &[bool]) -> Grads {
            [Some(dy.clone())].into()
        }
        fn surrogate(&self, x: &[ArrayD<f64>]) -> Option<ArrayD<f64>> {
            Some(&x[0] * self.0)
        }
    }

    #[test]
    fn a_straight_through_gradient_is_its_surrogates_and_its_value_its_own() {
        let x = [tensor![0.4, 1.7, -2.3]];
        let f = |slope: f64| {
            move |x: &[Var]| (&apply(Floor(slope), [&x[0]]) * &Var::constant(tensor![1., 2., 3.])).sum_all()
        };
        assert!(gradcheck(f(1.0), &x).is_ok());
        let error = gradcheck(f(1.5), &x).unwrap_err();
        assert!(error.contains("input 0 (shape [3]), element 0"), "{error}");
    }

    #[test]
    fn parameters_that_are_no_inputs_are_checked_too() {
        let id = crate::LeafId::fresh();
        let w = || Var::leaf(id, Tensor::ones([3]));
        let x = [Tensor::ones([3])];
        assert!(gradcheck(|x| (&w().exp() * &x[0]).sum_all(), &x).is_ok());
        let error = gradcheck(|x| (&apply(Wrong, [&w()]) * &x[0]).sum_all(), &x).unwrap_err();
        assert!(error.contains("a parameter (shape [3]), element 0"), "{error}");
        let error = gradcheck(|x| (&apply(Wrong, [&w().named("fc.bias")]) * &x[0]).sum_all(), &x).unwrap_err();
        assert!(error.contains("parameter fc.bias (shape [3]), element 0"), "{error}");
    }

    #[test]
    fn a_constant_function_is_an_error_not_a_pass() {
        let error = gradcheck(|_| Var::constant(Tensor::scalar(1.0)), &[Tensor::ones([2])]).unwrap_err();
        assert!(error.contains("depends on none of the inputs"), "{error}");
    }
}
