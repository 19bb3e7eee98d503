//! It learns, resumes exactly, doesn't depend on threads, and is judged by every token of the held-out text.

mod common;

use common::{WORDS, small, text, timeless};
use glassbox_data::text::Text;
use glassbox_nn::Context;
use glassbox_tensor::Ids;
use glassbox_tensor::parallel::with_serial_threshold;
use glassbox_tensor::random::Key;
use glassbox_train::{Build, Experiment, Limits, Metrics, Preset, RunConfig, Runner, Sampling, Trained};
use glassbox_transformer::{
    BIGRAM, Bigram, CONV_LM, ConvLm, GPT, Gpt, LLAMA_SMALL, LanguageModel, Llama, MLP_LM, MlpLm, PRESETS, RNN_LM,
    RnnLm, Trainable, Training,
};
use std::fs;
use std::path::Path;

/// The presets that learn to go on with a text.
fn texts() -> impl Iterator<Item = &'static Preset> {
    let goes_on = |preset: &&Preset| matches!(preset.build, Build::Text(_)) && preset.name != "bert";
    PRESETS.iter().copied().filter(goes_on)
}

fn until(end: u64) -> Limits<'static> {
    Limits { end: Some(end), ..Limits::default() }
}

/// A configuration whose data is a file with the text.
fn with_file(preset: &'static Preset, folder: &Path) -> RunConfig {
    let path = folder.join("text.txt");
    fs::write(&path, WORDS.repeat(60)).unwrap();
    let mut config = small(preset);
    config.data = path.display().to_string();
    config
}

/// The pairs of the text, counted.
fn counted() -> Training<Bigram> {
    let mut config = small(&BIGRAM);
    (config.steps, config.seed) = (Some(600), 2);
    config.set("lr=0.1").unwrap();
    let mut training: Training<Bigram> = Training::new(&config, text()).unwrap();
    let words = training.text().tokenizer().vocab_size();
    training.model = Bigram::counted(training.text().train(), words, training.model.context());
    training
}

/// Of a table of pairs the best is known: no training does better on its own text, and a long one nearly as well.
#[test]
fn training_pairs_finds_what_counting_knows() {
    let counted = counted();
    let train = counted.text().train().to_vec();
    let best = counted.nats(&train);
    // By hand: −Σ n(i, j)·ln(n(i, j) / n(i)) over the pairs, divided by their number.
    let mut pairs = std::collections::BTreeMap::<(u32, u32), f64>::new();
    train.windows(2).for_each(|pair| *pairs.entry((pair[0], pair[1])).or_default() += 1.0);
    let of = |i: u32| pairs.iter().filter(|((a, _), _)| *a == i).map(|(_, n)| n).sum::<f64>();
    let by_hand = -pairs.iter().map(|(&(i, _), n)| n * (n / of(i)).ln()).sum::<f64>() / (train.len() - 1) as f64;
    assert!((best - by_hand).abs() < 1e-5, "{best}, by hand {by_hand}");

    let mut config = small(&BIGRAM);
    config.steps = Some(600);
    config.set("lr=0.1").unwrap();
    let mut trained: Training<Bigram> = Training::new(&config, text()).unwrap();
    (0..600).for_each(|step| drop(trained.train_step(step).unwrap()));
    let is = trained.nats(&train);
    assert!(is > best && is < best + 0.02, "{is}, and counting has {best}");
}

/// On every model, with every token changed: the bits of what was predicted before it stay, and what is predicted at it changes.
#[test]
fn no_model_looks_ahead() {
    fn check<M: Trainable>(preset: &'static Preset) {
        let mut config = small(preset);
        config.steps = Some(3);
        let mut training: Training<M> = Training::new(&config, text()).unwrap();
        (0..3).for_each(|step| drop(training.train_step(step).unwrap()));
        let tokens: Vec<u32> = training.text().train()[..16].to_vec();
        let rows = |tokens: &[u32]| -> Vec<Vec<u32>> {
            let logits = training.model.forward(&Ids::from_slice(tokens, [1, 16]), &Context::eval());
            let rows = logits.value().select(0, 0);
            (0..16).map(|t| rows.select(0, t).to_vec().into_iter().map(f32::to_bits).collect()).collect()
        };
        let before = rows(&tokens);
        for s in 0..16 {
            let mut changed = tokens.clone();
            changed[s] = (changed[s] + 1) % training.text().tokenizer().vocab_size() as u32;
            let after = rows(&changed);
            assert_eq!(before[..s], after[..s], "{}: token {s} is seen before it comes", preset.name);
            assert_ne!(before[s], after[s], "{}: token {s} is not seen", preset.name);
        }
    }
    check::<Bigram>(&BIGRAM);
    check::<MlpLm>(&MLP_LM);
    check::<RnnLm>(&RNN_LM);
    check::<ConvLm>(&CONV_LM);
    check::<Gpt>(&GPT);
    check::<Llama>(&LLAMA_SMALL);
}

