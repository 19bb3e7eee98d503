//! Lines as documents: each is predicted from its own beginning, its end counted, and nothing of another is seen.

mod common;

use common::{NAMES, names, small};
use glassbox_data::text::{Document, Text};
use glassbox_nn::Context;
use glassbox_tensor::Ids;
use glassbox_tensor::random::Key;
use glassbox_train::{Build, Experiment, Preset, RunConfig, Sampling};
use glassbox_transformer::tokenizer::Vocabulary;
use glassbox_transformer::{
    Bigram, Documents, GPT, Gpt, IGNORED, LanguageModel, PRESETS, PairCounts, Split, Trainable, Training, Windows,
};
use std::collections::BTreeSet;
use std::path::PathBuf;

fn by_lines(preset: &'static Preset) -> RunConfig {
    let mut config = small(preset);
    config.set("documents=lines").unwrap();
    config.set("batch=16").unwrap();
    config.steps = Some(400);
    config
}

/// Letters of [`NAMES`], and the end of a line.
const WORDS: f64 = 17.0;

/// Presets of texts whose tokens are characters and whose sizes a test can set.
fn small_presets() -> impl Iterator<Item = &'static Preset> {
    let of_text = |preset: &&Preset| matches!(preset.build, Build::Text(_));
    PRESETS
        .iter()
        .copied()
        .filter(of_text)
        .filter(|preset| !["gpt-code", "gpt-shakespeare", "bert"].contains(&preset.name))
}

/// The names that makemore's numbers are about, where they are.
fn all_names() -> Option<String> {
    let Some(shared) = std::env::var_os("GLASSBOX_SHARED") else {
        eprintln!("skipped: GLASSBOX_SHARED names no folder with data/names.txt");
        return None;
    };
    let bytes =
        std::fs::read(PathBuf::from(shared).join("data/names.txt")).expect("GLASSBOX_SHARED has data/names.txt");
    Some(String::from_utf8(bytes).expect("names are text"))
}

#[test]
fn a_batch_begins_each_document_with_the_end_and_masks_what_it_filled_up() {
    let text = [1, 2, 3, 0, 4, 0, 5, 6, 0, 0, 1, 1];
    let documents = Documents::lines(&[&text[..], &[0; 9], &[7]].concat(), 0, Split::Last).unwrap();
    assert_eq!(documents.train().collect::<Vec<_>>(), [&[1, 2, 3][..], &[4], &[5, 6], &[1, 1]]);
    assert_eq!(documents.test().collect::<Vec<_>>(), [&[7]]);
    let all: Vec<Windows> = documents.train_windows(3, 8).collect();
    assert_eq!(all.len(), 2);
    let no = IGNORED;
    assert_eq!((all[0].x.shape(), all[0].tokens()), (&[3, 4][..], 4 + 2 + 3));
    assert_eq!(all[0].x.as_slice(), [0, 1, 2, 3, 0, 4, 0, 0, 0, 5, 6, 0]);
    assert_eq!(all[0].y.as_slice(), [1, 2, 3, 0, 4, 0, no, no, 5, 6, 0, no]);
    // A window of 2 cuts a longer one, and no part reaches beyond its document.
    let cut: Vec<Windows> = documents.train_windows(2, 2).collect();
    assert_eq!((cut[0].x.as_slice(), cut[0].y.as_slice()), (&[0, 1, 2, 3][..], &[1, 2, 3, 0][..]));
    assert_eq!(cut.iter().map(Windows::tokens).sum::<usize>(), 4 + 2 + 3 + 3);
    let too_few = Documents::lines(&[1, 0, 0, 0], 0, Split::Drawn).unwrap_err();
    assert!(too_few.contains("too few lines") && too_few.contains("1 that are not empty"), "{too_few}");
}

