//! The product as BLAS states it: C = α·A·B + β·C on slices with strides, for callers who know `sgemm`.

use super::view::extent;
use super::{Epilogue, MatMut, MatRef, product, with_scratch};
use crate::counted;
use crate::simd::Isa;

/// `C = alpha·A·B + beta·C`, with A of m × k, B of k × n and C of m × n, each a slice and its strides (rows, columns): element
/// (i, j) is `a[i·strides[0] + j·strides[1]]`. On the current rayon pool, with the vectors of [`Isa::current`].
///
/// | in BLAS | strides |
/// | --- | --- |
/// | row-major with leading dimension `ld` | `[ld, 1]` |
/// | row-major and transposed, or column-major | `[1, ld]` |
///
/// As in BLAS, with `beta` = 0 C is not read, and with `alpha` = 0 neither A nor B is. What lies between the rows of C is kept. C may
/// be row-major or column-major. [`product`](super::product()) is the form with types, where bias and activation ride along.
///
/// |C − C₆₄| ≤ γ(k + 2)·(|alpha|·|A|·|B|) + γ(2)·|beta·C|, with γ(n) = n·u / (1 − n·u) and u = 2⁻²⁴: a sum of k products,
/// a factor, and one addition; and the factor and the addition for C. (Add k + 2 times 2⁻¹⁴⁹, and alpha times as much, where
/// products are too small for f32.) With alpha = 1 and beta 0 or 1 it costs what `product` costs; any other pair is a pass
/// over C more, and unless `beta` is 0 the product has a buffer of its own.
///
/// ```
/// use glassbox_tensor::gemm::sgemm;
/// let a = [1., 2., 3., 4., 5., 6.]; // 2 × 3
/// let b = [1., 0., 2., 0., 1., 3.]; // (3 × 2)ᵀ: two columns of three
/// let mut c = [100.; 5]; // 2 × 2, with a float between the rows
/// sgemm(2, 2, 3, 0.5, &a, [3, 1], &b, [1, 3], 0.1, &mut c, [3, 1]);
/// assert_eq!(c, [13.5, 15.5, 100., 18., 21.5]); // half of 7 11 and 16 23, and 10
/// ```
///
/// # Panics
/// When a slice is too short for its matrix, or C's elements share places or have a stride of 1 in neither direction.
#[track_caller]
#[expect(clippy::too_many_arguments, reason = "they are BLAS's")]
pub fn sgemm(
    m: usize,
    n: usize,
    k: usize,
    alpha: f32,
    a: &[f32],
    a_strides: [usize; 2],
    b: &[f32],
    b_strides: [usize; 2],
    beta: f32,
    c: &mut [f32],
    c_strides: [usize; 2],
) {
    let a = operand("A", a, [m, k], a_strides);
    let b = operand("B", b, [k, n], b_strides);
    operand("C", c, [m, n], c_strides);
    let [down, across] = c_strides;
    // A column-major C is Cᵀ = Bᵀ·Aᵀ, row-major.
    let (a, b, c) = if across == 1 || n <= 1 {
        distinct([m, n], c_strides, down >= n || m <= 1);
        (a, b, MatMut::new(c, m, n, down))
    } else {
        assert!(down == 1 || m <= 1, "sgemm: C has strides {c_strides:?}; one of them must be 1");
        distinct([m, n], c_strides, across >= m);
        (b.t(), a.t(), MatMut::new(c, n, m, across))
    };
    scaled_product(alpha, a, b, beta, c);
}

fn scaled_product(alpha: f32, a: MatRef<'_>, b: MatRef<'_>, beta: f32, mut c: MatMut<'_>) {
    let isa = Isa::current();
    let (m, n) = (c.rows(), c.cols());
    if alpha == 0.0 || a.cols() == 0 {
        return scale(&mut c, beta);
    }
    match (alpha == 1.0, beta) {
        (true, 0.0 | 1.0) => product(isa, a, b, c, &Epilogue { accumulate: beta == 1.0, ..Epilogue::default() }),
        (_, 0.0) => {
            product(isa, a, b, c.reborrow(), &Epilogue::default());
            scale(&mut c, alpha);
        }
        _ => with_scratch(m * n, |ab| {
            product(isa, a, b, MatMut::row_major(ab, m, n), &Epilogue::default());
            for i in 0..m {
                for (c, ab) in c.row_mut(i).iter_mut().zip(&ab[i * n..]) {
                    *c = alpha * ab + beta * *c;
                }
            }
        }),
    }
}

/// `C = factor·C`, and zeros for 0, whatever C was.
fn scale(c: &mut MatMut<'_>, factor: f32) {
    for i in 0..c.rows() {
        match factor {
            0.0 => c.row_mut(i).fill(0.0),
            _ => c.row_mut(i).iter_mut().for_each(|c| *c *= factor),
        }
    }
}

