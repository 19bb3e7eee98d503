//! Five networks that read a few letters of a name and predict the next, as the lectures of nn-zero-to-hero build them up
//! (makemore, part 5), with their sizes, initial values and schedule; and the validation losses stated there beside ours.
//!
//!     curl -O https://raw.githubusercontent.com/karpathy/makemore/master/names.txt
//!     cargo run --release -p glassbox-transformer --example makemore -- names.txt [ROW [STEPS [SEED]]]
//!
//! | row | network | letters seen | parameters | validation |
//! | --- | --- | --- | --- | --- |
//! | 1 | one hidden layer of 200 | 3 | 12,097 | 2.105 |
//! | 2 | the same | 8 | 22,097 | 2.027 |
//! | 3 | three layers of 68, each on pairs of what is below; statistics of each place apart, by mistake | 8 | 22,397 | 2.029 |
//! | 4 | the same with statistics over all places | 8 | 22,397 | 2.022 |
//! | 5 | the same with layers of 128 | 8 | 76,579 | 1.993 |
//!
//! One thing differs: training normalises by the variance of a batch as PyTorch's own layer does, Σ(x − m)²/n; the lectures by n − 1.

use glassbox_autograd::Var;
use glassbox_nn::loss::{CrossEntropyOptions, Reduction, cross_entropy};
use glassbox_nn::{BatchNorm, BatchNormOptions, Context, Embedding, Linear, Module, Param, init, optim::Sgd};
use glassbox_tensor::{Ids, Tensor, random::Key};
use glassbox_transformer::tokenizer::Vocabulary;
use glassbox_transformer::{Documents, PairCounts, Split};
use std::{env, error::Error, fs, time::Instant};

/// How a network is made, and what is stated of it.
struct Row {
    /// T: letters that it sees.
    seen: usize,
    /// How many vectors each layer joins.
    joins: &'static [usize],
    /// E and H.
    sizes: [usize; 2],
    /// Whether each place has statistics of its own.
    apart: bool,
    stated: f64,
}

const ROWS: [Row; 5] = [
    Row { seen: 3, joins: &[3], sizes: [10, 200], apart: false, stated: 2.105 },
    Row { seen: 8, joins: &[8], sizes: [10, 200], apart: false, stated: 2.027 },
    Row { seen: 8, joins: &[2, 2, 2], sizes: [10, 68], apart: true, stated: 2.029 },
    Row { seen: 8, joins: &[2, 2, 2], sizes: [10, 68], apart: false, stated: 2.022 },
    Row { seen: 8, joins: &[2, 2, 2], sizes: [24, 128], apart: false, stated: 1.993 },
];

/// y = tanh(norm(W·(x_{n·t}, …, x_{n·t + n − 1})))         (B, T, C) -> (B, T/n, n·C) -> (B, T/n, H)
#[derive(Module)]
struct Layer {
    linear: Linear,
    norm: BatchNorm,
    scale: Option<[Param; 2]>, // γ and β, where places have statistics apart but these in common
    #[module(skip)]
    joins: usize,
}

impl Layer {
    fn forward(&self, x: &Var, ctx: &Context) -> Var {
        let (b, t, c) = (x.shape()[0], x.shape()[1] / self.joins, x.shape()[2] * self.joins);
        let y = self.linear.forward(&x.reshape([b * t, c])); // (B·T, H)
        let h = y.shape()[1];
        let Some([gamma, beta]) = &self.scale else { return self.norm.forward(&y, ctx).tanh().reshape([b, t, h]) };
        let y = self.norm.forward(&y.reshape([b, t * h]), ctx).reshape([b, t, h]);
        (&(&y * &gamma.var()) + &beta.var()).tanh()
    }
}

#[derive(Module)]
struct Network {
    embedding: Embedding,
    layers: Vec<Layer>,
    head: Linear,
}

impl Network {
    fn new(words: usize, &Row { seen, joins, sizes: [width, hidden], apart, .. }: &Row, key: Key) -> Self {
        // W from N(0, 1/inputs)
        let linear = |inputs: usize, outputs: usize, gain: f32, key: Key| Linear {
            weight: Param::new(init::normal([outputs, inputs], gain / (inputs as f32).sqrt(), key)),
            bias: None,
        };
        let (mut places, mut below) = (seen, width);
        let layers = joins.iter().enumerate().map(|(i, &n)| {
            places /= n;
            let options = BatchNormOptions { affine: !apart, ..BatchNormOptions::default() };
            let layer = Layer {
                linear: linear(n * below, hidden, 1.0, key.fold(1).fold(i as u64)),
                norm: BatchNorm::with(if apart { places * hidden } else { hidden }, options),
                scale: apart.then(|| [Tensor::ones([hidden]), Tensor::zeros([hidden])].map(Param::new)),
                joins: n,
            };
            below = hidden;
            layer
        });
        let layers = layers.collect();
        let bias = Some(Param::new(Tensor::zeros([words])));
        let head = Linear { bias, ..linear(hidden, words, 0.1, key.fold(2)) }; // at first it says little
        Network { embedding: Embedding::new(words, width, key.fold(0)), layers, head }
    }

