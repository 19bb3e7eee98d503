//! Parameters that training leaves as they are: a layer that the loss doesn't depend on, units that are never active.
//!
//! An optimiser names a parameter which the loss doesn't reach. One which it reaches with a gradient of zero it can't tell from
//! a network that has learned all that there is to learn, and the loss falls without it; so here are compared the bits.

use crate::experiment::{Experiment, Parameter};
use std::hash::{DefaultHasher, Hasher};

/// Fewer steps tell little: the first rate of a schedule that warms up is 0.
pub(crate) const FEWEST_STEPS: u64 = 10;

/// More names than this make no sentence.
const MOST_NAMES: usize = 5;

/// What every parameter was when a sitting began: a sum over its bits. It costs one look at each when a sitting begins and one
/// when it is compared, nothing in a step, and 8 bytes a parameter.
pub(crate) struct Beginning {
    step: u64,
    sums: Vec<u64>,
}

impl Beginning {
    /// The parameters as they are after step `step`.
    pub(crate) fn new(experiment: &dyn Experiment, step: u64) -> Beginning {
        Beginning { step, sums: experiment.parameters().iter().map(sum_of_bits).collect() }
    }

    /// The steps from then until `step`.
    pub(crate) fn steps_until(&self, step: u64) -> u64 {
        step - self.step
    }

    /// Names, after step `step`, those parameters which are to be trained and have the bits that they had then.
    pub(crate) fn warning(&self, experiment: &dyn Experiment, step: u64) -> Option<String> {
        let parameters = experiment.parameters();
        let same = parameters.iter().zip(&self.sums).filter(|&(p, &sum)| p.trained && sum_of_bits(p) == sum);
        let names: Vec<&str> = same.map(|(p, _)| p.name.as_str()).collect();
        let more = match names.len().saturating_sub(MOST_NAMES) {
            0 => String::new(),
            n => format!(" and {n} more"),
        };
        let (have, them) = if names.len() == 1 { ("has", "it") } else { ("have", "them") };
        (!names.is_empty()).then(|| {
            format!(
                "{}{more} {have} not changed in {} steps, because the gradient is zero or lr too small: look whether the loss \
                 depends on {them}, try a larger lr, and freeze what shall stay as it is",
                names[..names.len().min(MOST_NAMES)].join(", "),
                self.steps_until(step)
            )
        })
    }
}

/// Different bits give different sums, but for one case in 2^64.
fn sum_of_bits(parameter: &Parameter) -> u64 {
    let mut sum = DefaultHasher::new();
    let mut add = |values: &[f32]| values.iter().for_each(|x| sum.write_u32(x.to_bits()));
    match parameter.value.as_slice() {
        Some(values) => add(values),
        None => add(&parameter.value.to_vec()),
    }
    sum.finish()
}
