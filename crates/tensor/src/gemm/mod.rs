//! The matrix product: for the moment its first rung only.

use crate::simd::Isa;

/// A matrix with strides.
#[derive(Clone, Copy)]
pub struct MatRef<'a>(&'a [f32], usize, usize, usize, usize);
impl<'a> MatRef<'a> {
    /// Rows, columns and their strides over `data`.
    pub fn new(data: &'a [f32], rows: usize, cols: usize, row_stride: usize, col_stride: usize) -> Self {
        Self(data, rows, cols, row_stride, col_stride)
    }
}
/// A row-major matrix for writing.
pub struct MatMut<'a>(&'a mut [f32], usize, usize, usize);
impl<'a> MatMut<'a> {
    /// Rows, columns and the stride of rows over `data`.
    pub fn new(data: &'a mut [f32], rows: usize, cols: usize, row_stride: usize) -> Self {
        Self(data, rows, cols, row_stride)
    }
}
/// What follows the product.
#[derive(Default)]
pub struct Epilogue<'a> {
    /// C += instead of C =.
    pub accumulate: bool,
    /// Added to every row.
    pub bias: Option<&'a [f32]>,
    /// Applied last.
    pub activation: Activation,
}
/// What is applied to each element.
#[derive(Default, PartialEq)]
pub enum Activation {
    /// Nothing.
    #[default]
    None,
    /// max(x, 0)
    Relu,
}
/// C = A·B, then the epilogue.
pub fn sgemm(_: Isa, a: MatRef<'_>, b: MatRef<'_>, c: MatMut<'_>, e: &Epilogue<'_>) {
    for i in 0..a.1 {
        for j in 0..b.2 {
            let mut sum: f32 = (0..a.2).map(|k| a.0[i * a.3 + k * a.4] * b.0[k * b.3 + j * b.4]).sum();
            sum += e.bias.map_or(0.0, |b| b[j]);
            if e.activation == Activation::Relu {
                sum = sum.max(0.0);
            }
            c.0[i * c.3 + j] = if e.accumulate { c.0[i * c.3 + j] } else { 0.0 } + sum;
        }
    }
}
