//! All contestants of a family in one table, measured in turns: a disturbance of the machine hits each of them, not one.

use super::Family;
use super::case::{Case, Work};
use glassbox_tensor::Tensor;
use std::fmt::Write;
use std::time::Instant;

/// A round repeats its call until about so much time has passed, in seconds.
const ROUND: f64 = 4e-3;
/// A contestant that has used up so many seconds of a size has no more rounds than [`LEAST_ROUNDS`] there.
const PATIENCE: f64 = 1.5;
/// Rounds that everybody has.
const LEAST_ROUNDS: usize = 3;
/// A call that would take longer than this, in seconds, by what the size before took, is left out.
const TOO_LONG: f64 = 2.0;
/// Work up to which an answer is held to the bound before it is timed: the reference takes seconds beyond.
const CHECKED: f64 = 5e7;

/// The figures of a family.
pub struct Table {
    /// Whose.
    pub family: Family,
    /// In which unit.
    pub unit: &'static str,
    /// The sizes in words, and where they stand on the plot's axis.
    pub sizes: Vec<(String, Option<f64>)>,
    /// Each contestant with a cell for each size; `None` where it was left out.
    pub rows: Vec<(String, Vec<Option<Cell>>)>,
    /// What is wrong with answers, a sentence each.
    pub wrong: Vec<String>,
}

/// One figure.
#[derive(Clone, Copy, Debug)]
pub struct Cell {
    /// A billion of the unit's work in a second: the median of the rounds.
    pub median: f64,
    /// Half the distance between the quartiles, as a share of the median.
    pub spread: f64,
    /// How many rounds.
    pub rounds: usize,
}

impl Cell {
    /// Of rounds that took these seconds for a call of that much work.
    ///
    /// ```
    /// use glassbox_benches::kernels::table::Cell;
    /// let cell = Cell::of(8e9, &mut [2.0, 1.0, 4.0, 2.0, 2.0]);
    /// assert_eq!((cell.median, cell.spread, cell.rounds), (4.0, 0.0, 5));
    /// ```
    pub fn of(work: f64, seconds: &mut [f64]) -> Cell {
        seconds.sort_by(f64::total_cmp);
        let at = |share: usize| work / seconds[(seconds.len() - 1) * share / 4] / 1e9;
        Cell { median: at(2), spread: (at(1) - at(3)) / 2.0 / at(2), rounds: seconds.len() }
    }
}

/// Measures the sizes of a family whose labels contain one of the words (all, without words). `seen` is told each size
/// before its turn.
pub fn measure(family: &Family, words: &[String], rounds: usize, mut seen: impl FnMut(&str)) -> Table {
    let mut table = Table { family: *family, unit: "", sizes: Vec::new(), rows: Vec::new(), wrong: Vec::new() };
    for size in family.timed {
        let case = (family.case)(size);
        if words.is_empty() || words.iter().any(|word| case.label.contains(word.as_str())) {
            seen(&case.label);
            table.add(&case, rounds);
        }
    }
    table
}

impl Table {
    /// Measures a case, and adds its column.
    pub fn add(&mut self, case: &Case, rounds: usize) {
        if self.rows.is_empty() {
            self.rows = case.runs.iter().map(|run| (run.name.clone(), Vec::new())).collect();
        }
        self.unit = case.work.unit();
        self.sizes.push((case.label.clone(), case.at));
        let amount = case.work.amount();
        // The slowest that it may be here, going by where it was last.
        let last = |cells: &[Option<Cell>]| cells.iter().rev().flatten().next().map(|cell| amount / cell.median / 1e9);
        let mut takes_part: Vec<bool> =
            self.rows.iter().map(|(_, cells)| last(cells).is_none_or(|seconds| seconds < TOO_LONG)).collect();
        for (i, part) in takes_part.iter_mut().enumerate().filter(|(_, part)| **part) {
            if amount <= CHECKED {
                let verdict = case.verdict(i);
                if verdict.share > 1.0 {
                    let (name, worst) = (&case.runs[i].name, verdict.worst);
                    self.wrong.push(format!("{}, {}, {name}: {worst}", self.family.name, case.label));
                    *part = false;
                }
            }
        }
        for ((_, cells), times) in self.rows.iter_mut().zip(times(case, &takes_part, rounds)) {
            cells.push(times.map(|mut times| Cell::of(amount, &mut times)));
        }
    }

    /// In Markdown: a row for each contestant, a column for each size; figure and spread.
    pub fn markdown(&self) -> String {
        let mut text = format!("| {} |", self.unit);
        self.sizes.iter().for_each(|(label, _)| _ = write!(text, " {label} |"));
        text += "\n| --- |";
        text += &" ---: |".repeat(self.sizes.len());
        for (name, cells) in &self.rows {
            _ = write!(text, "\n| {name} |");
            for cell in cells {
                match cell {
                    Some(Cell { median, spread, .. }) => {
                        let digits = if *median < 10.0 { 2 } else { 1 };
                        _ = write!(text, " {median:.digits$} ± {:.1}% |", 100.0 * spread);
                    }
                    None => text += " |",
                }
            }
        }
        text + "\n"
    }

    /// How many rounds a figure comes from: the fewest and the most.
    pub fn rounds(&self) -> Option<(usize, usize)> {
        let all = || self.rows.iter().flat_map(|(_, cells)| cells).flatten().map(|cell| cell.rounds);
        Some((all().min()?, all().max()?))
    }
}

/// The seconds of a call in each round, for those who take part.
fn times(case: &Case, takes_part: &[bool], rounds: usize) -> Vec<Option<Vec<f64>>> {
    let mut outs: Vec<Tensor> = case.runs.iter().map(|_| Tensor::zeros(&case.shape)).collect();
    let mut call = |i: usize, repeats: usize| {
        let start = Instant::now();
        for _ in 0..repeats {
            (case.runs[i].run)(&mut outs[i]);
        }
        start.elapsed().as_secs_f64() / repeats as f64
    };
    let mut all: Vec<Option<Vec<f64>>> = takes_part.iter().map(|part| part.then(Vec::new)).collect();
    // The first call pays for memory and sleeping threads; the second says how often a round repeats it.
    let seconds: Vec<f64> =
        takes_part.iter().enumerate().map(|(i, part)| if *part { call(i, 1).min(call(i, 1)) } else { 0.0 }).collect();
    for round in 0..rounds.max(1) {
        for (i, times) in all.iter_mut().enumerate() {
            let Some(times) = times else { continue };
            let repeats = (ROUND / seconds[i].max(1e-9)).ceil().clamp(1.0, 1e6) as usize;
            let spent = round as f64 * seconds[i] * repeats as f64;
            if round < LEAST_ROUNDS || spent < PATIENCE {
                times.push(call(i, repeats));
            }
        }
    }
    all
}

/// The conventions in a sentence, for below a table.
pub fn conventions(work: Work) -> &'static str {
    match work {
        Work::Flops(_) => "A multiply-add counts as two operations; only those that the result needs are counted.",
        Work::Bytes(_) => "Bytes are what must be read and written once, wherever it lies.",
    }
}
