//! What else is asked of a model that writes: beams, probabilities, maps of attention, models that others trained.

use crate::place::{Place, stdout};
use std::io::Read;
use std::process::{Output, Stdio};

/// A tiny random model as Hugging Face's library saved it.
fn theirs(name: &str) -> String {
    format!("{}/../transformer/tests/data/hugging_face/{name}", env!("CARGO_MANIFEST_DIR"))
}

#[track_caller]
fn run(place: &Place, line: &str) -> String {
    let output: Output = place.glassbox(line.split(' '));
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    stdout(&output)
}

fn writer() -> Place {
    let place = Place::new();
    place.copy_text_run("run");
    place
}

/// The text and the probability of each row.
fn rows(list: &str) -> Vec<(String, f64)> {
    let row = |line: &str| {
        let (token, p) = line.rsplit_once(' ').unwrap();
        (serde_json::from_str(token).unwrap(), p.parse().unwrap())
    };
    list.lines().map(row).collect()
}

#[test]
fn probabilities_are_listed_where_there_are_no_colours_and_colour_the_text_where_there_are() {
    let place = writer();
    let text = run(&place, "sample run --prompt be --tokens 12 --greedy");
    let list = rows(&run(&place, "sample run --prompt be --tokens 12 --greedy --show-probabilities"));
    assert_eq!(list.iter().map(|(token, _)| token.as_str()).collect::<String>(), text[2..text.len() - 1]);
    assert!(list.iter().all(|(_, p)| (1.0 / 40.0..1.0).contains(p)), "the likeliest of some 20 characters: {list:?}");
    // What the model says and not what a rule has left of it.
    let narrow = rows(&run(&place, "sample run --prompt be --tokens 12 --top-k 1 --seed 3 --show-probabilities"));
    assert_eq!(narrow, list);

    let line = "sample run --prompt be --tokens 12 --greedy --show-probabilities";
    let forced = place.command(line.split(' ')).env("CLICOLOR_FORCE", "1").output().unwrap();
    let coloured = stdout(&forced);
    assert!(coloured.starts_with("be\u{1b}[38;5;"), "{coloured:?}");
    let mut bare = coloured.clone();
    while let Some(at) = bare.find('\u{1b}') {
        let end = at + bare[at..].find('m').unwrap();
        bare.replace_range(at..=end, "");
    }
    assert!(bare.starts_with(&text) && bare[text.len()..].starts_with("probability from 0 "), "{bare:?}");
    let refused = place.command(line.split(' ')).env("CLICOLOR_FORCE", "1").env("NO_COLOR", "1").output().unwrap();
    assert_eq!(rows(&stdout(&refused)), list);
}

#[test]
fn beams_find_what_is_at_least_as_likely_as_the_greedy_choice() {
    let place = writer();
    let sum = |line: &str| -> f64 {
        rows(&run(&place, &format!("sample run --prompt be --tokens 8 --show-probabilities {line}")))
            .iter()
            .map(|(_, p)| p.ln())
            .sum()
    };
    assert_eq!(
        run(&place, "sample run --prompt be --tokens 8 --beams 1"),
        run(&place, "sample run --prompt be --tokens 8 --greedy")
    );
    assert!(sum("--beams 8") >= sum("--greedy") - 1e-3);
    let text = run(&place, "sample run --prompt be --tokens 8 --beams 8 --threads 1");
    assert_eq!(text, run(&place, "sample run --prompt be --tokens 8 --beams 8"));
    assert_eq!(text.chars().count(), 2 + 8 + 1);
}

#[test]
fn what_is_written_is_heard_at_once() {
    let place = writer();
    let mut child = place.command("sample run --tokens 1000000000".split(' ')).stdout(Stdio::piped()).spawn().unwrap();
    let mut first = [0; 20];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap(); // would wait for ever if it came at the end
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn attention_is_drawn_for_every_layer_and_head() {
    let place = writer();
    assert_eq!(run(&place, "sample run --attention a.svg --prompt be,be"), "a.svg\n");
    let svg = String::from_utf8(place.read("a.svg")).unwrap();
    assert_eq!(svg.matches("layer 0, head ").count(), 2);
    assert_eq!(svg.matches(">b</text>").count(), 2 * 2 * 2, "twice in the prompt, on two axes of two maps");
    for (model, maps) in [("gpt2", 4), ("llama", 8)] {
        let line = ["generate", &theirs(model), "--prompt", "the cat", "--attention", "b.svg", "--force"];
        assert_eq!(stdout(&place.glassbox(line)), "b.svg\n");
        let svg = String::from_utf8(place.read("b.svg")).unwrap();
        assert_eq!(svg.matches("layer ").count(), maps, "{model}");
        assert!(svg.contains(">the</text>") && svg.contains(">·cat</text>"), "{svg}");
    }
}

#[test]
fn a_model_that_others_trained_writes_like_one_of_ours() {
    let place = Place::new();
    for name in ["gpt2", "llama"] {
        let model = theirs(name);
        let text = |more: &[&str]| {
            let line = [&["generate", &model, "--tokens", "8"], more].concat();
            let output = place.glassbox(line);
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            output.stdout
        };
        let greedy = text(&["--prompt", "the cat", "--greedy"]);
        assert!(greedy.starts_with(b"the cat"));
        assert_eq!(greedy, text(&["--prompt", "the cat", "--seed", "9", "--top-k", "1", "--threads", "1"]));
        assert_ne!(text(&["--seed", "1"]), text(&["--seed", "2"]), "without a prompt, too");
        assert_eq!(text(&["--prompt", "the cat", "--greedy", "--tokenizer", &model]), greedy);
    }
}
