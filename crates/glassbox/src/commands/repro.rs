//! `glassbox repro`: the numbers that the book states, measured again.
//!
//! Families name their results in lists beside their presets. Here they are run, each seed once however many results need it
//! ([`repro_runs`](super::repro_runs)), written down as a page ([`repro_page`](super::repro_page)), and held to their tolerances.

use super::repro_page::{MARK, page};
use super::repro_runs::{Measured, Workshop};
use super::unknown;
use crate::cli::Repro;
use crate::failure::Failure;
use crate::output::{note, print, print_json};
use anyhow::{Context, anyhow};
use glassbox_data::files::write_atomically;
use glassbox_train::{Claim, Pace, catch_interrupts, columns, mean};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::sync::atomic::AtomicBool;

/// Every result, family by family.
pub static RESULTS: LazyLock<Vec<&'static Claim>> =
    LazyLock::new(|| glassbox_vae::RESULTS.iter().chain(glassbox_measure::RESULTS).collect());

/// The page that is written.
const PAGE: &str = "repro.md";

/// Runs `glassbox repro`.
pub fn run(options: &Repro) -> Result<(), Failure> {
    let chosen = choose(options)?;
    if options.list {
        return list(options, &chosen);
    }
    let in_checkout = Path::new("crates/glassbox/Cargo.toml").is_file();
    let default = |in_it: &str, elsewhere: &str| PathBuf::from(if in_checkout { in_it } else { elsewhere });
    let out = options.out.clone().unwrap_or_else(|| default("docs/results", "results")).join(PAGE);
    let work = options.work.clone().unwrap_or_else(|| default("target/repro", "runs/repro"));
    check_page(&out)?; // before the work, not after it
    super::start_threads(options.threads)?;
    let interrupt = catch_interrupts().context("can't take over Ctrl-C")?;
    let workshop = Workshop::open(&work)?;
    let mut all: Vec<(&Claim, Option<Vec<Measured>>)> = Vec::new();
    for &claim in RESULTS.iter() {
        let wanted = chosen.iter().any(|c| c.name == claim.name);
        all.push((claim, if wanted { Some(seeds_of(claim, &workshop, interrupt)?) } else { None }));
    }
    if let Some(folder) = out.parent() {
        let cannot = |error| Failure::mistake(format!("--out {}: cannot make this folder: {error}", folder.display()));
        fs::create_dir_all(folder).map_err(cannot)?;
    }
    write_atomically(&out, page(&all).as_bytes()).map_err(Failure::mistake)?;

    let measured: Vec<(&Claim, &[Measured])> = all.iter().filter_map(|(c, m)| Some((*c, m.as_deref()?))).collect();
    match options.json {
        true => {
            let results: Vec<Value> = measured.iter().map(|(claim, runs)| as_json(claim, runs)).collect();
            print_json(&json!({ "results": results, "page": out.display().to_string() }))?;
        }
        false => print(&format!("{}page  {}\n", as_text(&measured), out.display()))?,
    }
    let misses: Vec<String> = measured.iter().flat_map(|(claim, runs)| misses(claim, runs)).collect();
    misses.iter().for_each(|miss| note(miss));
    match misses.len() {
        0 => Ok(()),
        n => Err(anyhow!("{n} of these numbers left their tolerances; {} has them all", out.display()).into()),
    }
}

/// Every seed of a result, one run after the other.
fn seeds_of(claim: &Claim, workshop: &Workshop, interrupt: &AtomicBool) -> Result<Vec<Measured>, Failure> {
    let measure = |&seed: &u64| {
        let measured = workshop.measure(claim, seed, interrupt)?;
        let stopped = || anyhow!("interrupted in {} with seed {seed}; the same command goes on there", claim.name);
        Ok(measured.ok_or_else(stopped)?)
    };
    claim.seeds.iter().map(measure).collect()
}

/// The results of these names, or the fast ones, or all.
fn choose(options: &Repro) -> Result<Vec<&'static Claim>, Failure> {
    let names: Vec<&str> = RESULTS.iter().map(|claim| claim.name).collect();
    if let Some(name) = options.names.iter().find(|name| !names.contains(&name.as_str())) {
        return Err(Failure::mistake(unknown("result", name, &names)));
    }
    let wanted = |claim: &&Claim| match options.fast {
        true => claim.pace != Pace::Slow,
        false => options.names.is_empty() || options.names.iter().any(|name| name == claim.name),
    };
    Ok(RESULTS.iter().copied().filter(wanted).collect())
}

/// Refuses to write over a page that somebody else wrote.
fn check_page(page: &Path) -> Result<(), Failure> {
    match fs::read(page) {
        Ok(bytes) if !bytes.starts_with(MARK.as_bytes()) => Err(Failure::mistake(format!(
            "{}: exists and was not written by `glassbox repro`; move it away, or name another folder with --out",
            page.display()
        ))),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Failure::mistake(format!("{}: cannot read: {error}", page.display()))),
    }
}

fn list(options: &Repro, chosen: &[&Claim]) -> Result<(), Failure> {
    if options.json {
        let results: Vec<Value> = chosen.iter().map(|claim| described(claim)).collect();
        return print_json(&json!({ "results": results }));
    }
    let row = |claim: &&Claim| {
        let runs = format!("{} × {}", claim.seeds.len(), command(claim));
        vec![claim.name.to_string(), pace(claim.pace).to_string(), claim.what.to_string(), runs]
    };
    print(&columns(&chosen.iter().map(row).collect::<Vec<_>>(), &[false; 4]))
}

