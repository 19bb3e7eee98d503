//! The page that `glassbox repro` writes: every result with what it was held against.

use super::repro::{command, pace};
use super::repro_runs::Measured;
use glassbox_measure::{JUDGED, PROTOCOL, WEIGHTS, Weights};
use glassbox_tensor::simd::Isa;
use glassbox_train::{Claim, Number, deviation, mean};
use std::fmt::Write;

/// How the page begins; what doesn't begin so is not written over.
pub const MARK: &str = "<!-- Written by `glassbox repro`: changes belong into the lists RESULTS of the crates. -->\n";

/// What the judge measures, in the order of its table.
const SCORES: [&str; 6] = ["frechet", "kernel", "precision", "recall", "sliced", "nearest"];

/// A result with its runs, one for each seed, if it was measured.
type Row<'a> = (&'a Claim, Option<Vec<Measured>>);

/// The page in Markdown.
pub fn page(all: &[Row<'_>]) -> String {
    let isa = Isa::from_env().map_or("unknown", Isa::name);
    let threads = rayon::current_num_threads();
    let mut page = format!(
        "{MARK}# The numbers, measured again\n\n\
         `glassbox repro` trains what is listed here, and fails if the mean over the seeds is farther from what it is held \
         against than the tolerance: from PyTorch's mean, where PyTorch was given the same model and data, else from what was \
         stated. ± is the standard deviation of one seed. Unless a reason is given below, the tolerance is 3 of them, pooled over \
         ours and PyTorch's. Papers' numbers are of other data and are not compared with.\n\n\
         Measured with glassbox {}, instruction set {isa}, {threads} threads; seconds are those of one training run, on whatever \
         else the machine was doing.\n\n",
        env!("CARGO_PKG_VERSION")
    );
    let not_run: Vec<&str> = all.iter().filter(|(_, runs)| runs.is_none()).map(|(claim, _)| claim.name).collect();
    if !not_run.is_empty() {
        let _ = writeln!(page, "**Not measured this time**: {}.\n", not_run.join(", "));
    }
    page.push_str(
        "| result | number | paper | PyTorch | stated | measured | tolerance | holds | seeds | n | seconds |\n\
         | --- | --- | ---: | ---: | ---: | ---: | ---: | --- | --- | ---: | ---: |\n",
    );
    all.iter().for_each(|row| rows(&mut page, row));
    samples(&mut page, all);
    how(&mut page, all);
    page
}

/// A line for each number of a result.
fn rows(page: &mut String, (claim, runs): &Row<'_>) {
    let hash = judge_of(claim).map(|judge| &judge.sha256[..12]);
    for number in claim.numbers {
        let measured: Option<Vec<f64>> =
            runs.as_ref().map(|runs| runs.iter().map(|run| run.get(number.metric)).collect());
        let name = match hash {
            Some(hash) if SCORES.contains(&number.metric) => format!("{} by judge `{hash}`", number.metric),
            _ => number.metric.to_string(),
        };
        let verdict = match &measured {
            None => "not run",
            Some(values) if number.holds(values) => "yes",
            Some(_) => "**no**",
        };
        let cells = [
            claim.name.to_string(),
            name,
            number.paper.map_or(String::new(), |paper| digits(paper.value)),
            with_spread(number.peer),
            with_spread(number.ours),
            measured.as_deref().map_or("not run".to_string(), with_spread),
            digits(number.tolerance()),
            verdict.to_string(),
            claim.seeds.iter().map(u64::to_string).collect::<Vec<_>>().join(", "),
            if SCORES.contains(&number.metric) { JUDGED as u64 } else { claim.n }.to_string(),
            runs.as_ref().map_or(String::new(), |runs| format!("{:.1}", seconds(runs))),
        ];
        let _ = writeln!(page, "| {} |", cells.join(" | "));
    }
}

/// All judged models side by side, with the floor of each data set.
fn samples(page: &mut String, all: &[Row<'_>]) {
    let judged: Vec<(&Claim, &Vec<Measured>)> =
        all.iter().filter(|(claim, _)| claim.judged).filter_map(|(c, runs)| Some((*c, runs.as_ref()?))).collect();
    if judged.is_empty() {
        return;
    }
    let _ = write!(
        page,
        "\n## Samples, judged\n\n{JUDGED} samples against {JUDGED} test pictures by protocol {PROTOCOL}: means over the seeds. The \
         floor is what training pictures get.\n\n\
         | samples of | data | judge | Fréchet | kernel | precision | recall | sliced | nearest |\n\
         | --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n"
    );
    for judge in &WEIGHTS {
        let hash = &judge.sha256[..12];
        let mut of_set = judged.iter().filter(|(claim, _)| claim.preset.data == judge.set).peekable();
        let Some((_, first)) = of_set.peek() else { continue };
        let mut row = |name: &str, prefix: &str, runs: &[Measured]| {
            let values = |score| runs.iter().map(|run| run.get(&format!("{prefix}{score}"))).collect::<Vec<_>>();
            let cells = SCORES.map(|score| digits(mean(&values(score)))).join(" | ");
            let _ = writeln!(page, "| {name} | {} | `{hash}` | {cells} |", judge.set);
        };
        row("floor: training pictures", "floor_", first);
        of_set.for_each(|(claim, runs)| row(claim.name, "", runs));
    }
    for judge in &WEIGHTS {
        let _ = write!(page, "\nThe judge of {} has the SHA-256 `{}`.\n", judge.set, judge.sha256);
    }
}

/// Each result's command, and the reasons and sources that have no place in a table.
fn how(page: &mut String, all: &[Row<'_>]) {
    page.push_str("\n## What was run\n\n");
    for (claim, _) in all {
        let judged = if claim.judged { ", then `glassbox eval --judge`" } else { "" };
        let _ =
            write!(page, "- **{}** ({}): {}. `glassbox {}`", claim.name, pace(claim.pace), claim.what, command(claim));
        let _ = writeln!(page, " with each seed{judged}.{}", remarks(claim.numbers));
    }
}

fn remarks(numbers: &[Number]) -> String {
    let mut text = String::new();
    for number in numbers {
        if let Some(paper) = number.paper {
            let _ = write!(text, " Paper's {}: {}.", number.metric, paper.source);
        }
        if let Some((tolerance, reason)) = number.given {
            let _ = write!(text, " Tolerance of {} ({}): {reason}.", number.metric, digits(tolerance));
        }
    }
    text
}

fn judge_of(claim: &Claim) -> Option<&'static Weights> {
    Weights::of(claim.preset.data).ok().filter(|_| claim.judged)
}

fn seconds(runs: &[Measured]) -> f64 {
    mean(&runs.iter().map(|run| run.seconds).collect::<Vec<_>>())
}

/// The mean, and behind ± the standard deviation if there is one.
fn with_spread(values: &[f64]) -> String {
    match values {
        [] => String::new(),
        [only] => digits(*only),
        _ => format!("{} ± {}", digits(mean(values)), digits(deviation(values))),
    }
}

/// Two digits after the point, and four for what is small.
fn digits(value: f64) -> String {
    if value.abs() < 2.0 { format!("{value:.4}") } else { format!("{value:.2}") }
}

#[cfg(test)]
mod tests {
    use super::super::repro::RESULTS;
    use super::*;
    use glassbox_train::Metrics;

    /// A run with every number as it was stated, moved by `by`.
    fn runs(claim: &Claim, by: f64) -> Vec<Measured> {
        let run = |i: usize| {
            let mut metrics = Metrics::new();
            for number in claim.numbers {
                metrics = metrics.with(number.metric, number.ours[i] + by);
            }
            if claim.judged {
                metrics = SCORES.iter().fold(metrics, |m, score| m.with(&format!("floor_{score}"), 1.25));
            }
            Measured { seconds: 7.0, metrics }
        };
        (0..claim.seeds.len()).map(run).collect()
    }

    #[test]
    fn the_page_says_what_holds_what_left_and_what_was_not_run() {
        let all: Vec<Row<'_>> =
            RESULTS.iter().enumerate().map(|(i, &claim)| (claim, (i > 0).then(|| runs(claim, 0.0)))).collect();
        let text = page(&all);
        assert!(text.starts_with(MARK));
        assert!(text.contains(&format!("**Not measured this time**: {}.\n", RESULTS[0].name)));
        for (claim, runs) in &all {
            let first = claim.numbers[0].metric;
            let line = text.lines().find(|line| line.starts_with(&format!("| {} | {first}", claim.name))).unwrap();
            assert_eq!(line.contains("| not run | "), runs.is_none(), "{line}");
            assert_eq!(line.contains(" | yes | "), runs.is_some(), "{line}");
            assert!(text.contains(&format!("- **{}**", claim.name)));
        }
        let far = [(RESULTS[1], Some(runs(RESULTS[1], 1e6)))];
        assert!(page(&far).contains(" | **no** | "));
    }

    #[test]
    fn the_judges_hash_stands_beside_every_number_of_its() {
        let all: Vec<Row<'_>> = RESULTS.iter().map(|&claim| (claim, Some(runs(claim, 0.0)))).collect();
        let text = page(&all);
        let judged = all.iter().filter(|(claim, _)| claim.judged).count();
        assert!(judged > 0 && text.contains("| floor: training pictures | fashion-mnist | `"));
        for (claim, _) in all.iter().filter(|(claim, _)| claim.judged) {
            let hash = &judge_of(claim).unwrap().sha256[..12];
            for number in claim.numbers.iter().filter(|n| SCORES.contains(&n.metric)) {
                let line = format!("| {} | {} by judge `{hash}` |", claim.name, number.metric);
                assert!(text.contains(&line), "{line}");
            }
        }
    }
}
