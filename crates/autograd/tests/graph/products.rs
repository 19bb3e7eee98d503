//! Products with Jacobian and Hessian matrices, against matrices in closed form.

use glassbox_autograd::{Var, grad, gradcheck, hessian, hvp, jacobian, jvp, vjp};
use glassbox_tensor::random::Key;
use glassbox_tensor::{Tensor, assert_close, tensor};

fn constant(x: &Tensor) -> Var {
    Var::constant(x.clone())
}

#[test]
fn the_jacobian_of_polar_coordinates_is_the_textbooks() {
    // (r, φ) -> (r·cos φ, r·sin φ) by the exponential's power series would be long; so hyperbolic angles:
    // (r, φ) -> (r·cosh φ, r·sinh φ), J = [[cosh φ, r·sinh φ], [sinh φ, r·cosh φ]]
    let f = |x: &Var| {
        let (r, phi) = (x.matmul(&constant(&tensor![[1.], [0.]])), x.matmul(&constant(&tensor![[0.], [1.]])));
        let (up, down) = (phi.exp(), (-&phi).exp());
        let cosh = &(&up + &down) * 0.5;
        let sinh = &(&up - &down) * 0.5;
        let (first, second) = (constant(&tensor![[1., 0.]]), constant(&tensor![[0., 1.]]));
        &(&r * &cosh).matmul(&first) + &(&r * &sinh).matmul(&second) // (1, 2)
    };
    let (r, phi) = (2.0f32, 0.5f32);
    let j = jacobian(f, &tensor![[r, phi]]);
    assert_eq!(j.shape(), [1, 2, 1, 2]);
    let expected = tensor![[phi.cosh(), r * phi.sinh()], [phi.sinh(), r * phi.cosh()]];
    assert_close!(j.reshape([2, 2]), expected);
}

#[test]
fn the_jacobian_of_softmax_is_diag_y_minus_y_yt() {
    let x = Tensor::randn([5], Key::new(1));
    let y = x.softmax(0);
    let j = jacobian(|x| x.softmax(0), &x);
    let expected = &(&Tensor::eye(5) * &y) - &(&y.unsqueeze(1) * &y.unsqueeze(0));
    assert_close!(j, expected);
}

#[test]
fn the_hessian_of_a_quadratic_form_is_a_plus_its_transpose() {
    let a = tensor![[1., 2., 0.], [-1., 3., 5.], [4., 0., 2.]];
    let f = |x: &Var| (&x.reshape([1, 3]).matmul(&constant(&a)).reshape([3]) * x).sum_all(); // xᵀAx
    assert_eq!(hessian(f, &tensor![1., -2., 3.]), &a + &a.t());
}

#[test]
fn the_hessian_of_log_sum_exp_is_diag_p_minus_p_pt() {
    let x = Tensor::randn([4], Key::new(2));
    let p = x.softmax(0);
    let h = hessian(|x| x.exp().sum_all().ln(), &x);
    assert_close!(h, &(&Tensor::eye(4) * &p) - &(&p.unsqueeze(1) * &p.unsqueeze(0)));
}

#[test]
fn what_depends_on_nothing_has_zeros() {
    let x = tensor![1., 2.];
    assert_eq!(jacobian(|_| constant(&tensor![5., 6., 7.]), &x), Tensor::zeros([3, 2]));
    assert_eq!(hessian(|x| x.sum_all(), &x), Tensor::zeros([2, 2])); // linear: the gradient is constant
    let (y, products) = hvp(|x| x[0].sum_all(), &[&constant(&x)], &[&constant(&x)]);
    assert_eq!((y.item(), products[0].value()), (3.0, &Tensor::zeros([2])));
    let (y, dy) = jvp(|x| x[0].detach(), &[&constant(&x)], &[&constant(&x)]);
    assert_eq!((y.value(), dy.value()), (&x, &Tensor::zeros([2])));
}

/// A function of two inputs with products between them: (2, 3), (3, 2) -> (2, 2).
fn f(x: &[Var]) -> Var {
    let h = x[0].matmul(&x[1]).tanh();
    &h.square() + &x[0].exp().matmul(&x[1])
}

fn inputs() -> [Tensor; 2] {
    [Tensor::randn([2, 3], Key::new(3)), Tensor::randn([3, 2], Key::new(4))]
}

#[test]
fn products_are_those_with_the_matrices_over_several_inputs() {
    let [a, b] = inputs();
    let (va, vb) = (constant(&a), constant(&b));
    let ja = jacobian(|a| f(&[a.clone(), vb.clone()]), &a).reshape([4, 6]);
    let jb = jacobian(|b| f(&[va.clone(), b.clone()]), &b).reshape([4, 6]);
    let v = Tensor::randn([2, 2], Key::new(5));
    let (y, products) = vjp(f, &[&va, &vb], &constant(&v));
    assert_eq!(y.value(), f(&[va.clone(), vb.clone()]).value());
    let row = v.reshape([1, 4]);
    assert_close!(products[0].value().reshape([1, 6]), row.matmul(&ja));
    assert_close!(products[1].value().reshape([1, 6]), row.matmul(&jb));

    let (ua, ub) = (Tensor::randn([2, 3], Key::new(6)), Tensor::randn([3, 2], Key::new(7)));
    let (y, dy) = jvp(f, &[&va, &vb], &[&constant(&ua), &constant(&ub)]);
    assert_eq!(y.value(), f(&[va.clone(), vb.clone()]).value());
    let expected = &ja.matmul(&ua.reshape([6, 1])) + &jb.matmul(&ub.reshape([6, 1]));
    assert_close!(dy.value().reshape([4, 1]), expected);
}

