//! `Ids`: whole numbers that name things (tokens, labels, entries of an axis), never measured or differentiated.

use crate::counted;
use crate::parallel::{CHUNK, for_each_chunk};
use crate::random::Key;
use crate::shape::{Dims, axis_index, numel};
use crate::tensor::Tensor;
use std::fmt::Display;
use std::sync::Arc;

/// A row-major array of u32. Cloning and reshaping share the memory.
///
/// ```
/// use glassbox_tensor::Ids;
/// let tokens = Ids::from([[5, 2, 0], [5, 5, 1]]);
/// assert_eq!(tokens.shape(), [2, 3]);
/// assert_eq!(tokens.select(1), Ids::from([5, 5, 1]));
/// ```
#[derive(Clone, Debug)]
pub struct Ids {
    data: Arc<[u32]>,
    shape: Dims,
    /// No id is greater, so that most checks of a range needn't read them all.
    at_most: u32,
}

/// Making ids.
impl Ids {
    /// Row-major data of a shape.
    ///
    /// ```
    /// use glassbox_tensor::Ids;
    /// assert_eq!(Ids::from_vec(vec![1, 2, 3, 4], [2, 2]), Ids::from([[1, 2], [3, 4]]));
    /// ```
    ///
    /// # Panics
    /// When the number of elements differs from the shape's.
    #[track_caller]
    pub fn from_vec(data: Vec<u32>, shape: impl AsRef<[usize]>) -> Self {
        let at_most = data.iter().fold(0, |a, &b| a.max(b));
        Self::from_bounded("Ids::from_vec", data, shape.as_ref(), at_most)
    }

    /// As [`from_vec`](Self::from_vec), from a slice.
    ///
    /// ```
    /// use glassbox_tensor::Ids;
    /// assert_eq!(Ids::from_slice(&[1, 2], [2]), Ids::from([1, 2]));
    /// ```
    ///
    /// # Panics
    /// When the number of elements differs from the shape's.
    #[track_caller]
    pub fn from_slice(data: &[u32], shape: impl AsRef<[usize]>) -> Self {
        let at_most = data.iter().fold(0, |a, &b| a.max(b));
        Self::from_bounded("Ids::from_slice", data, shape.as_ref(), at_most)
    }

    /// Ids of which the caller knows that none is greater than `at_most`.
    #[track_caller]
    pub(crate) fn from_bounded(op: &str, data: impl Into<Arc<[u32]>>, shape: &[usize], at_most: u32) -> Self {
        let (data, shape) = (data.into(), Dims::new(shape));
        let (have, want) = (data.len(), numel(&shape));
        assert!(have == want, "{op}: {have} for shape {shape:?}, which holds {want}", have = counted(have, "element"));
        Self { data, shape, at_most }
    }

    /// `[0, 1, …, n − 1]`.
    ///
    /// ```
    /// use glassbox_tensor::Ids;
    /// assert_eq!(Ids::arange(3), Ids::from([0, 1, 2]));
    /// ```
    ///
    /// # Panics
    /// When `n` is more than u32 can count.
    #[track_caller]
    pub fn arange(n: usize) -> Self {
        let end = u32::try_from(n).unwrap_or_else(|_| panic!("Ids::arange: {n} ids, more than u32 can count"));
        Self::from_bounded("Ids::arange", (0..end).collect::<Vec<_>>(), &[n], end.saturating_sub(1))
    }

    /// Draws from 0, 1, …, n − 1, each equally likely: element i is [`key.below(i, n)`](Key::below).
    ///
    /// ```
    /// use glassbox_tensor::{Ids, random::Key};
    /// let t = Ids::randint(1000, [64], Key::new(1)); // a time step for each picture of a batch
    /// assert!(t.as_slice().iter().all(|&t| t < 1000));
    /// ```
    ///
    /// # Panics
    /// When `n` is 0 and the shape has elements.
    #[track_caller]
    pub fn randint(n: u32, shape: impl AsRef<[usize]>, key: Key) -> Self {
        let shape = shape.as_ref();
        let count = numel(shape);
        assert!(
            n > 0 || count == 0,
            "Ids::randint: there is no id below 0 to fill shape {shape:?} with; n must be at least 1"
        );
        let data: Vec<u32> = (0..count as u64).map(|i| key.below(i, n)).collect();
        Self::from_bounded("Ids::randint", data, shape, n.saturating_sub(1))
    }