/// The view of an operand, or the sentence that names it.
#[track_caller]
fn operand<'a>(name: &str, data: &'a [f32], [rows, cols]: [usize; 2], [down, across]: [usize; 2]) -> MatRef<'a> {
    let inside = extent(rows, cols, down, across).is_some_and(|reach| reach <= data.len());
    assert!(
        inside,
        "sgemm: {name}, {rows} × {cols} with strides [{down}, {across}], reaches beyond its {}",
        counted(data.len(), "float")
    );
    MatRef::new(data, rows, cols, down, across)
}

#[track_caller]
fn distinct([m, n]: [usize; 2], strides: [usize; 2], distinct: bool) {
    assert!(distinct, "sgemm: elements of C, {m} × {n} with strides {strides:?}, share places");
}

#[cfg(test)]
mod tests {
    use super::super::tests::numbers;
    use super::*;

    /// Strides for a matrix, and how long its slice must be: row-major, column-major, both with gaps, and a stride in both
    /// directions.
    fn layouts(rows: usize, cols: usize) -> [([usize; 2], usize); 5] {
        let all = [[cols, 1], [1, rows], [cols + 3, 1], [1, rows + 2], [2 * cols + 1, 2]];
        all.map(|strides| (strides, extent(rows, cols, strides[0], strides[1]).unwrap()))
    }

    #[test]
    fn alpha_beta_and_strides_are_honoured_within_the_bound() {
        for [m, n, k] in
            [[1, 1, 1], [3, 5, 7], [1, 33, 20], [40, 1, 65], [17, 31, 600], [64, 64, 64], [4, 3, 0], [0, 3, 2]]
        {
            for (la, lb, lc) in (0..5).flat_map(|a| [(a, 0, 0), (a, 4, 1), (a, (a + 1) % 4, 2), (1, a, 3)]) {
                let ((sa, a_len), (sb, b_len)) = (layouts(m, k)[la], layouts(k, n)[lb]);
                let (sc, c_len) = layouts(m, n)[lc];
                let (a, b, old) = (numbers(a_len, 1), numbers(b_len, 2), numbers(c_len + 5, 3));
                for (alpha, beta) in
                    [(1., 0.), (1., 1.), (-1., 0.), (0., 0.5), (0.75, 0.), (1.3, 1.), (1., -2.3), (0., 0.)]
                {
                    let mut c = old.clone();
                    sgemm(m, n, k, alpha, &a, sa, &b, sb, beta, &mut c, sc);
                    let mut inside = vec![false; c.len()];
                    let gamma = |n: f64| n * 2f64.powi(-24) / (1.0 - n * 2f64.powi(-24));
                    for (i, j) in (0..m).flat_map(|i| (0..n).map(move |j| (i, j))) {
                        let term = |p: usize| f64::from(a[i * sa[0] + p * sa[1]]) * f64::from(b[p * sb[0] + j * sb[1]]);
                        let at = i * sc[0] + j * sc[1];
                        inside[at] = true;
                        let (alpha, kept) = (f64::from(alpha), f64::from(beta) * f64::from(old[at]));
                        let exact = alpha * (0..k).map(term).sum::<f64>() + kept;
                        let size = alpha.abs() * (0..k).map(|p| term(p).abs()).sum::<f64>();
                        let error = (f64::from(c[at]) - exact).abs();
                        let bound = gamma(k as f64 + 2.0) * size + gamma(2.0) * kept.abs();
                        assert!(
                            error <= bound,
                            "{m} {n} {k}, {la} {lb} {lc}, {alpha} {beta}: off by {error:e} > {bound:e}"
                        );
                    }
                    let kept = |i: usize| inside[i] || c[i].to_bits() == old[i].to_bits();
                    assert!((0..c.len()).all(kept), "{m} {n} {k}, layout {lc}: what lies between the rows was written");
                }
            }
        }
    }

    #[test]
    fn what_a_zero_multiplies_is_not_read() {
        let nan = [f32::NAN; 4];
        let mut c = nan;
        sgemm(2, 2, 2, 0.5, &[1.; 4], [2, 1], &[1.; 4], [2, 1], 0.0, &mut c, [2, 1]);
        assert_eq!(c, [1.; 4]); // beta = 0
        sgemm(2, 2, 2, 0.0, &nan, [2, 1], &nan, [2, 1], 3.0, &mut c, [2, 1]);
        assert_eq!(c, [3.; 4]); // alpha = 0
    }

    fn refuses(c_strides: [usize; 2], a: usize) {
        sgemm(2, 3, 4, 1.0, &vec![0.0; a], [4, 1], &[0.0; 12], [3, 1], 0.0, &mut [0.0; 100], c_strides);
    }

    #[test]
    #[should_panic(expected = "sgemm: A, 2 × 4 with strides [4, 1], reaches beyond its 7 floats")]
    fn a_short_slice_is_refused() {
        refuses([3, 1], 7);
    }

    #[test]
    #[should_panic(expected = "sgemm: elements of C, 2 × 3 with strides [2, 1], share places")]
    fn overlapping_rows_are_refused() {
        refuses([2, 1], 8);
    }

    #[test]
    #[should_panic(expected = "sgemm: C has strides [7, 2]; one of them must be 1")]
    fn a_result_with_gaps_in_its_rows_is_refused() {
        refuses([7, 2], 8);
    }
}
