//! Times one round of named work on request, so that another process can take turns with it: reads a name per line, runs
//! it untimed once, then for about 30 ms, and prints the seconds of one call. `tools/peers/compare.py` drives it.
//!
//! `cargo run --release -p glassbox-benches --example serve_rounds -- THREADS`, with names as `nn:512x512x512`,
//! `gemm/nn:512x512x512`, `conv2d:16x64x32x32:64:3:1:1:both` (`benches/src/served/` has all) and `vae_step`.

use glassbox_benches::served::{self, Work};
use glassbox_train::RunConfig;
use std::error::Error;
use std::io::{BufRead, Write};
use std::time::{Duration, Instant};

const ROUND: Duration = Duration::from_millis(30);

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
    Ok(served::work(name, threads))
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
