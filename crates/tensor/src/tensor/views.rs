//! Views: the same memory under another shape, by arithmetic on shape and strides alone.

use super::Tensor;
use crate::counted;
use crate::shape::{Dims, MAX_RANK, axis_index, broadcast, chunk_lengths, new_axis_index, numel, split_starts};
use smallvec::SmallVec;

impl Tensor {
    /// Itself when contiguous, or else a row-major copy.
    ///
    /// ```
    /// let x = glassbox_tensor::Tensor::zeros([2, 3]);
    /// assert!(x.contiguous().shares_memory_with(&x) && x.t().contiguous().is_contiguous());
    /// ```
    pub fn contiguous(&self) -> Tensor {
        if self.is_contiguous() { self.clone() } else { crate::copy::copy(self) }
    }

    /// The same elements in row-major order under another shape; a view where the layout allows, or else a copy.
    ///
    /// ```
    /// use glassbox_tensor::tensor;
    /// assert_eq!(tensor![[1., 2.], [3., 4.]].reshape([4]), tensor![1., 2., 3., 4.]);
    /// ```
    ///
    /// # Panics
    /// When the numbers of elements differ.
    #[track_caller]
    pub fn reshape(&self, shape: impl AsRef<[usize]>) -> Tensor {
        let shape = shape.as_ref();
        let (have, want) = (self.numel(), numel(shape));
        assert!(
            have == want,
            "reshape: {:?} has {have}, but {shape:?} has {want}; a new shape holds as many",
            self.shape(),
            have = counted(have, "element")
        );
        let shape = Dims::new(shape);
        match self.strides_as(&shape) {
            Some(strides) => Tensor { strides, shape, ..self.clone() },
            None => Tensor { strides: shape.row_major_strides(), shape, ..self.contiguous() },
        }
    }

    /// The strides under which this memory shows another shape of as many elements; `None` when no strides do.
    fn strides_as(&self, shape: &Dims) -> Option<Dims> {
        let mut strides = shape.row_major_strides();
        if self.numel() == 0 {
            return Some(strides);
        }
        // Stretches of axes that one step walks through, the last ones first: (elements, step).
        let mut stretches = SmallVec::<[(usize, usize); MAX_RANK]>::new();
        for axis in (0..self.rank()).rev().filter(|&axis| self.shape[axis] != 1) {
            let (dim, stride) = (self.shape[axis], self.strides[axis]);
            match stretches.last_mut() {
                Some((len, step)) if stride == *len * *step => *len *= dim,
                _ => stretches.push((dim, stride)),
            }
        }
        // The new axes must cut the stretches into whole pieces.
        let mut stretches = stretches.into_iter();
        let (mut len, mut step) = (1, 1);
        for axis in (0..shape.len()).rev().filter(|&axis| shape[axis] != 1) {
            if len == 1 {
                (len, step) = stretches.next().expect("both shapes have as many elements");
            }
            if len % shape[axis] != 0 {
                return None;
            }
            strides[axis] = step;
            step *= shape[axis];
            len /= shape[axis];
        }
        Some(strides)
    }

    /// Axes in another order: axis i of the result is axis `axes[i]` of `self`.
    ///
    /// ```
    /// let x = glassbox_tensor::Tensor::zeros([2, 3, 5]);
    /// assert_eq!(x.permute(&[2, 0, 1]).shape(), [5, 2, 3]);
    /// ```
    ///
    /// # Panics
    /// When `axes` is not a permutation of all axes.
    #[track_caller]
    pub fn permute(&self, axes: &[usize]) -> Tensor {
        let rank = self.rank();
        let complete = axes.len() == rank && (0..rank).all(|a| axes.contains(&a));
        assert!(
            complete,
            "permute: {axes:?} must name each axis of shape {:?} once, as {:?} does",
            self.shape(),
            (0..self.rank()).collect::<Vec<_>>()
        );
        let pick = |from: &Dims| {
            let mut to = Dims::new(axes);
            to.iter_mut().for_each(|axis| *axis = from[*axis]);
            to
        };
        Tensor { shape: pick(&self.shape), strides: pick(&self.strides), ..self.clone() }
    }

