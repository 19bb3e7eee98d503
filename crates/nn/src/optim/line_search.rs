//! How far to go along a direction: the strong Wolfe conditions.
//!
//! With φ(α) = f(x + α·d), a step is long enough and not too long when
//!
//! ```text
//! φ(α) ≤ φ(0) + c₁·α·φ'(0)             it makes f smaller by a part of what the slope promised
//! |φ'(α)| ≤ c₂·|φ'(0)|                 and leaves little of the slope
//! ```
//!
//! Source: Nocedal and Wright 2006, Numerical Optimization, algorithms 3.5 and 3.6. Where φ isn't finite, it counts as
//! +∞.

/// c₁ and c₂ as they are usual for quasi-Newton methods (section 3.1).
const C1: f64 = 1e-4;
const C2: f64 = 0.9;
/// How often a step is doubled, and how often an interval is cut: together they reach everything that f64 tells apart.
const MOST_TRIALS: usize = 60;

/// A place, with the value and the gradient there.
pub(super) struct Point {
    pub x: Vec<f64>,
    pub value: f64,
    pub g: Vec<f64>,
}

impl Point {
    pub fn is_finite(&self) -> bool {
        self.value.is_finite() && self.g.iter().all(|g| g.is_finite())
    }
}

pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// A step that was tried: α, φ(α) and φ'(α), and where it led.
struct Trial {
    alpha: f64,
    value: f64,
    slope: f64,
    /// `None` at α = 0.
    point: Option<Point>,
}

/// The point of a step along `d` that fulfils both conditions, tried first with length `alpha`; or, where rounding
/// hides such a step, of the best that fulfils the first. `None` where there is none: d leads uphill, or f can't get
/// smaller.
pub(super) fn strong_wolfe(
    evaluate: &mut impl FnMut(Vec<f64>) -> Point,
    start: &Point,
    d: &[f64],
    mut alpha: f64,
) -> Option<Point> {
    let (value0, slope0) = (start.value, dot(&start.g, d));
    if !(slope0.is_finite() && slope0 < 0.0) {
        return None;
    }
    let mut attempt = |alpha: f64| {
        let point = evaluate(start.x.iter().zip(d).map(|(x, d)| x + alpha * d).collect());
        let (value, slope) = (point.value, dot(&point.g, d));
        let finite = point.is_finite() && slope.is_finite();
        let (value, slope) = if finite { (value, slope) } else { (f64::INFINITY, f64::NAN) };
        Trial { alpha, value, slope, point: Some(point) }
    };
    let too_high = |trial: &Trial| trial.value > value0 + C1 * trial.alpha * slope0;
    let flat_enough = |trial: &Trial| trial.slope.abs() <= -C2 * slope0;

    // Algorithm 3.5: longer and longer, until an interval holds a good step.
    let mut before = Trial { alpha: 0.0, value: value0, slope: slope0, point: None };
    for _ in 0..MOST_TRIALS {
        let trial = attempt(alpha);
        if too_high(&trial) || trial.value >= before.value {
            return zoom(before, trial, attempt, too_high, flat_enough);
        }
        if flat_enough(&trial) {
            return trial.point;
        }
        if trial.slope >= 0.0 {
            return zoom(trial, before, attempt, too_high, flat_enough);
        }
        alpha = 2.0 * trial.alpha;
        before = trial;
    }
    before.point
}

/// Algorithm 3.6: cuts the interval between `low`, the lowest that fulfils the first condition, and `high`, towards
/// which φ falls from there.
fn zoom(
    mut low: Trial,
    mut high: Trial,
    mut attempt: impl FnMut(f64) -> Trial,
    too_high: impl Fn(&Trial) -> bool,
    flat_enough: impl Fn(&Trial) -> bool,
) -> Option<Point> {
    for _ in 0..MOST_TRIALS {
        let alpha = between(&low, &high);
        let gain = low.slope * (high.alpha - low.alpha);
        if gain.abs() <= f64::EPSILON * low.value.abs() || alpha == low.alpha || alpha == high.alpha {
            break; // nothing is left that f64 could tell apart
        }
        let trial = attempt(alpha);
        if too_high(&trial) || trial.value >= low.value {
            high = trial;
            continue;
        }
        if flat_enough(&trial) {
            return trial.point;
        }
        let rises_towards_high = trial.slope * (high.alpha - low.alpha) >= 0.0;
        let old = std::mem::replace(&mut low, trial);
        if rises_towards_high {
            high = old;
        }
    }
    low.point
}

/// Where the cubic through both values and slopes has its minimum (equation 3.59), if that is well inside the interval;
/// else its middle.
fn between(a: &Trial, b: &Trial) -> f64 {
    let width = b.alpha - a.alpha;
    let d1 = a.slope + b.slope - 3.0 * (a.value - b.value) / (a.alpha - b.alpha);
    let d2 = (d1 * d1 - a.slope * b.slope).sqrt().copysign(width);
    let cubic = b.alpha - width * (b.slope + d2 - d1) / (b.slope - a.slope + 2.0 * d2);
    let part = (cubic - a.alpha) / width; // NaN where something isn't finite
    if (0.1..=0.9).contains(&part) { cubic } else { a.alpha + 0.5 * width }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The search along φ from 0, with its derivative.
    fn search(phi: impl Fn(f64) -> (f64, f64), alpha: f64) -> Option<(f64, f64, f64)> {
        let mut evaluate = |x: Vec<f64>| {
            let (value, slope) = phi(x[0]);
            Point { x, value, g: vec![slope] }
        };
        let start = evaluate(vec![0.0]);
        strong_wolfe(&mut evaluate, &start, &[1.0], alpha).map(|point| (point.x[0], point.value, point.g[0]))
    }

    #[test]
    fn both_conditions_hold_wherever_it_begins() {
        // Moré and Thuente 1994, Line search algorithms with guaranteed sufficient decrease, functions 5.1 and 5.2.
        let flat = |a: f64| (-a / (a * a + 2.0), (a * a - 2.0) / (a * a + 2.0).powi(2));
        let steep = |a: f64| {
            let b = a + 0.004;
            (b.powi(5) - 2.0 * b.powi(4), 5.0 * b.powi(4) - 8.0 * b.powi(3))
        };
        for first in [1e-3, 0.1, 1.0, 10.0, 1e3] {
            for phi in [&flat as &dyn Fn(f64) -> (f64, f64), &steep] {
                let ((value0, slope0), (alpha, value, slope)) = (phi(0.0), search(phi, first).unwrap());
                assert!(value <= value0 + C1 * alpha * slope0, "{first}: φ({alpha}) = {value}");
                assert!(slope.abs() <= -C2 * slope0, "{first}: φ'({alpha}) = {slope}");
            }
        }
    }

    #[test]
    fn what_is_not_finite_is_too_far() {
        let (alpha, value, slope) = search(|a| (-(1.0 - a).ln() - 3.0 * a, 1.0 / (1.0 - a) - 3.0), 100.0).unwrap();
        assert!(alpha < 1.0 && value < 0.0 && slope.abs() <= 0.9 * 2.0, "φ({alpha}) = {value}");
    }

    #[test]
    fn there_is_no_step_uphill() {
        assert!(search(|a| (a, 1.0), 1.0).is_none());
        assert!(search(|a| (a, -1.0), 1.0).is_none(), "nor where the slope is a lie");
        assert!(search(|a| (a, f64::NAN), 1.0).is_none());
    }
}
