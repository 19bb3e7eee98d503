//! Planes of another size, by the nearest element or bilinearly, and picture elements taken from channels.
//!
//! Along an axis of n entries, entry j of m reads at most two: y[j] = (1 − t)·x[lo] + t·x[hi]. A plane is resampled down
//! and across, each with its own list of ([`Taps`]).

use crate::counted;
use crate::parallel::for_each_chunk;
use crate::shape::Dims;
use crate::tensor::Tensor;

/// Elements of a task, at least.
const TASK: usize = 1024;

/// How a plane is resampled.
///
/// ```
/// use glassbox_tensor::{Resampling, tensor};
/// let x = tensor![[0., 4.]];
/// assert_eq!(x.resample([1, 5], Resampling::Nearest), tensor![[0., 0., 0., 4., 4.]]);
/// assert_eq!(x.resample([1, 4], Resampling::Bilinear), tensor![[0., 1., 3., 4.]]); // each pixel is halved
/// assert_eq!(x.resample([1, 5], Resampling::BilinearCorners), tensor![[0., 1., 2., 3., 4.]]); // the ends stay ends
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resampling {
    /// The element that j·n/m falls on: lo = ⌊j·n/m⌋.
    Nearest,
    /// Between the two elements around (j + ½)·n/m − ½: pixels are squares, and their edges align. As PyTorch's
    /// `align_corners=False`.
    Bilinear,
    /// Between the two elements around j·(n − 1)/(m − 1): the corner pixels' centres align. As `align_corners=True`.
    BilinearCorners,
}

/// What one entry of the output reads.
///
/// ```
/// use glassbox_tensor::Resampling;
/// let tap = Resampling::BilinearCorners.taps(3, 5)[3]; // 3·(3 − 1)/(5 − 1) = 1.5: halfway from entry 1 to entry 2
/// assert_eq!((tap.lo, tap.hi, tap.t), (1, 2, 0.5));
/// let x = [10., 20., 40.];
/// assert_eq!((1.0 - tap.t) * x[tap.lo] + tap.t * x[tap.hi], 30.0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tap {
    /// The first entry.
    pub lo: usize,
    /// The second, or the first again.
    pub hi: usize,
    /// The weight of the second; that of the first is 1 − t.
    pub t: f64,
}

impl Tap {
    /// The two weights, each rounded once.
    fn weights(&self) -> [f32; 2] {
        [(1.0 - self.t) as f32, self.t as f32]
    }
}

impl Resampling {
    /// What each of `m` entries reads of `n`.
    ///
    /// ```
    /// use glassbox_tensor::{Resampling, Tap};
    /// let taps = Resampling::Bilinear.taps(2, 4);
    /// assert_eq!(taps[1], Tap { lo: 0, hi: 1, t: 0.25 });
    /// ```
    ///
    /// # Panics
    /// When `n` is 0 and `m` is not.
    pub fn taps(self, n: usize, m: usize) -> Vec<Tap> {
        assert!(n > 0 || m == 0, "Resampling::taps: {m} of none", m = counted(m, "entry"));
        let tap = |j: usize| {
            let at = match self {
                Resampling::Nearest => return Tap { lo: j * n / m, hi: j * n / m, t: 0.0 },
                Resampling::Bilinear => ((j as f64 + 0.5) * n as f64 / m as f64 - 0.5).max(0.0),
                Resampling::BilinearCorners if m == 1 => 0.0,
                Resampling::BilinearCorners => (j * (n - 1)) as f64 / (m - 1) as f64,
            };
            let lo = (at as usize).min(n - 1);
            Tap { lo, hi: (lo + 1).min(n - 1), t: at - lo as f64 }
        };
        (0..m).map(tap).collect()
    }
}

