//! Overlap-add: what windows hold is added up where they overlap.

use crate::counted;
use crate::parallel::for_each_row_part;
use crate::shape::{Dims, axis_index};
use crate::tensor::Tensor;

impl Tensor {
    /// Adds windows up where they stood: y[…, i, …] = Σ x[…, w, …, j] over all w and j with w·step + j = i. Axis
    /// `axis` of the result, of length `len`, is where `unfold` took the windows of the last axis from; entries in no
    /// window are 0.
    ///
    /// The terms are added in the order of the windows: with k of them, the error is at most (k − 1)·u·Σ|x|, for
    /// u = 2⁻²⁴ and but for u² (Higham 2002, *Accuracy and Stability of Numerical Algorithms*, section 4.2).
    ///
    /// ```
    /// use glassbox_tensor::tensor;
    /// let windows = tensor![1., 2., 3., 4.].unfold(0, 3, 1); // [[1, 2, 3], [2, 3, 4]]
    /// assert_eq!(windows.overlap_add(0, 1, 4), tensor![1., 4., 6., 4.]);
    /// ```
    ///
    /// # Panics
    /// When there are fewer than two axes, the result has no such axis, `step` is 0, or the windows reach beyond `len`.
    #[track_caller]
    pub fn overlap_add(&self, axis: isize, step: usize, len: usize) -> Tensor {
        let shape = self.shape();
        assert!(
            shape.len() >= 2,
            "overlap_add: shape {shape:?} has no axis of windows and one inside a window; unfold makes both"
        );
        let last = shape.len() - 1;
        let at = axis_index("overlap_add", axis, last);
        let (windows, size) = (shape[at], shape[last]);
        assert!(
            step > 0,
            "overlap_add: with a step of 0 all windows stand at one place; use a step of 1 or more, or sum"
        );
        let reach = windows.checked_sub(1).map_or(0, |last| last.saturating_mul(step).saturating_add(size));
        assert!(
            reach <= len,
            "overlap_add: {windows} windows of {size}, one every {step}, reach {reach} entries, beyond a length \
             of {len}; ask for {reach} or more",
            step = counted(step, "entry")
        );
        let mut order: Vec<usize> = (0..=last).collect();
        order[at + 1..].rotate_right(1);
        let frames = self.permute(&order).contiguous(); // (outer, windows, size, inner)
        let mut to = Dims::new(&shape[..last]);
        to[at] = len;
        let mut out = Tensor::for_overwrite(&to);
        if out.numel() == 0 {
            return out;
        }
        let inner: usize = to[at + 1..].iter().product();
        let frames = frames.as_slice().expect("made contiguous above");
        let work = self.numel() + out.numel();
        for_each_row_part(out.make_mut(), len * inner, work, |outer, begin, part| {
            part.fill(0.0);
            let end = begin + part.len();
            let first = (begin / inner + 1).saturating_sub(size).div_ceil(step);
            let beyond = windows.min((end - 1) / inner / step + 1);
            for w in first..beyond {
                // the window's elements of this row, and those of them in this part
                let (from, to) = (w * step * inner, (w * step + size) * inner);
                let (a, b) = (from.max(begin), to.min(end));
                if a < b {
                    let x = &frames[(outer * windows + w) * size * inner + (a - from)..];
                    part[a - begin..b - begin].iter_mut().zip(x).for_each(|(y, &x)| *y += x);
                }
            }
        });
        out
    }
}
