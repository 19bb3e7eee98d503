//! The steps of a relay: what each reads and writes, and whether that fits together.

use std::ops::Range;

/// A place in one of the buffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Which buffer.
    pub buffer: usize,
    /// The first float.
    pub start: usize,
    /// How many floats.
    pub len: usize,
}

impl Span {
    fn overlaps(&self, other: &Span) -> bool {
        let apart = self.start + self.len <= other.start || other.start + other.len <= self.start;
        self.buffer == other.buffer && !apart
    }
}

/// What follows a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// x.
    Nothing,
    /// x·Φ(x), with the normal distribution function.
    Gelu,
    /// ½·x·(1 + tanh(√(2/π)·(x + 0.044715·x³))).
    GeluTanh,
}

/// One step. Spans called y are written, and no other.
#[derive(Clone, Copy, Debug)]
pub enum Step<'a> {
    /// y = (x − mean)/√(var + eps)·w + b, or without the mean (RMS normalisation).
    Norm {
        /// What is normalised.
        x: Span,
        /// Where to.
        y: Span,
        /// w, if there is one.
        weight: Option<&'a [f32]>,
        /// b, if there is one.
        bias: Option<&'a [f32]>,
        /// Whether the mean is taken away.
        centered: bool,
        /// What is added to the variance.
        eps: f32,
    },
    /// y = then([y +] x·Wᵀ + b), with W (y, x) row-major.
    Linear {
        /// The row.
        x: Span,
        /// The product.
        y: Span,
        /// W, the row of each output together.
        weight: &'a [f32],
        /// b, if there is one.
        bias: Option<&'a [f32]>,
        /// Whether y is added to, and not overwritten.
        add: bool,
        /// What follows.
        then: Then,
    },
    /// Pair (i, i + D/2) of each head of D numbers is turned by angle i, in place.
    Rotate {
        /// The heads.
        y: Span,
        /// The cosines, D/2.
        cos: &'a [f32],
        /// The sines, D/2.
        sin: &'a [f32],
    },
    /// y_h = softmax(q_h·kᵀ/√D)·v for each head h. Keys and values have a row for each token, of D numbers for each of their heads;
    /// heads of queries share them in groups.
    Attend {
        /// H heads of queries.
        q: Span,
        /// All keys, (S, Hkv·D).
        keys: Span,
        /// All values, (S, Hkv·D).
        values: Span,
        /// H heads of means.
        y: Span,
        /// H.
        heads: usize,
        /// Hkv.
        kv_heads: usize,
    },
    /// y = a·σ(a)·b.
    Gate {
        /// What becomes the gate.
        a: Span,
        /// What goes through it.
        b: Span,
        /// What comes.
        y: Span,
    },
}

/// Floats of a weight in a task, at least: 3 to 6 µs of reading.
const TASK: usize = 1 << 13;
/// Tasks that a large product is cut into.
const TASKS: usize = 64;

impl Step<'_> {
    /// What it reads, besides what it was given as slices.
    fn reads(&self) -> Vec<Span> {
        match *self {
            Step::Norm { x, .. } | Step::Linear { x, .. } => vec![x],
            Step::Rotate { .. } => Vec::new(),
            Step::Attend { q, keys, values, .. } => vec![q, keys, values],
            Step::Gate { a, b, .. } => vec![a, b],
        }
    }

    /// What it writes; a product that adds, and what turns in place, reads it, too.
    fn writes(&self) -> Span {
        match *self {
            Step::Norm { y, .. }
            | Step::Linear { y, .. }
            | Step::Rotate { y, .. }
            | Step::Attend { y, .. }
            | Step::Gate { y, .. } => y,
        }
    }

    /// Whether the sizes fit together.
    fn fits(&self) -> bool {
        let of = |p: Option<&[f32]>, n: usize| p.is_none_or(|p| p.len() == n);
        match *self {
            Step::Norm { x, y, weight, bias, .. } => x.len == y.len && of(weight, x.len) && of(bias, x.len),
            Step::Linear { x, y, weight, bias, .. } => {
                x.len > 0 && x.len.checked_mul(y.len) == Some(weight.len()) && of(bias, y.len)
            }
            Step::Rotate { y, cos, sin } => {
                !cos.is_empty() && cos.len() == sin.len() && y.len.is_multiple_of(2 * cos.len())
            }
            Step::Attend { q, keys, values, y, heads, kv_heads } => {
                let whole = heads > 0 && kv_heads > 0 && heads.is_multiple_of(kv_heads) && q.len.is_multiple_of(heads);
                let row = if whole { q.len / heads * kv_heads } else { 0 };
                row > 0 && q.len == y.len && keys.len == values.len && keys.len > 0 && keys.len.is_multiple_of(row)
            }
            Step::Gate { a, b, y } => a.len == b.len && b.len == y.len,
        }
    }

    /// Floats read, which is what a row costs.
    pub(super) fn work(&self) -> usize {
        match *self {
            Step::Linear { weight, .. } => weight.len(),
            Step::Attend { keys, heads, kv_heads, .. } => 2 * keys.len * (heads / kv_heads),
            Step::Norm { x, .. } => x.len,
            Step::Rotate { y, .. } | Step::Gate { y, .. } => y.len,
        }
    }

    /// How many tasks it is cut into.
    pub(super) fn tasks(&self) -> usize {
        match *self {
            Step::Linear { x, y, .. } => y.len.div_ceil(rows(x.len, y.len)),
            Step::Attend { heads, .. } => heads,
            _ => 1,
        }
    }
}

/// Rows of a weight in a task, four of which are multiplied at a time.
fn rows(inputs: usize, outputs: usize) -> usize {
    TASK.max(inputs * outputs / TASKS).div_ceil(inputs).next_multiple_of(4)
}

/// The outputs of task `t` of a product.
pub(super) fn rows_of(t: usize, inputs: usize, outputs: usize) -> Range<usize> {
    let rows = rows(inputs, outputs);
    t * rows..outputs.min((t + 1) * rows)
}

/// Every span lies in its buffer, every step's sizes fit, and no step of the stage touches what another writes.
#[track_caller]
pub(super) fn check(stage: &[Step<'_>], buffers: &[usize]) {
    for (i, step) in stage.iter().enumerate() {
        assert!(step.fits(), "relay: the sizes of {step:?} don't fit together");
        let to = step.writes();
        for span in step.reads().iter().chain([&to]) {
            let inside = buffers
                .get(span.buffer)
                .is_some_and(|&len| span.start.checked_add(span.len).is_some_and(|end| end <= len));
            assert!(inside, "relay: {span:?} is not inside of the buffers, whose lengths are {buffers:?}");
        }
        let touched = stage.iter().enumerate().flat_map(|(j, other)| {
            let written = (i != j).then(|| other.writes());
            other.reads().into_iter().chain(written)
        });
        for span in touched {
            assert!(!span.overlaps(&to), "relay: {to:?} is written, and a step of the same stage needs {span:?}");
        }
    }
}
