//! Layer, RMS, group and instance normalisation: one kernel forward, one backward.

use super::{Accumulate, Affine, Dx, GradientSums, Normalized, STRETCH, repeated, rstd};
use crate::parallel::for_each_chunk_of;
use crate::reduce::moments::Moments;
use crate::reduce::norm::Plain;
use crate::simd::{Isa, Kernel, Simd, map_lanes, sum_lanes, update_lanes};
use crate::tensor::Tensor;

/// The least elements of a task.
const TASK: usize = 8192;
/// Rows whose dw and db are added up in one place before the places are: so many roundings follow one another.
const ROWS: usize = 64;
/// Elements beyond which fewer rows than [`ROWS`] are…
const BLOCK: usize = 32 * 1024;
/// …unless there would be more places than this, whose filling and adding up costs as much as a row each.
const PLACES: usize = 16;

/// How x is seen, as (rows, groups, channels, inner): the channels·inner elements of a row's group are normalised together;
/// channel c of group g has the parameters number g·channels + c.
///
/// Layer normalisation has one group and as many channels as the row has elements, group normalisation channels of
/// `inner` elements, instance normalisation groups of one channel.
///
/// ```
/// use glassbox_tensor::{RowNorm, assert_close, tensor};
/// let instance = RowNorm { rows: 1, groups: 2, channels: 1, inner: 2, centered: true, eps: 0.0 };
/// let (y, mean, _) = instance.forward(&tensor![[[1., 3.], [4., 8.]]], None, None); // a mean for each group
/// assert_eq!((y, mean), (tensor![[[-1., 1.], [-1., 1.]]], tensor![2., 6.]));
/// let rms = RowNorm { groups: 1, channels: 2, inner: 1, centered: false, ..instance };
/// assert_close!(rms.forward(&tensor![[1., 7.]], None, None).0, tensor![[0.2, 1.4]]); // by √((1² + 7²) / 2) = 5
/// ```
#[derive(Clone, Copy, Debug)]
pub struct RowNorm {
    /// What is not normalised together: the batch, or all positions.
    pub rows: usize,
    /// Groups of each row.
    pub groups: usize,
    /// Channels of each group.
    pub channels: usize,
    /// Elements of each channel.
    pub inner: usize,
    /// Whether the mean is taken away; if not, it counts as 0 (RMS normalisation).
    pub centered: bool,
    /// What is added to the variance.
    pub eps: f32,
}

/// The parameters, as the kernels read them.
#[derive(Clone, Copy)]
enum Parameters<'a> {
    /// One for each element of all groups.
    Elements(Option<&'a [f32]>, Option<&'a [f32]>),
    /// One for each channel of all groups.
    Channels(Option<&'a [f32]>, Option<&'a [f32]>),
}

impl RowNorm {
    /// Elements that are normalised together.
    fn length(&self) -> usize {
        self.channels * self.inner
    }

    fn parameters(&self) -> usize {
        self.groups * self.channels
    }

    fn by_elements(&self) -> bool {
        self.inner < STRETCH
    }

    /// A parameter as the kernels read it.
    fn prepared(&self, p: Option<&Tensor>) -> Option<Tensor> {
        let p = p?.contiguous();
        Some(if self.by_elements() && self.inner > 1 { repeated(&p, self.inner) } else { p })
    }

    fn view<'a>(&self, w: &'a Option<Tensor>, b: &'a Option<Tensor>) -> Parameters<'a> {
        fn slice(p: &Option<Tensor>) -> Option<&[f32]> {
            p.as_ref().and_then(Tensor::as_slice)
        }
        match self.by_elements() {
            true => Parameters::Elements(slice(w), slice(b)),
            false => Parameters::Channels(slice(w), slice(b)),
        }
    }

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

