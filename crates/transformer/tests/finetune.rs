//! A run that begins with a trained model: all of it, or what LoRA adds to it; and prompts that nobody has to say.

mod common;

use common::{SMALL_LLAMA, TINY, WORDS, small, timeless, with_opinions};
use glassbox_data::text::{Document, Text};
use glassbox_nn::Context;
use glassbox_tensor::random::Key;
use glassbox_tensor::{Ids, assert_close};
use glassbox_train::{Experiment, Limits, Preset, RunConfig, Runner, Sampling, Trained};
use glassbox_transformer::{
    GPT, Gpt, IGNORED, LLAMA_SMALL, LanguageModel, Llama, LoraSizes, Memory, PRESETS, Trainable, Training, write_tokens,
};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

fn until(end: u64) -> Limits<'static> {
    Limits { end: Some(end), ..Limits::default() }
}

fn config(preset: &'static Preset, data: &Path, settings: &[&str]) -> RunConfig {
    let mut config = small(preset);
    (config.steps, config.data) = (Some(12), data.display().to_string());
    settings.iter().for_each(|setting| config.set(setting).unwrap());
    config
}

/// A trained run on a text, and another text of the same characters.
fn base(folder: &Path, settings: &[&str]) -> (PathBuf, PathBuf) {
    base_of(&GPT, folder, settings)
}

fn base_of(preset: &'static Preset, folder: &Path, settings: &[&str]) -> (PathBuf, PathBuf) {
    let [text, other] = ["text.txt", "other.txt"].map(|name| folder.join(name));
    fs::write(&text, WORDS.repeat(60)).unwrap();
    fs::write(&other, "that is not the question; to be is.\n".replace(';', ",").repeat(60)).unwrap();
    let run = folder.join("base");
    Runner::start(config(preset, &text, settings), &run).unwrap().train(&Limits::default(), &mut ()).unwrap();
    (run, other)
}

fn from(run: &Path, data: &Path, settings: &[&str]) -> RunConfig {
    from_of(&GPT, run, data, settings)
}

fn from_of(preset: &'static Preset, run: &Path, data: &Path, settings: &[&str]) -> RunConfig {
    let mut config = config(preset, data, settings);
    config.from = Some(run.display().to_string());
    config
}

#[test]
fn a_run_begins_with_the_weights_and_tokens_of_another_and_resumes_exactly() {
    for settings in [&["tokens=bpe", "vocabulary=270"][..], &["lora=2", "lora_on=all"]] {
        let folder = tempfile::tempdir().unwrap();
        let of_base: &[&str] = if settings[0].starts_with("lora") { &[] } else { settings };
        let (run, other) = base(folder.path(), of_base);
        let trained = Trained::open(&run, PRESETS).unwrap();
        let [whole, parts] = ["whole", "parts"].map(|name| folder.path().join(name));
        let start = |out| Runner::start(from(&run, &other, settings), out).unwrap();
        let begun = start(&whole).run_so_far().experiment.parameters();
        for parameter in trained.experiment.parameters() {
            let same = begun.iter().find(|begun| begun.name == parameter.name).unwrap();
            assert_eq!(same.value, parameter.value, "{}", parameter.name);
        }
        fs::remove_dir_all(&whole).unwrap();

        start(&whole).train(&until(12), &mut ()).unwrap();
        start(&parts).train(&until(6), &mut ()).unwrap();
        Runner::resume(&parts, PRESETS).unwrap().train(&until(12), &mut ()).unwrap();
        assert_eq!(timeless(&whole), timeless(&parts), "{settings:?}");
        for file in
            ["checkpoints/step-12/model.safetensors", "checkpoints/step-12/optimizer.safetensors", "config.toml"]
        {
            let [whole, parts] = [&whole, &parts].map(|run| fs::read(run.join(file)).unwrap());
            assert!(whole == parts, "{settings:?}: {file}");
        }
    }
}

