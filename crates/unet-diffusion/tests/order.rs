//! Known truth: with the score of a mixture of Gaussians, each sampler converges as its theory says.
//!
//! All in f64, for in f32 the error of 320 steps of a second order would be rounding.

use glassbox_tensor::random::Key;
use glassbox_unet_diffusion::samplers::{
    Ddim, Ddpm, DpmSolver, Euler, Factor, FlowEuler, Heun, Past, Rule, Sampler, Trajectory, UniPc, Variance,
};
use glassbox_unet_diffusion::{Component, Level, Mixture, Point, carry, geometric_grid, preserving};
use plotters::prelude::*;

/// Two unequal Gaussians in the plane, of width about 1 together.
fn truth() -> Mixture {
    Mixture::new(vec![
        Component { weight: 2.0, mean: vec![0.9, -0.3], std: 0.5 },
        Component { weight: 1.0, mean: vec![-1.1, 0.8], std: 0.7 },
    ])
}

/// Widths of noise between which all samplers step.
const FROM: f64 = 20.0;
const TO: f64 = 0.1;

/// The steps over which slopes are taken.
const STEPS: [usize; 5] = [20, 40, 80, 160, 320];

/// 16 points of noise, in units where alpha = 1.
fn noise() -> Vec<f64> {
    (0..32).map(|i| FROM * f64::from(Key::new(5).normal(i))).collect()
}

/// Where the flow carries them: Runge and Kutta's method, 10,000 steps on a grid of the same family.
fn reference() -> Vec<f64> {
    let sigmas: Vec<f64> = geometric_grid(10_000, FROM, TO).iter().map(|level| level.sigma).collect();
    let truth = truth();
    carry(noise(), &sigmas, &mut |y: &Vec<f64>, rho| truth.denoised(y, &Level::exploding(0.0, rho)).eps)
}

/// The units that a sampler is run in.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Units {
    Exploding,
    Preserving,
    Flow,
}

fn grid(units: Units, n: usize) -> Vec<Level> {
    let grid = geometric_grid(n, FROM, TO);
    match units {
        Units::Exploding => grid,
        Units::Preserving => preserving(&grid),
        // the ratio s/(1 − s) is the width
        Units::Flow => grid.iter().map(|level| Level::flow(0.0, level.sigma / (1.0 + level.sigma))).collect(),
    }
}

/// The beginning of a trajectory on the grid, with its first levels as they truly are: a step that looks back at several answers has
/// none at first, and its theory does not speak of what it does until then.
fn begun(grid: &[Level], known: usize) -> Trajectory<Vec<f64>> {
    let (truth, mut y, mut past) = (truth(), noise(), Vec::new());
    for pair in grid.windows(2).take(known) {
        let (level, x) = (pair[0], Point::combine(&[(pair[0].alpha, &y)]));
        past.push(Past { level, x0: truth.denoised(&x, &level).x0, x, order: known });
        let sigmas: Vec<f64> = geometric_grid(500, level.ratio(), pair[1].ratio()).iter().map(|l| l.sigma).collect();
        y = carry(y, &sigmas, &mut |y: &Vec<f64>, rho| truth.denoised(y, &Level::exploding(0.0, rho)).eps);
    }
    Trajectory { x: Point::combine(&[(grid[known].alpha, &y)]), step: known, past }
}

/// The root of the mean square error of n steps, in units where alpha = 1, the first of which are `known`.
fn error(sampler: &impl Sampler, units: Units, n: usize, known: usize, exact: &[f64]) -> f64 {
    let (truth, grid) = (truth(), grid(units, n));
    let mut at = begun(&grid, known);
    let mut model = |x: &Vec<f64>, level: &Level| truth.denoised(x, level);
    while at.step < n {
        at = sampler.step(&grid, at, &mut model, &mut |_| unreachable!("nothing is drawn"));
    }
    let (x, alpha) = (at.x, grid[n].alpha);
    (x.iter().zip(exact).map(|(x, y)| (x / alpha - y).powi(2)).sum::<f64>() / exact.len() as f64).sqrt()
}

/// The slope of the line through the points (ln steps, −ln error), by least squares.
fn slope(errors: &[f64]) -> f64 {
    let x: Vec<f64> = STEPS.iter().map(|&n| (n as f64).ln()).collect();
    let y: Vec<f64> = errors.iter().map(|e| -e.ln()).collect();
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    let (mx, my) = (mean(&x), mean(&y));
    let covariance: f64 = x.iter().zip(&y).map(|(x, y)| (x - mx) * (y - my)).sum();
    covariance / x.iter().map(|x| (x - mx).powi(2)).sum::<f64>()
}

