//! `Tensor`: a shape, strides and a place in a shared buffer.

use crate::buffer::Buffer;
use crate::counted;
use crate::random::{self, Key};
use crate::shape::{Dims, is_row_major, numel};

pub(crate) mod index;
mod views;

/// An array of f32 with up to [`MAX_RANK`](crate::shape::MAX_RANK) axes.
///
/// Cloning shares the memory; writing through [`make_mut`](Self::make_mut) separates. Views are tensors too.
///
/// ```
/// use glassbox_tensor::tensor;
/// let x = tensor![[1., 2.], [3., 4.]];
/// let mut row = x.narrow(0, 1, 1); // (1, 2), in the memory of x
/// assert!(row.shares_memory_with(&x));
/// row.make_mut()[0] = 9.0; // separated here
/// assert_eq!((row, x.at([1, 0])), (tensor![[9., 4.]], 3.0));
/// ```
#[derive(Clone)]
pub struct Tensor {
    buffer: Buffer,
    offset: usize,
    shape: Dims,
    strides: Dims,
}

/// Making a tensor.
impl Tensor {
    /// A tensor whose elements will all be overwritten; it holds recycled values, or NaN in debug builds.
    #[track_caller]
    pub(crate) fn for_overwrite(shape: &[usize]) -> Self {
        Self::from_buffer(Buffer::for_overwrite(numel(shape)), shape)
    }

    #[track_caller]
    fn from_buffer(buffer: Buffer, shape: &[usize]) -> Self {
        let shape = Dims::new(shape);
        Self { buffer, offset: 0, shape, strides: shape.row_major_strides() }
    }

    /// Row-major data of a shape.
    ///
    /// ```
    /// use glassbox_tensor::{Tensor, tensor};
    /// assert_eq!(Tensor::from_slice(&[1., 2., 3., 4.], [2, 2]), tensor![[1., 2.], [3., 4.]]);
    /// ```
    ///
    /// # Panics
    /// When the number of elements differs from the shape's.
    #[track_caller]
    pub fn from_slice(data: &[f32], shape: impl AsRef<[usize]>) -> Self {
        Self::from_data("from_slice", data, shape.as_ref())
    }

    /// As [`from_slice`](Self::from_slice), from a vector.
    ///
    /// ```
    /// use glassbox_tensor::Tensor;
    /// assert_eq!(Tensor::from_vec(vec![0.5; 6], [2, 3]).shape(), [2, 3]);
    /// ```
    #[track_caller]
    pub fn from_vec(data: Vec<f32>, shape: impl AsRef<[usize]>) -> Self {
        Self::from_data("from_vec", &data, shape.as_ref())
    }

    #[track_caller]
    fn from_data(op: &str, data: &[f32], shape: &[usize]) -> Self {
        let (have, want) = (data.len(), numel(shape));
        assert!(have == want, "{op}: {have} for shape {shape:?}, which holds {want}", have = counted(have, "element"));
        Self::from_buffer(Buffer::from_slice(data), shape)
    }

    /// `f` of each item.
    ///
    /// # Panics
    /// When there are fewer or more than the shape holds.
    #[track_caller]
    pub(crate) fn of_each<T>(items: &[T], shape: impl AsRef<[usize]>, f: impl Fn(&T) -> f32) -> Self {
        let (have, want) = (items.len(), numel(shape.as_ref()));
        assert!(have == want, "of_each: {have} for {want}");
        let mut out = Self::for_overwrite(shape.as_ref());
        out.make_mut().iter_mut().zip(items).for_each(|(out, item)| *out = f(item));
        out
    }

    /// Every element `x`.
    ///
    /// ```
    /// assert_eq!(glassbox_tensor::Tensor::full([2, 2], 7.).to_vec(), [7.; 4]);
    /// ```
    #[track_caller]
    pub fn full(shape: impl AsRef<[usize]>, x: f32) -> Self {
        Self::from_buffer(Buffer::filled(numel(shape.as_ref()), x), shape.as_ref())
    }

    /// Every element 0.
    ///
    /// ```
    /// assert_eq!(glassbox_tensor::Tensor::zeros([3]).to_vec(), [0.; 3]);
    /// ```
    #[track_caller]
    pub fn zeros(shape: impl AsRef<[usize]>) -> Self {
        Self::full(shape, 0.0)
    }

    /// Every element 1.
    ///
    /// ```
    /// assert_eq!(glassbox_tensor::Tensor::ones([3]).to_vec(), [1.; 3]);
    /// ```
    #[track_caller]
    pub fn ones(shape: impl AsRef<[usize]>) -> Self {
        Self::full(shape, 1.0)
    }

    /// One element, no axes.
    ///
    /// ```
    /// assert_eq!(glassbox_tensor::Tensor::scalar(2.5).rank(), 0);
    /// ```
    pub fn scalar(x: f32) -> Self {
        Self::full([], x)
    }

