//! Sorted rows, the k largest, and running sums, against plain loops.

mod layouts;

use glassbox_tensor::{Ids, Tensor, tensor};
use layouts::{Layout, layouts, shapes};
use proptest::prelude::*;
use std::cmp::Ordering;

/// Numbers among which ties, both zeros, infinities and NaN are frequent.
fn awkward() -> impl Strategy<Value = Vec<f32>> {
    let number = prop_oneof![
        3 => -3i8..4,
        1 => 100i8..105,
    ]
    .prop_map(|i| match i {
        100 => f32::NAN,
        101 => f32::INFINITY,
        102 => f32::NEG_INFINITY,
        103 => -0.0,
        104 => -f32::NAN,
        i => f32::from(i),
    });
    proptest::collection::vec(number, 0..700)
}

/// NaN is the largest, and equal to itself; −0 is 0.
fn order(a: f32, b: f32) -> Ordering {
    a.partial_cmp(&b).unwrap_or(a.is_nan().cmp(&b.is_nan()))
}

/// The places of a row in order, by a stable sort.
fn places(row: &[f32], descending: bool) -> Vec<u32> {
    let mut places: Vec<u32> = (0..row.len() as u32).collect();
    places.sort_by(|&i, &j| {
        let ascending = order(row[i as usize], row[j as usize]);
        if descending { ascending.reverse() } else { ascending }
    });
    places
}

fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| x.to_bits()).collect()
}

/// x with `axis` put last, as a list of rows.
fn rows(x: &Tensor, axis: usize) -> Vec<Vec<f32>> {
    let last = x.transpose(axis as isize, -1);
    last.to_vec().chunks(x.shape()[axis].max(1)).map(<[f32]>::to_vec).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn a_row_is_sorted_stably_and_to_the_bit(row in awkward(), descending in any::<bool>(), k in any::<usize>()) {
        let x = Tensor::from_slice(&row, [row.len()]);
        let (y, ids) = x.sort(0, descending);
        let want = places(&row, descending);
        prop_assert_eq!(ids.as_slice(), &want[..]);
        prop_assert_eq!(bits(&y.to_vec()), bits(&want.iter().map(|&i| row[i as usize]).collect::<Vec<_>>()));
        let k = k % (row.len() + 1);
        let (y, ids) = x.topk(k, 0);
        let want = &places(&row, true)[..k];
        prop_assert_eq!(ids.as_slice(), want);
        prop_assert_eq!(bits(&y.to_vec()), bits(&want.iter().map(|&i| row[i as usize]).collect::<Vec<_>>()));
    }

    #[test]
    fn any_axis_is_ordered(
        shape in shapes().prop_filter("an axis", |shape| !shape.is_empty()),
        layout in layouts(),
        axis in 0usize..4,
        descending in any::<bool>(),
        k in any::<usize>(),
    ) {
        let axis = axis % shape.len();
        let x = layout.tensor(&shape, (-1.0, 1.0), 1);
        let back = axis as isize - shape.len() as isize;
        let (y, ids) = x.sort(back, descending);
        prop_assert_eq!(&y, &x.gather(back, &ids));
        prop_assert_eq!(&x.argsort(axis as isize, descending), &ids);
        let want: Vec<u32> = rows(&x, axis).iter().flat_map(|row| places(row, descending)).collect();
        prop_assert_eq!(rows(&ids.to_tensor(), axis).concat(), want.iter().map(|&i| i as f32).collect::<Vec<_>>());
        let k = k % (shape[axis] + 1);
        let (most, ids) = x.topk(k, back);
        let (all, order) = x.sort(back, true);
        prop_assert_eq!(most, all.narrow(back, 0, k));
        prop_assert_eq!(ids, order.narrow(back, 0, k));
    }

    #[test]
    fn running_sums_are_the_rounded_sums(
        shape in shapes().prop_filter("an axis", |shape| !shape.is_empty()),
        layout in layouts(),
        axis in 0usize..4,
    ) {
        let axis = axis % shape.len();
        let x = layout.tensor(&shape, (-1.0, 1.0), 1);
        assert_sums(&x, axis);
    }
}

/// Both running sums of each row, within u of the sum in f64 and 2⁻⁵³ for each term.
fn assert_sums(x: &Tensor, axis: usize) {
    let (forward, backward) = (x.cumsum(axis as isize), x.cumsum_reversed(axis as isize - x.rank() as isize));
    for ((x, forward), mut backward) in rows(x, axis).into_iter().zip(rows(&forward, axis)).zip(rows(&backward, axis)) {
        let (mut sum, mut magnitude) = (0.0f64, 0.0f64);
        let near = |y: f32, sum: f64, magnitude: f64| {
            let bound = 1.01
                * (sum.abs() * f64::EPSILON * f64::from(1u32 << 28) + x.len() as f64 * magnitude * f64::EPSILON / 2.0);
            assert!((f64::from(y) - sum).abs() <= bound, "{y}, in f64 {sum}");
        };
        for (&x, y) in x.iter().zip(forward) {
            (sum, magnitude) = (sum + f64::from(x), magnitude + f64::from(x.abs()));
            near(y, sum, magnitude);
        }
        backward.reverse();
        (sum, magnitude) = (0.0, 0.0);
        for (&x, y) in x.iter().rev().zip(backward) {
            (sum, magnitude) = (sum + f64::from(x), magnitude + f64::from(x.abs()));
            near(y, sum, magnitude);
        }
    }
}

#[test]
fn every_way_of_summing_is_right() {
    // whole blocks; one long row; few long blocks of narrow entries; wide entries by columns
    for (shape, axis) in
        [(&[40, 900, 3][..], 1), (&[100_003], 0), (&[2, 9000, 5], 1), (&[3, 50, 1100], 1), (&[17, 2000], 0)]
    {
        assert_sums(&Layout::Plain.tensor(shape, (-1.0, 1.0), 1), axis);
    }
}

#[test]
fn long_rows_are_sorted_and_searched() {
    for seed in 0..3 {
        let row = layouts::values(100_000, [(-1.0, 1.0), (1.0, 1.1), (-1e-3, 1e6)][seed as usize], seed);
        let x = Tensor::from_slice(&row, [row.len()]);
        let want = places(&row, true);
        assert_eq!(x.argsort(0, true).as_slice(), want);
        for k in [1, 33, 5000] {
            assert_eq!(x.topk(k, 0).1.as_slice(), &want[..k]);
        }
    }
    let ascending = Tensor::arange(100_000);
    assert_eq!(ascending.topk(2, 0), (tensor![99_999., 99_998.], Ids::from([99_999, 99_998])));
    assert_eq!(ascending.flip(&[0]).topk(2, 0), (tensor![99_999., 99_998.], Ids::from([0, 1])));
}
