//! Times one round of named work on request, so that another process can take turns with it: reads a name per line, runs
//! it untimed once, then for about 30 ms, and prints the seconds of one call. `tools/peers/compare.py` drives it.
//!
//! `cargo run --release -p glassbox-benches --example serve_rounds -- THREADS`, with names `sgemm:512`, `gemm:512`,
//! `matrixmultiply:512` (or `…:128x400x784`) and `vae_step`.

use glassbox_tensor::Tensor;
use glassbox_tensor::random::Key;
use glassbox_train::RunConfig;
use std::error::Error;
use std::io::{BufRead, Write};
use std::time::{Duration, Instant};

const ROUND: Duration = Duration::from_millis(30);

type Work = Box<dyn FnMut()>;

/// The work of that name, made ready.
fn work(name: &str, threads: usize) -> Result<Option<Work>, Box<dyn Error>> {
    if name == "vae_step" {
        let config = RunConfig::new(&glassbox_vae::VAE_MLP);
        let mut experiment = (config.preset().build)(&config, glassbox_data::open("fashion-mnist")?)?;
        let mut step = 0;
        return Ok(Some(Box::new(move || {
            experiment.train_step(step).expect("a step of the preset");
            step += 1;
        })));
    }
    let Some((kind, size)) = name.split_once(':') else { return Ok(None) };
    let sizes: Result<Vec<usize>, _> = size.split('x').map(str::parse).collect();
    let (m, n, k) = match sizes.as_deref() {
        Ok([n]) => (*n, *n, *n),
        Ok([m, n, k]) => (*m, *n, *k),
        _ => return Ok(None),
    };
    let (a, b) = (Tensor::randn([m, k], Key::new(1)), Tensor::randn([k, n], Key::new(2)));
    let mut c = vec![0.0f32; m * n];
    let (row_a, row_b) = (k as isize, n as isize);
    Ok(Some(match kind {
        "sgemm" => Box::new(move || drop(std::hint::black_box(a.matmul(&b)))),
        "matrixmultiply" => Box::new(move || {
            let (a, b) = (a.as_slice().expect("contiguous"), b.as_slice().expect("contiguous"));
            // SAFETY: row-major buffers of m·k, k·n and m·n floats.
            unsafe {
                let (a, b, c) = (a.as_ptr(), b.as_ptr(), c.as_mut_ptr());
                matrixmultiply::sgemm(m, k, n, 1.0, a, row_a, 1, b, row_b, 1, 0.0, c, row_b, 1);
            }
        }),
        "gemm" => {
            let parallelism = if threads == 1 { gemm::Parallelism::None } else { gemm::Parallelism::Rayon(threads) };
            Box::new(move || {
                let (a, b) = (a.as_slice().expect("contiguous"), b.as_slice().expect("contiguous"));
                // SAFETY: as above; `gemm` takes column strides before row strides.
                unsafe {
                    let (a, b, c) = (a.as_ptr(), b.as_ptr(), c.as_mut_ptr());
                    let (no, p) = (false, parallelism);
                    gemm::gemm(m, n, k, c, 1, row_b, no, a, 1, row_a, b, 1, row_b, 0.0, 1.0, no, no, no, p);
                }
            })
        }
        _ => return Ok(None),
    }))
}

fn main() -> Result<(), Box<dyn Error>> {
    let threads: usize = std::env::args().nth(1).ok_or("how many threads?")?.parse()?;
    let set = std::env::var("MATMUL_NUM_THREADS").unwrap_or_default();
    if set != threads.to_string() {
        // matrixmultiply reads its number of threads from the environment, once: start again with it.
        let me = std::env::current_exe()?;
        let status = std::process::Command::new(me)
            .arg(threads.to_string())
            .env("MATMUL_NUM_THREADS", threads.to_string())
            .status()?;
        std::process::exit(status.code().unwrap_or(1));
    }
    rayon::ThreadPoolBuilder::new().num_threads(threads).use_current_thread().build_global()?;
    let mut ready: Option<(String, Work)> = None;
    for line in std::io::stdin().lock().lines() {
        let name = line?.trim().to_string();
        if ready.as_ref().is_none_or(|(last, _)| *last != name) {
            ready = work(&name, threads)?.map(|work| (name.clone(), work));
        }
        match &mut ready {
            None => println!("unknown {name}"),
            Some((_, work)) => {
                work();
                let (start, mut calls) = (Instant::now(), 0);
                while start.elapsed() < ROUND {
                    work();
                    calls += 1;
                }
                println!("{:e}", start.elapsed().as_secs_f64() / calls as f64);
            }
        }
        std::io::stdout().flush()?;
    }
    Ok(())
}
