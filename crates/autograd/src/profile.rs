//! The profiler: what each operation of a thread costs, in time, arithmetic and memory.
//!
//! A graph lives on one thread, so a profile is of one thread, too: [`start`] makes it record, [`stop`] returns what it saw.
//! Every operation opens a [`Span`] when it begins and closes it when it ends; so do sweeps and optimisers. While nothing is
//! recorded that is one branch each, and recording changes no number of the program.
//!
//! Operations are counted where nobody else counts them: those that a backward pass is made of belong to the operation whose
//! gradient they compute, and show in the [events](Profile::events) alone. So the times of all rows add up to no more than
//! the time of the steps, and the rest is what lies between operations.

use crate::info::Cost;
use glassbox_tensor::shape::Dims;
use glassbox_tensor::{HeapCount, pool_requests};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

/// What a thread is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// A training step, where it is at nothing else.
    Forward,
    /// A sweep.
    Backward,
    /// Clipping and updating.
    Optimiser,
    /// Held-out metrics and samples.
    Evaluation,
    /// Anything else, such as a checkpoint.
    Other,
}

impl Phase {
    /// All of them.
    pub const ALL: [Phase; 5] = [Phase::Forward, Phase::Backward, Phase::Optimiser, Phase::Evaluation, Phase::Other];

    /// In a word.
    ///
    /// ```
    /// assert_eq!(glassbox_autograd::profile::Phase::Optimiser.name(), "optimiser");
    /// ```
    pub fn name(self) -> &'static str {
        ["forward", "backward", "optimiser", "evaluation", "other"][self as usize]
    }
}

/// All calls of one operation in one phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The phase.
    pub phase: Phase,
    /// The operation.
    pub name: &'static str,
    /// How often it ran.
    pub calls: u64,
    /// Nanoseconds, all calls together.
    pub nanoseconds: u64,
    /// What the calls had to compute and to move, by the operation's [`Cost`]. A backward pass counts as much as the forward
    /// pass for each gradient that is wanted: exact for products and convolutions, near it for the rest.
    pub cost: Cost,
    /// How many of those bytes they had to write.
    pub written: u64,
    /// What the calls asked of memory.
    pub memory: Memory,
}

/// What a call has to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// What it has to compute and to move.
    pub cost: Cost,
    /// How many of those bytes it has to write.
    pub written: u64,
}

impl Work {
    /// Of an operation that writes so many floats. A view moves nothing, whatever its size.
    ///
    /// ```
    /// use glassbox_autograd::{Cost, profile::Work};
    /// let sum = Work::writing(6, Cost::elementwise(1, &[&[2, 3], &[2, 3]]));
    /// assert_eq!((sum.cost.bytes, sum.written), (4 * 18, 4 * 6));
    /// assert_eq!(Work::writing(6, Cost::VIEW).written, 0);
    /// ```
    pub fn writing(floats: usize, cost: Cost) -> Work {
        Work { cost, written: cost.bytes.min(4 * floats as u64) }
    }
}

/// What was asked of memory, by all threads together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Allocations; 0 in a program without [`CountingAllocator`](glassbox_tensor::CountingAllocator).
    pub allocations: u64,
    /// Tensors in a recycled buffer.
    pub hits: u64,
    /// Tensors whose buffer is new.
    pub misses: u64,
}

impl Memory {
    fn now() -> Memory {
        let (hits, misses) = pool_requests();
        Memory { allocations: HeapCount::now().allocations, hits, misses }
    }

    fn since(self, before: Memory) -> Memory {
        Memory {
            allocations: self.allocations - before.allocations,
            hits: self.hits - before.hits,
            misses: self.misses - before.misses,
        }
    }

    fn add(&mut self, more: Memory) {
        self.allocations += more.allocations;
        self.hits += more.hits;
        self.misses += more.misses;
    }
}

