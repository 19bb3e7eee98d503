//! Batch normalisation: the channels of a batch.

use super::{AccumulateColumns, GradientSums, STRETCH, repeated, rstd};
use crate::map::map_n;
use crate::parallel::for_each_chunk_of;
use crate::reduce::moments::Moments;
use crate::simd::{Isa, Kernel, Lanes, Simd, sum_lanes, update_lanes};
use crate::tensor::Tensor;

/// Rows of the batch whose sums are added up in one place before the places are: so many roundings follow one another.
const ROWS: usize = 64;
/// The least elements of a task.
const TASK: usize = 8192;

/// How x is seen, as (batch, channels, inner): the batch·inner elements of a channel are normalised together.
///
/// ```
/// use glassbox_tensor::{ChannelNorm, tensor};
/// let norm = ChannelNorm { batch: 2, channels: 2, inner: 2 }; // pictures of two pixels
/// let x = tensor![[[1., 1.], [0., 4.]], [[3., 3.], [4., 0.]]];
/// let [mean, _, rstd] = norm.statistics(&x, 0.0); // of each channel, over both pictures
/// let y = norm.affine(&x, &mean, &rstd, &tensor![0., 0.]);
/// assert_eq!(y, tensor![[[-1., -1.], [-1., 1.]], [[1., 1.], [1., -1.]]]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ChannelNorm {
    /// Examples.
    pub batch: usize,
    /// Channels of each.
    pub channels: usize,
    /// Elements of each channel of an example: the pixels of a picture, 1 without any.
    pub inner: usize,
}

impl ChannelNorm {
    /// Mean, variance (Σ (x − mean)² / n, n = batch·inner) and 1 / √(variance + eps) of each channel.
    ///
    /// ```
    /// use glassbox_tensor::{ChannelNorm, tensor};
    /// let norm = ChannelNorm { batch: 2, channels: 2, inner: 1 };
    /// let [mean, var, rstd] = norm.statistics(&tensor![[1., 10.], [3., 20.]], 0.0);
    /// assert_eq!([mean, var, rstd], [tensor![2., 15.], tensor![1., 25.], tensor![1., 0.2]]);
    /// ```
    ///
    /// # Panics
    /// When the number of elements doesn't fit.
    #[track_caller]
    pub fn statistics(&self, x: &Tensor, eps: f32) -> [Tensor; 3] {
        let all = x.reshape([self.batch, self.channels, self.inner]).moments(&[true, false, true]);
        let of = |f: &dyn Fn(Moments) -> f32| Tensor::of_each(&all, [all.len()], |&all| f(all));
        // rstd is from the f64 variance, which may be beyond f32
        [of(&|all| all.mean as f32), of(&|all| all.variance() as f32), of(&|all| rstd(all.variance(), eps))]
    }

    /// 1 / √(var + eps) of each channel, for a given variance.
    ///
    /// ```
    /// use glassbox_tensor::{ChannelNorm, tensor};
    /// let norm = ChannelNorm { batch: 8, channels: 2, inner: 1 };
    /// assert_eq!(norm.rstd(&tensor![3., 0.], 1.0), tensor![0.5, 1.]);
    /// ```
    pub fn rstd(&self, var: &Tensor, eps: f32) -> Tensor {
        let var = var.contiguous();
        let var = var.as_slice().expect("contiguous() makes it so");
        Tensor::of_each(var, [self.channels], |&var| rstd(f64::from(var), eps))
    }

    /// (x − mean)·scale + shift with numbers of each channel, in the shape of x.
    ///
    /// ```
    /// use glassbox_tensor::{ChannelNorm, tensor};
    /// let norm = ChannelNorm { batch: 1, channels: 2, inner: 2 };
    /// let y = norm.affine(&tensor![[[1., 2.], [3., 4.]]], &tensor![1., 3.], &tensor![1., 10.], &tensor![0., 5.]);
    /// assert_eq!(y, tensor![[[0., 1.], [5., 15.]]]);
    /// ```
    ///
    /// # Panics
    /// When the numbers of elements don't fit.
    #[track_caller]
    pub fn affine(&self, x: &Tensor, mean: &Tensor, scale: &Tensor, shift: &Tensor) -> Tensor {
        struct Affine;
        impl Lanes<4> for Affine {
            #[inline(always)]
            fn lanes<S: Simd>(&self, s: S, [x, mean, scale, shift]: [S::F; 4]) -> S::F {
                s.mul_add(x - mean, scale, shift)
            }
        }
        let [mean, scale, shift] = [mean, scale, shift].map(|p| self.beside(p));
        map_n(&Affine, [&self.seen(x), &mean, &scale, &shift]).reshape(x.shape())
    }

    /// dx = scale·dy − flat − tilt·(x − mean) with numbers of each channel.
    ///
    /// ```
    /// use glassbox_tensor::{ChannelNorm, tensor};
    /// let norm = ChannelNorm { batch: 2, channels: 1, inner: 1 };
    /// let numbers = [&tensor![2.], &tensor![10.], &tensor![1.], &tensor![3.]];
    /// assert_eq!(norm.dx(&tensor![[1.], [3.]], &tensor![[1.], [1.]], numbers), tensor![[12.], [6.]]);
    /// ```
    ///
    /// # Panics
    /// When the numbers of elements don't fit.
    #[track_caller]
    pub fn dx(&self, x: &Tensor, dy: &Tensor, [mean, scale, flat, tilt]: [&Tensor; 4]) -> Tensor {
        struct Dx;
        impl Lanes<6> for Dx {
            #[inline(always)]
            fn lanes<S: Simd>(&self, s: S, [x, dy, mean, scale, flat, tilt]: [S::F; 6]) -> S::F {
                s.mul_add(dy, scale, -s.mul_add(x - mean, tilt, flat))
            }
        }
        let [mean, scale, flat, tilt] = [mean, scale, flat, tilt].map(|p| self.beside(p));
        map_n(&Dx, [&self.seen(x), &self.seen(dy), &mean, &scale, &flat, &tilt]).reshape(x.shape())
    }

