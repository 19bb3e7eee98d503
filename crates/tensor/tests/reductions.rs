//! Sums, maxima, means and softmax against f64, within bounds that follow from how they add.

mod layouts;

use glassbox_tensor::simd::{Isa, SUM_DEPTH};
use glassbox_tensor::{Tensor, tensor};
use layouts::{Layout, for_each_isa, layouts as any_layout, shapes, values};
use ndarray::{ArrayD, Axis, IxDyn};
use proptest::prelude::*;

/// The unit roundoff of f32.
const U: f64 = 1.0 / 16_777_216.0;

fn f64s(x: &Tensor) -> ArrayD<f64> {
    ArrayD::from_shape_vec(IxDyn(x.shape()), x.to_vec().into_iter().map(f64::from).collect()).unwrap()
}

/// The subset number `mask` of the axes, in an order of its own, some counted from the end.
fn axes(mask: usize, rank: usize) -> Vec<isize> {
    let named = (0..rank).filter(|a| mask >> a & 1 == 1);
    named.map(|a| if mask.is_multiple_of(3) { a as isize - rank as isize } else { a as isize }).rev().collect()
}

/// Folds an f64 array over the axes of `mask`, which keep length 1.
fn fold(x: &ArrayD<f64>, mask: usize, start: f64, f: impl Fn(f64, f64) -> f64) -> ArrayD<f64> {
    let reduced = (0..x.ndim()).filter(|a| mask >> a & 1 == 1);
    reduced.fold(x.clone(), |x, a| x.fold_axis(Axis(a), start, |&a, &b| f(a, b)).insert_axis(Axis(a)))
}

/// γ of n roundings in a row (Higham 2002, section 3.1).
fn gamma(n: f64) -> f64 {
    n * U / (1.0 - n * U)
}

/// By how much a sum of this many terms may be wrong, as a share of Σ|x|: n − 1 additions at most, and no more than what the
/// blocks promise.
fn share(count: f64) -> f64 {
    gamma(count.min(SUM_DEPTH as f64))
}

#[track_caller]
fn assert_sum(x: &Tensor, mask: usize, what: &str) {
    let exact = f64s(x);
    let (want, sizes) = (fold(&exact, mask, 0.0, |a, b| a + b), fold(&exact.mapv(f64::abs), mask, 0.0, |a, b| a + b));
    let have = x.sum(&axes(mask, x.rank()), true);
    assert_eq!(have.shape(), want.shape(), "{what}");
    let count = exact.len() as f64 / want.len().max(1) as f64;
    for ((&have, &want), &size) in have.to_vec().iter().zip(&want).zip(&sizes) {
        let bound = share(count) * size;
        assert!((f64::from(have) - want).abs() <= bound, "{what}: {have}, not {want}; allowed: {bound:e}");
    }
    let flat = x.sum(&axes(mask, x.rank()), false);
    let kept: Vec<usize> = (0..x.rank()).filter(|a| mask >> a & 1 == 0).map(|a| x.shape()[a]).collect();
    assert_eq!((flat.shape(), flat.to_vec()), (&kept[..], have.to_vec()), "{what}: without the axes");

    let means = x.mean(&axes(mask, x.rank()), true);
    for ((&have, &want), &size) in means.to_vec().iter().zip(&want).zip(&sizes) {
        let bound = (share(count) + U) * size / count;
        let right = if count == 0.0 { have.is_nan() } else { (f64::from(have) - want / count).abs() <= bound };
        assert!(right, "{what}: mean {have}, not {}; allowed: {bound:e}", want / count);
    }
}

#[track_caller]
fn assert_max(x: &Tensor, mask: usize, what: &str) {
    let want = fold(&f64s(x), mask, f64::NEG_INFINITY, f64::max);
    let have = x.max(&axes(mask, x.rank()), true);
    assert_eq!(have.shape(), want.shape(), "{what}");
    assert_eq!(f64s(&have), want, "{what}");
    let want = fold(&f64s(x), mask, f64::INFINITY, f64::min);
    assert_eq!(f64s(&x.min(&axes(mask, x.rank()), true)), want, "{what}: the minimum");
}