#[test]
fn the_loss_falls_and_what_is_written_reads_like_the_text() {
    let counted = counted();
    let pairs = counted.nats(counted.text().test());
    for preset in texts().filter(|preset| preset.name != "bigram") {
        let mut config = small(preset);
        config.steps = Some(300);
        let _ = config.set("dropout=0"); // where there is one: here a text is to be learned by heart
        let words = counted.text().tokenizer().vocab_size() as f64;
        let mut training = preset.build.text(&config, text()).unwrap();
        let before = training.evaluate().get("loss").unwrap();
        assert!((before - words.ln()).abs() < 0.1, "{before}: an untrained model has no opinion");
        let steps: Vec<Metrics> = (0..300).map(|step| training.train_step(step).unwrap().metrics).collect();
        let after = training.evaluate().get("loss").unwrap();
        assert!(after < 0.7 && after < pairs - 0.3, "{}: {before} -> {after}; pairs {pairs}", preset.name);
        assert!(steps.iter().all(|m| m.get("grad_norm").is_some_and(|norm| norm > 0.0)), "{}", steps[0]);
        let rates: Vec<f64> = steps.iter().map(|m| m.get("lr").unwrap()).collect();
        assert!(rates[..5].is_sorted() && rates[4] == 0.01 && rates[4..].is_sorted_by(|a, b| a >= b), "{rates:?}");
        assert!((rates[0] - 0.01 / 5.0).abs() < 1e-12 && rates[299] < 1.1e-4, "{} .. {}", rates[0], rates[299]);
        let writer = training.writer().unwrap();
        let said = writer.written("To be, or ", &Sampling { tokens: 20, ..Sampling::greedy() }).unwrap();
        assert!(said.contains("not to be"), "{}: {said:?}", preset.name);
        let until_comma = Sampling { stop: vec![",".to_string()], ..Sampling::greedy() };
        assert_eq!(writer.written("or not to ", &until_comma).unwrap(), "be", "{}", preset.name);
    }
}

#[test]
fn resume_is_bit_identical() {
    for preset in texts() {
        let parent = tempfile::tempdir().unwrap();
        let (whole, parts) = (parent.path().join("whole"), parent.path().join("parts"));
        let start = |out| {
            let mut config = with_file(preset, parent.path());
            if preset.name == "gpt" {
                ["dropout=0.2", "tokens=bpe", "vocabulary=270"].iter().for_each(|set| config.set(set).unwrap());
            }
            if preset.name == "llama-small" {
                ["optimizer=muon", "accumulate=2", "checkpointing=true"]
                    .iter()
                    .for_each(|set| config.set(set).unwrap());
            }
            if preset.name == "gpt-code" {
                ["tokens=bpe", "vocabulary=270", "fim=0.5"].iter().for_each(|set| config.set(set).unwrap());
            }
            config.steps = Some(14);
            Runner::start(config, out).unwrap()
        };
        start(&whole).train(&until(14), &mut ()).unwrap();
        start(&parts).train(&until(7), &mut ()).unwrap();
        Runner::resume(&parts, PRESETS).unwrap().train(&until(14), &mut ()).unwrap();
        assert_eq!(timeless(&whole), timeless(&parts), "{}", preset.name);
        let checkpoint = ["checkpoints/step-14/model.safetensors", "checkpoints/step-14/optimizer.safetensors"];
        let tokens = ["checkpoints/step-14/tokenizer.json"];
        for file in
            checkpoint.into_iter().chain(tokens).chain(["samples/step-12.txt", "evaluation.json", "config.toml"])
        {
            let [whole, parts] = [&whole, &parts].map(|run| fs::read(run.join(file)).unwrap());
            assert!(whole == parts, "{}: {file}", preset.name);
        }
    }
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    for preset in texts() {
        let bits = || {
            let mut config = small(preset);
            (config.steps, config.seed) = (Some(3), 1);
            let mut training = preset.build.text(&config, text()).unwrap();
            let mut numbers: Vec<u64> = Vec::new();
            for step in 0..3 {
                numbers.extend(training.train_step(step).unwrap().metrics.iter().map(|(_, v)| v.to_bits()));
            }
            numbers.extend(training.evaluate().iter().map(|(_, v)| v.to_bits()));
            let written = training.writer().unwrap().written("To", &Sampling { tokens: 40, ..Sampling::default() });
            (numbers, written.unwrap())
        };
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| with_serial_threshold(0, bits))
        };
        let one = with(1);
        for threads in [2, 3, 7] {
            assert!(with(threads) == one, "{} on {threads} threads", preset.name);
        }
    }
}

