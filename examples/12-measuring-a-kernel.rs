//! Measuring a kernel: how fast is it, and how fast could it be?
//!
//! A processor has two ceilings: so many operations a second, F, and so many bytes to and from memory a second, B. A kernel
//! that does f operations on b bytes takes at least max(f/F, b/B) seconds. Which of the two binds depends on f/b alone: that
//! is the roofline (Williams, Waterman & Patterson 2009).
//!
//! cargo run --release -p glassbox-benches --example 12-measuring-a-kernel

use glassbox_tensor::gemm::{Epilogue, MatMut, MatRef, blocked, naive, packed, product};
use glassbox_tensor::random::Key;
use glassbox_tensor::simd::{Isa, Kernel, Lanes, Simd};
use glassbox_tensor::{Tensor, assert_close, map_n};
use std::hint::black_box;
use std::time::Instant;

/// The kernel to be measured: a·x + y in one pass over memory, where two operations would need two.
struct Axpy {
    a: f32,
}

impl Lanes<2> for Axpy {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [x, y]: [S::F; 2]) -> S::F {
        s.mul_add(s.splat(self.a), x, y)
    }
}

/// Seconds: the median of seven runs, after one that warms up. The first run pays for memory and sleeping threads; a
/// mean would remember every disturbance, and the best forgets all.
fn median<T>(mut run: impl FnMut() -> T) -> f64 {
    black_box(run());
    let mut seconds = [0.0; 7];
    for time in &mut seconds {
        let start = Instant::now();
        black_box(run()); // without it the compiler may notice that nobody wants the result
        *time = start.elapsed().as_secs_f64();
    }
    seconds.sort_by(f64::total_cmp);
    seconds[3]
}

/// A multiply-add on eight vectors, again and again. They don't wait for each other and never leave the registers.
struct MultiplyAdds {
    rounds: usize,
}

impl Kernel for MultiplyAdds {
    type Out = f32;
    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> f32 {
        let (x, y) = (s.splat(black_box(0.5)), s.splat(black_box(0.25)));
        let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = [s.splat(black_box(1.0)); 8];
        for _ in 0..self.rounds {
            (a, b, c, d) = (s.mul_add(a, x, y), s.mul_add(b, x, y), s.mul_add(c, x, y), s.mul_add(d, x, y));
            (e, f, g, h) = (s.mul_add(e, x, y), s.mul_add(f, x, y), s.mul_add(g, x, y), s.mul_add(h, x, y));
        }
        s.sum(a + b + c + d + e + f + g + h)
    }
}

fn main() -> Result<(), rayon::ThreadPoolBuildError> {
    // One thread: the arithmetic is then easier to follow. `glassbox bench` does the same for all threads and operations.
    rayon::ThreadPoolBuilder::new().num_threads(1).build()?.install(measure);
    Ok(())
}

fn measure() {
    let isa = Isa::current();
    let rounds = 1_000_000;
    let peak = (2 * 8 * isa.lanes() * rounds) as f64 / median(|| isa.dispatch(MultiplyAdds { rounds }));
    let n = 1 << 23; // 32 MiB each: beyond most caches
    let (x, y) = (Tensor::randn([n], Key::new(1)), Tensor::randn([n], Key::new(2)));
    let mut copy = Tensor::zeros([n]);
    let from = x.as_slice().expect("contiguous");
    let bandwidth = (8 * n) as f64 / median(|| copy.make_mut().copy_from_slice(from)); // each number read, and written
    println!("{} on one thread: {:.0} GFLOP/s, {:.1} GB/s", isa.name(), peak / 1e9, bandwidth / 1e9);
    println!("so a kernel with less than {:.1} FLOP for each byte is bound by memory\n", peak / bandwidth);

    println!("kernel             FLOP/byte      ms  GFLOP/s   GB/s  bound by    of the bound");
    let row = |name: &str, flops: f64, bytes: f64, seconds: f64| {
        let bound = (flops / peak).max(bytes / bandwidth);
        let by = if flops / peak > bytes / bandwidth { "arithmetic" } else { "memory" };
        let (gflops, gb) = (flops / seconds / 1e9, bytes / seconds / 1e9);
        let (ms, share) = (seconds * 1e3, 100.0 * bound / seconds);
        println!("{name:<18} {:9.2} {ms:7.2} {gflops:8.2} {gb:6.1}  {by:<10} {share:12.1}%", flops / bytes);
    };

    // 2 operations and 3 numbers for each element. Two passes do the same work and move 5 numbers.
    let fused = median(|| map_n(&Axpy { a: 2.0 }, [&x, &y]));
    let apart = median(|| &(2.0 * &x) + &y);
    row("a·x + y, fused", (2 * n) as f64, (12 * n) as f64, fused);
    row("2·x, then + y", (2 * n) as f64, (12 * n) as f64, apart);
    assert_close!(map_n(&Axpy { a: 2.0 }, [&x, &y]).narrow(0, 0, 1000), (&(2.0 * &x) + &y).narrow(0, 0, 1000));

    // 2·m³ operations on 3·m² numbers: each number is used m times, if it can be kept near. That is what the rungs of the
    // ladder in crates/tensor/src/gemm are about.
    let m = 384; // C = A·B of 384 × 384
    let (a, b) = (Tensor::randn([m, m], Key::new(3)), Tensor::randn([m, m], Key::new(4)));
    let [a, b] = [&a, &b].map(|x| MatRef::row_major(x.as_slice().expect("contiguous"), m, m));
    let mut times = Vec::new();
    let mut results: Vec<Vec<f32>> = Vec::new();
    type Rung = fn(MatRef<'_>, MatRef<'_>, MatMut<'_>, &Epilogue<'_>);
    let fastest: Rung = |a, b, c, epilogue| product(Isa::current(), a, b, c, epilogue);
    let rungs = [
        ("naive", naive::product as Rung),
        ("blocked", blocked::product),
        ("packed", packed::product),
        ("SIMD", fastest),
    ];
    for (name, rung) in rungs {
        let mut c = vec![0.0; m * m];
        let seconds = median(|| rung(a, b, MatMut::row_major(&mut c, m, m), &Epilogue::default()));
        row(&format!("product, {name}"), (2 * m * m * m) as f64, (12 * m * m) as f64, seconds);
        times.push(seconds);
        results.push(c);
    }
    println!("\nthe fastest rung is {:.0} times as fast as the definition", times[0] / times[3]);
    assert!(times[3] < times[0], "the fastest rung is slower than the definition");
    // A speed means nothing without the result. Sums of 384 products in another order differ by roundings of 2⁻²⁴.
    let far = |c: &Vec<f32>| c.iter().zip(&results[0]).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    println!("and their results differ by at most {:.1e}", results.iter().map(far).fold(0.0, f32::max));
    assert!(results.iter().all(|c| far(c) < 1e-3));
}
