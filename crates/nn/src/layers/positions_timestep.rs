//! Where in diffusion's time a picture stands: waves of the timestep, as those of a sequence's positions.

use glassbox_tensor::Tensor;

/// How [`timestep_embedding`] orders and spaces its waves.
///
/// ```
/// use glassbox_nn::TimestepOptions;
/// let stable_diffusion = TimestepOptions { cos_first: true, shift: 0.0, ..Default::default() };
/// assert_eq!(stable_diffusion.max_period, 10000.0);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TimestepOptions {
    /// Whether the cosines come first (`flip_sin_to_cos` in diffusers).
    pub cos_first: bool,
    /// The last wavelength is reached at wave D/2 − 1 with 1, one wave later with 0 (`downscale_freq_shift`).
    pub shift: f64,
    /// The longest wavelength, in units of 2π.
    pub max_period: f64,
}

/// As in DDPM's own code: sines first, from the wavelength 2π to 10000·2π, both included.
impl Default for TimestepOptions {
    fn default() -> Self {
        Self { cos_first: false, shift: 1.0, max_period: 10000.0 }
    }
}

/// The embedding of diffusion's timesteps: for t (B), the rows (sin(t·ω₀), sin(t·ω₁), …, cos(t·ω₀), cos(t·ω₁), …) of D
/// numbers with
///
/// ```text
/// ω_i = max_period^(−i/(D/2 − shift))
/// ```
///
/// An odd D gets a 0 at its end. Computed in f64 and rounded once.
///
/// Source: Ho et al. 2020, DDPM, appendix B; the options are those of `get_timestep_embedding` in diffusers.
///
/// ```
/// use glassbox_nn::{TimestepOptions, timestep_embedding};
/// use glassbox_tensor::{assert_close, tensor};
/// let e = timestep_embedding(&tensor![3.], 4, TimestepOptions::default()); // (B) -> (B, D)
/// assert_close!(e, tensor![[3f32.sin(), 3e-4f32.sin(), 3f32.cos(), 3e-4f32.cos()]]);
/// ```
///
/// # Panics
/// If `t` isn't (B), or D/2 isn't larger than the shift.
#[track_caller]
pub fn timestep_embedding(t: &Tensor, dim: usize, options: TimestepOptions) -> Tensor {
    let TimestepOptions { cos_first, shift, max_period } = options;
    let half = dim / 2;
    assert!(t.rank() == 1, "timestep_embedding: t {:?} is not (B); it has a number for each example", t.shape());
    assert!(half as f64 > shift, "timestep_embedding: half of {dim} is not above the shift {shift}; make dim larger");
    let mut rows = Vec::with_capacity(t.numel() * dim);
    for t in t.to_vec() {
        let angles = (0..half).map(|i| f64::from(t) * max_period.powf(-(i as f64) / (half as f64 - shift)));
        let (sin, cos): (Vec<f32>, Vec<f32>) =
            angles.map(f64::sin_cos).map(|(sin, cos)| (sin as f32, cos as f32)).unzip();
        rows.extend(if cos_first { [cos, sin] } else { [sin, cos] }.concat());
        rows.extend(vec![0.0; dim % 2]);
    }
    Tensor::from_vec(rows, [t.numel(), dim])
}
