//! All sizes with M, N and K from 0 to 20, by every rung; and by another library.

use super::{Corner, Full, check, check_bits, run, specified};
use crate::gemm::blocking::TileShape;
use crate::gemm::tests::{Rung, rungs};
use crate::gemm::{MatRef, parallel};
use crate::simd::Isa;

const SMALL: usize = 20;

/// All 9261 sizes with M, N and K from 0 to 20.
fn for_all_small_sizes(mut f: impl FnMut(usize, usize, usize)) {
    for k in 0..=SMALL {
        for m in 0..=SMALL {
            (0..=SMALL).for_each(|n| f(m, n, k));
        }
    }
}

#[test]
fn every_rung_is_within_the_theorem_at_all_sizes_up_to_20() {
    let full = Full::new(SMALL, SMALL, SMALL, |_| 1.0);
    let exact = full.exact(&(0..=SMALL).collect::<Vec<_>>());
    for (name, rung) in rungs() {
        for_all_small_sizes(|m, n, k| {
            let plain = Corner::of(m, n, k);
            for corner in [plain, Corner { epilogue: 1 + (m + n + k) % 4, ..plain }] {
                check(&full, &exact[k], corner, false, &name, &run(&full, corner, &name, &rung));
            }
        });
    }
}

#[test]
fn every_rung_is_exact_for_whole_numbers_at_all_sizes_up_to_20() {
    let full = Full::whole(SMALL, SMALL, SMALL);
    let exact = full.exact(&(0..=SMALL).collect::<Vec<_>>());
    for (name, rung) in rungs() {
        for_all_small_sizes(|m, n, k| {
            let corner = Corner { epilogue: (m + 2 * n + 3 * k) % 5, ..Corner::of(m, n, k) };
            check(&full, &exact[k], corner, true, &name, &run(&full, corner, &name, &rung));
        });
    }
}

#[test]
fn every_rung_is_within_the_theorem_where_products_underflow_and_where_they_are_huge() {
    // 10⁻²²·10⁻²² is among the subnormal numbers; 10¹⁸·10¹⁸ is not far from the largest; and both at once.
    for (kind, least, most) in [("tiny", -22.0, -22.0), ("huge", 18.0, 18.0), ("of all sizes", -18.0, 18.0)] {
        let scale = |y: f32| 10f32.powf(least + (most - least) * (y + 1.0) / 2.0);
        let full = Full::new(SMALL, SMALL, SMALL, scale);
        let exact = full.exact(&(0..=SMALL).collect::<Vec<_>>());
        for (name, rung) in rungs() {
            let name = format!("{name}, {kind} numbers");
            let mut needed = false;
            for_all_small_sizes(|m, n, k| {
                if (m + n + k) % 3 == 0 {
                    let corner = Corner::of(m, n, k);
                    let answer = run(&full, corner, &name, &rung);
                    check(&full, &exact[k], corner, false, &name, &answer);
                    needed |= answer.iter().enumerate().any(|(at, &x)| {
                        let (sum, size) = exact[k].sums[at / n * SMALL + at % n];
                        (f64::from(x) - sum).abs() > 2.0 * k as f64 * 2f64.powi(-24) * size
                    });
                }
            });
            // Without K·2⁻¹⁴⁹ it would be violated, so it was put to the test.
            assert_eq!(needed, kind == "tiny", "{name}");
        }
    }
}

#[test]
fn small_products_have_the_bits_of_large_ones() {
    for isa in Isa::available() {
        let TileShape { mr, nr, .. } = TileShape::of(isa, isa.lanes());
        let full = Full::new((3 * mr).max(SMALL), (3 * nr).max(SMALL), SMALL, |_| 1.0);
        for (name, rung) in specified(isa) {
            for k in 0..=SMALL {
                let large = Corner { layouts: (0, 0), gap: 0, ..Corner::of(full.rows, full.cols, k) };
                let large = run(&full, large, &name, &rung);
                for (m, n) in (0..=SMALL).flat_map(|m| (0..=SMALL).map(move |n| (m, n))) {
                    let corner = Corner::of(m, n, k);
                    check_bits(&full, &large, corner, &name, &run(&full, corner, &name, &rung));
                }
            }
        }
    }
}

/// An independent implementation, held to the same bound: the f64 reference of this file is not wrong along with the
/// rungs.
#[test]
fn another_library_is_within_the_theorem_too() {
    let theirs: Rung = Box::new(|a, b, mut c, epilogue| {
        let (m, n, k) = (c.rows(), c.cols(), a.cols());
        let mut out = vec![0.0f32; m * n];
        let whole =
            |x: MatRef<'_>| (0..x.rows() * x.cols()).map(|i| x.at(i / x.cols(), i % x.cols())).collect::<Vec<_>>();
        crate::gemm::tests::matrixmultiply(&whole(a), &whole(b), &mut out, [m, n, k]);
        assert!(!epilogue.accumulate && epilogue.bias.is_none());
        (0..m).for_each(|i| c.row_mut(i).copy_from_slice(&out[i * n..][..n]));
    });
    let full = Full::new(65, 97, 130, |_| 1.0);
    let depths = [0, 1, 20, 130];
    let ours = |isa: Isa| -> Rung { Box::new(move |a, b, c, e| parallel::product(isa, a, b, c, e)) };
    for exact in full.exact(&depths) {
        for (m, n) in [(1, 1), (1, 97), (65, 1), (8, 8), (33, 20), (65, 97)] {
            let corner = Corner::of(m, n, exact.k);
            let answer = run(&full, corner, "matrixmultiply", &theirs);
            check(&full, &exact, corner, false, "matrixmultiply", &answer);
            for isa in Isa::available() {
                // Two answers within the bound of the exact one are within twice the bound of each other.
                let gamma = 2.0 * exact.k as f64 * 2f64.powi(-24) * 1.001;
                for (at, (x, y)) in run(&full, corner, isa.name(), &ours(isa)).iter().zip(&answer).enumerate() {
                    let (_, size) = exact.sums[at / n * full.cols + at % n];
                    assert!((f64::from(*x) - f64::from(*y)).abs() <= gamma * size, "{isa:?}, {corner:?}: {x} and {y}");
                }
            }
        }
    }
}
