//! All rungs of the GEMM ladder and two peers in one table of GFLOP/s.
//!
//! `cargo run --release -p glassbox-benches --example gemm_ladder [SHAPE…]`: the shapes whose names contain one of the words, or
//! all, on 1 and 2 threads; `MATMUL_NUM_THREADS=n` for n threads. Contestants take
//! turns, so that a disturbance of the machine hits all of them; each figure is a median, and the best beside it.

use glassbox_tensor::gemm::{Epilogue, MatMut, MatRef, blocked, naive, packed, parallel, simd};
use glassbox_tensor::simd::Isa;
use std::time::{Duration, Instant};

/// M, N, K and whether A and B are stored transposed.
struct Shape(&'static str, usize, usize, usize, bool, bool);

const SHAPES: &[Shape] = &[
    Shape("16 square", 16, 16, 16, false, false),
    Shape("32 square", 32, 32, 32, false, false),
    Shape("64 square", 64, 64, 64, false, false),
    Shape("128 square", 128, 128, 128, false, false),
    Shape("256 square", 256, 256, 256, false, false),
    Shape("512 square", 512, 512, 512, false, false),
    Shape("1024 square", 1024, 1024, 1024, false, false),
    // A step of the VAE with layers 784-400-20: y = x·Wᵀ, dx = dy·W, dW = dyᵀ·x.
    Shape("x·Wᵀ 784→400", 128, 400, 784, false, true),
    Shape("x·Wᵀ 400→20", 128, 20, 400, false, true),
    Shape("x·Wᵀ 20→400", 128, 400, 20, false, true),
    Shape("dyᵀ·x 400×784", 400, 784, 128, true, false),
    Shape("dyᵀ·x 20×400", 20, 400, 128, true, false),
    Shape("dy·W 784→400", 128, 400, 784, false, false),
    Shape("dy·W 20→400", 128, 400, 20, false, false),
    Shape("row × B", 1, 1024, 1024, false, false),
    Shape("row × Bᵀ", 1, 1024, 1024, false, true),
    Shape("row × Bᵀ odd", 1, 1000, 1010, false, true),
    Shape("A × column", 1024, 1, 1024, false, false),
];

type Run<'a> = Box<dyn FnMut(MatRef<'_>, MatRef<'_>, &mut [f32]) + 'a>;

fn contestants(threads: usize, size: usize) -> Vec<(String, Run<'static>)> {
    let epilogue = Epilogue::default();
    let mut list: Vec<(String, Run<'static>)> = Vec::new();
    if threads == 1 && size <= 512 * 512 * 512 {
        type Rung = fn(MatRef<'_>, MatRef<'_>, MatMut<'_>, &Epilogue<'_>);
        for (name, rung) in
            [("1 naive", naive::product as Rung), ("2 blocked", blocked::product), ("3 packed", packed::product)]
        {
            let run = move |a: MatRef<'_>, b: MatRef<'_>, c: &mut [f32]| {
                rung(a, b, MatMut::row_major(c, a.rows(), b.cols()), &epilogue)
            };
            list.push((name.into(), Box::new(run)));
        }
    }
    if threads == 1 {
        for isa in Isa::available() {
            let run = move |a: MatRef<'_>, b: MatRef<'_>, c: &mut [f32]| {
                simd::product(isa, a, b, MatMut::row_major(c, a.rows(), b.cols()), &epilogue)
            };
            list.push((format!("4 {}", isa.name()), Box::new(run)));
        }
    }
    let isa = Isa::current();
    list.push((
        format!("5 {}", isa.name()),
        Box::new(move |a, b, c| parallel::product(isa, a, b, MatMut::row_major(c, a.rows(), b.cols()), &epilogue)),
    ));
    list.push(("matrixmult.".into(), Box::new(matrixmultiply_sgemm)));
    list.push(("gemm".into(), Box::new(move |a, b, c| gemm_sgemm(threads, a, b, c))));
    list
}

/// First element and both strides.
fn parts(x: MatRef<'_>) -> (*const f32, isize, isize) {
    (x.as_ptr(), x.row_stride() as isize, x.col_stride() as isize)
}

fn matrixmultiply_sgemm(a: MatRef<'_>, b: MatRef<'_>, c: &mut [f32]) {
    let (m, k, n) = (a.rows(), a.cols(), b.cols());
    assert_eq!(c.len(), m * n);
    let ((ap, ars, acs), (bp, brs, bcs)) = (parts(a), parts(b));
    // SAFETY: the views vouch for A and B, the line above for C.
    unsafe { matrixmultiply::sgemm(m, k, n, 1.0, ap, ars, acs, bp, brs, bcs, 0.0, c.as_mut_ptr(), n as isize, 1) }
}

fn gemm_sgemm(threads: usize, a: MatRef<'_>, b: MatRef<'_>, c: &mut [f32]) {
    let (m, k, n) = (a.rows(), a.cols(), b.cols());
    assert_eq!(c.len(), m * n);
    let ((ap, ars, acs), (bp, brs, bcs)) = (parts(a), parts(b));
    let parallelism = if threads == 1 { gemm::Parallelism::None } else { gemm::Parallelism::Rayon(threads) };
    let (c, row) = (c.as_mut_ptr(), n as isize);
    // SAFETY: as above.
    unsafe {
        gemm::gemm(m, n, k, c, 1, row, false, ap, acs, ars, bp, bcs, brs, 0.0, 1.0, false, false, false, parallelism)
    }
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let Ok(threads) = std::env::var(MATRIXMULTIPLY_THREADS) {
        let threads = threads.parse().expect("MATMUL_NUM_THREADS: a number of threads");
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool of a few threads");
        return pool.install(|| table(threads, &words));
    }
    // matrixmultiply reads its number of threads from the environment, once: a process of its own for each number.
    for threads in ["1", "2"] {
        let this = std::env::current_exe().expect("the path of this program");
        let child = std::process::Command::new(this).args(&words).env(MATRIXMULTIPLY_THREADS, threads).status();
        assert!(child.expect("this program once more").success());
    }
}

/// Where `matrixmultiply` looks for its number of threads; here it is everybody's.
const MATRIXMULTIPLY_THREADS: &str = "MATMUL_NUM_THREADS";

fn table(threads: usize, words: &[String]) {
    println!("\nGFLOP/s on {threads} thread(s): median / best");
    for &Shape(name, m, n, k, a_t, b_t) in SHAPES {
        if !words.is_empty() && !words.iter().any(|word| name.contains(word.as_str())) {
            continue;
        }
        let mut list = contestants(threads, m * n * k);
        let data = |len: usize| (0..len).map(|i| ((i * 7919) % 1000) as f32 / 500.0 - 1.0).collect::<Vec<f32>>();
        let (a, b, mut c) = (data(m * k), data(k * n), vec![0.0; m * n]);
        let a = if a_t { MatRef::row_major(&a, k, m).t() } else { MatRef::row_major(&a, m, k) };
        let b = if b_t { MatRef::row_major(&b, n, k).t() } else { MatRef::row_major(&b, k, n) };
        let flop = 2.0 * (m * n * k) as f64;
        // Enough repetitions for 2 ms at 100 GFLOP/s, then as many rounds as a quarter of a second allows.
        let repeats = ((2e-3 * 100e9 / flop) as usize).max(1);
        let mut times = vec![Vec::new(); list.len()];
        let start = Instant::now();
        while times[0].len() < 5
            || (start.elapsed() < Duration::from_millis(250 * list.len() as u64) && times[0].len() < 200)
        {
            for ((_, run), times) in list.iter_mut().zip(&mut times) {
                let slow = times.first().is_some_and(|t: &f64| flop / t < 20e9);
                let repeats = if slow { repeats.div_ceil(20) } else { repeats };
                let start = Instant::now();
                for _ in 0..repeats {
                    run(a, b, &mut c);
                }
                times.push(start.elapsed().as_secs_f64() / repeats as f64);
            }
        }
        print!("{name:<16}");
        for ((name, _), times) in list.iter().zip(times) {
            let mut times = times;
            times.sort_by(f64::total_cmp);
            let speed = |time: f64| flop / time / 1e9;
            print!(" {name} {:>5.1}/{:<5.1}", speed(times[times.len() / 2]), speed(times[0]));
        }
        println!();
    }
}