fn assert_order(name: &str, sampler: &impl Sampler, units: Units, known: usize, order: f64, exact: &[f64]) {
    let errors: Vec<f64> = STEPS.iter().map(|&n| error(sampler, units, n, known, exact)).collect();
    let slope = slope(&errors);
    let written: Vec<String> = errors.iter().map(|e| format!("{e:.2e}")).collect();
    println!("{name:26} {units:?}: order {slope:.2}, errors {}", written.join(" "));
    assert!((slope - order).abs() < 0.2, "{name} in {units:?}: order {slope:.3}, not {order}; errors {errors:?}");
}

#[test]
fn every_deterministic_sampler_converges_at_its_order() {
    use Units::{Exploding, Flow, Preserving};
    let exact = reference();
    for units in [Exploding, Preserving, Flow] {
        assert_order("ddim", &Ddim { eta: 0.0 }, units, 0, 1.0, &exact);
        assert_order("euler", &Euler, units, 0, 1.0, &exact);
        assert_order("heun", &Heun, units, 0, 2.0, &exact);
        for rule in [Rule::Midpoint, Rule::Heun] {
            let sampler = DpmSolver { order: 2, rule, lower_order_final: true };
            assert_order(&format!("dpm-solver++ 2M {rule:?}"), &sampler, units, 0, 2.0, &exact);
        }
    }
    assert_order("flow-euler", &FlowEuler, Flow, 0, 1.0, &exact);
    assert_order("dpm-solver++ 1", &DpmSolver { order: 1, ..DpmSolver::default() }, Preserving, 0, 1.0, &exact);
}

#[test]
fn uni_pc_converges_at_p_and_with_its_corrector_at_p_plus_1() {
    let exact = reference();
    for factor in [Factor::Bh1, Factor::Bh2] {
        for order in 1..=3 {
            for (corrector, expected) in [(false, order), (true, order + 1)] {
                let sampler = UniPc { order, factor, corrector, lower_order_final: false };
                let name = format!("uni-pc {order} {factor:?}{}", if corrector { " corrected" } else { "" });
                assert_order(&name, &sampler, Units::Preserving, order, expected as f64, &exact);
            }
        }
    }
}

/// Draws the book's picture of the orders, after `GLASSBOX_BLESS=1`; else looks that the one that is there is of these samplers.
#[test]
fn the_book_shows_the_orders() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/img/orders.svg");
    let unipc = |order| UniPc { order, lower_order_final: false, ..UniPc::default() };
    let names = ["DDIM, Euler", "Heun", "DPM-Solver++ 2M", "UniPC-2", "UniPC-3"];
    if std::env::var_os("GLASSBOX_BLESS").is_some() {
        let exact = reference();
        let errors = |sampler: &dyn Fn(usize) -> f64| STEPS.map(|n| (n as f64, sampler(n)));
        let curves = [
            errors(&|n| error(&Ddim { eta: 0.0 }, Units::Preserving, n, 0, &exact)),
            errors(&|n| error(&Heun, Units::Preserving, n, 0, &exact)),
            errors(&|n| error(&DpmSolver::default(), Units::Preserving, n, 0, &exact)),
            errors(&|n| error(&unipc(2), Units::Preserving, n, 2, &exact)),
            errors(&|n| error(&unipc(3), Units::Preserving, n, 3, &exact)),
        ];
        std::fs::write(file, plot(&names, &curves).unwrap()).unwrap();
    }
    let svg = std::fs::read_to_string(file).unwrap();
    let orders = ["0.99", "2.03", "2.00", "3.00", "3.97"];
    for (name, order) in names.into_iter().zip(orders) {
        assert!(
            svg.contains(&format!("{name}: {order}")),
            "{name} of order {order} is not in {file}; GLASSBOX_BLESS=1 draws it"
        );
    }
}

