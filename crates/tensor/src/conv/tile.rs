//! The micro-kernel whose lanes are channels of y: some pixels of one band, by as many channels as a few vectors hold.
//!
//! For each k it loads NV vectors of weights and broadcasts one element of the image for each pixel. A broadcast doesn't ask for
//! neighbours beyond the pixels, so no lane is computed for nothing, however wide a row is: 28 pixels are two tiles of 14, and
//! two rows of 7 are one. The tile is [`gemm`](crate::gemm)'s, with its sums, and the additions have its order.
//!
//! Images keep the pixels of a channel together, so the tile is turned before it is stored: 32 × 14 numbers for 14·32·K
//! multiply-adds.

#![expect(clippy::needless_range_loop, reason = "tiles and squares are indexed by the letters of the formula")]

use crate::gemm::{LINE, TileShape, prefetch};
use crate::simd::{Isa, Kernel, MAX_LANES, Simd, Vector};

/// One tile's work: y(c, i) = \[y(c, i)\] + Σₖ w(k, c)·x(k, i) \[+ bias(c)\], where x(k, i) stands `taps[k] + i` behind `image`, and in a tile of
/// two rows, `gap` further for the pixels of the second.
///
/// # Validity
/// Whoever hands a tile of MR pixels and NV vectors to [`tile_fn`]'s function vouches for the pointers: x(k, i) is valid for reading for all k and i,
/// `w` for as many times NV vectors as there are taps; `y + c·stride` is valid for reading and writing MR floats for each c below
/// `channels`, and nobody else touches those meanwhile.
pub(super) struct Tile<'a> {
    pub image: *const f32,
    pub taps: &'a [usize],
    pub gap: usize,
    /// For each tap, NV vectors.
    pub w: *const f32,
    pub y: *mut f32,
    pub stride: usize,
    /// Channels that exist: the lanes beyond are computed and dropped.
    pub channels: usize,
    /// Whether y is read and added to.
    pub add: bool,
    /// One number for each channel, on the last block of k.
    pub bias: Option<&'a [f32]>,
}

/// Computes a tile of a certain height and width.
///
/// # Safety
/// The tile's pointers are valid as [`Tile`] says.
pub(super) type TileFn<S> = unsafe fn(S, Tile<'_>);

/// The function for tiles of `rows` rows of `pixels` pixels and panels of `width` channels.
///
/// # Panics
/// When the instruction set's table has no such tile.
#[inline]
pub(super) fn tile_fn<S: Simd>(rows: usize, pixels: usize, width: usize) -> TileFn<S> {
    let wide = width == const { TileShape::of(S::ISA, S::LANES).nr };
    /// Lists of heights, for each of the two widths: of one row, and of two.
    macro_rules! table {
        ($wide:literal, $narrow:literal; $($mr:literal)*; $($half:literal)*) => {
            match (rows, wide) {
                (1, true) => [$(tile::<S, $mr, $wide, 1> as TileFn<S>),*][pixels - 1],
                (1, false) => [$(tile::<S, $mr, $narrow, 1> as TileFn<S>),*][pixels - 1],
                (_, true) => [$(tile::<S, { 2 * $half }, $wide, 2> as TileFn<S>),*][pixels - 1],
                (_, false) => [$(tile::<S, { 2 * $half }, $narrow, 2> as TileFn<S>),*][pixels - 1],
            }
        };
    }
    match S::ISA {
        Isa::Scalar => table!(8, 4; 1 2 3 4; 1 2),
        #[cfg(target_arch = "aarch64")]
        Isa::Neon => table!(4, 2; 1 2 3 4 5 6; 1 2 3),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => table!(2, 1; 1 2 3 4 5 6; 1 2 3),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => table!(2, 1; 1 2 3 4 5 6 7 8 9 10 11 12 13 14; 1 2 3 4 5 6 7),
        _ => unreachable!("there is no token of another architecture"),
    }
}

unsafe fn tile<S: Simd, const MR: usize, const NV: usize, const ROWS: usize>(s: S, tile: Tile<'_>) {
    s.enter(Micro::<MR, NV, ROWS>(tile));
}

/// MR pixels in ROWS rows, by NV vectors of channels.
struct Micro<'a, const MR: usize, const NV: usize, const ROWS: usize>(Tile<'a>);

