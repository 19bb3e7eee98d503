//! The next batch, made while the present one is trained on.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{Builder, JoinHandle};

/// What a panic carries.
type Payload = Box<dyn Any + Send>;

/// A function of the step's number, computed one step ahead by a thread of its own.
///
/// It decides nothing: [`Prefetch::at`] gives for each step what `make(step)` gives, whichever steps were asked for before. A
/// loop that goes from step to step finds the next result ready, or nearly; one that jumps waits for it. So the bits of a run
/// are the same with and without, and resume needs to know nothing of it. `make` may be called for a step that nobody comes to
/// ask for, the one after the last.
///
/// It is for batches that cost something. One of 128 pictures of Fashion-MNIST, which lie in memory as bytes, is made in 21 µs,
/// and a step of `vae-mlp` on it takes 18 ms (both in the dev profile, on two busy cores): the loops of this workspace ask
/// [`Batches`](crate::Batches) themselves.
///
/// A result may be a `Result`: an error then arrives with its step. If `make` panics, so does the `at` that asks for that
/// step, with the same message. Dropping it waits for the batch that is being made, and ends the thread.
///
/// ```
/// use glassbox_data::{Batches, Prefetch};
/// use glassbox_tensor::random::Key;
///
/// let data = glassbox_data::open("digits")?.train;
/// let mut batches = Batches::new(data.len(), 64, Key::new(7));
/// let (same, mut again) = (data.clone(), batches.clone());
///
/// let mut loader = Prefetch::new(move |step| data.batch(&batches.at(step)));
/// for step in 0..3 {
///     let (x, _) = loader.at(step); // (64, 1, 28, 28), while the next one is made
///     assert_eq!(x.to_vec(), same.batch(&again.at(step)).0.to_vec());
/// }
/// # Ok::<(), glassbox_data::DataError>(())
/// ```
#[derive(Debug)]
pub struct Prefetch<T> {
    /// Steps to be made; gone when the loader is dropped, which ends the thread.
    steps: Option<Sender<u64>>,
    results: Receiver<Result<T, Payload>>,
    thread: Option<JoinHandle<()>>,
    /// The step that was asked for last, and whose result has not been taken.
    ahead: Option<u64>,
}

impl<T: Send + 'static> Prefetch<T> {
    /// Starts the thread; it makes nothing before the first [`Prefetch::at`].
    ///
    /// # Panics
    /// If the operating system gives no thread.
    pub fn new(mut make: impl FnMut(u64) -> T + Send + 'static) -> Prefetch<T> {
        let (steps, asked) = channel::<u64>();
        let (made, results) = channel();
        let work = move || {
            for step in asked {
                // A panic is handed over and not printed twice; what `make` may have left half done is never used again.
                let result = catch_unwind(AssertUnwindSafe(|| make(step)));
                let over = result.is_err();
                if made.send(result).is_err() || over {
                    break;
                }
            }
        };
        let thread = Builder::new().name("prefetch".to_string()).spawn(work).expect("a thread can be started");
        Prefetch { steps: Some(steps), results, thread: Some(thread), ahead: None }
    }

    /// What `make(step)` gives; afterwards `step + 1` is being made.
    ///
    /// # Panics
    /// If `make` panicked, here or for a step before.
    #[track_caller]
    pub fn at(&mut self, step: u64) -> T {
        if self.ahead != Some(step) {
            if self.ahead.take().is_some() {
                drop(self.next()); // made for a step that nobody came to
            }
            self.ask(step);
        }
        self.ahead = None;
        let result = self.next();
        self.ask(step.wrapping_add(1));
        match result {
            Ok(result) => result,
            Err(payload) => resume_unwind(payload),
        }
    }

    fn ask(&mut self, step: u64) {
        // If the thread has ended, the next result says so.
        if self.steps.as_ref().is_some_and(|steps| steps.send(step).is_ok()) {
            self.ahead = Some(step);
        }
    }

    #[track_caller]
    fn next(&self) -> Result<T, Payload> {
        self.results.recv().unwrap_or_else(|_| panic!("Prefetch::at: its thread ended by a panic before"))
    }
}

impl<T> Drop for Prefetch<T> {
    fn drop(&mut self) {
        self.steps = None; // the thread's loop comes to its end
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // its panics were handed over, or belong to a step that nobody asked for
        }
    }
}
