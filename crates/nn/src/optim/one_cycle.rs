//! The one-cycle schedule, which moves the learning rate and the momentum against each other.

use std::f64::consts::PI;

/// Up to a large learning rate, and then down to nearly nothing (Smith and Topin 2018, Super-Convergence): PyTorch's
/// `OneCycleLR`. The momentum goes the other way.
///
/// ```text
/// first = max_lr/div,  last = first/final_div
/// steps 0 … rise·steps − 1:        first → max_lr,  max_momentum → min_momentum
/// from there to steps − 1:         max_lr → last,   min_momentum → max_momentum
/// in three phases, in between:     max_lr → first,  in as many steps as it took to rise; then first → last
/// ```
///
/// ```
/// use glassbox_nn::optim::{OneCycle, Sgd};
/// let cycle = OneCycle { rise: 0.5, ..OneCycle::new(0.5, 200) };
/// let mut sgd = Sgd::momentum(0.0, 0.9);
/// for step in 0..200 {
///     (sgd.lr, sgd.momentum) = (cycle.lr(step), cycle.momentum(step));
///     // … sgd.step(&mut model, &grads)?
/// }
/// assert_eq!((cycle.lr(0), cycle.lr(99)), (0.02, 0.5));
/// assert_eq!((cycle.momentum(0), cycle.momentum(99)), (0.95, 0.85));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct OneCycle {
    /// The largest learning rate.
    pub max_lr: f64,
    /// How many steps there are in all.
    pub steps: u64,
    /// What part of them leads up.
    pub rise: f64,
    /// The largest learning rate is so many times the first.
    pub div: f64,
    /// The first learning rate is so many times the last.
    pub final_div: f64,
    /// Along which curve.
    pub anneal: Anneal,
    /// Whether the way down rests at the first learning rate.
    pub three_phases: bool,
    /// The momentum at the largest learning rate, and the momentum at the ends.
    pub momentum: (f64, f64),
}

/// The curve from one value to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anneal {
    /// Half a wave of the cosine.
    Cosine,
    /// A line.
    Linear,
}

impl Anneal {
    /// The value at `part` of the way, from 0 to 1.
    fn between(self, from: f64, to: f64, part: f64) -> f64 {
        let part = match self {
            Anneal::Cosine => (1.0 - (PI * part).cos()) / 2.0,
            Anneal::Linear => part,
        };
        (1.0 - part) * from + part * to // exact at both ends
    }
}

impl OneCycle {
    /// PyTorch's defaults: up in 3 of 10 steps along a cosine, from 1/25 of the largest learning rate, and down to
    /// 1/250,000 of it; the momentum between 0.85 and 0.95.
    pub fn new(max_lr: f64, steps: u64) -> Self {
        let (anneal, three_phases, momentum) = (Anneal::Cosine, false, (0.85, 0.95));
        Self { max_lr, steps, rise: 0.3, div: 25.0, final_div: 1e4, anneal, three_phases, momentum }
    }

    /// The learning rate at this step, which begins at 0; after the last step, the last one.
    ///
    /// ```
    /// let cycle = glassbox_nn::optim::OneCycle { final_div: 10.0, ..glassbox_nn::optim::OneCycle::new(0.1, 100) };
    /// assert_eq!([0, 29, 99, 1000].map(|step| (cycle.lr(step) * 1e9).round() / 1e9), [0.004, 0.1, 0.0004, 0.0004]);
    /// ```
    pub fn lr(&self, step: u64) -> f64 {
        let first = self.max_lr / self.div;
        self.along(step, [first, self.max_lr, first, first / self.final_div])
    }

    /// The momentum at this step, or Adam's β₁.
    ///
    /// ```
    /// let cycle = glassbox_nn::optim::OneCycle::new(0.1, 100);
    /// assert_eq!([0, 29, 99].map(|step| cycle.momentum(step)), [0.95, 0.85, 0.95]);
    /// ```
    pub fn momentum(&self, step: u64) -> f64 {
        let (min, max) = self.momentum;
        self.along(step, [max, min, max, max])
    }

    /// From value to value, phase by phase; the third is left out where there are two phases.
    fn along(&self, step: u64, [first, top, rest, last]: [f64; 4]) -> f64 {
        let (step, end) = (step as f64, self.steps as f64 - 1.0);
        let risen = self.rise * self.steps as f64 - 1.0;
        let phases = match self.three_phases {
            false => vec![(risen, first, top), (end, top, last)],
            true => vec![(risen, first, top), (2.0 * risen, top, rest), (end, rest, last)],
        };
        let mut start = 0.0;
        for (end, from, to) in phases {
            if step <= end {
                let part = if end > start { (step - start) / (end - start) } else { 1.0 };
                return self.anneal.between(from, to, part);
            }
            start = end;
        }
        last
    }
}