    /// (B, T) -> (B, V)
    fn forward(&self, ids: &Ids, ctx: &Context) -> Var {
        let x = self.layers.iter().fold(self.embedding.forward(ids), |x, layer| layer.forward(&x, ctx)); // (B, 1, H)
        self.head.forward(&x.squeeze(1))
    }
}

/// The last letters before each letter of each name, the end among them; where there is none yet, the end's token.
fn examples<'a>(names: impl Iterator<Item = &'a [u32]>, end: u32, seen: usize) -> Vec<(Vec<u32>, u32)> {
    let of_name = |name: &[u32]| {
        let all = [&vec![end; seen][..], name, &[end]].concat();
        all.windows(seen + 1).map(|window| (window[..seen].to_vec(), window[seen])).collect::<Vec<_>>()
    };
    names.flat_map(of_name).collect()
}

fn loss<'a>(network: &Network, of: impl Iterator<Item = &'a (Vec<u32>, u32)>, ctx: &Context) -> Var {
    let (x, y): (Vec<&[u32]>, Vec<u32>) = of.map(|(x, y)| (&x[..], *y)).unzip();
    let logits = network.forward(&Ids::from_vec(x.concat(), [x.len(), x[0].len()]), ctx);
    cross_entropy(&logits, &Ids::from_slice(&y, [y.len()]), CrossEntropyOptions::default(), Reduction::Mean)
}

fn judge(network: &Network, all: &[(Vec<u32>, u32)]) -> f64 {
    let part = |part: &[_]| f64::from(loss(network, part.iter(), &Context::eval()).item()) * part.len() as f64;
    all.chunks(4096).map(part).sum::<f64>() / all.len() as f64
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let file = arguments.first().ok_or("give names.txt, a name to a line, and then, if you like: ROW STEPS SEED")?;
    let number = |i: usize, usual: u64| arguments.get(i).map_or(Ok(usual), |text| text.parse::<u64>());
    let (row, steps, seed) = (number(1, 0)? as usize, number(2, 200_000)?, number(3, 0)?);
    let text = fs::read_to_string(file)?;
    let vocabulary = Vocabulary::of(&text);
    let (words, end) = (vocabulary.len(), vocabulary.encode("\n")?[0]);
    let names = Documents::lines(&vocabulary.encode(&text)?, end, Split::Lectures)?;
    if row == 0 {
        let [train, validation] =
            [names.train_windows(64, 64).collect::<Vec<_>>(), names.test_windows(64, 64).collect()]
                .map(|all| PairCounts::of_windows(all.into_iter(), words));
        let all = PairCounts::of([&vocabulary.encode(&format!("\n{}\n", text.trim_end()))?[..]], words);
        println!("pairs of all names, counted: {:.6} over {} (stated: 2.454014)", all.nats(&all, 0.0), all.total());
        let nats = [&train, &validation].map(|judged| train.nats(judged, 1.0));
        println!("pairs to learn from, one added to each: train {:.3}, validation {:.3}", nats[0], nats[1]);
    }
    for (i, of) in ROWS.iter().enumerate().filter(|(i, _)| row == 0 || row == i + 1) {
        let key = Key::new(seed).fold(i as u64);
        let [train, validation] = [examples(names.train(), end, of.seen), examples(names.test(), end, of.seen)];
        let mut network = Network::new(words, of, key.fold(0));
        let (mut sgd, began) = (Sgd::new(0.1), Instant::now());
        for step in 0..steps {
            sgd.lr = if step < steps * 3 / 4 { 0.1 } else { 0.01 };
            let batch = (0..32).map(|b| &train[key.fold(1).below(step * 32 + b, train.len() as u32) as usize]);
            let grads = loss(&network, batch, &Context::train(Key::new(0))).backward();
            sgd.step(&mut network, &grads)?;
        }
        let seconds = began.elapsed().as_secs_f64();
        let [learned, judged] = [&train, &validation].map(|all| judge(&network, all));
        let (row, parameters, stated) = (i + 1, network.num_parameters(), of.stated);
        print!("row {row}: {parameters} parameters, {steps} steps in {seconds:.0} s: ");
        println!("train {learned:.3}, validation {judged:.3} (stated: {stated})");
    }
    Ok(())
}