    /// x as the parameters of [`beside`](Self::beside) are broadcast to it.
    #[track_caller]
    fn seen(&self, x: &Tensor) -> Tensor {
        match self.inner < STRETCH {
            true => x.reshape([self.batch, self.channels * self.inner]),
            false => x.reshape([self.batch, self.channels, self.inner]),
        }
    }

    /// A channel's number beside all its elements: repeated, where these are few, so that they are read as vectors.
    fn beside(&self, p: &Tensor) -> Tensor {
        match self.inner {
            1 => p.clone(),
            inner if inner < STRETCH => repeated(p, inner),
            _ => p.reshape([self.channels, 1]),
        }
    }

    /// Σ dy and Σ dy·(x − mean) of each channel, in one reading.
    ///
    /// ```
    /// use glassbox_tensor::{ChannelNorm, tensor};
    /// let norm = ChannelNorm { batch: 2, channels: 2, inner: 1 };
    /// let (x, dy) = (tensor![[1., 0.], [3., 0.]], tensor![[1., 5.], [2., 5.]]);
    /// assert_eq!(norm.sums(&x, &dy, &tensor![2., 0.]), (tensor![3., 10.], tensor![1., 0.]));
    /// ```
    ///
    /// # Panics
    /// When the numbers of elements don't fit.
    #[track_caller]
    pub fn sums(&self, x: &Tensor, dy: &Tensor, mean: &Tensor) -> (Tensor, Tensor) {
        let fits = x.numel() == self.batch * self.channels * self.inner && x.numel() == dy.numel();
        assert!(fits, "ChannelNorm: x {:?} and dy {:?} don't have the elements of {self:?}", x.shape(), dy.shape());
        let (x, dy) = (x.contiguous(), dy.contiguous());
        let by_stretches = self.inner >= STRETCH;
        let mean = if by_stretches { mean.contiguous() } else { repeated(mean, self.inner) };
        let shape = match by_stretches {
            true => [self.batch, self.channels],
            false => [self.batch.div_ceil(ROWS), self.channels * self.inner],
        };
        let [mut sums, mut products] = [(); 2].map(|()| Tensor::zeros(shape));
        if x.numel() > 0 {
            let [x, dy, mean] = [&x, &dy, &mean].map(|t| t.as_slice().expect("contiguous"));
            let out = [sums.make_mut(), products.make_mut()];
            Isa::current().dispatch(Sums { norm: *self, x, dy, mean, out });
        }
        let total = |parts: Tensor| {
            let sum = parts.sum(&[0], false);
            if by_stretches { sum } else { sum.reshape([self.channels, self.inner]).sum(&[1], false) }
        };
        (total(sums), total(products))
    }
}

struct Sums<'a> {
    norm: ChannelNorm,
    x: &'a [f32],
    dy: &'a [f32],
    mean: &'a [f32],
    out: [&'a mut [f32]; 2],
}

impl Kernel for Sums<'_> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Sums { norm, x, dy, mean, out: [sums, products] } = self;
        let width = mean.len(); // of a row of the batch, or of the channels of which each is one stretch
        // How many elements of x belong to one of the output's, or to one of its rows.
        let (unit, per_unit) = if norm.inner >= STRETCH { (1, norm.inner) } else { (width, ROWS * width) };
        let each = TASK.div_ceil(per_unit);
        let tasks = x.len().div_ceil(each * per_unit);
        let out = [(sums, each * unit), (products, each * unit)];
        for_each_chunk_of(out, tasks, 2 * x.len(), &|i, [sums, products]| {
            let part = i * each * per_unit..x.len().min((i + 1) * each * per_unit);
            let (x, dy) = (&x[part.clone()], &dy[part]);
            s.enter(SumsOfTask { norm, first: i * each, x, dy, mean, out: [sums, products] })
        });
    }
}

struct SumsOfTask<'a> {
    norm: ChannelNorm,
    /// The number of the first stretch.
    first: usize,
    x: &'a [f32],
    dy: &'a [f32],
    mean: &'a [f32],
    out: [&'a mut [f32]; 2],
}

impl Kernel for SumsOfTask<'_> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let SumsOfTask { norm, first, x, dy, mean, out: [sums, products] } = self;
        if norm.inner >= STRETCH {
            for (i, (x, dy)) in x.chunks_exact(norm.inner).zip(dy.chunks_exact(norm.inner)).enumerate() {
                let mean = mean[(first + i) % norm.channels];
                let [sum, product] = sum_lanes(s, &GradientSums { mean }, [x, dy]);
                (sums[i], products[i]) = (sum as f32, product as f32);
            }
        } else {
            let width = mean.len();
            for (i, (x, dy)) in x.chunks_exact(width).zip(dy.chunks_exact(width)).enumerate() {
                let place = i / ROWS * width..(i / ROWS + 1) * width;
                let acc = [&mut products[place.clone()], &mut sums[place]];
                update_lanes(s, &AccumulateColumns, acc, [x, dy, mean]);
            }
        }
    }
}
