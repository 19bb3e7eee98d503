//! Sizes around everything at which a product changes its way, and operands at every place.

use super::{Corner, Full, check, check_bits, run, specified};
use crate::gemm::blocking::TileShape;
use crate::simd::Isa;

/// The numbers around which something changes: just below, at, and just above.
fn around(borders: &[usize], limit: usize) -> Vec<usize> {
    let mut all: Vec<usize> =
        borders.iter().flat_map(|&b| b.saturating_sub(1)..=b + 1).filter(|&b| b <= limit).collect();
    all.sort_unstable();
    all.dedup();
    all
}

#[test]
fn the_theorem_and_the_bits_hold_around_every_border() {
    // Depths: the squares in which panels are packed, blocks of k (512), the four of them that are packed at once.
    let depths = around(&[16, 32, 512, 1024, 2048], 2100);
    let full = Full::new(122, 258, 2049, |_| 1.0);
    let exact = full.exact(&depths);
    for isa in Isa::available() {
        let TileShape { mr, nr, .. } = TileShape::of(isa, isa.lanes());
        // Rows: tiles, FEW_ROWS, TASK_ROWS, OWN_ROWS. Columns: half a tile, tiles, FEW_COLS, TRANSPOSED_RUN, TASK_COLS.
        let rows = around(&[1, mr, 2 * mr, 64, 112, 120], 122);
        let cols = around(&[1, nr / 2, nr, 2 * nr, 64, 128, 256], 258);
        for (name, rung) in specified(isa) {
            let large: Vec<Vec<f32>> = depths
                .iter()
                .map(|&k| run(&full, Corner { layouts: (0, 0), ..Corner::of(full.rows, full.cols, k) }, &name, &rung))
                .collect();
            for (x, &m) in rows.iter().enumerate() {
                for (y, &n) in cols.iter().enumerate() {
                    let at = (5 * x + 7 * y) % depths.len();
                    let corner = Corner::of(m, n, depths[at]);
                    let answer = run(&full, corner, &name, &rung);
                    check(&full, &exact[at], corner, false, &name, &answer);
                    check_bits(&full, &large[at], corner, &name, &answer);
                    let corner = Corner { epilogue: 1 + (x + y) % 4, ..corner };
                    check(&full, &exact[at], corner, false, &name, &run(&full, corner, &name, &rung));
                }
            }
        }
    }
}

#[test]
fn the_theorem_and_the_bits_hold_for_a_single_row_or_column_of_any_length() {
    let depths = [0, 1, 7, 8, 9, 16, 17, 40];
    for isa in Isa::available() {
        let lanes = isa.lanes();
        let lengths = around(&[1, lanes, 2 * lanes, 3 * lanes, 128, 1024], 1030);
        for (name, rung) in specified(isa) {
            for row in [true, false] {
                let long = if row { [2, 1030] } else { [1030, 2] };
                let full = Full::new(long[0], long[1], 40, |_| 1.0);
                for (exact, layout) in full.exact(&depths).iter().flat_map(|exact| (0..4).map(move |l| (exact, l))) {
                    let large = run(&full, Corner::of(long[0], long[1], exact.k), &name, &rung);
                    for &len in &lengths {
                        let (m, n) = if row { (1, len) } else { (len, 1) };
                        let corner = Corner { layouts: (layout, layout), ..Corner::of(m, n, exact.k) };
                        let corner = if row { corner } else { Corner { gap: corner.gap % 3, ..corner } };
                        let answer = run(&full, corner, &name, &rung);
                        check(&full, exact, corner, false, &name, &answer);
                        check_bits(&full, &large, corner, &name, &answer);
                    }
                }
            }
        }
    }
}

#[test]
fn bits_do_not_depend_on_where_operands_begin() {
    for isa in Isa::available() {
        let full = Full::new(35, 70, 40, |_| 1.0);
        for (name, rung) in specified(isa) {
            for (m, n, k) in [(1, 70, 40), (35, 1, 40), (5, 33, 19), (15, 65, 40), (35, 70, 7)] {
                for layouts in [(0, 0), (1, 1), (0, 1), (1, 0)] {
                    let aligned = Corner { layouts, offsets: [0; 3], gap: 0, ..Corner::of(m, n, k) };
                    let expected = run(&full, aligned, &name, &rung);
                    for offset in 1..8 {
                        for offsets in
                            [[offset, 0, 0], [0, offset, 0], [0, 0, offset], [offset, 8 - offset, offset / 2]]
                        {
                            let corner = Corner { offsets, ..aligned };
                            let answer = run(&full, corner, &name, &rung);
                            let same = answer.iter().zip(&expected).all(|(x, y)| x.to_bits() == y.to_bits());
                            assert!(same, "{name}: {corner:?}");
                        }
                    }
                }
            }
        }
    }
}
