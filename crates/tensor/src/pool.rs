//! Pooling: the largest or the mean element of windows that slide over planes of (H, W).
//!
//! Window (i, j) covers the rows i·stride − padding + 0 … kernel − 1, and columns likewise; what lies outside of the plane is
//! passed over by the maximum, and is zero for the mean. There are ⌊(H + 2·padding − kernel) / stride⌋ + 1 of them down.
//! A task takes whole rows of what is written, so no two write the same element: the mean's adjoint, too, asks for each row
//! of the input which windows cover it.

use crate::ids::Ids;
use crate::parallel::{chunks_on_pool, for_each_chunk};
use crate::shape::Dims;
use crate::tensor::Tensor;
use std::ops::Range;

/// Elements of a task, at least.
const TASK: usize = 1024;

/// The windows of a pooling operation: (down, across).
///
/// ```
/// use glassbox_tensor::Pool2d;
/// let pool = Pool2d { stride: [1, 2], ..Pool2d::new([3, 3]) }; // windows of 3 × 3, one row and two columns apart
/// assert_eq!(pool.padding, [0, 0]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool2d {
    /// The size of a window.
    pub kernel: [usize; 2],
    /// How far apart windows begin.
    pub stride: [usize; 2],
    /// How far they reach beyond each edge; at most half a window, so that none lies wholly outside.
    pub padding: [usize; 2],
}

impl Pool2d {
    /// Windows that lie side by side: the stride is the kernel, nothing is padded.
    ///
    /// ```
    /// assert_eq!(glassbox_tensor::Pool2d::new([2, 3]).stride, [2, 3]);
    /// ```
    pub const fn new(kernel: [usize; 2]) -> Self {
        Self { kernel, stride: kernel, padding: [0, 0] }
    }

    /// The shape (…, H, W) -> (…, OH, OW), with O = ⌊(H + 2·padding − kernel) / stride⌋ + 1.
    ///
    /// ```
    /// use glassbox_tensor::Pool2d;
    /// assert_eq!(*Pool2d::new([2, 2]).out_shape("max_pool2d", &[8, 3, 28, 29]), [8, 3, 14, 14]);
    /// ```
    ///
    /// # Panics
    /// When there are fewer than two axes, a kernel or stride is 0, the padding is more than half the kernel, or a window is
    /// larger than the padded plane; in the name of `op`.
    #[track_caller]
    pub fn out_shape(&self, op: &str, shape: &[usize]) -> Dims {
        let Pool2d { kernel, stride, padding } = *self;
        assert!(shape.len() >= 2, "{op}: shape {shape:?} has no plane; give it two axes or more, (…, H, W)");
        assert!(
            !kernel.contains(&0) && !stride.contains(&0),
            "{op}: kernel {kernel:?} and stride {stride:?} must be at least 1 each"
        );
        let mut out = Dims::new(shape);
        for (axis, name) in [(0, "height"), (1, "width")] {
            let (k, p, size) = (kernel[axis], padding[axis], shape[shape.len() - 2 + axis]);
            assert!(
                2 * p <= k,
                "{op}: padding {p} is more than half of kernel {k}; some window would see only padding"
            );
            assert!(
                size > 0 && size + 2 * p >= k,
                "{op}: a window of {k} does not fit into {name} {size} + 2·{p} of shape {shape:?}; use a smaller kernel or \
                 more padding"
            );
            out[shape.len() - 2 + axis] = (size + 2 * p - k) / stride[axis] + 1;
        }
        out
    }

    /// Which of `size` rows (axis 0) or columns (axis 1) window `i` covers.
    fn covers(&self, axis: usize, i: usize, size: usize) -> Range<usize> {
        let start = (i * self.stride[axis]) as isize - self.padding[axis] as isize;
        let end = start + self.kernel[axis] as isize;
        start.max(0) as usize..(end.max(0) as usize).min(size)
    }

