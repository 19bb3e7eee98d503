//! Random numbers as functions: of a key and a position, and of nothing else.
//!
//! A usual generator has a state that every draw moves on. Then the numbers depend on who drew before, and two threads
//! that draw at once are a race. Here `key.normal(p)` is number p of the stream of that key, whoever asks, and when.
//!
//! cargo run --release -p glassbox-benches --example 03-random-numbers

use glassbox_tensor::random::Key;
use glassbox_tensor::{Tensor, parallel, tensor};
use std::error::Error;
use std::f64::consts::PI;

fn main() -> Result<(), Box<dyn Error>> {
    let key = Key::new(42);
    let x = Tensor::randn([5], key);
    println!("five numbers of N(0, 1): {x}");
    println!("number 3 asked for alone: {}", key.normal(3));
    assert_eq!(key.normal(3), x.at([3]));
    assert_eq!(x, Tensor::randn([1000], key).narrow(0, 0, 5)); // the beginning of every longer draw

    // What has to be independent gets a key of its own, by folding a number into the key: a purpose, then a step.
    let (weights, noise) = (key.fold(0), key.fold(1));
    println!("noise of step 7: {}", Tensor::randn([3], noise.fold(7)));
    println!("noise of step 8: {}", Tensor::randn([3], noise.fold(8)));
    println!("a run that is resumed at step 8 draws just that; it need not have drawn what came before\n");
    assert_ne!(Tensor::randn([3], weights), Tensor::randn([3], noise));

    // So a million numbers may be filled in by any number of threads.
    let one = Tensor::randn([1_000_000], key);
    for threads in [1, 2, 3, 7] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
        let many = pool.install(|| parallel::with_serial_threshold(0, || Tensor::randn([1_000_000], key)));
        assert!(many.as_slice().zip(one.as_slice()).is_some_and(|(a, b)| {
            a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits()) // not nearly: bit for bit
        }));
    }
    println!("a million numbers are the same bits on 1, 2, 3 and 7 threads");
    let (mean, variance) = (one.mean(&[0], false).item(), one.var(&[0], 0, false).item());
    println!("their mean is {mean:.4} and their variance {variance:.4}\n");
    assert!(mean.abs() < 5.0 / 1e3); // the mean of n has the deviation 1/√n; five of them are rarer than one in a million

    // The histogram against the density e^(−x²/2) / √(2π): a bar for what was drawn, a | where the density says it ends.
    // Of n draws, n·p are expected in a bin of probability p, give or take √(n·p·(1 − p)).
    const WIDTH: f64 = 0.5;
    let (numbers, n) = (one.to_vec(), one.numel() as f64);
    println!("     x   drawn  expected  off by");
    for bin in -7..7 {
        let (low, high) = (f64::from(bin) * WIDTH, f64::from(bin + 1) * WIDTH);
        let drawn = numbers.iter().filter(|&&x| (low..high).contains(&f64::from(x))).count() as f64;
        let p = integral(|x| (-x * x / 2.0).exp() / (2.0 * PI).sqrt(), low, high);
        let deviations = (drawn - n * p) / (n * p * (1.0 - p)).sqrt();
        let (bar, mark) = ((drawn / n * 200.0).round() as usize, (p * 200.0).round() as usize);
        println!("{low:6.1} {drawn:7} {:9.0} {deviations:+6.1}σ  {:<mark$}|", n * p, "█".repeat(bar));
        assert!(deviations.abs() < 5.0, "bin {bin} is {deviations} deviations off");
    }

    // Drawing one of several with given probabilities, by the Gumbel trick: the largest of ln pᵢ + gᵢ is at i with
    // probability pᵢ. That is how a language model draws its next token.
    let p = tensor![0.5, 0.3, 0.15, 0.05]; // (4)
    let draws = (&p.ln() + &Tensor::gumbel([100_000, 4], key.fold(2))).argmax(1, false); // (100000, 4) -> (100000)
    let shares = draws.one_hot(4).mean(&[0], false); // (100000, 4) -> (4)
    println!("\n100,000 draws of one of four, with the probabilities {p}: {shares}");
    for i in 0..4 {
        let p = p.at([i]);
        assert!((shares.at([i]) - p).abs() < 5.0 * (p * (1.0 - p) / 1e5).sqrt());
    }
    Ok(())
}

/// ∫ f from a to b by Simpson's rule: the parabola through both ends and the middle.
fn integral(f: impl Fn(f64) -> f64, a: f64, b: f64) -> f64 {
    (b - a) / 6.0 * (f(a) + 4.0 * f((a + b) / 2.0) + f(b))
}
