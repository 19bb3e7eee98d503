//! What a training step asks of the allocator once it runs: no buffer, nothing large, and at most three small allocations for
//! each node that it records. A test with a process of its own, whose allocator counts.

use glassbox_autograd::{CrossEntropyOptions, Var, recorded_nodes};
use glassbox_nn::optim::{Adam, Sgd, clip_grad_norm};
use glassbox_nn::{
    AttentionMasks, Context, Conv2d, Embedding, GroupNorm, LayerNorm, Linear, Module, TransformerEncoderLayer,
    TransformerOptions,
};
use glassbox_tensor::random::Key;
use glassbox_tensor::{Conv2dOptions, CountingAllocator, HeapCount, Ids, Pool2d, Tensor, pool_requests};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Bytes in the largest single allocation of a steady step.
const LARGEST: usize = 4096;
/// Allocations for each recorded node.
const PER_NODE: u64 = 3;
/// Steps that are counted together.
const STEPS: u64 = 10;
/// By so many counted stretches a run has met its largest sizes on every thread. Which thread takes which task is not
/// determined, so neither is the step at which each has what it needs.
const STRETCHES: usize = 20;

#[test]
fn a_steady_step_allocates_no_buffer_and_nothing_large_and_little() {
    let models: [(&str, Step); 4] = [
        ("VAE", vae()),
        ("convolutions", convolutions()),
        ("transformer", transformer()),
        ("many layers", many_layers()),
    ];
    let mut failures = Vec::new();
    for (name, mut step) in models {
        for threads in [1, 2] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            if let Err(found) = pool.install(|| becomes_steady(&mut step)) {
                failures.push(format!("{name} on {threads} threads: {found:?}"));
            }
        }
    }
    assert!(failures.is_empty(), "not steady after {STRETCHES} times {STEPS} steps:\n{}", failures.join("\n"));
}

type Step = Box<dyn FnMut() + Send>;

/// What some steps asked for.
#[derive(Debug)]
#[expect(dead_code, reason = "printed when the test fails")]
struct Asked {
    misses: u64,
    largest: usize,
    allocations: u64,
    nodes: u64,
}

/// Takes steps until a stretch of them keeps all three promises.
fn becomes_steady(step: &mut Step) -> Result<(), Asked> {
    let mut last = None;
    for _ in 0..STRETCHES {
        let (_, misses) = pool_requests();
        let nodes = recorded_nodes();
        HeapCount::reset_largest();
        let before = HeapCount::now();
        (0..STEPS).for_each(|_| step());
        let after = HeapCount::now();
        let misses = pool_requests().1 - misses;
        let nodes = recorded_nodes() - nodes;
        let allocations = after.allocations - before.allocations;
        assert!(nodes > 0 && allocations > 0, "something is counted");
        if misses == 0 && after.largest <= LARGEST && allocations <= PER_NODE * nodes {
            return Ok(());
        }
        last = Some(Asked { misses, largest: after.largest, allocations, nodes });
    }
    Err(last.expect("there are stretches"))
}

fn key(n: u64) -> Key {
    Key::new(n)
}

/// 196 → 128 → a code of 8 → 128 → 196, as the family of autoencoders trains it.
fn vae() -> Step {
    #[derive(Module)]
    struct Vae {
        encoder: Linear,
        mu: Linear,
        logvar: Linear,
        decoder: Linear,
        output: Linear,
    }
    let mut model = Vae {
        encoder: Linear::new(196, 128, key(1)),
        mu: Linear::new(128, 8, key(2)),
        logvar: Linear::new(128, 8, key(3)),
        decoder: Linear::new(8, 128, key(4)),
        output: Linear::new(128, 196, key(5)),
    };
    let mut adam = Adam::new(1e-3);
    let x = Tensor::rand([100, 196], key(6));
    let mut t = 0;
    Box::new(move || {
        t += 1;
        let x = Var::constant(x.clone());
        let h = model.encoder.forward(&x).relu();
        let (mu, logvar) = (model.mu.forward(&h), model.logvar.forward(&h));
        let z = mu.reparameterize(&logvar, &Var::constant(Tensor::randn([100, 8], key(7).fold(t))));
        let logits = model.output.forward(&model.decoder.forward(&z).relu());
        let loss = &logits.bce_with_logits(&x).sum_all() + &mu.gaussian_kl(&logvar).sum_all();
        let grads = (&loss * 0.01).backward();
        adam.step(&mut model, &grads).unwrap();
    })
}

