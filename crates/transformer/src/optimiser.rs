//! Who takes the step: AdamW, or Muon for the matrices inside the model and AdamW for everything else.

use glassbox_autograd::Gradients;
use glassbox_nn::optim::{Adam, AdamRule, Muon, MuonRule, RateScale, StepError, WeightDecay};
use glassbox_nn::{Module, Param};
use glassbox_train::{RunConfig, TrainError, load_weights, save_weights};
use std::path::Path;

/// The optimiser that the settings of a run ask for.
///
/// Muon (Jordan et al. 2024) makes of each update the nearest matrix whose singular values are all about 1, so that a matrix which
/// maps rows to rows learns in all directions alike. An embedding maps no rows: which of its rows are in a batch is what matters,
/// and so it, the head and all vectors are AdamW's. Both learn at one rate and with one decay, since Muon's step is scaled to
/// be as large as AdamW's (Liu et al. 2025).
#[derive(Debug)]
pub(crate) enum Optimiser {
    AdamW(Adam),
    Muon(Muon),
}

impl Optimiser {
    /// `hidden` tells Muon's matrices by their names.
    pub(crate) fn of(config: &RunConfig, hidden: fn(&str) -> bool) -> Optimiser {
        let decay = config.real("weight_decay");
        let weight_decay = WeightDecay::Decoupled(decay);
        let adamw = AdamRule { betas: (0.9, config.real("beta2")), weight_decay, ..AdamRule::default() };
        // Biases and the scales of normalisations are not drawn towards 0.
        let vectors = |_: &str, param: &Param| param.value().rank() < 2;
        const NO_DECAY: WeightDecay = WeightDecay::Decoupled(0.0);
        match config.word_or("optimizer", "adamw") {
            "muon" => {
                let scale = RateScale::MatchAdamW;
                let rule = MuonRule { weight_decay: decay, scale, adamw, ..MuonRule::default() };
                let muon = Muon::with(rule)
                    .group_where(move |name, _| !hidden(name), |rule| rule.by_adamw = true)
                    .group_where(vectors, |rule| rule.adamw.weight_decay = NO_DECAY);
                Optimiser::Muon(muon)
            }
            _ => Optimiser::AdamW(Adam::with(adamw).group_where(vectors, |rule| rule.weight_decay = NO_DECAY)),
        }
    }

    /// A step of the parameters of the model along their gradients.
    pub(crate) fn step(&mut self, lr: f64, model: &mut impl Module, grads: &Gradients) -> Result<(), StepError> {
        match self {
            Optimiser::AdamW(adamw) => {
                adamw.lr = lr;
                adamw.step(model, grads)
            }
            Optimiser::Muon(muon) => {
                (muon.lr, muon.adamw.lr) = (lr, lr);
                muon.step(model, grads)
            }
        }
    }

    pub(crate) fn save(&self, model: &impl Module, folder: &Path) -> Result<(), TrainError> {
        match self {
            Optimiser::AdamW(adamw) => save_weights(model, adamw, folder),
            Optimiser::Muon(muon) => save_weights(model, muon, folder),
        }
    }

    pub(crate) fn load(&mut self, model: &mut impl Module, folder: &Path) -> Result<(), TrainError> {
        match self {
            Optimiser::AdamW(adamw) => load_weights(model, adamw, folder),
            Optimiser::Muon(muon) => load_weights(model, muon, folder),
        }
    }
}
