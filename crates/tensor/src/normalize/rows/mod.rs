//! Layer, RMS, group and instance normalisation: one kernel forward, one backward.

mod backward;
mod forward;

use super::{STRETCH, Sum, repeated};
use crate::simd::{Isa, Simd, map_lanes};
use crate::tensor::Tensor;
use backward::{Backward, Given};
use forward::Forward;
pub(crate) use forward::NormalizedRow;

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

/// Where the rows come from.
#[derive(Clone, Copy)]
enum Rows<'a> {
    /// They are there.
    Given(&'a [f32]),
    /// They are the sums of two, which are nowhere but here.
    Sums([&'a [f32]; 2]),
}

impl<'a> Rows<'a> {
    fn of(parts: &'a [Tensor]) -> Self {
        let slice = |i: usize| parts[i].as_slice().expect("contiguous");
        if parts.len() == 1 { Rows::Given(slice(0)) } else { Rows::Sums([slice(0), slice(1)]) }
    }

    /// What `row` needs of memory for rows of so many elements.
    fn scratch(self, length: usize) -> usize {
        if matches!(self, Rows::Sums(_)) { length } else { 0 }
    }

    /// Row number `row`; a sum is written to the scratch memory.
    #[inline(always)]
    fn row<'b, S: Simd>(self, s: S, row: usize, length: usize, scratch: &'b mut [f32]) -> &'b [f32]
    where
        'a: 'b,
    {
        let part = |x: &'a [f32]| &x[row * length..][..length];
        match self {
            Rows::Given(x) => part(x),
            Rows::Sums(parts) => {
                map_lanes(s, &Sum, parts.map(part), scratch);
                scratch
            }
        }
    }
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
        self.forward_of(&[x.contiguous()], w, b)
    }

    /// What [`forward`](Self::forward) of x + r gives, to the bit, without the sum: that of a row is in the nearest cache while the row is
    /// normalised, and nowhere afterwards.
    ///
    /// ```
    /// use glassbox_tensor::{RowNorm, tensor};
    /// let layer = RowNorm { rows: 1, groups: 1, channels: 2, inner: 1, centered: true, eps: 0.0 };
    /// let (y, mean, rstd) = layer.forward_of_sum([&tensor![[1., 2.]], &tensor![[0., 3.]]], None, None);
    /// assert_eq!((y, mean, rstd), (tensor![[-1., 1.]], tensor![3.], tensor![0.5]));
    /// ```
    ///
    /// # Panics
    /// When the numbers of elements don't fit, or the shapes of x and r differ.
    #[track_caller]
    pub fn forward_of_sum(
        &self,
        [x, r]: [&Tensor; 2],
        w: Option<&Tensor>,
        b: Option<&Tensor>,
    ) -> (Tensor, Tensor, Tensor) {
        self.check(x, [w, b]);
        same_shape(x, "r", r);
        self.forward_of(&[x.contiguous(), r.contiguous()], w, b)
    }

    fn forward_of(&self, parts: &[Tensor], w: Option<&Tensor>, b: Option<&Tensor>) -> (Tensor, Tensor, Tensor) {
        let (w, b) = (self.prepared(w), self.prepared(b));
        let mut y = Tensor::for_overwrite(parts[0].shape());
        let [mut mean, mut rstd] = [0.0, f32::NAN].map(|x| Tensor::full([self.rows * self.groups], x));
        if y.numel() > 0 {
            let out = [y.make_mut(), mean.make_mut(), rstd.make_mut()];
            let (data, parameters) = (Rows::of(parts), self.view(&w, &b));
            Isa::current().dispatch(Forward { norm: *self, data, parameters, out });
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
        self.backward_of(&[x.contiguous()], dy, [mean, rstd], w, needs)
    }

    /// What [`backward`](Self::backward) of x + r gives, to the bit; what it gives for x is the gradient of r, too.
    ///
    /// # Panics
    /// When the numbers of elements don't fit, or the shapes of x and r differ.
    #[track_caller]
    pub fn backward_of_sum(
        &self,
        [x, r]: [&Tensor; 2],
        dy: &Tensor,
        statistics: [&Tensor; 2],
        w: Option<&Tensor>,
        needs: [bool; 3],
    ) -> [Option<Tensor>; 3] {
        self.check(x, [w, None]);
        same_shape(x, "r", r);
        self.backward_of(&[x.contiguous(), r.contiguous()], dy, statistics, w, needs)
    }

    #[track_caller]
    fn backward_of(
        &self,
        parts: &[Tensor],
        dy: &Tensor,
        [mean, rstd]: [&Tensor; 2],
        w: Option<&Tensor>,
        needs: [bool; 3],
    ) -> [Option<Tensor>; 3] {
        same_shape(&parts[0], "dy", dy);
        let (dy, w) = (dy.contiguous(), self.prepared(w));
        let places = if self.by_elements() { self.rows.div_ceil(self.rows_to_a_place()) } else { self.rows };
        let width = if self.by_elements() { self.groups * self.length() } else { self.parameters() };
        let parameters = needs[1] || needs[2];
        let mut dx = Tensor::for_overwrite(if needs[0] { dy.shape() } else { &[0] });
        let [mut dw, mut db] = [(); 2].map(|()| Tensor::zeros([if parameters { places } else { 0 }, width]));
        if dy.numel() > 0 {
            let (mean, rstd) = (mean.contiguous(), rstd.contiguous());
            let [dy, mean, rstd] = [&dy, &mean, &rstd].map(|t| t.as_slice().expect("contiguous"));
            let given = Given { norm: *self, x: Rows::of(parts), dy, mean, rstd, parameters: self.view(&w, &None) };
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

#[track_caller]
fn same_shape(x: &Tensor, name: &str, other: &Tensor) {
    assert!(
        x.shape() == other.shape(),
        "RowNorm: the shapes of x {:?} and {name} {:?} differ",
        x.shape(),
        other.shape()
    );
}