    /// The ids which a tensor holds as floats.
    ///
    /// ```
    /// use glassbox_tensor::{Ids, tensor};
    /// assert_eq!(Ids::from_tensor(&tensor![[3., 0.]]), Ids::from([[3, 0]]));
    /// ```
    ///
    /// # Panics
    /// When an element is not a whole number of u32's range.
    #[track_caller]
    pub fn from_tensor(x: &Tensor) -> Self {
        let data = x.to_vec();
        let bad = data.iter().position(|&v| v as u32 as f32 != v || v.is_sign_negative() && v != 0.0);
        if let Some(at) = bad {
            let (v, place) = (data[at], place(x.shape(), at));
            panic!("Ids::from_tensor: {v} at {place:?} is no id; ids are the whole numbers 0, 1, 2, …");
        }
        Self::from_vec(data.iter().map(|&v| v as u32).collect(), x.shape())
    }
}

/// Looking at ids.
impl Ids {
    /// The elements in row-major order.
    ///
    /// ```
    /// assert_eq!(glassbox_tensor::Ids::from([[1, 2], [3, 4]]).as_slice(), [1, 2, 3, 4]);
    /// ```
    pub fn as_slice(&self) -> &[u32] {
        &self.data
    }

    /// The length of each axis.
    ///
    /// ```
    /// assert_eq!(glassbox_tensor::Ids::from([[1, 2, 3]]).shape(), [1, 3]);
    /// ```
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The number of axes.
    ///
    /// ```
    /// assert_eq!(glassbox_tensor::Ids::from([[1, 2, 3]]).rank(), 2);
    /// ```
    pub fn rank(&self) -> usize {
        self.shape.len()
    }

    /// The number of elements.
    ///
    /// ```
    /// assert_eq!(glassbox_tensor::Ids::from([[1, 2, 3]]).numel(), 3);
    /// ```
    pub fn numel(&self) -> usize {
        self.data.len()
    }

    /// The id at an index.
    ///
    /// ```
    /// assert_eq!(glassbox_tensor::Ids::from([[1, 2], [3, 4]]).at([1, 0]), 3);
    /// ```
    ///
    /// # Panics
    /// For an index outside the shape.
    #[track_caller]
    pub fn at<const R: usize>(&self, index: [usize; R]) -> u32 {
        let shape = self.shape();
        let inside = R == shape.len() && index.iter().zip(shape).all(|(i, d)| i < d);
        assert!(inside, "Ids::at: index {index:?} lies outside shape {shape:?}");
        self.data[index.iter().zip(shape).fold(0, |at, (i, d)| at * d + i)]
    }

    /// The only id.
    ///
    /// ```
    /// assert_eq!(glassbox_tensor::Ids::from([7]).item(), 7);
    /// ```
    ///
    /// # Panics
    /// When there is not exactly one.
    #[track_caller]
    pub fn item(&self) -> u32 {
        assert!(self.numel() == 1, "Ids::item: shape {:?} has {} elements, not one", self.shape(), self.numel());
        self.data[0]
    }

    /// The bytes, little-endian on every supported machine: what goes into a file.
    ///
    /// ```
    /// assert_eq!(glassbox_tensor::Ids::from([1, 256]).as_bytes(), [1, 0, 0, 0, 0, 1, 0, 0]);
    /// ```
    pub fn as_bytes(&self) -> &[u8] {
        bytemuck::cast_slice(&self.data)
    }

    /// The ids as floats, which are exact up to 2²⁴.
    ///
    /// ```
    /// use glassbox_tensor::{Ids, tensor};
    /// assert_eq!(Ids::from([3, 0]).to_tensor(), tensor![3., 0.]);
    /// ```
    pub fn to_tensor(&self) -> Tensor {
        Tensor::from_vec(self.data.iter().map(|&id| id as f32).collect(), self.shape)
    }

    /// 1 where an id names a class, 0 elsewhere: y[…, c] = [ids[…] = c], with the classes along a new last axis.
    ///
    /// ```
    /// use glassbox_tensor::{Ids, tensor};
    /// assert_eq!(Ids::from([2, 0]).one_hot(3), tensor![[0., 0., 1.], [1., 0., 0.]]);
    /// ```
    ///
    /// # Panics
    /// When an id is not below `classes`.
    #[track_caller]
    pub fn one_hot(&self, classes: usize) -> Tensor {
        self.check_below("one_hot", classes, format_args!("{}", counted(classes, "class")));
        let mut shape = self.shape;
        shape.push(classes);
        let mut out = Tensor::for_overwrite(&shape);
        let (rows, work) = (CHUNK.div_ceil(classes.max(1)), out.numel());
        for_each_chunk(out.make_mut(), rows * classes, work, |task, part| {
            part.fill(0.0);
            for (row, &id) in part.chunks_exact_mut(classes).zip(&self.data[task * rows..]) {
                row[id as usize] = 1.0;
            }
        });
        out
    }

