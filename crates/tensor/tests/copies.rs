//! Flipped, padded, concatenated, stacked and overlapping copies against loops over ndarray, for every layout.

mod layouts;

use glassbox_tensor::{Padding, Tensor};
use layouts::{Layout, layouts, shapes};
use ndarray::{Array, ArrayD, Axis, Dimension, IxDyn, Slice};
use proptest::prelude::*;

fn array(x: &Tensor) -> ArrayD<f32> {
    ArrayD::from_shape_vec(x.shape(), x.to_vec()).unwrap()
}

/// The tensor of a shape whose element at each index is `f` of the index.
fn naive(shape: &[usize], f: impl Fn(&[usize]) -> f32) -> Tensor {
    let x = Array::from_shape_fn(IxDyn(shape), |index| f(index.slice()));
    Tensor::from_vec(x.iter().copied().collect(), shape)
}

fn flipped(x: &Tensor, axes: &[usize]) -> Tensor {
    let from = array(x);
    naive(x.shape(), |to| {
        let at = |(axis, &i): (usize, &usize)| if axes.contains(&axis) { x.shape()[axis] - 1 - i } else { i };
        from[&to.iter().enumerate().map(at).collect::<Vec<_>>()[..]]
    })
}

/// The entries of a padded axis of n, one after the other; `None` is the constant.
fn entries(padding: Padding, (before, after): (usize, usize), n: usize) -> Vec<Option<usize>> {
    let [left, right]: [Vec<Option<usize>>; 2] = match padding {
        Padding::Constant(_) => [vec![None; before], vec![None; after]],
        Padding::Reflect => [(1..=before).rev().map(Some).collect(), (0..after).map(|i| Some(n - 2 - i)).collect()],
        Padding::Edge => [vec![Some(0); before], vec![n.checked_sub(1); after]],
    };
    left.into_iter().chain((0..n).map(Some)).chain(right).collect()
}

fn padded(x: &Tensor, pads: &[(usize, usize)], padding: Padding) -> Tensor {
    let from = array(x);
    let first = x.rank() - pads.len();
    let axes: Vec<Vec<Option<usize>>> = (0..x.rank())
        .map(|axis| entries(padding, if axis < first { (0, 0) } else { pads[axis - first] }, x.shape()[axis]))
        .collect();
    naive(&axes.iter().map(Vec::len).collect::<Vec<_>>(), |to| {
        let at: Option<Vec<usize>> = to.iter().zip(&axes).map(|(&j, entries)| entries[j]).collect();
        match (at, padding) {
            (Some(at), _) => from[&at[..]],
            (None, Padding::Constant(c)) => c,
            (None, _) => panic!("{padding:?} has an entry everywhere"),
        }
    })
}

fn overlapped(x: &Tensor, axis: usize, step: usize, len: usize) -> Vec<f64> {
    let mut shape = x.shape()[..x.rank() - 1].to_vec();
    shape[axis] = len;
    let mut y = ArrayD::<f64>::zeros(shape);
    for (from, &v) in array(x).indexed_iter() {
        let (j, to) = from.slice().split_last().unwrap();
        let mut to = to.to_vec();
        to[axis] = to[axis] * step + j;
        y[&to[..]] += f64::from(v);
    }
    y.iter().copied().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn flip_reads_backwards(shape in shapes(), layout in layouts(), axes in any::<[bool; 4]>(), back in any::<bool>()) {
        let x = layout.tensor(&shape, (-1.0, 1.0), 1);
        let axes: Vec<usize> = (0..x.rank()).filter(|&axis| axes[axis]).collect();
        let named = axes.iter().map(|&a| a as isize - if back { x.rank() as isize } else { 0 }).collect::<Vec<_>>();
        prop_assert_eq!(x.flip(&named), flipped(&x, &axes));
        prop_assert_eq!(x.flip(&named).flip(&named), x);
    }

    #[test]
    fn pad_reads_beyond_the_edge(
        shape in shapes(),
        layout in layouts(),
        pads in proptest::collection::vec((0usize..6, 0usize..6), 0..4),
        how in 0usize..3,
    ) {
        let x = layout.tensor(&shape, (-1.0, 1.0), 1);
        let padding = [Padding::Constant(0.5), Padding::Reflect, Padding::Edge][how];
        let last = &shape[shape.len() - pads.len().min(shape.len())..];
        let most = |n: usize| match padding {
            Padding::Constant(_) => 5,
            Padding::Reflect => n.saturating_sub(1),
            Padding::Edge => 5 * n.min(1),
        };
        let pads: Vec<_> = last.iter().zip(&pads).map(|(&n, pad)| (pad.0.min(most(n)), pad.1.min(most(n)))).collect();
        prop_assert_eq!(x.pad(&pads, padding), padded(&x, &pads, padding));
    }

    #[test]
    fn cat_and_stack_are_ndarrays(
        shape in shapes().prop_filter("an axis", |shape| !shape.is_empty()),
        axis in 0usize..4,
        lengths in proptest::collection::vec((0usize..5, layouts()), 1..6),
    ) {
        let axis = axis % shape.len();
        let along = |len: usize, layout: Layout, i: usize| {
            let mut shape = shape.clone();
            shape[axis] = len;
            layout.tensor(&shape, (-1.0, 1.0), i as u64)
        };
        let pieces: Vec<Tensor> = lengths.iter().enumerate().map(|(i, &(len, layout))| along(len, layout, i)).collect();
        let arrays: Vec<_> = pieces.iter().map(array).collect();
        let want = ndarray::concatenate(Axis(axis), &arrays.iter().map(|a| a.view()).collect::<Vec<_>>()).unwrap();
        let joined = Tensor::cat(&pieces.iter().collect::<Vec<_>>(), axis as isize - shape.len() as isize);
        prop_assert_eq!(array(&joined), want);
        // and apart again
        let lens: Vec<usize> = lengths.iter().map(|(len, _)| *len).collect();
        prop_assert_eq!(joined.split(&lens, axis as isize), pieces);

        let same: Vec<Tensor> = lengths.iter().enumerate().map(|(i, &(_, layout))| along(3, layout, i)).collect();
        let arrays: Vec<_> = same.iter().map(array).collect();
        let want = ndarray::stack(Axis(axis), &arrays.iter().map(|a| a.view()).collect::<Vec<_>>()).unwrap();
        prop_assert_eq!(array(&Tensor::stack(&same.iter().collect::<Vec<_>>(), axis as isize)), want);
    }

    #[test]
    fn overlap_add_adds_what_unfold_took(
        shape in shapes().prop_filter("an axis", |shape| !shape.is_empty()),
        layout in layouts(),
        axis in 0usize..4,
        size in 0usize..7,
        step in 1usize..5,
        beyond in 0usize..3,
    ) {
        let axis = axis % shape.len();
        let x = layout.tensor(&[&shape[..], &[size]].concat(), (-1.0, 1.0), 1);
        let len = shape[axis].saturating_sub(1) * step + size + beyond;
        let y = x.overlap_add(axis as isize, step, len);
        let want = overlapped(&x, axis, step, len);
        prop_assert_eq!(y.numel(), want.len());
        for (y, want) in y.to_vec().iter().zip(want) {
            prop_assert!((f64::from(*y) - want).abs() <= 1e-6, "{} {}", y, want);
        }
    }
}