/// How long it takes, in a word.
pub fn pace(pace: Pace) -> &'static str {
    match pace {
        Pace::Slow => "minutes",
        Pace::Fast => "fast",
        Pace::Shortened => "fast, shortened",
    }
}

/// The command of one of its runs, but for the seed.
pub fn command(claim: &Claim) -> String {
    let settings: String = claim.settings.iter().map(|setting| format!(" --set {setting}")).collect();
    format!("train {}{settings}", claim.preset.name)
}

/// One sentence for each number that is farther off than it may be.
fn misses(claim: &Claim, runs: &[Measured]) -> Vec<String> {
    let mut sentences = Vec::new();
    for number in claim.numbers {
        let values: Vec<f64> = runs.iter().map(|run| run.get(number.metric)).collect();
        if !number.holds(&values) {
            let (found, target, tolerance) = (mean(&values), number.target(), number.tolerance());
            sentences.push(format!(
                "{}: {} is {found:.4}, {:.4} from {target:.4}, and the tolerance is {tolerance:.4}",
                claim.name,
                number.metric,
                (found - target).abs()
            ));
        }
    }
    sentences
}

fn as_text(measured: &[(&Claim, &[Measured])]) -> String {
    let mut rows = vec![["result", "number", "held against", "measured", "tolerance", ""].map(String::from).to_vec()];
    for (claim, runs) in measured {
        for number in claim.numbers {
            let values: Vec<f64> = runs.iter().map(|run| run.get(number.metric)).collect();
            let verdict = if number.holds(&values) { "holds" } else { "LEFT ITS TOLERANCE" };
            let [target, found, tolerance] =
                [number.target(), mean(&values), number.tolerance()].map(|v| format!("{v:.3}"));
            rows.push(vec![claim.name.into(), number.metric.into(), target, found, tolerance, verdict.into()]);
        }
    }
    columns(&rows, &[false, false, true, true, true, false])
}

fn described(claim: &Claim) -> Value {
    json!({
        "name": claim.name, "what": claim.what, "preset": claim.preset.name, "settings": claim.settings,
        "seeds": claim.seeds, "n": claim.n, "fast": claim.pace != Pace::Slow,
        "shortened": claim.pace == Pace::Shortened, "judged": claim.judged,
    })
}

fn as_json(claim: &Claim, runs: &[Measured]) -> Value {
    let mut document = described(claim);
    let numbers: Vec<Value> = claim
        .numbers
        .iter()
        .map(|number| {
            let values: Vec<f64> = runs.iter().map(|run| run.get(number.metric)).collect();
            json!({
                "metric": number.metric, "paper": number.paper.map(|p| p.value), "peer": number.peer,
                "stated": number.ours, "measured": values, "target": number.target(),
                "tolerance": number.tolerance(), "holds": number.holds(&values),
            })
        })
        .collect();
    document["seconds"] = runs.iter().map(|run| run.seconds).collect();
    document["numbers"] = numbers.into();
    document
}

#[cfg(test)]
mod tests {
    use super::super::PRESETS;
    use super::*;
    use glassbox_train::{Metrics, Number, RunConfig};

    #[test]
    fn every_result_can_be_run_and_states_what_holds() {
        for (i, claim) in RESULTS.iter().enumerate() {
            let name = claim.name;
            assert!(RESULTS[..i].iter().all(|other| other.name != name), "{name} is there twice");
            assert!(PRESETS.iter().any(|preset| preset.name == claim.preset.name), "{name}");
            let mut config = RunConfig::new(claim.preset);
            claim.settings.iter().for_each(|setting| config.set(setting).unwrap());
            assert!(!claim.seeds.is_empty() && !claim.numbers.is_empty(), "{name}");
            for number in claim.numbers {
                let what = format!("{name}, {}", number.metric);
                assert_eq!(number.ours.len(), claim.seeds.len(), "{what}");
                assert!(number.tolerance() >= 0.0, "{what}: no spread to take a tolerance from, and none is given");
                assert!(number.holds(number.ours), "{what}: {:?} is not near {}", number.ours, number.target());
                assert!(number.given.is_none_or(|(_, reason)| reason.len() > 20), "{what}: a reason is a sentence");
            }
        }
    }

    #[test]
    fn a_number_that_left_its_tolerance_is_a_sentence_with_both_numbers() {
        static NUMBERS: [Number; 2] = [Number::of("loss", &[10.0, 12.0]), Number::of("kl", &[1.0]).within(0.1, "")];
        let claim = Claim { numbers: &NUMBERS, seeds: &[0, 1], ..glassbox_vae::RESULTS[0] };
        let run = |loss: f64| Measured { seconds: 1.0, metrics: Metrics::new().with("loss", loss).with("kl", 1.05) };
        assert!(misses(&claim, &[run(10.5), run(12.5)]).is_empty());
        let said = misses(&claim, &[run(20.0), run(22.0)]);
        let expected = ": loss is 21.0000, 10.0000 from 11.0000, and the tolerance is 4.2426";
        assert!(said.len() == 1 && said[0].ends_with(expected), "{said:?}");
    }
}
