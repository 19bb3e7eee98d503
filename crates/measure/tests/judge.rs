//! The judge learns, resumes exactly, doesn't depend on threads, and its pictures show what they say.

use glassbox_autograd::{Var, gradcheck};
use glassbox_data::{DataSplits, ImageSet};
use glassbox_measure::{FEATURES, JUDGE, Judge, JudgeTraining, PRESETS};
use glassbox_nn::loss::{Reduction, cross_entropy};
use glassbox_nn::{Context, Module};
use glassbox_tensor::parallel::with_serial_threshold;
use glassbox_tensor::random::Key;
use glassbox_tensor::{Ids, Tensor};
use glassbox_train::{Experiment, Limits, Preset, RunConfig, Runner};
use std::fs;

/// Small steps on the first 400 pictures.
fn small(preset: &'static Preset) -> (RunConfig, DataSplits) {
    let mut config = RunConfig::new(preset);
    for setting in ["batch=20", "lr=0.003"] {
        config.set(setting).unwrap();
    }
    let data = glassbox_data::open(&config.data).unwrap();
    (config, DataSplits { train: data.train.head(400), test: data.test.head(200) })
}

#[test]
fn the_gradient_of_the_loss_agrees_with_central_differences() {
    let judge = Judge::new([1, 5, 8], 3, 0.5, Key::new(1));
    let (x, y) = (Tensor::rand([4, 1, 5, 8], Key::new(2)), Ids::from([2, 0, 1, 1]));
    let loss = |x: &Var, ctx: &Context| cross_entropy(&judge.forward(x, ctx), &y, Default::default(), Reduction::Mean);
    gradcheck(|x| loss(&x[0], &Context::eval()), std::slice::from_ref(&x)).unwrap();
    gradcheck(|x| loss(&x[0], &Context::train(Key::new(3))), &[x]).unwrap(); // with the same numbers dropped each time
}

#[test]
fn both_judges_learn_to_tell_classes_apart() {
    for preset in PRESETS.iter().copied() {
        let (config, data) = small(preset);
        let mut training = JudgeTraining::new(&config, data).unwrap();
        let before = training.evaluate();
        // Ten classes: an untrained judge is wrong nine times in ten, at ln 10 = 2.30 nats
        assert!((before.get("loss").unwrap() - 10f64.ln()).abs() < 0.1, "{before}");
        (0..100).for_each(|step| drop(training.train_step(step).unwrap()));
        let after = training.evaluate();
        assert!(after.get("accuracy").unwrap() > 0.6 && after.get("loss").unwrap() < 1.2, "{}: {after}", preset.name);
    }
}

#[test]
fn what_evaluation_says_follows_from_the_probabilities() {
    let (config, data) = small(&JUDGE);
    let mut training = JudgeTraining::new(&config, data).unwrap();
    (0..5).for_each(|step| drop(training.train_step(step).unwrap()));
    let (test, p) = (&training.data().test, training.probabilities(&training.data().test)); // (N, 10)
    let (mut nats, mut right) = (0.0, 0);
    for (i, &label) in test.labels().iter().enumerate() {
        let row: Vec<f32> = (0..10).map(|c| p.at([i, c])).collect();
        nats -= f64::from(row[usize::from(label)]).ln() / test.len() as f64;
        right += usize::from(row.iter().all(|&v| v <= row[usize::from(label)]));
    }
    let told = training.evaluate();
    assert!((told.get("loss").unwrap() - nats).abs() < 1e-5);
    assert!((told.get("accuracy").unwrap() - right as f64 / test.len() as f64).abs() < 1e-12);
}

