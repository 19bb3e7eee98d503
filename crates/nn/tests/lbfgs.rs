//! L-BFGS where the minimum is known: in closed form, at infinity, at the border of the domain, or nowhere.

use glassbox_nn::optim::{LbfgsOptions, LbfgsStop, lbfgs};
use std::cell::Cell;

fn exact() -> LbfgsOptions {
    LbfgsOptions { gradient: 1e-9, ..LbfgsOptions::default() }
}

/// Σ (1 − xᵢ)² + 100·(xᵢ₊₁ − xᵢ²)², whose minimum is 0 at (1, …, 1).
fn rosenbrock(x: &[f64], g: &mut [f64]) -> f64 {
    g.fill(0.0);
    let mut value = 0.0;
    for i in 0..x.len() - 1 {
        let (a, b) = (1.0 - x[i], x[i + 1] - x[i] * x[i]);
        value += a * a + 100.0 * b * b;
        g[i] += -2.0 * a - 400.0 * x[i] * b;
        g[i + 1] += 200.0 * b;
    }
    value
}

#[test]
fn rosenbrocks_valley_is_followed_to_its_end() {
    for n in [2, 10, 100] {
        let mut x: Vec<f64> = (0..n).map(|i| if i % 2 == 0 { -1.2 } else { 1.0 }).collect();
        let outcome = lbfgs(rosenbrock, &mut x, &exact());
        assert!(outcome.converged(), "{n}: {outcome:?}");
        // In 10 dimensions and more there is another minimum near (−1, 1, …, 1), of a value near 4.
        let (value, gradient) = (rosenbrock(&x, &mut vec![0.0; n]), outcome.gradient);
        assert!(value == outcome.value && gradient < 1e-6, "{n}: {outcome:?}");
        if n == 2 {
            assert!(x.iter().all(|x| (x - 1.0).abs() < 1e-8), "{x:?}");
            assert!(outcome.iterations < 50 && outcome.evaluations < 70, "{outcome:?}");
        }
    }
}

#[test]
fn a_quadratic_is_minimal_where_its_gradient_is_zero() {
    // ½·xᵀAx − bᵀx with A = tridiagonal (−1, 2, −1): A·x = b has the solution xᵢ = (i + 1)(n − i)/2 for b = 1.
    let n = 20;
    let quadratic = |x: &[f64], g: &mut [f64]| {
        for i in 0..n {
            let (left, right) = (if i > 0 { x[i - 1] } else { 0.0 }, if i + 1 < n { x[i + 1] } else { 0.0 });
            g[i] = 2.0 * x[i] - left - right - 1.0;
        }
        x.iter().zip(&*g).map(|(x, g)| 0.5 * x * (g - 1.0)).sum()
    };
    for memory in [1, 3, 10, 40] {
        let mut x = vec![0.0; n];
        let outcome = lbfgs(quadratic, &mut x, &LbfgsOptions { memory, ..exact() });
        assert!(outcome.converged(), "{memory}: {outcome:?}");
        for (i, x) in x.iter().enumerate() {
            let exact = ((i + 1) * (n - i)) as f64 / 2.0;
            assert!((x - exact).abs() < 1e-6 * exact, "memory {memory}: x[{i}] = {x}, {exact}");
        }
    }
}

#[test]
fn scales_that_differ_by_ten_to_the_eighth_are_learned() {
    // Σ cᵢ·(xᵢ − i)²/2 with c from 10⁻⁴ to 10⁴.
    let c = |i: usize| 10f64.powi(i as i32 - 4);
    let f = |x: &[f64], g: &mut [f64]| {
        (0..9)
            .map(|i| {
                g[i] = c(i) * (x[i] - i as f64);
                g[i] * (x[i] - i as f64) / 2.0
            })
            .sum()
    };
    let mut x = [0.0; 9];
    let outcome = lbfgs(f, &mut x, &LbfgsOptions { decrease: 0.0, ..exact() });
    assert!(outcome.converged(), "{outcome:?}");
    for (i, x) in x.iter().enumerate() {
        assert!((x - i as f64).abs() < 1e-4, "x[{i}] = {x}: {outcome:?}");
    }
}

