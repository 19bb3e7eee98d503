//! `glassbox bench`: what is compared, and in a fast build what is measured.

use crate::place::{Place, stdout};
use serde_json::{Value, json};

/// A document as `--save` writes it, with rows of this many seconds and a little noise.
fn document(threads: usize, rows: &[(&str, f64)]) -> String {
    let row = |(name, seconds): &(&str, f64)| {
        let samples: Vec<f64> = (0..21).map(|i| seconds * (1.0 + 1e-4 * f64::from(i * 7 % 21))).collect();
        let (first, last) = samples.split_at(10);
        json!({
            "name": name, "size": null, "pass": "forward", "shapes": [[2, 3]], "flops": 6, "bytes_read": 24,
            "bytes_written": 24, "samples": [first, last], "crc32": "00000007",
        })
    };
    let document = json!({
        "format": "glassbox bench 1", "machine": { "processor": "a test" }, "build": { "commit": "abc" },
        "isa": "scalar", "threads": threads, "cold": false, "rows": rows.iter().map(row).collect::<Value>(),
    });
    document.to_string()
}

#[test]
fn what_changed_between_two_documents_is_told_as_text_and_as_json() {
    let place = Place::new();
    place.write("a.json", document(2, &[("exp", 1e-3), ("tanh", 2e-3), ("gone", 1e-3)]));
    place.write("b.json", document(2, &[("exp", 1e-3), ("tanh", 3e-3)]));
    let output = place.glassbox(["bench", "--compare", "a.json", "b.json"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = stdout(&output);
    assert!(text.contains("slower  tanh  forward  2.00 ms  3.00 ms  1.500 times"), "{text}");
    assert!(text.contains("1 of 2 rows changed") && text.contains("of another size: gone forward\n"), "{text}");
    assert!(!text.contains("exp"), "{text}");

    let output = place.glassbox(["bench", "--json", "--compare", "a.json", "b.json"]);
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let changed: Vec<&Value> =
        document["rows"].as_array().unwrap().iter().filter(|row| row["changed"] == true).collect();
    assert_eq!((changed.len(), &changed[0]["work"]), (1, &json!("tanh")));
    let [low, high] = [0, 1].map(|i| changed[0]["interval"][i].as_f64().unwrap());
    assert!(low < 1.5 && 1.5 < high && low > 1.49 && high < 1.51, "{document}");
}

/// Only a fast build measures; `cargo test --release -p glassbox bench` runs this.
#[cfg(not(debug_assertions))]
#[test]
fn a_measurement_is_saved_drawn_and_compared_with_itself() {
    let place = Place::new();
    let line = "bench silu --sizes gemm=48,16x24x32:tn --threads 2 --isa scalar --save one --svg roofline.svg --json";
    let output = place.glassbox(line.split(' '));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed: Value = serde_json::from_slice(&output.stdout).expect("one document and nothing else");
    let saved: Value = serde_json::from_slice(&place.read("bench-one.json")).unwrap();
    assert_eq!(printed, saved);
    let named: Vec<String> = printed["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| format!("{} {} {}", row["name"], row["size"], row["pass"]).replace('"', ""))
        .collect();
    assert_eq!(
        named,
        ["silu null forward", "silu null forward + backward", "gemm 48 forward", "gemm 16x24x32:tn forward"]
    );
    for row in printed["rows"].as_array().unwrap() {
        let samples: Vec<f64> = row["samples"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|r| r.as_array().unwrap())
            .map(|s| s.as_f64().unwrap())
            .collect();
        assert!(samples.len() >= 15 && samples.iter().all(|s| *s > 0.0), "{row}");
        assert!(row["floor_seconds"].as_f64().unwrap() > 0.0 && row["crc32"].as_str().unwrap().len() == 8, "{row}");
    }
    assert_eq!((&printed["threads"], &printed["isa"]), (&json!(2), &json!("scalar")));
    let svg = String::from_utf8(place.read("roofline.svg")).unwrap();
    assert!(svg.starts_with("<svg ") && svg.matches("<circle ").count() == 3, "{svg}");

    let output = place.glassbox(["bench", "--compare", "bench-one.json", "bench-one.json"]);
    assert!(stdout(&output).contains("0 of 4 rows changed"), "{}", stdout(&output));
    let again = place.glassbox(line.split(' '));
    assert_eq!(again.status.code(), Some(2), "nothing is written over without --force");
}
