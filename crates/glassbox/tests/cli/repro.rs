//! `glassbox repro`: what can be asked, and what it leaves alone. The numbers themselves are `.ci/run`'s, in release.

use crate::place::{Place, stdout};
use serde_json::Value;

#[test]
fn the_list_names_every_result_with_its_seeds_and_the_fast_ones_are_some_of_them() {
    let place = Place::new();
    let listed = |line: &str| -> Vec<Value> {
        let output = place.glassbox(line.split(' '));
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        let document: Value = serde_json::from_str(&stdout(&output)).unwrap();
        document["results"].as_array().unwrap().clone()
    };
    let (all, fast) = (listed("repro --list --json"), listed("repro --list --fast --json"));
    assert!(fast.len() >= 4 && fast.len() < all.len(), "{} of {}", fast.len(), all.len());
    assert!(fast.iter().all(|result| result["fast"] == true && all.contains(result)));
    assert_eq!(listed("repro vae-mlp --list --json")[0]["seeds"], serde_json::json!([0, 1, 2]));
    let text = stdout(&place.glassbox(["repro", "--list"]));
    assert_eq!(text.lines().count(), all.len());
    assert!(all.iter().all(|result| text.contains(result["name"].as_str().unwrap())), "{text}");
    assert!(place.everything().is_empty(), "a list makes nothing");
}