/// softmax along `axis`, each element within what its steps round: x − max, the exponential (2 ULP = 4u), the sum, the
/// reciprocal and the product.
#[track_caller]
fn assert_softmax(x: &Tensor, axis: usize, what: &str) {
    let have = f64s(&x.softmax(axis as isize));
    let exact = f64s(x);
    assert_eq!(have.shape(), exact.shape(), "{what}");
    let n = x.shape()[axis];
    let sum_depth = (n / Isa::current().lanes() + 4 + 15) as f64;
    for (have, row) in have.lanes(Axis(axis)).into_iter().zip(exact.lanes(Axis(axis))) {
        let max = row.fold(f64::NEG_INFINITY, |a, &b| a.max(b));
        let e = row.mapv(|x| (x - max).exp());
        let total = e.sum();
        let drift = row.iter().zip(&e).map(|(x, e)| (max - x) * e).filter(|d| d.is_finite()).sum::<f64>() / total;
        for ((&y, &e), &x) in have.iter().zip(&e).zip(&row) {
            let bound = 1.01 * U * (2.0 * 4.0 + sum_depth + 2.0 + drift + (max - x)) * e / total + 2e-38;
            let right = if max - x > 1e3 { y == 0.0 } else { (y - e / total).abs() <= bound };
            assert!(right, "{what}: {y}, not {}; allowed: {bound:e}", e / total);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(60) })]

    #[test]
    fn sums_maxima_and_means_over_every_subset_of_axes(shape in shapes(), layout in any_layout(), seed in any::<u64>()) {
        let x = layout.tensor(&shape, (-1.0, 1.0), seed);
        for_each_isa(|isa| {
            for mask in 0..1 << shape.len() {
                let what = format!("{shape:?}, axes {:?}, {layout:?}, {isa:?}", axes(mask, shape.len()));
                assert_sum(&x, mask, &what);
                assert_max(&x, mask, &what);
            }
        });
    }

    #[test]
    fn softmax_along_every_axis(shape in shapes(), layout in any_layout(), seed in any::<u64>(), range in 0.1f32..50.0) {
        let x = layout.tensor(&shape, (-range, range), seed);
        for_each_isa(|isa| {
            for axis in 0..shape.len() {
                assert_softmax(&x, axis, &format!("{shape:?}, axis {axis}, {layout:?}, {isa:?}"));
            }
        });
    }

    #[test]
    fn sum_to_undoes_expand(shape in shapes(), mask in any::<u8>(), missing in 0usize..3, layout in any_layout(), seed in any::<u64>()) {
        let x = layout.tensor(&shape, (-1.0, 1.0), seed);
        let missing = missing.min(shape.len());
        let small: Vec<usize> = (missing..shape.len()).map(|a| if mask >> a & 1 == 1 { 1 } else { shape[a] }).collect();
        let reduced = (0..shape.len()).filter(|&a| a < missing || mask >> a & 1 == 1).fold(0, |m, a| m | 1 << a);
        let have = x.sum_to(&small);
        prop_assert_eq!(have.shape(), &small[..]);
        let (want, exact) = (fold(&f64s(&x), reduced, 0.0, |a, b| a + b), f64s(&x).mapv(f64::abs));
        let sizes = fold(&exact, reduced, 0.0, |a, b| a + b);
        let count = exact.len() as f64 / want.len().max(1) as f64;
        for ((&have, &want), &size) in have.to_vec().iter().zip(&want).zip(&sizes) {
            prop_assert!((f64::from(have) - want).abs() <= share(count) * size, "{} {}", have, want);
        }
    }
}

