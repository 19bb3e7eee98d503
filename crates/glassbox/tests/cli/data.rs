//! Data of one's own: what `data show` says of each kind, training on pictures, and mistakes in what is asked for.

use crate::place::{Place, stdout};
use glassbox_data::image::{Image, read_png, write_png};
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

/// Runs a line that must be refused as a mistake of the user's, in this sentence, with nothing changed.
#[track_caller]
fn refused(place: &Place, line: &str, sentence: &str) {
    let before = place.everything();
    let output = place.glassbox(line.split(' '));
    assert_eq!(output.status.code(), Some(2), "{line}");
    assert_eq!(String::from_utf8(output.stderr).unwrap(), format!("glassbox: {sentence}\n"), "{line}");
    assert!(output.stdout.is_empty() && place.everything() == before, "{line}: something was printed or changed");
}

/// A folder `pets` of 2 × 12 pictures of 10 × 8 pixels.
fn with_pets() -> Place {
    let place = Place::new();
    for i in 0..12 {
        for (class, shade) in [("cat", 10), ("dog", 200)] {
            let name = format!("pets/{class}/{i}.png");
            place.write(&name, "");
            write_png(&place.path(&name), &Image::filled(10, 8, 3, shade + i)).unwrap();
        }
    }
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
    assert!(text.contains("a text of 20 characters; 18 to learn from, 2 held out\na vocabulary of 17: "), "{text}");
    assert!(text.ends_with("    the quick\n    brown fox\n"), "{text}");
    assert_eq!(json(&place, "data show verse.txt?unit=byte --json")["vocabulary"], 256);

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

#[test]
fn every_mistake_is_one_sentence_with_its_remedy() {
    let place = with_pets();
    place.write("air.csv", "a\n1\n").write("damaged/a/1.png", "no picture").write("damaged/a/2.png", "no picture");
    place.write("empty/notes.txt", "nothing here").write("photo.png", "").write("kept.png", "no picture");
    let shown = "; `glassbox data show` shows what it holds";
    for (line, sentence) in [
        ("data show pets?sise=3", "pets?sise=3: there is no option \"sise\"; did you mean \"size\"?"),
        (
            "train vae-mlp --data pets?colour=gray",
            "pets?colour=gray: there is no colour \"gray\"; did you mean \"grey\"?",
        ),
        ("data show pets?unit=byte", "pets?unit=byte: unit is no option of pictures; it takes size, fit, colour"),
        ("data show air.csv?size=3", "air.csv?size=3: size is no option of a table; it takes none"),
        ("train vae-mlp --data air.csv", &format!("air.csv: not a folder of pictures but a table{shown}")),
        ("data show photo.png", &format!("photo.png: not a data set but one picture{shown}")),
        ("data verify pets", &format!("pets: not a folder of IDX files but pictures{shown}")),
        ("data show air.csv --out a.png", "--out draws pictures and sound, and there are none here; leave it out"),
        ("data show pets --out a.jpg", "--out a.jpg: what is written is a PNG picture; end the name with .png"),
        ("data show pets --out kept.png", "--out kept.png: exists; choose another name, or replace it with --force"),
        ("data show damaged", "damaged/a/1.png: at byte 0: not a PNG file"),
        ("data show no/such", "no/such: not a folder or file that is there; check the path"),
        (
            "train vae-conv --data pets --out run",
            "vae-conv halves pictures twice, and these are 8 × 10; their sides must be multiples of 4; ?size=32 after the data \
             set scales them",
        ),
    ] {
        refused(&place, line, sentence);
    }
    let output = place.glassbox(["data", "show", "empty"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        said.starts_with("glassbox: empty: no data in this folder; there may be PNG, JPEG or WAV files in it"),
        "{said}"
    );
}