#[test]
fn what_is_learned_besides_a_model_is_all_that_is_trained_and_saved() {
    let folder = tempfile::tempdir().unwrap();
    let (run, other) = base(folder.path(), &[]);
    let out = folder.path().join("lora");
    Runner::start(from(&run, &other, &["lora=2", "lora_alpha=4"]), &out).unwrap().train(&until(12), &mut ()).unwrap();
    let [before, after] = [&run, &out].map(|run| Trained::open(run, PRESETS).unwrap());
    let (mut frozen, mut trained) = (0, 0);
    for parameter in after.experiment.parameters() {
        match before.experiment.parameters().iter().find(|before| before.name == parameter.name) {
            Some(before) => {
                assert!(!parameter.trained && before.value == parameter.value, "{}", parameter.name);
                frozen += parameter.value.numel();
            }
            None => {
                assert!(parameter.trained && parameter.name.contains(".lora."), "{}", parameter.name);
                assert!(parameter.value.abs().sum_all().item() > 0.0, "{} has learned nothing", parameter.name);
                trained += parameter.value.numel();
            }
        }
    }
    assert_eq!(trained, 2 * 2 * ((16 + 48) + (16 + 16)), "layers × rank × (in + out) of two matrices");
    assert!(frozen > 10 * trained);
    let size = |run: &Path| fs::metadata(run.join("checkpoints/step-12/model.safetensors")).unwrap().len();
    assert!(size(&out) < 4 * trained as u64 + 2000 && size(&run) > 4 * frozen as u64, "{} bytes", size(&out));
}

/// What a model without LoRA, the same with it, and that merged say: other things, and the same.
fn merging<M: LanguageModel>(plain: M, with: impl Fn(M, LoraSizes) -> M, merged: impl Fn(M) -> M) {
    let ids = Ids::from_vec((0..12).map(|i| i * 7 % 11).collect(), [2, 6]);
    let logits = |model: &M| model.forward(&ids, &Context::eval()).value().clone();
    for feed_forward in [false, true] {
        let adapted = with(plain.clone(), LoraSizes { rank: 3, alpha: 6.0, feed_forward });
        assert_eq!(logits(&adapted), logits(&plain), "B is 0 at first");
        let mut adapted = adapted;
        let mut number = 0;
        adapted.visit_mut(glassbox_nn::Name::root(), &mut |name, slot| {
            let glassbox_nn::SlotMut::Param(param) = slot else { return };
            if name.to_string().ends_with("lora.B") {
                number += 1;
                param.set_value(&glassbox_tensor::Tensor::randn(param.value().shape(), Key::new(number)) * 0.3);
            }
        });
        let said = logits(&adapted);
        assert!((&said - &logits(&plain)).abs().sum_all().item() > 0.1, "it says something else by now");
        // A token at a time it says the same: none of its products forgets what was learned besides.
        let greedy = |model: &M| {
            let (mut written, sampling) = (Vec::new(), Sampling { tokens: 12, ..Sampling::greedy() });
            write_tokens(&model.frozen(), Memory::Kept, &[1, 2], &sampling, &mut |token| {
                written.push(token);
                true
            });
            written
        };
        let merged = merged(adapted.clone());
        assert_eq!(merged.num_parameters(), plain.num_parameters());
        assert_close!(logits(&merged), said, 1e-4, 1e-5);
        assert_eq!(greedy(&merged), greedy(&adapted));
    }
}

#[test]
fn merged_it_says_the_same() {
    let key = Key::new(1);
    merging(common::opinionated(TINY, 0), |gpt, sizes| gpt.with_lora(sizes, key), Gpt::merged);
    let llama = with_opinions(Llama::new(SMALL_LLAMA, Key::new(0)), 0.25, 1);
    merging(llama, |llama, sizes| llama.with_lora(sizes, key), Llama::merged);
}

#[test]
fn a_plain_run_that_begins_with_one_of_lora_has_what_it_learned_in_its_weights() {
    goes_on::<Gpt>(&GPT);
    goes_on::<Llama>(&LLAMA_SMALL);
}

