//! What layers begin with.

use glassbox_tensor::Tensor;
use glassbox_tensor::random::Key;

/// Draws from U[−bound, bound): element i is a function of (`key`, i) alone.
///
/// # Panics
/// If `bound` is negative or not finite.
#[track_caller]
pub fn uniform(shape: impl AsRef<[usize]>, bound: f32, key: Key) -> Tensor {
    assert!(bound >= 0.0 && bound.is_finite(), "init::uniform: the bound is {bound}; it must be finite and at least 0");
    let mut x = Tensor::rand(shape, key); // U[0, 1)
    x.make_mut().iter_mut().for_each(|x| *x = (2.0 * *x - 1.0) * bound);
    x
}

/// He's initialiser for layers that are followed by a leaky ReLU of slope `a` (He et al. 2015, equation 15):
///
/// ```text
/// U[−bound, bound),  bound = gain · √(3 / fan_in),  gain = √(2 / (1 + a²))
/// ```
///
/// so that the standard deviation is gain / √fan_in. `fan_in` is the number of inputs that one output adds up.
///
/// # Panics
/// If `fan_in` is 0: an output that adds up nothing has no scale.
#[track_caller]
pub fn kaiming_uniform(shape: impl AsRef<[usize]>, fan_in: usize, a: f32, key: Key) -> Tensor {
    assert!(fan_in > 0, "init::kaiming_uniform: fan_in is 0; a layer needs at least one input");
    let gain = (2.0 / (1.0 + f64::from(a).powi(2))).sqrt();
    uniform(shape, (gain * (3.0 / fan_in as f64).sqrt()) as f32, key)
}

/// PyTorch's default for the weight of a linear or convolution layer: [`kaiming_uniform`] with a = √5, which is
/// U[−1/√fan_in, 1/√fan_in). Its bias is drawn from the same distribution: [`default_bias`].
///
/// Source: `torch.nn.Linear.reset_parameters`.
#[track_caller]
pub fn default_weight(shape: impl AsRef<[usize]>, fan_in: usize, key: Key) -> Tensor {
    kaiming_uniform(shape, fan_in, 5f32.sqrt(), key)
}

/// PyTorch's default for the bias of a linear or convolution layer: U[−1/√fan_in, 1/√fan_in).
#[track_caller]
pub fn default_bias(shape: impl AsRef<[usize]>, fan_in: usize, key: Key) -> Tensor {
    assert!(fan_in > 0, "init::default_bias: fan_in is 0; a layer needs at least one input");
    uniform(shape, (1.0 / (fan_in as f64).sqrt()) as f32, key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_fills_its_interval_evenly() {
        let x = default_weight([400, 784], 784, Key::new(3)).to_vec();
        let bound = 1.0 / 28.0; // √784 = 28
        assert!(x.iter().all(|x| (-bound..=bound).contains(x)));
        let n = x.len() as f64;
        let mean = x.iter().map(|&x| f64::from(x)).sum::<f64>() / n;
        let variance = x.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() / n;
        let expected = f64::from(bound).powi(2) / 3.0;
        // Six standard errors: of the mean √(variance/n); of the variance bound²·√(4/45)/√n.
        assert!(mean.abs() < 6.0 * (expected / n).sqrt(), "{mean}");
        assert!((variance - expected).abs() < 6.0 * f64::from(bound).powi(2) * (4.0 / 45.0 / n).sqrt(), "{variance}");
    }

    #[test]
    fn weight_and_bias_have_the_same_bound() {
        let key = Key::new(9);
        for fan_in in [1, 3, 784] {
            glassbox_tensor::assert_close!(default_weight([64], fan_in, key), default_bias([64], fan_in, key), 1e-6);
        }
    }

    #[test]
    fn the_same_key_gives_the_same_values() {
        assert_eq!(default_bias([20], 4, Key::new(1)), default_bias([20], 4, Key::new(1)));
        assert_ne!(default_bias([20], 4, Key::new(1)), default_bias([20], 4, Key::new(2)));
    }
}
