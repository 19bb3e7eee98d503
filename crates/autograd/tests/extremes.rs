//! What reductions, softmax, normalisation and losses give for rows that are masked, constant, infinite, huge, or far from 0, on
//! every instruction set: the values that their documentation promises.

use glassbox_autograd::{CrossEntropyOptions, Reduction, Var};
use glassbox_tensor::random::Key;
use glassbox_tensor::simd::Isa;
use glassbox_tensor::{Ids, Tensor, assert_close, tensor};

const INF: f32 = f32::INFINITY;
const NAN: f32 = f32::NAN;

fn on_every_isa(check: impl Fn()) {
    Isa::available().into_iter().for_each(|isa| isa.with(&check));
}

/// The value of `f` at x, and the gradient of Σ w·f with weights that no symmetry cancels.
fn value_and_gradient(x: &Tensor, f: impl Fn(&Var) -> Var) -> (Tensor, Tensor) {
    let x = Var::input(x.clone());
    let y = f(&x);
    let gradient = (&y * &Var::constant(weights(y.shape()))).sum_all().backward().of(&x).clone();
    (y.into_value(), gradient)
}

fn weights(shape: impl AsRef<[usize]>) -> Tensor {
    &Tensor::rand(shape, Key::new(1)) + 0.5
}

/// Equal, with NaN equal to NaN.
#[track_caller]
fn assert_same(x: &Tensor, want: &Tensor) {
    assert_close!(*x, *want, 0.0, 0.0);
}

fn all_finite(x: &Tensor) -> bool {
    x.to_vec().iter().all(|x| x.is_finite())
}

/// Rows that stay in one vector, beyond vectors, and beyond a block.
const LENGTHS: [usize; 4] = [3, 40, 1000, 20_000];

fn row(n: usize, element: impl Fn(usize) -> f32) -> Tensor {
    Tensor::from_vec((0..n).map(element).collect(), [1, n])
}

#[test]
fn softmax_and_its_kin_are_finite_up_to_1e38_of_either_sign() {
    on_every_isa(|| {
        for (n, top) in LENGTHS.into_iter().flat_map(|n| [1e38f32, 3e38].map(|top| (n, top))) {
            let two_signs = row(n, |i| if i % 3 == 1 { -top } else { top });
            for x in [row(n, |_| top), row(n, |_| -top), two_signs] {
                let largest = x.max(&[1], false).item();
                let equal = x.to_vec().iter().filter(|x| **x == largest).count() as f64;
                let (y, dx) = value_and_gradient(&x, |x| x.logsumexp(&[1], false));
                assert_eq!(y.item(), largest, "ln n is far below a unit of 10³⁸");
                assert!((dx.to_f64().sum() - f64::from(weights([1]).item())).abs() < 1e-5, "shares of one gradient");
                let (y, dx) = value_and_gradient(&x, |x| x.softmax(1));
                assert!((y.to_f64().sum() - 1.0).abs() < 1e-5);
                assert!(all_finite(&y) && all_finite(&dx));
                let (y, dx) = value_and_gradient(&x, |x| x.log_softmax(1));
                assert!((f64::from(y.max(&[1], false).item()) + equal.ln()).abs() < 1e-5);
                // 6·10³⁸ is beyond f32
                assert!(all_finite(&dx) && y.to_vec().iter().all(|y| y.is_finite() || (*y == -INF && top > 2e38)));
                let (loss, dx) = value_and_gradient(&x, |x| x.cross_entropy(&Ids::from([0]), Default::default()));
                assert!((f64::from(loss.item()) - equal.ln()).abs() < 1e-5);
                assert!(all_finite(&dx));
            }
        }
    });
}

#[test]
fn rows_that_are_masked_throughout_give_the_documented_value() {
    on_every_isa(|| {
        for n in LENGTHS {
            let x = row(n, |_| -INF);
            assert_eq!(x.logsumexp(&[1], false).item(), -INF);
            for y in [x.softmax(1), x.log_softmax(1)] {
                assert!(y.to_vec().iter().all(|y| y.is_nan()));
            }
            let loss = Var::constant(x).cross_entropy(&Ids::from([1]), CrossEntropyOptions::default());
            assert!(loss.item().is_nan());
        }
    });
}

