//! Tensors of every layout, and plain f64 comparisons: what the integration tests share.
#![allow(dead_code)] // no test file uses all of it

use glassbox_tensor::Tensor;
use glassbox_tensor::random::Key;
use glassbox_tensor::simd::Isa;
use ndarray::{ArrayD, IxDyn, Zip};
use proptest::prelude::*;

/// How a tensor lies in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Row-major, from the start of its buffer.
    Plain,
    /// Row-major, from somewhere inside a larger buffer.
    Offset,
    /// The axes in reversed order.
    Transposed,
    /// Every other column of a larger matrix.
    Strided,
    /// A part of each row of a larger matrix.
    Narrowed,
    /// Every other axis repeated, so that its neighbours share memory.
    Repeated,
}

impl Layout {
    pub const ALL: [Layout; 6] =
        [Layout::Plain, Layout::Offset, Layout::Transposed, Layout::Strided, Layout::Narrowed, Layout::Repeated];

    /// Numbers between `range` in this layout.
    pub fn tensor(self, shape: &[usize], range: (f32, f32), seed: u64) -> Tensor {
        let fill = |shape: &[usize]| Tensor::from_vec(values(shape.iter().product(), range, seed), shape);
        let with_last = |d: usize| [shape, &[d]].concat();
        let x = match self {
            Layout::Plain => fill(shape),
            Layout::Offset => {
                let n: usize = shape.iter().product();
                fill(&[n + 3]).narrow(0, 3, n).reshape(shape)
            }
            Layout::Transposed => {
                let reversed: Vec<usize> = shape.iter().rev().copied().collect();
                fill(&reversed).permute(&(0..shape.len()).rev().collect::<Vec<_>>())
            }
            Layout::Strided => fill(&with_last(2)).select(-1, 1),
            Layout::Narrowed => match shape.last() {
                Some(&last) => {
                    let mut wide = shape.to_vec();
                    *wide.last_mut().unwrap() = last + 5;
                    fill(&wide).narrow(-1, 2, last)
                }
                None => fill(shape),
            },
            Layout::Repeated => {
                let ones: Vec<usize> = shape.iter().enumerate().map(|(i, &d)| if i % 2 == 0 { 1 } else { d }).collect();
                fill(&ones).expand(shape)
            }
        };
        assert_eq!(x.shape(), shape);
        x
    }
}

pub fn layouts() -> impl Strategy<Value = Layout> {
    proptest::sample::select(&Layout::ALL[..])
}

/// Shapes with empty and one-element ones among them, some longer than a vector.
pub fn shapes() -> impl Strategy<Value = Vec<usize>> {
    let dim = prop_oneof![1 => Just(0usize), 3 => Just(1), 8 => 2usize..6, 4 => 6usize..40];
    proptest::collection::vec(dim, 0..4)
}

/// n numbers of a range.
pub fn values(n: usize, (low, high): (f32, f32), seed: u64) -> Vec<f32> {
    let key = Key::new(seed);
    (0..n as u64).map(|i| low + (high - low) * key.uniform(i)).collect()
}

/// Runs `f` with each instruction set of this machine.
pub fn for_each_isa(mut f: impl FnMut(Isa)) {
    Isa::available().into_iter().for_each(|isa| isa.with(|| f(isa)));
}

/// f of two arrays broadcast against each other by ndarray.
pub fn broadcast2(a: &ArrayD<f64>, b: &ArrayD<f64>, f: impl Fn(f64, f64) -> f64) -> ArrayD<f64> {
    let shape = union(&[a.shape().to_vec(), b.shape().to_vec()]);
    let (a, b) = (a.broadcast(IxDyn(&shape)).unwrap(), b.broadcast(IxDyn(&shape)).unwrap());
    Zip::from(&a).and(&b).map_collect(|&a, &b| f(a, b))
}

/// The shape that all of these broadcast to.
pub fn union(shapes: &[Vec<usize>]) -> Vec<usize> {
    let rank = shapes.iter().map(Vec::len).max().unwrap_or(0);
    let dims = |axis: usize| shapes.iter().filter_map(move |s| s.get((axis + s.len()).checked_sub(rank)?));
    (0..rank).map(|axis| *dims(axis).find(|d| **d != 1).unwrap_or(&1)).collect()
}

/// The distance of neighbours at x in f32.
pub fn ulp(x: f64) -> f64 {
    let exponent = (x.abs() as f32).max(f32::MIN_POSITIVE).log2().floor();
    2f64.powi(exponent as i32 - 23)
}

/// Asserts |have − want| ≤ `bound` ULP of `want` for each element; NaN and infinities must be the same.
#[track_caller]
pub fn assert_within_ulp(have: &Tensor, want: &ArrayD<f64>, bound: f64, what: &str) {
    assert_eq!(have.shape(), want.shape(), "{what}");
    for (i, (&x, &y)) in have.to_vec().iter().zip(want).enumerate() {
        let same = (x.is_nan() && y.is_nan()) || f64::from(x) == y || x == y as f32;
        let error = (f64::from(x) - y).abs() / ulp(y);
        assert!(same || error <= bound, "{what}: element {i} is {x}, not {y}: {error} ULP");
    }
}