/// Rows longer than a task, tasks that end inside a row, an entry or a margin.
#[test]
fn copies_beyond_a_task_are_right() {
    for shape in [&[50_001][..], &[3, 20_000], &[5, 100, 101], &[70, 9, 5, 17], &[2, 40_000, 3]] {
        let x = Layout::Plain.tensor(shape, (-1.0, 1.0), 1);
        let axes: Vec<usize> = (0..x.rank()).collect();
        for axes in [&axes[..], &axes[..1], &axes[1..]] {
            assert_eq!(x.flip(&axes.iter().map(|&a| a as isize).collect::<Vec<_>>()), flipped(&x, axes), "{shape:?}");
        }
        for padding in [Padding::Constant(7.0), Padding::Reflect, Padding::Edge] {
            for pads in [vec![(1, 1)], vec![(1, 1); x.rank()], vec![(0, 1); x.rank()]] {
                assert_eq!(x.pad(&pads, padding), padded(&x, &pads, padding), "{shape:?} {pads:?} {padding:?}");
            }
        }
        for axis in 0..x.rank() {
            let parts: Vec<Tensor> = [0..1, 1..2, 2..shape[axis].max(2)]
                .into_iter()
                .map(|range| x.narrow(axis as isize, range.start, range.len()))
                .collect();
            assert_eq!(Tensor::cat(&parts.iter().collect::<Vec<_>>(), axis as isize), x, "{shape:?} {axis}");
        }
    }
}

/// With windows that hold 1 everywhere, each entry counts the windows over it.
#[test]
fn overlap_add_counts_windows() {
    for (len, size, step) in [(100_000, 400, 160), (50_000, 3, 1), (40_000, 7, 11)] {
        let windows = Tensor::scalar(1.0).expand([2, len]).unfold(1, size, step);
        let counts = windows.overlap_add(1, step, len).to_vec();
        let last = (len - size) / step;
        for (i, &count) in counts[len..].iter().enumerate() {
            let over = (0..=last).rev().skip_while(|w| w * step > i).take_while(|w| w * step + size > i).count();
            assert_eq!(count, over as f32, "entry {i} of {len}, windows of {size} every {step}");
        }
    }
}

#[test]
fn a_flipped_axis_of_a_view_is_read_where_it_lies() {
    let x = Tensor::arange(24).reshape([2, 3, 4]);
    let cut = x.narrow(0, 1, 1).narrow(1, 0, 2); // rows of 4 which lie together
    assert_eq!(cut.flip(&[1]).to_vec(), [16., 17., 18., 19., 12., 13., 14., 15.]);
    let slice = array(&x).slice_axis(Axis(2), Slice::from(1..3)).to_owned();
    assert_eq!(
        array(&x.narrow(2, 1, 2).flip(&[0, 2])),
        slice.slice_each_axis(|axis| { Slice::new(0, None, if axis.axis == Axis(1) { 1 } else { -1 }) })
    );
}