    /// Which of `windows` windows cover row or column `i`.
    fn covered_by(&self, axis: usize, i: usize, windows: usize) -> Range<usize> {
        let (k, s, at) = (self.kernel[axis], self.stride[axis], i + self.padding[axis]);
        (at + 1).saturating_sub(k).div_ceil(s)..(at / s + 1).min(windows)
    }

    /// 1 / (the number of elements whose mean window (i, j) takes), as (OH, OW).
    ///
    /// ```
    /// use glassbox_tensor::{Pool2d, tensor};
    /// let pool = Pool2d { stride: [1, 1], padding: [0, 1], ..Pool2d::new([1, 2]) };
    /// assert_eq!(pool.shares([1, 2], false), tensor![[1., 0.5, 1.]]); // the outer windows see one column each
    /// ```
    pub fn shares(&self, [h, w]: [usize; 2], count_include_pad: bool) -> Tensor {
        let out = self.out_shape("avg_pool2d", &[h, w]);
        let share = |axis: usize, i: usize, size: usize| match count_include_pad {
            true => self.kernel[axis],
            false => self.covers(axis, i, size).len(),
        };
        let counts = (0..out[0]).flat_map(|i| (0..out[1]).map(move |j| share(0, i, h) * share(1, j, w)));
        Tensor::from_vec(counts.map(|count| 1.0 / count as f32).collect(), out)
    }
}

impl Tensor {
    /// The largest element of each window: (…, H, W) -> (…, OH, OW); and where it stands, as an index into its plane of H·W.
    /// Of equal ones the first is it; NaN counts as the largest, as in PyTorch.
    ///
    /// ```
    /// use glassbox_tensor::{Pool2d, tensor};
    /// let x = tensor![[1., 5., 2., 0.], [3., 4., 8., 7.]];
    /// let (y, at) = x.max_pool2d(&Pool2d::new([2, 2]));
    /// assert_eq!(y, tensor![[5., 8.]]);
    /// assert_eq!(at.as_slice(), [1, 6]);
    /// ```
    ///
    /// # Panics
    /// As [`Pool2d::out_shape`].
    #[track_caller]
    pub fn max_pool2d(&self, pool: &Pool2d) -> (Tensor, Ids) {
        let out = pool.out_shape("max_pool2d", self.shape());
        let x = self.contiguous();
        let data = x.as_slice().expect("contiguous");
        let ([h, w], [oh, ow]) = (plane(x.shape()), plane(&out));
        let mut at = vec![0u32; out.iter().product()];
        let work = at.len() * pool.kernel[0] * pool.kernel[1] * 2;
        let rows = TASK.div_ceil(ow.max(1));
        chunks_on_pool(&mut at, rows * ow, work, &|task, part: &mut [u32]| {
            for (r, at) in part.chunks_exact_mut(ow).enumerate() {
                let row = task * rows + r;
                let plane = &data[row / oh * h * w..][..h * w];
                let down = pool.covers(0, row % oh, h);
                for (j, at) in at.iter_mut().enumerate() {
                    *at = largest(plane, w, down.clone(), pool.covers(1, j, w)) as u32;
                }
            }
        });
        let planes = at.len() / (oh * ow).max(1);
        let at = Ids::from_vec(at, [planes, oh * ow]);
        let y = x.reshape([planes, h * w]).gather(-1, &at).reshape(out);
        (y, at.reshape(out))
    }

