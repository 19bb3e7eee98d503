//! Backward: sums of a row, and its gradient while the row is in the cache.

use super::super::{Accumulate, Dx, GradientSums};
use super::{Parameters, RowNorm, Rows, TASK};
use crate::gemm::Scratch;
use crate::parallel::for_each_chunk_of;
use crate::simd::{Kernel, Simd, map_lanes, sum_lanes, update_lanes};

/// What backward reads.
#[derive(Clone, Copy)]
pub(super) struct Given<'a> {
    pub norm: RowNorm,
    pub x: Rows<'a>,
    pub dy: &'a [f32],
    pub mean: &'a [f32],
    pub rstd: &'a [f32],
    pub parameters: Parameters<'a>,
}

/// All rows, in tasks.
pub(super) struct Backward<'a> {
    pub given: Given<'a>,
    /// dx, and a row for each place of dw and db; empty where nobody needs them.
    pub out: [&'a mut [f32]; 3],
}

impl Kernel for Backward<'_> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Backward { given, out: [dx, dw, db] } = self;
        let RowNorm { rows, groups, .. } = given.norm;
        let length = given.norm.length();
        let work = 6 * given.dy.len();
        match given.parameters {
            Parameters::Elements(w, _) => {
                let width = groups * length; // of a row with all its groups, and of dw
                let together = given.norm.rows_to_a_place();
                let places = TASK.div_ceil(together * width); // of a task
                let tasks = rows.div_ceil(together * places);
                let out = [(dx, places * together * width), (dw, places * width), (db, places * width)];
                for_each_chunk_of(out, tasks, work, &|i, [dx, dw, db]| {
                    let rows = i * places * together..rows.min((i + 1) * places * together);
                    let mut scratch = Scratch::new(given.x.scratch(length));
                    s.enter(ByElements { given, w, rows, together, scratch: &mut scratch, out: [dx, dw, db] })
                });
            }
            Parameters::Channels(w, _) => {
                let each = TASK.div_ceil(length);
                let tasks = (rows * groups).div_ceil(each);
                let channels = given.norm.channels;
                let out = [(dx, each * length), (dw, each * channels), (db, each * channels)];
                for_each_chunk_of(out, tasks, work, &|i, [dx, dw, db]| {
                    let rows = i * each..(rows * groups).min((i + 1) * each);
                    let mut scratch = Scratch::new(given.x.scratch(length));
                    s.enter(ByChannels { given, w, rows, scratch: &mut scratch, out: [dx, dw, db] })
                });
            }
        }
    }
}

impl Given<'_> {
    /// dx = scale·g − flat − tilt·(x − mean) for a group with Σ g and Σ g·(x − mean), where w is still to be put into scale.
    fn plane(&self, row: usize, [sum, product]: [f64; 2]) -> Dx {
        let (n, r) = (self.norm.length() as f64, f64::from(self.rstd[row]));
        let flat = if self.norm.centered { r * sum / n } else { 0.0 };
        let tilt = r * r * r * product / n;
        Dx { mean: self.mean[row], scale: self.rstd[row], flat: flat as f32, tilt: tilt as f32 }
    }
}

struct ByElements<'a> {
    given: Given<'a>,
    w: Option<&'a [f32]>,
    rows: std::ops::Range<usize>,
    /// Rows to a place of dw and db.
    together: usize,
    scratch: &'a mut [f32],
    out: [&'a mut [f32]; 3],
}

impl Kernel for ByElements<'_> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let ByElements { given, w, rows, together, scratch, out: [dx, dw, db] } = self;
        let (groups, length) = (given.norm.groups, given.norm.length());
        let first = rows.start;
        for row in rows.start * groups..rows.end * groups {
            let (local, group) = (row - first * groups, row % groups);
            let (x, dy) = (given.x.row(s, row, length, scratch), &given.dy[row * length..][..length]);
            if !dx.is_empty() {
                let dx = &mut dx[local * length..][..length];
                let f = GradientSums { mean: given.mean[row] };
                if let Some(w) = w {
                    let w = &w[group * length..][..length];
                    let sums = sum_lanes(s, &f, [x, dy, w]);
                    map_lanes(s, &given.plane(row, sums), [x, dy, w], dx);
                } else {
                    let sums = sum_lanes(s, &f, [x, dy]);
                    map_lanes(s, &given.plane(row, sums), [x, dy], dx);
                }
            }
            if !dw.is_empty() {
                let at = (local / groups / together * groups + group) * length;
                let (dw, db) = (&mut dw[at..][..length], &mut db[at..][..length]);
                update_lanes(s, &Accumulate { mean: given.mean[row], rstd: given.rstd[row] }, [dw, db], [x, dy]);
            }
        }
    }
}

struct ByChannels<'a> {
    given: Given<'a>,
    w: Option<&'a [f32]>,
    rows: std::ops::Range<usize>,
    scratch: &'a mut [f32],
    out: [&'a mut [f32]; 3],
}

impl Kernel for ByChannels<'_> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let ByChannels { given, w, rows, scratch, out: [dx, dw, db] } = self;
        let RowNorm { groups, channels, inner, .. } = given.norm;
        let length = given.norm.length();
        for (local, row) in rows.enumerate() {
            let (mean, rstd) = (given.mean[row], given.rstd[row]);
            let own = |c: usize| w.map_or(1.0, |w| w[row % groups * channels + c]);
            let (x, dy) = (given.x.row(s, row, length, scratch), &given.dy[row * length..][..length]);
            let mut sums = [0.0; 2];
            for (c, (x, dy)) in x.chunks_exact(inner).zip(dy.chunks_exact(inner)).enumerate() {
                let [sum, product] = sum_lanes(s, &GradientSums { mean }, [x, dy]);
                if !dw.is_empty() {
                    dw[local * channels + c] = (product * f64::from(rstd)) as f32;
                    db[local * channels + c] = sum as f32;
                }
                let w = f64::from(own(c));
                sums = [sums[0] + w * sum, sums[1] + w * product];
            }
            if dx.is_empty() {
                continue;
            }
            let dx = &mut dx[local * length..][..length];
            let parts = x.chunks_exact(inner).zip(dy.chunks_exact(inner)).zip(dx.chunks_exact_mut(inner));
            for (c, ((x, dy), dx)) in parts.enumerate() {
                let plane = given.plane(row, sums);
                map_lanes(s, &Dx { scale: plane.scale * own(c), ..plane }, [x, dy], dx);
            }
        }
    }
}
