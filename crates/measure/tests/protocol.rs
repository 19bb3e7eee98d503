//! The protocol on samples whose quality is known.

use glassbox_autograd::Var;
use glassbox_measure::{JUDGED, LOOKED_UP, PROTOCOL, Report, WEIGHTS, judge_samples};
use glassbox_nn::Context;
use glassbox_tensor::Tensor;
use glassbox_tensor::random::Key;
use sha2::{Digest, Sha256};
use std::fs;
use std::path::Path;

fn numbers(n: usize) -> Vec<u32> {
    (0..n as u32).collect()
}

fn judged(samples: &Tensor) -> Report {
    judge_samples("fashion-mnist", samples).unwrap()
}

#[test]
fn the_committed_weights_have_their_hash_and_size_and_name_what_they_see() {
    for (weights, least) in WEIGHTS.iter().zip([0.88, 0.97]) {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("assets/judge/{}.safetensors", weights.set));
        let bytes = fs::read(file).unwrap();
        let hash: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hash, weights.sha256, "{}", weights.set);
        assert!(bytes.len() < 1_000_000);

        let (test, judge) = (glassbox_data::open(weights.set).unwrap().test, weights.judge());
        let (x, y) = test.batch(&numbers(test.len()));
        let named = judge.forward(&Var::constant(x), &Context::eval()).value().argmax(1, false);
        let right = named.as_slice().iter().zip(y.as_slice()).filter(|(a, b)| a == b).count();
        assert!(right as f64 >= least * test.len() as f64, "{}: {right} of {}", weights.set, test.len());
    }
}

#[test]
fn training_pictures_are_at_the_floor_and_test_pictures_at_zero() {
    for weights in &WEIGHTS {
        let data = glassbox_data::open(weights.set).unwrap();
        let report = judge_samples(weights.set, &data.train.batch(&numbers(JUDGED)).0).unwrap();
        let (samples, floor) = (&report.samples, &report.floor);
        assert_eq!((samples.frechet, samples.kernel, samples.found), (floor.frechet, floor.kernel, floor.found));
        assert_eq!(samples.sliced, floor.sliced);
        // Training pictures are their own neighbours; test pictures are not among them.
        assert_eq!((samples.nearest, report.nearest[5].index), (0.0, 5));
        assert!(floor.nearest > 1.0);
        assert!(floor.found.precision > 0.8 && floor.found.recall > 0.8, "{report}");

        let report = judge_samples(weights.set, &data.test.batch(&numbers(JUDGED)).0).unwrap();
        let samples = &report.samples;
        assert!(samples.frechet < 1e-6 * floor.frechet.max(1.0) && samples.sliced == 0.0, "{report}");
        assert_eq!((samples.found.precision, samples.found.recall), (1.0, 1.0));
        assert_eq!(samples.nearest, floor.nearest);
    }
}

/// Features and distances once more by PyTorch and NumPy in f64, with other algorithms: tools/twins/protocol.py.
#[test]
fn the_floors_and_digits_among_clothes_have_the_numbers_of_pytorch_and_numpy() {
    for (set, made, [frechet, kernel, precision, recall, sliced]) in [
        ("fashion-mnist", "fashion-mnist", [1.451749, 0.304776, 0.8745, 0.882, 0.1547]),
        ("digits", "digits", [2.718802, 1.010218, 0.892, 0.877, 0.1658]),
        ("fashion-mnist", "digits", [458.869918, 1899.133631, 0.0645, 0.073, 2.3029]),
    ] {
        let samples = glassbox_data::open(made).unwrap().train.batch(&numbers(JUDGED)).0;
        let found = judge_samples(set, &samples).unwrap().samples;
        // Features of f32 are off by 10⁻⁶ or so, and the distances are differences of sums of them.
        let near = |a: f64, b: f64| (a - b).abs() < 1e-5 * b.max(1.0);
        assert!(near(found.frechet, frechet) && near(found.kernel.value, kernel), "{made} as {set}: {found:?}");
        // Of 2,000 points, one may lie on the border of a ball.
        let share = |a: f64, b: f64| (a - b).abs() < 1.5 / JUDGED as f64;
        assert!(
            share(found.found.precision, precision) && share(found.found.recall, recall),
            "{made} as {set}: {found:?}"
        );
        // 256 directions of ours against 4,096 others: over 24 sets of 256, NumPy's value scatters by 3% of itself.
        assert!((found.sliced / sliced - 1.0).abs() < 4.0 * 0.03, "{made} as {set}: {found:?}");
    }
}

