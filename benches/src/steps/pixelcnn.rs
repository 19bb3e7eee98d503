//! PixelCNN with masked convolutions on pictures of 28 × 28 whose pixels are 256 classes: van den Oord et al. 2016.
//!
//! A mask hides the rows below the pixel and what stands right of it: the kernel's last taps, which the convolution leaves out.
//! The parameters are whole kernels, as PyTorch keeps them, so what is left out has the gradient 0.

use super::{Step, rule};
use glassbox_autograd::{CrossEntropyOptions, Gradients, Var};
use glassbox_nn::optim::Adam;
use glassbox_nn::{Conv2d, Module, Name, Param, Slot, SlotMut};
use glassbox_tensor::random::Key;
use glassbox_tensor::{Conv2dOptions, Ids};

/// Masked layers after the first one.
const LAYERS: usize = 7;
const CHANNELS: usize = 64;
/// Classes of a pixel.
const LEVELS: usize = 256;
const SIZE: usize = 28;

/// Whether a pixel sees itself: not in the first layer (A), where it is the answer.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Mask {
    A,
    B,
}

/// A convolution with the taps of a mask.
fn masked_conv(kind: Mask, from: usize, k: usize, key: Key) -> Conv2d {
    let seen = k / 2 * k + k / 2 + usize::from(kind == Mask::B); // the rows above, and this one up to the pixel
    let options = Conv2dOptions { taps: Some(seen), ..Conv2dOptions::padded(k / 2) };
    Conv2d::with(from, CHANNELS, [k, k], options, key)
}

/// 278,336 parameters. The numbers of PyTorch's Sequential count the rectifiers, too.
#[derive(Debug, Module)]
pub struct PixelCnn {
    #[module(flatten)]
    layers: Numbered,
    #[module(name = "16")]
    classes: Conv2d,
}

/// The masked layers, which are called 0, 2, 4, ….
#[derive(Debug)]
struct Numbered(Vec<Conv2d>);

impl Module for Numbered {
    fn visit<'a>(&'a self, name: Name<'_>, f: &mut dyn FnMut(Name<'_>, Slot<'a>)) {
        self.0.iter().enumerate().for_each(|(i, layer)| layer.visit(name.index(2 * i), f));
    }

    fn visit_mut<'a>(&'a mut self, name: Name<'_>, f: &mut dyn FnMut(Name<'_>, SlotMut<'a>)) {
        self.0.iter_mut().enumerate().for_each(|(i, layer)| layer.visit_mut(name.index(2 * i), f));
    }
}

impl PixelCnn {
    /// With PyTorch's default initial weights.
    pub fn build(key: Key) -> Self {
        let first = masked_conv(Mask::A, 1, 7, key.fold(0));
        let others = (1..=LAYERS as u64).map(|i| masked_conv(Mask::B, CHANNELS, 3, key.fold(i)));
        Self {
            layers: Numbered([first].into_iter().chain(others).collect()),
            classes: Conv2d::new(CHANNELS, LEVELS, [1, 1], key.fold(100)),
        }
    }

    /// The mean of −ln p(pixel | those above and left of it) over all pixels (B, 28, 28).
    pub fn loss(&self, pixels: &Ids) -> Var {
        let batch = pixels.shape()[0];
        let x = &pixels.to_tensor() * (1.0 / 255.0);
        let mut h = Var::constant(x.reshape([batch, 1, SIZE, SIZE]));
        for layer in &self.layers.0 {
            h = layer.forward(&h).relu(); // -> (B, 64, 28, 28)
        }
        // The 64 channels of a pixel are put together, so that its 256 logits are a row: a quarter of what turning these would be.
        let w = self.classes.weight.var().reshape([LEVELS, CHANNELS]);
        let logits = h.permute(&[0, 2, 3, 1]).linear(&w, self.classes.bias.as_ref().map(Param::var).as_ref()); // (B, 28, 28, 64) -> (B, 28, 28, 256)
        logits.cross_entropy(pixels, CrossEntropyOptions::default())
    }
}

/// The step of [`PixelCnn`]: Adam with a rate of 10⁻³.
#[derive(Debug, Module)]
pub struct PixelCnnStep {
    #[module(flatten)]
    model: PixelCnn,
    #[module(skip)]
    adam: Adam,
    #[module(skip)]
    pixels: Ids,
}

impl PixelCnnStep {
    /// On one batch of pixels.
    pub fn build(batch: usize, key: Key) -> Self {
        Self {
            model: PixelCnn::build(key.fold(0)),
            adam: Adam::new(1e-3),
            pixels: Ids::randint(LEVELS as u32, [batch, SIZE, SIZE], key.fold(1)),
        }
    }
}

impl Step for PixelCnnStep {
    fn fix(&mut self) {
        rule::fill(&mut self.model);
        self.pixels = rule::ids("x", LEVELS as u32, self.pixels.shape());
    }

    fn loss(&mut self) -> f32 {
        self.model.loss(&self.pixels).item()
    }

    fn step_watched(&mut self, watch: &mut dyn FnMut(&Gradients)) -> f32 {
        let loss = self.model.loss(&self.pixels);
        let grads = loss.backward();
        watch(&grads);
        self.adam.step(&mut self.model, &grads).expect("the loss reaches every parameter");
        loss.item()
    }
}