/// Beyond a block along the axis, beyond the columns of one task across it, and both.
#[test]
fn sizes_beyond_every_block() {
    let cases: [(&[usize], usize); 18] = [
        (&[1 << 20], 0b1),
        (&[513], 0b1),
        (&[3, 1300], 0b10),
        (&[1300, 3], 0b01),
        (&[5, 1025], 0b01),
        (&[700, 1025], 0b01),
        (&[513, 2049], 0b01),
        (&[2, 1030, 5], 0b010),
        (&[2, 1030, 1027], 0b010),
        (&[3, 600, 700], 0b101),
        (&[600, 3, 700], 0b011),
        (&[4000, 3, 2], 0b010),
        (&[3, 4001, 2], 0b010),
        (&[20_001, 3], 0b01),
        (&[9000, 31], 0b01),
        (&[8193], 0b1),
        (&[70_001, 2], 0b11),
        (&[5, 8200, 2, 300], 0b0101),
    ];
    for (shape, mask) in cases {
        let x = Layout::Plain.tensor(shape, (-1.0, 1.0), 11);
        for_each_isa(|isa| {
            let what = format!("{shape:?}, axes {:?}, {isa:?}", axes(mask, shape.len()));
            assert_sum(&x, mask, &what);
            assert_max(&x, mask, &what);
        });
    }
    for n in [4095, 4096, 4097, 70_000] {
        let x = Layout::Plain.tensor(&[3, n], (-5.0, 5.0), 12);
        for_each_isa(|isa| {
            assert_softmax(&x, 1, &format!("{n} columns, {isa:?}"));
            assert_softmax(&x.t(), 0, &format!("{n} rows, {isa:?}"));
        });
    }
}

/// Whole numbers below 2²⁴ are added without rounding, so any element that is lost or counted twice shows.
#[test]
fn sums_of_whole_numbers_are_exact() {
    for_each_isa(|isa| {
        for n in (0..200).chain([511, 512, 513, 1023, 1024, 1025, 5000]) {
            let x = Tensor::arange(n);
            let sum = (n * n.saturating_sub(1) / 2) as f32;
            assert_eq!(x.sum_all().item(), sum, "{n}, {isa:?}");
            assert_eq!(x.unsqueeze(1).expand([n, 3]).sum(&[0], false).to_vec(), [sum; 3], "{n}, {isa:?}");
            assert_eq!(x.expand([3, n]).sum(&[1], false).to_vec(), [sum; 3], "{n}, {isa:?}");
        }
    });
}

/// The tree is what this buys: a running sum in f32 of so many ones stops at 2²⁴.
#[test]
fn twenty_million_ones_are_twenty_million() {
    let ones = Tensor::scalar(1.0).expand([20_000_000]).contiguous();
    assert_eq!(ones.sum_all().item(), 20_000_000.0);
    assert_eq!(ones.mean(&[0], false).item(), 1.0);
}

#[test]
fn nan_wins_a_maximum_and_spoils_a_sum_wherever_it_stands() {
    for_each_isa(|isa| {
        for n in [1, 7, 64, 70, 600] {
            for at in (0..n).step_by(1 + n / 70) {
                let mut x = Tensor::ones([n]);
                x.make_mut()[at] = f32::NAN;
                let what = format!("{n}, {at}, {isa:?}");
                assert!(x.max(&[0], false).item().is_nan() && x.sum_all().item().is_nan(), "{what}");
                let columns = x.unsqueeze(1).expand([n, 19]);
                assert!(columns.max(&[0], false).to_vec().iter().all(|x| x.is_nan()), "{what}");
                let row = columns.t().max(&[0], false).to_vec();
                assert!(row.iter().enumerate().all(|(i, x)| x.is_nan() == (i == at)), "{what}: its column alone");
                assert!(x.softmax(0).to_vec().iter().all(|x| x.is_nan()), "{what}");
            }
        }
    });
}

