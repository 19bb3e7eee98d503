//! What the dashboard shows: of constant size, however long a run is.

use glassbox_train::{HELD_OUT, Metrics, Preset, Record, Sample};
use std::time::{Duration, Instant};

/// A curve has at most twice as many points; a wide terminal has 2 · 200 columns of dots.
const MOST_POINTS: usize = 400;

/// A curve of a run of any length. When it gets too long, neighbours become one point, their mean.
#[derive(Debug, Clone, Default)]
pub(super) struct Curve {
    points: Vec<(f64, f64)>,
    /// Values to a point, a power of two.
    group: usize,
    /// The sums of those that don't fill a point yet, and how many they are.
    begun: (f64, f64, usize),
}

impl Curve {
    /// Adds the value of a step.
    pub(super) fn push(&mut self, step: u64, value: f64) {
        let (steps, values, n) = self.begun;
        self.begun = (steps + step as f64, values + value, n + 1);
        let (steps, values, n) = self.begun;
        if n < self.group.max(1) {
            return;
        }
        self.points.push((steps / n as f64, values / n as f64));
        self.begun = (0.0, 0.0, 0);
        if self.points.len() == 2 * MOST_POINTS {
            self.points = self.points.chunks(2).map(|p| ((p[0].0 + p[1].0) / 2.0, (p[0].1 + p[1].1) / 2.0)).collect();
            self.group = 2 * self.group.max(1);
        }
    }

    /// The points (step, value), steps ascending.
    pub(super) fn points(&self) -> &[(f64, f64)] {
        &self.points
    }
}

/// A sitting of a run.
#[derive(Debug, Clone)]
pub(super) struct State {
    /// The preset.
    pub(super) name: &'static str,
    /// What it is.
    pub(super) about: &'static str,
    /// Where the sitting began, in steps and in examples.
    first: (u64, u64),
    /// The steps that are taken.
    pub(super) step: u64,
    /// The step at which the sitting ends.
    pub(super) end: u64,
    examples: u64,
    begun: Instant,
    /// Of each step's batch, of held-out data, and of the schedule if there is one.
    pub(super) loss: Curve,
    pub(super) held_out: Curve,
    pub(super) lr: Curve,
    /// The last value of every metric, in the order in which they came up.
    pub(super) metrics: Vec<(String, f64)>,
    /// The last samples, and the step after which they were drawn.
    pub(super) samples: Option<(u64, Sample)>,
    /// The last warning.
    pub(super) warning: Option<String>,
}

impl Default for State {
    /// Of no run yet.
    fn default() -> State {
        State {
            name: "",
            about: "",
            first: (0, 0),
            step: 0,
            end: 0,
            examples: 0,
            begun: Instant::now(),
            loss: Curve::default(),
            held_out: Curve::default(),
            lr: Curve::default(),
            metrics: Vec::new(),
            samples: None,
            warning: None,
        }
    }
}

impl State {
    /// Of a sitting from step `first` to step `end`.
    pub(super) fn of(preset: &Preset, first: u64, end: u64) -> State {
        State { name: preset.name, about: preset.about, first: (first, 0), step: first, end, ..State::default() }
    }

    /// Notes a step, of this sitting or of one before it.
    pub(super) fn note(&mut self, record: &Record) {
        if record.step <= self.first.0 {
            self.first.1 = record.examples;
        }
        (self.step, self.examples) = (record.step, record.examples);
        for (curve, name) in [(&mut self.loss, "loss"), (&mut self.held_out, "test_loss"), (&mut self.lr, "lr")] {
            record.metrics.get(name).into_iter().for_each(|value| curve.push(record.step, value));
        }
        self.note_metrics(&record.metrics);
    }

    fn note_metrics(&mut self, metrics: &Metrics) {
        for (name, value) in metrics.iter() {
            match self.metrics.iter_mut().find(|(known, _)| known == name) {
                Some(known) => known.1 = value,
                None => self.metrics.push((name.to_string(), value)),
            }
        }
    }

    /// The last held-out metrics by their names without the prefix, and the others.
    pub(super) fn metrics_of(&self, held_out: bool) -> Metrics {
        self.metrics.iter().fold(Metrics::new(), |all, (name, value)| match name.strip_prefix(HELD_OUT) {
            Some(name) if held_out => all.with(name, *value),
            None if !held_out => all.with(name, *value),
            _ => all,
        })
    }

    /// The share of the steps that are taken, 0 to 1.
    pub(super) fn share(&self) -> f64 {
        if self.end == 0 { 0.0 } else { (self.step as f64 / self.end as f64).min(1.0) }
    }

    /// Examples a second in this sitting so far, and the time that the other steps will take at this speed.
    pub(super) fn speed(&self) -> Option<(f64, Duration)> {
        self.speed_after(self.begun.elapsed())
    }

    fn speed_after(&self, elapsed: Duration) -> Option<(f64, Duration)> {
        let (steps, seconds) = (self.step - self.first.0, elapsed.as_secs_f64());
        if steps == 0 || seconds <= 0.0 {
            return None;
        }
        let left = (self.end.saturating_sub(self.step)) as f64 * seconds / steps as f64;
        let left = Duration::try_from_secs_f64(left).unwrap_or(Duration::MAX);
        Some(((self.examples - self.first.1) as f64 / seconds, left))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_of_a_million_steps_has_few_points_and_keeps_its_mean() {
        let mut curve = Curve::default();
        (1..=1u64 << 20).for_each(|step| curve.push(step, 3.0 * step as f64));
        assert!(curve.points().len() < 2 * MOST_POINTS && curve.points().len() >= MOST_POINTS);
        assert!(curve.points().iter().all(|&(x, y)| y == 3.0 * x));
        assert!(curve.points().windows(2).all(|p| p[0].0 < p[1].0));
        let mut short = Curve::default();
        (1..5).for_each(|step| short.push(step, 1.0));
        assert_eq!(short.points(), [(1.0, 1.0), (2.0, 1.0), (3.0, 1.0), (4.0, 1.0)]);
    }

    #[test]
    fn speed_and_the_time_left_are_those_of_this_sitting() {
        let mut state = State { first: (100, 0), end: 300, ..State::default() };
        let record =
            |step| Record { step, metrics: Metrics::new().with("loss", 1.0), seconds: 9.0, examples: 32 * step };
        [99, 100].iter().for_each(|&step| state.note(&record(step)));
        assert_eq!(state.speed_after(Duration::from_secs(1)), None);
        (101..=150).for_each(|step| state.note(&record(step)));
        // 50 steps of 32 in 10 seconds; 150 are left.
        assert_eq!(state.speed_after(Duration::from_secs(10)), Some((160.0, Duration::from_secs(30))));
        assert_eq!(state.share(), 0.5);
    }
}
