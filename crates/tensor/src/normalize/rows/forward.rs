//! Forward: statistics of a row, and the row normalised while it is in the cache.

use super::super::{Affine, Normalized, rstd};
use super::{Parameters, RowNorm, Rows, TASK};
use crate::gemm::Scratch;
use crate::parallel::for_each_chunk_of;
use crate::reduce::moments::Moments;
use crate::reduce::norm::Plain;
use crate::simd::{Kernel, Simd, map_lanes};

impl RowNorm {
    /// The mean (0 if not centered) and rstd of a row's group.
    #[inline(always)]
    fn statistics<S: Simd>(&self, s: S, x: &[f32]) -> (f32, f32) {
        if self.centered {
            let all = Moments::of_row(s, x);
            (all.mean as f32, rstd(all.variance(), self.eps))
        } else {
            (0.0, rstd(Plain::<true>.of_row(s, x) / x.len() as f64, self.eps))
        }
    }
}

/// All rows, in tasks.
pub(super) struct Forward<'a> {
    pub norm: RowNorm,
    pub data: Rows<'a>,
    pub parameters: Parameters<'a>,
    /// y, mean, rstd
    pub out: [&'a mut [f32]; 3],
}

impl Kernel for Forward<'_> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Forward { norm, data, parameters, out: [y, mean, rstd] } = self;
        let length = norm.length();
        let each = TASK.div_ceil(length);
        let (tasks, work) = (mean.len().div_ceil(each), 4 * y.len());
        let out = [(y, each * length), (mean, each), (rstd, each)];
        for_each_chunk_of(out, tasks, work, &|i, [y, mean, rstd]| {
            let mut scratch = Scratch::new(data.scratch(length));
            let (first, scratch) = (i * each, &mut *scratch);
            s.enter(ForwardRows { norm, data, parameters, first, scratch, out: [y, mean, rstd] })
        });
    }
}

/// The rows of a task, each with one of its groups.
struct ForwardRows<'a> {
    norm: RowNorm,
    data: Rows<'a>,
    parameters: Parameters<'a>,
    first: usize,
    scratch: &'a mut [f32],
    out: [&'a mut [f32]; 3],
}

impl Kernel for ForwardRows<'_> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let ForwardRows { norm, data, parameters, first, scratch, out: [y, means, rstds] } = self;
        let length = norm.length();
        for (i, y) in y.chunks_exact_mut(length).enumerate() {
            let row = first + i;
            let x = data.row(s, row, length, scratch);
            let (mean, rstd) = norm.statistics(s, x);
            (means[i], rstds[i]) = (mean, rstd);
            let group = row % norm.groups;
            match parameters {
                Parameters::Elements(w, b) => {
                    let part = group * length..(group + 1) * length;
                    let [w, b] = [w, b].map(|p| p.map(|p| &p[part.clone()]));
                    let f = Normalized { mean, rstd };
                    match (w, b) {
                        (None, None) => map_lanes(s, &f, [x], y),
                        (Some(w), None) => map_lanes(s, &f, [x, w], y),
                        (Some(w), Some(b)) => map_lanes(s, &f, [x, w, b], y),
                        (None, Some(b)) => {
                            map_lanes(s, &f, [x], y);
                            y.iter_mut().zip(b).for_each(|(y, b)| *y += b);
                        }
                    }
                }
                Parameters::Channels(w, b) => {
                    for (c, (x, y)) in x.chunks_exact(norm.inner).zip(y.chunks_exact_mut(norm.inner)).enumerate() {
                        let own = |p: Option<&[f32]>, neutral| p.map_or(neutral, |p| p[group * norm.channels + c]);
                        map_lanes(s, &Affine { mean, scale: rstd * own(w, 1.0), shift: own(b, 0.0) }, [x], y);
                    }
                }
            }
        }
    }
}

/// One row with a parameter for each element: what a relay does.
pub(crate) struct NormalizedRow<'a> {
    pub x: &'a [f32],
    pub w: Option<&'a [f32]>,
    pub b: Option<&'a [f32]>,
    pub y: &'a mut [f32],
    /// Whether the mean is taken away.
    pub centered: bool,
    pub eps: f32,
}

impl Kernel for NormalizedRow<'_> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let NormalizedRow { x, w, b, y, centered, eps } = self;
        let norm = RowNorm { rows: 1, groups: 1, channels: x.len(), inner: 1, centered, eps };
        let mut of_row = [0.0; 2];
        let [mean, rstd] = of_row.each_mut().map(std::slice::from_mut);
        let parameters = Parameters::Elements(w, b);
        ForwardRows { norm, data: Rows::Given(x), parameters, first: 0, scratch: &mut [], out: [y, mean, rstd] }.run(s);
    }
}
