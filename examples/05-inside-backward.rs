//! What happens in `backward`: first on single numbers, in forty lines that hide nothing; then in the house, with the
//! graph, every number of the sweep, and the first operation that makes a NaN.
//!
//! cargo run --release -p glassbox-benches --example 05-inside-backward

use glassbox_autograd::{Var, detect_anomaly, graph_text, trace};
use glassbox_tensor::tensor;

/// Everything that was computed, in its order: a value, and for each input ∂value/∂input at this place.
#[derive(Default)]
struct Tape(Vec<(f32, Vec<(usize, f32)>)>);

impl Tape {
    fn push(&mut self, value: f32, inputs: &[(usize, f32)]) -> usize {
        self.0.push((value, inputs.to_vec()));
        self.0.len() - 1
    }
    fn leaf(&mut self, value: f32) -> usize {
        self.push(value, &[])
    }
    fn add(&mut self, a: usize, b: usize) -> usize {
        self.push(self.0[a].0 + self.0[b].0, &[(a, 1.0), (b, 1.0)])
    }
    fn mul(&mut self, a: usize, b: usize) -> usize {
        let (x, y) = (self.0[a].0, self.0[b].0);
        self.push(x * y, &[(a, y), (b, x)])
    }
    fn relu(&mut self, a: usize) -> usize {
        let x = self.0[a].0;
        self.push(x.max(0.0), &[(a, if x > 0.0 { 1.0 } else { 0.0 })])
    }
    /// ∂y/∂(everything). Whoever reads a value comes after it, so from the last to the first each derivative is complete
    /// when its turn comes; what a value was read by adds up.
    fn backward(&self, y: usize) -> Vec<f32> {
        let mut d = vec![0.0; self.0.len()];
        d[y] = 1.0;
        for i in (0..=y).rev() {
            for &(input, slope) in &self.0[i].1 {
                d[input] += d[i] * slope;
            }
        }
        d
    }
}

fn main() {
    // Two examples x, two hidden units, h = relu(W·x), y = v·h, and the sum of (y − target)².
    let (x, target) = ([[1., 2.], [3., -1.]], [4., 6.]);
    let mut tape = Tape::default();
    let w = [[1., 0.5], [-1., 1.]].map(|row| row.map(|w| tape.leaf(w)));
    let v = [2., 1.].map(|v| tape.leaf(v));
    let mut loss = tape.leaf(0.0);
    for (x, target) in x.iter().zip(target) {
        let mut error = tape.leaf(-target); // grows into v·h − target
        for (w, v) in w.iter().zip(v) {
            let mut sum = tape.leaf(0.0);
            for (w, &x) in w.iter().zip(x) {
                let x = tape.leaf(x);
                let product = tape.mul(*w, x);
                sum = tape.add(sum, product);
            }
            let h = tape.relu(sum);
            let product = tape.mul(v, h);
            error = tape.add(error, product);
        }
        let square = tape.mul(error, error); // read twice by one reader: the two halves of 2·error
        loss = tape.add(loss, square);
    }
    let d = tape.backward(loss);
    let dw = w.map(|row| row.map(|w| d[w]));
    println!(
        "{} numbers on the tape; the loss is {}; dW = {dw:?}, dv = {:?}\n",
        d.len(),
        tape.0[loss].0,
        v.map(|v| d[v])
    );

    // The house does the same with tensors for numbers, and frees what it has passed.
    let x = Var::constant(tensor![[1., 2.], [3., -1.]]);
    let w = Var::input(tensor![[1., 0.5], [-1., 1.]]).named("w");
    let v = Var::input(tensor![[2., 1.]]).named("v");
    let target = Var::constant(tensor![[4.], [6.]]);
    let h = x.linear(&w, None).relu(); // (2, 2) × (2, 2) -> (2, 2)
    let y = h.linear(&v, None); // (2, 2) × (2, 1) -> (2, 1)
    let loss = (&y - &target).square().sum_all();

    println!("The graph, in the order in which it was computed:\n\n{}", graph_text(&loss));
    println!("The sweep, from the loss down:\n\n{}", trace(&loss));

    println!("Gradients as they arrive:\n");
    let grads = loss.backward_with(|arrival| println!("{arrival}"));
    assert_eq!(grads.of(&w), &tensor![[-8., 12.], [2., 4.]]);
    assert_eq!(grads.of(&v), &tensor![[-1., 2.]]);
    assert_eq!(grads.of(&w).to_vec(), dw.concat());

    println!("\nIn anomaly mode the first operation that makes a NaN or an infinity ends the program:\n");
    std::panic::set_hook(Box::new(|_| ())); // the sentence is printed below and not twice
    let ended = std::panic::catch_unwind(|| {
        let sigma = Var::input(tensor![0.5, 0.]).named("sigma");
        detect_anomaly(|| sigma.ln().mean_all())
    });
    println!("{}", ended.expect_err("ln 0").downcast::<String>().expect("a sentence"));
}
