//! A layer of one's own: a struct that owns its parameters, and a `forward`.
//!
//! The block is residual (He et al. 2016), x + W₂·relu(W₁·x + b₁) + b₂, with dropout in between. Four of them tell two
//! spirals apart.
//!
//! cargo run --release -p glassbox-benches --example 08-a-layer

use glassbox_autograd::{Var, gradcheck};
use glassbox_nn::loss::{Reduction, bce_with_logits};
use glassbox_nn::{Context, Linear, Module, Param, init, optim::Adam, summary};
use glassbox_tensor::random::Key;
use glassbox_tensor::{Comparison, Tensor};
use std::f32::consts::PI;

/// The derive finds the parameters and gives each a dotted name; optimisers, files and summaries need no more.
#[derive(Module)]
struct Block {
    fc1: Linear,
    weight: Param, // W₂ (D, H) and b₂ (D) by hand: this is all that a Linear is
    bias: Param,
    #[module(skip)] // no parameters in here
    dropout: f32,
}

impl Block {
    fn new(width: usize, hidden: usize, key: Key) -> Block {
        Block {
            fc1: Linear::new(width, hidden, key.fold(0)),
            weight: Param::new(init::normal([width, hidden], 0.02, key.fold(1))),
            bias: Param::new(Tensor::zeros([width])),
            dropout: 0.1,
        }
    }

    /// (B, D) -> (B, D)
    fn forward(&self, x: &Var, ctx: &Context) -> Var {
        let mut h = self.fc1.forward(x).relu(); // (B, D) -> (B, H)
        if ctx.is_training() {
            // Each number is dropped with this probability, and the others grow so that the mean stays: the house's `Dropout`.
            let kept =
                Tensor::rand(h.shape(), ctx.key()).compare(Comparison::GreaterEqual, &Tensor::scalar(self.dropout));
            h = &h * &Var::constant(&kept * (1.0 / (1.0 - self.dropout)));
        }
        let y = &h.matmul(&self.weight.var().t()) + &self.bias.var(); // (B, H) × (H, D) + (D) -> (B, D)
        x + &y
    }
}

/// A model is a layer that is not inside of another.
#[derive(Module)]
struct Net {
    input: Linear,
    blocks: Vec<Block>,
    output: Linear,
}

impl Net {
    fn new(key: Key) -> Net {
        Net {
            input: Linear::new(2, 16, key.fold(0)),
            blocks: (1..=4).map(|i| Block::new(16, 32, key.fold(i))).collect(),
            output: Linear::new(16, 1, key.fold(5)),
        }
    }

    /// (B, 2) -> (B, 1): the logit of belonging to the second spiral.
    fn forward(&self, x: &Var, ctx: &Context) -> Var {
        let h = self.blocks.iter().fold(self.input.forward(x), |h, block| block.forward(&h, ctx));
        self.output.forward(&h)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let key = Key::new(0);
    let mut net = Net::new(key.fold(1));
    print!("{}", summary(&net));

    // Is the gradient right? A sum of squares of the layer's output, against central differences in f64.
    let block = Block::new(3, 4, key.fold(2));
    gradcheck(|x| block.forward(&x[0], &Context::eval()).square().sum_all(), &[Tensor::randn([2, 3], key.fold(3))])?;

    let (x, t) = spirals(400); // (800, 2), (800, 1)
    let (x, t) = (Var::constant(x), Var::constant(t));
    let mut adam = Adam::new(5e-3);
    println!("\nstep  loss    right");
    let mut right = 0.0;
    for step in 0..=600 {
        if step % 100 == 0 {
            let logits = net.forward(&x, &Context::eval()); // nothing is dropped when it counts
            right = accuracy(logits.value(), t.value());
            println!("{step:>4}  {:.4}  {:5.1}%", bce_with_logits(&logits, &t, Reduction::Mean).item(), 100.0 * right);
        }
        let ctx = Context::train(key.fold(4).fold(step)); // a stream of random numbers for each step
        let loss = bce_with_logits(&net.forward(&x, &ctx), &t, Reduction::Mean);
        adam.step(&mut net, &loss.backward())?; // an error would name each parameter that the loss did not reach
    }
    assert!(right > 0.98, "only {right} are right");

    println!("\nwhere it sees which spiral:\n");
    for row in 0..24 {
        let places = (0..56).flat_map(|column| [column as f32 / 27.5 - 1.0, 1.0 - row as f32 / 11.5]);
        let logits = net.forward(&Var::constant(Tensor::from_vec(places.collect(), [56, 2])), &Context::eval());
        println!(
            "    {}",
            logits.value().to_vec().iter().map(|&z| if z > 0.0 { '█' } else { '·' }).collect::<String>()
        );
    }
    Ok(())
}

/// Two arms of `n` points each, one and a half turns: positions (2n, 2), and 0 or 1 (2n, 1).
fn spirals(n: usize) -> (Tensor, Tensor) {
    let noise = Tensor::randn([2 * n, 2], Key::new(9));
    let point = |i: usize| {
        let along = (i % n) as f32 / n as f32;
        let angle = along * 3.0 * PI + if i < n { 0.0 } else { PI };
        [(along + 0.05) * angle.cos(), (along + 0.05) * angle.sin()]
    };
    let places = Tensor::from_vec((0..2 * n).flat_map(point).collect(), [2 * n, 2]);
    let arms = Tensor::from_vec((0..2 * n).map(|i| if i < n { 0.0 } else { 1.0 }).collect(), [2 * n, 1]);
    (&places + &(&noise * 0.02), arms)
}

/// The share of logits whose sign is that of the target.
fn accuracy(logits: &Tensor, targets: &Tensor) -> f32 {
    let pairs = logits.to_vec().into_iter().zip(targets.to_vec());
    pairs.filter(|(z, t)| (*z > 0.0) == (*t == 1.0)).count() as f32 / targets.numel() as f32
}
