//! What a layer is made of: parameters, which are learned, and buffers, which are only kept.

use glassbox_autograd::{LeafId, Var};
use glassbox_tensor::Tensor;
use std::sync::{Arc, PoisonError, RwLock};

/// A tensor which is learned: plain data, with an identity that stays while the values change.
///
/// [`var`](Param::var) makes a leaf of that identity. Using a parameter twice in one loss makes two leaves, whose
/// gradients add into one:
///
/// ```
/// use glassbox_nn::Param;
/// use glassbox_tensor::Tensor;
///
/// let w = Param::new(Tensor::from_slice(&[3.0], [1]));
/// let loss = (&w.var() * &w.var()).sum_all(); // w²
/// let grads = loss.backward();
/// assert_eq!(grads.get(w.id()).map(Tensor::item), Some(6.0)); // 2w
/// ```
#[derive(Debug)]
pub struct Param {
    id: LeafId,
    value: Tensor,
    frozen: bool,
    name: Option<Arc<str>>,
}

impl Param {
    /// A parameter with this initial value, and an identity of its own.
    pub fn new(value: Tensor) -> Self {
        Self { id: LeafId::fresh(), value, frozen: false, name: None }
    }

    /// The parameter in a graph: a leaf of its identity and its name, or a constant while it is frozen, so that nothing
    /// is kept for a gradient that nobody wants. The values are shared, not copied.
    #[track_caller]
    pub fn var(&self) -> Var {
        if self.frozen {
            return Var::constant(self.value.clone());
        }
        let leaf = Var::leaf(self.id, self.value.clone());
        match &self.name {
            Some(name) => leaf.named(name.clone()),
            None => leaf,
        }
    }

    /// Its values.
    pub fn value(&self) -> &Tensor {
        &self.value
    }

    /// Its values, to be changed in place. This copies nothing as long as no graph holds them, as after `backward`.
    pub fn value_mut(&mut self) -> &mut Tensor {
        &mut self.value
    }

    /// Replaces its values.
    ///
    /// # Panics
    /// If the shape differs: whoever knows the parameter by its identity knows it by its shape.
    #[track_caller]
    pub fn set_value(&mut self, value: Tensor) {
        assert_same_shape("Param::set_value", &self.value, &value);
        self.value = value;
    }

    /// Its identity: the key to its gradient in `Gradients`, and to its moments in an optimiser.
    pub fn id(&self) -> LeafId {
        self.id
    }

    /// What graphs, traces and anomaly reports call it; see [`Module::name_parameters`](crate::Module::name_parameters).
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Names it.
    ///
    /// ```
    /// use glassbox_nn::Param;
    /// use glassbox_tensor::Tensor;
    /// let mut scale = Param::new(Tensor::ones([3]));
    /// scale.set_name("scale");
    /// assert_eq!((scale.name(), scale.var().name().as_deref()), (Some("scale"), Some("scale")));
    /// ```
    pub fn set_name(&mut self, name: impl Into<Arc<str>>) {
        self.name = Some(name.into());
    }

    /// Whether it is left as it is by every optimiser.
    pub fn is_frozen(&self) -> bool {
        self.frozen
    }

    /// Leaves it as it is from now on: no gradient, no step, no complaint that the loss did not reach it.
    pub fn freeze(&mut self) {
        self.frozen = true;
    }

    /// Learns it again.
    pub fn unfreeze(&mut self) {
        self.frozen = false;
    }
}

/// A clone is another parameter which begins with the same values (shared until one of them changes). It has an
/// identity of its own: two models must not add into one gradient.
impl Clone for Param {
    fn clone(&self) -> Self {
        let (value, frozen, name) = (self.value.clone(), self.frozen, self.name.clone());
        Self { id: LeafId::fresh(), value, frozen, name }
    }
}

/// A tensor which is kept with the model and not learned, such as a running mean: visited and saved like a parameter,
/// never given to an optimiser.
///
/// A forward pass of training may change it, although it borrows the model as any other does: `forward(&self, …)`. Where two
/// threads run one model at once, each change is whole; their order is the threads' own.
///
/// ```
/// use glassbox_nn::Buffer;
/// use glassbox_tensor::tensor;
///
/// let running_mean = Buffer::new(tensor![0., 0.]);
/// running_mean.set_value(&(&running_mean.value() * 0.9) + &(&tensor![1., 2.] * 0.1));
/// assert_eq!(running_mean.value().to_vec(), [0.1, 0.2]);
/// ```
#[derive(Debug)]
pub struct Buffer {
    value: RwLock<Tensor>,
}

impl Buffer {
    /// A buffer with this initial value.
    pub fn new(value: Tensor) -> Self {
        Self { value: RwLock::new(value) }
    }

    /// Its values: shared, not copied.
    pub fn value(&self) -> Tensor {
        self.value.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces its values.
    ///
    /// # Panics
    /// If the shape differs.
    #[track_caller]
    pub fn set_value(&self, value: Tensor) {
        assert_same_shape("Buffer::set_value", &self.value(), &value);
        *self.value.write().unwrap_or_else(PoisonError::into_inner) = value;
    }
}

/// A clone begins with the same values, and changes apart from the original.
impl Clone for Buffer {
    fn clone(&self) -> Self {
        Self::new(self.value())
    }
}

#[track_caller]
fn assert_same_shape(what: &str, old: &Tensor, new: &Tensor) {
    assert!(
        old.shape() == new.shape(),
        "{what}: the new value has shape {:?}, the old one {:?}; reshape it, or make a new one",
        new.shape(),
        old.shape()
    );
}
