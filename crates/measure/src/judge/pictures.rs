//! What there is to look at in a classifier: the pictures that it gets wrong, and which classes it takes for which.

use super::JudgeTraining;
use glassbox_data::ImageSet;
use glassbox_data::image::grid;
use glassbox_tensor::Tensor;
use glassbox_tensor::random::Key;
use glassbox_train::{Experiment, Picture, SAMPLE_SEED};

/// Pictures in a row, and the black pixels around each.
const COLUMNS: usize = 8;
const PADDING: usize = 2;

/// `n` test pictures, drawn by the seed (each once before any comes again), the least understood first.
pub(super) fn drawn(training: &JudgeTraining, n: usize, seed: u64) -> Tensor {
    let test = &training.data().test;
    let order = Key::new(seed).permutation(test.len());
    let mut numbers: Vec<u32> = order.into_iter().cycle().take(n).collect();
    least_first(&mut numbers, &of_own_class(training, test));
    test.batch(&numbers).0 // (N, C, H, W)
}

/// Drawn pictures, the most wrong of all, and the confusions.
pub(super) fn all(training: &JudgeTraining) -> Vec<Picture> {
    vec![
        Picture {
            name: "samples",
            caption: "Test pictures drawn at random, the one whose class the judge finds least likely first."
                .to_string(),
            image: training.sample(64, SAMPLE_SEED),
        },
        mistakes(training),
        confusion(training),
    ]
}

/// The 64 test pictures whose own class is least likely to the judge.
fn mistakes(training: &JudgeTraining) -> Picture {
    let test = &training.data().test;
    let mut numbers: Vec<u32> = (0..test.len() as u32).collect();
    least_first(&mut numbers, &of_own_class(training, test));
    numbers.truncate(64);
    Picture {
        name: "mistakes",
        caption: "The most wrong: the test pictures whose own class the judge finds least likely, the worst first."
            .to_string(),
        image: grid(&test.batch(&numbers).0, COLUMNS, PADDING),
    }
}

/// A row for each class and a column for each name that the judge gives; in the cell the picture that it is surest of.
fn confusion(training: &JudgeTraining) -> Picture {
    let (test, probabilities) = (&training.data().test, training.probabilities(&training.data().test));
    let k = test.classes().len();
    let named = probabilities.argmax(1, false); // (N)
    let mut cells: Vec<(usize, Option<u32>, f32)> = vec![(0, None, 0.0); k * k]; // how many, the surest, its probability
    for (i, (&name, &label)) in named.as_slice().iter().zip(test.labels()).enumerate() {
        let sure = probabilities.at([i, name as usize]);
        let cell = &mut cells[usize::from(label) * k + name as usize];
        cell.0 += 1;
        if cell.1.is_none() || sure > cell.2 {
            (cell.1, cell.2) = (Some(i as u32), sure);
        }
    }
    let [c, h, w] = test.image_shape();
    let mut pixels = Vec::with_capacity(cells.len() * test.pixels());
    for (_, surest, _) in &cells {
        match surest {
            Some(i) => pixels.extend(test.batch(&[*i]).0.to_vec()),
            None => pixels.extend(vec![0.0; test.pixels()]),
        }
    }
    let beside = |i: &usize| i / k != i % k;
    let worst = (0..k * k).filter(beside).max_by_key(|&i| cells[i].0).filter(|&i| cells[i].0 > 0);
    let worst = worst.map_or("None is taken for another.".to_string(), |i| {
        let (of, named) = (&test.classes()[i / k], &test.classes()[i % k]);
        format!("Most often, {} times of {}, {of} is called {named}.", cells[i].0, test.class_counts()[i / k])
    });
    Picture {
        name: "confusion",
        caption: format!(
            "What is taken for what: a row for each class, a column for each name that the judge gives, and in each cell the \
             test picture that it is surest of; black where there is none. {worst}"
        ),
        image: grid(&Tensor::from_vec(pixels, [k * k, c, h, w]), k, PADDING),
    }
}

/// The probability of each picture's own class, (N).
fn of_own_class(training: &JudgeTraining, set: &ImageSet) -> Vec<f32> {
    let probabilities = training.probabilities(set); // (N, classes)
    set.labels().iter().enumerate().map(|(i, &label)| probabilities.at([i, usize::from(label)])).collect()
}

/// Sorts numbers of pictures by their value; of equals the smaller number first.
fn least_first(numbers: &mut [u32], value: &[f32]) {
    numbers.sort_by(|&a, &b| value[a as usize].total_cmp(&value[b as usize]).then(a.cmp(&b)));
}
