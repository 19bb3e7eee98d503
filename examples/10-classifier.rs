//! A small classifier: which garment is on the picture?
//!
//! Two layers, 784 -> 128 -> 10, on the 10,000 training pictures of Fashion-MNIST that are embedded in the house, judged
//! by 2,000 others.
//!
//! cargo run --release -p glassbox-benches --example 10-classifier [-- FOLDER]

use glassbox_autograd::Var;
use glassbox_data::image::{grid, write_png};
use glassbox_data::{Batches, ImageSet, in_order};
use glassbox_nn::loss::{CrossEntropyOptions, Reduction, cross_entropy};
use glassbox_nn::{Linear, Module, optim::Adam};
use glassbox_tensor::{Ids, Tensor, random::Key};
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

    /// The probabilities of all pictures of the set, (N, 10).
    fn probabilities(&self, set: &ImageSet) -> Tensor {
        let batches = in_order(set.len(), 500).map(|batch| self.forward(&flat(set, &batch).0).softmax(1).into_value());
        let batches: Vec<Tensor> = batches.collect();
        Tensor::cat(&batches.iter().collect::<Vec<_>>(), 0)
    }
}

/// Pictures as rows of pixels (B, 784), and their classes (B).
fn flat(set: &ImageSet, numbers: &[u32]) -> (Var, Ids) {
    let (x, ids) = set.batch(numbers); // (B, 1, 28, 28), (B)
    (Var::constant(x.reshape([numbers.len(), set.pixels()])), ids)
}

fn main() -> Result<(), Box<dyn Error>> {
    let data = glassbox_data::open("fashion-mnist")?;
    let key = Key::new(1);
    let mut model = Classifier::new(key.fold(0));
    println!("{} parameters", model.num_parameters());

    // An epoch sees each training picture once, in an order of its own. The loss is −ln of the probability of what is right:
    // ln 10 = 2.30 for a guess.
    let mut adam = Adam::new(1e-3);
    let mut batches = Batches::new(data.train.len(), 64, key.fold(1));
    println!("epoch  training loss  right on the test pictures");
    let mut accuracy = 0.0;
    for epoch in 0..6 {
        let mut sum = 0.0;
        for step in 0..batches.steps_per_epoch() {
            let (x, ids) = flat(&data.train, &batches.at(epoch * batches.steps_per_epoch() + step));
            let loss = cross_entropy(&model.forward(&x), &ids, CrossEntropyOptions::default(), Reduction::Mean);
            sum += loss.item();
            adam.step(&mut model, &loss.backward())?;
        }
        let guesses = model.probabilities(&data.test).argmax(1, false); // (N, 10) -> (N)
        let right = guesses.as_slice().iter().zip(data.test.labels()).filter(|(g, t)| **g == u32::from(**t)).count();
        accuracy = right as f64 / data.test.len() as f64;
        println!("{:>5}  {:13.3}  {:5.1}%", epoch + 1, sum / batches.steps_per_epoch() as f32, 100.0 * accuracy);
    }
    assert!(accuracy > 0.83, "only {accuracy} are right");

    // What is taken for what? A row for each class that is there, a column for each that was guessed.
    let probabilities = model.probabilities(&data.test); // (N, 10)
    let guesses = probabilities.argmax(1, false);
    let mut confusion = [[0; 10]; 10];
    for (guess, &label) in guesses.as_slice().iter().zip(data.test.labels()) {
        confusion[usize::from(label)][*guess as usize] += 1;
    }
    let classes = data.test.classes();
    println!("\n{:>12}{}", "", classes.iter().map(|c| format!(" {:>6.6}", c)).collect::<String>());
    for (class, row) in classes.iter().zip(&confusion) {
        println!("{class:>12}{}", row.map(|n| if n == 0 { "      ·".into() } else { format!(" {n:>6}") }).concat());
    }
    let share = |class: usize| confusion[class][class] as f64 / data.test.class_counts()[class] as f64;
    println!("\nof the trousers {:.0}% are right, of the shirts {:.0}%", 100.0 * share(1), 100.0 * share(6));
    assert!(share(1) > share(6));

    // The most wrong: where what is right has got the least probability, and so the greatest loss.
    let labels: Vec<u32> = data.test.labels().iter().map(|&label| label.into()).collect();
    let labels = Ids::from_vec(labels, [data.test.len()]);
    let of_label = probabilities.gather(1, &labels.reshape([data.test.len(), 1])).reshape([data.test.len()]); // (N)
    let worst = of_label.argsort(0, false).narrow(0, 0, 24); // (24)
    println!("\nthe most wrong:");
    for &i in &worst.as_slice()[..8] {
        let (is, seen) = (usize::from(data.test.labels()[i as usize]), guesses.at([i as usize]) as usize);
        let [right, wrong] = [is, seen].map(|class| 100.0 * probabilities.at([i as usize, class]));
        println!("picture {i:>4}: {} with {wrong:.2}%, but it is {} ({right:.3}%)", classes[seen], classes[is]);
    }

    let folder = PathBuf::from(std::env::args().nth(1).unwrap_or("target/examples-out".into()));
    std::fs::create_dir_all(&folder)?;
    let file = folder.join("10-classifier.png");
    write_png(&file, &grid(&data.test.batch(worst.as_slice()).0, 8, 2).scale(4))?;
    println!("these and 16 more: {}", file.display());
    Ok(())
}
