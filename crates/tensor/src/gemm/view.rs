//! Matrices as slices with strides: what GEMM reads and writes. No `Tensor` here, so that these kernels can be read,
//! sanitised and timed alone.

use crate::counted;
use std::ops::Range;

/// A matrix that is read: element (i, j) is `data[i·row_stride + j·col_stride]`.
///
/// Any strides will do: row-major, column-major (a transpose), a slice of either, or 0 for a broadcast.
///
/// ```
/// use glassbox_tensor::gemm::MatRef;
/// let data = [1., 2., 3., 4., 5., 6.];
/// let a = MatRef::row_major(&data, 2, 3); // 1 2 3 above 4 5 6
/// assert_eq!((a.rows(), a.cols(), a.row_stride(), a.col_stride()), (2, 3, 3, 1));
/// let t = a.t(); // the same floats, the strides exchanged
/// assert_eq!((t.rows(), t.row_stride(), t.col_stride(), t.at(2, 1)), (3, 1, 3, 6.0));
/// assert_eq!(a.block(0, 1, 2, 2).at(1, 0), 5.0); // rows 0 and 1, columns 1 and 2
/// assert_eq!(MatRef::new(&data, 4, 6, 0, 1).at(3, 5), 6.0); // stride 0: one row, seen four times
/// ```
#[derive(Clone, Copy, Debug)]
pub struct MatRef<'a> {
    data: &'a [f32],
    rows: usize,
    cols: usize,
    row_stride: usize,
    col_stride: usize,
}

/// How many floats a view reaches over: one more than the offset of its last element.
pub(super) fn extent(rows: usize, cols: usize, row_stride: usize, col_stride: usize) -> Option<usize> {
    if rows == 0 || cols == 0 {
        return Some(0);
    }
    let last_row = (rows - 1).checked_mul(row_stride)?;
    let last_col = (cols - 1).checked_mul(col_stride)?;
    last_row.checked_add(last_col)?.checked_add(1)
}

impl<'a> MatRef<'a> {
    /// A `rows` × `cols` view of `data`.
    ///
    /// # Panics
    /// When the last element lies outside `data`.
    #[track_caller]
    pub fn new(data: &'a [f32], rows: usize, cols: usize, row_stride: usize, col_stride: usize) -> Self {
        let inside = extent(rows, cols, row_stride, col_stride).is_some_and(|reach| reach <= data.len());
        assert!(
            inside,
            "MatRef: a {rows} × {cols} matrix with strides ({row_stride}, {col_stride}) reaches beyond its {}",
            counted(data.len(), "float")
        );
        MatRef { data, rows, cols, row_stride, col_stride }
    }

    /// Rows that follow each other without a gap: strides (`cols`, 1).
    ///
    /// # Panics
    /// When `data` is shorter than `rows`·`cols`.
    #[track_caller]
    pub fn row_major(data: &'a [f32], rows: usize, cols: usize) -> Self {
        Self::new(data, rows, cols, cols, 1)
    }

    /// The transpose: the same floats with rows and columns exchanged.
    pub fn t(self) -> Self {
        MatRef {
            data: self.data,
            rows: self.cols,
            cols: self.rows,
            row_stride: self.col_stride,
            col_stride: self.row_stride,
        }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Distance in floats from an element to the one below it.
    pub fn row_stride(&self) -> usize {
        self.row_stride
    }

    /// Distance in floats from an element to the one right of it.
    pub fn col_stride(&self) -> usize {
        self.col_stride
    }

    /// Element (i, j).
    ///
    /// # Panics
    /// When it lies outside the matrix.
    #[inline]
    #[track_caller]
    pub fn at(&self, i: usize, j: usize) -> f32 {
        assert!(i < self.rows && j < self.cols, "MatRef: ({i}, {j}) of a {} × {} matrix", self.rows, self.cols);
        self.data[i * self.row_stride + j * self.col_stride]
    }

    /// The block of `rows` × `cols` whose first element is (i, j).
    ///
    /// # Panics
    /// When it reaches beyond the matrix.
    #[inline]
    #[track_caller]
    pub fn block(&self, i: usize, j: usize, rows: usize, cols: usize) -> Self {
        assert!(i + rows <= self.rows && j + cols <= self.cols, "MatRef: a block reaches beyond its matrix");
        let start = if rows == 0 || cols == 0 { 0 } else { i * self.row_stride + j * self.col_stride };
        MatRef { data: &self.data[start..], rows, cols, ..*self }
    }

    /// The address of element (0, 0), for passing the view to other libraries.
    pub fn as_ptr(&self) -> *const f32 {
        self.data.as_ptr()
    }

    /// The floats from element (0, 0) to the end of the buffer. All of the view's elements lie in it.
    #[inline]
    pub(crate) fn data(&self) -> &'a [f32] {
        self.data
    }

