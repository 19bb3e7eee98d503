//! Times one round of named work on request, so that another process can take turns with it: reads a name per line, runs
//! it untimed once, then for about 30 ms, and prints the seconds of one call. `tools/peers/compare.py` drives it.
//!
//! `cargo run --release -p glassbox-benches --example serve_rounds -- THREADS`, with names as `nn:512x512x512`,
//! `gemm/nn:512x512x512`, `conv2d:16x64x32x32:64:3:1:1:both` (`benches/src/served/` has all), `step:vae`
//! (`benches/src/steps/`), and `floor:FLOPS:READ:WRITTEN`, which answers with the least seconds that this machine needs.

use glassbox_benches::served::{self, Work};
use glassbox_benches::steps;
use glassbox_tensor::ceiling::{Ceilings, Traffic};
use glassbox_tensor::simd::Isa;
use std::collections::VecDeque;
use std::error::Error;
use std::io::{BufRead, Write};
use std::process::Command;
use std::time::{Duration, Instant};

const ROUND: Duration = Duration::from_millis(30);
/// How many names stay ready: as many as a row has contestants in this process.
const READY: usize = 4;

/// The work of that name, made ready.
fn work(name: &str) -> Option<Work> {
    steps::serve(name).or_else(|| served::work(name))
}

/// The seconds of `floor:FLOPS:READ:WRITTEN`: what so many operations and bytes take here at least. Each time that it is asked for
/// the ceilings behind it are measured again, and the best of all measurements counts.
fn floor(name: &str, ceilings: &mut Option<Ceilings>) -> Option<f64> {
    let numbers: Vec<u64> = name.strip_prefix("floor:")?.split(':').map(str::parse).collect::<Result<_, _>>().ok()?;
    let &[flops, read, written] = &numbers[..] else { return None };
    let ceilings = ceilings.get_or_insert_with(|| Ceilings::measure(Isa::current()));
    let (traffic, set) = (Traffic { read, written }, usize::try_from(read + written).ok()?);
    ceilings.again(Isa::current(), flops, traffic, set);
    Some(ceilings.floor(flops, traffic, set).seconds)
}

/// Becomes that program, so that who stops this process or asks for its time means the one that computes. Returns only an error.
#[cfg(unix)]
fn start(command: &mut Command) -> Box<dyn Error> {
    std::os::unix::process::CommandExt::exec(command).into()
}

/// Runs that program and ends as it does. Returns only an error.
#[cfg(not(unix))]
fn start(command: &mut Command) -> Box<dyn Error> {
    match command.status() {
        Ok(status) => std::process::exit(status.code().unwrap_or(1)),
        Err(error) => error.into(),
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let threads: usize = std::env::args().nth(1).ok_or("how many threads?")?.parse()?;
    let set = std::env::var("MATMUL_NUM_THREADS").unwrap_or_default();
    if set != threads.to_string() {
        // matrixmultiply reads its number of threads from the environment, once: start again with it.
        let mut again = Command::new(std::env::current_exe()?);
        return Err(start(again.arg(threads.to_string()).env("MATMUL_NUM_THREADS", threads.to_string())));
    }
    rayon::ThreadPoolBuilder::new().num_threads(threads).use_current_thread().build_global()?;
    // The contestants of a row stay ready while they take turns.
    let mut ready: VecDeque<(String, Work)> = VecDeque::new();
    let mut ceilings = None;
    for line in std::io::stdin().lock().lines() {
        let name = line?.trim().to_string();
        if !ready.iter().any(|(known, _)| *known == name)
            && let Some(work) = work(&name)
        {
            ready.push_front((name.clone(), work));
            ready.truncate(READY);
        }
        match ready.iter_mut().find(|(known, _)| *known == name) {
            None => match floor(&name, &mut ceilings) {
                Some(seconds) => println!("{seconds:e}"),
                None => println!("unknown {name}"),
            },
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
