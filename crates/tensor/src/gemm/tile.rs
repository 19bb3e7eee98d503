//! The micro-kernel: one tile of C in registers, over one block of k.
//!
//! For each k it loads NV vectors of B and MR numbers of A, broadcast to all lanes, and issues MR·NV multiply-adds on
//! sums that never leave their registers. What bounds MR and NV (Low et al., *Analytical Modeling Is Enough for
//! High-Performance BLIS*, 2016):
//!
//! - latency: 2 multiply-adds start in a cycle and take 4, so at least 8 sums must be under way;
//! - loads: 2 in a cycle, so MR + NV ≤ MR·NV;
//! - registers: MR·NV sums, NV of B and 1 of A.
//!
//! | instruction set | tile | sums + B + A, of registers | loads for each multiply-add |
//! | --- | --- | --- | --- |
//! | AVX-512 | 14 × 32 | 28 + 2 + 1 of 32 | 16 / 28 |
//! | NEON | 6 × 16 | 24 + 4 + 1 of 32 | 10 / 24 |
//! | AVX2 | 6 × 16 | 12 + 2 + 1 of 16 | 8 / 12 |
//! | scalar | 4 × 8 | SSE2, by the compiler's vectoriser: 8 + 2 + 1 of 16 | 6 / 8 |
//!
//! NEON's tile is wide and low because a number that is broadcast costs it an instruction of the kind that multiplies too: 6 for
//! 24 multiply-adds, where a tile of 12 × 8 would have 12 (Arm, *Neoverse N1 Software
//! Optimization Guide*: `ld1r` takes a load and a vector pipeline).
//!
//! Each height from 1 to MR and two widths are compiled, so an edge costs what it holds; and each of them for three
//! [`Source`]s of its operands.

#![expect(clippy::needless_range_loop, reason = "tiles and squares are indexed by the letters of the formula")]

use super::blocking::TileShape;
use crate::simd::{Isa, Kernel, Simd};

/// One tile's work: `C = [C +] A·B` over `k`, then what finishes it.
///
/// # Validity
/// Whoever hands a tile of MR rows and NV vectors to [`tile_fn`]'s function vouches for the pointers: for each k below `k`, `a + k·a_step + i·a_row`
/// is valid for reading for each row i below MR and `b + k·b_step` for NV vectors; for each row i below MR, `c + i·c_stride` is valid for
/// reading and writing `cols` floats, and nobody else touches those meanwhile. Through a window, `b + at[k] + v·gap` is valid for
/// reading a vector, for each v below NV, and `at` has k entries.
pub(crate) struct Tile<'a> {
    pub k: usize,
    pub a: *const f32,
    pub a_step: usize,
    /// From a row of A to the next: 1 in a packed panel.
    pub a_row: usize,
    pub b: *const f32,
    pub b_step: usize,
    /// Where B's vectors lie instead, for [`Source::Window`].
    pub window: Option<Through<'a>>,
    pub c: *mut f32,
    pub c_stride: usize,
    /// Columns that exist: the lanes beyond are computed and dropped.
    pub cols: usize,
    /// Whether C is read and added to.
    pub add: bool,
    /// The bias of these columns, on the last block of k.
    pub bias: Option<&'a [f32]>,
    /// The bias of these rows, likewise.
    pub row_bias: Option<&'a [f32]>,
    /// On the last block of k.
    pub relu: bool,
}

/// Vectors of B where they lie in an image: one image serves all taps of a window, shifted.
#[derive(Clone, Copy)]
pub(crate) struct Through<'a> {
    /// For each k, where its first vector lies, from `b` on.
    pub at: &'a [usize],
    /// From a vector to the next.
    pub gap: usize,
}

/// Where a tile reads its operands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// A packed, B packed or in rows.
    Panels,
    /// A where it lies, B packed or in rows.
    Rows,
    /// A packed, B through a window.
    Window,
}

/// Computes a tile of a certain height and width.
///
/// # Safety
/// The tile's pointers are valid as [`Tile`] says.
pub(crate) type TileFn<S> = unsafe fn(S, Tile<'_>);

/// The function for tiles of `rows` rows and panels of `width` floats.
///
/// # Panics
/// When the instruction set's table has no such tile.
#[inline]
pub(crate) fn tile_fn<S: Simd>(rows: usize, width: usize, source: Source) -> TileFn<S> {
    let wide = width == const { TileShape::of(S::ISA, S::LANES).nr };
    /// A list of heights, for each of the two widths.
    macro_rules! table {
        ($wide:literal, $narrow:literal; $($mr:literal)*) => {
            match (wide, source) {
                (true, Source::Panels) => [$(tile::<S, $mr, $wide, PANELS> as TileFn<S>),*][rows - 1],
                (false, Source::Panels) => [$(tile::<S, $mr, $narrow, PANELS> as TileFn<S>),*][rows - 1],
                (true, Source::Rows) => [$(tile::<S, $mr, $wide, ROWS> as TileFn<S>),*][rows - 1],
                (false, Source::Rows) => [$(tile::<S, $mr, $narrow, ROWS> as TileFn<S>),*][rows - 1],
                (true, Source::Window) => [$(tile::<S, $mr, $wide, WINDOW> as TileFn<S>),*][rows - 1],
                (false, Source::Window) => [$(tile::<S, $mr, $narrow, WINDOW> as TileFn<S>),*][rows - 1],
            }
        };
    }
    match S::ISA {
        Isa::Scalar => table!(8, 4; 1 2 3 4),
        #[cfg(target_arch = "aarch64")]
        Isa::Neon => table!(4, 2; 1 2 3 4 5 6),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => table!(2, 1; 1 2 3 4 5 6),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => table!(2, 1; 1 2 3 4 5 6 7 8 9 10 11 12 13 14),
        _ => unreachable!("there is no token of another architecture"),
    }
}

/// [`Source`] as a constant of the micro-kernel.
const PANELS: u8 = Source::Panels as u8;
const ROWS: u8 = Source::Rows as u8;
const WINDOW: u8 = Source::Window as u8;

unsafe fn tile<S: Simd, const MR: usize, const NV: usize, const SOURCE: u8>(s: S, tile: Tile<'_>) {
    s.enter(Micro::<MR, NV, SOURCE>(tile));
}

/// Floats in a cache line.
pub(crate) const LINE: usize = 16;

/// Asks for the cache line at `address`, which need not be valid.
#[inline(always)]
pub(crate) fn prefetch(address: *const f32) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: SSE is part of x86-64, and a prefetch never faults.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(address.cast())
    };
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}