/// Convolutions with group norm, pooled, judged by cross-entropy; clipped SGD with momentum.
fn convolutions() -> Step {
    #[derive(Module)]
    struct Net {
        conv1: Conv2d,
        norm1: GroupNorm,
        conv2: Conv2d,
        norm2: GroupNorm,
        head: Linear,
    }
    let mut model = Net {
        conv1: Conv2d::with(3, 16, [3, 3], Conv2dOptions::padded(1), key(1)),
        norm1: GroupNorm::new(4, 16),
        conv2: Conv2d::with(16, 32, [3, 3], Conv2dOptions { stride: [2, 2], ..Conv2dOptions::padded(1) }, key(2)),
        norm2: GroupNorm::new(8, 32),
        head: Linear::new(32 * 4 * 4, 10, key(3)),
    };
    let mut sgd = Sgd::new(0.01);
    sgd.momentum = 0.9;
    let x = Tensor::randn([16, 3, 16, 16], key(4));
    let labels = Ids::randint(10, [16], key(5));
    Box::new(move || {
        let h = model.norm1.forward(&model.conv1.forward(&Var::constant(x.clone()))).silu();
        let h = model.norm2.forward(&model.conv2.forward(&h)).silu();
        let h = h.avg_pool2d(&Pool2d::new([2, 2]), true).reshape([16, 32 * 4 * 4]);
        let loss = model.head.forward(&h).cross_entropy(&labels, CrossEntropyOptions::default());
        let mut grads = loss.backward();
        clip_grad_norm(&mut grads, 0.1);
        sgd.step(&mut model, &grads).unwrap();
    })
}

/// A language model of one causal block; clipped AdamW with weights in groups.
fn transformer() -> Step {
    #[derive(Module)]
    struct Gpt {
        embedding: Embedding,
        block: TransformerEncoderLayer,
        norm: LayerNorm,
        head: Linear,
    }
    let options = TransformerOptions { feed_forward: 128, norm_first: true, dropout: 0.1, ..Default::default() };
    let mut model = Gpt {
        embedding: Embedding::new(65, 64, key(1)),
        block: TransformerEncoderLayer::with(64, 4, options, key(2)),
        norm: LayerNorm::new([64]),
        head: Linear::new(64, 65, key(3)),
    };
    let mut adam = Adam::adamw(1e-3).group("norm", |rule| rule.lr *= 0.5);
    let (ids, next) = (Ids::randint(65, [8, 80], key(4)), Ids::randint(65, [8 * 80], key(5)));
    let mut t = 0;
    Box::new(move || {
        t += 1;
        let context = Context::train(key(6).fold(t));
        let h = model.block.forward(&model.embedding.forward(&ids), AttentionMasks::CAUSAL, &context);
        let logits = model.head.forward(&model.norm.forward(&h)).reshape([8 * 80, 65]);
        let loss = logits.cross_entropy(&next, CrossEntropyOptions::default());
        let mut grads = loss.backward();
        clip_grad_norm(&mut grads, 1.0);
        adam.step(&mut model, &grads).unwrap();
    })
}

/// Eighty narrow layers with a skip around each: lists as long as the parameters would be large by now.
fn many_layers() -> Step {
    let mut model: Vec<Linear> = (0..80).map(|i| Linear::new(16, 16, key(i))).collect();
    let mut adam = Adam::adamw(1e-3);
    let x = Tensor::randn([32, 16], key(100));
    let ids: Vec<_> = model.parameters().into_iter().map(|(_, param)| param.id()).collect();
    Box::new(move || {
        let y = model.iter().fold(Var::constant(x.clone()), |h, layer| &h + &layer.forward(&h).tanh());
        let mut grads = y.square().mean_all().backward_for(&ids);
        clip_grad_norm(&mut grads, 1.0);
        adam.step(&mut model, &grads).unwrap();
    })
}