fn goes_on<M: Trainable>(preset: &'static Preset) {
    let folder = tempfile::tempdir().unwrap();
    let (run, other) = base_of(preset, folder.path(), &[]);
    let [first, second] = ["first", "second"].map(|name| folder.path().join(name));
    let settings = ["lora=2", "lora_alpha=8", "lora_on=all", "lr=0.05"];
    let trained = |config: RunConfig, out: &Path| {
        Runner::start(config, out).unwrap().train(&until(12), &mut ()).unwrap();
        Trained::open(out, PRESETS).unwrap()
    };
    trained(from_of(preset, &run, &other, &settings), &first);
    // LoRA on what LoRA learned: the second begins with the first, merged.
    let second_run = trained(from_of(preset, &first, &other, &settings), &second);
    let text = || glassbox_data::open_text(&other.display().to_string()).unwrap();
    let model = |run: &Path, settings: &[&str]| {
        let mut config = from_of(preset, &run.join("checkpoints/step-12"), &other, settings);
        config.steps = Some(1);
        Training::<M>::new(&config, text()).unwrap()
    };
    let plain = model(&second, &["lora=0"]);
    // W + Σ (α/r)·B·A over both runs, naively, of every matrix.
    let of = |run: &Path| -> BTreeMap<String, glassbox_tensor::Tensor> {
        let opened = Trained::open(run, PRESETS).unwrap();
        opened.experiment.parameters().into_iter().map(|p| (p.name, p.value)).collect()
    };
    let (whole, learned) = (of(&run), [of(&first), of(&second)]);
    let mut adapted = 0;
    for (name, param) in plain.model.parameters() {
        assert!(!param.is_frozen(), "{name} learns on");
        let mut expected: Vec<f64> = whole[&name].to_vec().into_iter().map(f64::from).collect();
        for learned in &learned {
            let lora = |which: &str| learned.get(&name.replace("weight", &format!("lora.{which}")));
            let Some((a, b)) = lora("A").zip(lora("B")) else { continue };
            let (rank, inputs) = (a.shape()[0], a.shape()[1]);
            let [a, b] = [a, b].map(glassbox_tensor::Tensor::to_vec);
            for (i, w) in expected.iter_mut().enumerate() {
                let sum: f64 = (0..rank)
                    .map(|r| f64::from(b[i / inputs * rank + r]) * f64::from(a[r * inputs + i % inputs]))
                    .sum();
                *w += 8.0 / 2.0 * sum;
            }
            adapted += 1;
        }
        let expected =
            glassbox_tensor::Tensor::from_vec(expected.into_iter().map(|w| w as f32).collect(), param.value().shape());
        assert_close!(*param.value(), expected, 1e-5, 1e-6);
    }
    let matrices = if preset.name == GPT.name { 4 } else { 7 };
    assert_eq!(adapted, 2 * 2 * matrices, "runs × layers × matrices");
    // And so it says what the run said, and is judged alike.
    let [loss, merged] = [second_run.experiment.evaluate(), plain.evaluate()].map(|m| m.get("loss").unwrap());
    assert!((loss - merged).abs() < 1e-5, "{loss}, {merged}");
    assert!((loss - Trained::open(&run, PRESETS).unwrap().experiment.evaluate().get("loss").unwrap()).abs() > 0.01);
    let greedy = Sampling { tokens: 40, ..Sampling::greedy() };
    let [said, after] =
        [second_run.experiment.writer(), plain.writer()].map(|w| w.unwrap().written("to be", &greedy).unwrap());
    assert_eq!(said, after);
}

#[test]
fn a_lora_whose_beginning_is_lost_is_refused_with_the_place() {
    let folder = tempfile::tempdir().unwrap();
    let (run, other) = base(folder.path(), &[]);
    let lora = folder.path().join("lora");
    Runner::start(from(&run, &other, &["lora=2"]), &lora).unwrap().train(&until(12), &mut ()).unwrap();
    let file = lora.join("config.toml");
    let whole = fs::read_to_string(&file).unwrap();
    let refused = |lines: &dyn Fn(&str) -> Option<String>| {
        fs::write(&file, whole.lines().filter_map(lines).collect::<Vec<_>>().join("\n")).unwrap();
        let error = Runner::start(from(&lora, &other, &[]), &folder.path().join("new")).err().unwrap().to_string();
        assert!(!folder.path().join("new").exists());
        error
    };
    let keeps = |line: &str| (!line.starts_with("from")).then(|| line.to_string());
    let none = refused(&keeps);
    assert!(none.ends_with("config.toml: does not say what its lora began with; restore the line `from`"), "{none}");
    let own = format!("from = {:?}", lora.join("checkpoints/step-12").display().to_string());
    let circle = |line: &str| if line.starts_with("from") { Some(own.clone()) } else { Some(line.to_string()) };
    let circle = refused(&circle);
    assert!(circle.contains("more than 64 runs that begin with one another"), "{circle}");
}

