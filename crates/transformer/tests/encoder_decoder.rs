//! The original transformer: PyTorch's names and numbers, masks, and answers with and without a cache.

mod common;

use common::{timeless, with_opinions};
use glassbox_autograd::{Var, gradcheck};
use glassbox_nn::{Context, Module, Name, SlotMut};
use glassbox_tensor::parallel::with_serial_threshold;
use glassbox_tensor::random::Key;
use glassbox_tensor::{Ids, Tensor};
use glassbox_train::{Experiment, Limits, RunConfig, Runner, Sampling};
use glassbox_transformer::{
    ENCODER_DECODER, Encoded, EncoderDecoder, EncoderDecoderSizes, Memory, PRESETS, Part, ProblemTraining, Problems,
    sensitivity,
};
use serde_json::Value;

/// Two layers of two heads, 8 wide, on nine words, as in `tools/torch/transformer/encoder_decoder.py`.
const TINY: EncoderDecoderSizes = EncoderDecoderSizes {
    words: 9,
    positions: 6,
    layers: 2,
    heads: 2,
    width: 8,
    feed_forward: 12,
    dropout: 0.0,
    norm_first: false,
};

fn problems() -> Problems {
    Problems::new(&[(vec![3, 4, 5, 6], vec![6, 5, 4, 3]), (vec![7, 8], vec![8, 7]), (vec![5, 5, 3], vec![3, 5, 5])])
}

/// A preset's training of that size, whose weights are those of the script.
fn training(norm: &str) -> ProblemTraining {
    let mut config = RunConfig::new(&ENCODER_DECODER);
    let norm = format!("norm={norm}");
    for setting in [
        "length=5",
        "layers=2",
        "heads=2",
        "width=8",
        "feed_forward=12",
        "rate=0.025",
        "warmup=20",
        "cooldown=0",
        "smoothing=0.1",
        "clip=1",
        &norm,
    ] {
        config.set(setting).unwrap();
    }
    let mut training = ProblemTraining::new(&config).unwrap();
    let sizes = EncoderDecoderSizes { norm_first: norm == "norm=pre", ..TINY };
    training.model = EncoderDecoder::new(sizes, Key::new(0));
    let mut names: Vec<String> = training.model.parameters().into_iter().map(|(name, _)| name).collect();
    names.sort_unstable();
    training.model.visit_mut(Name::root(), &mut |name, slot| {
        let SlotMut::Param(param) = slot else { return };
        let name = name.to_string();
        let k = 1.0 + names.iter().position(|other| *other == name).unwrap() as f64;
        let scale = if name.contains("norm") && name.ends_with("weight") { 1.0 } else { 0.0 };
        let number = |i: usize| (0.4 * (12.9898 * (i as f64 + 1.0) + 78.233 * k).sin() + scale) as f32;
        let shape = param.value().shape().to_vec();
        param.set_value(Tensor::from_vec((0..param.value().numel()).map(number).collect(), shape));
    });
    training
}

#[test]
fn names_logits_and_a_hundred_steps_are_pytorchs() {
    let theirs: Value = serde_json::from_str(include_str!("data/encoder_decoder.json")).unwrap();
    for norm in ["post", "pre"] {
        let theirs = &theirs[norm];
        let mut training = training(norm);
        let mut names: Vec<String> = training.model.parameters().into_iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        assert_eq!(names, theirs["names"].as_array().unwrap().iter().map(|n| n.as_str().unwrap()).collect::<Vec<_>>());

        let problems = problems();
        let logits = training.model.forward(&problems.source, &problems.read, &Context::eval());
        for (b, rows) in theirs["logits"].as_array().unwrap().iter().enumerate() {
            for (t, row) in rows.as_array().unwrap().iter().enumerate() {
                for (v, should) in row.as_array().unwrap().iter().enumerate() {
                    let (is, should) = (f64::from(logits.value().at([b, t, v])), should.as_f64().unwrap());
                    assert!(
                        (is - should).abs() < 1e-4,
                        "{norm}: logit {v} of row {t} of {b}: {is}, PyTorch's {should}"
                    );
                }
            }
        }
        for step in 0..100 {
            let (loss, norm_of_gradient) = training.learn(step, &problems).unwrap();
            let theirs = &theirs["steps"][step as usize];
            let near = |is: f32, i: usize, tolerance: f64| {
                let (is, should) = (f64::from(is), theirs[i].as_f64().unwrap());
                assert!((is - should).abs() <= tolerance * should, "{norm}, step {step}: {is}, PyTorch's {should}");
            };
            near(loss, 0, 1e-3);
            // Later the norm jumps from step to step, and says how far f32 and f64 have come apart.
            if step < 50 {
                near(norm_of_gradient, 2, 1e-2);
            }
        }
        for (name, param) in training.model.parameters() {
            // A third of it is the bias of keys, which moves all scores of a query alike: its gradient is 0 but for rounding, and Adam
            // makes steps of any size of it.
            if name.ends_with("in_proj_bias") {
                continue;
            }
            let is = param.value().to_vec().iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
            let should = theirs["final"][&name].as_f64().unwrap();
            assert!((is - should).abs() < 1e-3 * should, "{norm}: {name}: {is}, PyTorch's {should}");
        }
    }
}

