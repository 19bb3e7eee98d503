//! A network learns points of the plane: it draws what it has seen, knows how likely that is, and resumes exactly.

use glassbox_measure::sliced_wasserstein;
use glassbox_tensor::Tensor;
use glassbox_tensor::parallel::with_serial_threshold;
use glassbox_tensor::random::Key;
use glassbox_train::{Experiment, Limits, Preset, RunConfig, Runner};
use glassbox_unet_diffusion::{DIFFUSION_2D, PRESETS, PlanarTraining};
use std::fs;

static PRESET: &Preset = &DIFFUSION_2D;

fn config(settings: &[&str]) -> RunConfig {
    let mut config = RunConfig::new(PRESET);
    for setting in settings {
        config.set(setting).unwrap();
    }
    config
}

fn trained(settings: &[&str], steps: u64) -> PlanarTraining {
    let mut config = config(settings);
    config.steps = Some(steps);
    let mut training = PlanarTraining::new(&config);
    for step in 0..steps {
        training.train_step(step).unwrap();
    }
    training
}

#[test]
fn samples_and_likelihood_come_near_the_truth() {
    let settings = ["width=64", "layers=2", "batch=256", "sample_steps=20", "shape=grid"];
    let before = trained(&settings, 0).evaluate();
    let after = trained(&settings, 600).evaluate();
    println!("{before}\n{after}");
    let get = |m: &glassbox_train::Metrics, name| m.get(name).unwrap();
    // An untrained network answers 0: every x is x0/alpha, and the flow stands still
    assert!((get(&before, "loss") - 1.0).abs() < 0.1, "the mean square of eps");
    assert!(get(&after, "loss") < 0.6 * get(&before, "loss"));
    assert!(get(&after, "sliced_wasserstein") < 0.15, "{after}");
    assert!(get(&after, "sliced_wasserstein_of_truth") < 0.08);
    // No density gives the truth's points fewer nats than the truth does, in the mean
    let excess = get(&after, "nats") - get(&after, "nats_of_truth");
    assert!((-0.05..1.3).contains(&excess), "{after}");
    assert!(get(&before, "nats") > get(&after, "nats") + 1.0);
}

const SMALL: [&str; 4] = ["width=32", "layers=1", "batch=128", "sample_steps=10"];

#[test]
fn every_target_is_learned() {
    for target in ["target=epsilon", "target=v", "target=x0"] {
        for weights in ["weights=simple", "weights=min-snr"] {
            let mut config = config(&[&SMALL[..], &[target, weights]].concat());
            config.steps = Some(200);
            let mut training = PlanarTraining::new(&config);
            let losses: Vec<f64> = (0..200).map(|step| loss_of(&mut training, step)).collect();
            let mean = |losses: &[f64]| losses.iter().sum::<f64>() / losses.len() as f64;
            let (before, after) = (mean(&losses[..20]), mean(&losses[180..]));
            // v cannot be known where x is nearly all noise or nearly none, so that its loss begins near its least
            let most = if target == "target=v" { 0.995 } else { 0.85 };
            assert!(after < most * before, "{target}, {weights}: {before} -> {after}");
        }
    }
}

fn loss_of(training: &mut PlanarTraining, step: u64) -> f64 {
    training.train_step(step).unwrap().metrics.get("loss").unwrap()
}

#[test]
fn every_sampler_draws_what_the_network_has_learned() {
    for betas in ["betas=linear", "betas=cosine"] {
        let settings = [&SMALL[..], &[betas, "target=v", "shape=ring"]].concat();
        let folder = tempfile::tempdir().unwrap();
        let learned = trained(&settings, 600);
        learned.save(folder.path()).unwrap();
        let truth = learned.truth.draw(1000, Key::new(1)).iter().map(|&x| x as f32).collect();
        let truth = Tensor::from_vec(truth, [1000, 2]);
        for sampler in ["dpm-solver", "uni-pc", "heun", "ddim", "euler", "ddpm"] {
            let mut config = config(&[&settings[..], &[&format!("sampler={sampler}")]].concat());
            config.steps = Some(300);
            let mut training = PlanarTraining::new(&config);
            training.load(folder.path()).unwrap();
            let mut seen = 0;
            let drawn = training.draw(1000, Key::new(2), &mut |_| seen += 1);
            assert_eq!(seen, 11, "the beginning and ten steps");
            let far = sliced_wasserstein(&drawn, &truth, 128, Key::new(3));
            assert!(far < 0.31, "{sampler}, {betas}: {far}"); // N(0, I) is 0.35 from a ring of radius √2
        }
    }
}

#[test]
fn pictures_are_clouds_along_the_way_and_the_last_is_what_was_drawn() {
    let training = trained(&SMALL, 20);
    let pictures = training.samples(3, 0);
    assert_eq!(pictures.shape(), [3, 1, 64, 64]);
    assert_eq!(pictures.narrow(0, 2, 1), training.samples(1, 0));
    assert_ne!(pictures.narrow(0, 0, 1), pictures.narrow(0, 2, 1));
    let [drawing] = &training.drawings()[..] else { panic!("one drawing") };
    assert!(drawing.svg.matches("<circle").count() > 1000, "two clouds of 1000, some of whose points lie outside");
}

#[test]
fn resume_is_bit_identical_and_threads_do_not_count() {
    let parent = tempfile::tempdir().unwrap();
    let until = |end| Limits { end: Some(end), ..Limits::default() };
    let start = |name: &str| {
        let config =
            config(&["width=16", "layers=1", "batch=64", "sample_steps=4", "sample_every=6", "checkpoint_every=6"]);
        Runner::start(config, &parent.path().join(name)).unwrap()
    };
    start("whole").train(&until(12), &mut ()).unwrap();
    start("parts").train(&until(6), &mut ()).unwrap();
    Runner::resume(&parent.path().join("parts"), PRESETS).unwrap().train(&until(12), &mut ()).unwrap();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
    pool.install(|| with_serial_threshold(0, || start("threads").train(&until(12), &mut ()).map(|_| ()))).unwrap();
    let read = |name: &str, file: &str| fs::read(parent.path().join(name).join(file)).unwrap();
    for file in
        ["checkpoints/step-12/model.safetensors", "checkpoints/step-12/optimizer.safetensors", "samples/step-12.png"]
    {
        let whole = read("whole", file);
        assert!(whole == read("parts", file) && whole == read("threads", file), "{file}");
    }
}
