//! Views against ndarray, and copy-on-write: what is written through one view never shows in another.

use glassbox_tensor::simd::Isa;
use glassbox_tensor::{Tensor, copied_bytes};
use ndarray::{ArrayD, Axis, Dimension, IxDyn, Slice};
use proptest::prelude::*;

/// One step of a chain. The numbers are taken modulo whatever the tensor at hand allows.
#[derive(Clone, Copy, Debug)]
enum Step {
    Reshape(usize),
    Permute(usize),
    Transpose,
    Narrow(usize, usize, usize),
    Select(usize, usize),
    Expand(usize, usize),
    Unsqueeze(usize),
    Squeeze(usize),
    Swap(usize, usize),
    Unfold(usize, usize, usize),
    Split(usize, usize, usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let n = || 0usize..1000;
    let step = prop_oneof![
        n().prop_map(Step::Reshape),
        n().prop_map(Step::Permute),
        Just(Step::Transpose),
        (n(), n(), n()).prop_map(|(a, b, c)| Step::Narrow(a, b, c)),
        (n(), n()).prop_map(|(a, b)| Step::Select(a, b)),
        (n(), n()).prop_map(|(a, b)| Step::Expand(a, b)),
        n().prop_map(Step::Unsqueeze),
        n().prop_map(Step::Squeeze),
        (n(), n()).prop_map(|(a, b)| Step::Swap(a, b)),
        (n(), n(), n()).prop_map(|(a, b, c)| Step::Unfold(a, b, c)),
        (n(), n(), n()).prop_map(|(a, b, c)| Step::Split(a, b, c)),
    ];
    proptest::collection::vec(step, 0..10)
}

fn shapes() -> impl Strategy<Value = Vec<usize>> {
    // Axes of length 0 and 1 are where views go wrong, so they are frequent.
    let dim = prop_oneof![1 => Just(0usize), 3 => Just(1), 12 => 2usize..6];
    proptest::collection::vec(dim, 0..5)
}

/// The numbers 1, 2, 3, … in both libraries.
fn pair(shape: &[usize]) -> (Tensor, ArrayD<f32>) {
    let data: Vec<f32> = (1..=shape.iter().product()).map(|i| i as f32).collect();
    (Tensor::from_slice(&data, shape), ArrayD::from_shape_vec(IxDyn(shape), data).unwrap())
}

/// The order number `n` of `rank` axes.
fn order(mut n: usize, rank: usize) -> Vec<usize> {
    let mut left: Vec<usize> = (0..rank).collect();
    (0..rank)
        .map(|_| {
            let i = n % left.len();
            n /= left.len();
            left.remove(i)
        })
        .collect()
}

/// A shape with as many elements, chosen by `n`.
fn other_shape(n: usize, numel: usize) -> Vec<usize> {
    let divisors: Vec<usize> = (1..=numel.max(1)).filter(|&d| numel.is_multiple_of(d)).collect();
    let d = divisors[n % divisors.len()];
    match n / 16 % 4 {
        0 => vec![numel],
        1 => vec![numel / d, d],
        2 => vec![1, d, numel / d],
        _ => vec![d, 1, numel / d, 1],
    }
}

fn apply(step: Step, t: &Tensor, a: &ArrayD<f32>) -> (Tensor, ArrayD<f32>) {
    let rank = t.rank();
    match step {
        Step::Reshape(n) => {
            let shape = other_shape(n, t.numel());
            let flat: Vec<f32> = a.iter().copied().collect();
            (t.reshape(&shape), ArrayD::from_shape_vec(IxDyn(&shape), flat).unwrap())
        }
        Step::Permute(n) => {
            let axes = order(n, rank);
            (t.permute(&axes), a.clone().permuted_axes(IxDyn(&axes)))
        }
        Step::Transpose if rank >= 2 => {
            let mut flipped = a.clone();
            flipped.swap_axes(rank - 2, rank - 1);
            (t.t(), flipped)
        }
        Step::Narrow(axis, start, len) if rank > 0 => {
            let axis = axis % rank;
            let dim = t.shape()[axis];
            let start = start % (dim + 1);
            let len = len % (dim - start + 1);
            let cut = a.slice_axis(Axis(axis), Slice::from(start..start + len)).to_owned();
            (t.narrow(axis as isize - rank as isize, start, len), cut)
        }
        Step::Select(axis, index) if rank > 0 && t.shape()[axis % rank] > 0 => {
            let (axis, index) = (axis % rank, index % t.shape()[axis % rank]);
            (t.select(axis as isize, index), a.index_axis(Axis(axis), index).to_owned())
        }
        Step::Expand(axis, times) if rank < 6 => {
            // One axis of length 1 is repeated (also zero times), and a new one stands before all.
            let mut shape = t.shape().to_vec();
            if let Some(dim) = shape.get_mut(axis % rank.max(1)).filter(|dim| **dim == 1) {
                *dim = times % 4;
            }
            shape.insert(0, 1 + times % 2);
            (t.expand(&shape), a.broadcast(IxDyn(&shape)).unwrap().to_owned())
        }
        Step::Unsqueeze(axis) if rank < 6 => {
            let axis = axis % (rank + 1);
            (t.unsqueeze(axis as isize - rank as isize - 1), a.clone().insert_axis(Axis(axis)))
        }
        Step::Squeeze(axis) if rank > 0 && t.shape()[axis % rank] == 1 => {
            let axis = axis % rank;
            (t.squeeze(axis as isize), a.index_axis(Axis(axis), 0).to_owned())
        }
        Step::Swap(i, j) if rank > 0 => {
            let (i, j) = (i % rank, j % rank);
            let mut swapped = a.clone();
            swapped.swap_axes(i, j);
            (t.transpose(i as isize, j as isize - rank as isize), swapped)
        }
        Step::Unfold(axis, size, step) if rank > 0 && rank < 6 => {
            let axis = axis % rank;
            let (size, step) = (size % (t.shape()[axis] + 1), 1 + step % 4);
            let mut windows = Vec::new();
            for start in (0..=t.shape()[axis] - size).step_by(step) {
                let mut window = a.slice_axis(Axis(axis), Slice::from(start..start + size)).insert_axis(Axis(rank));
                window.swap_axes(axis, rank);
                windows.push(window);
            }
            (t.unfold(axis as isize, size, step), ndarray::concatenate(Axis(axis), &windows).unwrap())
        }
        Step::Split(axis, first, which) if rank > 0 => {
            let (axis, dim) = (axis % rank, t.shape()[axis % rank]);
            let first = first % (dim + 1);
            let pieces = t.split(&[first, dim - first], axis as isize);
            let range = [0..first, first..dim][which % 2].clone();
            (pieces[which % 2].clone(), a.slice_axis(Axis(axis), Slice::from(range)).to_owned())
        }
        _ => (t.clone(), a.clone()),
    }
}

fn elements(a: &ArrayD<f32>) -> Vec<f32> {
    a.iter().copied().collect()
}

/// Everything that one can see of a tensor is what ndarray shows.
fn assert_same(t: &Tensor, a: &ArrayD<f32>) {
    assert_eq!(t.shape(), a.shape());
    assert_eq!((t.rank(), t.numel(), t.strides().len()), (a.ndim(), a.len(), a.ndim()));
    let want = elements(a);
    assert_eq!(t.to_vec(), want);
    assert_eq!(t.view(), *a);
    assert_eq!(t.contiguous().as_slice(), Some(&want[..]));
    assert_eq!(t.as_slice().is_some(), t.is_contiguous());
    if let Some(slice) = t.as_slice() {
        assert_eq!(slice, want);
    }
    assert_eq!(*t, Tensor::from_slice(&want, a.shape()));
    assert_eq!(Tensor::from(a), *t);
    let at = |i: &[usize]| match *i {
        [] => t.at([]),
        [a] => t.at([a]),
        [a, b] => t.at([a, b]),
        [a, b, c] => t.at([a, b, c]),
        [a, b, c, d] => t.at([a, b, c, d]),
        _ => f32::NAN,
    };
    for (index, &x) in a.indexed_iter().filter(|_| a.ndim() <= 4) {
        assert_eq!(at(index.as_array_view().as_slice().unwrap()), x);
    }
    if a.len() == 1 {
        assert_eq!(t.item(), want[0]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn chains_of_views_show_what_ndarray_shows(shape in shapes(), steps in steps()) {
        let (mut t, mut a) = pair(&shape);
        assert_same(&t, &a);
        for step in steps {
            (t, a) = apply(step, &t, &a);
            assert_same(&t, &a);
        }
    }

    #[test]
    fn writing_through_one_view_changes_no_other(shape in shapes(), steps in steps(), victim in 0usize..1000, keep in any::<u32>()) {
        let mut all = vec![pair(&shape)];
        for step in steps {
            let (t, a) = all.last().unwrap();
            let next = apply(step, t, a);
            all.push(next);
        }
        let victim = victim % all.len();
        let (mut t, mut a) = all.swap_remove(victim);
        // Sometimes all others are gone, sometimes some: memory is then written in place, or copied.
        let mut bit = 0;
        all.retain(|_| {
            bit += 1;
            keep >> bit & 1 == 1
        });
        let data = t.make_mut();
        assert_eq!(data, elements(&a));
        for (i, x) in data.iter_mut().enumerate() {
            *x = -1.0 - i as f32;
        }
        a.iter_mut().enumerate().for_each(|(i, x)| *x = -1.0 - i as f32);
        assert_same(&t, &a);
        for (other, expected) in &all {
            assert_same(other, expected);
        }
    }

    #[test]
    fn a_view_of_ndarrays_layout_comes_in_as_it_shows(shape in shapes(), n in 0usize..1000) {
        let (t, a) = pair(&shape);
        let axes = order(n, shape.len());
        prop_assert_eq!(Tensor::from(&a.permuted_axes(IxDyn(&axes))), t.permute(&axes));
    }
}

#[test]
fn views_share_memory_and_copies_do_not() {
    let x = Tensor::arange(24).reshape([2, 3, 4]);
    for view in [x.t(), x.narrow(1, 1, 2), x.select(0, 1), x.unsqueeze(1), x.permute(&[2, 0, 1]), x.reshape([6, 4])] {
        assert!(view.shares_memory_with(&x), "{view:?}");
    }
    // Also of a view, as long as strides can show the new shape: an axis that is cut, or two that still lie together.
    let cut = x.narrow(2, 0, 2);
    for view in [cut.reshape([2, 3, 1, 2]), cut.reshape([6, 2]), cut.t().reshape([2, 2, 3, 1]), x.unfold(-1, 3, 1)] {
        assert!(view.shares_memory_with(&x), "{view:?}");
    }
    assert!(!cut.reshape([12]).shares_memory_with(&x));
    assert!(Tensor::arange(3).expand([2, 3]).strides() == [0, 1]);
    assert!(!x.t().reshape([24]).shares_memory_with(&x), "no strides show a transposed matrix as one row");
    assert!(!x.t().contiguous().shares_memory_with(&x));
    assert!(x.contiguous().shares_memory_with(&x));
}

/// Large ones are copied in squares, on every instruction set.
#[test]
fn copies_of_large_views_are_what_they_show() {
    for shape in [&[70, 83][..], &[64, 64], &[1, 5000, 3], &[20, 33, 37], &[2, 48, 1, 64], &[7, 5, 11, 13]] {
        let (t, a) = pair(shape);
        for n in 0..24 {
            let axes = order(n, shape.len());
            let (t, a) = (t.permute(&axes), a.clone().permuted_axes(IxDyn(&axes)));
            let last = shape.len() - 1;
            for isa in Isa::available() {
                isa.with(|| {
                    assert_eq!(t.to_vec(), elements(&a), "{shape:?}, {axes:?}, {isa:?}");
                    let part = t.shape()[last] / 2;
                    if part > 0 {
                        let a = a.slice_axis(Axis(last), Slice::from(part..)).to_owned();
                        let part = t.narrow(-1, part, t.shape()[last] - part);
                        assert_eq!(part.to_vec(), elements(&a), "{shape:?}, {axes:?}, narrowed, {isa:?}");
                    }
                });
            }
        }
    }
}

#[test]
fn writing_to_a_slice_leaves_its_source_alone() {
    let x = Tensor::arange(12).reshape([3, 4]);
    let mut row = x.narrow(0, 1, 1);
    row.make_mut()[2] = 99.0;
    assert_eq!(row.to_vec(), [4.0, 5.0, 99.0, 7.0]);
    assert_eq!(x, Tensor::arange(12).reshape([3, 4]));
}

#[test]
fn writing_to_a_transposed_matrix_is_in_its_own_order() {
    let x = Tensor::arange(6).reshape([2, 3]);
    let mut t = x.t();
    t.make_mut()[1] = 99.0; // row 0, column 1 of the transposed matrix: it shows 0, 3 | 1, 4 | 2, 5
    assert_eq!(t.to_vec(), [0.0, 99.0, 1.0, 4.0, 2.0, 5.0]);
    assert_eq!(x.to_vec(), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
}

#[test]
fn writing_to_a_broadcast_tensor_writes_one_element() {
    let mut x = Tensor::scalar(1.0).expand([3]);
    x.make_mut()[0] = 2.0;
    assert_eq!(x.to_vec(), [2.0, 1.0, 1.0]);
}

#[test]
fn copies_are_counted_and_hold_no_more_than_the_view() {
    let counted = |x: &mut Tensor| {
        let before = copied_bytes();
        x.make_mut();
        copied_bytes() - before
    };
    let mut x = Tensor::zeros([100, 10]);
    assert_eq!(counted(&mut x), 0, "unique memory is written in place");
    let mut row = x.narrow(0, 5, 2);
    assert_eq!(counted(&mut row), 4 * 2 * 10, "a shared slice copies itself alone");
    assert_eq!(counted(&mut row), 0, "now it is its own");
    let mut t = x.t();
    assert_eq!(counted(&mut t), 4 * 1000, "a transposed matrix is put in order");
    let mut last = x.narrow(0, 90, 10);
    drop(x);
    assert_eq!(counted(&mut last), 0, "a slice whose source is gone is unique");
}

#[test]
fn equality_is_of_shapes_and_elements() {
    assert_eq!(Tensor::arange(4).reshape([2, 2]).t().t(), Tensor::arange(4).reshape([2, 2]));
    assert_ne!(Tensor::zeros([2, 3]), Tensor::zeros([3, 2]));
    assert_eq!(Tensor::scalar(0.0), Tensor::scalar(-0.0));
    let nan = Tensor::scalar(f32::NAN);
    assert_ne!(nan, nan.clone(), "NaN is unequal to itself");
}

#[test]
fn bytes_are_row_major_whatever_the_layout() {
    let x = Tensor::arange(4).reshape([2, 2]).t();
    let want: Vec<u8> = [0.0f32, 2.0, 1.0, 3.0].iter().flat_map(|x| x.to_le_bytes()).collect();
    assert_eq!(x.to_bytes(), want);
}

#[test]
fn constructors_make_what_they_say() {
    assert_eq!(Tensor::linspace(0.0, 1.0, 5).to_vec(), [0.0, 0.25, 0.5, 0.75, 1.0]);
    assert_eq!(Tensor::linspace(2.0, 3.0, 1).to_vec(), [2.0]);
    assert_eq!(Tensor::linspace(2.0, 3.0, 0).numel(), 0);
    assert_eq!(Tensor::eye(2).to_vec(), [1.0, 0.0, 0.0, 1.0]);
    assert_eq!(Tensor::full([2], 7.0).to_vec(), [7.0, 7.0]);
    assert_eq!(Tensor::from_f64(&Tensor::arange(3).to_f64()), Tensor::arange(3));
}