    /// y = (x − mean)·rstd·w + b in the shape of x, and mean and rstd (rows·groups). w and b have groups·channels elements.
    ///
    /// ```
    /// use glassbox_tensor::{RowNorm, assert_close, tensor};
    /// let layer = RowNorm { rows: 2, groups: 1, channels: 2, inner: 1, centered: true, eps: 0.0 };
    /// let (y, mean, rstd) = layer.forward(&tensor![[1., 5.], [7., 8.]], None, Some(&tensor![10., 20.]));
    /// assert_eq!((y, mean, rstd), (tensor![[9., 21.], [9., 21.]], tensor![3., 7.5], tensor![0.5, 2.]));
    /// ```
    ///
    /// # Panics
    /// When the numbers of elements don't fit.
    #[track_caller]
    pub fn forward(&self, x: &Tensor, w: Option<&Tensor>, b: Option<&Tensor>) -> (Tensor, Tensor, Tensor) {
        self.check(x, [w, b]);
        let (x, w, b) = (x.contiguous(), self.prepared(w), self.prepared(b));
        let mut y = Tensor::for_overwrite(x.shape());
        let [mut mean, mut rstd] = [0.0, f32::NAN].map(|x| Tensor::full([self.rows * self.groups], x));
        if x.numel() > 0 {
            let data = x.as_slice().expect("contiguous");
            let out = [y.make_mut(), mean.make_mut(), rstd.make_mut()];
            Isa::current().dispatch(Forward { norm: *self, data, parameters: self.view(&w, &b), out });
        }
        (y, mean, rstd)
    }

    /// The gradients of x, w and b (where needed) from dy, with what [`forward`](Self::forward) found. With g = dy·w and x̂ the
    /// normalised x:
    ///
    /// ```text
    /// dx = rstd·(g − mean g − x̂·mean(g·x̂)),   dw = Σ dy·x̂,   db = Σ dy
    /// ```
    ///
    /// (without `mean g` if not centered). x̂ is computed again, not kept.
    ///
    /// ```
    /// use glassbox_tensor::{RowNorm, assert_close, tensor};
    /// let layer = RowNorm { rows: 1, groups: 1, channels: 2, inner: 1, centered: true, eps: 0.0 };
    /// let (x, dy) = (tensor![[1., 5.]], tensor![[1., 3.]]); // x̂ is −1, 1
    /// let [dx, dw, db] = layer.backward(&x, &dy, [&tensor![3.], &tensor![0.5]], None, [true, true, true]);
    /// assert_close!(dx.unwrap(), tensor![[0., 0.]]); // what moves both apart is divided out
    /// assert_eq!((dw.unwrap(), db.unwrap()), (tensor![-1., 3.], tensor![1., 3.]));
    /// ```
    ///
    /// # Panics
    /// When the numbers of elements don't fit.
    #[track_caller]
    pub fn backward(
        &self,
        x: &Tensor,
        dy: &Tensor,
        [mean, rstd]: [&Tensor; 2],
        w: Option<&Tensor>,
        needs: [bool; 3],
    ) -> [Option<Tensor>; 3] {
        self.check(x, [w, None]);
        assert!(x.shape() == dy.shape(), "RowNorm: the shapes of x {:?} and dy {:?} differ", x.shape(), dy.shape());
        let (x, dy, w) = (x.contiguous(), dy.contiguous(), self.prepared(w));
        let places = if self.by_elements() { self.rows.div_ceil(self.rows_to_a_place()) } else { self.rows };
        let width = if self.by_elements() { self.groups * self.length() } else { self.parameters() };
        let parameters = needs[1] || needs[2];
        let mut dx = Tensor::for_overwrite(if needs[0] { x.shape() } else { &[0] });
        let [mut dw, mut db] = [(); 2].map(|()| Tensor::zeros([if parameters { places } else { 0 }, width]));
        if x.numel() > 0 {
            let (mean, rstd) = (mean.contiguous(), rstd.contiguous());
            let [x, dy, mean, rstd] = [&x, &dy, &mean, &rstd].map(|t| t.as_slice().expect("contiguous"));
            let given = Given { norm: *self, x, dy, mean, rstd, parameters: self.view(&w, &None) };
            Isa::current().dispatch(Backward { given, out: [dx.make_mut(), dw.make_mut(), db.make_mut()] });
        }
        let total = |parts: Tensor| {
            let sum = parts.sum(&[0], false);
            if self.by_elements() { sum.reshape([self.parameters(), self.inner]).sum(&[1], false) } else { sum }
        };
        [needs[0].then_some(dx), needs[1].then(|| total(dw)), needs[2].then(|| total(db))]
    }

    fn rows_to_a_place(&self) -> usize {
        let least = self.rows.div_ceil(PLACES).clamp(1, ROWS);
        (BLOCK / (self.groups * self.length()).max(1)).clamp(least, ROWS)
    }

    #[track_caller]
    fn check(&self, x: &Tensor, parameters: [Option<&Tensor>; 2]) {
        let elements = self.rows * self.groups * self.length();
        assert!(x.numel() == elements, "RowNorm: x {:?} has not the {elements} elements of {self:?}", x.shape());
        for p in parameters.into_iter().flatten() {
            let want = self.parameters();
            assert!(p.numel() == want, "RowNorm: parameters {:?} are not the {want} of {self:?}", p.shape());
        }
    }
}

