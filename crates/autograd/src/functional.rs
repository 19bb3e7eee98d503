//! Products with the Jacobian and the Hessian matrix of a function, without the matrices.
//!
//! For y = f(x), x in Rⁿ, y in Rᵐ, J the m × n matrix ∂y/∂x: a sweep computes Jᵀv for one v at a small multiple of the cost
//! of f (Baur & Strassen 1983; Griewank & Walther 2008, chapter 3). The other products follow from it:
//!
//! - J·u. A sweep from y with a *variable* v gives g(v) = Jᵀv, which is linear in v, and whose own Jacobian matrix is Jᵀ.
//!   So a second sweep, from g with u, gives (Jᵀ)ᵀu = J·u, whatever v was.
//! - H·u for a scalar f with gradient g: H is symmetric and the Jacobian matrix of g, so H·u = Hᵀu is a sweep from g with u,
//!   the gradient of ⟨g(x), u⟩ (Pearlmutter 1994, *Fast Exact Multiplication by the Hessian*).

use crate::sweep::{Mode, Sweep, grad, grad_from};
use crate::var::Var;
use glassbox_tensor::shape::Dims;
use glassbox_tensor::{Tensor, counted};

/// The vector-Jacobian product: (f(x), Jᵀv), one product for each input, of its shape. v has the shape of f(x).
///
/// Inputs which are recorded stay in their graph, and results can be differentiated again: with respect to the inputs, to
/// v, and to the parameters in `f`.
///
/// ```
/// use glassbox_autograd::{Var, vjp};
/// use glassbox_tensor::tensor;
/// let (a, x) = (Var::constant(tensor![[1., 2.], [3., 4.]]), Var::constant(tensor![[5.], [6.]]));
/// let v = Var::constant(tensor![[1.], [10.]]);
/// let (y, products) = vjp(|x| x[0].matmul(&x[1]), &[&a, &x], &v); // (2, 2) × (2, 1) -> (2, 1)
/// assert_eq!(y.value(), &tensor![[17.], [39.]]);
/// assert_eq!(products[0].value(), &tensor![[5., 6.], [50., 60.]]); // v·xᵀ
/// assert_eq!(products[1].value(), &tensor![[31.], [42.]]); // Aᵀ·v
/// ```
///
/// # Panics
/// When v has not the shape of f(x).
#[track_caller]
pub fn vjp(f: impl Fn(&[Var]) -> Var, x: &[&Var], v: &Var) -> (Var, Vec<Var>) {
    let x = recorded(x);
    let y = f(&x);
    let (is, was) = (v.shape(), y.shape());
    assert!(is == was, "vjp: v {is:?} is not of the shape of f(x) {was:?}");
    let products = gradients_from(&y, v, &x);
    (y, products)
}

/// The Jacobian-vector product: (f(x), Σᵢ Jᵢ·uᵢ), the derivative of f in the direction u, of the shape of f(x). Each input
/// has its u, of its shape.
///
/// It takes two sweeps (see the head of this file), so operations that can be differentiated once refuse. Results can be
/// differentiated again, as those of [`vjp`].
///
/// ```
/// use glassbox_autograd::{Var, jvp};
/// use glassbox_tensor::tensor;
/// let (x, u) = (Var::constant(tensor![1., 2., 3.]), Var::constant(tensor![1., 0., -1.]));
/// let (y, dy) = jvp(|x| x[0].square(), &[&x], &[&u]);
/// assert_eq!(y.value(), &tensor![1., 4., 9.]);
/// assert_eq!(dy.value(), &tensor![2., 0., -6.]); // 2x · u
/// ```
///
/// # Panics
/// When there isn't one u for each input, or one has not its input's shape.
#[track_caller]
pub fn jvp(f: impl Fn(&[Var]) -> Var, x: &[&Var], u: &[&Var]) -> (Var, Var) {
    check_directions("jvp", x, u);
    let x = recorded(x);
    let y = f(&x);
    let v = Var::input(Tensor::zeros(y.shape()));
    let g = gradients_from(&y, &v, &x); // g(v) = Jᵀv
    let product = if g.iter().any(Var::is_recorded) {
        grad(&inner(&g, u), &[&v]).remove(0) // the gradient of ⟨g(v), u⟩ with respect to v
    } else {
        Var::constant(Tensor::zeros(y.shape()))
    };
    (y, product)
}

/// The Hessian-vector product of a scalar function: (f(x), H·u), one product for each input, of its shape. With several
/// inputs H is the Hessian matrix with respect to all of them, so that product i is Σⱼ ∂²f/∂xᵢ∂xⱼ · uⱼ.
///
/// ```
/// use glassbox_autograd::{Var, hvp};
/// use glassbox_tensor::tensor;
/// let (x, u) = (Var::constant(tensor![1., 2.]), Var::constant(tensor![1., 1.]));
/// let cubes = |x: &[Var]| (&x[0].square() * &x[0]).sum_all(); // Σ x³, H = diag(6x)
/// let (y, products) = hvp(cubes, &[&x], &[&u]);
/// assert_eq!(y.item(), 9.0);
/// assert_eq!(products[0].value(), &tensor![6., 12.]);
/// ```
///
/// # Panics
/// When f(x) is not a single element, there isn't one u for each input, or one has not its input's shape.
#[track_caller]
pub fn hvp(f: impl Fn(&[Var]) -> Var, x: &[&Var], u: &[&Var]) -> (Var, Vec<Var>) {
    check_directions("hvp", x, u);
    let x = recorded(x);
    let y = f(&x);
    let (count, shape) = (y.value().numel(), y.shape());
    assert!(
        count == 1,
        "hvp: f(x) has shape {shape:?}, {count} elements, and a Hessian matrix is of one; sum or mean in f"
    );
    let g = gradients_from(&y, &Var::constant(Tensor::ones(y.shape())), &x);
    let along = inner(&g, u); // ⟨g(x), u⟩
    let products = gradients_from(&along, &Var::constant(Tensor::scalar(1.0)), &x);
    (y, products)
}