    /// `[0, 1, …, n − 1]`.
    ///
    /// ```
    /// assert_eq!(glassbox_tensor::Tensor::arange(4).to_vec(), [0., 1., 2., 3.]);
    /// ```
    pub fn arange(n: usize) -> Self {
        Self::from_vec((0..n).map(|i| i as f32).collect(), [n])
    }

    /// `n` numbers from `start` to `end`, both included, evenly spaced (`n = 1` gives `start`).
    ///
    /// ```
    /// assert_eq!(glassbox_tensor::Tensor::linspace(-1., 1., 5).to_vec(), [-1., -0.5, 0., 0.5, 1.]);
    /// ```
    pub fn linspace(start: f32, end: f32, n: usize) -> Self {
        let step = if n > 1 { (end as f64 - start as f64) / (n - 1) as f64 } else { 0.0 };
        let at = |i: usize| if i + 1 == n && n > 1 { end } else { (start as f64 + i as f64 * step) as f32 };
        Self::from_vec((0..n).map(at).collect(), [n])
    }

    /// The n × n identity.
    ///
    /// ```
    /// use glassbox_tensor::{Tensor, tensor};
    /// assert_eq!(Tensor::eye(2), tensor![[1., 0.], [0., 1.]]);
    /// ```
    pub fn eye(n: usize) -> Self {
        let mut eye = Self::zeros([n, n]);
        let data = eye.make_mut();
        (0..n).for_each(|i| data[i * n + i] = 1.0);
        eye
    }

    /// Draws from N(0, 1): element i is a function of (`key`, i) alone.
    ///
    /// ```
    /// use glassbox_tensor::{Tensor, random::Key};
    /// let z = Tensor::randn([1000], Key::new(1));
    /// assert!(z.mean(&[0], false).item().abs() < 0.1);
    /// ```
    #[track_caller]
    pub fn randn(shape: impl AsRef<[usize]>, key: Key) -> Self {
        let mut t = Self::for_overwrite(shape.as_ref());
        random::normal_fill(key, t.make_mut());
        t
    }

    /// Draws from U[0, 1): element i is a function of (`key`, i) alone.
    ///
    /// ```
    /// use glassbox_tensor::{Tensor, random::Key};
    /// let u = Tensor::rand([1000], Key::new(1));
    /// assert!(u.to_vec().iter().all(|u| (0.0..1.0).contains(u)));
    /// ```
    #[track_caller]
    pub fn rand(shape: impl AsRef<[usize]>, key: Key) -> Self {
        let mut t = Self::for_overwrite(shape.as_ref());
        random::uniform_fill(key, t.make_mut());
        t
    }

    /// Draws from Gumbel's distribution, −ln(−ln u): element i is [`key.gumbel(i)`](Key::gumbel). The largest of logits to which
    /// they are added is a draw from softmax(logits).
    ///
    /// ```
    /// use glassbox_tensor::{Tensor, random::Key};
    /// let g = Tensor::gumbel([1000], Key::new(1));
    /// assert!((g.mean(&[0], false).item() - 0.5772).abs() < 0.1); // Euler's constant
    /// ```
    #[track_caller]
    pub fn gumbel(shape: impl AsRef<[usize]>, key: Key) -> Self {
        let mut t = Self::for_overwrite(shape.as_ref());
        random::gumbel_fill(key, t.make_mut());
        t
    }

    /// Draws from the logistic distribution, ln(u / (1 − u)): element i is [`key.logistic(i)`](Key::logistic).
    ///
    /// ```
    /// use glassbox_tensor::{Tensor, random::Key};
    /// let l = Tensor::logistic([1000], Key::new(1));
    /// assert!(l.mean(&[0], false).item().abs() < 0.2); // the standard deviation is π / √3
    /// ```
    #[track_caller]
    pub fn logistic(shape: impl AsRef<[usize]>, key: Key) -> Self {
        let mut t = Self::for_overwrite(shape.as_ref());
        random::logistic_fill(key, t.make_mut());
        t
    }
}

/// Looking at a tensor.
impl Tensor {
    /// The length of each axis.
    ///
    /// ```
    /// assert_eq!(glassbox_tensor::Tensor::zeros([2, 3]).shape(), [2, 3]);
    /// ```
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// How far apart in memory neighbours along each axis lie, in elements; 0 along a broadcast axis.
    ///
    /// ```
    /// use glassbox_tensor::Tensor;
    /// let x = Tensor::zeros([2, 3]);
    /// assert_eq!(x.strides(), [3, 1]);
    /// assert_eq!(x.t().strides(), [1, 3]); // the same memory
    /// assert_eq!(x.select(0, 0).expand([5, 3]).strides(), [0, 1]); // one row, five times
    /// ```
    pub fn strides(&self) -> &[usize] {
        &self.strides
    }

