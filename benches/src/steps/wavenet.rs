//! WaveNet on 256 classes of sound: van den Oord et al. 2016, with 10 dilations from 1 to 512, once or twice over.
//!
//! Three things make it the same numbers with less work. The skip connections of all layers are one product of what the
//! layers gave side by side, W·z = Σ Wₗ·zₗ, instead of a sum of wide results. From there on the channels of a moment
//! lie together, so that every product has its rectifier inside and the logits are rows: turning z once each way costs less
//! than passes over results of 256 channels. What the last layer would pass on is not computed.

use super::{Step, rule};
use glassbox_autograd::{CrossEntropyOptions, Gradients, Var};
use glassbox_nn::optim::Adam;
use glassbox_nn::{Conv1d, Embedding, Module};
use glassbox_tensor::random::Key;
use glassbox_tensor::{Conv1dOptions, Ids};

/// Dilations of a stack: 1, 2, 4, …, 512.
const LAYERS: usize = 10;
/// Channels between layers.
const RESIDUAL: usize = 32;
/// Channels of the skip connections.
const SKIP: usize = 256;
/// Classes of a sample.
const LEVELS: usize = 256;

/// With one stack 278,496 parameters, with two 415,136.
#[derive(Debug, Module)]
pub struct WaveNet {
    emb: Embedding,
    pre: Conv1d,
    fg: Vec<Conv1d>,
    res: Vec<Conv1d>,
    skip: Vec<Conv1d>,
    o1: Conv1d,
    o2: Conv1d,
}

impl WaveNet {
    /// With PyTorch's default initial weights.
    pub fn build(stacks: usize, key: Key) -> Self {
        let dilations = (0..stacks).flat_map(|_| (0..LAYERS).map(|i| 1 << i));
        let pointwise = |from, to, salt: usize| Conv1d::new(from, to, 1, key.fold(salt as u64));
        let each = |to, salt| (0..stacks * LAYERS).map(|i| pointwise(RESIDUAL, to, salt + i)).collect();
        let causal = |to, dilation, salt: usize| {
            Conv1d::with(RESIDUAL, to, 2, Conv1dOptions::causal(2, dilation), key.fold(salt as u64))
        };
        Self {
            emb: Embedding::new(LEVELS, RESIDUAL, key.fold(0)),
            pre: causal(RESIDUAL, 1, 1),
            fg: dilations.enumerate().map(|(i, d)| causal(2 * RESIDUAL, d, 100 + i)).collect(), // filter, then gate
            res: each(RESIDUAL, 200),
            skip: each(SKIP, 300),
            o1: pointwise(SKIP, SKIP, 2),
            o2: pointwise(SKIP, LEVELS, 3),
        }
    }

    /// The mean of −ln p(y | x up to here) over all samples: x and y are (B, T).
    pub fn loss(&self, x: &Ids, y: &Ids) -> Var {
        let mut h = self.pre.forward(&self.emb.forward(x).transpose(1, 2)); // (B, T) -> (B, T, 32) -> (B, 32, T)
        let mut gated = Vec::with_capacity(self.fg.len());
        for (i, (fg, res)) in self.fg.iter().zip(&self.res).enumerate() {
            let halves = fg.forward(&h).chunk(2, 1); // (B, 32, T) -> 2 × (B, 32, T)
            let z = halves[0].gated_tanh(&halves[1]);
            if i + 1 < self.fg.len() {
                h = &h + &res.forward(&z);
            }
            gated.push(z);
        }
        let z = Var::cat(&gated.iter().collect::<Vec<_>>(), 1).transpose(1, 2); // (B, T, 32·layers)
        let weights: Vec<Var> = self.skip.iter().map(matrix).collect();
        let biases: Vec<Var> = self.skip.iter().map(bias).collect();
        let w = Var::cat(&weights.iter().collect::<Vec<_>>(), -1); // (256, 32·layers)
        let b = Var::stack(&biases.iter().collect::<Vec<_>>(), 0).sum(&[0], false); // (256)
        let h = z.linear_relu(&w, Some(&b)).linear_relu(&matrix(&self.o1), Some(&bias(&self.o1))); // -> (B, T, 256)
        let logits = h.linear(&matrix(&self.o2), Some(&bias(&self.o2)));
        logits.cross_entropy(y, CrossEntropyOptions::default())
    }
}

/// The weights (O, C, 1) of a pointwise convolution as a matrix (O, C).
fn matrix(conv: &Conv1d) -> Var {
    conv.weight.var().squeeze(-1)
}

fn bias(conv: &Conv1d) -> Var {
    conv.bias.as_ref().expect("made with one").var()
}

/// The step of [`WaveNet`]: Adam with a rate of 10⁻³.
#[derive(Debug, Module)]
pub struct WaveNetStep {
    #[module(flatten)]
    model: WaveNet,
    #[module(skip)]
    adam: Adam,
    #[module(skip)]
    x: Ids,
    #[module(skip)]
    y: Ids,
}

impl WaveNetStep {
    /// On one batch of `batch` sequences of `samples`, each to be foretold from those before it.
    pub fn build(stacks: usize, [batch, samples]: [usize; 2], key: Key) -> Self {
        let sound = Ids::randint(LEVELS as u32, [batch, samples + 1], key.fold(1));
        let last = format!("res.{}", stacks * LAYERS - 1); // nothing comes after it
        Self {
            model: WaveNet::build(stacks, key.fold(0)),
            adam: Adam::new(1e-3).allow_unreached(last),
            x: sound.narrow(1, 0, samples),
            y: sound.narrow(1, 1, samples),
        }
    }
}

impl Step for WaveNetStep {
    fn fix(&mut self) {
        rule::fill(&mut self.model);
        let &[batch, samples] = self.x.shape() else { unreachable!("(B, T)") };
        let sound = rule::ids("x", LEVELS as u32, [batch, samples + 1]);
        (self.x, self.y) = (sound.narrow(1, 0, samples), sound.narrow(1, 1, samples));
    }

    fn loss(&mut self) -> f32 {
        self.model.loss(&self.x, &self.y).item()
    }

    fn step_watched(&mut self, watch: &mut dyn FnMut(&Gradients)) -> f32 {
        let loss = self.model.loss(&self.x, &self.y);
        let grads = loss.backward();
        watch(&grads);
        self.adam.step(&mut self.model, &grads).expect("the loss reaches every parameter but the last layer's way on");
        loss.item()
    }
}