impl<const MR: usize, const NV: usize, const ROWS: usize> Kernel for Micro<'_, MR, NV, ROWS> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Tile { image, taps, gap, mut w, y, stride, channels, add, bias } = self.0;
        // Rows of y are not needed until the sums are done; they are fetched meanwhile.
        for c in 0..channels {
            prefetch(y.wrapping_add(c * stride));
            prefetch(y.wrapping_add(c * stride + (MR - 1).min(LINE)));
        }
        let mut sums = [[s.splat(0.0); NV]; MR];
        for &tap in taps {
            let rows = [image.wrapping_add(tap), image.wrapping_add(tap + gap)];
            // Loops and no closures: what is not inlined would be compiled without the features.
            let mut weights = [s.splat(0.0); NV];
            for v in 0..NV {
                // SAFETY: the maker of the tile vouches for NV vectors for each tap.
                weights[v] = unsafe { s.load_ptr(w.add(v * S::LANES)) };
            }
            for i in 0..MR {
                let (row, pixel) = (i / (MR / ROWS), i % (MR / ROWS));
                // SAFETY: the maker of the tile vouches for each pair of a tap and a pixel.
                let x = s.splat(unsafe { *rows[row].add(pixel) });
                for v in 0..NV {
                    sums[i][v] = s.mul_add(x, weights[v], sums[i][v]);
                }
            }
            w = w.wrapping_add(NV * S::LANES);
        }
        /// One vector of all pixels after the other, with numbers that the compiler knows: an array that is indexed at run time
        /// would live in memory, and the loop above would store every sum at every step.
        macro_rules! turn {
            ($($v:literal)*) => {
                $(if $v < NV {
                    let mut square = [sums[MR - 1][$v % NV]; MAX_LANES];
                    for i in 0..MR {
                        square[i] = sums[i][$v % NV];
                    }
                    let first = $v * S::LANES;
                    let turned = Turned::<S::F, MR> {
                        square,
                        y: y.wrapping_add(first * stride),
                        stride,
                        channels: channels.saturating_sub(first).min(S::LANES),
                        add,
                        bias: bias.map(|bias| &bias[first.min(channels)..]),
                    };
                    // SAFETY: as above, for these channels.
                    unsafe { turned.store(s) };
                })*
            };
        }
        turn!(0 1 2 3 4 5 6 7);
    }
}

/// What MR pixels have in a vector of channels.
struct Turned<'a, F, const MR: usize> {
    square: [F; MAX_LANES],
    y: *mut f32,
    stride: usize,
    channels: usize,
    add: bool,
    bias: Option<&'a [f32]>,
}

impl<F: Vector, const MR: usize> Turned<'_, F, MR> {
    /// Writes each channel's pixels to its row of y.
    ///
    /// # Safety
    /// As [`Tile`] says.
    #[inline(always)]
    unsafe fn store<S: Simd<F = F>>(self, s: S) {
        let Turned { mut square, y, stride, channels, add, bias } = self;
        for first in (0..MR).step_by(S::LANES) {
            let len = S::LANES.min(MR - first);
            s.transpose(&mut square[first..first + S::LANES]);
            for c in 0..channels {
                // SAFETY: the caller vouches for MR floats of each channel, and for being alone with them.
                let out = unsafe { std::slice::from_raw_parts_mut(y.wrapping_add(c * stride + first), len) };
                let mut sum = square[first + c];
                if add {
                    sum = s.load_part(out) + sum;
                }
                if let Some(bias) = bias {
                    sum = sum + s.splat(bias[c]);
                }
                s.store_part(out, sum);
            }
        }
    }
}