#[test]
fn a_hessian_product_over_two_inputs_has_the_mixed_derivatives() {
    // f = Σ a²·b: with respect to a and b, H = [[2b, 2a], [2a, 0]] element by element
    let (a, b) = (tensor![1., 2.], tensor![3., -1.]);
    let (ua, ub) = (tensor![1., 10.], tensor![2., 0.5]);
    let f = |x: &[Var]| (&x[0].square() * &x[1]).sum_all();
    let (y, h) = hvp(f, &[&constant(&a), &constant(&b)], &[&constant(&ua), &constant(&ub)]);
    assert_eq!(y.item(), -1.0);
    assert_eq!(h[0].value(), &(&(&(&b * &ua) * 2.0) + &(&(&a * &ub) * 2.0)));
    assert_eq!(h[1].value(), &(&(&a * &ua) * 2.0));
}

#[test]
fn products_agree_with_differences_of_the_function() {
    let [a, b] = inputs();
    let (ua, ub) = (Tensor::randn([2, 3], Key::new(8)), Tensor::randn([3, 2], Key::new(9)));
    let at = |h: f32| f(&[constant(&(&a + &(&ua * h))), constant(&(&b + &(&ub * h)))]).into_value();
    let numeric = &(&at(1e-2) - &at(-1e-2)) * 50.0;
    let (_, dy) = jvp(f, &[&constant(&a), &constant(&b)], &[&constant(&ua), &constant(&ub)]);
    assert_close!(dy.value(), numeric, 1e-2, 1e-2);
}

#[test]
fn results_can_be_differentiated_again() {
    // a penalty on ‖J·u‖² as in sliced score matching, and one on uᵀHu: gradcheck differentiates through both products
    let [a, b] = inputs();
    let (ua, ub) = (Tensor::randn([2, 3], Key::new(8)), Tensor::randn([3, 2], Key::new(9)));
    let penalty = |x: &[Var]| {
        let (u, v) = (constant(&ua), constant(&ub));
        let (_, along) = jvp(f, &[&x[0], &x[1]], &[&u, &v]);
        let scalar = |x: &[Var]| f(x).square().sum_all();
        let (_, products) = hvp(scalar, &[&x[0], &x[1]], &[&u, &v]);
        &along.square().sum_all() + &(&(&products[0] * &u).sum_all() * 0.1)
    };
    gradcheck(penalty, &[&a * 0.5, &b * 0.5]).unwrap();
}

#[test]
fn the_products_reach_the_parameters_in_the_function() {
    let (w, x) = (Var::input(tensor![2.0]), Var::constant(tensor![3.0]));
    let one = Var::constant(tensor![1.0]);
    let (_, dy) = jvp(|x| &w.square() * &x[0].square(), &[&x], &[&one]); // w²·2x
    assert_eq!(dy.sum_all().backward().of(&w), &tensor![24.0]); // 4wx
}

#[test]
fn recorded_inputs_stay_in_their_graph() {
    let x = Var::input(tensor![1.5]);
    let h = x.square();
    let (_, products) = vjp(|h| h[0].square(), &[&h], &Var::constant(tensor![1.0])); // 2h = 2x²
    assert_eq!(grad(&products[0].sum_all(), &[&x])[0].value(), &tensor![6.0]); // 4x
}

#[test]
#[should_panic(expected = "vjp: v [2] is not of the shape of f(x) [3]")]
fn a_vector_of_another_shape_is_refused() {
    vjp(|x| x[0].exp(), &[&Var::constant(tensor![1., 2., 3.])], &Var::constant(tensor![1., 2.]));
}

#[test]
#[should_panic(expected = "jvp: direction 0 has shape [2] and its input [3]; they are of one shape")]
fn a_direction_of_another_shape_is_refused() {
    jvp(|x| x[0].exp(), &[&Var::constant(tensor![1., 2., 3.])], &[&Var::constant(tensor![1., 2.])]);
}

#[test]
#[should_panic(expected = "hvp: 1 input and 0 directions u; give one for each input")]
fn a_missing_direction_is_refused() {
    hvp(|x| x[0].sum_all(), &[&Var::constant(tensor![1.])], &[]);
}

#[test]
#[should_panic(expected = "hvp: f(x) has shape [2], 2 elements, and a Hessian matrix is of one; sum or mean in f")]
fn a_vector_has_no_hessian() {
    let x = Var::constant(tensor![1., 2.]);
    hvp(|x| x[0].exp(), &[&x], &[&x]);
}
