//! Schedules: the learning rate as a function of the step.

use super::one_cycle::OneCycle;
use std::f64::consts::PI;

/// The learning rate at each step: a pure function, so that a resumed run needs to know nothing but its step.
///
/// ```
/// use glassbox_nn::optim::{Adam, Schedule};
///
/// let schedule = Schedule::cosine(1e-3, 1000).warmup(100);
/// let mut adam = Adam::new(0.0);
/// for step in 0..1100 {
///     adam.lr = schedule.lr(step);
///     // … adam.step(&mut model, &grads)?
/// }
/// assert!(schedule.lr(0) < 1e-4 && schedule.lr(100) == 1e-3 && schedule.lr(1100) < 1e-9);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub enum Schedule {
    /// lr
    Constant {
        /// The learning rate.
        lr: f64,
    },
    /// lr · γ^⌊step/every⌋: PyTorch's `StepLR`.
    Step {
        /// The first learning rate.
        lr: f64,
        /// After how many steps it changes.
        every: u64,
        /// γ: by what it is multiplied then.
        gamma: f64,
    },
    /// min + (lr − min) · (1 + cos(π·step/steps))/2, and min from then on (Loshchilov and Hutter 2017, SGDR, equation
    /// 5, without restarts): PyTorch's `CosineAnnealingLR`, which rises again where this one stays.
    Cosine {
        /// The first learning rate.
        lr: f64,
        /// How many steps lead to the last.
        steps: u64,
        /// The last.
        min: f64,
    },
    /// lr·min(s⁻¹ᐟ², s·w⁻³ᐟ²) at step s = 1, 2, …: up in a line for w steps, then down as 1/√s (Vaswani et al. 2017, equation 3,
    /// where lr is 1/√width).
    InverseSqrt {
        /// What the formula is multiplied by.
        lr: f64,
        /// w: how many steps it rises, at least 1.
        warmup: u64,
    },
    /// Up and down again: see [`OneCycle`].
    OneCycle(OneCycle),
    /// From a part of another schedule's first learning rate up to it in a line, and then that schedule from its
    /// beginning: PyTorch's `SequentialLR` of `LinearLR` and another.
    Warmup {
        /// How many steps lead there.
        steps: u64,
        /// What part of the other's first learning rate the first one is.
        start: f64,
        /// The other.
        then: Box<Schedule>,
    },
}

impl Schedule {
    /// Always the same.
    ///
    /// ```
    /// assert_eq!(glassbox_nn::optim::Schedule::constant(0.1).lr(1_000_000), 0.1);
    /// ```
    pub fn constant(lr: f64) -> Self {
        Self::Constant { lr }
    }

    /// Multiplied by `gamma` after each `every` steps.
    ///
    /// ```
    /// let schedule = glassbox_nn::optim::Schedule::step(1.0, 30, 0.5);
    /// assert_eq!([0, 29, 30, 60].map(|step| schedule.lr(step)), [1.0, 1.0, 0.5, 0.25]);
    /// ```
    ///
    /// # Panics
    /// If `every` is 0.
    #[track_caller]
    pub fn step(lr: f64, every: u64, gamma: f64) -> Self {
        assert!(every > 0, "Schedule::step: every 0 steps; it takes at least 1 step from change to change");
        Self::Step { lr, every, gamma }
    }

    /// Down to 0 along a cosine.
    ///
    /// ```
    /// let schedule = glassbox_nn::optim::Schedule::cosine(1.0, 100);
    /// assert_eq!([0, 50, 100, 200].map(|step| (schedule.lr(step) * 1e9).round() / 1e9), [1.0, 0.5, 0.0, 0.0]);
    /// ```
    pub fn cosine(lr: f64, steps: u64) -> Self {
        Self::Cosine { lr, steps, min: 0.0 }
    }

    /// The transformer's: up for `warmup` steps, and down as 1/√step.
    ///
    /// ```
    /// use glassbox_nn::optim::Schedule;
    /// let schedule = Schedule::inverse_sqrt(512f64.powf(-0.5), 4000); // Vaswani et al. 2017, for a width of 512
    /// assert!((schedule.lr(3999) - (512f64 * 4000.0).powf(-0.5)).abs() < 1e-12); // its highest, 7·10⁻⁴
    /// assert!((schedule.lr(0) * 4000.0 - schedule.lr(3999)).abs() < 1e-12);
    /// assert!((schedule.lr(15_999) * 2.0 - schedule.lr(3999)).abs() < 1e-12);
    /// ```
    ///
    /// # Panics
    /// If `warmup` is 0: its first step would have no bound.
    #[track_caller]
    pub fn inverse_sqrt(lr: f64, warmup: u64) -> Self {
        assert!(warmup > 0, "Schedule::inverse_sqrt: a warm-up of 0 steps; it takes at least 1");
        Self::InverseSqrt { lr, warmup }
    }

    /// Up to `max_lr` and down again, by the defaults of [`OneCycle`].
    ///
    /// ```
    /// let schedule = glassbox_nn::optim::Schedule::one_cycle(0.1, 100);
    /// assert!(schedule.lr(0) == 0.004 && (schedule.lr(29) - 0.1).abs() < 1e-12 && schedule.lr(99) < 1e-6);
    /// ```
    pub fn one_cycle(max_lr: f64, steps: u64) -> Self {
        Self::OneCycle(OneCycle::new(max_lr, steps))
    }

    /// This schedule after so many steps that lead up to it: step k of them has (k + 1)/(steps + 1) of its first
    /// learning rate.
    ///
    /// ```
    /// let schedule = glassbox_nn::optim::Schedule::constant(1.0).warmup(3);
    /// assert_eq!([0, 1, 2, 3, 4].map(|step| schedule.lr(step)), [0.25, 0.5, 0.75, 1.0, 1.0]);
    /// ```
    pub fn warmup(self, steps: u64) -> Self {
        Self::Warmup { steps, start: 1.0 / (steps as f64 + 1.0), then: Box::new(self) }
    }

    /// The learning rate at this step, which begins at 0.
    pub fn lr(&self, step: u64) -> f64 {
        let part = |of: u64| step as f64 / of as f64;
        match *self {
            Schedule::Constant { lr } => lr,
            Schedule::Step { lr, every, gamma } => lr * gamma.powf((step / every.max(1)) as f64),
            Schedule::Cosine { steps, min, .. } if step >= steps => min,
            Schedule::Cosine { lr, steps, min } => min + (lr - min) * (1.0 + (PI * part(steps)).cos()) / 2.0,
            Schedule::InverseSqrt { lr, warmup } => {
                let (s, w) = ((step + 1) as f64, warmup.max(1) as f64);
                lr * s.powf(-0.5).min(s * w.powf(-1.5))
            }
            Schedule::OneCycle(ref cycle) => cycle.lr(step),
            Schedule::Warmup { steps, ref then, .. } if step >= steps => then.lr(step - steps),
            Schedule::Warmup { steps, start, ref then } => then.lr(0) * (start + (1.0 - start) * part(steps)),
        }
    }
}