#[test]
fn masked_entries_beside_others_count_for_nothing() {
    on_every_isa(|| {
        for n in LENGTHS {
            let masked = |i: usize| i % 2 == 1;
            let x = row(n, |i| if masked(i) { -INF } else { 0.0 });
            let rest = n.div_ceil(2) as f32;
            let (y, dx) = value_and_gradient(&x, |x| x.logsumexp(&[1], false));
            assert_close!(y, Tensor::from_vec(vec![rest.ln()], [1]));
            let zero_where_masked = |t: &Tensor| t.to_vec().iter().enumerate().all(|(i, t)| *t == 0.0 || !masked(i));
            assert!(zero_where_masked(&dx) && all_finite(&dx));
            let y = x.softmax(1);
            assert!(zero_where_masked(&y) && all_finite(&y));
            let y = x.log_softmax(1);
            assert!(y.to_vec().iter().enumerate().all(|(i, y)| if masked(i) { *y == -INF } else { y.is_finite() }));
            let (loss, dx) = value_and_gradient(&x, |x| x.cross_entropy(&Ids::from([0]), Default::default()));
            assert_close!(loss, Tensor::scalar(rest.ln()));
            assert!(zero_where_masked(&dx) && all_finite(&dx));
            let own = Var::constant(x.clone()).cross_entropy(&Ids::from([1]), Default::default());
            assert_eq!(own.item(), INF, "the row's own class is masked");
            let smooth = CrossEntropyOptions { label_smoothing: 0.1, ..Default::default() };
            assert_eq!(Var::constant(x).cross_entropy(&Ids::from([0]), smooth).item(), INF, "all classes have a share");
        }
    });
}

#[test]
fn an_infinite_entry_is_the_largest_and_makes_shares_undefined() {
    on_every_isa(|| {
        for n in LENGTHS {
            let x = row(n, |i| if i == n / 2 { INF } else { 1.0 });
            let (y, dx) = value_and_gradient(&x, |x| x.logsumexp(&[1], false));
            assert_eq!(y.item(), INF);
            assert!(dx.to_vec().iter().enumerate().all(|(i, dx)| if i == n / 2 { dx.is_nan() } else { *dx == 0.0 }));
            let loss = Var::constant(x.clone()).cross_entropy(&Ids::from([0]), Default::default());
            for y in [x.softmax(1), x.log_softmax(1), loss.into_value()] {
                assert!(y.to_vec().iter().all(|y| y.is_nan()));
            }
        }
    });
}

#[test]
fn logits_of_ten_thousand_lose_no_digits_of_their_probabilities() {
    on_every_isa(|| {
        let shifted = tensor![[10_000., 10_001., 10_003.], [0., 1., 3.]];
        for f in [(|x: &Var| x.logsumexp(&[1], false)) as fn(&Var) -> Var, |x| {
            let each = CrossEntropyOptions { reduction: Reduction::None, ..Default::default() };
            x.cross_entropy(&Ids::from([0, 0]), each)
        }] {
            let x = Var::input(shifted.clone());
            let grads = f(&x).sum_all().backward();
            assert_close!(grads.of(&x).narrow(0, 0, 1), grads.of(&x).narrow(0, 1, 1), 1e-6);
        }
        let y = shifted.log_softmax(1);
        assert_close!(y.narrow(0, 0, 1), y.narrow(0, 1, 1), 1e-6);
    });
}

/// 10⁴ + N(0, 1): the squares are 10⁸ times the variance.
fn far(shape: impl AsRef<[usize]>) -> Tensor {
    &Tensor::randn(shape, Key::new(3)) + 1e4
}

fn var_of(x: &[f64]) -> f64 {
    let mean = x.iter().sum::<f64>() / x.len() as f64;
    x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (x.len() - 1) as f64
}

