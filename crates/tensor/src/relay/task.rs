//! A task of a step: what one thread does of it.

use super::step::{Span, Step, Then, rows_of};
use crate::gemm::{Epilogue, MatRef, SharedMut, columns_at_once, row_times, with_scratch};
use crate::normalize::NormalizedRow;
use crate::simd::{Kernel, Lanes, Simd, UpdateLanes, map_lanes, math, update_lanes};
use std::ops::Range;

/// Task `t` of a step.
///
/// # Safety
/// The spans of the step lie in the buffers and those that it writes are no other step's that may run now; each task is run once,
/// and no buffer is used otherwise meanwhile.
pub(super) unsafe fn run<S: Simd>(s: S, buffers: &[SharedMut], step: &Step<'_>, t: usize) {
    // SAFETY: the caller's promise; nobody writes what is read here, since a stage was checked for that.
    let read = |span: &Span| unsafe {
        std::slice::from_raw_parts(buffers[span.buffer].0.add(span.start).cast_const(), span.len)
    };
    // SAFETY: the caller's promise; `part` is inside of the span, and this task's alone.
    let write =
        |span: &Span, part: Range<usize>| unsafe { buffers[span.buffer].slice(span.start + part.start, part.len()) };
    match step {
        Step::Norm { x, y, weight, bias, centered, eps } => {
            let (w, b) = (*weight, *bias);
            s.enter(NormalizedRow { x: read(x), w, b, y: write(y, 0..y.len), centered: *centered, eps: *eps });
        }
        Step::Linear { x, y, weight, bias, add, then } => {
            let rows = rows_of(t, x.len, y.len);
            let to = write(y, rows.clone());
            let weight = MatRef::row_major(&weight[rows.start * x.len..rows.end * x.len], rows.len(), x.len);
            let epilogue = Epilogue { accumulate: *add, bias: bias.map(|b| &b[rows]), ..Epilogue::default() };
            row_by(s, read(x), weight.t(), to, &epilogue);
            match then {
                Then::Nothing => {}
                Then::Gelu => update_lanes(s, &Gelu, [to], []),
                Then::GeluTanh => update_lanes(s, &GeluTanh, [to], []),
            }
        }
        Step::Rotate { y, cos, sin } => {
            for head in write(y, 0..y.len).chunks_exact_mut(2 * cos.len()) {
                let (first, second) = head.split_at_mut(cos.len());
                for ((x1, x2), (cos, sin)) in first.iter_mut().zip(second).zip(cos.iter().zip(*sin)) {
                    (*x1, *x2) = (*x1 * cos - *x2 * sin, *x1 * sin + *x2 * cos);
                }
            }
        }
        Step::Attend { q, keys, values, y, heads, kv_heads } => {
            let (d, shared) = (q.len / heads, t / (heads / kv_heads));
            let (stride, from) = (kv_heads * d, shared * d);
            let seen = keys.len / stride;
            let head = |span: &Span| MatRef::new(&read(span)[from..], seen, d, stride, 1);
            let (q, k, v) = (&read(q)[t * d..][..d], head(keys), head(values));
            let y = write(y, t * d..(t + 1) * d);
            with_scratch(seen, |p| {
                row_by(s, q, k.t(), p, &Epilogue::default());
                s.enter(SoftmaxRow { p, scale: 1.0 / (d as f32).sqrt() });
                row_by(s, p, v, y, &Epilogue::default());
            });
        }
        Step::Gate { a, b, y } => map_lanes(s, &Silu, [read(a), read(b)], write(y, 0..y.len)),
    }
}

/// `c = x·B`, some columns at a time.
fn row_by<S: Simd>(s: S, x: &[f32], b: MatRef<'_>, c: &mut [f32], epilogue: &Epilogue<'_>) {
    let a = MatRef::row_major(x, 1, x.len());
    let at_once = columns_at_once(&b).expect("rows or columns lie together");
    for (i, c) in c.chunks_mut(at_once).enumerate() {
        let columns = i * at_once..i * at_once + c.len();
        let epilogue = Epilogue { bias: epilogue.bias.map(|bias| &bias[columns.clone()]), ..*epilogue };
        row_times(s, a, b.block(0, columns.start, x.len(), columns.len()), c, &epilogue);
    }
}

/// p ← softmax(scale·p).
struct SoftmaxRow<'a> {
    p: &'a mut [f32],
    scale: f32,
}

impl Kernel for SoftmaxRow<'_> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let SoftmaxRow { p, scale } = self;
        let mut most = f32::NEG_INFINITY;
        for &x in p.iter() {
            most = if x > most { x } else { most };
        }
        let (scale, shift) = (s.splat(scale), s.splat(-most * scale));
        let mut sum = s.splat(0.0);
        for part in p.chunks_mut(S::LANES) {
            let e = math::exp(s, s.mul_add(s.load_part(part), scale, shift));
            s.store_part(part, e);
            sum = sum + s.load_part(part); // lanes beyond the row are 0 there
        }
        let share = s.splat(1.0 / s.sum(sum));
        for part in p.chunks_mut(S::LANES) {
            let e = s.load_part(part);
            s.store_part(part, e * share);
        }
    }
}

struct Gelu;

impl UpdateLanes<1, 0> for Gelu {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [x]: [S::F; 1], []: [S::F; 0]) -> [S::F; 1] {
        [math::gelu(s, x)]
    }
}

/// x·σ(2z), z = √(2/π)·(x + 0.044715·x³): the same, and no digits are lost where tanh z is near −1.
struct GeluTanh;

impl UpdateLanes<1, 0> for GeluTanh {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [x]: [S::F; 1], []: [S::F; 0]) -> [S::F; 1] {
        [x * math::sigmoid(s, x * s.mul_add(s.splat(0.071_354_814), x * x, s.splat(1.595_769)))]
    }
}

struct Silu;

impl Lanes<2> for Silu {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [a, b]: [S::F; 2]) -> S::F {
        a * math::sigmoid(s, a) * b
    }
}