    /// Checks that every id is below `bound`, the number of `what`: entries of an axis, rows of a table, classes.
    ///
    /// # Panics
    /// Otherwise, with the first id that is not, its place and the bound.
    ///
    /// ```should_panic
    /// // one_hot: id 9 at [1] is out of range for 5 classes; use ids below 5
    /// glassbox_tensor::Ids::from([2, 9]).check_below("one_hot", 5, "5 classes");
    /// ```
    #[track_caller]
    pub fn check_below(&self, op: &str, bound: usize, what: impl Display) {
        if (self.at_most as usize) < bound {
            return;
        }
        if let Some(at) = self.data.iter().position(|&id| id as usize >= bound) {
            let (id, place) = (self.data[at], place(&self.shape, at));
            assert!(
                bound > 0,
                "{op}: id {id} at {place:?} is out of range for {what}, which is empty; there is nothing to name"
            );
            panic!("{op}: id {id} at {place:?} is out of range for {what}; use ids below {bound}");
        }
    }

    /// [`check_below`](Self::check_below) for ids which name the entries of an axis.
    #[track_caller]
    pub(crate) fn check_entries(&self, op: &str, shape: &[usize], axis: usize) {
        self.check_below(op, shape[axis], format_args!("axis {axis} of shape {shape:?}"));
    }
}

/// The index in a shape of the element that stands at `at` in row-major order.
pub(crate) fn place(shape: &[usize], mut at: usize) -> Vec<usize> {
    let mut index = vec![0; shape.len()];
    for (i, &dim) in index.iter_mut().zip(shape).rev() {
        (*i, at) = (at % dim, at / dim);
    }
    index
}

/// The same ids in another arrangement.
impl Ids {
    /// The same ids in row-major order under another shape.
    ///
    /// ```
    /// use glassbox_tensor::Ids;
    /// assert_eq!(Ids::from([1, 2, 3, 4]).reshape([2, 2]), Ids::from([[1, 2], [3, 4]]));
    /// ```
    ///
    /// # Panics
    /// When the numbers of elements differ.
    #[track_caller]
    pub fn reshape(&self, shape: impl AsRef<[usize]>) -> Ids {
        let shape = Dims::new(shape.as_ref());
        let (have, want) = (self.numel(), numel(&shape));
        assert!(
            have == want,
            "Ids::reshape: {:?} has {have}, but {shape:?} has {want}; a new shape holds as many",
            self.shape(),
            have = counted(have, "element")
        );
        Ids { shape, ..self.clone() }
    }

    /// `len` entries of `axis` from `start` on.
    ///
    /// ```
    /// use glassbox_tensor::Ids;
    /// assert_eq!(Ids::from([[1, 2, 3], [4, 5, 6]]).narrow(-1, 1, 2), Ids::from([[2, 3], [5, 6]]));
    /// ```
    ///
    /// # Panics
    /// When the axis doesn't exist or is shorter than that.
    #[track_caller]
    pub fn narrow(&self, axis: isize, start: usize, len: usize) -> Ids {
        let at = axis_index("Ids::narrow", axis, self.rank());
        let dim = self.shape[at];
        let fits = start.checked_add(len).is_some_and(|end| end <= dim);
        assert!(
            fits,
            "Ids::narrow: {len} from {start} on axis {axis} of shape {:?}, which has {dim}; start + len is {dim} at most",
            self.shape(),
            len = counted(len, "entry")
        );
        let inner: usize = self.shape[at + 1..].iter().product();
        let mut shape = self.shape;
        shape[at] = len;
        let mut data = Vec::with_capacity(numel(&shape));
        for block in self.data.chunks((dim * inner).max(1)) {
            data.extend_from_slice(&block[start * inner..][..len * inner]);
        }
        Ids::from_vec(data, shape)
    }

    /// Entry `index` of the first axis, without that axis: one text of a batch, say.
    ///
    /// ```
    /// use glassbox_tensor::Ids;
    /// assert_eq!(Ids::from([[1, 2], [3, 4]]).select(1), Ids::from([3, 4]));
    /// ```
    ///
    /// # Panics
    /// When there are no axes, or the first one has no such entry.
    #[track_caller]
    pub fn select(&self, index: usize) -> Ids {
        let dim = self.shape[axis_index("Ids::select", 0, self.rank())];
        assert!(
            index < dim,
            "Ids::select: entry {index} on axis 0 of shape {:?}, which has {dim}; the first is 0",
            self.shape()
        );
        let one = self.narrow(0, index, 1);
        Ids { shape: self.shape.without(0), ..one }
    }
}

/// Equal shapes and equal ids.
impl PartialEq for Ids {
    fn eq(&self, other: &Self) -> bool {
        self.shape == other.shape && self.data == other.data
    }
}

impl Eq for Ids {}

impl<const N: usize> From<[u32; N]> for Ids {
    fn from(ids: [u32; N]) -> Self {
        Ids::from_slice(&ids, [N])
    }
}

impl<const N: usize, const M: usize> From<[[u32; M]; N]> for Ids {
    fn from(ids: [[u32; M]; N]) -> Self {
        Ids::from_slice(ids.as_flattened(), [N, M])
    }
}