#[test]
fn every_document_is_drawn_and_every_part_of_a_long_one() {
    let long: Vec<u32> = (1..=20).collect();
    let text: Vec<u32> = [&long[..], &[0, 21, 22, 0, 23, 0]].concat();
    let documents = Documents::lines(&text, 0, Split::Last).unwrap();
    let mut seen = BTreeSet::new();
    for i in 0..300 {
        let Windows { x, y } = documents.random(2, 6, Key::new(i));
        for row in 0..2 {
            let [x, y] = [&x, &y].map(|ids| &ids.as_slice()[row * ids.shape()[1]..][..ids.shape()[1]]);
            let pairs = x.iter().zip(y).filter(|&(_, &y)| y != IGNORED);
            pairs.for_each(|(&x, &y)| {
                let follows = match x {
                    0 => y == 1 || y == 21,
                    20 | 22 => y == 0,
                    x => y == x + 1,
                };
                assert!(follows, "{y} after {x}");
                seen.insert((x, y));
            });
        }
    }
    assert_eq!(seen.len(), 21 + 3, "all pairs of both that are learned from");
    assert_eq!(documents.random(2, 6, Key::new(3)), documents.random(2, 6, Key::new(3)));
}

/// Name by name, in f64, without a batch and so without anything filled up: for every model the loss that `evaluate` says, and the
/// mean over the real predictions of a batch.
#[test]
fn what_is_filled_up_changes_no_loss() {
    for preset in small_presets() {
        let training = preset.build.text(&by_lines(preset), names()).unwrap();
        let loss = training.evaluate().get("loss").unwrap();
        assert!((loss - WORDS.ln()).abs() < 0.1, "{}: {loss}", preset.name);
    }
    let mut training: Training<Gpt> = Training::new(&by_lines(&GPT), names()).unwrap();
    (0..30).for_each(|step| drop(training.train_step(step).unwrap()));
    let end = training.documents().unwrap().end();
    let (mut sum, mut count, mut bytes) = (0.0, 0, 0);
    for name in training.documents().unwrap().test() {
        let x = [&[end], name].concat();
        let logits = training.model.forward(&Ids::from_slice(&x, [1, x.len()]), &Context::eval());
        for (t, &next) in name.iter().chain([&end]).enumerate() {
            let row = logits.value().select(0, 0).select(0, t).to_vec();
            let all: f64 = row.iter().map(|&x| f64::from(x).exp()).sum();
            sum += all.ln() - f64::from(row[next as usize]);
            count += 1;
        }
        bytes += name.len() + 1; // ASCII
    }
    let metrics = training.evaluate();
    for (name, expected) in [
        ("loss", sum / f64::from(count)),
        ("perplexity", (sum / f64::from(count)).exp()),
        ("bits_per_byte", sum / bytes as f64 / 2f64.ln()),
    ] {
        let is = metrics.get(name).unwrap();
        assert!((is - expected).abs() < 1e-5 * expected, "{name}: {is}, not {expected}");
    }
}

/// Whatever stands in the places that are filled up, the loss and its gradient are the same.
#[test]
fn no_gradient_comes_from_what_is_filled_up() {
    fn check<M: Trainable>(preset: &'static Preset) {
        let training: Training<M> = Training::new(&by_lines(preset), names()).unwrap();
        let Windows { x, y } = training.windows(0);
        let mut other = x.as_slice().to_vec();
        let filled = y.as_slice().iter().enumerate().filter(|&(_, &y)| y == IGNORED);
        let changed = filled.map(|(i, _)| other[i] = 3).count();
        assert!(changed > 0, "{}: nothing is filled up", preset.name);
        let other = Ids::from_slice(&other, x.shape());
        let bits = |x: &Ids| -> Vec<u32> {
            let loss = training.model.loss(x, &y, &Context::eval());
            let grads = loss.backward();
            let mut all = vec![loss.item().to_bits()];
            for (_, param) in training.model.parameters() {
                all.extend(grads.of(&param.var()).to_vec().into_iter().map(f32::to_bits));
            }
            all
        };
        assert!(bits(&x) == bits(&other), "{}", preset.name);
    }
    check::<Bigram>(&glassbox_transformer::BIGRAM);
    check::<glassbox_transformer::MlpLm>(&glassbox_transformer::MLP_LM);
    check::<glassbox_transformer::RnnLm>(&glassbox_transformer::RNN_LM);
    check::<glassbox_transformer::ConvLm>(&glassbox_transformer::CONV_LM);
    check::<Gpt>(&GPT);
    check::<glassbox_transformer::Llama>(&glassbox_transformer::LLAMA_SMALL);
}

