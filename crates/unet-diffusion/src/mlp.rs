//! The network for points in the plane: small enough to be trained in seconds, with the same parts as the one for pictures.

use glassbox_autograd::Var;
use glassbox_nn::{Linear, Module, TimestepOptions, timestep_embedding};
use glassbox_tensor::Tensor;
use glassbox_tensor::random::Key;

/// A residual network of fully connected layers, which is told the timestep in every block. B points of D numbers, H units:
///
/// ```text
/// e = silu(W_2·silu(W_1·embedding(t)))                    (B) -> (B, H)
/// h = W_in·x                                              (B, D) -> (B, H)
/// h ← h + W_b2·silu(W_b1·silu(h) + W_bt·e)                L times
/// answer = W_out·silu(h)                                  (B, H) -> (B, D)
/// ```
///
/// The last layer begins at 0, so that the first answer is 0 everywhere: as wrong as it must be, and no worse.
///
/// ```
/// use glassbox_autograd::Var;
/// use glassbox_tensor::{Tensor, random::Key, tensor};
/// use glassbox_unet_diffusion::Mlp;
/// let mlp = Mlp::new(2, 32, 2, Key::new(0));
/// let y = mlp.forward(&Var::constant(Tensor::randn([5, 2], Key::new(1))), &tensor![0., 10., 20., 500., 999.]);
/// assert_eq!(y.shape(), [5, 2]);
/// ```
#[derive(Debug, Clone, Module)]
pub struct Mlp {
    /// The first layer of the timestep, H -> H.
    pub time1: Linear,
    /// The second, H -> H.
    pub time2: Linear,
    /// D -> H.
    pub input: Linear,
    /// L of them.
    pub blocks: Vec<MlpBlock>,
    /// H -> D.
    pub output: Linear,
}

/// One block of an [`Mlp`].
#[derive(Debug, Clone, Module)]
pub struct MlpBlock {
    /// H -> H.
    pub fc1: Linear,
    /// The timestep's part of the hidden layer, H -> H.
    pub time: Linear,
    /// H -> H.
    pub fc2: Linear,
}

impl MlpBlock {
    fn new(width: usize, key: Key) -> MlpBlock {
        let linear = |i| Linear::new(width, width, key.fold(i));
        MlpBlock { fc1: linear(0), time: linear(1), fc2: linear(2) }
    }

    fn forward(&self, h: &Var, e: &Var) -> Var {
        let inner = &self.fc1.forward(&h.silu()) + &self.time.forward(e); // (B, H)
        h + &self.fc2.forward(&inner.silu())
    }
}

impl Mlp {
    /// For points of `dimensions` numbers, with `width` units in each of `layers` blocks.
    ///
    /// # Panics
    /// If the width is below 4, for its waves need two of each kind.
    #[track_caller]
    pub fn new(dimensions: usize, width: usize, layers: usize, key: Key) -> Mlp {
        assert!(width >= 4, "Mlp: width {width}; at least 4, for two sines and two cosines of the timestep");
        let mut mlp = Mlp {
            time1: Linear::new(width, width, key.fold(0)),
            time2: Linear::new(width, width, key.fold(1)),
            input: Linear::new(dimensions, width, key.fold(2)),
            blocks: (0..layers as u64).map(|i| MlpBlock::new(width, key.fold(4).fold(i))).collect(),
            output: Linear::new(width, dimensions, key.fold(3)),
        };
        mlp.output.weight.set_value(Tensor::zeros([dimensions, width]));
        if let Some(bias) = &mut mlp.output.bias {
            bias.set_value(Tensor::zeros([dimensions]));
        }
        mlp.name_parameters();
        mlp
    }

    /// The same network as constants: what it computes records no graph.
    ///
    /// ```
    /// use glassbox_nn::Module;
    /// use glassbox_tensor::random::Key;
    /// use glassbox_unet_diffusion::Mlp;
    /// assert!(Mlp::new(2, 8, 1, Key::new(0)).frozen().parameters().iter().all(|(_, p)| p.is_frozen()));
    /// ```
    pub fn frozen(&self) -> Mlp {
        let mut frozen = self.clone();
        frozen.freeze();
        frozen
    }

    /// The answer for x (B, D) at the timesteps t (B), which may lie between whole ones.
    #[track_caller]
    pub fn forward(&self, x: &Var, t: &Tensor) -> Var {
        let width = self.time1.weight.value().shape()[0];
        let waves = Var::constant(timestep_embedding(t, width, TimestepOptions::default())); // (B) -> (B, H)
        let e = self.time2.forward(&self.time1.forward(&waves).silu()).silu(); // (B, H)
        let mut h = self.input.forward(x); // (B, D) -> (B, H)
        for block in &self.blocks {
            h = block.forward(&h, &e);
        }
        self.output.forward(&h.silu()) // (B, H) -> (B, D)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glassbox_autograd::gradcheck;
    use glassbox_tensor::tensor;

    #[test]
    fn its_gradient_is_that_of_central_differences() {
        let mut mlp = Mlp::new(2, 8, 2, Key::new(0));
        mlp.output = Linear::new(8, 2, Key::new(9)); // at 0 nothing behind it would have a gradient
        let t = tensor![3., 700., 41.];
        gradcheck(|x| mlp.forward(&x[0], &t).square().mean_all(), &[Tensor::randn([3, 2], Key::new(1))]).unwrap();
    }

    #[test]
    fn the_first_answer_is_0_and_each_point_has_its_own_time() {
        let mut mlp = Mlp::new(2, 16, 1, Key::new(0));
        let x = Var::constant(Tensor::randn([2, 2], Key::new(1)));
        assert_eq!(mlp.forward(&x, &tensor![5., 900.]).value(), &Tensor::zeros([2, 2]));
        mlp.output = Linear::new(16, 2, Key::new(9));
        let [both, swapped] = [[5., 900.], [900., 5.]].map(|t| mlp.forward(&x, &Tensor::from_slice(&t, [2])));
        assert_ne!(both.value().select(0, 0), swapped.value().select(0, 0));
    }
}
