//! Whole training steps: forward, loss, backward, clipping where the model has it, and the optimiser, on one batch that
//! stays. Nine of them, each as `tools/peers/steps.py` says it in PyTorch, so that the two can be timed beside each other.
//!
//! | name | model | batch | parameters |
//! | --- | --- | --- | --- |
//! | `step:vae` | VAE 784-400-20 | 128 | 652,824 |
//! | `step:gpt_char` | GPT, 4 layers of 128, context 64 | 12 | 804,096 |
//! | `step:gpt_baby` | GPT, 6 layers of 384, context 256 | 16 | 10,745,088 |
//! | `step:dcgan` | DCGAN, 32 × 32 | 64 | 1,728,128 |
//! | `step:unet32`, `step:unet64` | U-Net of diffusion, 28 × 28, base 32 and 64 | 32 | 3,939,393 and 15,722,625 |
//! | `step:wavenet1`, `step:wavenet2` | WaveNet, 10 layers once and twice, 4,000 samples | 4 | 278,496 and 415,136 |
//! | `step:pixelcnn` | PixelCNN, 7 layers of 64, 28 × 28 | 32 | 278,336 |
//!
//! Parameters are called as in PyTorch, so its state dicts load. `tests/steps.rs` holds the losses and gradients to PyTorch's.
//! The GPT is `glassbox-transformer`'s and the U-Net `glassbox-unet-diffusion`'s, under diffusers' names; a model is built here until its
//! family has a crate, which then brings it.

mod dcgan;
mod gpt;
mod pixelcnn;
pub mod rule;
mod unet;
mod vae;
mod wavenet;

use glassbox_autograd::Gradients;
use glassbox_nn::Module;
use glassbox_tensor::Tensor;
use glassbox_tensor::random::Key;
use glassbox_transformer::GptSizes;

/// What can be asked for, in the order of the table above.
pub const NAMES: [&str; 9] = [
    "step:vae",
    "step:gpt_char",
    "step:gpt_baby",
    "step:dcgan",
    "step:unet32",
    "step:unet64",
    "step:wavenet1",
    "step:wavenet2",
    "step:pixelcnn",
];

/// A model, its optimiser and a batch. As a [`Module`] it is the model.
pub trait Step: Module {
    /// Sets weights, batch and noise to what [`rule`] says, for good: then PyTorch's twin computes the same.
    fn fix(&mut self);

    /// The loss, without a step.
    fn loss(&mut self) -> f32;

    /// One training step; returns the loss before it. `watch` is shown the gradients before they are clipped: once, or
    /// once for each optimiser.
    fn step_watched(&mut self, watch: &mut dyn FnMut(&Gradients)) -> f32;

    /// One training step; returns the loss before it.
    fn step(&mut self) -> f32 {
        self.step_watched(&mut |_| {})
    }
}

/// The step of that name, with its own batch size if none is given; `None` for a name that isn't in [`NAMES`].
///
/// ```
/// use glassbox_benches::steps;
/// use glassbox_nn::Module;
/// let mut vae = steps::build("step:vae", Some(8)).expect("there is one");
/// assert_eq!(vae.num_parameters(), 652_824);
/// let before = vae.step();
/// assert!(vae.step() < before); // the same batch again
/// assert!(steps::build("step:lenet", None).is_none());
/// ```
pub fn build(name: &str, batch: Option<usize>) -> Option<Box<dyn Step>> {
    let key = Key::new(0);
    let size = |usual| batch.unwrap_or(usual);
    Some(match name.strip_prefix("step:")? {
        "vae" => Box::new(vae::VaeStep::build(size(128), key)),
        "gpt_char" => Box::new(gpt::GptStep::build(GptSizes::CHAR, size(12), key)),
        "gpt_baby" => Box::new(gpt::GptStep::build(GptSizes::BABY, size(16), key)),
        "dcgan" => Box::new(dcgan::DcganStep::build(size(64), key)),
        "unet32" => Box::new(unet::UNetStep::build(32, size(32), key)),
        "unet64" => Box::new(unet::UNetStep::build(64, size(32), key)),
        "wavenet1" => Box::new(wavenet::WaveNetStep::build(1, [size(4), 4000], key)),
        "wavenet2" => Box::new(wavenet::WaveNetStep::build(2, [size(4), 4000], key)),
        "pixelcnn" => Box::new(pixelcnn::PixelCnnStep::build(size(32), key)),
        _ => return None,
    })
}

/// A call that takes one step of that name; `None` for a name that isn't in [`NAMES`].
///
/// ```
/// let mut vae = glassbox_benches::steps::serve("step:vae").expect("there is one");
/// vae();
/// assert!(glassbox_benches::steps::serve("sgemm:512").is_none());
/// ```
pub fn serve(name: &str) -> Option<Box<dyn FnMut()>> {
    let mut step = build(name, None)?;
    Some(Box::new(move || {
        std::hint::black_box(step.step());
    }))
}

/// Noise for a step: drawn anew each time, or always the same.
#[derive(Debug)]
enum Draw {
    Normal { shape: Vec<usize>, stream: Key, drawn: u64 },
    Fixed(Tensor),
}

impl Draw {
    fn normal(shape: impl AsRef<[usize]>, stream: Key) -> Self {
        Draw::Normal { shape: shape.as_ref().to_vec(), stream, drawn: 0 }
    }

    fn fixed(value: Tensor) -> Self {
        Draw::Fixed(value)
    }

    /// The key of the next draw, for what is drawn beside it.
    fn key(&self) -> Key {
        match self {
            Draw::Normal { stream, drawn, .. } => stream.fold(*drawn),
            Draw::Fixed(_) => Key::new(0),
        }
    }

    fn next(&mut self) -> Tensor {
        let key = self.key();
        match self {
            Draw::Normal { shape, drawn, .. } => {
                *drawn += 1;
                Tensor::randn(shape, key)
            }
            Draw::Fixed(value) => value.clone(),
        }
    }
}
