//! A small classifier: which garment is on the picture?
//!
//! Two layers, 784 -> 128 -> 10, on the 10,000 training pictures of Fashion-MNIST that are embedded in the house, judged
//! by 2,000 others.
//!
//! cargo run --release -p glassbox-benches --example 10-classifier [-- FOLDER]

use glassbox_autograd::Var;
use glassbox_data::image::{grid, write_png};
use glassbox_data::{Batches, ImageSet};
use glassbox_nn::loss::{CrossEntropyOptions, Reduction, cross_entropy};
use glassbox_nn::{Linear, Module, optim::Adam};
use glassbox_tensor::{Ids, random::Key};
use std::error::Error;
use std::path::PathBuf;

#[derive(Module)]
struct Classifier {
    fc1: Linear,
    fc2: Linear,
}

impl Classifier {
    fn new(key: Key) -> Classifier {
        Classifier { fc1: Linear::new(784, 128, key.fold(1)), fc2: Linear::new(128, 10, key.fold(2)) }
    }

    /// The logits of the classes: softmax makes probabilities of them. (B, 784) -> (B, 10)
    fn forward(&self, x: &Var) -> Var {
        self.fc2.forward(&self.fc1.forward_relu(x))
    }
}

/// Pictures as rows of pixels (B, 784), and their classes (B).
fn flat(set: &ImageSet, numbers: &[u32]) -> (Var, Ids) {
    let (x, ids) = set.batch(numbers); // (B, 1, 28, 28), (B)
    (Var::constant(x.reshape([numbers.len(), set.pixels()])), ids)
}

fn main() -> Result<(), Box<dyn Error>> {
    let data = glassbox_data::open("fashion-mnist")?;
    let classes = data.test.classes();
    let n = data.test.len();
    let (x_test, labels) = flat(&data.test, &(0..n as u32).collect::<Vec<_>>()); // (N, 784), (N)
    let key = Key::new(1);
    let mut model = Classifier::new(key.fold(0));
    println!("{} parameters", model.num_parameters());

    // An epoch sees each training picture once, in an order of its own. The loss is −ln of the probability of what is right:
    // ln 10 = 2.30 for a guess.
    let mut adam = Adam::new(1e-3);
    let mut batches = Batches::new(data.train.len(), 64, key.fold(1));
    let steps = batches.steps_per_epoch();
    let mut guesses = Ids::arange(0);
    println!("epoch  training loss  right on the test pictures");
    for epoch in 0..6 {
        let mut sum = 0.0;
        for step in epoch * steps..(epoch + 1) * steps {
            let (x, ids) = flat(&data.train, &batches.at(step)); // (B, 784), (B)
            let loss = cross_entropy(&model.forward(&x), &ids, CrossEntropyOptions::default(), Reduction::Mean);
            sum += loss.item();
            adam.step(&mut model, &loss.backward())?;
        }
        guesses = model.forward(&x_test).value().argmax(1, false); // (N, 784) -> (N, 10) -> (N)
        println!("{:>5}  {:13.3}  {:5.1}%", epoch + 1, sum / steps as f32, 100.0 * accuracy(&guesses, &labels));
    }
    assert!(accuracy(&guesses, &labels) > 0.83);

    // What is taken for what? A row for each class that is there, a column for each that was guessed.
    let mut confusion = [[0; 10]; 10];
    for (&label, &guess) in labels.as_slice().iter().zip(guesses.as_slice()) {
        confusion[label as usize][guess as usize] += 1;
    }
    println!("\n{:>12}{}", "", classes.iter().map(|c| format!(" {c:>6.6}")).collect::<String>());
    for (class, row) in classes.iter().zip(&confusion) {
        println!("{class:>12}{}", row.map(|n| if n == 0 { "      ·".into() } else { format!(" {n:>6}") }).concat());
    }
    let share = |class: usize| confusion[class][class] as f64 / data.test.class_counts()[class] as f64;
    println!("\nof the trousers {:.0}% are right, of the shirts {:.0}%", 100.0 * share(1), 100.0 * share(6));
    assert!(share(1) > share(6));

    // The most wrong: where what is right has got the least probability, and so the greatest loss.
    let p = model.forward(&x_test).softmax(1).into_value(); // (N, 10)
    let of_label = p.gather(1, &labels.reshape([n, 1])).squeeze(1); // (N, 10) -> (N, 1) -> (N)
    let worst = of_label.argsort(0, false).narrow(0, 0, 24); // (24)
    println!("\nthe most wrong:");
    for &i in &worst.as_slice()[..8] {
        let [label, guess] = [&labels, &guesses].map(|ids| ids.at([i as usize]) as usize);
        let [right, wrong] = [label, guess].map(|class| 100.0 * p.at([i as usize, class]));
        println!("picture {i:>4}: {} with {wrong:.2}%, but it is {} ({right:.3}%)", classes[guess], classes[label]);
    }

    let folder = PathBuf::from(std::env::args().nth(1).unwrap_or("target/examples-out".into()));
    std::fs::create_dir_all(&folder)?;
    let file = folder.join("10-classifier.png");
    write_png(&file, &grid(&data.test.batch(worst.as_slice()).0, 8, 2).scale(4))?;
    println!("these and 16 more: {}", file.display());
    Ok(())
}

/// The share of guesses that are right.
fn accuracy(guesses: &Ids, labels: &Ids) -> f64 {
    let right = guesses.as_slice().iter().zip(labels.as_slice()).filter(|(guess, label)| guess == label).count();
    right as f64 / labels.numel() as f64
}