#[test]
fn the_variance_of_ten_thousand_and_a_little_has_its_digits() {
    on_every_isa(|| {
        for n in [5, 100, 3000, 100_000] {
            let rows = far([2, n]);
            let exact: Vec<f64> = rows.to_f64().rows().into_iter().map(|row| var_of(&row.to_vec())).collect();
            let want = Tensor::from_vec(exact.iter().map(|&v| v as f32).collect(), [2]);
            assert_close!(rows.var(&[1], 1, false), want, 1e-6);
            assert_close!(
                rows.std(&[1], 1, false),
                Tensor::from_vec(exact.iter().map(|v| v.sqrt() as f32).collect(), [2]),
                1e-6
            );
            for columns in [2, 3, 40] {
                let down = rows.narrow(0, 0, 1).t().expand([n, columns]).contiguous();
                assert_close!(down.var(&[0], 1, false), Tensor::full([columns], exact[0] as f32), 1e-6);
            }
            // of a sample, the variance that was drawn
            assert!(n < 3000 || (exact[0] - 1.0).abs() < 0.1);
        }
        let pictures = far([30, 4, 50]);
        let channel = pictures.to_f64();
        let (_, stats) = Var::constant(pictures).batch_norm(None, None, 1e-5);
        for c in 0..4 {
            let numbers: Vec<f64> = channel.index_axis(ndarray::Axis(1), c).iter().copied().collect();
            assert!((f64::from(stats.unbiased_var().at([c])) / var_of(&numbers) - 1.0).abs() < 1e-5);
        }
    });
}

#[test]
fn normalised_rows_far_from_zero_have_mean_0_and_variance_1() {
    on_every_isa(|| {
        let y = Var::constant(far([7, 3000])).layer_norm(&[3000], None, None, 1e-12).into_value();
        // m is rounded to u·10⁴
        assert_close!(y.mean(&[1], false), Tensor::zeros([7]), 0.0, 1e-3);
        assert_close!(y.var(&[1], 0, false), Tensor::ones([7]), 1e-5);
    });
}

#[test]
fn constant_rows_are_normalised_to_the_bias_exactly() {
    on_every_isa(|| {
        for n in [4, 33, 3000, 20_000] {
            let (w, b) = (Tensor::rand([n], Key::new(5)), Tensor::rand([n], Key::new(6)));
            let (wv, bv) = (Var::constant(w), Var::constant(b.clone()));
            for c in [0.1, 1e4, -7e-20, 1e30, 0.0] {
                let x = Tensor::full([2, n], c);
                let (y, dx) = value_and_gradient(&x, |x| x.layer_norm(&[n], Some(&wv), Some(&bv), 1e-5));
                assert_same(&y, &b.expand([2, n]).contiguous());
                assert!(all_finite(&dx));
                let x = Tensor::full([3, 2, n], c);
                let b = Var::constant(tensor![3., 4.]);
                for f in [
                    (|x: &Var, b: &Var| x.group_norm(2, None, Some(b), 1e-5)) as fn(&Var, &Var) -> Var,
                    |x, b| x.group_norm(1, None, Some(b), 1e-5),
                    |x, b| x.instance_norm(None, Some(b), 1e-5),
                    |x, b| x.batch_norm(None, Some(b), 1e-5).0,
                ] {
                    let (y, dx) = value_and_gradient(&x, |x| f(x, &b));
                    assert_same(&y, &tensor![[3.], [4.]].expand([3, 2, n]).contiguous());
                    assert!(all_finite(&dx));
                }
                assert_same(&x.var(&[0, 2], 1, false), &tensor![0., 0.]);
                let (std, dx) = value_and_gradient(&x, |x| x.std(&[2], 1, false));
                assert_same(&std, &Tensor::zeros([3, 2]));
                assert_same(&dx, &Tensor::zeros([3, 2, n]));
            }
        }
        let zeros = Var::constant(Tensor::zeros([2, 40])).rms_norm(&[40], None, 1e-6);
        assert_same(zeros.value(), &Tensor::zeros([2, 40]));
    });
}

#[test]
fn huge_rows_are_normalised_like_any_others() {
    on_every_isa(|| {
        for n in [4, 36, 3000] {
            let sign = row(n, |i| if i % 4 < 2 { 1.0 } else { -1.0 });
            let x = &sign * 1e38;
            for f in [
                (|x: &Var| x.layer_norm(&x.shape()[1..], None, None, 1e-5)) as fn(&Var) -> Var,
                |x| x.rms_norm(&x.shape()[1..], None, 1e-5),
                |x| x.group_norm(1, None, None, 1e-5),
                |x| x.t().batch_norm(None, None, 1e-5).0.t(),
            ] {
                assert_close!(f(&Var::constant(x.clone())).into_value(), sign, 1e-6);
            }
            assert_close!(x.std(&[1], 0, false), tensor![1e38]);
            assert_eq!(x.var(&[1], 0, false).item(), INF, "10⁷⁶ is beyond f32");
        }
    });
}

