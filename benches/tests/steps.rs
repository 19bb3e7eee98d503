//! Whole training steps are PyTorch's: the same number of parameters under the same names, and from the same weights and the same batch
//! the same loss and the same gradients. `tools/torch/steps.py` wrote the numbers.

use glassbox_benches::steps::{self, Step};
use glassbox_nn::{Module, load_safetensors, save_safetensors};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Of the loss, relative.
const LOSS: f64 = 1e-4;
/// Of the norm of a parameter's gradient, relative.
const NORM: f64 = 1e-3;
/// Below so much of the largest gradient's norm, PyTorch's f64 has rounding alone.
const ZERO: f64 = 1e-12;

fn recorded(name: &str) -> Map<String, Value> {
    let all: Value = serde_json::from_str(include_str!("steps.json")).unwrap();
    all["steps"][name].as_object().unwrap_or_else(|| panic!("{name} is not recorded")).clone()
}

fn fixed(name: &str, batch: Option<usize>) -> Box<dyn Step> {
    let mut step = steps::build(name, batch).unwrap();
    step.fix();
    step
}

fn assert_near(what: &str, is: f64, should: f64, tolerance: f64) {
    let off = (is - should).abs() / should.abs().max(1e-12);
    assert!(off <= tolerance, "{what}: {is} is not PyTorch's {should}: off by {off:.1e}, more than {tolerance:e}");
}

/// The norm of each parameter's gradient in one step, by name, and the loss.
fn norms(step: &mut dyn Step) -> (f32, BTreeMap<String, Option<f64>>) {
    let names: Vec<_> = step.parameters().into_iter().map(|(name, param)| (name, param.id())).collect();
    let mut norms: BTreeMap<String, Option<f64>> = names.iter().map(|(name, _)| (name.clone(), None)).collect();
    let loss = step.step_watched(&mut |grads| {
        for (name, id) in &names {
            if let Some(g) = grads.get(*id) {
                let squares: f64 = g.to_vec().iter().map(|&g| f64::from(g) * f64::from(g)).sum();
                let before = norms.insert(name.clone(), Some(squares.sqrt()));
                assert_eq!(before, Some(None), "{name} has a gradient twice");
            }
        }
    });
    (loss, norms)
}

fn hold(name: &str) {
    let theirs = recorded(name);
    let batch = theirs["batch"].as_u64().unwrap() as usize;
    let mut step = fixed(name, Some(batch));
    assert_eq!(step.num_parameters() as u64, theirs["parameters"].as_u64().unwrap(), "{name}: parameters");
    let (loss, norms) = norms(&mut *step);
    assert_near(name, loss.into(), theirs["loss"].as_f64().unwrap(), LOSS);
    let should = theirs["norms"].as_object().unwrap();
    assert!(norms.keys().eq(should.keys()), "{name}: ours are {:?}, PyTorch's {:?}", norms.keys(), should.keys());
    let largest = should.values().filter_map(Value::as_f64).fold(0.0, f64::max);
    for (parameter, is) in norms {
        let (what, should) = (format!("{name}, gradient of {parameter}"), should[&parameter].as_f64());
        match (is, should) {
            // The true gradient is 0, as that of a bias of keys, which softmax takes away again: f32 has rounding alone.
            (Some(is), Some(should)) if should < ZERO * largest => {
                assert!(is < NORM * NORM * largest, "{what}: {is}, and 0 in truth");
            }
            (Some(is), Some(should)) => assert_near(&what, is, should, NORM),
            _ => assert_eq!(is, should, "{what}: one of the two doesn't reach it"),
        }
    }
}

fn hold_full(name: &str) {
    let loss = fixed(name, None).loss();
    assert_near(&format!("{name} at its usual batch"), loss.into(), recorded(name)["full"].as_f64().unwrap(), LOSS);
}

macro_rules! steps {
    ($($test:ident),*) => {$(
        #[test]
        fn $test() {
            hold(concat!("step:", stringify!($test)));
            hold_full(concat!("step:", stringify!($test)));
        }
    )*};
}

steps!(vae, gpt_char, gpt_baby, dcgan, unet32, unet64, wavenet1, wavenet2, pixelcnn);

/// As the peers' script counts them; the table in `src/steps/mod.rs` says the same.
#[test]
fn parameters_are_as_many_as_the_peers_models_have() {
    let counts = [652_824, 804_096, 10_745_088, 1_728_128, 3_939_393, 15_722_625, 278_496, 415_136, 278_336];
    for (name, count) in steps::NAMES.into_iter().zip(counts) {
        assert_eq!(steps::build(name, Some(1)).unwrap().num_parameters(), count, "{name}");
    }
}

#[test]
fn every_step_is_recorded() {
    let all: Value = serde_json::from_str(include_str!("steps.json")).unwrap();
    let mut names = steps::NAMES;
    names.sort();
    assert!(all["steps"].as_object().unwrap().keys().eq(names.iter()));
}

/// The names make a state dict: what one model saves, another loads, whole.
#[test]
fn weights_travel_by_file() {
    let folder = tempfile::tempdir().unwrap();
    for name in steps::NAMES {
        let file = folder.path().join("model.safetensors");
        let fixed = fixed(name, Some(1));
        save_safetensors(&*fixed, &file).unwrap();
        let mut other = steps::build(name, Some(1)).unwrap();
        load_safetensors(&mut *other, &file).unwrap();
        for ((_, a), (_, b)) in fixed.parameters().into_iter().zip(other.parameters()) {
            assert_eq!(a.value(), b.value());
        }
    }
}

/// The loss of a step, and of the one after it, have the same bits on one, two and three threads.
#[test]
fn bits_do_not_depend_on_threads() {
    for name in ["step:vae", "step:gpt_char", "step:dcgan", "step:unet32", "step:pixelcnn"] {
        let of = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let mut step = fixed(name, Some(2));
                [step.step().to_bits(), step.step().to_bits()]
            })
        };
        let one = of(1);
        assert_eq!(one, of(2), "{name} on two threads");
        assert_eq!(one, of(3), "{name} on three threads");
    }
}
