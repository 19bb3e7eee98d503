//! `glassbox generate`: text from a model that somebody else trained.

use super::sample_text::{self, Job};
use crate::cli::Generate;
use crate::failure::Failure;
use glassbox_transformer::Pretrained;

/// Runs `glassbox generate`.
pub fn run(options: &Generate) -> Result<(), Failure> {
    let Generate { model, tokenizer, n, seed, texts, out, force, threads } = options;
    let (prefix, suffix) = (None, None);
    let job = Job { n: *n, seed: *seed, texts, prefix, suffix, out: out.as_deref(), force: *force };
    job.check_force()?;
    super::start_threads(*threads)?;
    // Whatever is wrong with the files: the command line named them.
    let pretrained = Pretrained::open(model, tokenizer.as_deref()).map_err(Failure::mistake)?;
    sample_text::write(&pretrained, "this model", &job)
}
