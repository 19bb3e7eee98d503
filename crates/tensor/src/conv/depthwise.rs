//! A channel by itself: K = kh·kw weights for one output, so few multiply-adds for each element that there is nothing to keep
//! in a tile. Vectors of outputs are summed where the padded copy has their elements.

use super::copy::{Layout, Move, SLACK, moves};
use super::weight::WeightGradient;
use super::window::Phase;
use crate::gemm::with_scratch;
use crate::list::List;
use crate::parallel::for_each_chunk;
use crate::simd::{Isa, Kernel, Simd};

/// Vectors that are summed at once: enough to hide the latency of an addition.
const AT_ONCE: usize = 8;

/// `out[to + l] = Σₖ weights[k]·copy[places[k] + from + l] + bias` for every move, in ascending k: the bits of a product.
pub(super) fn single<S: Simd>(
    s: S,
    copy: &[f32],
    places: &[usize],
    weights: &[f32],
    moves: &[Move],
    bias: Option<f32>,
    out: &mut [f32],
) {
    let from = moves.iter().map(|m| m.from).max().unwrap_or(0);
    let read = places.iter().max().copied().unwrap_or(0) + from + S::LANES;
    assert!(read <= copy.len() && weights.len() == places.len(), "single: vectors reach beyond the copy");
    s.enter(Single { copy, places, weights, moves, bias, out });
}

struct Single<'a> {
    copy: &'a [f32],
    places: &'a [usize],
    weights: &'a [f32],
    moves: &'a [Move],
    bias: Option<f32>,
    out: &'a mut [f32],
}

impl Kernel for Single<'_> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Single { copy, places, weights, moves, bias, out } = self;
        let mut rest = moves.chunks_exact(AT_ONCE);
        for moves in &mut rest {
            some::<S, AT_ONCE>(s, copy, places, weights, moves, bias, out);
        }
        for m in rest.remainder() {
            some::<S, 1>(s, copy, places, weights, std::slice::from_ref(m), bias, out);
        }
    }
}

/// N of the moves.
#[inline(always)]
fn some<S: Simd, const N: usize>(
    s: S,
    copy: &[f32],
    places: &[usize],
    weights: &[f32],
    moves: &[Move],
    bias: Option<f32>,
    out: &mut [f32],
) {
    let moves: &[Move; N] = moves.try_into().expect("N moves");
    let mut sums = [s.splat(0.0); N];
    for (&place, &w) in places.iter().zip(weights) {
        let w = s.splat(w);
        for v in 0..N {
            // SAFETY: `single` checked the largest place and the largest `from`.
            let x = unsafe { s.load_ptr(copy.as_ptr().add(place + moves[v].from)) };
            sums[v] = s.mul_add(w, x, sums[v]);
        }
    }
    for v in 0..N {
        let sum = match bias {
            Some(bias) => sums[v] + s.splat(bias),
            None => sums[v],
        };
        s.store_part(&mut out[moves[v].to..][..moves[v].len], sum);
    }
}

/// Taps whose sums are under way at once.
const TAPS: usize = 5;

/// dW of channels that are alone in their groups: each weight is one long sum over all images. Lanes run along the outputs,
/// where dy and the copy lie together; they are added up at the end of each image, the images in their order.
pub(super) fn weight_gradient(isa: Isa, problem: &WeightGradient<'_>, dw: &mut [f32]) {
    isa.dispatch(Run { problem, dw });
}

struct Run<'a> {
    problem: &'a WeightGradient<'a>,
    dw: &'a mut [f32],
}

impl Kernel for Run<'_> {
    type Out = ();
    fn run<S: Simd>(self, s: S) {
        let Run { problem, dw } = self;
        let WeightGradient { images, groups, ref axes, x, dy, .. } = *problem;
        let [rows, cols] = axes;
        let (taps, outputs, pixels) = (rows.taps * cols.taps, rows.out * cols.out, rows.image * cols.image);
        let seen = problem.taps;
        // Bands of an image whose copy stays near, and long rows in pieces: by the shapes alone, since bits depend on it.
        let width = cols.out.min(RUN);
        let height = (RUN / width).clamp(1, rows.out);
        let work = dy.len() * (1 + seen / 4);
        let (row_phases, col_phases) = (Phase::all(*rows), Phase::all(*cols));
        for_each_chunk(dw, taps, work, |group, dw| {
            dw.fill(0.0);
            let (mut places, mut vectors) = (List::new(), List::new());
            for y in (0..rows.out).step_by(height).map(|y| y..rows.out.min(y + height)) {
                for q in (0..cols.out).step_by(width).map(|q| q..cols.out.min(q + width)) {
                    let layout = Layout::new([&row_phases, &col_phases], [&y, &q], false);
                    layout.places([0, 0], &(0..seen), 0..seen, 0, &mut places);
                    vectors.clear();
                    moves(0..y.len() * q.len(), [y.len(), q.len()], [layout.pitch(), 0], S::LANES, &mut vectors);
                    with_scratch(layout.plane() + SLACK, |copy| {
                        for n in (0..images).map(|n| n * groups + group) {
                            layout.fill(s, &x[n * pixels..][..pixels], 1, copy);
                            let dy = &dy[n * outputs + y.start * cols.out + q.start..];
                            s.enter(Dots { copy, places: &places, moves: &vectors, dy, dw: &mut dw[..seen] });
                        }
                    });
                }
            }
        });
    }
}

/// Outputs of a channel that are summed together.
const RUN: usize = 4096;

/// `dw[k] += Σ over the moves of dy[to..]·copy[places[k] + from..]`.
struct Dots<'a> {
    copy: &'a [f32],
    places: &'a [usize],
    moves: &'a [Move],
    dy: &'a [f32],
    dw: &'a mut [f32],
}

impl Kernel for Dots<'_> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Dots { copy, places, moves, dy, dw } = self;
        for (places, dw) in places.chunks(TAPS).zip(dw.chunks_mut(TAPS)) {
            // The last taps may be fewer: the sums beyond are computed for the last of them, and dropped.
            let mut at = [places[places.len() - 1]; TAPS];
            at[..places.len()].copy_from_slice(places);
            let mut sums = [s.splat(0.0); TAPS];
            for m in moves {
                let dy = s.load_part(&dy[m.to..][..m.len]);
                for t in 0..TAPS {
                    // Only outputs that exist: a NaN beyond them times zero would stay.
                    sums[t] = s.mul_add(dy, s.load_part(&copy[at[t] + m.from..][..m.len]), sums[t]);
                }
            }
            for (dw, &sum) in dw.iter_mut().zip(&sums) {
                *dw += s.sum(sum);
            }
        }
    }
}