    /// The mean of each window: (…, H, W) -> (…, OH, OW). The padding counts as zeros that are there, or, without
    /// `count_include_pad`, doesn't count.
    ///
    /// ```
    /// use glassbox_tensor::{Pool2d, tensor};
    /// let x = tensor![[1., 5., 2., 0.], [3., 3., 8., 6.]];
    /// assert_eq!(x.avg_pool2d(&Pool2d::new([2, 2]), true), tensor![[3., 4.]]);
    /// ```
    ///
    /// # Panics
    /// As [`Pool2d::out_shape`].
    #[track_caller]
    pub fn avg_pool2d(&self, pool: &Pool2d, count_include_pad: bool) -> Tensor {
        let out = pool.out_shape("avg_pool2d", self.shape());
        let x = self.contiguous();
        let data = x.as_slice().expect("contiguous");
        let ([h, w], [oh, ow]) = (plane(x.shape()), plane(&out));
        let shares = pool.shares([h, w], count_include_pad);
        let shares = shares.as_slice().expect("made so");
        let mut y = Tensor::for_overwrite(&out);
        let work = y.numel() * pool.kernel[0] * pool.kernel[1];
        let rows = TASK.div_ceil(ow.max(1));
        for_each_chunk(y.make_mut(), rows * ow, work, |task, part| {
            for (r, out) in part.chunks_exact_mut(ow).enumerate() {
                let row = task * rows + r;
                let plane = &data[row / oh * h * w..][..h * w];
                let down = pool.covers(0, row % oh, h);
                for (j, out) in out.iter_mut().enumerate() {
                    let across = pool.covers(1, j, w);
                    let sum: f32 = down.clone().map(|i| plane[i * w..][across.clone()].iter().sum::<f32>()).sum();
                    *out = sum * shares[row % oh * ow + j];
                }
            }
        });
        y
    }

    /// The adjoint of [`avg_pool2d`](Self::avg_pool2d) from planes of `size` = (H, W): each element goes, in equal shares, to
    /// all that its window covers. (…, OH, OW) -> (…, H, W).
    ///
    /// ```
    /// use glassbox_tensor::{Pool2d, tensor};
    /// let dx = tensor![[8., 4.]].avg_pool2d_adjoint(&Pool2d::new([2, 2]), [2, 4], true);
    /// assert_eq!(dx, tensor![[2., 2., 1., 1.], [2., 2., 1., 1.]]);
    /// ```
    ///
    /// # Panics
    /// When this is not the shape that pooling planes of `size` gives.
    #[track_caller]
    pub fn avg_pool2d_adjoint(&self, pool: &Pool2d, size: [usize; 2], count_include_pad: bool) -> Tensor {
        let rank = self.rank();
        assert!(rank >= 2, "avg_pool2d_adjoint: shape {:?} has no plane; give it two axes or more", self.shape());
        let mut shape = Dims::new(self.shape());
        shape[rank - 2..].copy_from_slice(&size);
        let out = pool.out_shape("avg_pool2d_adjoint", &shape);
        assert!(
            *out == *self.shape(),
            "avg_pool2d_adjoint: shape {:?} for planes that pool to {out:?}; give the size of the planes that were pooled",
            self.shape()
        );
        let share = self * &pool.shares(size, count_include_pad);
        let data = share.as_slice().expect("a product is contiguous");
        let ([h, w], [oh, ow]) = (size, plane(&out));
        let mut dx = Tensor::for_overwrite(&shape);
        let work = dx.numel() * pool.kernel[0] * pool.kernel[1];
        let rows = TASK.div_ceil(w.max(1));
        for_each_chunk(dx.make_mut(), rows * w, work, |task, part| {
            for (r, dx) in part.chunks_exact_mut(w).enumerate() {
                let row = task * rows + r;
                dx.fill(0.0);
                for i in pool.covered_by(0, row % h, oh) {
                    let g = &data[(row / h * oh + i) * ow..][..ow];
                    for (j, g) in g.iter().enumerate() {
                        dx[pool.covers(1, j, w)].iter_mut().for_each(|dx| *dx += g);
                    }
                }
            }
        });
        dx
    }
}

/// (H, W) of (…, H, W).
fn plane(shape: &[usize]) -> [usize; 2] {
    [shape[shape.len() - 2], shape[shape.len() - 1]]
}

/// The index of the largest element of a window.
fn largest(plane: &[f32], w: usize, down: Range<usize>, across: Range<usize>) -> usize {
    let mut at = down.start * w + across.start;
    let mut top = f32::NEG_INFINITY;
    for i in down {
        for j in across.clone() {
            let x = plane[i * w + j];
            if x > top || (x.is_nan() && !top.is_nan()) {
                (top, at) = (x, i * w + j);
            }
        }
    }
    at
}
