//! `glassbox data show`: what a data set holds, in numbers and a picture.

use super::data_pictures::{samples, waves};
use crate::failure::Failure;
use crate::out_file::{PICTURE, cannot_write, check};
use crate::output::{print, print_json};
use glassbox_data::image::{Image, write_png};
use glassbox_data::sound::{Sound, SoundSplits};
use glassbox_data::table::{Cells, Column, Table};
use glassbox_data::text::Text;
use glassbox_data::{DataSplits, Kind, Moments, kind, open, open_recording, open_sound, open_table, open_text};
use glassbox_tensor::counted;
use glassbox_train::columns;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;

/// What is said of a data set: to people, to programs, and as a picture where there is something to see.
struct Summary {
    text: String,
    json: Value,
    picture: Option<Image>,
}

/// Runs `glassbox data show`.
pub fn run(spec: &str, out: Option<&Path>, force: bool, as_json: bool) -> Result<(), Failure> {
    let kind = kind(spec).map_err(Failure::mistake)?;
    if let Some(out) = out {
        check("--out", out, &PICTURE, force)?;
        if matches!(kind, Kind::Table | Kind::Text) {
            return Err(Failure::mistake("--out draws pictures and sound, and there are none here; leave it out"));
        }
    }
    let mut summary = match kind {
        Kind::Pictures => pictures(&open(spec).map_err(Failure::mistake)?),
        Kind::Table => of_table(&open_table(spec).map_err(Failure::mistake)?),
        Kind::Text => of_text(&open_text(spec).map_err(Failure::mistake)?),
        Kind::Recording => recording(&open_recording(spec).map_err(Failure::mistake)?),
        Kind::Recordings => recordings(&open_sound(spec).map_err(Failure::mistake)?),
    };
    summary.json["spec"] = spec.into();
    if let (Some(out), Some(picture)) = (out, &summary.picture) {
        write_png(out, picture).map_err(|error| cannot_write("--out", &error))?;
        summary.json["picture"] = out.display().to_string().into();
        summary.text.push_str(&format!("\n{}\n", out.display()));
    }
    if as_json { print_json(&summary.json) } else { print(&format!("{spec}: {}", summary.text)) }
}

fn pictures(data: &DataSplits) -> Summary {
    let (train, test) = (&data.train, &data.test);
    let [c, h, w] = train.image_shape();
    let colours = if c == 1 { "grey" } else { "colour" };
    let values = train.moments();
    let mut text = format!(
        "pictures of {w} × {h} pixels, {colours}; {} to learn from, {} held out\n\
         samples from {} to {}, mean {:.2}, standard deviation {:.2} (of those to learn from)\n\n",
        train.len(),
        test.len(),
        values.min,
        values.max,
        values.mean,
        values.std(),
    );
    let counts = (train.class_counts(), test.class_counts());
    text.push_str(&classes_table(train.classes(), &counts));
    if let Some(captions) = train.captions() {
        let first: Vec<&str> = captions.iter().take(8).map(String::as_str).collect();
        text.push_str(&format!("\ncaptions: {}, …\n", first.join(", ")));
    }
    let json = json!({
        "kind": "pictures", "train": train.len(), "test": test.len(), "image_shape": [c, h, w],
        "values": moments(&values), "classes": classes_json(train.classes(), &counts), "captions": train.captions().is_some(),
    });
    Summary { text, json, picture: Some(samples(train)) }
}

fn of_table(data: &Table) -> Summary {
    let mut rows = vec![["column", "numbers", "missing", "least", "mean", "largest"].map(String::from).to_vec()];
    let mut described = Vec::new();
    for column in data.columns() {
        rows.push(cells_of(column));
        let (name, missing) = (&column.name, column.missing());
        described.push(match column.moments() {
            Some(values) => {
                json!({ "name": name, "numbers": values.n, "missing": missing, "values": moments(&values) })
            }
            None => json!({ "name": name, "words": data.rows() - missing, "missing": missing }),
        });
    }
    let text = format!(
        "a table of {} and {}\n\n{}",
        counted(data.rows(), "row"),
        counted(data.columns().len(), "column"),
        columns(&rows, &[false, true, true, true, true, true])
    );
    let json = json!({ "kind": "table", "rows": data.rows(), "columns": described });
    Summary { text, json, picture: None }
}

/// A line about a column; of one of words, the first that is no number.
fn cells_of(column: &Column) -> Vec<String> {
    let short = |text: &str| text.chars().take(40).collect::<String>();
    let name = short(&column.name);
    match (&column.cells, column.moments()) {
        (Cells::Words { first: (line, text), .. }, _) => {
            let words = format!("words: line {line} says {:?}", short(text));
            vec![name, words, column.missing().to_string(), String::new(), String::new(), String::new()]
        }
        (_, Some(m)) if m.n > 0 => {
            let number = |x: f64| format!("{x:.6}").trim_end_matches('0').trim_end_matches('.').to_string();
            let (n, missing) = (m.n.to_string(), column.missing().to_string());
            vec![name, n, missing, number(m.min), number(m.mean), number(m.max)]
        }
        _ => vec![name, "0".into(), column.missing().to_string(), String::new(), String::new(), String::new()],
    }
}

