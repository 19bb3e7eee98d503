//! Which pictures go into which step: a function of the step's number, so that a run can go on anywhere.

use glassbox_tensor::random::Key;

/// The batches of a training run over `n` examples: every epoch visits each example once, in an order of its
/// own.
///
/// The batch of a step depends on (key, n, batch size, step) and on nothing else, least of all on which
/// batches were asked for before: with `s = steps_per_epoch`,
///
/// ```text
/// epoch = step / s        order = key.fold(epoch).permutation(n)
/// at(step) = order[(step mod s) · batch_size ..][.. batch_size]
/// ```
///
/// So a checkpoint need hold no more than the number of the step, and an interrupted run goes on with the
/// batches that it would have had.
///
/// The last batch of an epoch has what is left over, as PyTorch's `DataLoader` has it by default;
/// [`Batches::drop_last`] leaves it out.
///
/// ```
/// use glassbox_data::Batches;
/// use glassbox_tensor::random::Key;
///
/// let mut batches = Batches::new(10, 4, Key::new(7));
/// assert_eq!(batches.steps_per_epoch(), 3);
/// let mut epoch: Vec<u32> = (0..3).flat_map(|step| batches.at(step)).collect();
/// epoch.sort();
/// assert_eq!(epoch, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
///
/// // Another run with the same key, which begins at step 1000.
/// assert_eq!(Batches::new(10, 4, Key::new(7)).at(1000), batches.at(1000));
/// ```
#[derive(Debug, Clone)]
pub struct Batches {
    n: usize,
    batch_size: usize,
    key: Key,
    drop_last: bool,
    /// The epoch of the last question and its order: the next is mostly of the same epoch. It saves the
    /// time of a permutation and changes no answer.
    cached: Option<(u64, Vec<u32>)>,
}

impl Batches {
    /// Batches of `batch_size` out of `n` examples, in orders drawn from `key`.
    ///
    /// # Panics
    /// If `n` or `batch_size` is 0, or `n` is 2³² or more.
    #[track_caller]
    pub fn new(n: usize, batch_size: usize, key: Key) -> Batches {
        assert!(n > 0, "Batches: there are no examples");
        assert!(u32::try_from(n).is_ok(), "Batches: {n} examples; fewer than 2^32 can be numbered");
        assert!(batch_size > 0, "Batches: batch_size is 0; 1 is the least");
        Batches { n, batch_size, key, drop_last: false, cached: None }
    }

    /// The same, without the last batch of an epoch where it is smaller than the others.
    ///
    /// # Panics
    /// If no batch is left: `batch_size` is larger than `n`.
    #[track_caller]
    pub fn drop_last(mut self) -> Batches {
        let Batches { n, batch_size, .. } = self;
        assert!(batch_size <= n, "Batches: no full batch of {batch_size} in {n} examples");
        self.drop_last = true;
        self.cached = None;
        self
    }

    /// How many batches there are in an epoch.
    pub fn steps_per_epoch(&self) -> u64 {
        let full = self.n / self.batch_size;
        let partial = !self.drop_last && !self.n.is_multiple_of(self.batch_size);
        full as u64 + u64::from(partial)
    }

    /// The examples of step `step`, which counts from 0 through all epochs.
    pub fn at(&mut self, step: u64) -> Vec<u32> {
        let steps = self.steps_per_epoch();
        let (epoch, place) = (step / steps, (step % steps) as usize);
        let start = place * self.batch_size;
        let end = (start + self.batch_size).min(self.n);
        self.order(epoch)[start..end].to_vec()
    }

    /// All examples in the order of this epoch.
    fn order(&mut self, epoch: u64) -> &[u32] {
        let (key, n) = (self.key, self.n);
        let draw = || (epoch, key.fold(epoch).permutation(n));
        let cached = self.cached.take().filter(|(e, _)| *e == epoch);
        &self.cached.insert(cached.unwrap_or_else(draw)).1
    }
}

/// The numbers 0..n in batches, in their order, the last with what is left over: how held-out data are gone
/// through.
///
/// ```
/// let batches: Vec<Vec<u32>> = glassbox_data::in_order(5, 2).collect();
/// assert_eq!(batches, [vec![0, 1], vec![2, 3], vec![4]]);
/// ```
///
/// # Panics
/// If `batch_size` is 0, or `n` is 2³² or more.
#[track_caller]
pub fn in_order(n: usize, batch_size: usize) -> impl Iterator<Item = Vec<u32>> {
    assert!(batch_size > 0, "in_order: batch_size is 0; 1 is the least");
    assert!(u32::try_from(n).is_ok(), "in_order: {n} examples; fewer than 2^32 can be numbered");
    (0..n).step_by(batch_size).map(move |start| {
        let end = (start + batch_size).min(n);
        (start..end).map(|i| i as u32).collect()
    })
}
