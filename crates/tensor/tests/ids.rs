//! What ids name: reading and adding against plain loops, in every way that a shape can make them take.

mod layouts;

use glassbox_tensor::random::Key;
use glassbox_tensor::{Ids, Tensor, tensor};
use layouts::{Layout, layouts, shapes};
use ndarray::{ArrayD, Dimension};
use proptest::prelude::*;

fn array(x: &Tensor) -> ArrayD<f32> {
    ArrayD::from_shape_vec(x.shape(), x.to_vec()).unwrap()
}

fn with(shape: &[usize], axis: usize, len: usize) -> Vec<usize> {
    let mut shape = shape.to_vec();
    shape[axis] = len;
    shape
}

/// y = x, then y[… id …] += src for each element of src in row-major order, in f64; the id is that of the element, or
/// of its entry. Also each place's Σ|terms| and their number.
fn added(x: &Tensor, axis: usize, src: &Tensor, id: impl Fn(usize, &[usize]) -> u32) -> Vec<(f64, f64, f64)> {
    let mut y = array(x).mapv(|x| (f64::from(x), f64::from(x.abs()), 0.0));
    for (i, (from, &v)) in array(src).indexed_iter().enumerate() {
        let mut to = from.slice().to_vec();
        to[axis] = id(i, from.slice()) as usize;
        let (sum, magnitude, count) = &mut y[&to[..]];
        *sum += f64::from(v);
        *magnitude += f64::from(v.abs());
        *count += 1.0;
    }
    y.iter().copied().collect()
}