/// One stretch of time. Those of a thread nest: two of them are one inside the other, or apart.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    /// The operation, or what else it is.
    pub name: &'static str,
    /// The phase.
    pub phase: Phase,
    /// Nanoseconds from the start of the recording to its begin.
    pub start: u64,
    /// How many it lasted.
    pub nanoseconds: u64,
    /// The shape of an operation's value.
    pub shape: Option<Dims>,
    /// Of an operation: what it had to compute and to move.
    pub cost: Cost,
    /// How many of those bytes it had to write.
    pub written: u64,
}

/// What was recorded.
#[derive(Clone, Debug, Default)]
pub struct Profile {
    /// How many [steps](Span::step) there were.
    pub steps: u64,
    /// Nanoseconds in them, evaluations and checkpoints between them not counted.
    pub nanoseconds: u64,
    /// What they asked of memory.
    pub memory: Memory,
    /// The operations, those that took longest first.
    pub rows: Vec<Row>,
    /// The last steps, event by event, and what lies between them, in the order in which they ended.
    pub events: Vec<Event>,
    /// Steps of which the events were dropped, all or some, so that not more are kept than were asked for.
    pub dropped: u64,
}

/// Makes this thread record from now on, and keep at most so many events: whole steps, the last ones. What it recorded before
/// is lost.
///
/// ```
/// use glassbox_autograd::{Var, profile};
/// use glassbox_tensor::Tensor;
/// profile::start(1000);
/// {
///     let _step = profile::Span::step();
///     let x = Var::input(Tensor::ones([64, 64]));
///     x.matmul(&x).sum_all().backward();
/// }
/// let profile = profile::stop();
/// let row = |name, phase: &str| profile.rows.iter().find(|row| row.name == name && row.phase.name() == phase).unwrap();
/// let (forward, backward) = (row("matmul", "forward"), row("matmul", "backward"));
/// assert_eq!((profile.steps, forward.calls, backward.calls), (1, 1, 1));
/// assert_eq!(forward.cost.flops, 2 * 64 * 64 * 64);
/// assert_eq!(backward.cost.flops, 2 * forward.cost.flops); // both factors want a gradient
/// ```
pub fn start(events: usize) {
    RECORDER.set(Some(Recorder::new(events)));
    ON.set(true);
}

/// Ends the recording, and returns it; nothing if there was none.
pub fn stop() -> Profile {
    ON.set(false);
    RECORDER.take().map_or_else(Profile::default, Recorder::finish)
}

thread_local! {
    static ON: Cell<bool> = const { Cell::new(false) };
    static RECORDER: RefCell<Option<Recorder>> = const { RefCell::new(None) };
}

/// A stretch of this thread's time, from when it is made until it is dropped. While nothing is recorded it is nothing.
///
/// ```
/// use glassbox_autograd::profile::{Phase, Span};
/// let _span = Span::phase(Phase::Evaluation, "evaluate"); // to the end of this block
/// ```
#[must_use = "it ends when it is dropped"]
#[derive(Debug)]
pub struct Span {
    on: bool,
}

impl Span {
    /// One step of training, by which everything is counted.
    pub fn step() -> Span {
        Span::open("step", Kind::Step)
    }

    /// A stretch in which operations belong to a phase.
    pub fn phase(phase: Phase, name: &'static str) -> Span {
        Span::open(name, Kind::Phase(phase))
    }

    /// An operation: a row of the profile, unless it is part of another one.
    #[inline]
    pub fn operation(name: &'static str) -> Span {
        Span::open(name, Kind::Operation)
    }

    #[inline]
    fn open(name: &'static str, kind: Kind) -> Span {
        let on = ON.get();
        if on {
            with_recorder(|recorder| recorder.open(name, kind));
        }
        Span { on }
    }

    /// What the operation had to do, and the shape of its value; not called while nothing is recorded.
    #[inline]
    pub fn costs(&mut self, work: impl FnOnce() -> Work, shape: &[usize]) {
        if self.on {
            let work = work();
            with_recorder(|recorder| recorder.costs(work, Dims::new(shape)));
        }
    }
}