    /// The last two axes exchanged.
    ///
    /// ```
    /// use glassbox_tensor::tensor;
    /// assert_eq!(tensor![[1., 2., 3.]].t(), tensor![[1.], [2.], [3.]]);
    /// ```
    ///
    /// # Panics
    /// With fewer than two axes.
    #[track_caller]
    pub fn t(&self) -> Tensor {
        let rank = self.rank();
        assert!(
            rank >= 2,
            "t: shape {:?} has fewer than two axes to exchange; unsqueeze(0) makes it a row",
            self.shape()
        );
        let mut view = self.clone();
        view.shape.swap(rank - 2, rank - 1);
        view.strides.swap(rank - 2, rank - 1);
        view
    }

    /// `len` entries of `axis` from `start` on.
    ///
    /// ```
    /// use glassbox_tensor::tensor;
    /// assert_eq!(tensor![1., 2., 3., 4.].narrow(0, 1, 2), tensor![2., 3.]);
    /// ```
    ///
    /// # Panics
    /// When the axis doesn't exist or is shorter than that.
    #[track_caller]
    pub fn narrow(&self, axis: isize, start: usize, len: usize) -> Tensor {
        let at = axis_index("narrow", axis, self.rank());
        let dim = self.shape[at];
        let fits = start.checked_add(len).is_some_and(|end| end <= dim);
        assert!(
            fits,
            "narrow: {len} from {start} on axis {axis} of shape {:?}, which has {dim}; start + len is {dim} at most",
            self.shape(),
            len = counted(len, "entry")
        );
        let mut view = self.clone();
        view.shape[at] = len;
        if view.numel() > 0 {
            view.offset += start * self.strides[at]; // an empty view points nowhere, so never beyond the buffer
        }
        view
    }

    /// Entry `index` of `axis`, without that axis.
    ///
    /// ```
    /// use glassbox_tensor::tensor;
    /// assert_eq!(tensor![[1., 2.], [3., 4.]].select(-1, 0), tensor![1., 3.]);
    /// ```
    ///
    /// # Panics
    /// When there is no such axis or entry.
    #[track_caller]
    pub fn select(&self, axis: isize, index: usize) -> Tensor {
        let at = axis_index("select", axis, self.rank());
        let dim = self.shape[at];
        assert!(
            index < dim,
            "select: entry {index} on axis {axis} of shape {:?}, which has {dim}; the first is 0",
            self.shape()
        );
        let one = self.narrow(axis, index, 1);
        Tensor { shape: one.shape.without(at), strides: one.strides.without(at), ..one }
    }

    /// With a new axis of length 1 that is axis `axis` of the result (`-1` puts it last).
    ///
    /// ```
    /// let x = glassbox_tensor::Tensor::zeros([2, 3]);
    /// assert_eq!((x.unsqueeze(0).shape(), x.unsqueeze(-1).shape()), (&[1, 2, 3][..], &[2, 3, 1][..]));
    /// ```
    ///
    /// # Panics
    /// When the result has no such axis.
    #[track_caller]
    pub fn unsqueeze(&self, axis: isize) -> Tensor {
        let at = new_axis_index("unsqueeze", axis, self.rank());
        let mut view = self.clone();
        for (dims, x) in [(&mut view.shape, 1), (&mut view.strides, 0)] {
            dims.push(x);
            dims[at..].rotate_right(1);
        }
        view
    }

    /// Without `axis`, which has length 1.
    ///
    /// ```
    /// let x = glassbox_tensor::Tensor::zeros([2, 1, 3]);
    /// assert_eq!(x.squeeze(1).shape(), [2, 3]);
    /// ```
    ///
    /// # Panics
    /// When there is no such axis, or it is longer.
    #[track_caller]
    pub fn squeeze(&self, axis: isize) -> Tensor {
        let at = axis_index("squeeze", axis, self.rank());
        let dim = self.shape[at];
        assert!(
            dim == 1,
            "squeeze: axis {axis} of shape {:?} has {dim}, not one; select one",
            self.shape(),
            dim = counted(dim, "entry")
        );
        Tensor { shape: self.shape.without(at), strides: self.strides.without(at), ..self.clone() }
    }

    /// Two axes exchanged.
    ///
    /// ```
    /// let x = glassbox_tensor::Tensor::zeros([2, 3, 5]);
    /// assert_eq!(x.transpose(0, -1).shape(), [5, 3, 2]);
    /// ```
    ///
    /// # Panics
    /// For an axis that doesn't exist.
    #[track_caller]
    pub fn transpose(&self, a: isize, b: isize) -> Tensor {
        let rank = self.rank();
        let (a, b) = (axis_index("transpose", a, rank), axis_index("transpose", b, rank));
        let mut view = self.clone();
        view.shape.swap(a, b);
        view.strides.swap(a, b);
        view
    }