impl Tensor {
    /// Planes of another size: (…, H, W) -> (…, size).
    ///
    /// ```
    /// use glassbox_tensor::{Resampling, tensor};
    /// let x = tensor![[0., 4.]];
    /// assert_eq!(x.resample([1, 4], Resampling::Nearest), tensor![[0., 0., 4., 4.]]);
    /// assert_eq!(x.resample([1, 4], Resampling::Bilinear), tensor![[0., 1., 3., 4.]]);
    /// ```
    ///
    /// # Panics
    /// When there are fewer than two axes, or a plane of no elements is to become one of some.
    #[track_caller]
    pub fn resample(&self, size: [usize; 2], how: Resampling) -> Tensor {
        let out = resampled_shape("resample", self.shape(), size);
        let x = self.contiguous();
        let data = x.as_slice().expect("contiguous");
        let first = x.rank() - 2;
        let [h, w] = [x.shape()[first], x.shape()[first + 1]];
        let [oh, ow] = size;
        let mut y = Tensor::for_overwrite(&out);
        if y.numel() == 0 {
            return y;
        }
        let (down, across) = (how.taps(h, oh), how.taps(w, ow));
        let weights: Vec<[f32; 2]> = across.iter().map(Tap::weights).collect();
        let rows = TASK.div_ceil(ow);
        let work = 4 * y.numel();
        for_each_chunk(y.make_mut(), rows * ow, work, |task, part| {
            let mut between = vec![0.0; w]; // one row of the input's width, at the output's height
            for (r, out) in part.chunks_exact_mut(ow).enumerate() {
                let row = task * rows + r;
                let plane = &data[row / oh * h * w..][..h * w];
                let tap = down[row % oh];
                let (upper, lower, [a, b]) = (&plane[tap.lo * w..][..w], &plane[tap.hi * w..][..w], tap.weights());
                match b == 0.0 {
                    true => between.copy_from_slice(upper), // and a NaN in the other row stays there
                    false => (0..w).for_each(|j| between[j] = a * upper[j] + b * lower[j]),
                }
                for (out, (tap, [a, b])) in out.iter_mut().zip(across.iter().zip(&weights)) {
                    *out = if *b == 0.0 { between[tap.lo] } else { a * between[tap.lo] + b * between[tap.hi] };
                }
            }
        });
        y
    }

    /// The adjoint of [`resample`](Self::resample) from planes of `size`: each element goes back to those that it was made of,
    /// by the same weights. (…, OH, OW) -> (…, size).
    ///
    /// ```
    /// use glassbox_tensor::{Resampling, tensor};
    /// let dx = tensor![[1., 1., 1., 1.]].resample_adjoint([1, 2], Resampling::Bilinear);
    /// assert_eq!(dx, tensor![[2., 2.]]);
    /// ```
    ///
    /// # Panics
    /// As [`resample`](Self::resample).
    #[track_caller]
    pub fn resample_adjoint(&self, size: [usize; 2], how: Resampling) -> Tensor {
        let shape = resampled_shape("resample_adjoint", self.shape(), size);
        let dy = self.contiguous();
        let data = dy.as_slice().expect("contiguous");
        let first = dy.rank() - 2;
        let [oh, ow] = [dy.shape()[first], dy.shape()[first + 1]];
        let [h, w] = size;
        let mut dx = Tensor::zeros(shape);
        if data.is_empty() || dx.numel() == 0 {
            return dx;
        }
        let (down, across) = (how.taps(h, oh), how.taps(w, ow));
        // Which rows of dy come from a row of x, and with which weight.
        let mut sources: Vec<Vec<(usize, f32)>> = vec![Vec::new(); h];
        for (i, tap) in down.iter().enumerate() {
            for (row, weight) in [tap.lo, tap.hi].into_iter().zip(tap.weights()).filter(|(_, weight)| *weight != 0.0) {
                sources[row].push((i, weight));
            }
        }
        let weights: Vec<[f32; 2]> = across.iter().map(Tap::weights).collect();
        let rows = TASK.div_ceil(w);
        for_each_chunk(dx.make_mut(), rows * w, 4 * data.len(), |task, part| {
            for (r, dx) in part.chunks_exact_mut(w).enumerate() {
                let row = task * rows + r;
                for &(i, weight) in &sources[row % h] {
                    let dy = &data[(row / h * oh + i) * ow..][..ow];
                    for (dy, (tap, [a, b])) in dy.iter().zip(across.iter().zip(&weights)) {
                        let g = weight * dy;
                        dx[tap.lo] += a * g;
                        if *b != 0.0 {
                            dx[tap.hi] += b * g;
                        }
                    }
                }
            }
        });
        dx
    }

