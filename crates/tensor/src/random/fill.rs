//! Filling slices in parallel: fixed blocks of positions, whole tiles within them.

use super::{Key, NUMBERS, philox::philox};
use crate::simd::{Isa, Kernel, Simd};
use rayon::prelude::*;

/// Lanes of a tile: the widest vector of any instruction set.
const LANES: usize = 16;
/// Positions of a tile: four words of each lane.
const TILE: usize = 4 * LANES;
/// Positions of one task: 64 KiB of output, some 10 µs of work.
const TASK: usize = 256 * TILE;

/// The upper 24 bits as a number of [0, 1).
#[inline(always)]
pub(super) fn uniform_of_bits(bits: u32) -> f32 {
    (bits >> 8) as f32 * (1.0 / 16_777_216.0)
}

/// Writes [`key.uniform(i)`](Key::uniform) to `out[i]`: independent numbers, uniform on [0, 1).
///
/// ```
/// use glassbox_tensor::random::{Key, uniform_fill};
/// let (mut short, mut long) = ([0.0; 3], [0.0; 1000]);
/// uniform_fill(Key::new(1), &mut short);
/// uniform_fill(Key::new(1), &mut long);
/// assert_eq!(short, long[..3]);
/// ```
pub fn uniform_fill(key: Key, out: &mut [f32]) {
    fill(key, out, Uniform);
}

/// How the 64 words of a tile become 64 numbers. What it computes must not depend on the instruction set.
trait Distribution: Copy + Send + Sync {
    fn tile<S: Simd>(self, s: S, words: &[[u32; LANES]; 4], out: &mut [f32; TILE]);
}

#[derive(Clone, Copy)]
struct Uniform;

impl Distribution for Uniform {
    #[inline(always)]
    fn tile<S: Simd>(self, _: S, words: &[[u32; LANES]; 4], out: &mut [f32; TILE]) {
        for (out, word) in out.iter_mut().zip(words.as_flattened()) {
            *out = uniform_of_bits(*word);
        }
    }
}

/// `out[i]` = the number at position i, in parallel. Tasks begin at fixed positions, and a position alone determines its
/// number: neither the threads nor the length of `out` can be seen in the bits.
fn fill(key: Key, out: &mut [f32], distribution: impl Distribution) {
    let isa = Isa::current();
    let task = |(i, out)| isa.dispatch(Fill { key, first: i * TASK, out, distribution });
    if out.len() <= TASK {
        task((0, out));
    } else {
        out.par_chunks_mut(TASK).enumerate().for_each(task);
    }
}

/// One task: the positions from `first`, a multiple of a tile, on.
struct Fill<'a, D> {
    key: Key,
    first: usize,
    out: &'a mut [f32],
    distribution: D,
}

impl<D: Distribution> Kernel for Fill<'_, D> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let mut counter = (self.first / 4) as u64;
        let mut next = |out: &mut [f32; TILE]| {
            // A tile's counters differ in their lowest four bits alone, so nothing carries.
            let low = std::array::from_fn(|lane| counter as u32 | lane as u32);
            let words = philox([low, [(counter >> 32) as u32; LANES], [0; LANES], [NUMBERS; LANES]], self.key.words());
            self.distribution.tile(s, &words, out);
            counter += LANES as u64;
        };
        let (tiles, rest) = self.out.as_chunks_mut::<TILE>();
        tiles.iter_mut().for_each(&mut next);
        if !rest.is_empty() {
            let mut tile = [0.0; TILE];
            next(&mut tile);
            rest.copy_from_slice(&tile[..rest.len()]);
        }
    }
}