    /// Row `i` where rows are contiguous.
    #[inline]
    pub(crate) fn row(&self, i: usize) -> &'a [f32] {
        debug_assert!(self.col_stride == 1 || self.cols <= 1);
        // A row of no columns may start beyond the slice.
        let start = if self.cols == 0 { 0 } else { i * self.row_stride };
        &self.data[start..][..self.cols]
    }
}

/// A matrix that is written: row-major, row i at `data[i·row_stride..][..cols]`. What lies between the rows is kept.
///
/// ```
/// use glassbox_tensor::gemm::MatMut;
/// let mut data = [0.; 7];
/// let mut c = MatMut::new(&mut data, 2, 3, 4); // row stride 4: one float lies between the rows
/// c.row_mut(0).fill(1.0);
/// c.reborrow().row_mut(1).fill(2.0); // lent, not given away
/// assert_eq!((c.rows(), c.cols(), c.row_stride()), (2, 3, 4));
/// assert_eq!(data, [1., 1., 1., 0., 2., 2., 2.]);
/// ```
#[derive(Debug)]
pub struct MatMut<'a> {
    data: &'a mut [f32],
    rows: usize,
    cols: usize,
    row_stride: usize,
}

impl<'a> MatMut<'a> {
    /// A `rows` × `cols` view of `data`.
    ///
    /// # Panics
    /// When the last element lies outside `data`, or rows overlap.
    #[track_caller]
    pub fn new(data: &'a mut [f32], rows: usize, cols: usize, row_stride: usize) -> Self {
        let inside = extent(rows, cols, row_stride, 1).is_some_and(|reach| reach <= data.len());
        assert!(
            inside,
            "MatMut: a {rows} × {cols} matrix with row stride {row_stride} reaches beyond its {}",
            counted(data.len(), "float")
        );
        assert!(
            rows <= 1 || cols <= row_stride,
            "MatMut: rows overlap: {cols} with row stride {row_stride}",
            cols = counted(cols, "column")
        );
        MatMut { data, rows, cols, row_stride }
    }

    /// Rows that follow each other without a gap.
    ///
    /// # Panics
    /// When `data` is shorter than `rows`·`cols`.
    #[track_caller]
    pub fn row_major(data: &'a mut [f32], rows: usize, cols: usize) -> Self {
        Self::new(data, rows, cols, cols)
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Distance in floats from a row to the next.
    pub fn row_stride(&self) -> usize {
        self.row_stride
    }

    /// Row `i`.
    ///
    /// # Panics
    /// When there is no such row.
    #[inline]
    #[track_caller]
    pub fn row_mut(&mut self, i: usize) -> &mut [f32] {
        assert!(i < self.rows, "MatMut: row {i} of {}", self.rows);
        // A row of no columns may start beyond the slice.
        let start = if self.cols == 0 { 0 } else { i * self.row_stride };
        &mut self.data[start..start + self.cols]
    }

    /// A shorter loan of the same matrix.
    pub fn reborrow(&mut self) -> MatMut<'_> {
        MatMut { data: self.data, rows: self.rows, cols: self.cols, row_stride: self.row_stride }
    }

    /// A column without gaps, seen as a row.
    pub(super) fn column_as_row(&mut self) -> MatMut<'_> {
        assert!(self.cols == 1 && self.row_stride == 1, "MatMut: not a column without gaps");
        MatMut::row_major(self.data, 1, self.rows)
    }

    /// The address of the first element of rows `i` and columns `j`. It comes from the whole slice, so all of C may be
    /// reached from it.
    ///
    /// # Panics
    /// When they reach beyond the matrix.
    #[inline]
    pub(crate) fn tile_ptr(&mut self, i: Range<usize>, j: Range<usize>) -> *mut f32 {
        assert!(i.end <= self.rows && j.end <= self.cols, "MatMut: a tile reaches beyond its matrix");
        // No bounds are at stake: the address is used only for elements of the tile.
        self.data.as_mut_ptr().wrapping_add(i.start * self.row_stride + j.start)
    }
}
