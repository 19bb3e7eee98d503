//! ndarray at the edges, and bytes.

use crate::tensor::Tensor;
use ndarray::{ArrayD, ArrayViewD, CowArray, IxDyn, ShapeBuilder};

impl Tensor {
    /// This tensor for ndarray: borrowed for any layout that ndarray can read, copied when an axis is broadcast.
    ///
    /// ```
    /// let x = glassbox_tensor::tensor![[1., 2.], [3., 4.]];
    /// assert_eq!(x.t().view()[[0, 1]], 3.0);
    /// ```
    pub fn view(&self) -> CowArray<'_, f32, IxDyn> {
        let shape = IxDyn(self.shape()).strides(IxDyn(self.strides()));
        match ArrayViewD::from_shape(shape, self.memory()) {
            Ok(view) => CowArray::from(view),
            Err(_) => {
                let copy = ArrayD::from_shape_vec(IxDyn(self.shape()), self.to_vec());
                CowArray::from(copy.expect("to_vec has as many elements as the shape"))
            }
        }
    }

    /// The elements as an f64 array, for references.
    ///
    /// ```
    /// assert_eq!(glassbox_tensor::tensor![0.5, 2.].to_f64().sum(), 2.5_f64);
    /// ```
    pub fn to_f64(&self) -> ArrayD<f64> {
        self.view().mapv(f64::from)
    }

    /// The nearest f32 of each element.
    ///
    /// ```
    /// use glassbox_tensor::{Tensor, tensor};
    /// let x = tensor![[1., 2.], [3., 4.]];
    /// assert_eq!(Tensor::from_f64(&x.to_f64()), x);
    /// ```
    pub fn from_f64(x: &ArrayD<f64>) -> Tensor {
        Tensor::from_vec(x.iter().map(|&v| v as f32).collect(), x.shape())
    }

    /// The bytes of the elements in row-major order, little-endian on every supported machine: what a file holds.
    ///
    /// ```
    /// assert_eq!(glassbox_tensor::tensor![1.].to_bytes(), 1.0f32.to_le_bytes());
    /// ```
    pub fn to_bytes(&self) -> Vec<u8> {
        bytemuck::cast_slice(self.contiguous().as_slice().expect("contiguous")).to_vec()
    }
}

impl From<&ArrayD<f32>> for Tensor {
    fn from(x: &ArrayD<f32>) -> Self {
        match x.as_slice() {
            Some(data) => Tensor::from_slice(data, x.shape()),
            None => Tensor::from_vec(x.iter().copied().collect(), x.shape()),
        }
    }
}
