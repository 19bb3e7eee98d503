//! The step of GPT-2's transformer at two sizes: without biases, with exact GELU, on words that stay.
//!
//! | | layers | heads | C | context | batch | words | parameters |
//! | --- | --- | --- | --- | --- | --- | --- | --- |
//! | char | 4 | 4 | 128 | 64 | 12 | 65 | 804,096 |
//! | baby | 6 | 6 | 384 | 256 | 16 | 65 | 10,745,088 |
//!
//! The model is the one that `glassbox train gpt` trains; the sizes are nanoGPT's.

use super::{Step, rule};
use glassbox_autograd::Gradients;
use glassbox_nn::optim::{Adam, AdamRule, WeightDecay, clip_grad_norm};
use glassbox_nn::{Context, Module};
use glassbox_tensor::Ids;
use glassbox_tensor::random::Key;
use glassbox_transformer::{Gelu, Gpt, GptSizes, LanguageModel};

/// The step of [`Gpt`]: gradients clipped to a norm of 1, AdamW with decay for matrices alone.
#[derive(Debug, Module)]
pub struct GptStep {
    #[module(flatten)]
    model: Gpt,
    #[module(skip)]
    adamw: Adam,
    #[module(skip)]
    x: Ids,
    #[module(skip)]
    y: Ids,
}

impl GptStep {
    /// On one batch of words.
    pub fn build(sizes: GptSizes, batch: usize, key: Key) -> Self {
        let decay = WeightDecay::Decoupled(0.1);
        let adamw = Adam::with(AdamRule { betas: (0.9, 0.99), weight_decay: decay, ..AdamRule::default() })
            .group_where(|_, p| p.value().rank() < 2, |rule| rule.weight_decay = WeightDecay::Decoupled(0.0));
        let ids = |salt| Ids::randint(sizes.words as u32, [batch, sizes.context], key.fold(salt));
        let model = Gpt::new(GptSizes { gelu: Gelu::Exact, ..sizes }, key.fold(0)); // as the peers have it
        Self { model, adamw, x: ids(1), y: ids(2) }
    }
}

impl Step for GptStep {
    fn fix(&mut self) {
        rule::fill(&mut self.model);
        let (words, shape) = (self.model.sizes().words as u32, self.x.shape().to_vec());
        (self.x, self.y) = (rule::ids("x", words, &shape), rule::ids("y", words, &shape));
    }

    fn loss(&mut self) -> f32 {
        self.model.loss(&self.x, &self.y, &Context::eval()).item()
    }

    fn step_watched(&mut self, watch: &mut dyn FnMut(&Gradients)) -> f32 {
        let loss = self.model.loss(&self.x, &self.y, &Context::eval());
        let mut grads = loss.backward();
        watch(&grads);
        clip_grad_norm(&mut grads, 1.0);
        self.adamw.step(&mut self.model, &grads).expect("the loss reaches every parameter");
        loss.item()
    }
}
