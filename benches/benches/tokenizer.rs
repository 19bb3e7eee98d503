//! Tokenizers: MB/s of text that is split, encoded and learned from, on as many threads as rayon has.
//!
//! `cargo bench -p glassbox-benches --bench tokenizer`. The text is a megabyte of pages of the book. The other libraries are
//! timed beside it by `tools/peers/tokens.py`.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use glassbox_transformer::tokenizer::{BpeTrainer, Tokenizer, split};
use std::hint::black_box;

const PAGES: [&str; 4] = [
    include_str!("../../docs/bench.md"),
    include_str!("../../docs/gemm.md"),
    include_str!("../../docs/autograd.md"),
    include_str!("../../docs/data.md"),
];

fn tokenizer(criterion: &mut Criterion) {
    let pages = PAGES.concat();
    let text = pages.repeat(1_000_000 / pages.len() + 1);
    let trainer = BpeTrainer::new(4096);
    let bpe = trainer.train(&[&pages]).expect("there are enough words");
    let ids = bpe.encode(&text).expect("every byte is a token");
    let characters = Tokenizer::characters(&text);

    let mut group = criterion.benchmark_group("tokenizer");
    group.throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("split", |b| b.iter(|| split(black_box(&text)).count()));
    group.bench_function("encode", |b| b.iter(|| bpe.encode(black_box(&text))));
    group.bench_function("decode", |b| b.iter(|| bpe.decode_bytes(black_box(&ids))));
    group.bench_function("encode characters", |b| b.iter(|| characters.encode(black_box(&text))));
    group.bench_function("train 4096", |b| b.iter(|| trainer.train(black_box(&[&text]))));
    group.finish();
}

criterion_group!(benches, tokenizer);
criterion_main!(benches);