    /// The number of axes.
    ///
    /// ```
    /// assert_eq!(glassbox_tensor::Tensor::zeros([2, 3]).rank(), 2);
    /// ```
    pub fn rank(&self) -> usize {
        self.shape.len()
    }

    /// The number of elements.
    ///
    /// ```
    /// assert_eq!(glassbox_tensor::Tensor::zeros([2, 3]).numel(), 6);
    /// ```
    pub fn numel(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether the elements lie in row-major order without gaps.
    ///
    /// ```
    /// let x = glassbox_tensor::Tensor::zeros([2, 3]);
    /// assert!(x.is_contiguous() && !x.t().is_contiguous());
    /// ```
    pub fn is_contiguous(&self) -> bool {
        is_row_major(&self.shape, &self.strides)
    }

    /// The elements in row-major order, when they lie so in memory.
    ///
    /// ```
    /// use glassbox_tensor::tensor;
    /// let x = tensor![[1., 2.], [3., 4.]];
    /// assert_eq!(x.as_slice(), Some(&[1., 2., 3., 4.][..]));
    /// assert_eq!(x.t().as_slice(), None);
    /// ```
    pub fn as_slice(&self) -> Option<&[f32]> {
        self.is_contiguous().then(|| &self.memory()[..self.numel()])
    }

    /// The buffer from this tensor's first element on; strided kernels index it with [`strides`](Self::strides).
    pub(crate) fn memory(&self) -> &[f32] {
        &self.buffer.as_slice()[self.offset..]
    }

    /// Whether nobody else shares the memory and it can be overwritten in place.
    pub(crate) fn is_unique_and_contiguous(&self) -> bool {
        self.buffer.is_unique() && self.is_contiguous()
    }

    /// Whether two tensors share their buffer.
    ///
    /// ```
    /// let x = glassbox_tensor::Tensor::zeros([2, 3]);
    /// assert!(x.t().shares_memory_with(&x) && !x.exp().shares_memory_with(&x));
    /// ```
    pub fn shares_memory_with(&self, other: &Tensor) -> bool {
        self.buffer.address() == other.buffer.address()
    }

    /// A copy of the elements in row-major order.
    ///
    /// ```
    /// assert_eq!(glassbox_tensor::tensor![[1., 2.], [3., 4.]].t().to_vec(), [1., 3., 2., 4.]);
    /// ```
    pub fn to_vec(&self) -> Vec<f32> {
        self.contiguous().as_slice().expect("contiguous() makes it so").to_vec()
    }

    /// The element at an index.
    ///
    /// ```
    /// assert_eq!(glassbox_tensor::tensor![[1., 2.], [3., 4.]].at([1, 0]), 3.0);
    /// ```
    ///
    /// # Panics
    /// For an index outside the shape.
    #[track_caller]
    pub fn at<const R: usize>(&self, index: [usize; R]) -> f32 {
        let shape = self.shape();
        let inside = R == shape.len() && index.iter().zip(shape).all(|(i, d)| i < d);
        assert!(inside, "at: index {index:?} lies outside shape {shape:?}");
        self.memory()[index.iter().zip(self.strides.iter()).map(|(i, s)| i * s).sum::<usize>()]
    }

    /// The only element.
    ///
    /// ```
    /// assert_eq!(glassbox_tensor::tensor![[1., 2.], [3., 4.]].sum_all().item(), 10.0);
    /// ```
    ///
    /// # Panics
    /// When there is not exactly one.
    #[track_caller]
    pub fn item(&self) -> f32 {
        assert!(self.numel() == 1, "item: shape {:?} has {}, not one", self.shape(), counted(self.numel(), "element"));
        self.memory()[0]
    }

    /// The elements for writing, in row-major order. What is shared or strided is copied first (of a slice of something
    /// larger, the slice alone); the copy shows in [`copied_bytes`](crate::copied_bytes).
    ///
    /// ```
    /// use glassbox_tensor::tensor;
    /// let mut x = tensor![1., 2.];
    /// let y = x.clone(); // shares the memory…
    /// x.make_mut()[0] = 9.0; // …until one of them writes
    /// assert_eq!((x, y), (tensor![9., 2.], tensor![1., 2.]));
    /// ```
    pub fn make_mut(&mut self) -> &mut [f32] {
        if !self.is_unique_and_contiguous() {
            crate::buffer::count_copied(self.numel());
            *self = match self.as_slice() {
                Some(data) => Tensor::from_slice(data, self.shape),
                None => crate::copy::copy(self),
            };
        }
        let (start, len) = (self.offset.min(self.buffer.as_slice().len()), self.numel());
        &mut self.buffer.make_mut()[start..start + len]
    }
}

/// Equal shapes and equal elements (so NaN makes a tensor unequal to itself).
impl PartialEq for Tensor {
    fn eq(&self, other: &Self) -> bool {
        self.shape == other.shape && self.contiguous().as_slice() == other.contiguous().as_slice()
    }
}
