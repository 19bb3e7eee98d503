//! `Ids`: whole numbers that name things (tokens, labels), never measured or differentiated.

use crate::shape::{Dims, numel};
use std::sync::Arc;

/// A row-major array of u32. Cloning shares the memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ids {
    data: Arc<[u32]>,
    shape: Dims,
}

impl Ids {
    /// Row-major data of a shape.
    ///
    /// # Panics
    /// When the number of elements differs from the shape's.
    #[track_caller]
    pub fn from_vec(data: Vec<u32>, shape: impl AsRef<[usize]>) -> Self {
        let shape = Dims::new(shape.as_ref());
        let (have, want) = (data.len(), numel(&shape));
        assert!(have == want, "Ids::from_vec: {have} elements for shape {shape:?}, which holds {want}");
        Self { data: data.into(), shape }
    }

    /// The elements in row-major order.
    pub fn as_slice(&self) -> &[u32] {
        &self.data
    }

    /// The length of each axis.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The number of elements.
    pub fn numel(&self) -> usize {
        self.data.len()
    }

    /// The bytes, little-endian on every supported machine: what goes into a file.
    pub fn as_bytes(&self) -> &[u8] {
        bytemuck::cast_slice(&self.data)
    }
}
