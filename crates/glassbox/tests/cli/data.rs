//! Data of one's own: what `data show` says of each kind, training on pictures.

use crate::place::{Place, stdout};
use glassbox_data::image::read_png;
use serde_json::Value;

/// Runs a line that must succeed; returns what it printed.
#[track_caller]
fn printed(place: &Place, line: &str) -> String {
    let output = place.glassbox(line.split(' '));
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    stdout(&output)
}

#[track_caller]
fn json(place: &Place, line: &str) -> Value {
    serde_json::from_str(&printed(place, line)).unwrap_or_else(|e| panic!("{line}: {e}"))
}

/// A folder `pets` of pictures.
fn with_pets() -> Place {
    let place = Place::new();
    place.pictures("pets");
    place
}

#[test]
fn pictures_are_shown_in_words_in_json_and_as_a_picture() {
    let place = with_pets();
    let text = printed(&place, "data show pets");
    for part in ["pets: pictures of 10 × 8 pixels, colour;", "\ncat ", "\ndog ", "samples from 10 to 211, mean "] {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
    let document = json(&place, "data show pets?size=4&colour=grey --json --out pets.png");
    assert_eq!(
        (document["kind"].as_str(), document["image_shape"].to_string()),
        (Some("pictures"), "[1,4,4]".to_string())
    );
    assert_eq!(document["train"].as_u64().unwrap() + document["test"].as_u64().unwrap(), 24);
    // Two rows of ten, each pixel a square of 8 × 8, two black pixels between.
    let picture = read_png(&place.path("pets.png")).unwrap();
    assert_eq!((picture.width(), picture.height(), picture.channels()), (10 * 34 - 2, 2 * 34 - 2, 1));
    assert!(picture.pixel(0, 0)[0] < 30 && picture.pixel(0, 40)[0] > 190 && picture.pixel(33, 0)[0] == 0);
}

#[test]
fn a_table_a_text_and_a_recording_are_shown() {
    let place = Place::new();
    place.write("air.csv", "month,passengers\n1949-01,112\n1949-02,\n1949-03,132\n");
    place.write("verse.txt", "the quick\nbrown fox\n");
    let samples: Vec<u8> = [0i16, 16384, -32768, 0].into_iter().flat_map(i16::to_le_bytes).collect();
    let header = b"RIFF\x2c\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x02\0\0\0\x04\0\0\0\x02\0\x10\0data\x08\0\0\0";
    place.write("tone.wav", [&header[..], &samples].concat());

    let table = printed(&place, "data show air.csv");
    assert!(
        table.contains("a table of 3 rows and 2 columns") && table.contains("words: line 2 says \"1949-01\""),
        "{table}"
    );
    let document = json(&place, "data show air.csv --json");
    assert_eq!(document["columns"][1]["missing"], 1);
    assert_eq!(document["columns"][1]["values"]["mean"], 122.0);

    let text = printed(&place, "data show verse.txt");
    assert!(
        text.contains("a text of 20 characters; 18 to learn from, 2 held out\n17 of them are different: "),
        "{text}"
    );
    assert!(text.ends_with("    the quick\n    brown fox\n"), "{text}");
    assert_eq!(json(&place, "data show verse.txt --json")["different"], 17);

    let sound = printed(&place, "data show tone.wav --out tone.png");
    assert!(sound.contains("a recording of 2.000 seconds, 4 samples at 2 in a second\npeak 1.0000, "), "{sound}");
    assert_eq!(read_png(&place.path("tone.png")).unwrap().width(), 800);
}

#[test]
fn a_model_trains_on_a_folder_of_pictures_and_is_found_from_elsewhere() {
    let place = with_pets();
    let training = "train vae-conv --data pets?size=8&colour=grey --steps 1 --out run --set hidden=4 --set latents=2";
    printed(&place, training);
    let config = String::from_utf8(place.read("run/config.toml")).unwrap();
    let there = place.path("pets").canonicalize().unwrap();
    assert!(config.contains(&format!("data = \"{}?size=8&colour=grey\"", there.display())), "{config}");
    let elsewhere = Place::new();
    let run = place.path("run");
    assert!(printed(&elsewhere, &format!("eval {} --json", run.display())).contains("\"loss\""));
}
