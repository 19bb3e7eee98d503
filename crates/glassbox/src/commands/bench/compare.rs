//! `glassbox bench --compare A.json B.json`: what changed beyond the noise.
//!
//! A row is named if the interval of the ratio of its medians leaves 1 out, and the ratio is more than a hundredth away
//! from it. Of hundreds of rows that didn't change some would leave 1 out by chance; so the chance is shared out among them, and
//! all intervals of a comparison hold together with 95 %.

use super::saved::Saved;
use super::statistics::{median, ratio};
use super::text::time;
use crate::failure::Failure;
use crate::output::{print, print_json};
use glassbox_tensor::counted;
use glassbox_train::columns;
use serde_json::{Value, json};
use std::path::Path;

/// The chance that any of the intervals of a comparison misses, if samples are independent.
const ERROR: f64 = 0.05;
/// What is less than this is not worth a word.
const SMALL: f64 = 0.01;

/// A row that is in both documents.
#[derive(Clone, Debug)]
pub struct Pair {
    title: String,
    pass: String,
    /// Medians before and after, in seconds.
    medians: [f64; 2],
    /// After over before, and where it lies; `None` where there are too few samples to say.
    ratio: Option<(f64, [f64; 2])>,
    /// Whether the result has other bits.
    other_bits: bool,
}

/// What a comparison found.
#[derive(Clone, Debug)]
pub struct Comparison {
    pairs: Vec<Pair>,
    /// Rows that are in one document only, or of another problem in the other.
    alone: Vec<String>,
}

impl Pair {
    fn changed(&self) -> bool {
        self.ratio.is_some_and(|(ratio, [low, high])| (low > 1.0 || high < 1.0) && (ratio - 1.0).abs() > SMALL)
    }
}

/// Runs the command.
pub fn run(files: [&Path; 2], as_json: bool) -> Result<(), Failure> {
    let [a, b] = [Saved::open(files[0])?, Saved::open(files[1])?];
    for ((what, before), (_, after)) in a.conditions.iter().zip(&b.conditions) {
        if before != after {
            return Err(Failure::mistake(format!(
                "{} and {} can't be compared: the {what} was {before} and is {after}; measure both alike",
                files[0].display(),
                files[1].display()
            )));
        }
    }
    let comparison = compare(&a, &b);
    if as_json {
        return print_json(&document(&comparison, [&a, &b]));
    }
    print(&text(&comparison, [&a, &b]))
}

/// Compares row by row.
pub fn compare(a: &Saved, b: &Saved) -> Comparison {
    let common = a.rows.iter().filter_map(|(key, before)| Some((key, before, b.rows.get(key)?)));
    let common: Vec<_> = common.filter(|(_, before, after)| before.problem == after.problem).collect();
    let error = ERROR / common.len().max(1) as f64;
    let pairs = common.iter().map(|((title, pass), before, after)| Pair {
        title: title.clone(),
        pass: pass.clone(),
        medians: [median(&before.samples), median(&after.samples)],
        ratio: ratio(&before.samples, &after.samples, error),
        other_bits: before.checksum != after.checksum,
    });
    let is_common = |key: &(String, String)| common.iter().any(|(other, ..)| *other == key);
    let mut alone: Vec<String> = a
        .rows
        .keys()
        .chain(b.rows.keys())
        .filter(|key| !is_common(key))
        .map(|(title, pass)| format!("{title} {pass}"))
        .collect();
    alone.sort();
    alone.dedup();
    Comparison { pairs: pairs.collect(), alone }
}

fn text(comparison: &Comparison, [a, b]: [&Saved; 2]) -> String {
    let mut changed: Vec<&Pair> = comparison.pairs.iter().filter(|pair| pair.changed()).collect();
    let by = |pair: &&Pair| pair.ratio.map_or(1.0, |(ratio, _)| ratio);
    changed.sort_by(|x, y| by(y).total_cmp(&by(x))); // the slowest first
    let row = |pair: &&Pair| {
        let (ratio, [low, high]) = pair.ratio.unwrap_or((1.0, [1.0, 1.0]));
        vec![
            if ratio > 1.0 { "slower".to_string() } else { "faster".to_string() },
            pair.title.clone(),
            pair.pass.clone(),
            time(pair.medians[0]),
            time(pair.medians[1]),
            format!("{ratio:.3} times"),
            format!("{low:.3} to {high:.3}"),
        ]
    };
    let mut text = String::new();
    if !changed.is_empty() {
        let titles = ["", "work", "", "before", "after", "takes", "95 % of all"].map(String::from).to_vec();
        let rows: Vec<Vec<String>> = std::iter::once(titles).chain(changed.iter().map(row)).collect();
        text += &columns(&rows, &[false, false, false, true, true, true, true]);
        text += "\n";
    }
    text += &format!(
        "commit {} to {}: {} of {} changed beyond the noise and 1 %\n",
        a.commit,
        b.commit,
        changed.len(),
        counted(comparison.pairs.len(), "row")
    );
    let too_few: Vec<&Pair> = comparison.pairs.iter().filter(|pair| pair.ratio.is_none()).collect();
    let mut list = |what: &str, names: Vec<String>| {
        if !names.is_empty() {
            text += &format!("{what}: {}\n", names.join(", "));
        }
    };
    let name = |pair: &Pair| format!("{} {}", pair.title, pair.pass);
    list("too few samples to say", too_few.into_iter().map(name).collect());
    list("other bits", comparison.pairs.iter().filter(|pair| pair.other_bits).map(name).collect());
    list("in one of them only, or of another size", comparison.alone.clone());
    text
}

