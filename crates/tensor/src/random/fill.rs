//! Filling slices in parallel: fixed blocks of positions, whole tiles within them.

use super::distribution::{Distribution, Gumbel, Logistic, Normal, Uniform};
use super::{Key, NUMBERS, philox::philox};
use crate::parallel::for_each_chunk;
use crate::simd::{Isa, Kernel, Simd};

/// Lanes of a tile: the widest vector of any instruction set.
const LANES: usize = 16;
/// The number of each lane.
const LANE: [f32; LANES] = [0., 1., 2., 3., 4., 5., 6., 7., 8., 9., 10., 11., 12., 13., 14., 15.];
/// Positions of a tile: four words of each lane.
const TILE: usize = 4 * LANES;
/// Positions of one task: 64 KiB of output, some 10 µs of work.
const TASK: usize = 256 * TILE;

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

/// Writes [`key.normal(i)`](Key::normal) to `out[i]`: independent numbers of N(0, 1).
///
/// ```
/// use glassbox_tensor::random::{Key, normal_fill};
/// let mut z = vec![0.0; 10_000];
/// normal_fill(Key::new(1), &mut z);
/// let variance = z.iter().map(|z| z * z).sum::<f32>() / 10_000.0;
/// assert!((variance - 1.0).abs() < 0.05);
/// ```
pub fn normal_fill(key: Key, out: &mut [f32]) {
    fill(key, out, Normal);
}

/// Writes [`key.gumbel(i)`](Key::gumbel) to `out[i]`: independent numbers of Gumbel's distribution.
///
/// The index of the largest of `logits[i] + g[i]` is a draw from softmax(logits) (Gumbel 1954).
///
/// ```
/// use glassbox_tensor::random::{Key, gumbel_fill};
/// let logits = [0.0, f32::ln(3.0)]; // probabilities ¼ and ¾
/// let mut g = vec![0.0; 20_000];
/// gumbel_fill(Key::new(1), &mut g);
/// let second = g.chunks(2).filter(|g| logits[1] + g[1] > logits[0] + g[0]).count();
/// assert!((second as f32 / 10_000.0 - 0.75).abs() < 0.02);
/// ```
pub fn gumbel_fill(key: Key, out: &mut [f32]) {
    fill(key, out, Gumbel);
}

/// Writes [`key.logistic(i)`](Key::logistic) to `out[i]`: independent numbers of the logistic distribution.
///
/// ```
/// use glassbox_tensor::random::{Key, logistic_fill};
/// let mut x = vec![0.0; 10_000];
/// logistic_fill(Key::new(1), &mut x);
/// let above_ln_3 = x.iter().filter(|&&x| x > f32::ln(3.0)).count(); // 1 − σ(ln 3) = ¼
/// assert!((above_ln_3 as f32 / 10_000.0 - 0.25).abs() < 0.02);
/// ```
pub fn logistic_fill(key: Key, out: &mut [f32]) {
    fill(key, out, Logistic);
}

/// `out[i]` = the number at position i, in parallel. Tasks begin at fixed positions, and a position alone determines its
/// number: neither the threads nor the length of `out` can be seen in the bits.
fn fill(key: Key, out: &mut [f32], distribution: impl Distribution) {
    let isa = Isa::current();
    let work = 4 * out.len(); // a number takes as long as reading four
    for_each_chunk(out, TASK, work, |i, out| isa.dispatch(Fill { key, first: i * TASK, out, distribution }));
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
        let mut tile = [0.0; TILE];
        for (i, out) in self.out.chunks_mut(TILE).enumerate() {
            let counter = (self.first / 4 + i * LANES) as u64;
            for lane in (0..LANES).step_by(S::LANES) {
                // A tile's counters differ in their lowest four bits alone, so nothing carries.
                let low = s.i_add(s.i_splat(counter as i32), s.to_int(s.load(&LANE[lane..])));
                let high = s.i_splat((counter >> 32) as i32);
                let words = philox(s, [low, high, s.i_splat(0), s.i_splat(NUMBERS as i32)], self.key.words());
                for (w, x) in self.distribution.numbers(s, words).into_iter().enumerate() {
                    s.store(&mut tile[w * LANES + lane..], x);
                }
            }
            out.copy_from_slice(&tile[..out.len()]);
        }
    }
}
