//! Who looks on as a run is trained: the progress bar, a dashboard, the writer of TensorBoard's files.

use crate::error::TrainError;
use crate::experiment::Sample;
use crate::metrics::Record;
use crate::sitting::Outcome;
use crate::trained::Trained;

/// Is told what happens in a sitting, in the order in which it happens, and decides nothing: no number of the run depends on
/// who looks on. A sitting calls [`begin`](Observer::begin) first and [`end`](Observer::end) last, unless an error ends it, after
/// which nothing more is told; what must be put right in any case belongs into `drop`. A second sitting begins anew.
///
/// An observer overrides what it wants to know. [`Vec`] tells all that are in it, and `()` is nobody.
///
/// ```
/// use glassbox_train::{Observer, Record, TrainError};
///
/// /// How many steps were taken.
/// #[derive(Default)]
/// struct Count(u64);
///
/// impl Observer for Count {
///     fn step(&mut self, _: &Record) -> Result<(), TrainError> {
///         self.0 += 1;
///         Ok(())
///     }
/// }
/// ```
///
/// Each method may fail, when a file cannot be written; that ends the sitting as any error does.
#[expect(unused_variables, reason = "the names are the documentation")]
pub trait Observer {
    /// A sitting begins: the run as it stands, and the step at which the sitting will end.
    ///
    /// # Errors
    /// If it cannot look on.
    fn begin(&mut self, run: &Trained, end: u64) -> Result<(), TrainError> {
        Ok(())
    }

    /// A step was taken: its line of `metrics.jsonl`, with the evaluation if one was due.
    ///
    /// # Errors
    /// If it cannot go on looking.
    fn step(&mut self, record: &Record) -> Result<(), TrainError> {
        Ok(())
    }

    /// Samples were made after this step; they are in `samples/step-N.png`, or `.txt`.
    ///
    /// # Errors
    /// If it cannot go on looking.
    fn sampled(&mut self, step: u64, samples: &Sample) -> Result<(), TrainError> {
        Ok(())
    }

    /// Something that a person should know, in a sentence.
    ///
    /// # Errors
    /// If it cannot go on looking.
    fn warned(&mut self, sentence: &str) -> Result<(), TrainError> {
        Ok(())
    }

    /// The sitting has ended, and this is what it came to.
    ///
    /// # Errors
    /// If it cannot finish.
    fn end(&mut self, outcome: &Outcome) -> Result<(), TrainError> {
        Ok(())
    }
}

/// Nobody looks on.
impl Observer for () {}

/// All of them, in order.
impl Observer for Vec<Box<dyn Observer>> {
    fn begin(&mut self, run: &Trained, end: u64) -> Result<(), TrainError> {
        self.iter_mut().try_for_each(|o| o.begin(run, end))
    }

    fn step(&mut self, record: &Record) -> Result<(), TrainError> {
        self.iter_mut().try_for_each(|o| o.step(record))
    }

    fn sampled(&mut self, step: u64, samples: &Sample) -> Result<(), TrainError> {
        self.iter_mut().try_for_each(|o| o.sampled(step, samples))
    }

    fn warned(&mut self, sentence: &str) -> Result<(), TrainError> {
        self.iter_mut().try_for_each(|o| o.warned(sentence))
    }

    fn end(&mut self, outcome: &Outcome) -> Result<(), TrainError> {
        self.iter_mut().try_for_each(|o| o.end(outcome))
    }
}
