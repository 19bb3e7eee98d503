//! `glassbox data`: which data sets there are, what they hold, how they get here, whether they are whole.

use crate::cli::Data;
use crate::failure::Failure;
use crate::output::{print, print_json};
use glassbox_data::names::unknown;
use glassbox_data::{Entry, Kind, VerifiedFile, catalogue, verify};
use glassbox_train::columns;
use serde_json::{Value, json};

/// Runs `glassbox data …`.
pub fn run(command: Data) -> Result<(), Failure> {
    match command {
        Data::List { json: true } => print_json(&json!({ "data": as_json() })),
        Data::List { json: false } => print(&as_text()),
        Data::Show { spec, out, force, json } => super::data_show::run(&spec, out.as_deref(), force, json),
        Data::Fetch { name } => fetch(&name),
        Data::Verify { spec } => {
            let files = verify(&spec).map_err(Failure::mistake)?;
            let compared = files.iter().all(|file| file.compared);
            let row = |file: &VerifiedFile| vec![file.file.clone(), file.bytes.to_string(), file.sha256.clone()];
            let text = columns(&files.iter().map(row).collect::<Vec<_>>(), &[false, true, false]);
            let verdict = match compared {
                true => "whole, and as it was published",
                false => "whole; there are no published sums to compare a folder with",
            };
            print(&format!("{text}{verdict}\n"))
        }
    }
}

fn fetch(name: &str) -> Result<(), Failure> {
    let Some(entry) = catalogue().iter().find(|entry| entry.name == name) else {
        let names: Vec<&str> = catalogue().iter().map(|entry| entry.name).collect();
        return Err(Failure::mistake(unknown("data set", name, &names)));
    };
    print(&match entry.install {
        None => format!("{name} is in the binary; there is nothing to fetch\n"),
        Some(_) if entry.is_installed() => format!("{name} is installed in {}\n", entry.place()),
        Some(command) => format!("{name} is a package of the operating system; install it with\n\n    {command}\n"),
    })
}

/// The data sets as rows of a table.
pub fn as_text() -> String {
    let mut rows = Vec::new();
    for entry in catalogue() {
        rows.push(vec![entry.name.to_string(), here(entry), entry.about.to_string(), entry.cost.to_string()]);
    }
    columns(&rows, &[false; 4])
}

fn kind(entry: &Entry) -> &'static str {
    match entry.kind {
        Kind::Pictures => "pictures",
        Kind::Table => "table",
        Kind::Text => "text",
        Kind::Recording => "recording",
        Kind::Recordings => "recordings",
    }
}

fn here(entry: &Entry) -> String {
    match (entry.install, entry.is_installed()) {
        (None, _) => "built in".to_string(),
        (Some(_), true) => "installed".to_string(),
        (Some(command), false) => format!("not installed ({command})"),
    }
}

/// The data sets as JSON.
pub fn as_json() -> Vec<Value> {
    let describe = |entry: &Entry| {
        json!({
            "name": entry.name, "kind": kind(entry), "about": entry.about, "train": entry.train, "test": entry.test,
            "image_shape": entry.image_shape, "classes": entry.classes, "installed": entry.is_installed(),
            "place": entry.place(), "install": entry.install, "cost": entry.cost, "licence": entry.licence,
            "origin": entry.origin,
        })
    };
    catalogue().iter().map(describe).collect()
}