#[test]
fn a_run_that_cannot_begin_so_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let (run, other) = base(folder.path(), &[]);
    let refused = |config: RunConfig| Runner::start(config, &folder.path().join("new")).err().unwrap().to_string();
    let has = refused(from(&run, &other, &["tokens=bytes"]));
    assert!(
        has.ends_with("its tokens are characters, and this run has tokens = bytes; begin with --set tokens=characters"),
        "{has}"
    );
    let sizes = refused(from(&run, &other, &["width=32"]));
    assert!(sizes.contains("model.safetensors") && sizes.contains("32"), "{sizes}");
    let none = refused(from(&folder.path().join("nowhere"), &other, &[]));
    assert!(none.ends_with("name a run, or a folder with model.safetensors and tokenizer.json"), "{none}");
    let strange = folder.path().join("strange.txt");
    fs::write(&strange, "Quite other words.\n".repeat(60)).unwrap();
    let vocabulary = refused(from(&run, &strange, &[]));
    assert!(vocabulary.contains("character 'Q' is not one of the 17 of the vocabulary"), "{vocabulary}");
    let lora = refused(config(&GPT, &other, &["lora=4"]));
    assert_eq!(lora, "lora = 4 learns what is to be added to a trained model; name that with --from, or set lora=0");
}

/// Sums of two digits, in an order drawn by a key, so that those held out are of all kinds.
fn sums() -> Vec<Document> {
    let sum = |(a, b): (u32, u32)| Document { prompt: format!("{a}+{b}="), text: (a + b).to_string() };
    let mut all: Vec<Document> = (0..100).map(|i| sum((i / 10, i % 10))).collect();
    for i in (1..100).rev() {
        all.swap(i, Key::new(5).below(i as u64, i as u32 + 1) as usize);
    }
    all
}

fn taught(settings: &[&str]) -> Training<Gpt> {
    let mut config = small(&GPT);
    config.steps = Some(600);
    settings.iter().for_each(|setting| config.set(setting).unwrap());
    Training::new(&config, Text::of("sums", sums()).unwrap()).unwrap()
}

#[test]
fn prompts_are_read_and_not_said() {
    let training = taught(&["batch=8", "context=12"]);
    let windows = training.windows(3);
    let tokenizer = training.text().tokenizer();
    let read = tokenizer.decode(&windows.x.as_slice()[..12]).unwrap();
    let told: String = windows.y.as_slice()[..12]
        .iter()
        .map(|&token| if token == IGNORED { "·".to_string() } else { tokenizer.decode(&[token]).unwrap() })
        .collect();
    // A window begins with a prompt; of each document what is asked for is the answer and its end.
    let first = read.split('\u{c}').next().unwrap();
    let (prompt, answer) = first.split_at(first.find('=').unwrap() + 1);
    assert!(
        told.starts_with(&format!("{}{answer}\u{c}", "·".repeat(prompt.chars().count() - 1))),
        "{read:?}, {told:?}"
    );
    // The loss is the mean over what is said alone.
    let logits = training.model.forward(&windows.x, &Context::eval()).log_softmax(-1).value().to_vec();
    let words = tokenizer.vocab_size();
    let said = windows.y.as_slice().iter().enumerate().filter(|(_, token)| **token != IGNORED);
    let nats: Vec<f64> = said.map(|(i, &token)| -f64::from(logits[i * words + token as usize])).collect();
    let loss = f64::from(training.model.loss(&windows.x, &windows.y, &Context::eval()).item());
    assert!((loss - nats.iter().sum::<f64>() / nats.len() as f64).abs() < 1e-5);
    assert_eq!(nats.len(), windows.tokens());
}

#[test]
fn a_model_learns_to_answer_and_to_end() {
    let mut training = taught(&["batch=16", "context=12", "width=32", "lr=0.005"]);
    let before = training.evaluate().get("loss").unwrap();
    (0..600).for_each(|step| drop(training.train_step(step).unwrap()));
    let after = training.evaluate().get("loss").unwrap();
    assert!(after < 0.5 * before, "{before} -> {after}");
    let writer = training.writer().unwrap();
    let knows = |sum: &Document| {
        writer.written(&sum.prompt, &Sampling { tokens: 8, ..Sampling::greedy() }).unwrap() == sum.text
    };
    let right = sums()[..80].iter().filter(|sum| knows(sum)).count();
    assert!(right >= 76, "of the sums that it has seen it knows nearly all, and says nothing after them");
}

#[test]
fn a_prompt_that_fills_the_window_is_refused() {
    let mut config = small(&GPT);
    config.steps = Some(1);
    let long = Document { prompt: "x".repeat(17), text: "y".to_string() };
    let text = Text::of("pairs", [vec![long], sums()].concat()).unwrap();
    let error = Training::<Gpt>::new(&config, text).unwrap_err().to_string();
    assert_eq!(
        error,
        "pairs: a prompt has 17 tokens, and a window of 16 leaves no place to say anything; set a larger context"
    );
}
