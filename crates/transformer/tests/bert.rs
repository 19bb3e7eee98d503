//! The encoder is BERT's: its names, its numbers, and it sees to both sides.

mod common;

use common::{small, text, timeless, with_opinions};
use glassbox_autograd::gradcheck;
use glassbox_nn::{Context, Module, Name, SlotMut};
use glassbox_tensor::random::Key;
use glassbox_tensor::{Ids, Tensor, tensor};
use glassbox_train::{Experiment, Limits, Piece, RunConfig, Runner, Sampling};
use glassbox_transformer::{BERT, Bert, BertSizes, MaskedTraining, PRESETS, sensitivity};
use serde_json::Value;

const TINY: BertSizes = BertSizes {
    words: 11,
    positions: 7,
    token_types: 2,
    layers: 2,
    heads: 2,
    width: 8,
    feed_forward: 12,
    dropout: 0.0,
};

#[test]
fn names_and_logits_are_those_of_the_reference() {
    let theirs: Value = serde_json::from_str(include_str!("data/bert.json")).unwrap();
    let mut bert = Bert::new(TINY, Key::new(0));
    let mut names: Vec<String> = bert.parameters().into_iter().map(|(name, _)| name).collect();
    names.sort_unstable();
    assert_eq!(names, theirs["names"].as_array().unwrap().iter().map(|n| n.as_str().unwrap()).collect::<Vec<_>>());
    bert.visit_mut(Name::root(), &mut |name, slot| {
        let SlotMut::Param(param) = slot else { return };
        let name = name.to_string();
        let k = 1.0 + names.iter().position(|other| *other == name).unwrap() as f64;
        let scale = if name.contains("LayerNorm") && name.ends_with("weight") { 1.0 } else { 0.0 };
        let number = |i: usize| (0.4 * (12.9898 * (i as f64 + 1.0) + 78.233 * k).sin() + scale) as f32;
        let shape = param.value().shape().to_vec();
        param.set_value(Tensor::from_vec((0..param.value().numel()).map(number).collect(), shape));
    });
    let ids = Ids::from([[3, 10, 0, 7, 7], [5, 1, 10, 0, 0]]);
    let types = Ids::from([[0, 0, 1, 1, 1], [0, 0, 0, 0, 0]]);
    let padding = tensor![[0., 0., 0., 0., 0.], [0., 0., 0., 1., 1.]];
    let logits = bert.head(&bert.bert.forward(&ids, &types, Some(&padding), &Context::eval()));
    for b in 0..2 {
        for t in 0..5 {
            for v in 0..11 {
                let (is, should) =
                    (f64::from(logits.value().at([b, t, v])), theirs["logits"][b][t][v].as_f64().unwrap());
                assert!((is - should).abs() < 1e-4, "logit {v} of token {t} of {b}: {is}, PyTorch's {should}");
            }
        }
    }
}

#[test]
fn every_prediction_depends_on_every_token() {
    let bert = with_opinions(Bert::new(TINY, Key::new(1)), 0.3, 1);
    let x = Tensor::randn([7, 8], Key::new(2));
    let field = sensitivity(&x, |x| {
        let layers = bert.bert.encoder.layer.iter();
        bert.head(&layers.fold(x.clone(), |x, layer| layer.forward(&x, None, &Context::eval())))
    });
    assert!(field.to_vec().iter().all(|&norm| norm > 0.0), "{field:?}");
}

#[test]
fn the_gradient_of_the_whole_loss_agrees_with_central_differences() {
    let bert = with_opinions(Bert::new(TINY, Key::new(3)), 0.3, 3);
    let (ids, types, y) = (Ids::from([[3, 10, 0, 7]]), Ids::from([[0, 0, 1, 1]]), Ids::from([[4, 9, 2, 7]]));
    gradcheck(
        |_| bert.head(&bert.bert.forward(&ids, &types, None, &Context::eval())).cross_entropy(&y, Default::default()),
        &[],
    )
    .unwrap();
}

fn training(steps: u64) -> MaskedTraining {
    let mut config = small(&BERT);
    // A window of 16 asks about two or three tokens: of a few windows the gradient is noise, and nothing is learned but which letter is
    // the most common.
    config.set("batch=48").unwrap();
    config.steps = Some(steps);
    MaskedTraining::new(&config, text()).unwrap()
}

#[test]
fn it_learns_what_stood_there_and_fills_blanks() {
    let mut training = training(1000);
    let before = training.evaluate();
    (0..1000).for_each(|step| drop(training.train_step(step).unwrap()));
    let after = training.evaluate();
    let number = |metrics: &glassbox_train::Metrics, name| metrics.get(name).unwrap();
    assert!(number(&after, "loss") < 0.5 * number(&before, "loss"), "{before} -> {after}");
    assert!(number(&after, "accuracy") > 0.7, "{after}");
    assert_eq!(after, training.evaluate(), "the masks are fixed");
    let written = |prompt: &str| training.writer().unwrap().written(prompt, &Sampling::greedy());
    assert_eq!(written("be, or n_t to be").unwrap(), " → be, or not to be");
    // The surest first, and no more than were asked for.
    let one = Sampling { tokens: 1, ..Sampling::greedy() };
    let filled = training.writer().unwrap().written("be, or n_t to b_", &one).unwrap();
    assert_eq!(filled.matches('_').count(), 1, "{filled}");
    let mut believed = Vec::new();
    let mut hear = |piece: &Piece<'_>| {
        believed.extend(piece.token.map(|token| (token.to_string(), piece.probability())));
        true
    };
    training.writer().unwrap().write_pieces("be, or n_t to be", &Sampling::greedy(), &mut hear).unwrap();
    assert!(believed.len() == 1 && believed[0].0 == "o" && (0.0..=1.0).contains(&believed[0].1), "{believed:?}");
    let refused = written("to be").unwrap_err();
    assert!(refused.is_mistake() && refused.to_string().contains("has no blank to fill"), "{refused}");
    assert!(written(&"_".repeat(17)).unwrap_err().to_string().contains("sees 16"));
}

#[test]
fn resume_is_bit_identical() {
    let parent = tempfile::tempdir().unwrap();
    let (whole, parts) = (parent.path().join("whole"), parent.path().join("parts"));
    let path = parent.path().join("text.txt");
    std::fs::write(&path, "To be, or not to be, that is the question.\n".repeat(60)).unwrap();
    let start = |out| {
        let mut config: RunConfig = small(&BERT);
        config.data = path.display().to_string();
        config.set("dropout=0.2").unwrap();
        config.steps = Some(14);
        Runner::start(config, out).unwrap()
    };
    let until = |end| Limits { end: Some(end), ..Limits::default() };
    start(&whole).train(&until(14), &mut ()).unwrap();
    start(&parts).train(&until(7), &mut ()).unwrap();
    Runner::resume(&parts, PRESETS).unwrap().train(&until(14), &mut ()).unwrap();
    assert_eq!(timeless(&whole), timeless(&parts));
    for file in ["checkpoints/step-14/model.safetensors", "samples/step-12.txt", "evaluation.json"] {
        let [whole, parts] = [&whole, &parts].map(|run| std::fs::read(run.join(file)).unwrap());
        assert!(whole == parts, "{file}");
    }
}