struct Micro<'a, const MR: usize, const NV: usize, const SOURCE: u8>(Tile<'a>);

impl<const MR: usize, const NV: usize, const SOURCE: u8> Kernel for Micro<'_, MR, NV, SOURCE> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Tile { k, mut a, a_step, a_row, mut b, b_step, window, c, c_stride, cols, add, bias, row_bias, relu } =
            self.0;
        let (image, a_row) = (b, if SOURCE == ROWS { a_row } else { 1 });
        let (at, gap) = match window {
            Some(Through { at, gap }) if SOURCE == WINDOW => (at.as_ptr(), gap),
            _ => (std::ptr::null(), S::LANES),
        };
        // C is not needed until the sums are done; its rows are fetched meanwhile.
        for i in 0..MR {
            for v in 0..NV.div_ceil(LINE / S::LANES) {
                prefetch(c.wrapping_add(i * c_stride + v * LINE));
            }
        }
        let mut sums = [[s.splat(0.0); NV]; MR];
        for step in 0..k {
            // Loops and no closures: what is not inlined would be compiled without the features.
            let mut y = [s.splat(0.0); NV];
            if SOURCE == WINDOW {
                // SAFETY: the maker of the tile vouches for k entries.
                b = image.wrapping_add(unsafe { *at.add(step) });
            }
            for v in 0..NV {
                // SAFETY: the maker of the tile vouches for MR floats at `a` and NV vectors at `b` for each of the k steps.
                y[v] = unsafe { s.load_ptr(b.add(v * gap)) };
            }
            for i in 0..MR {
                // SAFETY: as above.
                let x = s.splat(unsafe { *a.add(i * a_row) });
                for v in 0..NV {
                    sums[i][v] = s.mul_add(x, y[v], sums[i][v]);
                }
            }
            (a, b) = (a.wrapping_add(a_step), b.wrapping_add(b_step));
        }
        // Passes over the tile so small that the compiler unrolls each of them: an array that is indexed at run time would live
        // in memory, and the loop above would store every sum at every step.
        let whole = cols == NV * S::LANES;
        let lanes: [usize; NV] = std::array::from_fn(|v| S::LANES.min(cols.saturating_sub(v * S::LANES)));
        // SAFETY: the maker of the tile vouches for `cols` floats in each of MR rows, and for being alone with them.
        let out = |i: usize, v: usize| unsafe {
            std::slice::from_raw_parts_mut(c.wrapping_add(i * c_stride + v * S::LANES), lanes[v])
        };
        if add && whole {
            for i in 0..MR {
                for v in 0..NV {
                    // SAFETY: as above; the tile is `cols` = NV vectors wide.
                    let old = unsafe { s.load_ptr(c.wrapping_add(i * c_stride + v * S::LANES)) };
                    sums[i][v] = old + sums[i][v];
                }
            }
        } else if add {
            for i in 0..MR {
                for v in 0..NV {
                    sums[i][v] = s.load_part(out(i, v)) + sums[i][v];
                }
            }
        }
        if let Some(bias) = bias {
            for v in 0..NV {
                let bias = s.load_part(&bias[cols.min(v * S::LANES)..][..lanes[v]]);
                for i in 0..MR {
                    sums[i][v] = sums[i][v] + bias;
                }
            }
        }
        if let Some(bias) = row_bias {
            let bias = &bias[..MR];
            for i in 0..MR {
                for v in 0..NV {
                    sums[i][v] = sums[i][v] + s.splat(bias[i]);
                }
            }
        }
        if relu {
            for i in 0..MR {
                for v in 0..NV {
                    sums[i][v] = s.max(s.splat(0.0), sums[i][v]); // NaN stays: `max` returns its second argument then
                }
            }
        }
        if whole {
            for i in 0..MR {
                for v in 0..NV {
                    // SAFETY: as above; the tile is `cols` = NV vectors wide.
                    unsafe { s.store_ptr(c.wrapping_add(i * c_stride + v * S::LANES), sums[i][v]) };
                }
            }
        } else {
            for i in 0..MR {
                for v in 0..NV {
                    s.store_part(out(i, v), sums[i][v]);
                }
            }
        }
    }
}