fn document(comparison: &Comparison, saved: [&Saved; 2]) -> Value {
    let row = |pair: &Pair| {
        json!({
            "work": pair.title, "pass": pair.pass, "before": pair.medians[0], "after": pair.medians[1],
            "ratio": pair.ratio.map(|(ratio, _)| ratio), "interval": pair.ratio.map(|(_, interval)| interval),
            "changed": pair.changed(), "other_bits": pair.other_bits,
        })
    };
    json!({
        "commits": saved.map(|s| &s.commit), "chance_of_any_miss": ERROR, "smallest_change": SMALL,
        "rows": comparison.pairs.iter().map(row).collect::<Value>(), "not_compared": comparison.alone,
    })
}

#[cfg(test)]
mod tests {
    use super::super::document::document_of;
    use super::super::measure::row_of;
    use super::*;
    use glassbox_tensor::ceiling::Traffic;
    use glassbox_tensor::random::Key;

    fn saved(rows: &[(&'static str, f64, u64)]) -> Saved {
        let traffic = Traffic { read: 24, written: 24 };
        let noisy = |&(name, seconds, key): &(&'static str, f64, u64)| {
            let samples: Vec<f64> =
                (0..21).map(|i| seconds * (1.0 + 0.02 * f64::from(Key::new(key).normal(i)))).collect();
            row_of(name, 6, traffic, &samples)
        };
        Saved::read(&document_of(rows.iter().map(noisy).collect())).unwrap()
    }

    #[test]
    fn what_changed_is_named_and_what_did_not_is_not() {
        let a = saved(&[("exp", 1e-3, 1), ("tanh", 1e-3, 2), ("gelu", 1e-3, 3), ("old", 1e-3, 4)]);
        let b = saved(&[("exp", 1.3e-3, 5), ("tanh", 1e-3, 6), ("gelu", 0.8e-3, 7), ("new", 1e-3, 8)]);
        let comparison = compare(&a, &b);
        let changed: Vec<&str> = comparison.pairs.iter().filter(|p| p.changed()).map(|p| &p.title[..]).collect();
        assert_eq!(changed, ["exp", "gelu"]);
        assert_eq!(comparison.alone, ["new forward", "old forward"]);
        let text = text(&comparison, [&a, &b]);
        let lines: Vec<&str> = text.lines().collect();
        assert!(
            lines[1].starts_with("slower  exp   forward  ") && lines[2].starts_with("faster  gelu  forward  "),
            "{text}"
        );
        assert!(text.contains("2 of 3 rows changed beyond the noise and 1 %\n"), "{text}");
        assert!(text.ends_with("in one of them only, or of another size: new forward, old forward\n"), "{text}");
        let document = document(&comparison, [&a, &b]);
        assert_eq!(document["rows"].as_array().unwrap().len(), 3);
        assert_eq!(document["rows"][0]["changed"], true);
    }

    /// Two hundred rows, of which none changed: in nineteen comparisons of twenty none is named.
    #[test]
    fn chance_alone_names_nothing() {
        static NAMES: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];
        let named: usize = (0..25)
            .map(|trial| {
                let of = |half: u64| {
                    let rows: Vec<_> =
                        (0..8).map(|i| (NAMES[i], 1e-3, 1000 * half + 8 * trial + i as u64 + 100)).collect();
                    saved(&rows)
                };
                compare(&of(1), &of(2)).pairs.iter().filter(|pair| pair.changed()).count()
            })
            .sum();
        assert!(named <= 2, "{named} of 200 rows");
    }

    #[test]
    fn a_change_below_a_hundredth_is_not_worth_a_word_however_sure_it_is() {
        let row = |seconds: f64| row_of("exp", 6, Traffic::default(), &[seconds; 101]);
        let of = |seconds| Saved::read(&document_of(vec![row(seconds)])).unwrap();
        assert!(!compare(&of(1e-3), &of(1.009e-3)).pairs[0].changed());
        assert!(compare(&of(1e-3), &of(1.011e-3)).pairs[0].changed());
    }

    #[test]
    fn other_bits_and_other_problems_are_told() {
        let row = row_of("exp", 6, Traffic::default(), &[1e-3; 15]);
        let mut other = row.clone();
        other.checksum = 8;
        let [a, b] = [row.clone(), other].map(|row| Saved::read(&document_of(vec![row])).unwrap());
        assert!(text(&compare(&a, &b), [&a, &b]).contains("other bits: exp forward\n"));
        let mut larger = row;
        larger.flops = 7;
        let c = Saved::read(&document_of(vec![larger])).unwrap();
        let comparison = compare(&a, &c);
        assert!(comparison.pairs.is_empty() && comparison.alone == ["exp forward"], "{comparison:?}");
    }
}