/// Wherever the extremes stand in rows and columns of all lengths around vectors, stretches and blocks; NaN beats them.
#[test]
fn the_place_of_an_extreme_is_the_first_of_equal_ones() {
    for_each_isa(|isa| {
        for n in [1, 2, 7, 16, 17, 255, 256, 257, 300, 8192, 8193, 20_000] {
            for at in [0, 1, 5, 128, 256, 8191, 8192, 19_999].into_iter().filter(|&at| at < n) {
                let mut x = vec![0.0; n];
                x[at] = 3.0;
                x[n - 1] = 3.0;
                let what = format!("{n}, {at}, {isa:?}");
                let place = |x: &[f32]| {
                    let row = Tensor::from_slice(x, [n]);
                    let columns = row.unsqueeze(1).expand([n, 3]).contiguous();
                    let down = -&row;
                    let found = row.argmax(0, false).as_slice()[0];
                    assert_eq!(columns.argmax(0, false).as_slice(), [found; 3], "{what}: columns");
                    assert_eq!(down.argmin(0, true).as_slice(), [found], "{what}: the minimum");
                    found as usize
                };
                assert_eq!(place(&x), at, "{what}");
                x[n / 2] = f32::NAN;
                x[n - 1] = f32::NAN;
                assert_eq!(place(&x), n / 2, "{what}: NaN");
                x.fill(f32::NEG_INFINITY);
                assert_eq!(place(&x), 0, "{what}: all the least");
            }
        }
    });
}

#[test]
fn reductions_of_nothing() {
    assert_eq!(Tensor::zeros([0]).sum_all().item(), 0.0);
    assert_eq!(Tensor::zeros([2, 0]).sum(&[1], false).to_vec(), [0.0, 0.0]);
    assert_eq!(Tensor::zeros([2, 0]).max(&[1], true).to_vec(), [f32::NEG_INFINITY; 2]);
    assert_eq!(Tensor::zeros([2, 0]).min(&[1], true).to_vec(), [f32::INFINITY; 2]);
    assert!(Tensor::zeros([0]).mean(&[0], false).item().is_nan(), "as in NumPy");
    assert_eq!(Tensor::zeros([0, 3]).sum(&[1], false).shape(), [0]);
    assert_eq!(Tensor::zeros([0, 3]).softmax(1).shape(), [0, 3]);
    assert_eq!(Tensor::zeros([3, 0]).softmax(1).shape(), [3, 0]);
    assert_eq!(Tensor::arange(3).sum(&[], false), Tensor::arange(3), "no axis named: nothing is summed");
    assert_eq!(Tensor::scalar(2.0).sum_all().item(), 2.0);
}

#[test]
fn softmax_of_huge_numbers_is_finite() {
    for_each_isa(|isa| {
        let x = tensor![[1e38, 1e38, -1e38], [3e38, -3e38, 0.0], [-1e38, -1e38, -1e38]];
        let third = 1.0 / 3.0;
        assert_eq!(x.softmax(1), tensor![[0.5, 0.5, 0.0], [1.0, 0.0, 0.0], [third, third, third]], "{isa:?}");
        let wide = Tensor::full([40], 1e38);
        assert_eq!(wide.softmax(0), Tensor::full([40], 1.0 / 40.0), "{isa:?}");
    });
}

#[test]
fn softmax_gives_masked_entries_nothing_and_a_wholly_masked_row_nan() {
    let inf = f32::INFINITY;
    for_each_isa(|isa| {
        assert_eq!(tensor![0.0, -inf, 0.0].softmax(0), tensor![0.5, 0.0, 0.5], "{isa:?}");
        let spoilt = tensor![[-inf, -inf], [inf, 0.0]].softmax(1).to_vec();
        assert!(spoilt.iter().all(|x| x.is_nan()), "{spoilt:?}, {isa:?}: as in PyTorch");
    });
}

#[test]
fn softmax_rows_sum_to_one() {
    let x = Tensor::from_vec(values(64 * 1000, (-30.0, 30.0), 5), [64, 1000]);
    for_each_isa(|isa| {
        let sums = x.softmax(1).to_f64().sum_axis(Axis(1));
        assert!(sums.iter().all(|s| (s - 1.0).abs() < 1e-5), "{isa:?}: {sums}");
    });
}
