//! What one optimiser differs from another by.

use glassbox_autograd::Cost;
use glassbox_tensor::Tensor;
use std::fmt;

/// The hyperparameters of an optimiser, and its formula for one parameter. Everything else stands once, in
/// [`Optimizer`](super::Optimizer).
///
/// Sign descent in five lines:
///
/// ```
/// use glassbox_nn::optim::{Optimizer, Rule};
/// use glassbox_nn::Param;
/// use glassbox_tensor::{Tensor, tensor};
///
/// #[derive(Debug, Clone)]
/// struct SignDescent {
///     lr: f32,
/// }
///
/// impl Rule for SignDescent {
///     fn state(&self, _: &[usize]) -> &'static [&'static str] {
///         &[]
///     }
///     fn update(&self, _: u64, p: &mut Tensor, _: &mut [Tensor], g: &Tensor) {
///         *p += &(&g.sign() * -self.lr); // p ← p − lr · sign(g)
///     }
/// }
///
/// let mut w = Param::new(tensor![3.0, -5.0]);
/// let mut optimizer = Optimizer::with(SignDescent { lr: 0.5 });
/// let loss = w.var().square().sum_all();
/// optimizer.step(&mut w, &loss.backward())?;
/// assert_eq!(w.value(), &tensor![2.5, -4.5]);
/// # Ok::<(), glassbox_nn::optim::StepError>(())
/// ```
pub trait Rule: Clone + fmt::Debug + Send + Sync {
    /// What is kept from step to step beside a parameter of this shape, in the words of PyTorch's state:
    /// `momentum_buffer`, `exp_avg`. Each is a tensor of the parameter's shape, and begins at 0.
    fn state(&self, shape: &[usize]) -> &'static [&'static str];

    /// One step of the parameter p with gradient g, in place: its `t`-th, from 1. `state` holds what
    /// [`state`](Rule::state) names, in that order.
    fn update(&self, t: u64, p: &mut Tensor, state: &mut [Tensor], g: &Tensor);

    /// What the step of a parameter of this shape must compute and move, for profiles. Unless a rule says more, that is to read
    /// and write p and what is kept, and to read g.
    fn cost(&self, shape: &[usize]) -> Cost {
        let (n, arrays) = (shape.iter().product::<usize>() as u64, 1 + self.state(shape).len() as u64);
        Cost { flops: 0, bytes: 4 * n * (2 * arrays + 1) }
    }
}