#[test]
fn resume_is_bit_identical() {
    let folder = tempfile::tempdir().unwrap();
    let (config, data) = small(&JUDGE);
    let new = || JudgeTraining::new(&config, data.clone()).unwrap();
    let (mut whole, mut first) = (new(), new());
    (0..8).for_each(|step| drop(whole.train_step(step).unwrap()));
    (0..4).for_each(|step| drop(first.train_step(step).unwrap()));
    first.save(folder.path()).unwrap();
    let mut second = new();
    second.load(folder.path()).unwrap();
    (4..8).for_each(|step| drop(second.train_step(step).unwrap()));
    for ((name, a), (_, b)) in whole.judge.parameters().iter().zip(&second.judge.parameters()) {
        assert!(a.value().to_vec() == b.value().to_vec(), "{name}");
    }
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let bits = || {
        let (config, data) = small(&JUDGE);
        let mut training = JudgeTraining::new(&config, data).unwrap();
        let losses: Vec<u64> =
            (0..3).map(|step| training.train_step(step).unwrap().metrics.get("loss").unwrap().to_bits()).collect();
        (losses, training.evaluate().get("loss").unwrap().to_bits(), training.sample(9, 1).data().to_vec())
    };
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| with_serial_threshold(0, bits))
    };
    let one = with(1);
    for threads in [2, 3, 7] {
        assert!(with(threads) == one, "{threads} threads");
    }
}

#[test]
fn a_run_leaves_its_pictures_and_weights_of_less_than_a_megabyte() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let (config, _) = small(&JUDGE);
    let limits = Limits { end: Some(2), ..Limits::default() };
    Runner::start(config, &out).unwrap().train(&limits, &mut ()).unwrap();
    assert!(fs::metadata(out.join("checkpoints/step-2/model.safetensors")).unwrap().len() < 1_000_000);
    for picture in ["samples", "mistakes", "confusion"] {
        assert!(out.join(format!("samples/{picture}.png")).exists(), "{picture}");
    }
}

/// A judge whose last layer says class 1 to everything: the confusion has its pictures in column 1 alone.
#[test]
fn the_confusion_shows_what_is_called_what() {
    let (config, _) = small(&JUDGE);
    let classes = vec!["dark".to_string(), "light".to_string()];
    let bytes: Vec<u8> = [10, 20, 200, 250].into_iter().flat_map(|shade| [shade; 16]).collect();
    let set = ImageSet::new("shades", [1, 4, 4], bytes, vec![0, 0, 1, 1], classes).unwrap();
    let mut training = JudgeTraining::new(&config, DataSplits { train: set.clone(), test: set }).unwrap();
    training.judge.fc2.weight.set_value(Tensor::zeros([2, FEATURES]));
    training.judge.fc2.bias.as_mut().unwrap().set_value(Tensor::from_vec(vec![0., 5.], [2]));
    let pictures = training.pictures();
    let confusion = pictures.iter().find(|p| p.name == "confusion").unwrap();
    let cell = |row: usize, column: usize| confusion.image.pixel(2 + 6 * column, 2 + 6 * row)[0];
    assert_eq!([cell(0, 0), cell(0, 1), cell(1, 0), cell(1, 1)], [0, 10, 0, 200]); // of equals the first
    assert!(confusion.caption.ends_with("Most often, 2 times of 2, dark is called light."), "{}", confusion.caption);
    // The least understood come first: class 0 is the one that gets no name.
    let mistakes = &pictures.iter().find(|p| p.name == "mistakes").unwrap().image;
    assert_eq!([mistakes.pixel(2, 2), mistakes.pixel(8, 2), mistakes.pixel(14, 2)], [[10], [20], [200]]);
}

#[test]
fn pictures_that_cannot_be_halved_twice_are_a_contradiction() {
    let (config, _) = small(&JUDGE);
    let set = ImageSet::new("rows", [1, 2, 9], vec![0; 36], vec![0, 0], vec!["any".to_string()]).unwrap();
    let error = JudgeTraining::new(&config, DataSplits { train: set.clone(), test: set }).unwrap_err().to_string();
    assert!(error.contains("these are 2 × 9"), "{error}");
}
