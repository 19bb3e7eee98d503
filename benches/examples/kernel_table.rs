//! One family of kernels in one table: every rung of its ladder, the engine's kernel, and other libraries'.
//!
//! `cargo run --release -p glassbox-benches --example kernel_table -- FAMILY [SIZE…] [--threads N,N] [--rounds N] [--svg FILE]`
//!
//! Contestants take turns, so that a disturbance of the machine hits all of them. A figure is the median of up to 25 rounds,
//! with half the distance between the quartiles beside it. Whose answer breaks the family's bound has no figure.

use glassbox_benches::kernels::request::Request;
use glassbox_benches::kernels::{FAMILIES, plot, table};
use glassbox_tensor::simd::Isa;
use std::process::{Command, ExitCode};

/// Where `matrixmultiply` looks for its number of threads, once; so each number has a process of its own.
const MATRIXMULTIPLY_THREADS: &str = "MATMUL_NUM_THREADS";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.iter().any(|word| word == "--help" || word == "-h") || words.is_empty() {
        println!("kernel_table FAMILY [SIZE…] [--threads N,N] [--rounds N] [--svg FILE]\n");
        FAMILIES.iter().for_each(|family| println!("  {:<12} {}", family.name, family.computes));
        return ExitCode::SUCCESS;
    }
    let request = match Request::parse(&words) {
        Ok(request) => request,
        Err(mistake) => {
            eprintln!("kernel_table: {mistake}");
            return ExitCode::from(2);
        }
    };
    let said = if cfg!(debug_assertions) {
        Err("built without --release, so its figures would mean nothing; add it".into())
    } else {
        run(&request)
    };
    match said {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("kernel_table: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(request: &Request) -> Result<(), String> {
    if let [threads] = request.threads[..]
        && std::env::var(MATRIXMULTIPLY_THREADS).is_ok_and(|n| n == threads.to_string())
    {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        return pool.map_err(|e| format!("no pool of {threads} threads: {e}"))?.install(|| show(request, threads));
    }
    let this = std::env::current_exe().map_err(|e| format!("where is this program? {e}"))?;
    for &threads in &request.threads {
        let mut child = Command::new(&this);
        child.arg(request.family.name).args(&request.words).env(MATRIXMULTIPLY_THREADS, threads.to_string());
        child.args(["--threads", &threads.to_string(), "--rounds", &request.rounds.to_string()]);
        if let Some(file) = request.svg_for(threads) {
            child.args(["--svg", &file]);
        }
        let status = child.status().map_err(|e| format!("can't start {}: {e}", this.display()))?;
        if !status.success() {
            return Err(format!("the table for {threads} threads was not made"));
        }
    }
    Ok(())
}

fn show(request: &Request, threads: usize) -> Result<(), String> {
    let family = request.family;
    let table = table::measure(&family, &request.words, request.rounds, |size| eprintln!("{} {size}", family.name));
    let on =
        format!("{}, {}, {threads} thread{}", processor(), Isa::current().name(), if threads == 1 { "" } else { "s" });
    println!("\n{}: {}; {on}\n\n{}", family.name, family.computes, table.markdown());
    if let Some((least, most)) = table.rounds() {
        let convention = table::conventions((family.case)(family.timed[0]).work);
        let rounds = if least == most { least.to_string() } else { format!("{least} to {most}") };
        println!("Medians of {rounds} interleaved rounds ± half the distance between their quartiles. {convention}");
    }
    if let Some(file) = &request.svg {
        let title = format!("{}: {on}", family.computes);
        let picture = plot::svg(&table, &title).ok_or("a plot needs two sizes of one kind; ask for more of them")?;
        std::fs::write(file, picture).map_err(|e| format!("can't write {file}: {e}"))?;
        println!("{file}");
    }
    if table.wrong.is_empty() { Ok(()) } else { Err(format!("beyond the bound:\n{}", table.wrong.join("\n"))) }
}

/// What the processor calls itself, where the system says so.
fn processor() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    name.map_or_else(|| std::env::consts::ARCH.into(), |(_, name)| name.trim().into())
}