/// Within k·u of the sum of k terms.
fn assert_sums(y: &Tensor, want: &[(f64, f64, f64)], what: &str) {
    assert_eq!(y.numel(), want.len(), "{what}");
    for (i, (&y, &(sum, magnitude, count))) in y.to_vec().iter().zip(want).enumerate() {
        let bound = 1.01 * count * magnitude / f64::from(1u32 << 24);
        assert!((f64::from(y) - sum).abs() <= bound, "{what}, element {i}: {y}, in f64 {sum}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn entries_are_read_and_added_to(
        shape in shapes().prop_filter("an axis", |shape| !shape.is_empty()),
        layout in layouts(),
        other in layouts(),
        axis in 0usize..4,
        m in 0usize..30,
        back in any::<bool>(),
    ) {
        let axis = axis % shape.len();
        let named = axis as isize - if back { shape.len() as isize } else { 0 };
        let m = if shape[axis] == 0 { 0 } else { m };
        let x = layout.tensor(&shape, (-1.0, 1.0), 1);

        let list = Ids::randint(shape[axis] as u32, [m], Key::new(2));
        let y = x.index_select(named, &list);
        let entries: Vec<usize> = list.as_slice().iter().map(|&i| i as usize).collect();
        prop_assert_eq!(array(&y), array(&x).select(ndarray::Axis(axis), &entries));
        let src = other.tensor(&with(&shape, axis, m), (-1.0, 1.0), 3);
        let want = added(&x, axis, &src, |_, at| list.as_slice()[at[axis]]);
        assert_sums(&x.index_add(named, &list, &src), &want, "index_add");

        let beside = Ids::randint(shape[axis] as u32, with(&shape, axis, m), Key::new(4));
        let y = array(&x.gather(named, &beside));
        let x_array = array(&x);
        for (i, (at, &y)) in y.indexed_iter().enumerate() {
            let mut from = at.slice().to_vec();
            from[axis] = beside.as_slice()[i] as usize;
            prop_assert_eq!(y, x_array[&from[..]]);
        }
        let want = added(&x, axis, &src, |i, _| beside.as_slice()[i]);
        assert_sums(&x.scatter_add(named, &beside, &src), &want, "scatter_add");
    }

    #[test]
    fn embedding_and_one_hot_agree(rows in 1usize..20, features in 0usize..40, ids in shapes(), layout in layouts()) {
        let table = layout.tensor(&[rows, features], (-1.0, 1.0), 1);
        let ids = Ids::randint(rows as u32, &ids, Key::new(2));
        // a row picked by an id is the product of its one-hot vector with the table
        let one_hot = ids.one_hot(rows);
        prop_assert_eq!(one_hot.shape(), &[ids.shape(), &[rows]].concat()[..]);
        let want = one_hot.reshape([ids.numel(), rows]).matmul(&table);
        prop_assert_eq!(table.embedding(&ids), want.reshape([ids.shape(), &[features]].concat()));
    }

    #[test]
    fn ids_move_as_tensors_do(
        shape in shapes().prop_filter("an axis", |shape| !shape.is_empty()),
        axis in 0usize..4,
        cut in any::<(usize, usize)>(),
    ) {
        let ids = Ids::randint(1000, &shape, Key::new(1));
        let x = ids.to_tensor();
        prop_assert_eq!(&Ids::from_tensor(&x), &ids);
        let axis = axis % shape.len();
        let start = cut.0 % (shape[axis] + 1);
        let len = cut.1 % (shape[axis] - start + 1);
        prop_assert_eq!(ids.narrow(axis as isize, start, len).to_tensor(), x.narrow(axis as isize, start, len));
        if shape[0] > 0 {
            prop_assert_eq!(ids.select(shape[0] - 1).to_tensor(), x.select(0, shape[0] - 1));
        }
        prop_assert_eq!(ids.reshape([ids.numel()]).to_tensor(), x.reshape([ids.numel()]));
        prop_assert_eq!(ids.as_bytes().len(), 4 * ids.numel());
    }
}

/// Each way of adding entries: by whole blocks, by stretches of a long list, by sorted ids, and by sorted ids of which
/// some name one place again and again.
#[test]
fn every_way_of_adding_entries_is_right() {
    let crowded = |m: usize, n: u32| {
        let ids = Ids::randint(n, [m], Key::new(1));
        Ids::from_vec(ids.as_slice().iter().map(|&id| if id % 3 == 0 { n / 2 } else { id }).collect(), [m])
    };
    let cases: [(&[usize], usize, Ids); 9] = [
        (&[20, 30, 5], 1, Ids::randint(30, [400], Key::new(1))),
        (&[20, 300], 1, Ids::randint(300, [400], Key::new(1))),
        (&[3, 40, 7], 1, Ids::randint(40, [2000], Key::new(1))),
        (&[100], 0, Ids::randint(100, [70_000], Key::new(1))),
        (&[50_000], 0, Ids::randint(50_000, [3000], Key::new(1))),
        (&[2000, 33], 0, Ids::randint(2000, [5000], Key::new(1))),
        (&[2000, 33], 0, crowded(9000, 2000)),
        (&[2, 1000, 20], 1, crowded(6000, 1000)),
        (&[30_000], 0, crowded(100_000, 30_000)),
    ];
    for (shape, axis, ids) in cases {
        for (base, layout) in [
            (Tensor::scalar(0.0).expand(shape), Layout::Plain),
            (Layout::Transposed.tensor(shape, (-1.0, 1.0), 2), Layout::Offset),
        ] {
            let src = layout.tensor(&with(shape, axis, ids.numel()), (-1.0, 1.0), 3);
            let y = base.index_add(axis as isize, &ids, &src);
            assert_sums(
                &y,
                &added(&base, axis, &src, |_, at| ids.as_slice()[at[axis]]),
                &format!("{shape:?}, {} ids", ids.numel()),
            );
        }
    }
}

/// Each way of adding elements: by whole blocks, by columns, and as a list.
#[test]
fn every_way_of_adding_elements_is_right() {
    let cases: [(&[usize], usize, usize); 6] = [
        (&[20, 50, 3], 1, 90),
        (&[300, 200], 1, 100),
        (&[50, 1000], 0, 30),
        (&[3, 20, 333], 1, 40),
        (&[2, 9, 5], 1, 7),
        (&[1000], 0, 60_000),
    ];
    for (shape, axis, m) in cases {
        let ids = Ids::randint(shape[axis] as u32, with(shape, axis, m), Key::new(1));
        for base in [Tensor::scalar(0.5).expand(shape), Layout::Strided.tensor(shape, (-1.0, 1.0), 2)] {
            let src = Layout::Transposed.tensor(ids.shape(), (-1.0, 1.0), 3);
            let y = base.scatter_add(axis as isize, &ids, &src);
            assert_sums(&y, &added(&base, axis, &src, |i, _| ids.as_slice()[i]), &format!("{shape:?}, {m} ids"));
        }
    }
}

#[test]
fn ids_are_what_they_are_made_of() {
    let ids = Ids::from([[5, 2, 0], [5, 5, 1]]);
    assert_eq!((ids.shape(), ids.rank(), ids.numel()), (&[2, 3][..], 2, 6));
    assert_eq!((ids.at([1, 2]), ids.at([0, 1])), (1, 2));
    assert_eq!(ids.select(0), Ids::from([5, 2, 0]));
    assert_eq!(ids, Ids::from_slice(&[5, 2, 0, 5, 5, 1], [2, 3]));
    assert_ne!(ids, ids.reshape([3, 2]));
    assert_eq!(Ids::arange(4), Ids::from([0, 1, 2, 3]));
    assert_eq!((Ids::arange(0).numel(), Ids::arange(0)), (0, Ids::from([0u32; 0])));
    assert_eq!(Ids::from([7]).reshape([]).item(), 7);
    assert_eq!(Ids::from_tensor(&tensor![[3., 0.], [-0., 16777216.]]), Ids::from([[3, 0], [0, 16777216]]));
    let draws = Ids::randint(5, [1000], Key::new(1));
    assert_eq!(draws.at([17]), Key::new(1).below(17, 5));
    // A bound that a part of the ids keeps is kept, whatever the others do.
    ids.narrow(1, 1, 2).select(0).check_below("here", 3, "three");
}