#[test]
fn where_f_is_nan_a_step_is_too_long() {
    // x − ln x is NaN below 0, and its minimum is at 1; from 10⁻³ the gradient is −999, and the step after it is too
    // long.
    for start in [1e-6, 1e-3, 0.5, 50.0] {
        let refused = Cell::new(0);
        let f = |x: &[f64], g: &mut [f64]| {
            g[0] = 1.0 - 1.0 / x[0];
            let value = x[0] - x[0].ln();
            refused.set(refused.get() + u32::from(value.is_nan()));
            value
        };
        let mut x = [start];
        let outcome = lbfgs(f, &mut x, &exact());
        assert!(outcome.converged() && (x[0] - 1.0).abs() < 1e-7, "from {start}: {x:?}, {outcome:?}");
        assert!(outcome.evaluations < 60, "from {start}: {outcome:?}");
    }
    // The same with a wall that returns an infinity: the minimum of (x + 2)² right of 0.
    let f = |x: &[f64], g: &mut [f64]| {
        g[0] = 2.0 * (x[0] + 2.0);
        if x[0] < 0.0 { f64::INFINITY } else { (x[0] + 2.0).powi(2) }
    };
    let mut x = [3.0];
    let outcome = lbfgs(f, &mut x, &exact());
    assert!((0.0..1e-6).contains(&x[0]) && outcome.stop != LbfgsStop::Iterations, "{x:?}, {outcome:?}");
}

#[test]
fn what_is_optimal_already_is_left_as_it_is() {
    let mut x = [1.0, 1.0];
    let outcome = lbfgs(rosenbrock, &mut x, &exact());
    assert_eq!((x, outcome.iterations, outcome.evaluations), ([1.0, 1.0], 0, 1));
    assert_eq!(outcome.stop, LbfgsStop::Gradient);
    let outcome = lbfgs(|_, _| 7.0, &mut [], &exact());
    assert_eq!((outcome.value, outcome.stop), (7.0, LbfgsStop::Gradient));
}

#[test]
fn it_says_why_it_stopped() {
    let mut x = [-1.2, 1.0];
    let outcome = lbfgs(rosenbrock, &mut x, &LbfgsOptions { iterations: 3, ..exact() });
    assert_eq!((outcome.stop, outcome.iterations), (LbfgsStop::Iterations, 3));
    assert!(outcome.value < 24.2, "24.2 is the value where it began: {outcome:?}");

    let outcome = lbfgs(rosenbrock, &mut [-1.2, 1.0], &LbfgsOptions { decrease: 0.5, ..exact() });
    assert_eq!(outcome.stop, LbfgsStop::Decrease);

    let mut x = [2.0];
    let outcome = lbfgs(|_, _| f64::NAN, &mut x, &exact());
    assert_eq!((outcome.stop, x), (LbfgsStop::NotFinite, [2.0]));

    // A gradient of the wrong sign leads uphill, and nowhere.
    let wrong = |x: &[f64], g: &mut [f64]| {
        g[0] = -2.0 * x[0];
        x[0] * x[0]
    };
    let mut x = [2.0];
    let outcome = lbfgs(wrong, &mut x, &exact());
    assert_eq!((outcome.stop, x), (LbfgsStop::NoDescent, [2.0]));
}

#[test]
fn what_falls_for_ever_ends() {
    let fall = |x: &[f64], g: &mut [f64]| {
        g[0] = 1.0;
        x[0]
    };
    let outcome = lbfgs(fall, &mut [0.0], &LbfgsOptions { iterations: 20, ..exact() });
    assert!(outcome.value < -1e10 && !matches!(outcome.stop, LbfgsStop::Gradient), "{outcome:?}");
}

#[test]
fn equal_problems_take_equal_steps() {
    let run = || {
        let mut x = [-1.2, 1.0, 0.3];
        (lbfgs(rosenbrock, &mut x, &exact()), x)
    };
    assert_eq!(run(), run());
}