    /// Channels become picture elements: (…, C·r², H, W) -> (…, C, H·r, W·r), where channel c·r² + i·r + j gives row i and
    /// column j of each square of r × r (Shi et al. 2016, Real-Time Single Image and Video Super-Resolution, equation 4).
    ///
    /// ```
    /// use glassbox_tensor::tensor;
    /// let x = tensor![[[1.]], [[2.]], [[3.]], [[4.]]]; // (4, 1, 1)
    /// assert_eq!(x.pixel_shuffle(2), tensor![[[1., 2.], [3., 4.]]]); // (1, 2, 2)
    /// ```
    ///
    /// # Panics
    /// When there are fewer than three axes, or r² doesn't divide the channels.
    #[track_caller]
    pub fn pixel_shuffle(&self, r: usize) -> Tensor {
        let shape = self.shape();
        let [c, h, w] = planes("pixel_shuffle", shape);
        assert!(
            r > 0 && c % (r * r) == 0,
            "pixel_shuffle: {c} channels of shape {shape:?} are no multiple of r² = {}; each square of {r} × {r} takes as many",
            r * r
        );
        let n = shape[..shape.len() - 3].iter().product();
        let mut out = Dims::new(shape);
        let first = out.len() - 3;
        out[first..].copy_from_slice(&[c / (r * r), h * r, w * r]);
        // (N, C, r, r, H, W) -> (N, C, H, r, W, r)
        self.reshape([n, c / (r * r), r, r, h, w]).permute(&[0, 1, 4, 2, 5, 3]).reshape(out)
    }

    /// What [`pixel_shuffle`](Self::pixel_shuffle) undoes: (…, C, H·r, W·r) -> (…, C·r², H, W).
    ///
    /// ```
    /// use glassbox_tensor::{Tensor, random::Key};
    /// let x = Tensor::randn([2, 3, 4, 6], Key::new(1));
    /// assert_eq!(x.pixel_unshuffle(2).pixel_shuffle(2), x);
    /// ```
    ///
    /// # Panics
    /// When there are fewer than three axes, or r doesn't divide height and width.
    #[track_caller]
    pub fn pixel_unshuffle(&self, r: usize) -> Tensor {
        let shape = self.shape();
        let [c, h, w] = planes("pixel_unshuffle", shape);
        assert!(
            r > 0 && h % r == 0 && w % r == 0,
            "pixel_unshuffle: height {h} and width {w} of shape {shape:?} must be multiples of r = {r}; pad or crop first"
        );
        let n = shape[..shape.len() - 3].iter().product();
        let mut out = Dims::new(shape);
        let first = out.len() - 3;
        out[first..].copy_from_slice(&[c * r * r, h / r, w / r]);
        // (N, C, H, r, W, r) -> (N, C, r, r, H, W)
        self.reshape([n, c, h / r, r, w / r, r]).permute(&[0, 1, 3, 5, 2, 4]).reshape(out)
    }
}

#[track_caller]
fn resampled_shape(op: &str, shape: &[usize], size: [usize; 2]) -> Dims {
    assert!(shape.len() >= 2, "{op}: shape {shape:?} has no plane; give it two axes or more, (…, H, W)");
    let first = shape.len() - 2;
    let empty = shape[first..].contains(&0) && !size.contains(&0);
    assert!(!empty, "{op}: planes of shape {shape:?} have no elements to make {size:?} of; give them some");
    let mut out = Dims::new(shape);
    out[first..].copy_from_slice(&size);
    out
}

/// (C, H, W) of (…, C, H, W).
#[track_caller]
fn planes(op: &str, shape: &[usize]) -> [usize; 3] {
    assert!(shape.len() >= 3, "{op}: shape {shape:?} has no channels; give it three axes or more, (…, C, H, W)");
    let first = shape.len() - 3;
    [shape[first], shape[first + 1], shape[first + 2]]
}
