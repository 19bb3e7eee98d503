//! A model that writes, from the command line: trained on a text, judged, sampled.

use crate::place::{Place, stdout};
use serde_json::Value;
use std::process::Output;

fn writer() -> Place {
    let place = Place::new();
    place.copy_text_run("run");
    place
}

#[track_caller]
fn run(place: &Place, line: &str) -> Output {
    let output = place.glassbox(line.split(' '));
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

#[test]
fn a_text_goes_on_where_its_prompt_ends_and_follows_from_its_seed() {
    let place = writer();
    let text = |line: &str| stdout(&run(&place, line));
    let written = text("sample run --prompt be --tokens 30 --seed 4");
    assert!(written.starts_with("be") && written.ends_with('\n'), "{written:?}");
    assert_eq!(written.chars().count(), 2 + 30 + 1);
    assert_eq!(written, text("sample run --prompt be --tokens 30 --seed 4 --threads 1"));
    assert_ne!(written, text("sample run --prompt be --tokens 30 --seed 5"));
    // The rules of sampling arrive: with one candidate left there is no choice, whatever the seed.
    let greedy = text("sample run --prompt be --tokens 30 --greedy");
    for rule in ["--top-k 1", "--top-p 0", "--min-p 1", "--temperature 0.001"] {
        assert_eq!(text(&format!("sample run --prompt be --tokens 30 --seed 9 {rule}")), greedy, "{rule}");
    }
    assert_ne!(text("sample run --prompt be --tokens 30 --greedy --repetition-penalty 5"), greedy);
    assert_ne!(text("sample run --prompt be --tokens 30 --seed 4 --temperature 1.5"), written);
    // Cut before a character that is in it.
    let stop: String = written.chars().nth(12).unwrap().to_string();
    let end = written[2..].find(&stop).unwrap() + 2;
    let stopped = place.glassbox(["sample", "run", "--prompt", "be", "--tokens", "30", "--seed", "4", "--stop", &stop]);
    assert_eq!(stdout(&stopped), format!("{}\n", &written[..end]));
}

#[test]
fn several_texts_are_those_of_the_next_seeds_and_a_file_gets_what_is_shown() {
    let place = writer();
    let text = |line: &str| stdout(&run(&place, line));
    let [first, second] = [4, 5].map(|seed| text(&format!("sample run --tokens 20 --seed {seed}")));
    let both = text("sample run --tokens 20 --seed 4 -n 2");
    assert_eq!(both, format!("{first}---------------\n{second}"));
    assert_eq!(text("sample run --tokens 20 --seed 4 -n 2 --out both.txt"), "both.txt\n");
    assert_eq!(String::from_utf8(place.read("both.txt")).unwrap(), both);
}

#[test]
fn it_is_judged_in_nats_in_perplexity_and_in_bits_for_each_byte() {
    let place = writer();
    let document: Value = serde_json::from_str(&stdout(&run(&place, "eval run --json"))).unwrap();
    let number = |name: &str| document[name].as_f64().unwrap_or_else(|| panic!("{name} is not in {document}"));
    let loss = number("loss");
    assert!((number("perplexity") - loss.exp()).abs() < 1e-9 * loss.exp());
    assert!((number("bits_per_byte") - loss / 2f64.ln()).abs() < 1e-9, "ASCII is a byte each");
    assert_eq!((document["preset"].as_str(), number("step")), (Some("gpt"), 2.0));
}

#[test]
fn its_run_keeps_what_it_wrote_and_its_page_says_what_a_token_costs() {
    let place = writer();
    assert_eq!(String::from_utf8(place.read("run/samples/step-2.txt")).unwrap().chars().count(), 500);
    assert!(String::from_utf8(place.read("run/report.html")).unwrap().contains("<pre>"));
    let page = stdout(&run(&place, "explain gpt"));
    for part in ["h.3", "wte", "804096", "kept of a token (KV cache)  4096 B, 262.144 kB", "logits = ln_f(x)·wteᵀ"] {
        // The embedded plays have 80 characters, and nanoGPT's text 65.
        let part = part.replace("804096", &(804_096 + 15 * 128).to_string());
        assert!(page.contains(&part), "{part:?} is not in\n{page}");
    }
}

#[test]
fn a_run_that_begins_with_another_has_its_settings_its_tokens_and_its_text() {
    let place = writer();
    run(&place, "train gpt --from run --steps 1 --out tuned --set lora=2");
    let [before, after] =
        ["run", "tuned"].map(|run| String::from_utf8(place.read(&format!("{run}/config.toml"))).unwrap());
    let lines = |text: &str| -> Vec<String> {
        text.lines().map(|line| line.split('#').next().unwrap().trim().to_string()).collect()
    };
    let new: Vec<String> = lines(&after).into_iter().filter(|line| !lines(&before).contains(line)).collect();
    assert!(new.iter().any(|line| line.starts_with("from = ")), "{new:?}");
    assert!(
        new.iter().all(|line| ["from", "steps", "lora", ""].contains(&line.split(" = ").next().unwrap())),
        "{new:?}"
    );
    assert_eq!(
        place.read("run/checkpoints/step-2/tokenizer.json"),
        place.read("tuned/checkpoints/step-1/tokenizer.json")
    );
    assert!(stdout(&run(&place, "sample tuned --prompt be --tokens 5")).starts_with("be"));
    // What was learned besides becomes part of the weights of what begins with it: a whole model again.
    run(&place, "train gpt --from tuned --steps 1 --out merged --set lora=0");
    let size = |step: &str| place.read(&format!("{step}/model.safetensors")).len();
    assert_eq!(size("merged/checkpoints/step-1"), size("run/checkpoints/step-2"));
    assert!(stdout(&run(&place, "sample merged --prompt be --tokens 5")).starts_with("be"));
}

#[test]
fn what_stands_before_a_suffix_is_written_after_a_prefix() {
    let place = Place::new();
    let small =
        "--set vocabulary=300 --set width=16 --set heads=2 --set kv_heads=2 --set layers=1 --set feed_forward=16";
    run(&place, &format!("train gpt-code --steps 1 --out code --set context=32 --set batch=2 {small}"));
    let completed = place.glassbox(["sample", "code", "--prefix", "fn add(a: u32", "--suffix", "}", "--tokens", "9"]);
    let completed = stdout(&completed);
    assert!(completed.starts_with("fn add(a: u32") && completed.ends_with("}\n"), "{completed:?}");
    assert!(completed.len() > "fn add(a: u32}\n".len(), "{completed:?}");
}

#[test]
fn of_a_list_of_names_each_line_is_a_text_of_its_own() {
    let place = Place::new();
    place.write("names.txt", "emma\nolivia\nava\nmia\namelia\nevelyn\nharper\nluna\ncamila\ngianna\n".repeat(4));
    let small = "--data names.txt --set documents=lines --set context=12 --set warmup=0";
    run(
        &place,
        &format!(
            "train rnn-lm --out run --steps 60 {small} --set cell=lstm --set width=8 --set hidden=32 --set lr=0.02"
        ),
    );
    assert!(String::from_utf8(place.read("run/config.toml")).unwrap().contains("documents = \"lines\""));
    let shown = String::from_utf8(place.read("run/samples/step-60.txt")).unwrap();
    assert_eq!(shown.lines().count(), 20);

    let names = stdout(&run(&place, "sample run -n 5 --seed 3"));
    assert_eq!(names.lines().count(), 5, "{names:?}");
    assert!(names.lines().all(|name| (1..=12).contains(&name.len())), "{names:?}");
    let fifth = stdout(&run(&place, "sample run --seed 7"));
    assert_eq!(names.lines().last(), fifth.lines().next());
    let olivia = stdout(&run(&place, "sample run --greedy --prompt oliv"));
    assert!(olivia.starts_with("oliv") && olivia.lines().count() == 1, "{olivia:?}");
    let evaluation: Value = serde_json::from_str(&stdout(&run(&place, "eval run --json"))).unwrap();
    assert!(evaluation["loss"].as_f64().is_some_and(|loss| loss < 2.0), "{evaluation}");
}