struct Forward<'a> {
    norm: RowNorm,
    data: &'a [f32],
    parameters: Parameters<'a>,
    /// y, mean, rstd
    out: [&'a mut [f32]; 3],
}

impl Kernel for Forward<'_> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Forward { norm, data, parameters, out: [y, mean, rstd] } = self;
        let length = norm.length();
        let each = TASK.div_ceil(length);
        let tasks = mean.len().div_ceil(each);
        let out = [(y, each * length), (mean, each), (rstd, each)];
        for_each_chunk_of(out, tasks, 4 * data.len(), &|i, [y, mean, rstd]| {
            s.enter(ForwardRows { norm, data, parameters, first: i * each, out: [y, mean, rstd] })
        });
    }
}

/// The rows of a task, each with one of its groups.
struct ForwardRows<'a> {
    norm: RowNorm,
    data: &'a [f32],
    parameters: Parameters<'a>,
    first: usize,
    out: [&'a mut [f32]; 3],
}

impl Kernel for ForwardRows<'_> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let ForwardRows { norm, data, parameters, first, out: [y, means, rstds] } = self;
        let length = norm.length();
        for (i, y) in y.chunks_exact_mut(length).enumerate() {
            let row = first + i;
            let x = &data[row * length..][..length];
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
        ForwardRows { norm, data: x, parameters, first: 0, out: [y, mean, rstd] }.run(s);
    }
}

/// What backward reads.
#[derive(Clone, Copy)]
struct Given<'a> {
    norm: RowNorm,
    x: &'a [f32],
    dy: &'a [f32],
    mean: &'a [f32],
    rstd: &'a [f32],
    parameters: Parameters<'a>,
}

struct Backward<'a> {
    given: Given<'a>,
    /// dx, and a row for each place of dw and db; empty where nobody needs them.
    out: [&'a mut [f32]; 3],
}

impl Kernel for Backward<'_> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Backward { given, out: [dx, dw, db] } = self;
        let RowNorm { rows, groups, .. } = given.norm;
        let length = given.norm.length();
        let work = 6 * given.x.len();
        match given.parameters {
            Parameters::Elements(w, _) => {
                let width = groups * length; // of a row with all its groups, and of dw
                let together = given.norm.rows_to_a_place();
                let places = TASK.div_ceil(together * width); // of a task
                let tasks = rows.div_ceil(together * places);
                let out = [(dx, places * together * width), (dw, places * width), (db, places * width)];
                for_each_chunk_of(out, tasks, work, &|i, [dx, dw, db]| {
                    let rows = i * places * together..rows.min((i + 1) * places * together);
                    s.enter(ByElements { given, w, rows, together, out: [dx, dw, db] })
                });
            }
            Parameters::Channels(w, _) => {
                let each = TASK.div_ceil(length);
                let tasks = (rows * groups).div_ceil(each);
                let channels = given.norm.channels;
                let out = [(dx, each * length), (dw, each * channels), (db, each * channels)];
                for_each_chunk_of(out, tasks, work, &|i, [dx, dw, db]| {
                    let rows = i * each..(rows * groups).min((i + 1) * each);
                    s.enter(ByChannels { given, w, rows, out: [dx, dw, db] })
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
    out: [&'a mut [f32]; 3],
}

impl Kernel for ByElements<'_> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let ByElements { given, w, rows, together, out: [dx, dw, db] } = self;
        let (groups, length) = (given.norm.groups, given.norm.length());
        let first = rows.start;
        for row in rows.start * groups..rows.end * groups {
            let (local, group) = (row - first * groups, row % groups);
            let [x, dy] = [given.x, given.dy].map(|all| &all[row * length..][..length]);
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
    out: [&'a mut [f32]; 3],
}

impl Kernel for ByChannels<'_> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let ByChannels { given, w, rows, out: [dx, dw, db] } = self;
        let RowNorm { groups, channels, inner, .. } = given.norm;
        let length = given.norm.length();
        for (local, row) in rows.enumerate() {
            let (mean, rstd) = (given.mean[row], given.rstd[row]);
            let own = |c: usize| w.map_or(1.0, |w| w[row % groups * channels + c]);
            let [x, dy] = [given.x, given.dy].map(|all| &all[row * length..][..length]);
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