fn opinionated(norm_first: bool) -> EncoderDecoder {
    with_opinions(EncoderDecoder::new(EncoderDecoderSizes { norm_first, ..TINY }, Key::new(1)), 0.3, 1)
}

#[test]
fn the_gradient_of_the_whole_loss_agrees_with_central_differences() {
    for norm_first in [false, true] {
        let model = opinionated(norm_first);
        gradcheck(|_| model.loss(&problems(), 0.1, &Context::eval()), &[]).unwrap();
    }
}

#[test]
fn no_row_of_the_decoder_looks_ahead_and_each_looks_at_all_of_the_source_but_its_padding() {
    let (model, ctx) = (opinionated(false), Context::eval());
    let source = Ids::from([[3, 4, 5, 0, 0]]);
    let encoded = model.encode(&source, &ctx);
    let y = model.embed(&Ids::from([[1, 3, 4, 5, 6]]), 0, &ctx).value().select(0, 0);
    let all = |x: &Tensor, n: usize| {
        x.reshape([1, x.shape()[1], x.shape()[2]]).expand([n, x.shape()[1], x.shape()[2]]).contiguous()
    };

    let by_target = sensitivity(&y, |y| {
        let n = y.shape()[0];
        let rows = Var::constant(all(encoded.rows.value(), n));
        let padding = encoded.padding.expand([n, 5]).contiguous();
        model.decode(y, &Encoded { rows, padding }, &ctx)
    });
    let by_source = sensitivity(&encoded.rows.value().select(0, 0), |x| {
        let n = x.shape()[0];
        let padding = encoded.padding.expand([n, 5]).contiguous();
        model.decode(&Var::constant(all(&y.reshape([1, 5, 8]), n)), &Encoded { rows: x.clone(), padding }, &ctx)
    });
    for t in 0..5 {
        for s in 0..5 {
            assert_eq!(by_target.at([t, s]) > 0.0, s <= t, "row {t} by row {s} of the target");
            assert_eq!(by_source.at([t, s]) > 0.0, s < 3, "row {t} by row {s} of the source");
        }
    }
}

/// A problem alone and in a batch with longer ones: the padding changes no logit, but for rounding.
#[test]
fn padding_changes_nothing() {
    let (model, problems) = (opinionated(false), problems());
    let together = model.forward(&problems.source, &problems.read, &Context::eval());
    let alone = model.forward(&Ids::from([[7, 8]]), &Ids::from([[1, 8, 7]]), &Context::eval());
    for t in 0..3 {
        for v in 0..9 {
            let (a, b) = (alone.value().at([0, t, v]), together.value().at([1, t, v]));
            assert!((a - b).abs() < 1e-5, "{a} alone, {b} in a batch");
        }
    }
}

#[test]
fn kept_keys_give_the_answers_that_computing_all_anew_gives() {
    for (norm_first, seed) in [(false, 1), (true, 2), (false, 3)] {
        let model =
            with_opinions(EncoderDecoder::new(EncoderDecoderSizes { norm_first, ..TINY }, Key::new(seed)), 0.4, seed);
        let source = Ids::from([[3, 4, 5, 6, 0], [8, 7, 0, 0, 0], [5, 5, 5, 5, 5]]);
        let [kept, anew] = [Memory::Kept, Memory::Recomputed].map(|memory| model.answer(&source, 5, memory));
        assert_eq!(kept, anew);
        assert!(kept.iter().any(|answer| answer.len() > 1), "they are long enough to differ");
    }
}

/// Small, but larger than chance: what a test has time for.
fn learned(task: &str, steps: u64) -> ProblemTraining {
    let mut config = RunConfig::new(&ENCODER_DECODER);
    let task = format!("task={task}");
    for setting in [&task, "length=4", "digits=2", "width=32", "feed_forward=64", "batch=64", "warmup=100", "rate=1"] {
        config.set(setting).unwrap();
    }
    config.steps = Some(if steps < 200 { 1000 } else { steps }); // some only begin here
    let mut training = ProblemTraining::new(&config).unwrap();
    (0..steps).for_each(|step| drop(training.train_step(step).unwrap()));
    training
}

