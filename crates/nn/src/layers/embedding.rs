//! A table with a vector for each id.

use crate::Module;
use crate::param::Param;
use glassbox_autograd::Var;
use glassbox_tensor::random::Key;
use glassbox_tensor::{Ids, Tensor};

/// `y[…, d] = W[ids[…], d]`
///
/// A vector for each token, class or time step: ids (…) give (…, D). `weight` is (rows, D), as PyTorch keeps it, and is
/// drawn from N(0, 1).
///
/// With a padding id, that row begins as zeros and has no gradient: it stays as it is. PyTorch's `max_norm` and
/// `scale_grad_by_freq` are not offered: the one changes weights while they are read, and no model here uses the other.
///
/// ```
/// use glassbox_nn::Embedding;
/// use glassbox_tensor::{Ids, random::Key};
///
/// let classes = Embedding::new(10, 64, Key::new(0));
/// let y = classes.forward(&Ids::from([3, 1, 4])); // (B) -> (B, D)
/// assert_eq!(y.shape(), [3, 64]);
/// ```
///
/// Source: Bengio et al. 2003, A Neural Probabilistic Language Model: its matrix C.
#[derive(Debug, Clone, Module)]
pub struct Embedding {
    /// W (rows, D).
    pub weight: Param,
    #[module(skip)]
    padding: Option<u32>,
}

impl Embedding {
    /// `rows` vectors of `features` numbers from N(0, 1).
    ///
    /// ```
    /// # use glassbox_nn::Embedding;
    /// let table = Embedding::new(10, 64, glassbox_tensor::random::Key::new(0));
    /// assert_eq!(table.weight.value().shape(), [10, 64]);
    /// ```
    pub fn new(rows: usize, features: usize, key: Key) -> Self {
        Self { weight: Param::new(Tensor::randn([rows, features], key)), padding: None }
    }

    /// The same where id `padding` stands for no token: its row is zeros, and stays so in training.
    ///
    /// ```
    /// # use glassbox_nn::Embedding;
    /// # use glassbox_tensor::{Ids, random::Key};
    /// let table = Embedding::new(10, 2, Key::new(0)).with_padding(0);
    /// assert_eq!(table.forward(&Ids::from([0])).value().to_vec(), [0., 0.]);
    /// let grads = table.forward(&Ids::from([0, 3])).sum_all().backward();
    /// let dw = grads.get(table.weight.id()).expect("reached");
    /// assert_eq!((dw.at([0, 0]), dw.at([3, 0])), (0., 1.));
    /// ```
    ///
    /// # Panics
    /// If it names no row.
    #[must_use]
    #[track_caller]
    pub fn with_padding(mut self, padding: u32) -> Self {
        let [rows, features] = *self.weight.value().shape() else { unreachable!("made with two axes") };
        let row = padding as usize;
        assert!(row < rows, "Embedding: the padding id {padding} names no row of {rows}; use one below {rows}");
        self.weight.value_mut().make_mut()[row * features..][..features].fill(0.0);
        self.padding = Some(padding);
        self
    }

    /// `W[ids]`: (…) -> (…, D).
    ///
    /// # Panics
    /// If an id names no row.
    #[track_caller]
    pub fn forward(&self, ids: &Ids) -> Var {
        let y = self.weight.var().embedding(ids);
        match self.padding {
            Some(padding) if ids.as_slice().contains(&padding) => {
                let is_padding = ids.as_slice().iter().map(|&id| f32::from(id == padding)).collect();
                let is_padding = Tensor::from_vec(is_padding, ids.shape()).unsqueeze(-1); // (…, 1)
                Var::where_cond(&is_padding, &y.detach(), &y) // the same values, and a gradient for all other rows
            }
            _ => y,
        }
    }
}