#[test]
fn a_model_of_names_writes_names_and_goes_on_with_the_beginning_of_one() {
    for preset in small_presets().filter(|preset| preset.name != "bigram") {
        let mut training = preset.build.text(&by_lines(preset), names()).unwrap();
        (0..400).for_each(|step| drop(training.train_step(step).unwrap()));
        let writer = training.writer().unwrap();
        assert!(writer.writes_lines());
        let known: BTreeSet<String> = NAMES.lines().map(str::to_string).collect();
        let written: Vec<String> =
            (0..20).map(|seed| writer.written("", &Sampling { seed, ..Sampling::default() }).unwrap()).collect();
        let right = written.iter().filter(|name| known.contains(name.as_str())).count();
        assert!(right >= 14, "{}: {written:?}", preset.name);
        assert_eq!(writer.written("harp", &Sampling::greedy()).unwrap(), "er", "{}", preset.name);
        assert_eq!(writer.written("emma\nharp", &Sampling::greedy()).unwrap(), "er", "only the last line is looked at");
    }
}

#[test]
fn counting_is_the_best_that_training_pairs_can_come_to() {
    let mut config = by_lines(&glassbox_transformer::BIGRAM);
    config.set("lr=0.1").unwrap();
    let mut trained: Training<Bigram> = Training::new(&config, names()).unwrap();
    (0..400).for_each(|step| drop(trained.train_step(step).unwrap()));
    let windows: Vec<Windows> = trained.documents().unwrap().train_windows(1000, 16).collect();
    let counts = PairCounts::of_windows(windows.iter().cloned(), trained.text().tokenizer().vocab_size());
    let best = counts.nats(&counts, 0.0);
    let [Windows { x, y }] = &windows[..] else { panic!("45 names are one batch") };
    let loss = f64::from(trained.model.loss(x, y, &Context::eval()).item());
    assert!(loss > best - 1e-6 && loss < best + 0.02, "{loss}, and counting has {best}");
    let other = PairCounts::of([&[1, 1][..]], counts.words());
    assert!(counts.nats(&other, 0.0).is_infinite() && counts.nats(&other, 1.0).is_finite(), "no name has bb");
}

/// −ln p of the pairs of one text by those of another, one added to each of V², by hand.
fn by_hand(learned: &[String], judged: &[String], vocabulary: f64) -> f64 {
    let pairs = |texts: &[String]| -> Vec<(char, char)> {
        texts.iter().flat_map(|text| text.chars().zip(text.chars().skip(1)).collect::<Vec<_>>()).collect()
    };
    let (learned, judged) = (pairs(learned), pairs(judged));
    let nats = |&(i, j): &(char, char)| {
        let both = learned.iter().filter(|&&pair| pair == (i, j)).count() as f64;
        let first = learned.iter().filter(|pair| pair.0 == i).count() as f64;
        -((both + 1.0) / (first + vocabulary)).ln()
    };
    judged.iter().map(nats).sum::<f64>() / judged.len() as f64
}

#[test]
fn a_run_of_pairs_says_what_counting_them_would() {
    let nats = |training: &Training<Bigram>| training.evaluate().get("counted").unwrap();
    let bigram = |settings: &[&str], text| -> Training<Bigram> {
        let mut config = small(&glassbox_transformer::BIGRAM);
        config.steps = Some(1);
        settings.iter().for_each(|setting| config.set(setting).unwrap());
        Training::new(&config, text).unwrap()
    };
    // In one piece: a window of 7 loses no pair.
    let training = bigram(&["context=7"], common::text());
    let said = |tokens: &[u32]| vec![training.text().tokenizer().decode(tokens).unwrap()];
    let words = training.text().tokenizer().vocab_size() as f64;
    let expected = by_hand(&said(training.text().train()), &said(training.text().test()), words);
    assert!((nats(&training) - expected).abs() < 1e-9, "{} and {expected}", nats(&training));
    // Line by line, each from the end of the one before to its own.
    let training = bigram(&["documents=lines"], names());
    let documents = training.documents().unwrap();
    let tokenizer = training.text().tokenizer();
    let line = |tokens: &[u32]| format!("\n{}\n", tokenizer.decode(tokens).unwrap());
    let [learned, judged]: [Vec<String>; 2] =
        [documents.train().map(line).collect(), documents.test().map(line).collect()];
    let expected = by_hand(&learned, &judged, tokenizer.vocab_size() as f64);
    assert!((nats(&training) - expected).abs() < 1e-9, "{} and {expected}", nats(&training));
    // Of prompts and what is to be said, only the latter.
    let pair = |(prompt, text): (&str, &str)| Document { prompt: prompt.into(), text: text.into() };
    let all: Vec<Document> = [("ab", "ba"), ("aa", "b"), ("b", "aab")].into_iter().cycle().take(30).map(pair).collect();
    let training = bigram(&["context=4"], Text::of("pairs", all).unwrap());
    assert!(nats(&training).is_finite());
    assert!(training.evaluate().get("counted").is_some());
    let config = by_lines(&GPT);
    assert!(
        Training::<Gpt>::new(&config, names()).unwrap().evaluate().get("counted").is_none(),
        "a GPT counts nothing"
    );
}

