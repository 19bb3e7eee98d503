//! `glassbox list`: what can be trained, on what, at what cost.

use super::{PRESETS, data, explain_preset, unknown_preset};
use crate::cli::List;
use crate::failure::Failure;
use crate::output::{print, print_json};
use glassbox_train::{Preset, RunConfig, Value as Chosen, Values, columns};
use glassbox_vae::compare;
use serde_json::{Value, json};

/// What can be trained: the name, what it is, what it costs, the data.
type Row = [&'static str; 4];

/// Runs `glassbox list`.
pub fn run(options: &List) -> Result<(), Failure> {
    if let Some(name) = &options.preset {
        return one(name, options);
    }
    if options.json {
        let presets: Vec<Value> = presets().map(as_json).collect();
        return print_json(&json!({ "presets": presets, "data": data::as_json() }));
    }
    let rows: Vec<_> = presets().map(|row| row.map(String::from).to_vec()).collect();
    print(&format!("Presets\n{}\nData sets\n{}", columns(&rows, &[false; 4]), data::as_text()))
}

/// `glassbox list PRESET`
fn one(name: &str, options: &List) -> Result<(), Failure> {
    let row = presets().find(|row| row[0] == name).ok_or_else(|| unknown_preset(name))?;
    if options.json {
        return print_json(&as_json(row));
    }
    match PRESETS.iter().find(|preset| preset.name == name) {
        Some(preset) if options.toml => print(&RunConfig::new(preset).to_toml()?),
        Some(preset) => {
            let [name, about, cost, data] = row;
            let settings = explain_preset::settings(&RunConfig::new(preset));
            print(&format!("{name}: {about}\nData: {data}. Cost: {cost}.\n\n{settings}"))
        }
        None => {
            let [first, second] = compare::configs().map(|config| config.preset().name);
            Err(Failure::mistake(format!("{name} is two models; name one of them, {first} or {second}")))
        }
    }
}

/// A preset as JSON, with its settings, if it is one model.
fn as_json([name, about, cost, data]: Row) -> Value {
    let settings = PRESETS.iter().find(|preset| preset.name == name).map(|preset| settings_as_json(preset));
    json!({ "name": name, "about": about, "cost": cost, "data": data, "settings": settings })
}

fn settings_as_json(preset: &Preset) -> Vec<Value> {
    let default = |default: Chosen| match default {
        Chosen::Count(n) => json!(n),
        Chosen::Real(x) => json!(x),
        Chosen::Word(word) => json!(word),
    };
    let all = preset.settings.iter().map(|setting| {
        let (name, about, default) = (setting.name, setting.about, default(setting.default));
        match setting.values {
            Values::Counts(min, max) => {
                json!({ "name": name, "about": about, "default": default, "min": min, "max": max })
            }
            Values::Reals(min, max) => {
                json!({ "name": name, "about": about, "default": default, "min": min, "max": max })
            }
            Values::Words(words) => json!({ "name": name, "about": about, "default": default, "words": words }),
        }
    });
    all.collect()
}

fn presets() -> impl Iterator<Item = Row> {
    let single = PRESETS.iter().map(|p| [p.name, p.about, p.cost, p.data]);
    let [first, _] = compare::configs();
    single.chain([[compare::NAME, compare::ABOUT, compare::COST, first.preset().data]])
}