impl Drop for Span {
    #[inline]
    fn drop(&mut self) {
        if self.on {
            with_recorder(Recorder::close);
        }
    }
}

/// Nothing, if the recording ended while a span was open.
#[cold]
fn with_recorder(f: impl FnOnce(&mut Recorder)) {
    RECORDER.with_borrow_mut(|recorder| recorder.as_mut().map(f));
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Step,
    Phase(Phase),
    Operation,
}

/// A span that has begun.
struct Open {
    kind: Kind,
    memory: Memory,
    /// Whether no operation is around it.
    outermost: bool,
    event: Event,
}

struct Recorder {
    begin: Instant,
    open: Vec<Open>,
    rows: BTreeMap<(Phase, &'static str), Row>,
    steps: u64,
    nanoseconds: u64,
    memory: Memory,
    limit: usize,
    /// The events that are kept.
    events: VecDeque<Event>,
    /// How many of them each of the last steps has, with what lies between it and the step before.
    lengths: VecDeque<usize>,
    /// How many of them belong to no finished step yet.
    unfinished: usize,
    /// Whether events of the step under way were dropped, and of how many steps they were.
    incomplete: bool,
    dropped: u64,
}

impl Recorder {
    fn new(limit: usize) -> Recorder {
        Recorder {
            begin: Instant::now(),
            open: Vec::new(),
            rows: BTreeMap::new(),
            steps: 0,
            nanoseconds: 0,
            memory: Memory::default(),
            limit,
            events: VecDeque::new(),
            lengths: VecDeque::new(),
            unfinished: 0,
            incomplete: false,
            dropped: 0,
        }
    }

    fn open(&mut self, name: &'static str, kind: Kind) {
        let around = self.open.last();
        let phase = match kind {
            Kind::Step => Phase::Forward,
            Kind::Phase(phase) => phase,
            Kind::Operation => around.map_or(Phase::Other, |around| around.event.phase),
        };
        let outermost = around.is_none_or(|around| around.outermost && around.kind != Kind::Operation);
        let event = Event { name, phase, start: 0, nanoseconds: 0, shape: None, cost: Cost::VIEW, written: 0 };
        self.open.push(Open { kind, memory: Memory::default(), outermost, event });
        // Last, so that the recording's own work is not part of the span.
        let open = self.open.last_mut().expect("pushed above");
        open.memory = Memory::now();
        open.event.start = nanoseconds(self.begin);
    }

    fn costs(&mut self, Work { cost, written }: Work, shape: Dims) {
        if let Some(open) = self.open.last_mut() {
            open.event = Event { cost, written, shape: Some(shape), ..open.event };
        }
    }

    fn close(&mut self) {
        let now = nanoseconds(self.begin);
        // None if the span is older than the recording.
        let Some(Open { kind, memory, outermost, mut event }) = self.open.pop() else { return };
        event.nanoseconds = now - event.start;
        let memory = Memory::now().since(memory);
        if kind == Kind::Operation && outermost {
            let Event { phase, name, .. } = event;
            let empty =
                Row { phase, name, calls: 0, nanoseconds: 0, cost: Cost::VIEW, written: 0, memory: Memory::default() };
            let row = self.rows.entry((phase, name)).or_insert(empty);
            row.calls += 1;
            row.nanoseconds += event.nanoseconds;
            row.cost.flops += event.cost.flops;
            row.cost.bytes += event.cost.bytes;
            row.written += event.written;
            row.memory.add(memory);
        }
        // What is around others is always kept, so that all that is kept has its place.
        if kind != Kind::Operation || self.unfinished < self.limit {
            self.events.push_back(event);
            self.unfinished += 1;
        } else {
            self.incomplete = true;
        }
        if kind == Kind::Step {
            self.steps += 1;
            self.nanoseconds += event.nanoseconds;
            self.memory.add(memory);
            self.finish_step();
        }
    }

