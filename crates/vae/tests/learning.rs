//! All models learn, resume exactly, and don't depend on threads.

mod common;

use common::{small, timeless};
use glassbox_autograd::Var;
use glassbox_tensor::Tensor;
use glassbox_tensor::parallel::with_serial_threshold;
use glassbox_tensor::random::Key;
use glassbox_train::{Experiment, Limits, Metrics, Preset, Runner, Trained};
use glassbox_vae::{Autoencoder, Code, PRESETS, Sizes, Training, VAE_BINARY, VAE_MLP, VaeBinary, VaeConv, VaeMlp};
use std::fs;

fn until(end: u64) -> Limits<'static> {
    Limits { end: Some(end), ..Limits::default() }
}

#[test]
fn the_loss_falls_and_is_the_sum_of_its_parts() {
    for preset in PRESETS.iter().copied() {
        let mut config = small(preset);
        config.set("lr=0.003").unwrap();
        let mut training = preset.build.pictures(&config, glassbox_data::open(&config.data).unwrap()).unwrap();
        let before = training.evaluate().get("loss").unwrap();
        let steps: Vec<Metrics> = (0..80).map(|step| training.train_step(step).unwrap().metrics).collect();
        let after = training.evaluate();
        let loss = |m: &Metrics| m.get("loss").unwrap();
        // 784 pixels at a logit of 0 cost 784 · ln 2 = 543 nats; an untrained network stands there or near it.
        assert!((500.0..560.0).contains(&before), "{}: {before}", preset.name);
        assert!(loss(&after) < 0.75 * before, "{}: {before} -> {after}", preset.name);
        for m in steps.iter().chain([&after]) {
            let parts = m.get("reconstruction").unwrap() + m.get("kl").unwrap_or(0.0);
            assert!((loss(m) - parts).abs() < 1e-6 * parts, "{m}");
            assert_eq!(m.get("kl").is_some(), preset.name != "ae");
            assert!(m.get("kl").is_none_or(|kl| kl >= 0.0), "a divergence is never negative: {m}");
        }
        assert!(steps.iter().all(|m| m.get("grad_norm").is_some_and(|norm| norm > 0.0)), "{}", steps[0]);
    }
}

#[test]
fn resume_is_bit_identical() {
    for preset in PRESETS.iter().copied() {
        let parent = tempfile::tempdir().unwrap();
        let (whole, parts) = (parent.path().join("whole"), parent.path().join("parts"));
        let start = |out| Runner::start(small(preset), out).unwrap();
        start(&whole).train(&until(14), &mut ()).unwrap();
        start(&parts).train(&until(7), &mut ()).unwrap();
        Runner::resume(&parts, PRESETS).unwrap().train(&until(14), &mut ()).unwrap();

        assert_eq!(timeless(&whole), timeless(&parts), "{}", preset.name);
        let checkpoint = ["checkpoints/step-14/model.safetensors", "checkpoints/step-14/optimizer.safetensors"];
        for file in checkpoint.into_iter().chain(["samples/step-12.png", "evaluation.json", "config.toml"]) {
            assert!(fs::read(whole.join(file)).unwrap() == fs::read(parts.join(file)).unwrap(), "{file}");
        }
    }
}

/// Everything that a few steps and an evaluation come to, as bits.
fn bits(preset: &'static Preset) -> (Vec<u64>, Vec<u8>) {
    let config = small(preset);
    let mut training = preset.build.pictures(&config, glassbox_data::open(&config.data).unwrap()).unwrap();
    let mut numbers: Vec<u64> = Vec::new();
    for step in 0..3 {
        numbers.extend(training.train_step(step).unwrap().metrics.iter().map(|(_, v)| v.to_bits()));
    }
    numbers.extend(training.evaluate().iter().map(|(_, v)| v.to_bits()));
    (numbers, training.sample(9, 1).data().to_vec())
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    for preset in PRESETS.iter().copied() {
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| with_serial_threshold(0, || bits(preset)))
        };
        let one = with(1);
        for threads in [2, 3, 7] {
            assert!(with(threads) == one, "{} on {threads} threads", preset.name);
        }
    }
}

#[test]
fn the_loss_is_the_one_that_plain_loops_compute() {
    let (b, d, l) = (5, 12, 3);
    let vae = VaeMlp::new(Sizes { image: [1, 1, d], hidden: 8, latents: l }, Key::new(1));
    let x = Tensor::rand([b, d], Key::new(2));
    let eps = Tensor::randn([b, l], Key::new(3));
    let losses = vae.losses(&Var::constant(x.clone()), &eps);

    let Code { mu, logvar } = vae.encode(&Var::constant(x.clone()));
    let logvar = logvar.unwrap();
    let mut z = Vec::new();
    let mut kl = 0.0;
    for i in 0..b {
        for j in 0..l {
            let [m, v, e] = [mu.value(), logvar.value(), &eps].map(|t| f64::from(t.at([i, j])));
            z.push((m + v.exp().sqrt() * e) as f32);
            kl += 0.5 * (v.exp() + m * m - 1.0 - v); // ln of a ratio of normal densities, integrated
        }
    }
    let logits = vae.decode(&Var::constant(Tensor::from_vec(z, [b, l])));
    let mut reconstruction = 0.0;
    for i in 0..b {
        for k in 0..d {
            let (t, p) = (f64::from(x.at([i, k])), 1.0 / (1.0 + (-f64::from(logits.value().at([i, k]))).exp()));
            reconstruction -= t * p.ln() + (1.0 - t) * (1.0 - p).ln();
        }
    }
    let close = |ours: f32, loops: f64| (f64::from(ours) - loops / b as f64).abs() < 1e-5 * loops;
    assert!(close(losses.kl.as_ref().unwrap().item(), kl) && close(losses.reconstruction.item(), reconstruction));
    assert!(close(losses.total().item(), kl + reconstruction));
}

