//! Products of whole batches against f64: what `matmul` adds to GEMM, which has tests of its own.

mod layouts;

use glassbox_tensor::Tensor;
use glassbox_tensor::gemm::{Activation, Epilogue};
use layouts::{Layout, for_each_isa, layouts as any_layout};
use proptest::prelude::*;

/// Element by element in f64, with the sum of the products' sizes, which scales the bound.
fn reference(a: &Tensor, b: &Tensor, batch: &[usize]) -> (Vec<f64>, Vec<f64>) {
    let (m, k, n) = (a.shape()[a.rank() - 2], a.shape()[a.rank() - 1], b.shape()[b.rank() - 1]);
    let whole = |x: &Tensor, rows: usize, cols: usize| x.expand([batch, &[rows, cols]].concat()).to_vec();
    let (a, b) = (whole(a, m, k), whole(b, k, n));
    let (mut products, mut sizes) = (Vec::new(), Vec::new());
    for p in 0..batch.iter().product() {
        for (i, j) in (0..m).flat_map(|i| (0..n).map(move |j| (i, j))) {
            let terms = (0..k).map(|l| f64::from(a[(p * m + i) * k + l]) * f64::from(b[(p * k + l) * n + j]));
            products.push(terms.clone().sum::<f64>());
            sizes.push(terms.map(f64::abs).sum::<f64>());
        }
    }
    (products, sizes)
}

/// γₙ·Σ|terms| + n·2⁻¹⁴⁹ for n terms, in whatever order they are added (Higham 2002, (3.13); and underflow).
fn bound(n: usize, sizes: f64) -> f64 {
    let (n, unit) = (n as f64, 2f64.powi(-24));
    n * unit / (1.0 - n * unit) * sizes + n * 2f64.powi(-149)
}

fn dim() -> impl Strategy<Value = usize> {
    prop_oneof![1 => Just(0usize), 2 => Just(1), 6 => 2usize..8, 3 => 8usize..40]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(150) })]

    #[test]
    fn batches_broadcast_and_layouts_do_not_matter(
        (m, k, n) in (dim(), dim(), dim()),
        batch in proptest::collection::vec(0usize..4, 0..3),
        (ma, mb) in any::<(u8, u8)>(),
        (la, lb) in (any_layout(), any_layout()),
        seed in any::<u64>(),
    ) {
        let side = |mask: u8, rows: usize, cols: usize| {
            let ones = batch.iter().enumerate().map(|(i, &d)| if mask >> i & 1 == 1 { 1 } else { d });
            // The axes before the first repeated one may be missing altogether.
            let skip = if mask & 0x81 == 0x81 { 1.min(batch.len()) } else { 0 };
            ones.skip(skip).chain([rows, cols]).collect::<Vec<_>>()
        };
        let a = la.tensor(&side(ma, m, k), (-1.0, 1.0), seed);
        let b = lb.tensor(&side(mb, k, n), (-1.0, 1.0), !seed);
        let batch = layouts::union(&[a.shape()[..a.rank() - 2].to_vec(), b.shape()[..b.rank() - 2].to_vec()]);
        let (want, sizes) = reference(&a, &b, &batch);
        let bias = layouts::values(n, (-1.0, 1.0), seed ^ 1);
        for_each_isa(|isa| {
            let c = a.matmul(&b);
            assert_eq!(c.shape(), [&batch[..], &[m, n]].concat());
            let fused = a.matmul_with(&b, &Epilogue { bias: Some(&bias), activation: Activation::Relu, ..Default::default() });
            for (i, (&c, &fused)) in c.to_vec().iter().zip(&fused.to_vec()).enumerate() {
                let allowed = bound(k, sizes[i]);
                assert!((f64::from(c) - want[i]).abs() <= allowed, "{isa:?}: element {i} is {c}, not {}", want[i]);
                let bias = f64::from(bias[i % n]);
                let (with_bias, bound) = ((want[i] + bias).max(0.0), bound(k + 1, sizes[i] + bias.abs()));
                assert!((f64::from(fused) - with_bias).abs() <= bound, "{isa:?}: element {i} is {fused}, not {with_bias}");
            }
        });
    }
}

#[test]
fn a_sum_over_nothing_is_zero() {
    let c = Tensor::ones([2, 3, 0]).matmul(&Tensor::ones([2, 0, 4]));
    assert_eq!(c, Tensor::zeros([2, 3, 4]));
    let bias = [1.0, -1.0];
    let epilogue = Epilogue { bias: Some(&bias), activation: Activation::Relu, ..Epilogue::default() };
    let c = Tensor::ones([1, 0]).matmul_with(&Tensor::ones([0, 2]), &epilogue);
    assert_eq!(c.to_vec(), [1.0, 0.0]);
}

#[test]
fn the_identity_changes_nothing() {
    for layout in Layout::ALL {
        let x = layout.tensor(&[3, 17, 33], (-1.0, 1.0), 2);
        for_each_isa(|isa| {
            assert_eq!(x.matmul(&Tensor::eye(33)), x, "{layout:?}, {isa:?}");
            assert_eq!(Tensor::eye(17).matmul(&x), x, "{layout:?}, {isa:?}");
        });
    }
}