fn of_text(data: &Text) -> Summary {
    let documents = || data.train().iter().chain(data.test());
    let characters: BTreeSet<char> = documents().flat_map(|d| d.prompt.chars().chain(d.text.chars())).collect();
    let shown: String = characters.iter().take(200).collect();
    let head: String = documents().flat_map(|d| d.text.chars()).take(2000).collect();
    let lines: Vec<String> = head.lines().take(6).map(|line| line.chars().take(100).collect()).collect();
    let [train, test] = data.characters();
    let of = |part: &[_]| match data.in_documents() {
        true => format!(" in {}", counted(part.len(), "document")),
        false => String::new(),
    };
    let text = format!(
        "a text of {} characters; {train} to learn from{}, {test} held out{}\n{} of them are different: {shown:?}\n\n{}",
        train + test,
        of(data.train()),
        of(data.test()),
        characters.len(),
        lines.iter().map(|line| format!("    {line}").trim_end().to_string() + "\n").collect::<String>(),
    );
    let json = json!({
        "kind": "text", "characters": train + test, "train": train, "test": test,
        "documents": if data.in_documents() { Some(documents().count()) } else { None },
        "different": characters.len(), "lines": lines,
    });
    Summary { text, json, picture: None }
}

fn recording(sound: &Sound) -> Summary {
    let values: Moments = sound.samples.iter().map(|&s| f64::from(s)).collect();
    let peak = values.max.max(-values.min);
    let text = format!(
        "a recording of {:.3} seconds, {} at {} in a second\npeak {peak:.4}, root mean square {:.4}\n",
        sound.seconds(),
        counted(sound.samples.len(), "sample"),
        sound.rate,
        values.rms(),
    );
    let json = json!({
        "kind": "recording", "rate": sound.rate, "samples": sound.samples.len(), "seconds": sound.seconds(), "peak": peak,
        "rms": values.rms(),
    });
    Summary { text, json, picture: Some(waves(&[&sound.samples])) }
}

fn recordings(data: &SoundSplits) -> Summary {
    let (train, test) = (&data.train, &data.test);
    let all = || train.recordings().iter().chain(test.recordings());
    let values: Moments = all().flatten().map(|&s| f64::from(s)).collect();
    let length: Moments = all().map(|r| r.len() as f64 / f64::from(train.rate())).collect();
    let (peak, seconds) = (values.max.max(-values.min), values.n as f64 / f64::from(train.rate()));
    let mut text = format!(
        "recordings, {} samples in a second; {} to learn from, {} held out\n\
         {seconds:.1} seconds in all, each from {:.3} to {:.3}, on average {:.3}\n\
         peak {peak:.4}, root mean square {:.4}\n\n",
        train.rate(),
        train.recordings().len(),
        test.recordings().len(),
        length.min,
        length.max,
        length.mean,
        values.rms(),
    );
    let count = |labels: &[u32]| {
        let mut counts = vec![0; train.classes().len()];
        labels.iter().for_each(|&label| counts[label as usize] += 1);
        counts
    };
    let counts = (count(train.labels()), count(test.labels()));
    text.push_str(&classes_table(train.classes(), &counts));
    let first_of = |class: usize| train.labels().iter().position(|&label| label as usize == class);
    let shown: Vec<&[f32]> =
        (0..train.classes().len()).filter_map(first_of).take(10).map(|i| &train.recordings()[i][..]).collect();
    let json = json!({
        "kind": "recordings", "rate": train.rate(), "train": train.recordings().len(), "test": test.recordings().len(),
        "seconds": seconds, "shortest": length.min, "longest": length.max, "peak": peak, "rms": values.rms(),
        "classes": classes_json(train.classes(), &counts),
    });
    Summary { text, json, picture: Some(waves(&shown)) }
}

fn classes_table(classes: &[String], (train, test): &(Vec<usize>, Vec<usize>)) -> String {
    let mut rows = vec![["class", "to learn from", "held out"].map(String::from).to_vec()];
    for ((name, train), test) in classes.iter().zip(train).zip(test) {
        rows.push(vec![name.clone(), train.to_string(), test.to_string()]);
    }
    columns(&rows, &[false, true, true])
}

fn classes_json(classes: &[String], (train, test): &(Vec<usize>, Vec<usize>)) -> Value {
    let counts = classes.iter().zip(train).zip(test);
    counts.map(|((name, train), test)| json!({ "name": name, "train": train, "test": test })).collect()
}

/// As JSON; of no numbers there is nothing to say.
fn moments(m: &Moments) -> Value {
    if m.n == 0 { Value::Null } else { json!({ "min": m.min, "max": m.max, "mean": m.mean, "std": m.std() }) }
}