/// Curves of errors over steps, both logarithmic, each named with its slope.
fn plot(names: &[&str], curves: &[[(f64, f64); 5]]) -> Result<String, Box<dyn std::error::Error>> {
    let colours = [
        RGBColor(31, 119, 180),
        RGBColor(255, 127, 14),
        RGBColor(44, 160, 44),
        RGBColor(214, 39, 40),
        RGBColor(148, 103, 189),
    ];
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (640, 420)).into_drawing_area();
        root.fill(&WHITE)?;
        let (left, legend) = root.split_horizontally(450);
        let mut chart = ChartBuilder::on(&left)
            .margin(10)
            .x_label_area_size(42)
            .y_label_area_size(62)
            .build_cartesian_2d((18.0..360.0).log_scale(), (1e-9..0.1).log_scale())?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(BLACK.mix(0.12))
            .x_desc("steps")
            .y_desc("error")
            .x_label_formatter(&|x| format!("{x:.0}"))
            .y_label_formatter(&|y| format!("{y:.0e}"))
            .draw()?;
        for (i, (name, curve)) in names.iter().zip(curves).enumerate() {
            chart.draw_series(LineSeries::new(curve.iter().copied(), colours[i].stroke_width(2)))?;
            chart.draw_series(curve.iter().map(|&point| Circle::new(point, 3, colours[i].filled())))?;
            let label = format!("{name}: {:.2}", slope(&curve.map(|(_, error)| error)));
            let y = 40 + 26 * i as i32;
            legend.draw(&Circle::new((8, y), 5, colours[i].filled()))?;
            legend.draw(&Text::new(label, (20, y - 7), ("sans-serif", 14)))?;
        }
        root.present()?;
    }
    Ok(svg)
}

/// How far the mean and the covariance of `points` are from those of the truth at a level, and the standard error of the farthest.
struct Moments {
    off: f64,
    standard_errors: f64,
}

fn moments(points: &[f64], level: &Level) -> Moments {
    let (mean, covariance) = truth().moments(level);
    let n = (points.len() / 2) as f64;
    let (mut off, mut standard_errors) = (0.0f64, 0.0f64);
    let mut seen = |each: &dyn Fn(&[f64]) -> f64, expected: f64| {
        let values: Vec<f64> = points.chunks(2).map(each).collect();
        let average = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|v| (v - average).powi(2)).sum::<f64>() / n;
        off = off.max((average - expected).abs());
        standard_errors = standard_errors.max((average - expected).abs() / (variance / n).sqrt());
    };
    for i in 0..2 {
        seen(&|x| x[i], mean[i]);
        for j in i..2 {
            seen(&|x| (x[i] - mean[i]) * (x[j] - mean[j]), covariance[2 * i + j]);
        }
    }
    Moments { off, standard_errors }
}

fn drawn(sampler: &impl Sampler, n: usize, points: usize) -> Moments {
    let (truth, grid) = (truth(), grid(Units::Preserving, n));
    let normal = |key: Key| -> Vec<f64> { (0..2 * points as u64).map(|i| f64::from(key.normal(i))).collect() };
    // The noisiest level as it is, not as if nothing were left of x0, so that only the steps are measured
    let x = grid[0].noised(&truth.draw(points, Key::new(1)), &normal(Key::new(2)));
    let mut model = |x: &Vec<f64>, level: &Level| truth.denoised(x, level);
    let x = sampler.sample(&grid, x, &mut model, &mut |step| normal(Key::new(3).fold(step as u64)));
    moments(&x, &grid[n])
}

fn assert_moments_converge(name: &str, sampler: &impl Sampler) {
    let points = 20_000;
    let all = [5, 10, 20, 40, 80].map(|n| drawn(sampler, n, points));
    for Moments { off, standard_errors } in &all {
        println!("{name:20} off by {off:.4}, {standard_errors:.1} standard errors");
    }
    let [first, second, third, .., last] = &all;
    // Halving the steps' size halves the error as long as it stands above the noise of the draws
    assert!(first.standard_errors > 10.0, "{name}: 5 steps are off by {} already within noise", first.off);
    assert!(second.off < 0.7 * first.off && third.off < 0.7 * second.off, "{name}: the error doesn't fall");
    assert!(last.off < 0.1 * first.off + 4.0 * last.off / last.standard_errors, "{name}: off by {}", last.off);
}

#[test]
fn mean_and_covariance_of_random_samplers_come_closer_with_every_step() {
    assert_moments_converge("ddpm, fixed small", &Ddpm { variance: Variance::FixedSmall });
    assert_moments_converge("ddpm, fixed large", &Ddpm { variance: Variance::FixedLarge });
    assert_moments_converge("ddim, eta 0.5", &Ddim { eta: 0.5 });
    assert_moments_converge("ddim, eta 1", &Ddim { eta: 1.0 });
}
