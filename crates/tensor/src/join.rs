//! Several tensors in one: `cat` along an axis that they have, `stack` along a new one.

use crate::gather::Blocks;
use crate::parallel::for_each_row_part;
use crate::shape::{Dims, axis_index, new_axis_index};
use crate::tensor::Tensor;

impl Tensor {
    /// The tensors one after the other along `axis`.
    ///
    /// ```
    /// use glassbox_tensor::{Tensor, tensor};
    /// let (a, b) = (tensor![[1.], [2.]], tensor![[3., 4.], [5., 6.]]);
    /// assert_eq!(Tensor::cat(&[&a, &b], 1), tensor![[1., 3., 4.], [2., 5., 6.]]);
    /// ```
    ///
    /// # Panics
    /// For no tensors, an axis that they don't have, or shapes that differ on another one.
    #[track_caller]
    pub fn cat(x: &[&Tensor], axis: isize) -> Tensor {
        assert!(!x.is_empty(), "cat: there are no tensors to concatenate; give at least one");
        let at = axis_index("cat", axis, x[0].rank());
        let mut shape = Dims::new(x[0].shape());
        for (i, t) in x.iter().enumerate().skip(1) {
            let agree = t.rank() == shape.len() && (0..shape.len()).all(|a| a == at || t.shape()[a] == shape[a]);
            assert!(
                agree,
                "cat: input {i} has shape {:?} and input 0 {:?}; on every axis but {axis} they must agree",
                t.shape(),
                x[0].shape()
            );
            shape[at] = shape[at].saturating_add(t.shape()[at]);
        }
        let mut out = Tensor::for_overwrite(&shape);
        if out.numel() == 0 {
            return out;
        }
        // A row of the output is a block of each input.
        let blocks: Vec<Blocks> = x.iter().map(|t| Blocks::new(t, at)).collect();
        let mut row = 0;
        let mut starts = Vec::with_capacity(blocks.len());
        for block in &blocks {
            starts.push(row);
            row += block.len;
        }
        let work = 2 * out.numel();
        for_each_row_part(out.make_mut(), row, work, |number, begin, mut part| {
            let first = starts.partition_point(|&start| start <= begin) - 1;
            let mut skip = begin - starts[first];
            for block in &blocks[first..] {
                let (now, later) = part.split_at_mut((block.len - skip).min(part.len()));
                now.copy_from_slice(&block.get(number)[skip..][..now.len()]);
                (part, skip) = (later, 0);
                if part.is_empty() {
                    break;
                }
            }
        });
        out
    }

    /// The tensors, of one shape, as the entries of a new axis, which is axis `axis` of the result (`-1` puts it last).
    ///
    /// ```
    /// use glassbox_tensor::{Tensor, tensor};
    /// let (a, b) = (tensor![1., 2.], tensor![3., 4.]);
    /// assert_eq!(Tensor::stack(&[&a, &b], 0), tensor![[1., 2.], [3., 4.]]);
    /// assert_eq!(Tensor::stack(&[&a, &b], -1), tensor![[1., 3.], [2., 4.]]);
    /// ```
    ///
    /// # Panics
    /// For no tensors, shapes that differ, or an axis that the result doesn't have.
    #[track_caller]
    pub fn stack(x: &[&Tensor], axis: isize) -> Tensor {
        let at = stack_axis(&x.iter().map(|t| t.shape()).collect::<Vec<_>>(), axis);
        let rows: Vec<Tensor> = x.iter().map(|t| t.unsqueeze(at)).collect();
        Tensor::cat(&rows.iter().collect::<Vec<_>>(), at)
    }
}

/// The new axis that [`stack`](Tensor::stack) makes, not counted from the end; what it checks.
///
/// ```
/// assert_eq!(glassbox_tensor::stack_axis(&[&[2, 3], &[2, 3]], -1), 2);
/// ```
///
/// # Panics
/// For no shapes, shapes that differ, or an axis that the result doesn't have.
#[track_caller]
pub fn stack_axis(shapes: &[&[usize]], axis: isize) -> isize {
    assert!(!shapes.is_empty(), "stack: there are no tensors to stack; give at least one");
    let first = shapes[0];
    for (i, shape) in shapes.iter().enumerate().skip(1) {
        assert!(
            *shape == first,
            "stack: input {i} has shape {shape:?} and input 0 {first:?}; they must agree, or use cat"
        );
    }
    new_axis_index("stack", axis, first.len()) as isize
}