/// With one added to each, the table of the lectures' eight tenths says 2.453 of the tenth that they hold out.
#[test]
fn the_run_of_pairs_of_the_lectures_says_so_too() {
    let Some(text) = all_names() else { return };
    let mut config = small(&glassbox_transformer::BIGRAM);
    ["documents=lines", "split=lectures"].iter().for_each(|setting| config.set(setting).unwrap());
    config.steps = Some(1);
    let training: Training<Bigram> = Training::new(&config, Text::parse("names", text.as_bytes()).unwrap()).unwrap();
    let nats = training.evaluate().get("counted").unwrap();
    assert!((nats - 2.453).abs() < 5e-4, "{nats}");
}

#[test]
fn settings_of_documents_that_contradict_the_text_or_each_other_are_refused() {
    let refused = |settings: &[&str], text: &str| {
        let mut config = small(&GPT);
        config.steps = Some(5);
        settings.iter().for_each(|setting| config.set(setting).unwrap());
        let text = Text::parse("a text", text.as_bytes()).unwrap();
        Training::<Gpt>::new(&config, text).unwrap_err().to_string()
    };
    assert_eq!(
        refused(&["split=makemore"], &"to be\n".repeat(60)),
        "a text: split = makemore divides documents, and this text is one piece; set documents = lines too"
    );
    assert_eq!(
        refused(&["documents=lines"], &"to be ".repeat(60)),
        "a text: it has no line break, so it can't be taken as lines; leave documents out"
    );
    assert_eq!(
        refused(&["documents=lines"], "to be\n\n"),
        "a text: there are too few lines to learn from some and be judged by others: 1 that are not empty; give 10 at least"
    );
}

/// tools/data/split_names.py, by Python's own generator.
#[test]
fn the_lectures_split_is_the_one_that_python_draws() {
    let letters: Vec<char> = include_str!("names-split.txt").chars().filter(|c| !c.is_whitespace()).collect();
    let of = |letter| -> Vec<u32> { (0..).zip(&letters).filter(|&(_, &l)| l == letter).map(|(i, _)| i).collect() };
    let (mut train, mut validation) = Split::Lectures.of(letters.len());
    train.sort_unstable();
    validation.sort_unstable();
    assert!(train == of('t') && validation == of('v'));
    assert_eq!((train.len(), validation.len(), of('T').len()), (25_626, 3_203, 3_204));
}

#[test]
fn the_lectures_count_as_many_predictions_in_each_part() {
    let Some(text) = all_names() else { return };
    let vocabulary = Vocabulary::of(&text);
    let end = vocabulary.encode("\n").unwrap()[0];
    let documents = Documents::lines(&vocabulary.encode(&text).unwrap(), end, Split::Lectures).unwrap();
    let predicted = |windows: &mut dyn Iterator<Item = Windows>| windows.map(|w| w.tokens()).sum::<usize>();
    assert_eq!(predicted(&mut documents.train_windows(100, 16)), 182_625);
    assert_eq!(predicted(&mut documents.test_windows(100, 16)), 22_655);
}

/// The lectures' number for the likeliest table of pairs: 2.454014, over 228,146 of them.
#[test]
fn the_pairs_of_all_names_have_the_published_loss() {
    let Some(text) = all_names() else { return };
    let vocabulary = Vocabulary::of(&text);
    let one_piece = vocabulary.encode(&format!("\n{text}\n")).unwrap(); // the end of the file ends no line
    let counts = PairCounts::of([&one_piece[..]], vocabulary.len());
    assert_eq!(counts.total(), 228_146);
    let nats = counts.nats(&counts, 0.0);
    assert!((nats - 2.454_014).abs() < 5e-7, "{nats}");
}