/// Token by token in f64, with bytes that are not one for each character or token.
#[test]
fn the_evaluation_counts_every_token_once_and_bits_for_bytes_whatever_a_token_is() {
    for tokens in ["characters", "bytes", "bpe"] {
        let mut config = small(&GPT);
        config.steps = Some(30);
        [&format!("tokens={tokens}"), "vocabulary=264"].iter().for_each(|set| config.set(set).unwrap());
        let words = "Æther, æther: über alles naïve.\n".repeat(30);
        let text = Text::parse("a text", words.as_bytes()).unwrap();
        let mut training: Training<Gpt> = Training::new(&config, text.clone()).unwrap();
        (0..30).for_each(|step| drop(training.train_step(step).unwrap()));
        let ours = training.evaluate();

        let test = training.text().test().to_vec();
        let (context, mut nats) = (training.model.context(), 0.0);
        for i in 1..test.len() {
            let start = (i - 1) / context * context; // of the window that predicts token i
            let logits = training.model.forward(&Ids::from_slice(&test[start..i], [1, i - start]), &Context::eval());
            let row = logits.value().select(0, 0).select(0, i - start - 1).to_vec();
            let sum: f64 = row.iter().map(|&x| f64::from(x).exp()).sum();
            nats += sum.ln() - f64::from(row[test[i] as usize]);
        }
        let loss = nats / (test.len() - 1) as f64;
        let first = training.text().tokenizer().decode_bytes(&test[..1]).unwrap().len();
        let bytes = text.test()[0].text.len() - first; // nobody predicts the first token
        for (name, expected) in
            [("loss", loss), ("perplexity", loss.exp()), ("bits_per_byte", nats / bytes as f64 / 2f64.ln())]
        {
            let is = ours.get(name).unwrap();
            assert!((is - expected).abs() < 1e-4 * expected, "{tokens}: {name}: {is}, not {expected}");
        }
        assert_eq!(ours, training.evaluate());
    }
}

#[test]
fn a_run_keeps_its_text_and_refuses_one_of_other_characters() {
    let parent = tempfile::tempdir().unwrap();
    let run = parent.path().join("run");
    let mut config = with_file(&GPT, parent.path());
    config.steps = Some(6);
    Runner::start(config, &run).unwrap().train(&Limits::default(), &mut ()).unwrap();
    assert_eq!(fs::read_to_string(run.join("samples/step-6.txt")).unwrap().chars().count(), 500);
    let report = fs::read_to_string(run.join("report.html")).unwrap();
    assert!(report.contains("<pre>") && report.contains("Written after 6 steps."));
    Trained::open(&run, PRESETS).unwrap();

    fs::write(parent.path().join("text.txt"), "Other characters, and as many of them?\n".repeat(60)).unwrap();
    let error = Trained::open(&run, PRESETS).err().unwrap().to_string();
    assert!(error.contains("tokenizer.json") && error.contains("put that text back"), "{error}");
}

#[test]
fn settings_that_contradict_each_other_or_the_text_are_refused() {
    let refused = |settings: &[&str], text: &str| {
        let mut config = small(&GPT);
        config.steps = Some(5);
        settings.iter().for_each(|setting| config.set(setting).unwrap());
        let text = Text::parse("a text", text.as_bytes()).unwrap();
        Training::<Gpt>::new(&config, text).unwrap_err().to_string()
    };
    let long = "to be or not to be ".repeat(60);
    assert_eq!(
        refused(&["heads=3"], &long),
        "heads = 3 can't share width = 16 evenly; set a width that is a multiple of the heads"
    );
    assert_eq!(
        refused(&["min_lr=0.1"], &long),
        "min_lr = 0.1 is above lr = 0.01, from which the rate falls to it; set min_lr too"
    );
    assert_eq!(
        refused(&[], "to be or not"),
        "a text: 10 tokens to learn from and 2 to be judged by are too few for windows of 16; give a longer text, or set a \
         smaller context"
    );
    assert!(refused(&["width=65536", "layers=1024"], &long).contains("at most 268435456 are trained"));
}

#[test]
fn windows_are_those_of_their_step_and_begin_everywhere() {
    let mut config = small(&GPT);
    config.steps = Some(5);
    let training: Training<Gpt> = Training::new(&config, text()).unwrap();
    assert_eq!(training.windows(3), training.windows(3));
    assert_ne!(training.windows(3), training.windows(4));
    // Of a text of 40 tokens there are 24 windows of 16 with a token after them; each is drawn.
    let short: Vec<u32> = (0..40).collect();
    let firsts: std::collections::BTreeSet<u32> = (0..400)
        .map(|i| glassbox_transformer::Windows::random(&short, 1, 16, Key::new(i)))
        .inspect(|w| assert!(w.y.as_slice().iter().zip(w.x.as_slice()).all(|(y, x)| *y == x + 1)))
        .map(|w| w.x.at([0, 0]))
        .collect();
    assert_eq!(firsts.into_iter().collect::<Vec<_>>(), (0..24).collect::<Vec<_>>());
}
