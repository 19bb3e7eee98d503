//! `matmul`: shapes and batches, on top of the GEMM ladder.

use crate::counted;
use crate::gemm::{Epilogue, MatMut, MatRef, product, sgemm_batch};
use crate::shape::{Dims, broadcast, numel};
use crate::simd::Isa;
use crate::tensor::Tensor;

impl Tensor {
    /// The matrix product over the last two axes, (…, M, K) × (…, K, N) -> (…, M, N); the axes before them are broadcast.
    ///
    /// Transposed and sliced inputs are read where they lie. Each element is Σₖ aₖ·bₖ within γ_K·Σₖ|aₖ·bₖ|.
    ///
    /// ```
    /// use glassbox_tensor::tensor;
    /// let (a, b) = (tensor![[1., 2.], [3., 4.]], tensor![[5.], [6.]]);
    /// assert_eq!(a.matmul(&b), tensor![[17.], [39.]]); // (2, 2) × (2, 1) -> (2, 1)
    /// assert_eq!(b.t().matmul(&b), tensor![[61.]]); // 5² + 6²; the transpose is a view
    /// ```
    ///
    /// # Panics
    /// When an input has fewer than two axes, the inner dimensions differ, or the batch axes don't broadcast.
    #[track_caller]
    pub fn matmul(&self, rhs: &Tensor) -> Tensor {
        self.matmul_with(rhs, &Epilogue::default())
    }

    /// [`matmul`](Self::matmul) with a bias and an activation applied while each tile is hot.
    ///
    /// ```
    /// use glassbox_tensor::gemm::{Activation, Epilogue};
    /// use glassbox_tensor::{Tensor, tensor};
    /// let layer = Epilogue { bias: Some(&[10., -10.]), activation: Activation::Relu, ..Epilogue::default() };
    /// assert_eq!(tensor![[1., 2.]].matmul_with(&Tensor::eye(2), &layer), tensor![[11., 0.]]);
    /// ```
    ///
    /// # Panics
    /// As [`matmul`](Self::matmul); also when the bias' length isn't N, or when the epilogue asks to accumulate.
    #[track_caller]
    pub fn matmul_with(&self, rhs: &Tensor, epilogue: &Epilogue<'_>) -> Tensor {
        let shape = matmul_shape(self.shape(), rhs.shape());
        let (columns, bias) = (shape[shape.len() - 1], epilogue.bias.map(<[f32]>::len));
        assert!(
            bias.is_none_or(|len| len == columns),
            "matmul: the bias has {}, the product {shape:?} has {columns}",
            counted(bias.unwrap_or_default(), "element"),
            columns = counted(columns, "column")
        );
        assert!(
            !epilogue.accumulate,
            "matmul: the product is a new tensor, there is nothing to accumulate into; use gemm::product"
        );
        let batch = &shape[..shape.len() - 2];
        let (m, n, k) = (shape[batch.len()], shape[batch.len() + 1], self.shape()[self.rank() - 1]);
        let mut out = Tensor::for_overwrite(&shape);
        // A batch which the right side doesn't have is only more rows, when they lie in one piece.
        if rhs.rank() == 2 && self.rank() > 2 && self.is_contiguous() {
            let rows = numel(batch) * m;
            let a = MatRef::new(self.memory(), rows, k, k, 1);
            product(Isa::current(), a, matrix(rhs, &[], 0), MatMut::new(out.make_mut(), rows, n, n), epilogue);
            return out;
        }
        let isa = Isa::current();
        let (a, b) = (|i| matrix(self, batch, i), |i| matrix(rhs, batch, i));
        sgemm_batch(isa, numel(batch), a, b, out.make_mut(), epilogue);
        out
    }
}

/// Matrix `i` of a tensor whose leading axes are broadcast to `batch`.
fn matrix<'a>(x: &'a Tensor, batch: &[usize], i: usize) -> MatRef<'a> {
    let (rows, cols) = (x.shape()[x.rank() - 2], x.shape()[x.rank() - 1]);
    let mut shape = Dims::new(batch);
    shape.push(rows);
    shape.push(cols);
    let strides = if batch.is_empty() { Dims::new(x.strides()) } else { x.strides_under(&shape) };
    let (mut rest, mut start) = (i, 0);
    for axis in (0..batch.len()).rev() {
        start += rest % batch[axis] * strides[axis];
        rest /= batch[axis];
    }
    let memory = x.memory();
    let from = start.min(memory.len()); // of an empty matrix even the start may lie beyond its memory
    MatRef::new(&memory[from..], rows, cols, x.strides()[x.rank() - 2], x.strides()[x.rank() - 1])
}

/// The shape of a matrix product.
///
/// ```
/// use glassbox_tensor::matmul_shape;
/// assert_eq!(*matmul_shape(&[2, 3], &[3, 4]), [2, 4]);
/// assert_eq!(*matmul_shape(&[5, 1, 2, 3], &[7, 3, 4]), [5, 7, 2, 4]); // (5, 1) and (7) are broadcast to (5, 7)
/// ```
///
/// # Panics
/// When the inputs don't fit, with a sentence that says how they would.
#[track_caller]
pub fn matmul_shape(a: &[usize], b: &[usize]) -> Dims {
    for (name, x) in [("lhs", a), ("rhs", b)] {
        match *x {
            [] => panic!("matmul: lhs {a:?} × rhs {b:?}: {name} is a single number; multiply by it with *"),
            [n] => {
                let matrix = if name == "lhs" { [1, n] } else { [n, 1] };
                panic!("matmul: lhs {a:?} × rhs {b:?}: {name} is a vector; reshape it to {matrix:?}");
            }
            _ => {}
        }
    }
    let (batch_a, [_, inner_a]) = a.split_last_chunk::<2>().expect("two axes or more");
    let (batch_b, [inner_b, n]) = b.split_last_chunk::<2>().expect("two axes or more");
    if inner_a != inner_b {
        let mut flipped = Dims::new(b);
        flipped.swap(b.len() - 2, b.len() - 1);
        let way_out = if n == inner_a { format!("; rhs.t() is {flipped:?}") } else { String::new() };
        panic!("matmul: inner dimensions differ: lhs {a:?} × rhs {b:?} ({inner_a} ≠ {inner_b}){way_out}");
    }
    let Some(mut shape) = broadcast(batch_a, batch_b) else {
        panic!(
            "matmul: batch axes of lhs {a:?} and rhs {b:?} don't broadcast; each pair of them is equal, or one is 1"
        );
    };
    shape.push(a[a.len() - 2]);
    shape.push(*n);
    shape
}