#[test]
fn beta_weighs_the_divergence_and_only_that() {
    let losses = |beta: &str| {
        let mut config = small(&VAE_BINARY);
        config.set(&format!("beta={beta}")).unwrap();
        let mut training = config.preset().build.pictures(&config, glassbox_data::open(&config.data).unwrap()).unwrap();
        let m = training.train_step(0).unwrap().metrics;
        ["loss", "reconstruction", "kl"].map(|name| m.get(name).unwrap())
    };
    let [plain, heavy] = [losses("1"), losses("4")];
    assert_eq!(plain[1..], heavy[1..], "the first step begins with the same network");
    assert!((plain[0] - (plain[1] + plain[2])).abs() < 1e-4, "{plain:?}");
    assert!((heavy[0] - (heavy[1] + 4.0 * heavy[2])).abs() < 1e-4, "{heavy:?}");
}

#[test]
fn pixels_are_tossed_anew_for_every_step_and_the_same_in_every_evaluation() {
    let config = small(&VAE_BINARY);
    let data = glassbox_data::open(&config.data).unwrap();
    let training: Training<VaeBinary> = Training::new(&config, data).unwrap();
    let numbers: Vec<u32> = (0..20).collect();
    let grey = training.data().train.batch(&numbers).0.to_vec();
    let draws = 600;
    let mut ones = vec![0.0; grey.len()];
    for step in 0..draws {
        let x = training.seen(&training.data().train, &numbers, Key::new(step)).value().to_vec();
        assert!(x.iter().all(|&pixel| pixel == 0.0 || pixel == 1.0));
        ones.iter_mut().zip(x).for_each(|(ones, pixel)| *ones += f64::from(pixel));
    }
    let mut chi2 = 0.0f64;
    let mut free = 0.0f64;
    for (&p, ones) in grey.iter().zip(ones) {
        let (p, n) = (f64::from(p), draws as f64);
        if p == 0.0 || p == 1.0 {
            assert_eq!(ones, n * p, "black stays 0 and white 1");
        } else {
            chi2 += (ones - n * p).powi(2) / (n * p * (1.0 - p));
            free += 1.0;
        }
    }
    assert!(free > 1000.0 && (chi2 - free).abs() < 6.0 * (2.0 * free).sqrt(), "{chi2} of {free}");
    assert_eq!(training.evaluate(), training.evaluate());
}

#[test]
fn pictures_that_cannot_be_halved_twice_are_refused() {
    let sizes = Sizes { image: [1, 28, 30], hidden: 8, latents: 2 };
    let sentence = VaeConv::admits(sizes).unwrap_err();
    assert_eq!(
        sentence,
        "vae-conv halves pictures twice, and these are 28 × 30; their sides must be multiples of 4; ?size=32 after the data set \
         scales them"
    );
}

#[test]
fn an_evaluation_gives_the_same_bits_again_and_means_over_the_whole_test_set() {
    let config = small(&VAE_MLP);
    let data = glassbox_data::open(&config.data).unwrap();
    let training: Training<VaeMlp> = Training::new(&config, data.clone()).unwrap();
    let loss = training.evaluate();
    assert_eq!(loss, training.evaluate());
    // 700 pictures are a batch of 500 and one of 200; their divergences one by one, by hand:
    let part = glassbox_data::DataSplits { test: data.test.head(700), ..data };
    let part: Training<VaeMlp> = Training::new(&config, part).unwrap();
    let ours = part.evaluate().get("kl").unwrap();
    let (mut sum, test) = (0.0, &part.data().test);
    for i in 0..700 {
        let x = Var::constant(test.batch(&[i]).0.reshape([1, 784]));
        let Code { mu, logvar } = part.model.encode(&x);
        sum += f64::from(mu.gaussian_kl(&logvar.unwrap()).sum_all().item());
    }
    assert!((ours - sum / 700.0).abs() < 1e-4 * ours, "{ours} and {}", sum / 700.0);
}

#[test]
fn a_checkpoint_of_another_size_or_cut_short_is_refused_by_name() {
    let parent = tempfile::tempdir().unwrap();
    let run = parent.path().join("run");
    Runner::start(small(&VAE_MLP), &run).unwrap().train(&until(2), &mut ()).unwrap();
    let open = || Trained::open(&run, PRESETS).err().unwrap().to_string();

    let config = fs::read_to_string(run.join("config.toml")).unwrap();
    fs::write(run.join("config.toml"), config.replace("latents = 6", "latents = 7")).unwrap();
    assert!(open().contains("fc21") && open().contains("model.safetensors"), "{}", open());
    fs::write(run.join("config.toml"), config).unwrap();

    let model = run.join("checkpoints/step-2/model.safetensors");
    let whole = fs::read(&model).unwrap();
    fs::write(&model, &whole[..whole.len() - 9]).unwrap();
    assert!(open().contains("model.safetensors"), "{}", open());
}