/// To reverse, the decoder must look at the last letter for the first, and so on: an anti-diagonal.
#[test]
fn it_learns_to_reverse_and_looks_at_the_letters_from_last_to_first() {
    let training = learned("reverse", 600);
    let exact = training.evaluate().get("exact_match").unwrap();
    assert!(exact > 0.9, "{exact} of the held-out problems");
    let written = |prompt: &str| training.writer().unwrap().written(prompt, &Sampling::greedy()).unwrap();
    assert_eq!(written("abcd"), " → dcba");

    let followed = |head: &Tensor| (0..4).map(|t| head.at([t, 3 - t])).sum::<f32>() / 4.0;
    let best = training.attention_to_source("wxyz").iter().map(followed).fold(0.0, f32::max);
    assert!(best > 0.6, "the head that follows the anti-diagonal best gives it {best}");
}

#[test]
fn every_task_is_learned_and_no_step_shows_what_is_held_out() {
    for task in ["sort", "add"] {
        let mut training = learned(task, 0);
        let before = training.evaluate();
        (0..200).for_each(|step| drop(training.train_step(step).unwrap()));
        let after = training.evaluate();
        assert!(after.get("loss").unwrap() < before.get("loss").unwrap() - 0.5, "{task}: {before} -> {after}");
        assert!(training.held_out().iter().all(|question| training.task.part(question) == Part::HeldOut));
    }
}

#[test]
fn resume_is_bit_identical_and_no_data_is_read() {
    let parent = tempfile::tempdir().unwrap();
    let (whole, parts) = (parent.path().join("whole"), parent.path().join("parts"));
    let start = |out| {
        let mut config = RunConfig::new(&ENCODER_DECODER);
        for setting in ["width=16", "feed_forward=16", "batch=8", "dropout=0.2", "sample_every=6", "checkpoint_every=5"]
        {
            config.set(setting).unwrap();
        }
        config.steps = Some(14);
        Runner::start(config, out).unwrap()
    };
    let until = |end| Limits { end: Some(end), ..Limits::default() };
    start(&whole).train(&until(14), &mut ()).unwrap();
    start(&parts).train(&until(7), &mut ()).unwrap();
    Runner::resume(&parts, PRESETS).unwrap().train(&until(14), &mut ()).unwrap();
    assert_eq!(timeless(&whole), timeless(&parts));
    for file in ["checkpoints/step-14/model.safetensors", "samples/step-12.txt", "samples/masks.svg", "config.toml"] {
        let [whole, parts] = [&whole, &parts].map(|run| std::fs::read(run.join(file)).unwrap());
        assert!(whole == parts, "{file}");
    }

    let mut config = RunConfig::new(&ENCODER_DECODER);
    config.data = "shakespeare".to_string();
    let refused = config.build().err().unwrap();
    let expected = "encoder-decoder makes its own problems from the seed and reads no data, so it can't be trained on shakespeare; \
                    leave --data out";
    assert_eq!((refused.to_string().as_str(), refused.is_mistake()), (expected, true));
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let bits = || {
        let mut training = learned("add", 3);
        let mut numbers: Vec<u64> = training.evaluate().iter().map(|(_, v)| v.to_bits()).collect();
        numbers.extend(training.train_step(3).unwrap().metrics.iter().map(|(_, v)| v.to_bits()));
        numbers
    };
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| with_serial_threshold(0, bits))
    };
    let one = with(1);
    assert!([2, 3].into_iter().all(|threads| with(threads) == one));
}

#[test]
fn the_masks_are_drawn_for_a_question_that_is_filled_up() {
    let training = learned("reverse", 0);
    let drawings = training.drawings();
    assert_eq!(drawings.iter().map(|d| d.name).collect::<Vec<_>>(), ["masks", "cross-attention"]);
    let labels = |text: &str| drawings[0].svg.matches(&format!(">{text}<")).count();
    assert!(labels("·") > 0 && labels("⊢") > 0, "{}", drawings[0].svg);
    assert!(drawings[1].svg.contains("layer 1, head 3"));
}

#[test]
fn questions_that_are_none_are_refused() {
    let training = learned("add", 0);
    let refused = training.writer().unwrap().written("1-1", &Sampling::greedy()).unwrap_err();
    assert!(refused.is_mistake() && refused.to_string().ends_with("write it as 12+34"), "{refused}");
}
