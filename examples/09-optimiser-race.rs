//! Three optimisers in one valley: gradient descent, momentum, Adam.
//!
//! Rosenbrock's valley f(x, y) = (1 − x)² + 100·(y − x²)² is curved like a banana, and at its bottom 2,500 times steeper
//! across than along (06 computes it). A step that doesn't climb the sides is far too small for the floor. Momentum adds up
//! the steps that agree, and those that don't cancel; Adam gives each coordinate a step of its own size.
//!
//! cargo run --release -p glassbox-benches --example 09-optimiser-race [-- FOLDER]

use glassbox_autograd::{Gradients, Var};
use glassbox_data::image::{Image, hstack, write_png};
use glassbox_nn::Param;
use glassbox_nn::optim::{Adam, Sgd, StepError};
use glassbox_tensor::Tensor;
use std::error::Error;
use std::path::PathBuf;

const START: [f32; 2] = [-1.2, 1.0];
const STEPS: usize = 10_000;

fn main() -> Result<(), Box<dyn Error>> {
    // p ← p − lr·g. On a parabola that curves by λ a step of more than 2/λ overshoots by more than it was off: each swing is
    // wider than the one before. At the bottom λ is 1002 across the valley, so 10⁻³ is half of what it can bear.
    let mut sgd = Sgd::new(1e-3);
    let descent = race(|p, grads| sgd.step(p, grads))?;
    // v ← 0.9·v + g, p ← p − lr·v, at the same rate. Where all steps agree the velocity grows to ten times their size.
    let mut sgd = Sgd::momentum(1e-3, 0.9);
    let momentum = race(|p, grads| sgd.step(p, grads))?;
    // p ← p − lr·m/√v, with the means m of the last ten g and v of the last thousand g². So about 0.1 in each step and for
    // each coordinate, however steep it is, as long as the gradient keeps its sign. But when a thousand gradients have been
    // small, the next that is less so throws it out again: look at its path near the bottom. With a rate that falls,
    // 0.1/√(1 + t/100), it comes later and stays.
    let mut adam = Adam::new(0.1);
    let adam = race(|p, grads| adam.step(p, grads))?;

    let racers = [("gradient descent", descent), ("momentum", momentum), ("Adam", adam)];
    println!("{:<16}  f after 10       100     1,000    10,000  first within 0.1 of the bottom  for good after", "");
    let mut arrivals = Vec::new();
    for (name, path) in &racers {
        let first = path.iter().position(|&p| is_there(p)).unwrap_or(STEPS);
        let for_good = path.iter().rposition(|&p| !is_there(p)).map_or(0, |step| step + 1);
        let f = [10, 100, 1000, STEPS].map(|step| format!("{:10.1e}", height(path[step]))).concat();
        println!("{name:<16}  {f}  {first:>30}  {for_good:>14}");
        arrivals.push(first);
    }
    assert!(arrivals[1] < arrivals[0] / 4 && arrivals[2] < arrivals[0] / 4);

    let folder = PathBuf::from(std::env::args().nth(1).unwrap_or("target/examples-out".into()));
    std::fs::create_dir_all(&folder)?;
    let file = folder.join("09-optimiser-race.png");
    write_png(&file, &hstack(&racers.map(|(_, path)| picture(&path)), 6, 255))?;
    println!("\nthe three paths from left to right, a dot for each of the first 300 steps: {}", file.display());
    Ok(())
}

/// Where the optimiser is before each step, and at the end.
fn race(mut step: impl FnMut(&mut Param, &Gradients) -> Result<(), StepError>) -> Result<Vec<[f32; 2]>, StepError> {
    let mut p = Param::new(Tensor::from_slice(&START, [2]));
    let mut path = vec![START];
    for _ in 0..STEPS {
        let grads = rosenbrock(&p.var()).backward();
        step(&mut p, &grads)?;
        path.push([p.value().at([0]), p.value().at([1])]);
    }
    Ok(path)
}

fn rosenbrock(p: &Var) -> Var {
    let (x, y) = (p.narrow(0, 0, 1), p.narrow(0, 1, 1));
    let valley = &y - &x.square();
    (&(1.0 - &x).square() + &(100.0 * &valley.square())).sum_all()
}

fn height([x, y]: [f32; 2]) -> f32 {
    (1.0 - x).powi(2) + 100.0 * (y - x * x).powi(2)
}

/// Within 0.1 of the bottom, (1, 1).
fn is_there([x, y]: [f32; 2]) -> bool {
    (x - 1.0).hypot(y - 1.0) < 0.1
}

/// The valley from above, darker where it is deeper, with a path in it; the bottom is white.
fn picture(path: &[[f32; 2]]) -> Image {
    let (width, rows) = (480, 420);
    // x from −1.75 to 1.45 and y from 1.9 at the top to −0.9: 150 pixels to the unit.
    let place = |column: f32, row: f32| [column / 150.0 - 1.75, 1.9 - row / 150.0];
    let pixel = |[x, y]: [f32; 2]| [(x + 1.75) * 150.0, (1.9 - y) * 150.0];
    let mut data = Vec::with_capacity(3 * width * rows);
    for i in 0..width * rows {
        let f = height(place((i % width) as f32, (i / width) as f32));
        let band = (2.0 * f.log10()).floor().clamp(-4.0, 6.0) + 4.0; // each half of a power of ten, from 10⁻² to 10³
        data.extend([18.0, 30.0, 60.0].map(|dark: f32| (dark + band * 12.0) as u8));
    }
    let mut disc = |[x, y]: [f32; 2], radius: f32, colour: [u8; 3]| {
        for row in (y - radius).max(0.0) as usize..rows.min((y + radius + 1.0).max(0.0) as usize) {
            for column in (x - radius).max(0.0) as usize..width.min((x + radius + 1.0).max(0.0) as usize) {
                if (column as f32 - x).hypot(row as f32 - y) <= radius {
                    data[3 * (row * width + column)..][..3].copy_from_slice(&colour);
                }
            }
        }
    };
    for (step, ends) in path.windows(2).enumerate().rev() {
        let [a, b] = [pixel(ends[0]), pixel(ends[1])];
        let (points, colour) = (1 + (b[0] - a[0]).hypot(b[1] - a[1]) as usize, [230, 150, 60]);
        for i in 0..=points {
            let part = i as f32 / points as f32;
            disc([a[0] + (b[0] - a[0]) * part, a[1] + (b[1] - a[1]) * part], 0.8, colour);
        }
        if step < 300 {
            disc(b, 2.2, [255, 215, 90]);
        }
    }
    disc(pixel([1.0, 1.0]), 5.0, [255, 255, 255]);
    Image::new(width, rows, 3, data)
}