/// The Jacobian matrix of a function of one input, as a tensor of the shape of f(x) followed by that of x: element
/// (i…, j…) is ∂f(x)ᵢ/∂xⱼ. One sweep for each element of f(x); for products with vectors take [`vjp`] or [`jvp`].
///
/// ```
/// use glassbox_autograd::jacobian;
/// use glassbox_tensor::tensor;
/// let j = jacobian(|x| x.square(), &tensor![1., 2., 3.]);
/// assert_eq!(j, tensor![[2., 0., 0.], [0., 4., 0.], [0., 0., 6.]]);
/// ```
///
/// # Panics
/// When x and f(x) have more than [`MAX_RANK`](glassbox_tensor::shape::MAX_RANK) axes together.
#[track_caller]
pub fn jacobian(f: impl Fn(&Var) -> Var, x: &Tensor) -> Tensor {
    let x = Var::input(x.clone());
    let y = f(&x);
    let mut shape = Dims::new(y.shape());
    x.shape().iter().for_each(|&dim| shape.push(dim));
    let rows = y.value().numel();
    let mut elements = Vec::with_capacity(rows * x.value().numel());
    if !y.is_recorded() {
        return Tensor::zeros(shape);
    }
    for row in 0..rows {
        let mut v = vec![0.0; rows];
        v[row] = 1.0;
        let v = Var::constant(Tensor::from_vec(v, y.shape()));
        let g = Sweep::from(&y, &v, "jacobian").gradients_of(&[&x], Mode::Keep).remove(0);
        elements.extend(g.value().to_vec());
    }
    Tensor::from_vec(elements, shape)
}

/// The Hessian matrix of a scalar function of one input, as a tensor of the shape of x twice: element (i…, j…) is
/// ∂²f/∂xᵢ∂xⱼ. One sweep for each element of x; for products with vectors take [`hvp`].
///
/// ```
/// use glassbox_autograd::hessian;
/// use glassbox_tensor::tensor;
/// let h = hessian(|x| (&x.square() * x).sum_all(), &tensor![1., 2.]); // Σ x³
/// assert_eq!(h, tensor![[6., 0.], [0., 12.]]);
/// ```
///
/// # Panics
/// When f(x) is not a single element, or x has more than half of [`MAX_RANK`](glassbox_tensor::shape::MAX_RANK) axes.
#[track_caller]
pub fn hessian(f: impl Fn(&Var) -> Var, x: &Tensor) -> Tensor {
    jacobian(
        |x| {
            let y = f(x);
            let (count, shape) = (y.value().numel(), y.shape());
            assert!(
                count == 1,
                "hessian: f(x) has shape {shape:?}, {count} elements, and a Hessian matrix is of one; sum or mean in f"
            );
            gradients_from(&y, &Var::constant(Tensor::ones(y.shape())), std::slice::from_ref(x)).remove(0)
        },
        x,
    )
}

/// The inputs in the graph: as they are, or as leaves of their own.
fn recorded(x: &[&Var]) -> Vec<Var> {
    x.iter().map(|x| if x.is_recorded() { (*x).clone() } else { Var::input(x.value().clone()) }).collect()
}

/// As [`grad_from`], with zeros for a y that depends on nothing.
#[track_caller]
fn gradients_from(y: &Var, dy: &Var, x: &[Var]) -> Vec<Var> {
    if !y.is_recorded() {
        return x.iter().map(|x| Var::constant(Tensor::zeros(x.shape()))).collect();
    }
    grad_from(y, dy, &x.iter().collect::<Vec<_>>())
}

/// ⟨a, b⟩ over all inputs.
fn inner(a: &[Var], b: &[&Var]) -> Var {
    let products = a.iter().zip(b).map(|(a, b)| (a * *b).sum_all());
    products.reduce(|sum, product| &sum + &product).unwrap_or_else(|| Var::constant(Tensor::scalar(0.0)))
}

#[track_caller]
fn check_directions(call: &str, x: &[&Var], u: &[&Var]) {
    let (inputs, directions) = (x.len(), u.len());
    assert!(
        inputs == directions,
        "{call}: {inputs} and {directions} u; give one for each input",
        inputs = counted(inputs, "input"),
        directions = counted(directions, "direction")
    );
    for (i, (x, u)) in x.iter().zip(u).enumerate() {
        let (is, was) = (u.shape(), x.shape());
        assert!(is == was, "{call}: direction {i} has shape {is:?} and its input {was:?}; they are of one shape");
    }
}
