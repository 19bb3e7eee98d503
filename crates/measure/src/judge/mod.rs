//! The judge: a small classifier, whose last hidden layer is the space in which pictures are compared.
//!
//! Two pictures of one shoe, a pixel apart, are far from each other pixel for pixel. A network that was trained to name
//! things has learned to see past that: in front of its last layer, which only draws straight borders between the classes, lie
//! 64 numbers that say what is to be seen.

mod pictures;
mod presets;
mod results;
mod shift;
mod training;
mod weights;

pub use presets::{JUDGE, JUDGE_DIGITS, PRESETS};
pub use results::RESULTS;
pub use training::JudgeTraining;
pub(crate) use training::over;
pub use weights::{WEIGHTS, Weights};

use glassbox_autograd::Var;
use glassbox_nn::{Context, Conv2d, Dropout, Linear, Module};
use glassbox_tensor::random::Key;
use glassbox_tensor::{Conv2dOptions, Pool2d};

/// The numbers of a picture's features, D.
pub const FEATURES: usize = 64;

/// Channels after the first convolution and after the second.
const CHANNELS: [usize; 2] = [16, 32];

/// A classifier of small pictures, (B, C, H, W) -> (B, classes).
///
/// ```text
/// a = pool(relu(conv2(pool(relu(conv1(x))))))    3 × 3 each; pool takes the largest of 2 × 2
/// features = relu(W1·a + b1)                     (B, 64)
/// logits = W2·features + b2                      (B, classes)
/// ```
///
/// For 28 × 28 and ten classes it has 105,866 weights, 423 kB.
///
/// ```
/// use glassbox_autograd::Var;
/// use glassbox_measure::Judge;
/// use glassbox_nn::Module;
/// use glassbox_tensor::{Tensor, random::Key};
/// let judge = Judge::new([1, 28, 28], 10, 0.3, Key::new(0));
/// assert_eq!(judge.features(&Var::constant(Tensor::zeros([2, 1, 28, 28]))).shape(), [2, 64]);
/// assert_eq!(judge.parameters().iter().map(|(_, p)| p.value().numel()).sum::<usize>(), 105_866);
/// ```
#[derive(Debug, Clone, Module)]
pub struct Judge {
    /// C -> 16 channels.
    pub conv1: Conv2d,
    /// 16 -> 32 channels, at half the width and height.
    pub conv2: Conv2d,
    /// All that is left of the picture, 32·H/4·W/4 -> 64.
    pub fc1: Linear,
    /// 64 -> classes.
    pub fc2: Linear,
    /// Of the numbers that `fc1` sees, in training.
    pub dropout: Dropout,
}

impl Judge {
    /// An untrained judge of pictures (C, H, W), which drops a share `dropout` of what `fc1` sees in training.
    ///
    /// # Panics
    /// If H or W is below 4, for it is halved twice, or `dropout` is no probability.
    #[track_caller]
    pub fn new([c, h, w]: [usize; 3], classes: usize, dropout: f32, key: Key) -> Judge {
        assert!(h >= 4 && w >= 4, "Judge::new: pictures of {h} × {w} can't be halved twice; both are at least 4");
        let [c1, c2] = CHANNELS;
        let conv = |from, to, key| Conv2d::with(from, to, [3, 3], Conv2dOptions::padded(1), key);
        Judge {
            conv1: conv(c, c1, key.fold(1)),
            conv2: conv(c1, c2, key.fold(2)),
            fc1: Linear::new(c2 * (h / 4) * (w / 4), FEATURES, key.fold(3)),
            fc2: Linear::new(FEATURES, classes, key.fold(4)),
            dropout: Dropout::new(dropout),
        }
    }

    /// What the judge sees in pictures, (B, C, H, W) -> (B, 64).
    ///
    /// # Panics
    /// If they are not of the shape that it was made for.
    #[track_caller]
    pub fn features(&self, x: &Var) -> Var {
        self.see(x, &Context::eval())
    }

    /// The logits of the classes, (B, C, H, W) -> (B, classes).
    ///
    /// ```
    /// # use glassbox_autograd::Var;
    /// # use glassbox_measure::Judge;
    /// # use glassbox_nn::Context;
    /// # use glassbox_tensor::{Tensor, random::Key};
    /// let judge = Judge::new([1, 8, 8], 3, 0.0, Key::new(0));
    /// let logits = judge.forward(&Var::constant(Tensor::zeros([5, 1, 8, 8])), &Context::eval());
    /// assert_eq!(logits.shape(), [5, 3]);
    /// ```
    ///
    /// # Panics
    /// If they are not of the shape that it was made for.
    #[track_caller]
    pub fn forward(&self, x: &Var, ctx: &Context) -> Var {
        self.fc2.forward(&self.see(x, ctx)) // (B, 64) -> (B, classes)
    }

    /// The same judge as constants: what it computes records no graph.
    ///
    /// ```
    /// # use glassbox_measure::Judge;
    /// # use glassbox_nn::Module;
    /// # use glassbox_tensor::random::Key;
    /// let judge = Judge::new([1, 8, 8], 3, 0.0, Key::new(0));
    /// assert!(judge.frozen().parameters().iter().all(|(_, p)| p.is_frozen()));
    /// ```
    pub fn frozen(&self) -> Judge {
        let mut frozen = self.clone();
        frozen.freeze();
        frozen
    }

    #[track_caller]
    fn see(&self, x: &Var, ctx: &Context) -> Var {
        let pool = Pool2d::new([2, 2]);
        let a = self.conv1.forward(x).relu().max_pool2d(&pool); // (B, 1, 28, 28) -> (B, 16, 14, 14)
        let a = self.conv2.forward(&a).relu().max_pool2d(&pool); // -> (B, 32, 7, 7)
        let a = a.reshape([x.shape()[0], a.value().numel() / x.shape()[0]]); // -> (B, 1568)
        self.fc1.forward_relu(&self.dropout.forward(&a, ctx)) // -> (B, 64)
    }
}
