//! `glassbox list`: what can be trained, on what, at what cost.

use super::{PRESETS, data};
use crate::cli::List;
use crate::failure::Failure;
use crate::output::{print, print_json, table};
use glassbox_vae::compare;
use serde_json::{Value, json};

/// What can be trained: the name, what it is, what it costs, the data.
type Row = [&'static str; 4];

/// Runs `glassbox list`.
pub fn run(options: &List) -> Result<(), Failure> {
    if options.json {
        let object =
            |[name, about, cost, data]: Row| json!({ "name": name, "about": about, "cost": cost, "data": data });
        let presets: Vec<Value> = presets().map(object).collect();
        return print_json(&json!({ "presets": presets, "data": data::as_json() }));
    }
    let rows: Vec<_> = presets().map(|row| row.map(String::from).to_vec()).collect();
    print(&format!("Presets\n{}\nData sets\n{}", table(&rows, &[false; 4]), data::as_text()))
}

fn presets() -> impl Iterator<Item = Row> {
    let single = PRESETS.iter().map(|p| [p.name, p.about, p.cost, p.data]);
    let [first, _] = compare::configs();
    single.chain([[compare::NAME, compare::ABOUT, compare::COST, first.preset().data]])
}
