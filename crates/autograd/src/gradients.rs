//! What a sweep returns: a gradient for each leaf.

use crate::node::{Content, Node};
use crate::var::{LeafId, Var};
use glassbox_tensor::Tensor;
use std::collections::BTreeMap;
use std::ops::{AddAssign, MulAssign};

/// The gradients of a scalar, by leaf. They add up and scale, so that a batch which doesn't fit in memory can be taken in
/// parts:
///
/// ```
/// use glassbox_autograd::{Gradients, Var};
/// use glassbox_tensor::{Tensor, tensor};
/// let w = Var::input(tensor![[2.0]]);
/// let loss = |x: &Tensor| Var::constant(x.clone()).matmul(&w).square().mean_all(); // mean of (w·x)²
/// let batch = tensor![[1.], [2.], [3.], [4.]];
///
/// let mut grads = Gradients::default();
/// for part in [batch.narrow(0, 0, 2), batch.narrow(0, 2, 2)] {
///     grads += loss(&part).backward();
/// }
/// grads *= 1.0 / 2.0; // each loss is a mean over its own part
/// assert_eq!(grads.of(&w), loss(&batch).backward().of(&w)); // 2w · mean of x² = 30
/// ```
#[derive(Clone, Debug, Default)]
pub struct Gradients(BTreeMap<LeafId, Tensor>);

impl Gradients {
    /// The gradient of a leaf; `None` when the scalar doesn't depend on it.
    ///
    /// ```
    /// use glassbox_autograd::{LeafId, Var};
    /// use glassbox_tensor::tensor;
    /// let w = LeafId::fresh();
    /// let grads = Var::leaf(w, tensor![3.]).square().sum_all().backward();
    /// assert_eq!(grads.get(w), Some(&tensor![6.]));
    /// assert_eq!(grads.get(LeafId::fresh()), None);
    /// ```
    pub fn get(&self, id: LeafId) -> Option<&Tensor> {
        self.0.get(&id)
    }

    /// The gradient of a leaf variable.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::tensor;
    /// let x = Var::input(tensor![3.]);
    /// assert_eq!(x.square().sum_all().backward().of(&x), &tensor![6.]);
    /// ```
    ///
    /// # Panics
    /// When `x` is not a leaf, or the scalar doesn't depend on it.
    #[track_caller]
    pub fn of(&self, x: &Var) -> &Tensor {
        let id = x.leaf_id().expect("Gradients::of: not a leaf; make it one with Var::input, or use grad(&y, &[&x])");
        self.get(id).expect("Gradients::of: the differentiated value does not depend on this leaf")
    }

    /// Takes the gradient of a leaf out.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::tensor;
    /// let x = Var::input(tensor![3.]);
    /// let mut grads = x.square().sum_all().backward();
    /// assert_eq!(grads.remove(x.leaf_id().unwrap()), Some(tensor![6.]));
    /// assert_eq!(grads.ids().count(), 0);
    /// ```
    pub fn remove(&mut self, id: LeafId) -> Option<Tensor> {
        self.0.remove(&id)
    }

    /// Every leaf that has a gradient.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::tensor;
    /// let (a, b) = (Var::input(tensor![3.]), Var::input(tensor![4.]));
    /// let grads = (&a * &b.detach()).sum_all().backward();
    /// assert!(grads.ids().eq(a.leaf_id())); // and not b's
    /// ```
    pub fn ids(&self) -> impl Iterator<Item = LeafId> + '_ {
        self.0.keys().copied()
    }

    /// Every leaf that has a gradient, with it.
    ///
    /// ```
    /// use glassbox_autograd::Var;
    /// use glassbox_tensor::tensor;
    /// let (a, b) = (Var::input(tensor![3.]), Var::input(tensor![4.]));
    /// let grads = (&a * &b).sum_all().backward();
    /// let length: f32 = grads.iter().map(|(_, g)| g.item() * g.item()).sum::<f32>().sqrt();
    /// assert_eq!(length, 5.0); // √(4² + 3²), by which gradients are clipped
    /// ```
    pub fn iter(&self) -> impl Iterator<Item = (LeafId, &Tensor)> + '_ {
        self.0.iter().map(|(id, g)| (*id, g))
    }

    /// Adds what arrived at a node, if that is a leaf.
    #[track_caller]
    pub(crate) fn collect(&mut self, node: &Node, g: &Var) {
        if let Content::Leaf(id) = &*node.content.borrow() {
            self.add(*id, g.value().clone(), Some(node));
        }
    }

    #[track_caller]
    fn add(&mut self, id: LeafId, g: Tensor, node: Option<&Node>) {
        match self.0.get_mut(&id) {
            Some(sum) => {
                let before = node.is_some_and(|_| crate::anomaly::is_on()).then(|| sum.clone());
                *sum += &g;
                if let (Some(before), Some(node)) = (before, node) {
                    crate::anomaly::check_sum(node, [&before, &g], sum);
                }
            }
            None => drop(self.0.insert(id, g)),
        }
    }
}

/// Adds leaf by leaf: what only one side has stays as it is.
impl AddAssign for Gradients {
    #[track_caller]
    fn add_assign(&mut self, other: Gradients) {
        other.0.into_iter().for_each(|(id, g)| self.add(id, g, None));
    }
}

/// Scales every gradient.
impl MulAssign<f32> for Gradients {
    fn mul_assign(&mut self, factor: f32) {
        self.0.values_mut().for_each(|g| *g *= factor);
    }
}