    /// The entries whose places on two axes of one length are the same: axis `b` goes, `a` counts both.
    pub(crate) fn diagonal(&self, a: usize, b: usize) -> Tensor {
        debug_assert!(a < b && self.shape[a] == self.shape[b]);
        let mut view = self.clone();
        view.strides[a] += view.strides[b];
        Tensor { shape: view.shape.without(b), strides: view.strides.without(b), ..view }
    }

    /// Consecutive pieces of these lengths along `axis`.
    ///
    /// ```
    /// use glassbox_tensor::tensor;
    /// assert_eq!(tensor![1., 2., 3.].split(&[1, 2], 0), [tensor![1.], tensor![2., 3.]]);
    /// ```
    ///
    /// # Panics
    /// When there is no such axis, or the lengths don't add up to its own.
    #[track_caller]
    pub fn split(&self, lengths: &[usize], axis: isize) -> Vec<Tensor> {
        let starts = split_starts(self.shape(), lengths, axis);
        starts.iter().zip(lengths).map(|(&start, &len)| self.narrow(axis, start, len)).collect()
    }

    /// `n` pieces of one length along `axis`.
    ///
    /// ```
    /// use glassbox_tensor::tensor;
    /// assert_eq!(tensor![1., 2., 3., 4.].chunk(2, 0), [tensor![1., 2.], tensor![3., 4.]]);
    /// ```
    ///
    /// # Panics
    /// When there is no such axis, or n doesn't divide its length.
    #[track_caller]
    pub fn chunk(&self, n: usize, axis: isize) -> Vec<Tensor> {
        self.split(&chunk_lengths(self.shape(), n, axis), axis)
    }

    /// Windows of `size` entries along `axis`, one every `step` entries: y[…, w, …, i] = x[…, w·step + i, …], with the
    /// place in the window as a new last axis. There are ⌊(n − size)/step⌋ + 1 of them. Windows may overlap; they share
    /// the memory.
    ///
    /// ```
    /// use glassbox_tensor::tensor;
    /// assert_eq!(tensor![1., 2., 3., 4., 5.].unfold(0, 3, 2), tensor![[1., 2., 3.], [3., 4., 5.]]);
    /// ```
    ///
    /// # Panics
    /// When there is no such axis, it is shorter than a window, or `step` is 0.
    #[track_caller]
    pub fn unfold(&self, axis: isize, size: usize, step: usize) -> Tensor {
        let at = axis_index("unfold", axis, self.rank());
        let dim = self.shape[at];
        assert!(step > 0, "unfold: with a step of 0 all windows are the same one; use a step of 1 or more");
        assert!(
            size <= dim,
            "unfold: a window of {size} on axis {axis} of shape {:?}, which has {dim}; pad the axis, or use a \
             smaller window",
            self.shape()
        );
        let mut view = self.clone();
        view.shape.push(size);
        view.strides.push(self.strides[at]);
        view.shape[at] = (dim - size) / step + 1;
        // a single window makes no step; a product that nobody walks must not overflow
        view.strides[at] = if view.shape[at] > 1 { step * self.strides[at] } else { 0 };
        view
    }

    /// Broadcast to a shape, without a copy: repeated axes get stride 0.
    ///
    /// ```
    /// use glassbox_tensor::tensor;
    /// assert_eq!(tensor![1., 2.].expand([2, 2]), tensor![[1., 2.], [1., 2.]]);
    /// ```
    ///
    /// # Panics
    /// When the shape can't be reached by repeating axes of length 1.
    #[track_caller]
    pub fn expand(&self, shape: impl AsRef<[usize]>) -> Tensor {
        let to = Dims::new(shape.as_ref());
        numel(&to); // a view costs no memory, but its elements must be countable
        let fits = broadcast(&self.shape, &to).is_some_and(|both| both == to);
        assert!(fits, "expand: {:?} can't be repeated to {to:?}; only axes of length 1 repeat", self.shape());
        Tensor { strides: self.strides_under(&to), shape: to, ..self.clone() }
    }

    /// The strides by which this tensor is read under a shape that it broadcasts to.
    pub(crate) fn strides_under(&self, shape: &[usize]) -> Dims {
        let mut strides = Dims::repeat(0, shape.len());
        let skip = shape.len() - self.rank();
        for axis in 0..self.rank() {
            strides[skip + axis] = if self.shape[axis] == 1 { 0 } else { self.strides[axis] };
        }
        strides
    }
}