#[test]
fn of_32_by_32_the_border_is_cut_off() {
    let train = glassbox_data::open("fashion-mnist").unwrap().train;
    let mut framed = Tensor::ones([JUDGED, 1, 32, 32]); // a white frame of two pixels
    let picture = framed.make_mut();
    for i in 0..JUDGED {
        for (y, row) in train.image(i).chunks(28).enumerate() {
            for (x, &byte) in row.iter().enumerate() {
                picture[(i * 32 + y + 2) * 32 + x + 2] = f32::from(byte) / 255.0;
            }
        }
    }
    let report = judged(&framed);
    assert_eq!(report.samples.frechet, report.floor.frechet);
    assert_eq!(report.samples.nearest, 0.0);
}

#[test]
fn noise_is_far_and_one_class_has_precision_without_recall() {
    let noise = judged(&Tensor::rand([JUDGED, 1, 28, 28], Key::new(0)));
    assert!(noise.samples.frechet > 20.0 * noise.floor.frechet, "{noise}");
    assert!(noise.samples.kernel.value > 20.0 * noise.samples.kernel.standard_error, "{noise}");
    // Not its precision: the ball of a single odd test picture may hold all noise, which the judge sees as one thing.
    assert_eq!(noise.samples.found.recall, 0.0, "{noise}");

    let train = glassbox_data::open("fashion-mnist").unwrap().train;
    let trousers: Vec<u32> = numbers(train.len()).into_iter().filter(|&i| train.labels()[i as usize] == 1).collect();
    let trousers: Vec<u32> = trousers.into_iter().cycle().take(JUDGED).collect();
    let report = judged(&train.batch(&trousers).0);
    assert!(report.samples.found.precision > 0.8 && report.samples.found.recall < 0.2, "{report}");
    assert!(report.samples.frechet > 20.0 * report.floor.frechet, "{report}");
}

#[test]
fn the_table_says_by_which_judge_and_shows_the_floor_and_the_neighbours() {
    let report = judged(&Tensor::rand([JUDGED, 1, 28, 28], Key::new(1)));
    let (text, hash) = (report.to_string(), report.weights.sha256);
    let row = |name: &str| text.lines().find(|line| line.starts_with(name)).unwrap().to_string();
    for row in [row("| samples |"), row("| floor: training pictures |")] {
        assert!(row.contains(&hash[..12]) && row.matches('|').count() == 9, "{row}");
    }
    assert!(text.contains(&format!("Protocol {PROTOCOL}, fashion-mnist, judge SHA-256 `{hash}`")));
    assert_eq!(text.matches(" at ").count(), LOOKED_UP);
    assert_eq!((report.picture.width(), report.picture.height()), (16 * 30 + 2, 2 * 30 + 2));
}

#[test]
fn samples_that_are_none_become_black_and_are_judged() {
    let nothing = judged(&Tensor::full([JUDGED, 1, 28, 28], f32::NAN));
    assert!(nothing.samples.frechet.is_finite() && nothing.samples.found.recall == 0.0, "{nothing}");
}

#[test]
fn another_set_number_or_size_is_an_error_that_says_what_is_judged() {
    let error = |set: &str, shape: [usize; 4]| judge_samples(set, &Tensor::zeros(shape)).unwrap_err().to_string();
    let of = "there is no judge of \"cats\"; there is one of fashion-mnist and one of digits";
    assert_eq!(error("cats", [JUDGED, 1, 28, 28]), of);
    let of = "can't be judged; the protocol takes 2000 of them, (2000, 1, 28, 28) or (2000, 1, 32, 32)";
    assert_eq!(error("digits", [100, 1, 28, 28]), format!("samples of shape [100, 1, 28, 28] {of}"));
    assert_eq!(error("digits", [2000, 3, 32, 32]), format!("samples of shape [2000, 3, 32, 32] {of}"));
}
