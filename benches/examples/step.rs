//! Takes training steps of one model, and says what one takes: time, and the most memory that the process ever had.
//!
//! `cargo run --release -p glassbox-benches --example step -- NAME [--threads T] [--steps N]
//! [--profile]`, with a name such as
//! `step:gpt_char` (`step:` may be left out). `tools/peers/steps.py THREADS --memory NAME` says the same of PyTorch.

use glassbox_autograd::profile;
use glassbox_benches::steps;
use glassbox_tensor::ceiling::Ceilings;
use glassbox_tensor::pool_stats;
use glassbox_tensor::simd::Isa;
use glassbox_train::profile_table;
use std::process::ExitCode;
use std::time::Instant;

struct Asked {
    name: String,
    threads: usize,
    steps: usize,
    profile: bool,
}

fn main() -> ExitCode {
    match asked(std::env::args().skip(1)).and_then(|asked| run(&asked)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(mistake) => {
            eprintln!("error: {mistake}");
            ExitCode::from(2)
        }
    }
}

fn asked(mut words: impl Iterator<Item = String>) -> Result<Asked, String> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let (mut name, mut threads, mut count, mut profile) = (None, cores, 5, false);
    while let Some(word) = words.next() {
        let mut number = |least: usize| {
            let value = words.next().ok_or(format!("{word} needs a number after it"))?;
            let number: Option<usize> = value.parse().ok().filter(|n| (least..=1_000_000).contains(n));
            number.ok_or(format!("{word} is a number of at least {least}, not {value:?}"))
        };
        match word.as_str() {
            "--threads" => threads = number(1)?,
            "--steps" => count = number(1)?,
            "--profile" => profile = true,
            _ if word.starts_with('-') => {
                return Err(format!("{word} is not known; there are --threads, --steps and --profile"));
            }
            _ if name.is_some() => return Err(format!("{word:?} is a second name; run one step at a time")),
            _ if word.starts_with("step:") => name = Some(word),
            _ => name = Some(format!("step:{word}")),
        }
    }
    let known = steps::NAMES.join(", ");
    let name = name.ok_or(format!("which step? There are {known}"))?;
    if !steps::NAMES.contains(&name.as_str()) {
        return Err(format!("there is no {name}; there are {known}"));
    }
    Ok(Asked { name, threads, steps: count, profile })
}

fn run(asked: &Asked) -> Result<(), String> {
    let Asked { name, threads, steps: count, profile: profiled } = asked;
    rayon::ThreadPoolBuilder::new()
        .num_threads(*threads)
        .use_current_thread()
        .build_global()
        .map_err(|e| format!("{threads} threads can't be started ({e}); ask for fewer with --threads"))?;
    let mut step = steps::build(name, None).expect("of the list");
    let first = step.step();
    let (before, mut last, mut times) = (pool_stats(), first, Vec::new());
    if *profiled {
        profile::start(0);
    }
    for _ in 0..*count {
        let start = Instant::now();
        let span = profile::Span::step();
        last = step.step();
        drop(span);
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    let recorded = profile::stop();
    let after = pool_stats();
    times.sort_by(f64::total_cmp);
    let (least, median, most) = (times[0], times[times.len() / 2], times[times.len() - 1]);
    println!("{name}, {} parameters, {threads} threads", step.num_parameters());
    println!("loss     {first:.6} in the first step, {last:.6} in step {}", count + 1);
    println!("time     {median:.2} ms, the median of {count} steps ({least:.2} to {most:.2})");
    println!(
        "buffers  {} allocated in these steps, {} taken from the pool",
        after.misses - before.misses,
        after.hits - before.hits
    );
    if *profiled {
        let ceilings = &mut Ceilings::measure(Isa::current());
        print!("\n{}", profile_table(&recorded, name, &(1..1 + *count as u64), ceilings));
    }
    match peak_resident() {
        Some(megabytes) => println!("memory   {megabytes:.0} MB at most, the whole process"),
        None => println!("memory   unknown: this system has no /proc/self/status"),
    }
    Ok(())
}

/// The most memory that this process had at any time, in MB (10⁶ bytes).
fn peak_resident() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024.0 / 1e6)
}