    /// Forgets the oldest steps beyond the limit.
    fn finish_step(&mut self) {
        self.dropped += u64::from(std::mem::take(&mut self.incomplete));
        self.lengths.push_back(std::mem::take(&mut self.unfinished));
        while self.events.len() > self.limit && self.lengths.len() > 1 {
            let oldest = self.lengths.pop_front().expect("more than one");
            self.events.drain(..oldest);
            self.dropped += 1;
        }
    }

    fn finish(self) -> Profile {
        let mut rows: Vec<Row> = self.rows.into_values().collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.nanoseconds));
        Profile {
            steps: self.steps,
            nanoseconds: self.nanoseconds,
            memory: self.memory,
            rows,
            events: self.events.into(),
            dropped: self.dropped,
        }
    }
}

fn nanoseconds(since: Instant) -> u64 {
    since.elapsed().as_nanos() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Var;
    use glassbox_tensor::Tensor;

    fn step() {
        let _step = Span::step();
        let x = Var::input(Tensor::ones([3, 4]));
        let y = (&x.exp() * &x).sum_all();
        y.backward();
        let _phase = Span::phase(Phase::Optimiser, "optimiser");
        drop(Span::operation("update"));
    }

    #[test]
    fn rows_are_by_operation_and_phase_and_fit_in_the_time_of_the_steps() {
        start(1000);
        (0..5).for_each(|_| step());
        let profile = stop();
        let calls = |phase, name| profile.rows.iter().find(|r| r.phase == phase && r.name == name).map(|r| r.calls);
        assert_eq!(profile.steps, 5);
        for name in ["exp", "mul", "sum"] {
            assert_eq!(calls(Phase::Forward, name), Some(5), "{name}");
            assert_eq!(calls(Phase::Backward, name), Some(5), "{name}");
        }
        assert_eq!(calls(Phase::Optimiser, "update"), Some(5));
        assert_eq!(calls(Phase::Backward, "sum of gradients"), Some(5), "x is used twice");
        assert_eq!(profile.rows.len(), 8, "what a backward pass is made of has no rows of its own: {:?}", profile.rows);
        assert!(profile.rows.iter().map(|r| r.nanoseconds).sum::<u64>() <= profile.nanoseconds);
        assert!(profile.rows.is_sorted_by(|a, b| a.nanoseconds >= b.nanoseconds));
    }

    #[test]
    fn events_nest() {
        start(1000);
        (0..3).for_each(|_| step());
        let mut events = stop().events;
        assert!(events.len() > 30);
        events.sort_by_key(|e| (e.start, std::cmp::Reverse(e.nanoseconds)));
        let mut ends: Vec<u64> = Vec::new();
        for event in &events {
            while ends.last().is_some_and(|&end| end <= event.start) {
                ends.pop();
            }
            let end = event.start + event.nanoseconds;
            assert!(ends.last().is_none_or(|&around| end <= around), "{event:?} reaches out of what is around it");
            ends.push(end);
        }
    }

    #[test]
    fn only_the_last_steps_are_kept_and_a_long_one_in_part() {
        start(40);
        (0..10).for_each(|_| step());
        let profile = stop();
        let kept = profile.events.iter().filter(|e| e.name == "step").count() as u64;
        assert!(profile.events.len() <= 40 && kept > 0 && kept + profile.dropped == 10, "{kept} steps kept");
        start(3);
        step();
        let profile = stop();
        assert_eq!(profile.dropped, 1);
        let names: Vec<&str> = profile.events.iter().map(|e| e.name).collect();
        assert_eq!(names, ["exp", "mul", "sum", "backward", "optimiser", "step"]);
    }

    #[test]
    fn nothing_is_recorded_unless_it_is_asked_for() {
        step();
        assert_eq!(stop().steps, 0);
        let span = Span::step();
        start(10);
        drop(span); // it was nothing, and stays so
        assert_eq!(stop().steps, 0);
    }
}
