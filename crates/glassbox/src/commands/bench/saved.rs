//! A document that was saved, read again: it may be anything.

use super::document::FORMAT;
use super::rows::title;
use crate::failure::Failure;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// What a comparison needs of a document.
#[derive(Clone, Debug)]
pub struct Saved {
    /// What must be the same for a comparison: its name, and what it is here.
    pub conditions: [(&'static str, String); 4],
    /// The commit that was measured.
    pub commit: String,
    /// By title and pass.
    pub rows: BTreeMap<(String, String), SavedRow>,
}

/// A row of it.
#[derive(Clone, Debug, PartialEq)]
pub struct SavedRow {
    /// Shapes and work: what must be the same for the times to be compared.
    pub problem: Value,
    /// All samples, in seconds.
    pub samples: Vec<f64>,
    /// Of the result's bits.
    pub checksum: String,
}

/// A document of all rows has a few hundred KB.
const MOST_BYTES: u64 = 64 << 20;

impl Saved {
    /// Reads a file.
    pub fn open(path: &Path) -> Result<Saved, Failure> {
        let shown = path.display();
        let cannot = |error: std::io::Error| Failure::mistake(format!("{shown}: cannot read: {error}; check the path"));
        let meta = fs::metadata(path).map_err(cannot)?;
        if !meta.is_file() || meta.len() > MOST_BYTES {
            return Err(Failure::mistake(format!(
                "{shown}: is no file that `glassbox bench --save` wrote; name one, such as bench-before.json"
            )));
        }
        let bytes = fs::read(path).map_err(cannot)?;
        let other = |problem: String| {
            Failure::mistake(format!("{shown}: {problem}; it takes what `glassbox bench --save NAME` writes"))
        };
        let value: Value = serde_json::from_slice(&bytes).map_err(|error| other(error.to_string()))?;
        Saved::read(&value).map_err(other)
    }

    /// Reads a document; what is wrong with it otherwise.
    pub fn read(document: &Value) -> Result<Saved, String> {
        match document["format"].as_str() {
            Some(FORMAT) => {}
            Some(other) => return Err(format!("is a document of {other:?}, and this program knows {FORMAT:?}")),
            None => return Err("is no document of glassbox bench".to_string()),
        }
        let condition = |name, value: &Value| (name, value.as_str().map_or(value.to_string(), String::from));
        let conditions = [
            condition("processor", &document["machine"]["processor"]),
            condition("instruction set", &document["isa"]),
            condition("number of threads", &document["threads"]),
            condition("state of the caches (cold)", &document["cold"]),
        ];
        let rows = document["rows"].as_array().ok_or("has no rows")?;
        let rows = rows.iter().enumerate().map(|(i, row)| {
            read_row(row).ok_or_else(|| format!("row {i} has no name, no pass, or samples that are no times above 0"))
        });
        let commit = document["build"]["commit"].as_str().unwrap_or("unknown").to_string();
        Ok(Saved { conditions, commit, rows: rows.collect::<Result<_, _>>()? })
    }
}

fn read_row(row: &Value) -> Option<((String, String), SavedRow)> {
    let key = (title(row["name"].as_str()?, row["size"].as_str()), row["pass"].as_str()?.to_string());
    let seconds = |value: &Value| value.as_f64().filter(|s| s.is_finite() && *s > 0.0);
    let rounds = row["samples"].as_array()?.iter().map(Value::as_array).collect::<Option<Vec<_>>>()?;
    let samples = rounds.into_iter().flatten().map(seconds).collect::<Option<Vec<f64>>>()?;
    let problem = ["shapes", "flops", "bytes_read", "bytes_written"].map(|key| row[key].clone());
    let checksum = row["crc32"].as_str().unwrap_or_default().to_string();
    (!samples.is_empty()).then(|| (key, SavedRow { problem: problem.into_iter().collect(), samples, checksum }))
}

#[cfg(test)]
mod tests {
    use super::super::document::document_of;
    use super::super::measure::row_of;
    use super::*;
    use glassbox_tensor::ceiling::Traffic;
    use serde_json::json;

    #[test]
    fn what_was_written_is_read() {
        let document = document_of(vec![row_of("exp", 6, Traffic { read: 24, written: 24 }, &[1e-3, 2e-3])]);
        let saved = Saved::read(&document).unwrap();
        let row = &saved.rows[&("exp".to_string(), "forward".to_string())];
        assert_eq!((&row.samples[..], &row.checksum[..]), (&[1e-3, 2e-3][..], "00000007"));
        assert_eq!(row.problem, json!([[[2, 3]], 6, 24, 24]));
        let conditions = saved.conditions.map(|(_, value)| value);
        assert_eq!(conditions, ["a test", "scalar", "2", "false"]);
    }

    #[test]
    fn what_is_damaged_is_said_and_nothing_panics() {
        let whole = document_of(vec![row_of("exp", 6, Traffic::default(), &[1e-3])]);
        let with = |change: &dyn Fn(&mut Value)| {
            let mut document = whole.clone();
            change(&mut document);
            Saved::read(&document).err().unwrap_or_default()
        };
        assert_eq!(
            with(&|d| d["format"] = json!("glassbox bench 9")),
            "is a document of \"glassbox bench 9\", and this program knows \"glassbox bench 1\""
        );
        assert_eq!(with(&|d| *d = json!([1, 2])), "is no document of glassbox bench");
        assert_eq!(with(&|d| d["rows"] = json!(7)), "has no rows");
        for samples in
            [json!([]), json!(3), json!([[0.0]]), json!([[-1.0]]), json!([["x"]]), json!([3]), json!([[null]])]
        {
            let said = with(&|d| d["rows"][0]["samples"] = samples.clone());
            assert_eq!(said, "row 0 has no name, no pass, or samples that are no times above 0", "{samples}");
        }
    }
}