#[test]
fn nan_and_infinity_spoil_their_own_row_and_no_other() {
    on_every_isa(|| {
        for special in [NAN, INF, -INF] {
            let mut x = Tensor::randn([3, 40], Key::new(7));
            x.make_mut()[45] = special;
            let x = Var::constant(x);
            let spoilt = |y: &Tensor, of: &dyn Fn(usize) -> bool| {
                y.to_vec().iter().enumerate().all(|(i, y)| y.is_nan() == of(i))
            };
            assert!(spoilt(x.layer_norm(&[40], None, None, 1e-5).value(), &|i| i / 40 == 1));
            assert!(spoilt(x.group_norm(4, None, None, 1e-5).value(), &|i| i / 10 == 4));
            assert!(spoilt(x.batch_norm(None, None, 1e-5).0.value(), &|i| i % 40 == 5));
            assert!(spoilt(x.var(&[1], 1, false).value(), &|i| i == 1));
            let rms = x.rms_norm(&[40], None, 1e-5);
            assert!(spoilt(rms.value(), &|i| if special.is_nan() { i / 40 == 1 } else { i == 45 }));
            let beside: Vec<f32> = rms.value().to_vec()[40..45].to_vec();
            assert!(special.is_nan() || beside == [0.0; 5], "a finite number beside ∞ is none of it: {beside:?}");
        }
    });
}

#[test]
fn norms_reach_as_far_as_their_values_and_have_the_gradient_0_at_0() {
    on_every_isa(|| {
        for n in LENGTHS {
            let root = (n as f64).sqrt();
            for size in [1e-42, 1e-30, 1.0, 1e30f32] {
                let x = row(n, |i| if i % 2 == 0 { size } else { -size });
                let norm = |p: f32, of_ones: f64| {
                    let want = (f64::from(size) * of_ones) as f32;
                    assert_close!(x.norm(p, &[1], false), Tensor::from_vec(vec![want], [1]), 4e-6, 3e-45);
                };
                norm(1.0, n as f64);
                norm(2.0, root);
                norm(3.0, (n as f64).cbrt());
                norm(INF, 1.0);
            }
            for p in [0.5, 1.0, 1.5, 2.0, 3.0, INF] {
                let (y, dx) = value_and_gradient(&row(n, |_| 0.0), |x| x.norm(p, &[1], false));
                assert_same(&y, &tensor![0.]);
                assert_same(&dx, &Tensor::zeros([1, n]));
                let with =
                    |special: f32| row(n, |i| if i == n / 2 { special } else { 1.0 }).norm(p, &[1], false).item();
                assert_eq!((with(INF), with(-INF)), (INF, INF));
                assert!(with(NAN).is_nan());
            }
        }
    });
}

#[test]
fn the_mean_over_no_row_that_counts_is_nan_and_teaches_nothing() {
    let options = CrossEntropyOptions { ignore_index: Some(7), ..Default::default() };
    let x = Var::input(Tensor::ones([2, 3]));
    let loss = x.cross_entropy(&Ids::from([7, 7]), options);
    assert!(loss.item().is_nan());
    assert_same(loss.backward().of(&x), &Tensor::zeros([2, 3]));
    let sum = CrossEntropyOptions { reduction: Reduction::Sum, ..options };
    assert_eq!(x.cross_entropy(&Ids::from([7, 7]), sum).item(), 0.0);
}

#[test]
fn a_variance_of_too_few_numbers_is_undefined() {
    let alone = tensor![[1.], [2.]];
    assert!(alone.var(&[1], 1, false).to_vec().iter().all(|v| v.is_nan()));
    assert_same(&alone.var(&[1], 0, false), &tensor![0., 0.]);
    assert!(Tensor::zeros([2, 0]).var(&[1], 0, false).to_vec().iter().all(|v| v.is_nan()));
    assert_eq!(tensor![1., 2.].var(&[0], 2, false).item(), INF);
}
